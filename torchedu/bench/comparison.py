"""Several models on the same answers: scores with intervals, and paired differences."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchedu.errors import ConfigError, allowed
from torchedu.metrics import scores as all_scores
from torchedu.metrics.paired import clustered, holm

SCORES = {"auc": "AUC", "auc_within": "AUC within students", "log_loss": "log loss"}
"""What models are compared by, with titles; the last is the better the lower it is."""


class Contender(NamedTuple):
    """A model that takes part.

    Attributes:
        name: What it is called.
        kind: ``network``, ``baseline``, ``bound`` or ``oracle``, as evaluations have it.
        probability: Its chance of each answer, in the order of the answers.
        facts: What else is told of it, such as ``cpu_seconds`` and ``parameters``.
    """

    name: str
    kind: str
    probability: NDArray[Any]
    facts: dict[str, Any] = {}  # noqa: RUF012  # a tuple's default, which nobody changes


def compare(
    contenders: Sequence[Contender],
    correct: NDArray[Any],
    student: NDArray[Any],
    against: str | None = None,
    first: NDArray[np.bool_] | None = None,
) -> dict[str, Any]:
    """Score models on the same answers, and their distances from one of them.

    Intervals are over students, 95 of 100; of the differences, how often chance alone would make
    them is corrected for how many models there are, score by score (``metrics.paired.holm``).

    Args:
        contenders: The models.
        correct: Marks; shape (answers,).
        student: Whose answer each is, ascending.
        against: The model that the others are held against; the first where it is None.
        first: Which answers are the first of a student, if that is to be told apart; of each model
            ``auc_later`` is then the AUC without them.

    Returns:
        Plain values: ``students``, ``answers``, ``against``, and ``models``, each with its
        ``scores`` and, but for the one they are held against, ``differences``.

    Raises:
        ConfigError: No model is called so, or two are called the same.
    """
    names = [contender.name for contender in contenders]
    against = names[0] if against is None else against
    if against not in names:
        raise ConfigError(f"⟦against⟧ is {against!r}.", allowed(against, names))
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"two models are called {twice!r}.", "Give each a name of its own.")
    scores = {
        contender.name: clustered(contender.probability, correct, student)
        for contender in contenders
    }
    apart = {
        title: {name: own[title].minus(scores[against][title]) for name, own in scores.items()}
        for title in SCORES
    }
    others = [
        contender.name
        for contender in contenders
        if contender.name != against and contender.kind != "oracle"
    ]
    sure = {title: holm({name: apart[title][name].p for name in others}) for title in SCORES}
    rows = []
    for name, kind, probability, facts in contenders:
        row = {"name": name, "kind": kind, **facts}
        if first is not None:
            row["auc_later"] = all_scores(probability[~first], correct[~first])["auc"]
        row["scores"] = {title: scores[name][title].plain() for title in SCORES}
        if name in others:
            row["differences"] = {
                title: {**apart[title][name].plain(), "p_holm": _number(sure[title][name])}
                for title in SCORES
            }
        rows.append(row)
    return {
        "students": len(np.unique(student)),
        "answers": len(correct),
        **({} if first is None else {"first_answers": int(first.sum())}),
        "against": against,
        "models": rows,
    }


def named_once(option: str, values: Sequence[str]) -> None:
    """Refuse what a list names twice.

    Args:
        option: The option that gave the list.
        values: It.

    Raises:
        ConfigError: A value stands there twice.
    """
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is not None:
        raise ConfigError(f"⟦{option}⟧ names {twice!r} twice.", "Name each once.")


def _number(p: float) -> float | None:
    return None if p != p else p

"""A model card: what a run's network is for, what it learned from, how well and how fairly it does.

After Mitchell et al., "Model Cards for Model Reporting", FAT* 2019,
https://arxiv.org/abs/1810.03993; written from the run's own files, so that nothing in it is older
than the run.
"""

import math
from typing import Any

from torchedu.bounded import parse_yaml
from torchedu.report.folder import Audit, Evaluation, Run, clean_name

_ELSEWHERE = (
    "- The scores are those of the data above. Other schools, years and courses differ: score the "
    "network on your own before it is used."
)
_UNKNOWN = (
    "- What the data does not hold, the network does not know; a group that the data does not name "
    "was not audited."
)


def model_card(run: Run) -> str:
    """Return a run's model card as Markdown.

    Args:
        run: The run; what it lacks is said.

    Returns:
        The text.
    """
    evaluation = run.evaluation
    config = _yaml(run.config)
    task, network = _class(config.get("model")), _class(_arguments(config.get("model")).get("net"))
    lines = [
        f"# Model card: {network or task or 'a network'}",
        "",
        "Written by `torchedu report` from the files of the run; write it again after each test.",
        "",
        "## Use",
        "",
        *_uses(evaluation),
        "",
        "## Training",
        "",
        f"- task: {task or 'not known'}",
        f"- network: {network or 'not known'}",
        f"- data: {_data(evaluation, config)}",
        f"- seed: {run.seed if run.seed is not None else 'not known'}",
        *([f"- epochs: {run.epochs}"] if run.epochs else []),
        f"- again: `torchedu {run.again}`",
        "",
        "## Scores",
        "",
        *(
            _scores(evaluation)
            if evaluation
            else ["Not evaluated yet: `torchedu test` adds the scores."]
        ),
        "",
        "## Fairness",
        "",
        *_fairness(evaluation.fairness if evaluation else None),
        "",
        "## Limits",
        "",
        _ELSEWHERE,
        _UNKNOWN,
        "",
    ]
    return "\n".join(lines)


def _uses(evaluation: Evaluation | None) -> list[str]:
    if not evaluation or not (evaluation.use_for or evaluation.not_for):
        return ["The task's own documentation tells."]
    return [
        f"- {noun}: {_text(said)}"
        for noun, said in (("for", evaluation.use_for), ("not for", evaluation.not_for))
        if said
    ]


def _scores(evaluation: Evaluation) -> list[str]:
    counts = ", ".join(f"{number:,} {_text(noun)}" for noun, number in evaluation.counts.items())
    rows = [
        f"On the {_text(evaluation.split)} part of {_text(evaluation.data)}"
        + (f": {counts}." if counts else "."),
        "",
        "| | kind | " + " | ".join(_text(title) for title in evaluation.columns.values()) + " |",
        "|---|---|" + "---|" * len(evaluation.columns),
    ]
    for score in evaluation.scores:
        numbers = " | ".join(_number(value) for value in score.values)
        rows.append(f"| {_text(score.name)} | {_text(score.kind)} | {numbers} |")
    return rows


def _fairness(fairness: Audit | None) -> list[str]:
    if not fairness:
        return ["Not audited: the data names no groups, or has not been scored."]
    lines = [
        *(f"- {_text(words)}" for words in fairness.words),
        "",
        f"| attribute | group | {_text(fairness.noun)} | AUC | ABROCA | noise floor |",
        "|---|---|" + "---|" * 4,
    ]
    for group in fairness.groups:
        numbers = " | ".join(map(_number, (group.auc, group.abroca, group.floor)))
        if math.isnan(group.auc):
            numbers = "too few | | "
        named = f"{_text(group.attribute)} | {_text(group.name)} | {group.size:,}"
        lines.append(f"| {named} | {numbers} |")
    if fairness.stratum:
        lines += ["", f"ABROCA and its floor are those within {_text(fairness.stratum)}."]
    return lines


def _data(evaluation: Evaluation | None, config: dict[str, Any]) -> str:
    name = evaluation.data if evaluation else "not known"
    kind = _class(config.get("data"))
    return _text(name) + (f" ({kind})" if kind else "")


def _yaml(text: str | None) -> dict[str, Any]:
    try:
        value = parse_yaml(text or "")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _arguments(section: Any) -> dict[str, Any]:
    arguments = section.get("init_args") if isinstance(section, dict) else None
    return arguments if isinstance(arguments, dict) else {}


def _class(section: Any) -> str | None:
    path = section.get("class_path") if isinstance(section, dict) else None
    return _text(str(path).rpartition(".")[2]) if path else None


def _number(value: Any) -> str:
    number = math.nan if value is None else float(value)
    return f"{number:.3f}" if math.isfinite(number) else "–"


def _text(value: object) -> str:
    """Return text that is one cell of a table, whatever is in a name."""
    text = clean_name(value)
    for mark in "\\|<>`*_[]":
        text = text.replace(mark, f"\\{mark}")
    return text

"""The one way to look for leaks, whatever a store holds."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from torchedu.datasets.answers import AnswerStore
from torchedu.datasets.chats import ChatStore, chat_parts
from torchedu.datasets.enrolment_splits import split_enrolments
from torchedu.datasets.enrolments import EnrolmentStore
from torchedu.datasets.events import PRESENTATION, EventStore
from torchedu.datasets.splits import split
from torchedu.datasets.spoken import SpokenStore
from torchedu.datasets.spoken_splits import split_spoken
from torchedu.datasets.store import Store
from torchedu.datasets.texts import TextStore, split_texts
from torchedu.datasets.transcripts import TranscriptStore, split_transcripts
from torchedu.errors import DataError
from torchedu.leaks.answers import answer_leaks
from torchedu.leaks.chats import chat_leaks
from torchedu.leaks.enrolments import enrolment_leaks
from torchedu.leaks.events import event_leaks
from torchedu.leaks.finding import Finding
from torchedu.leaks.lessons import lesson_leaks
from torchedu.leaks.spoken import spoken_leaks
from torchedu.leaks.texts import text_leaks

MOST = 0.2
"""Share that may follow from single values, as where a timetable is fixed, or stand twice."""
Look = Callable[[Any, Mapping[str, Any]], Iterator[Finding]]


def check(
    store: Store, parts: Mapping[str, Any] | None = None, *, most: int | None = None
) -> list[Finding]:
    """Look for ways in which data may make scores better than they are.

    Args:
        store: The data, of any kind.
        parts: Its parts ``train``, ``val`` and ``test`` as a data module has them; where it is
            None, as they are divided when nothing else is asked for.
        most: At how many answers it looks at most, of whole students; at all where it is None.

    Returns:
        What was found, those that touch the largest share first; nothing for data of other kinds.
    """
    for kind, (look, divide) in _KINDS.items():
        if store.is_kind(kind):
            own = store if isinstance(store, kind) else kind(store.path)
            if parts is None:
                try:
                    parts = divide(own)
                except DataError:  # too small to be divided
                    parts = {}
            if isinstance(own, AnswerStore):
                look = partial(answer_leaks, most=most)
            return sorted(look(own, parts), key=lambda finding: -finding.share)
    return []


def refuse(findings: list[Finding], store: Store) -> None:
    """Refuse to score data that gives away what is to be predicted.

    Args:
        findings: What ``check`` found.
        store: The data.

    Raises:
        DataError: It stands in what is seen or in a name, or much of it is copied or follows from
            one value.
    """
    given = [
        finding
        for finding in findings
        if finding.kind in ("held_out", "name")
        or (finding.kind in ("tell", "copies") and finding.share >= MOST)
    ]
    if given:
        sentences = "; ".join(f"{finding.sentence} [{finding.kind}]" for finding in given)
        raise DataError(
            f"no score would mean anything: {sentences}.", given[0].remedy, file=store.path
        )


def _presentations(store: EventStore) -> Mapping[str, Any]:
    """Return the last presentation as test, and all before it as training."""
    known = list(store.vocabulary[PRESENTATION])
    last = store.vocabulary[PRESENTATION].id(known[-1]) if len(known) > 1 else -1
    of_course = np.asarray(store.values("courses", PRESENTATION))
    test = of_course[store.column("course")] == last
    return {"train": np.flatnonzero(~test), "test": np.flatnonzero(test)}


_KINDS: dict[type[Store], tuple[Look, Callable[[Any], Mapping[str, Any]]]] = {
    AnswerStore: (answer_leaks, split),
    EnrolmentStore: (enrolment_leaks, split_enrolments),
    EventStore: (event_leaks, _presentations),
    TextStore: (text_leaks, split_texts),
    TranscriptStore: (lesson_leaks, split_transcripts),
    SpokenStore: (spoken_leaks, split_spoken),
    ChatStore: (chat_leaks, lambda store: chat_parts(store, 0.05, 0.1, 0)),
}

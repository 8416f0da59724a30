"""What stores of all kinds but answers in a history hold, as plain JSON.

Each description has whole numbers for counts, a spread (``describe.spread``) under names such as
``words_per_text``, and ``groups``: how many of ``unit`` are of each name, by attribute. What else
there is to say stands under ``facts``, in words.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.chats import ChatStore
from torchedu.datasets.describe import by_attribute, by_name, spread, time_span
from torchedu.datasets.enrolments import EnrolmentStore
from torchedu.datasets.events import OUTCOME, EventStore
from torchedu.datasets.spoken import SpokenStore
from torchedu.datasets.store import Store
from torchedu.datasets.texts import TextStore
from torchedu.datasets.transcripts import TranscriptStore
from torchedu.schema import FOLD, ITEM, LABEL, PART, PROMPT, RESERVED, ROLES, TAG

BLOCK = 10_000
"""Texts that are in memory at once."""


def describe_enrolments(store: EnrolmentStore) -> dict[str, Any]:
    """Count what a store of enrolments holds."""
    courses = np.bincount(store.item, minlength=len(store.vocabulary[ITEM]))[RESERVED:]
    return {
        **store.counts,
        "time": None if store.time is None else time_span(store.time),
        "courses_per_student": spread(np.diff(store.history_offsets)),
        "students_per_course": spread(courses[courses > 0]),
        "groups": by_attribute(store),
        "unit": "students",
    }


def describe_events(store: EventStore) -> dict[str, Any]:
    """Count what a store of courses and their students' events holds."""
    events = np.diff(store.event_offsets)
    return {
        **store.counts,
        "events_per_enrolment": spread(events),
        "enrolments_per_course": spread(np.bincount(store.column("course"))),
        "groups": {
            OUTCOME: by_name(store.vocabulary[OUTCOME], store.column(OUTCOME)),
            **by_attribute(store),
        },
        "unit": "enrolments",
        "facts": {"enrolments without an event": f"{(events == 0).sum():,}"},
    }


def describe_texts(store: TextStore) -> dict[str, Any]:
    """Count what a store of graded texts holds."""
    kinds = [kind for kind in (PROMPT, LABEL, PART, FOLD) if kind in store.columns("texts")]
    facts = {}
    if store.score_names:
        facts["scores"] = ", ".join(store.score_names)
        facts["mean, 0 the lowest and 1 the highest"] = f"{np.nanmean(store.target):.3f}"
    groups = {kind: by_name(store.vocabulary[kind], store.values("texts", kind)) for kind in kinds}
    return {
        **store.counts,
        "words_per_text": spread(_words(store, "texts", "text")),
        "groups": groups | by_attribute(store),
        "unit": "texts",
        "facts": facts,
    }


def describe_spoken(store: SpokenStore) -> dict[str, Any]:
    """Count what a store of answers typed, spoken and photographed holds."""
    seconds = store.lengths / store.rate
    spoken, typed = store.recording >= 0, np.array([bool(text) for text in store.all_texts])
    seen = store.photograph >= 0
    facts = {
        "scores": ", ".join(store.score_names),
        "typed alone, spoken alone, both": f"{(typed & ~spoken).sum():,}, "
        f"{(spoken & ~typed).sum():,}, {(typed & spoken).sum():,}",
        "photographed, so alone": f"{seen.sum():,}, {(seen & ~typed & ~spoken).sum():,}"
        if seen.any()
        else "",
        "hours of sound": f"{np.diff(store.offsets_of_samples).sum() / store.rate / 3600:.2f}",
    }
    speakers = Counter(filter(None, store.speakers))
    return {
        **store.counts,
        "words_per_text": spread(_words(store, "answers", "text")),
        "seconds_per_recording": spread(seconds[spoken]),
        "answers_per_speaker": spread(np.array(list(speakers.values()))),
        "groups": {"part": store.parts, **by_attribute(store)},
        "unit": "answers",
        "facts": {name: fact for name, fact in facts.items() if fact},
    }


def describe_transcripts(store: TranscriptStore) -> dict[str, Any]:
    """Count what a store of lessons holds."""
    role, tag = store.column("role"), store.column("tag")
    spoken = np.bincount(role, minlength=len(ROLES)).tolist()
    tags = {
        f"{name}'s tag": by_name(store.vocabulary[TAG + name], tag[role == number])
        for number, name in enumerate(ROLES)
    }
    return {
        **store.counts,
        "speakers": store.num_rows("speakers"),
        "sentences_per_lesson": spread(np.diff(store.lesson_offsets)),
        "words_per_sentence": spread(store.column("words")),
        "groups": {"role": dict(zip(ROLES, spoken, strict=True)), **tags},
        "unit": "sentences",
        "facts": {f"lessons for {name}": f"{number:,}" for name, number in store.parts.items()},
    }


def describe_chats(store: ChatStore) -> dict[str, Any]:
    """Count what a store of conversations holds."""
    return {
        **store.counts,
        "messages": store.num_rows("messages"),
        "problems": len(np.unique(store.problem)),
        "messages_per_conversation": spread(np.diff(store.offsets("chats", "message"))),
        "words_per_message": spread(_words(store, "messages", "content")),
        "groups": {"part": store.parts},
        "unit": "conversations",
    }


def _words(store: Store, table: str, column: str) -> NDArray[np.int64]:
    """Return how many words each text of a column has."""

    def lengths() -> Iterator[int]:
        size = store.num_rows(table)
        for begin in range(0, size, BLOCK):
            for text in store.texts(table, column, range(begin, min(begin + BLOCK, size))):
                yield len(text.split())

    return np.fromiter(lengths(), np.int64, store.num_rows(table))

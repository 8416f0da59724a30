"""What a store of answers holds: counts and distributions as plain JSON, read bit by bit."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.answers import NO_SKILL, OPTIONAL_COLUMNS, AnswerStore
from torchedu.datasets.store import Store
from torchedu.schema import ANSWER_COLUMNS, GROUP, ITEM, RESERVED, SKILL, UNKNOWN, Names

STRETCH = 1 << 22
"""Answers read at a time."""
ENOUGH = 10
"""An item's share of right answers is told from this many answers on; fewer are mostly noise."""
_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def describe(store: AnswerStore) -> dict[str, Any]:
    """Count what a store holds.

    Args:
        store: The answers.

    Returns:
        Plain JSON: ``students``, ``answers``, ``items``, ``skills`` (counts of those with answers,
        skills with items); ``share_correct``, 0..1; ``answers_per_student`` and
        ``answers_per_item``, each with ``mean``, ``quantiles`` and a ``histogram`` of ``edges`` and
        ``counts``; ``item_share_correct``, a histogram over items with at least ``ENOUGH``
        answers; ``skills_per_item`` (items by number of skills); ``groups`` (students by attribute
        and name) and ``unit``, what they count; ``time`` with ``first`` and ``last`` (ISO, UTC) and
        ``days``, or None; ``missing`` (what could be there and is not); ``source`` (what the import
        noted).
    """
    lengths = np.diff(store.history_offsets)
    answers, right, unknown_times = _by_item(store)
    asked = answers > 0
    often = answers >= ENOUGH
    skills_of = np.diff(store.skill_offsets)
    if store.items_without_skill:  # its own skill, and the shared one, nobody named
        owner = np.repeat(np.arange(len(skills_of)), skills_of)
        skills_of[owner[np.asarray(store.skill) == store.vocabulary[SKILL].id(NO_SKILL)]] = 0
    skills_of = skills_of[RESERVED:]
    return {
        "students": store.num_students,
        "answers": store.num_answers,
        "items": int(asked.sum()),
        "skills": store.num_named_skills,
        "share_correct": float(right.sum()) / store.num_answers if store.num_answers else None,
        "marks": "shares" if store.correct.dtype.kind == "f" else "right or wrong",
        "answers_per_student": spread(lengths),
        "answers_per_item": spread(answers[asked]),
        "item_share_correct": {
            **_histogram(right[often] / answers[often], np.linspace(0.0, 1.0, 21)),
            "at_least_answers": ENOUGH,
        },
        "skills_per_item": {
            str(number): int(count)
            for number, count in enumerate(np.bincount(skills_of[asked[RESERVED:]]))
            if count
        },
        "groups": by_attribute(store),
        "unit": "students",
        "time": time_span(store.answer_column("time")) if store.has("time") else None,
        "missing": {
            "columns": [
                column.name
                for column in ANSWER_COLUMNS
                if column.name in OPTIONAL_COLUMNS and not store.has(column.name)
            ],
            "answers_without_response_time": unknown_times,
            "items_without_skill": store.items_without_skill,
            "items_without_text": _without_text(store),
            "items_without_answer": len(store.vocabulary[ITEM]) - RESERVED - int(asked.sum()),
            "students_without_group": {
                name: int((store.group(name) == UNKNOWN).sum()) for name in store.vocabulary.groups
            },
        },
        "source": store.about,
    }


def _stretches(total: int) -> Iterator[slice]:
    for start in range(0, total, STRETCH):
        yield slice(start, min(start + STRETCH, total))


def _by_item(store: AnswerStore) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
    """Return each item's number of answers and sum of marks by id, and unknown response times."""
    items = len(store.vocabulary[ITEM])
    answers, right, unknown = np.zeros(items, np.int64), np.zeros(items), 0
    times = store.answer_column("response_time") if store.has("response_time") else None
    for part in _stretches(store.num_answers):
        item = np.asarray(store.item[part])
        answers += np.bincount(item, minlength=items)
        right += np.bincount(item, store.correct[part], minlength=items)
        if times is not None:
            unknown += int(np.isnan(times[part]).sum())
    return answers, right, unknown


def spread(counts: NDArray[Any]) -> dict[str, Any]:
    """Return mean, quantiles and a histogram whose bins widen, since a few have very much.

    Args:
        counts: How many answers each student gave, say, or how many seconds a recording has.
    """
    if not counts.any():
        return {"mean": None, "quantiles": {}, "histogram": {"edges": [], "counts": []}}
    edges = np.unique(np.rint(np.geomspace(max(int(counts.min()), 1), int(counts.max()) + 1, 25)))
    quantiles = np.quantile(counts, _QUANTILES)
    return {
        "mean": float(counts.mean()),
        "quantiles": {
            f"{share:g}": float(value)
            for share, value in zip(_QUANTILES, quantiles.tolist(), strict=True)
        },
        "histogram": _histogram(counts, edges),
    }


def _histogram(values: NDArray[Any], edges: NDArray[np.float64]) -> dict[str, list[float]]:
    counts, edges = np.histogram(values, edges)
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def _without_text(store: AnswerStore) -> int:
    """Return how many items have no text where others have; 0 where none has."""
    texts = store.item_texts
    return 0 if texts is None else sum(not text for text in texts[RESERVED:])


def by_attribute(store: Store) -> dict[str, dict[str, int]]:
    """Return students by attribute and name."""
    names = store.vocabulary
    return {name: by_name(names[GROUP + name], store.group(name)) for name in names.groups}


def by_name(names: Names, ids: NDArray[np.integer[Any]]) -> dict[str, int]:
    """Return how often each name stands among ids."""
    counts = np.bincount(ids, minlength=len(names)).tolist()
    return dict(zip(names, counts[RESERVED:], strict=True))


def time_span(times: NDArray[np.int64]) -> dict[str, Any] | None:
    """Return the first and the last of some times, in milliseconds, and the days between them."""
    if len(times) == 0:
        return None
    parts = list(_stretches(len(times)))
    first = min(int(times[part].min()) for part in parts)
    last = max(int(times[part].max()) for part in parts)
    return {"first": _iso(first), "last": _iso(last), "days": (last - first) / 86_400_000}


def _iso(milliseconds: int) -> str:
    try:
        return datetime.fromtimestamp(milliseconds / 1e3, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):  # beyond the years 1 to 9999
        return f"{milliseconds} ms after 1970"

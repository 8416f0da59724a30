"""A day's numbers come from that day and before: what came later may be anything."""

from pathlib import Path

import numpy as np
import pytest

from tests.datasets.oulad_files import write_oulad
from torchedu.datasets.events import Enrolments, EventStore, write_events
from torchedu.datasets.importers import import_data
from torchedu.datasets.importers.events.oulad import AT_RISK
from torchedu.features.course import MARKED, MISSED
from torchedu.features.course_view import Moments, View, view
from torchedu.schema import EVENT_NUMBERS, MOMENT_NUMBERS

TODAY = 60


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> EventStore:
    folder = tmp_path_factory.mktemp("oulad")
    return import_data("oulad", write_oulad(folder / "oulad", clicks=True), folder / "out.store")


def changed(store: EventStore, out: Path, how: str) -> EventStore:
    """Write the store again with every row after today changed, shuffled or deleted."""
    random, events = np.random.default_rng(1), store.events
    later = events.day > TODAY
    if how == "deleted":
        events = events._replace(**{k: v[~later] for k, v in events._asdict().items()})
    elif how == "changed":
        events = events._replace(
            value=np.where(later, 0.01, events.value), day=events.day + 5 * later
        )
    else:
        order = np.arange(len(later))
        order[later] = random.permutation(order[later])
        events = events._replace(enrolment=events.enrolment[order], value=events.value[order])
    end = store.column("end").astype(float)
    enrolments = Enrolments(
        store.student_names(np.arange(store.num_enrolments)),
        store.column("course").astype(np.int64),
        ["Pass", "Fail"] * (store.num_enrolments // 2),  # outcomes are later too
        store.column("begin").astype(float),
        np.where(end > TODAY, np.inf, end),
        {},
    )
    return write_events(out, store.courses, store.work, enrolments, events, AT_RISK, {})


def known(store: EventStore, delay: float = 0) -> tuple[View, list[np.ndarray]]:
    """Return the view today, and the events of each student that are known by then."""
    moments = Moments(np.arange(store.num_enrolments), np.full(store.num_enrolments, float(TODAY)))
    seen = view(store, moments, delay)
    events = [
        seen.event[begin : begin + count]
        for begin, count in zip(seen.event_offsets, seen.seen, strict=False)
    ]
    return seen, events


@pytest.mark.parametrize("how", ["deleted", "changed", "shuffled"])
@pytest.mark.parametrize("delay", [0, 14])
def test_later_rows_do_not_move_today(
    store: EventStore, tmp_path: Path, how: str, delay: float
) -> None:
    before, events = known(store, delay)
    after, same = known(changed(store, tmp_path / "other.store", how), delay)
    assert np.array_equal(before.moment, after.moment)
    assert np.array_equal(before.registered, after.registered)
    assert all(np.array_equal(a, b) for a, b in zip(events, same, strict=True))


def test_earlier_rows_do(store: EventStore, tmp_path: Path) -> None:
    events = store.events
    worse = events._replace(value=np.where(events.day < 30, 0.0, events.value))
    enrolments = Enrolments(
        [str(i) for i in range(store.num_enrolments)],
        store.column("course").astype(np.int64),
        ["Pass"] * store.num_enrolments,
        store.column("begin").astype(float),
        store.column("end").astype(float),
        {},
    )
    other = write_events(
        tmp_path / "o.store", store.courses, store.work, enrolments, worse, AT_RISK, {}
    )
    assert not np.array_equal(known(store)[0].moment, known(other)[0].moment)


def test_a_mark_is_known_after_the_delay_and_the_work_at_once(store: EventStore) -> None:
    prompt, _ = known(store)
    late, _ = known(store, 14)
    days = {name: np.sort(one.event_day[one.event_kind == MARKED]) for name, one in
            (("prompt", prompt), ("late", late))}  # fmt: skip
    assert len(days["late"]) <= len(days["prompt"])  # some come after the end
    assert days["late"].min() == days["prompt"].min() + 14
    handed = MOMENT_NUMBERS.index("num_handed_in")
    assert np.array_equal(prompt.moment[:, handed], late.moment[:, handed])
    score = MOMENT_NUMBERS.index("score")
    assert late.moment[:, score].sum() < prompt.moment[:, score].sum()


def test_a_deadline_that_passes_is_an_event_the_day_after(store: EventStore) -> None:
    seen, _ = known(store)
    missed = np.flatnonzero(seen.event_kind == MISSED)
    assert len(missed)
    assert np.array_equal(seen.event_day[missed], store.work.due[seen.event_work[missed]] + 1)
    enrolment = np.searchsorted(seen.event_offsets, missed, "right") - 1
    events = store.events
    handed = {
        (i, w): d
        for i, w, d in zip(events.enrolment, events.work, events.day, strict=True)
        if w >= 0
    }
    for i, w in zip(enrolment.tolist(), seen.event_work[missed].tolist(), strict=True):
        assert handed.get((i, w), np.inf) > store.work.due[w]


def test_numbers_are_finite_and_of_few_spreads(store: EventStore) -> None:
    seen, _ = known(store)
    for table, names in ((seen.event, EVENT_NUMBERS), (seen.moment, MOMENT_NUMBERS)):
        assert table.shape[1] == len(names)
        assert np.isfinite(table).all()
        assert np.abs(table).max() < 15


def test_the_score_is_the_weighted_sum_of_marks(store: EventStore) -> None:
    seen, _ = known(store)
    events, work = store.events, store.work
    i = int(np.argmax(seen.moment[:, MOMENT_NUMBERS.index("num_handed_in")]))
    mine = (events.enrolment == i) & (events.work >= 0) & (events.day <= TODAY)
    # Weights of a course's work, its exam left out, are shares of 100.
    expected = (events.value[mine] * work.weight[events.work[mine]] / 100).sum()
    assert seen.moment[i, MOMENT_NUMBERS.index("score")] == pytest.approx(expected, abs=1e-6)

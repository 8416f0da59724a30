from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from torchedu.datasets import AnswerStore, AnswerWriter, draws, splits
from torchedu.datasets.splits import PARTS, Part, by_time, split
from torchedu.errors import ConfigError, DataError, TorcheduError
from torchedu.schema import ITEM, Names, Vocabulary

Scored = set[tuple[str, int]]


def write(
    path: Path,
    lengths: Sequence[int],
    order: Sequence[int] | None = None,
    times: Sequence[int] | None = None,
    groups: Sequence[str] | None = None,
) -> AnswerStore:
    """Write students n0, n1, ... with histories of these lengths, their rows in this order."""
    order = range(len(lengths)) if order is None else order
    names = {ITEM: Names(["q"])}
    if groups is not None:
        names["group.part"] = Names(sorted(set(groups)))
    num = sum(lengths)
    columns = {"item": np.full(num, 2), "correct": np.arange(num) % 2}
    if times is not None:
        columns["time"] = np.array(times)
    with AnswerWriter(
        path, Vocabulary(names), ([0, 0, 0], []), columns=["time"] if times is not None else []
    ) as writer:
        writer.append(
            [f"n{i}" for i in order],
            [lengths[i] for i in order],
            columns,
            None
            if groups is None
            else {"part": [names["group.part"].id(groups[i]) for i in order]},
        )
    return AnswerStore(path)


def scored(store: AnswerStore, part: Part) -> Scored:
    """Return the answers scored in a part, by the student's name."""
    names = store.student_names(part.student)
    return {
        (name, position)
        for name, first, stop in zip(names, part.first, part.stop, strict=True)
        for position in range(first, stop)
    }


def everything(store: AnswerStore) -> Scored:
    lengths = np.diff(store.history_offsets)
    names = store.student_names(range(store.num_students))
    return {(name, i) for name, length in zip(names, lengths, strict=True) for i in range(length)}


def lengths_of(num: int) -> list[int]:
    return np.random.default_rng(0).integers(0, 12, num).tolist()


@pytest.mark.parametrize("by", ["student", "fold", "time", "column"])
def test_parts_share_no_answer_and_leave_none_out(tmp_path: Path, by: str) -> None:
    lengths = lengths_of(90)
    times = np.concatenate([np.arange(n) * 7 + i for i, n in enumerate(lengths)]).tolist()
    groups = [PARTS[i % 3] for i in range(90)]
    store = write(tmp_path / "a.store", lengths, times=times, groups=groups)
    parts = split(store, by, column="part")
    assert tuple(parts) == PARTS
    answers = [scored(store, part) for part in parts.values()]
    assert sum(map(len, answers)) == len(set.union(*answers))
    assert set.union(*answers) == everything(store)
    assert [part.num_answers for part in parts.values()] == list(map(len, answers))
    if by != "time":
        assert not any(part.first.any() for part in parts.values())
        students = np.concatenate([part.student for part in parts.values()])
        assert sorted(students.tolist()) == list(range(90))


@pytest.mark.parametrize("by", ["student", "fold"])
def test_the_order_of_rows_changes_nothing(tmp_path: Path, by: str) -> None:
    lengths = lengths_of(60)
    turned = np.random.default_rng(1).permutation(60).tolist()
    store = write(tmp_path / "a.store", lengths)
    other = write(tmp_path / "b.store", lengths, order=turned)
    one, two = split(store, by, seed=5), split(other, by, seed=5)
    for name in PARTS:
        assert scored(store, one[name]) == scored(other, two[name])


def test_shares_are_as_asked_and_another_seed_draws_others(tmp_path: Path) -> None:
    store = write(tmp_path / "a.store", [1] * 1000)
    parts = split(store, val=0.15, test=0.25)
    assert [parts[name].num_answers for name in PARTS] == [600, 150, 250]
    again, other = split(store, val=0.15, test=0.25), split(store, val=0.15, test=0.25, seed=1)
    assert parts["test"].student.tolist() == again["test"].student.tolist()
    shared = np.intersect1d(parts["test"].student, other["test"].student)
    assert 40 < len(shared) < 85  # by chance 62


def test_a_draw_by_names_is_even(tmp_path: Path) -> None:
    store = write(tmp_path / "a.store", [1] * 2000)
    drawn = np.zeros(2000)
    for seed in range(40):
        drawn[split(store, test=0.25, seed=seed)["test"].student] += 1
    assert drawn.mean() == 10
    assert abs(drawn.var() - 7.5) < 1.2  # the variance of 40 draws with chance one in four


def test_by_time_nothing_trained_on_is_later_than_what_is_tested(tmp_path: Path) -> None:
    lengths = lengths_of(80)
    draw = np.random.default_rng(2)
    times = np.concatenate([np.sort(draw.integers(0, 1000, n)) for n in lengths]).tolist()
    store = write(tmp_path / "a.store", lengths, times=times)
    parts = split(store, "time", val=0.2, test=0.3)
    time, offsets = np.array(times), store.history_offsets
    when = {
        name: np.concatenate(
            [time[offsets[s] + a : offsets[s] + b] for s, a, b in zip(*part, strict=True)]
        )
        for name, part in parts.items()
    }
    assert when["train"].max() < when["val"].min()
    assert when["val"].max() < when["test"].min()
    total = sum(lengths)
    assert len(when["test"]) / total == pytest.approx(0.3, abs=0.02)
    assert len(when["val"]) / total == pytest.approx(0.2, abs=0.02)
    # What came before stays as history: a part begins where the one before it ended.
    stop = dict(zip(parts["train"].student.tolist(), parts["train"].stop.tolist(), strict=True))
    first = dict(zip(parts["val"].student.tolist(), parts["val"].first.tolist(), strict=True))
    assert any(first.values())
    assert all(stop.get(student, 0) == begin for student, begin in first.items())


def test_by_time_answers_of_one_moment_stay_together(tmp_path: Path) -> None:
    store = write(tmp_path / "a.store", [5, 5], times=[1, 2, 2, 2, 3, 1, 2, 2, 3, 4])
    parts = split(store, "time", val=0.3, test=0.2)
    assert {name: parts[name].num_answers for name in PARTS} == {"train": 2, "val": 5, "test": 3}


def test_folds_are_a_partition(tmp_path: Path) -> None:
    store = write(tmp_path / "a.store", [1] * 53)
    tests = [split(store, "fold", folds=4, fold=k)["test"].student.tolist() for k in range(4)]
    assert sorted(i for fold in tests for i in fold) == list(range(53))
    assert {len(fold) for fold in tests} == {13, 14}
    parts = split(store, "fold", folds=4, fold=1, val=0.25)
    assert len(parts["val"].student) == round(0.25 * (53 - len(parts["test"].student)))


def test_a_column_says_who_is_where(tmp_path: Path) -> None:
    groups = [PARTS[i % 3] for i in range(30)]
    store = write(tmp_path / "a.store", [2] * 30, groups=groups)
    parts = split(store, "column", column="part")
    for i, name in enumerate(PARTS):
        assert parts[name].student.tolist() == list(range(i, 30, 3))


def test_a_column_without_val_has_some_of_train_chosen(tmp_path: Path) -> None:
    groups = ["test" if i % 3 == 0 else "train" for i in range(30)]
    store = write(tmp_path / "a.store", [2] * 30, groups=groups)
    parts = split(store, "column", column="part", val=0.2)
    assert parts["test"].student.tolist() == list(range(0, 30, 3))
    assert (len(parts["val"].student), len(parts["train"].student)) == (4, 16)


@pytest.mark.parametrize(
    ("wrong", "problem", "remedy"),
    [
        ({"by": "students"}, "split 'students' is not known", "Did you mean student?"),
        ({"val": 0.0}, "val 0.0 and test 0.2", "shares above 0"),
        ({"val": 0.6, "test": 0.4}, "val 0.6 and test 0.4", "sum is below 1"),
        ({"by": "fold", "folds": 3, "fold": 3}, "fold 3 of 3", "counts from 0"),
        ({"by": "fold", "folds": 1}, "fold 0 of 1", "folds is at least 2"),
        ({"by": "column"}, "needs the name of a student attribute", "Allowed: part."),
        ({"by": "column", "column": "prat"}, "'prat'", "Did you mean part?"),
        ({"by": "column", "column": "part"}, "'tset', which is no part", "Did you mean test?"),
        ({"by": "time"}, "there is none", "split by student"),
    ],
)
def test_what_cannot_work_is_told_in_two_lines(
    tmp_path: Path, wrong: dict[str, object], problem: str, remedy: str
) -> None:
    store = write(tmp_path / "a.store", [0, 0, 2, 2], groups=["tset", "train", "test", "train"])
    with pytest.raises(TorcheduError) as caught:
        split(store, **wrong)  # type: ignore[arg-type]
    assert isinstance(caught.value, ConfigError | DataError)
    first, second = str(caught.value).splitlines()
    assert problem in first
    assert remedy in second


def test_a_class_too_small_for_three_parts_is_told(tmp_path: Path) -> None:
    store = write(tmp_path / "a.store", [3, 4])
    with pytest.raises(DataError, match=r"holds no answers \(2 students, 7 answers in all\)"):
        split(store)


def test_five_students_are_enough(tmp_path: Path) -> None:
    parts = split(write(tmp_path / "a.store", [3] * 5))
    assert [len(parts[name].student) for name in PARTS] == [3, 1, 1]


@pytest.mark.parametrize("span", [3, 10**6, 2**40, 2**63 - 1])
def test_times_are_cut_where_sorting_all_of_them_would(
    span: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in (draws, splits):
        monkeypatch.setattr(room, "CHUNK", 64)
    draw = np.random.default_rng(span)
    for num in (1, 2, 63, 500):
        times = draw.integers(-span - 1, span, num, endpoint=True)
        offsets = np.arange(num + 1)
        parts = by_time(times, offsets, 0.1, 0.2)
        cuts = np.quantile(times, [1 - 0.1 - 0.2, 1 - 0.2], method="higher")
        assert parts["train"].student.tolist() == np.flatnonzero(times < cuts[0]).tolist()
        assert parts["test"].student.tolist() == np.flatnonzero(times >= cuts[1]).tolist()


def test_times_are_in_memory_a_block_at_a_time(
    grown: Callable[[Callable[[], object]], int],
) -> None:
    times, offsets = np.sort(np.arange(2_000_000) * 7 % 1000), np.arange(0, 2_000_001, 100)
    assert grown(lambda: by_time(times, offsets, 0.1, 0.2)) < 8 << 20

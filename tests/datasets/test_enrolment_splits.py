from pathlib import Path

import numpy as np
import pytest

from torchedu.datasets.enrolment_splits import split_enrolments
from torchedu.datasets.enrolments import EnrolmentStore, write_enrolments
from torchedu.errors import ConfigError, DataError
from torchedu.schema import ITEM, Names, Vocabulary


def store(path: Path, lengths: list[int], times: bool = False) -> EnrolmentStore:
    courses = [f"c{i}" for i in range(max(lengths))]
    item = np.concatenate([2 + np.arange(length) for length in lengths])
    return write_enrolments(
        path / "x.store",
        Vocabulary({ITEM: Names(courses)}),
        [f"s{i}" for i in range(len(lengths))],
        lengths,
        item,
        time=np.arange(len(item)) if times else None,
    )


def test_last_takes_one_course_each_and_trains_on_the_short(tmp_path: Path) -> None:
    parts = split_enrolments(store(tmp_path, [5, 3, 2, 1]))
    assert parts["train"].student.tolist() == [0, 1, 2, 3]
    assert parts["train"].stop.tolist() == [3, 1, 1, 1]
    assert (parts["val"].student.tolist(), parts["val"].first.tolist()) == ([0, 1], [3, 1])
    assert parts["test"].student.tolist() == [0, 1, 2]
    assert parts["test"].stop.tolist() == [5, 3, 2]
    assert sum(part.num_answers for part in parts.values()) == 11


def test_of_many_students_few_choose_and_the_rest_are_trained_on(tmp_path: Path) -> None:
    lengths = [4] * 3000 + [2] * 500
    data = store(tmp_path, lengths)
    parts = split_enrolments(data, val=0.4)
    assert len(parts["val"].student) == 1200
    assert (parts["val"].first == 2).all()
    assert (parts["val"].stop == 3).all()
    chosen = np.isin(np.arange(3500), parts["val"].student)
    assert not chosen[3000:].any()
    assert parts["train"].stop.tolist() == np.where(chosen, 2, np.array(lengths) - 1).tolist()
    assert (parts["test"].stop - parts["test"].first == 1).all()
    assert len(parts["test"].student) == 3500
    assert len(split_enrolments(data, val=0.01)["val"].student) == 1000
    assert len(split_enrolments(data, val=0.999)["val"].student) == 2997
    other = split_enrolments(data, val=0.4, seed=1)["val"].student
    assert set(other.tolist()) != set(parts["val"].student.tolist())


def test_time_cuts_all_students_at_the_same_moments(tmp_path: Path) -> None:
    parts = split_enrolments(store(tmp_path, [10, 10], times=True), "time", val=0.2, test=0.2)
    assert parts["train"].student.tolist() == [0, 1]
    assert parts["train"].num_answers + parts["val"].num_answers + parts["test"].num_answers == 20
    assert parts["test"].student.tolist() == [1]


def test_folds_hold_whole_students_out_once(tmp_path: Path) -> None:
    data = store(tmp_path, [4] * 20)
    tested = [split_enrolments(data, "fold", folds=4, fold=k)["test"].student for k in range(4)]
    assert sorted(np.concatenate(tested).tolist()) == list(range(20))
    parts = split_enrolments(data, "fold", folds=4)
    sets = [set(part.student.tolist()) for part in parts.values()]
    assert sum(map(len, sets)) == len(set.union(*sets))


@pytest.mark.parametrize(
    ("options", "lengths", "error", "said"),
    [
        ({"by": "moon"}, [4], ConfigError, "not known"),
        ({"by": "time"}, [4], DataError, "there is none"),
        ({"by": "last"}, [1, 1], DataError, "holds no enrolments"),
        ({"by": "fold", "fold": 7}, [4], ConfigError, "does not exist"),
        ({"by": "time", "val": 0.9, "test": 0.5}, [4], ConfigError, "leave no part"),
    ],
)
def test_what_cannot_be_split_is_said(tmp_path: Path, options, lengths, error, said) -> None:
    with pytest.raises(error, match=said):
        split_enrolments(store(tmp_path, lengths), **options)

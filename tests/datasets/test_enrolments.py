from pathlib import Path

import numpy as np
import pytest

from torchedu.datasets.enrolments import EnrolmentStore, write_enrolments
from torchedu.errors import DataError
from torchedu.schema import ITEM, Names, Vocabulary


def test_what_is_written_is_read(tmp_path: Path) -> None:
    vocabulary = Vocabulary({ITEM: Names(["a", "b", "c"]), "group.year": Names(["1", "2"])})
    store = write_enrolments(
        tmp_path / "x.store",
        vocabulary,
        ["ann", "bob"],
        [2, 3],
        [2, 3, 4, 2, 3],
        time=[1, 2, 3, 4, 5],
        groups={"year": [2, 3]},
        about={"importer": "none"},
    )
    assert (store.num_students, store.num_enrolments) == (2, 5)
    assert store.student_names([1, 0]) == ["bob", "ann"]
    assert store.time is not None
    assert store.time.tolist() == [1, 2, 3, 4, 5]
    assert store.group("year").tolist() == [2, 3]
    some = store.enrolled(np.array([1, 0]), np.array([2, 1]))
    assert (some.item.tolist(), some.offsets.tolist()) == ([4, 2, 2], [0, 2, 3])
    assert some.num_items == 5


def test_a_store_of_answers_is_told_apart(class_store: Path) -> None:
    with pytest.raises(DataError, match="holds no enrolments"):
        EnrolmentStore(class_store)

import pickle

import numpy as np

from torchedu.datasets.enrolments import EnrolmentStore, write_enrolments
from torchedu.datasets.memory import Memory
from torchedu.schema import ITEM, Names, Vocabulary


def test_a_store_in_memory_is_read_as_one_on_a_disk(tmp_path) -> None:
    given = (Vocabulary({ITEM: Names("ab")}), ["s", "t"], [2, 0], [3, 2])
    disk = write_enrolments(tmp_path / "x.store", *given, time=[7, 8])
    memory = write_enrolments(Memory(), *given, time=[7, 8])
    for store in (memory, pickle.loads(pickle.dumps(memory))):
        assert isinstance(store, EnrolmentStore)
        assert store.vocabulary == disk.vocabulary
        assert store.student_names([1, 0]) == ["t", "s"]
        assert store.columns("students") == disk.columns("students")
        for name in store.columns("students"):
            found, wanted = (one.values("students", name) for one in (store, disk))
            assert found.dtype == wanted.dtype
            np.testing.assert_array_equal(found, wanted)

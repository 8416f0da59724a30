import os
from pathlib import Path

import numpy as np
import pytest
import torch

from torchedu.datasets import AnswerStore, AnswerWriter
from torchedu.datasets.order import Windows
from torchedu.errors import DataError
from torchedu.models import ItemDKT
from torchedu.readers.answers import AnswerBatches, pad_lists
from torchedu.schema import ITEM, NO_TIME, SKILL, UNKNOWN, Names, Vocabulary
from torchedu.testing.kinds import NetworkSubject


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory) -> AnswerStore:
    """Two students; item a has no skill (so its own and the shared one), b has k, c k and l."""
    path = tmp_path_factory.mktemp("batches") / "a.store"
    vocabulary = Vocabulary({ITEM: Names(["a", "b", "c"]), SKILL: Names(["k", "l"])})
    skills = ([0, 0, 0, 1, 2], [2, 2, 3])
    with AnswerWriter(path, vocabulary, skills, fractional=True) as writer:
        writer.append(
            ["x", "y"],
            [5, 2],
            {"item": [2, 3, 4, 3, 2, 4, 4], "correct": [0, 1, 0.25, 1, 0, 0.5, 1]},
        )
    return AnswerStore(path)


def windows(*rows: tuple[int, int, int, int]) -> Windows:
    return Windows(*np.array(rows, np.int64).T)


def test_a_batch_holds_what_the_windows_say(store: AnswerStore) -> None:
    batches = AnswerBatches(store, windows((1, 0, 0, 2), (0, 1, 2, 5), (0, 0, 0, 1)))
    batch = batches(np.array([1, 0]))
    assert batch.item_BL.tolist() == [[3, 4, 3, 2], [4, 4, 0, 0]]
    assert batch.skill_BLS.tolist() == [
        [[2, 0], [2, 3], [2, 0], [4, 5]],
        [[2, 3], [2, 3], [0, 0], [0, 0]],
    ]
    assert batch.correct_BL.tolist() == [[1, 0.25, 1, 0], [0.5, 1, 0, 0]]
    assert batch.scored_BL.tolist() == [[False, True, True, True], [True, True, False, False]]
    assert batch.student_B.tolist() == [0, 1]
    assert batch.start_B.tolist() == [1, 0]
    assert batch.mean_over_B.tolist() == [5, 5]
    dtypes = ["int64", "int64", "float32", "bool", "int64", "int64", "float32"]
    assert [str(column.dtype) for column in batch[:7]] == [f"torch.{name}" for name in dtypes]
    assert all(column is None for column in batch[7:])


READS = ("time", "response_time", "attempt")


def test_a_batch_carries_what_is_read_of_answers(tmp_path: Path) -> None:
    known = {
        "time": [10**12, 10**12 + 1, 10**12 + 2, 7],
        "response_time": [1.5, np.nan, 3, 4],
        "attempt": [1, 0, 2, 1],
    }
    names = Vocabulary({ITEM: Names(["a"]), SKILL: Names(["k"])})
    with AnswerWriter(tmp_path / "a.store", names, ([0, 0, 1], [2]), columns=READS) as writer:
        writer.append(["x", "y"], [3, 1], {"item": [2] * 4, "correct": [1] * 4, **known})
    store, both = AnswerStore(tmp_path / "a.store"), windows((1, 0, 0, 1), (0, 0, 0, 3))
    batch = AnswerBatches(store, both, reads=READS)(np.arange(2))
    assert batch.time_BL is not None
    assert batch.response_time_BL is not None
    assert batch.attempt_BL is not None
    assert batch.time_BL.tolist() == [[7, NO_TIME, NO_TIME], known["time"][:3]]
    assert batch.time_BL.dtype == batch.attempt_BL.dtype == torch.int64
    taken = torch.tensor([[4, torch.nan, torch.nan], [1.5, torch.nan, 3]])
    torch.testing.assert_close(batch.response_time_BL, taken, equal_nan=True)
    assert batch.attempt_BL.tolist() == [[1, 0, 0], [1, 0, 2]]
    some = AnswerBatches(store, both, reads=("attempt",))(np.arange(2))
    assert some.time_BL is some.response_time_BL is None
    assert some.attempt_BL is not None
    assert some.attempt_BL.equal(batch.attempt_BL)


def test_what_the_store_does_not_have_is_not_known(store: AnswerStore) -> None:
    batch = AnswerBatches(store, windows((1, 0, 0, 2)), reads=READS)(np.array([0]))
    assert batch.time_BL is not None
    assert batch.response_time_BL is not None
    assert batch.attempt_BL is not None
    assert batch.time_BL.tolist() == [[NO_TIME] * 2]
    assert batch.response_time_BL.isnan().all()
    assert batch.response_time_BL.dtype == torch.float32
    assert batch.attempt_BL.tolist() == [[0, 0]]


def test_a_batch_that_keeps_a_rank_in_step_scores_nothing(store: AnswerStore) -> None:
    batches = AnswerBatches(store, windows((0, 0, 0, 5)))
    kept, counted = batches(np.array([0]), scored=False), batches(np.array([0]))
    assert not kept.scored_BL.any()
    assert kept.item_BL.equal(counted.item_BL)


def test_a_batch_of_a_file_that_was_cut_is_refused(store: AnswerStore) -> None:
    batches = AnswerBatches(store, windows((0, 0, 0, 1)))
    assert batches(np.arange(1)).scored_BL.any()
    os.truncate(store.path / "students" / "answer.correct.bin", 1)
    with pytest.raises(DataError, match="was cut while it was read"):
        batches(np.arange(1))


def test_ids_are_those_of_the_vocabulary_in_use(store: AnswerStore) -> None:
    other = Vocabulary({ITEM: Names(["z", "c", "a"]), SKILL: Names(["l"])})
    batch = AnswerBatches(store, windows((0, 0, 0, 5)), other)(np.array([0]))
    assert batch.item_BL.tolist() == [[4, UNKNOWN, 3, UNKNOWN, 4]]
    assert batch.skill_BLS.tolist() == [
        [[UNKNOWN, 0], [UNKNOWN, 0], [UNKNOWN, 2], [UNKNOWN, 0], [UNKNOWN, 0]],
    ]


def test_two_unknown_skills_do_not_tell_an_answers_own_mark(store: AnswerStore) -> None:
    other = Vocabulary({ITEM: Names(["a"]), SKILL: Names(["z"])})
    batch = AnswerBatches(store, windows((0, 0, 0, 5)), other)(np.array([0]))
    net = NetworkSubject(ItemDKT, {"num_items": 3, "num_skills": 3}).net()
    for t in range(5):
        turned_BL = batch.correct_BL.index_fill(1, torch.tensor([t]), 0.75)
        assert net(batch._replace(correct_BL=turned_BL))[:, t].equal(net(batch)[:, t])


def test_ragged_rows_are_filled_up_with_zero() -> None:
    padded = pad_lists(np.array([0, 2, 2, 3]), np.array([5, 6, 7]))
    assert padded.tolist() == [[5, 6], [0, 0], [7, 0]]
    assert pad_lists(np.array([0, 0, 0]), np.array([], np.int32)).tolist() == [[0], [0]]

"""Batches of students in courses: the same steps on one rank or two, and after a stop."""

import numpy as np
import pytest
import torch

from tests.datasets.oulad_files import write_oulad
from torchedu.batch import RiskBatch
from torchedu.datamodules import CourseEvents
from torchedu.datamodules.stream import BatchStream, EpochLoader


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> CourseEvents:
    folder = write_oulad(tmp_path_factory.mktemp("data") / "oulad")
    return CourseEvents(str(folder), batch_size=16)


def scored(batch: RiskBatch) -> list[tuple[int, float]]:
    row, at = batch.scored_BQ.nonzero(as_tuple=True)
    return sorted(zip(batch.enrolment_B[row].tolist(), batch.day_BQ[row, at].tolist(), strict=True))


def test_two_ranks_take_the_steps_of_one(data: CourseEvents) -> None:
    whole = data.train_dataloader().stream
    ranks = [BatchStream(whole.batches, whole.order, rank, 2) for rank in range(2)]
    assert len(whole) == len(ranks[0]) == len(ranks[1])
    for batch, *shares in zip(whole, *ranks, strict=True):
        together = sorted(key for share in shares for key in scored(share))
        assert together == scored(batch)
        assert {float(share.mean_over_B[0]) for share in shares} != {0.0}


def test_in_evaluation_two_ranks_score_every_moment_once(data: CourseEvents) -> None:
    stream = data.test_dataloader().stream
    ranks = [BatchStream(stream.batches, stream.order, rank, 2) for rank in range(2)]
    dealt = [key for rank in ranks for batch in rank for key in scored(batch)]
    moments, _ = data.moments("test")
    expected = zip(moments.enrolment.tolist(), moments.day.tolist(), strict=True)
    assert sorted(dealt) == sorted(expected)


def test_a_stopped_epoch_goes_on_with_the_batches_that_were_left(data: CourseEvents) -> None:
    def loader() -> EpochLoader:
        return data.train_dataloader()

    first = loader()
    straight = [batch.enrolment_B for batch in first]
    stopped, again = loader(), loader()
    taken = iter(stopped)
    for _ in range(3):
        next(taken)
    again.load_state_dict(stopped.state_dict())
    rest = [batch.enrolment_B for batch in again]
    assert len(rest) == len(straight) - 3
    assert all(torch.equal(a, b) for a, b in zip(rest, straight[3:], strict=True))


def test_another_seed_draws_another_order(data: CourseEvents) -> None:
    other = CourseEvents(data.path, batch_size=16, seed=1)
    rows = [next(iter(one.train_dataloader())).enrolment_B for one in (data, other)]
    assert not torch.equal(rows[0], rows[1])


def test_a_student_of_two_courses_is_on_one_side_of_training_and_validation(
    data: CourseEvents,
) -> None:
    several = CourseEvents(str(data.store.path), val=0.4)
    names = np.array(several.store.student_names(np.arange(several.store.num_enrolments)))
    names = np.array([f"s{i // 3}" for i in range(len(names))])  # each in three courses
    several.store.student_names = lambda rows: names[rows].tolist()  # type: ignore[method-assign]
    train, val = (set(names[several.parts[part]]) for part in ("train", "val"))
    assert train
    assert val
    assert not train & val

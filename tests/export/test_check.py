"""The check finds an export that is not its checkpoint."""

from functools import partial

import pytest
import torch
from torch import Tensor

from tests.export.networks import Remembering, task_of
from torchedu.errors import CheckpointError
from torchedu.export.check import check
from torchedu.export.entries import Run, entries, initial_state
from torchedu.models import DKT, SAKT, ItemDKT, KTModel
from torchedu.testing.kinds import NetworkSubject

SMALL = {"num_items": 14, "num_skills": 6}


@pytest.mark.parametrize("kind", [DKT, ItemDKT, partial(SAKT, heads=2, max_history=9), Remembering])
def test_a_network_equals_itself_to_the_bit(kind: type[KTModel]) -> None:
    task = task_of(NetworkSubject(partial(kind, dim=4), SMALL).net())
    found = check(task, entries(task), initial_state(task), "itself", 0.0)
    assert found.difference == 0
    assert found.batches >= 4
    assert found.answers > 10


@pytest.mark.parametrize("sizes", [(2, 2), (3, 2), (2, 3), (3, 3)])
def test_a_vocabulary_of_few_names_does(sizes: tuple[int, int]) -> None:
    task = task_of(ItemDKT(*sizes, dim=4))
    assert check(task, entries(task), initial_state(task), "itself", 0.0).difference == 0


@pytest.mark.parametrize("entry", ["forward", "predict", "step"])
def test_a_difference_in_any_entry_is_told_in_two_lines(entry: str) -> None:
    task = task_of(NetworkSubject(partial(DKT, dim=4), SMALL).net())
    runs: dict[str, Run] = dict(entries(task))
    own = runs[entry]

    def other(*given: Tensor) -> tuple[Tensor, ...]:
        return tuple(x + 1e-3 for x in own(*given))

    runs[entry] = other
    with pytest.raises(CheckpointError, match="would not equal the checkpoint") as told:
        check(task, runs, initial_state(task), "graphs", 1e-5)
    assert len(str(told.value).splitlines()) == 2
    assert check(task, runs, initial_state(task), "graphs", 1e-1).difference > 1e-5


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_what_is_no_number_equals_nothing(wrong: float) -> None:
    task = task_of(NetworkSubject(partial(DKT, dim=4), SMALL).net())
    runs: dict[str, Run] = dict(entries(task))
    runs["predict"] = lambda item_B, *_: (torch.full(item_B.shape, wrong),)
    with pytest.raises(CheckpointError):
        check(task, runs, initial_state(task), "graphs", 1e-5)


def test_another_initial_state_is_found() -> None:
    task = task_of(NetworkSubject(partial(DKT, dim=4), SMALL).net())
    start = tuple(x + 1 for x in task.net.initial_state(1))
    with pytest.raises(CheckpointError):
        check(task, entries(task), start, "graphs", 1e-5)

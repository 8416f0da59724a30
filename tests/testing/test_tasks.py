"""The check of tasks passes torchedu's own and names each thing that is wrong."""

import inspect
from functools import partial

import pytest
import torch

import torchedu.domains
import torchedu.tasks
from tests.testing import broken_tasks
from tests.testing.examples import NETS, Examples
from tests.testing.trained_tasks import NeedsATrainer
from torchedu.domains import Domain
from torchedu.models import ItemDKT
from torchedu.tasks import Task
from torchedu.testing import ContractError, check_task
from torchedu.testing.tasks import TASK_CONTRACTS


def discovered() -> list[type[Domain]]:
    rooms = (torchedu.domains, torchedu.tasks)
    return [
        kind
        for room in rooms
        for _, kind in inspect.getmembers(room, inspect.isclass)
        if issubclass(kind, Domain) and kind not in (Domain, Task)
    ]


@pytest.mark.parametrize("kind", discovered())
def test_a_task_keeps_the_contract(kind: type[Domain], examples: Examples) -> None:
    data = examples(kind.usual["data"].rpartition(".")[2])
    check_task(partial(kind, **NETS.get(kind.__name__, {})), data)


BROKEN = {**broken_tasks.BROKEN, NeedsATrainer: "domain_half"}
NET = partial(ItemDKT, dim=4)


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_task_is_caught_by_its_contract(kind: type[Domain], examples: Examples) -> None:
    with pytest.raises(ContractError) as caught:
        check_task(partial(kind, NET), examples("Interactions"))
    assert caught.value.contract == BROKEN[kind], caught.value


def test_every_contract_has_a_task_that_breaks_it_and_says_what_it_asks() -> None:
    assert set(BROKEN.values()) == set(TASK_CONTRACTS)
    assert all(contract.__doc__ for contract in TASK_CONTRACTS.values())


class OnItsOwn(broken_tasks.Tracing, Task):
    """A task without a half apart, which may import what it likes."""


def test_a_task_without_a_half_apart_may_import_a_trainer(examples: Examples) -> None:
    check_task(partial(OnItsOwn, NET), examples("Interactions"))


def test_the_check_leaves_the_random_state_alone(examples: Examples) -> None:
    torch.manual_seed(3)
    wanted = torch.rand(3)
    torch.manual_seed(3)
    check_task(partial(broken_tasks.Tracing, NET), examples("Interactions"))
    assert torch.equal(torch.rand(3), wanted)

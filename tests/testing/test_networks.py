"""The check of networks passes what is right and names each thing that is wrong."""

from abc import ABC
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from tests.testing.broken_answer_networks import BROKEN_ANSWERS, Forgetful, SizesLast, Small
from tests.testing.broken_networks import BROKEN_OTHERS
from torchedu.errors import ConfigError
from torchedu.models import ItemDKT, Network
from torchedu.testing import ContractError, Kind, check_network
from torchedu.testing.contract import Contract
from torchedu.testing.kinds import Answers, Courses, Events, Sentences, Speech, Texts, Tokens
from torchedu.testing.networks import NETWORK_CONTRACTS

BROKEN = BROKEN_ANSWERS | BROKEN_OTHERS


def test_a_sound_network_passes() -> None:
    check_network(Small)
    check_network(partial(ItemDKT, dim=4, dropout=0.5), {"num_items": 7, "num_skills": 5})


def test_the_check_leaves_the_random_state_alone() -> None:
    torch.manual_seed(3)
    wanted = torch.rand(3)
    torch.manual_seed(3)
    check_network(Small)
    assert torch.equal(torch.rand(3), wanted)


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_network_is_caught_by_its_contract(kind: type[Network]) -> None:
    build = partial(kind, dim=5) if kind is Forgetful else kind
    with pytest.raises(ContractError) as caught:
        check_network(build)
    assert caught.value.contract == BROKEN[kind], caught.value
    assert str(caught.value).startswith(f"{BROKEN[kind]}: ")
    assert len(str(caught.value)) > len(BROKEN[kind]) + 20


def test_sizes_that_do_not_come_first_are_caught() -> None:
    with pytest.raises(ContractError, match=r"^arguments: the first arguments are \['dim'"):
        check_network(
            lambda num_items, num_skills: SizesLast(6, num_items, num_skills), kind=Answers()
        )


def test_what_is_no_network_of_a_kind_is_caught() -> None:
    with pytest.raises(ContractError, match=r"^arguments: Linear is no subclass of KTModel"):
        check_network(nn.Linear, kind=Answers())  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"Give a subclass of .*KTModel"):
        check_network(nn.Linear)  # type: ignore[arg-type]


def contracts() -> dict[str, Contract[Any]]:
    known = dict(NETWORK_CONTRACTS)
    for kind in (Answers, Courses, Events, Texts, Sentences, Speech, Tokens):
        known |= kind.contracts
    return known


def test_every_contract_has_a_network_that_breaks_it() -> None:
    assert set(BROKEN.values()) == set(contracts())


def test_every_contract_says_what_it_asks() -> None:
    assert all(check.__doc__ for check in contracts().values())


class Pulse(NamedTuple):
    """A batch of a kind that torchedu does not know."""

    beat_BL: Tensor
    mean_over_B: Tensor


class PulseModel(Network, ABC):
    sizes = ("num_beats",)


class Pulses(Kind):
    """That kind, as a package of one's own tells it."""

    network = PulseModel
    sizes: ClassVar = {"num_beats": 5}
    asked = ("beat_BL",)

    def batch(self, sizes: Mapping[str, Any], rows: int, steps: int, width: int) -> Pulse:
        return Pulse(torch.randint(1, sizes["num_beats"], (rows, steps)), torch.ones(rows))

    def said(self, net: nn.Module, batch: Pulse) -> Tensor:
        return net(batch)

    def real(self, batch: Pulse) -> Tensor:
        return batch.beat_BL > 0


class Counts(PulseModel):
    def __init__(self, num_beats: int) -> None:
        super().__init__()
        self.num_beats = num_beats
        self.weight = nn.Embedding(num_beats, 1)

    def forward(self, batch: Pulse) -> Tensor:
        return self.weight(batch.beat_BL).squeeze(-1).cumsum(1)


class CountsBackwards(Counts):
    def forward(self, batch: Pulse) -> Tensor:
        return super().forward(batch).flip(1)


def test_a_kind_of_ones_own_is_found_by_its_class() -> None:
    check_network(Counts)
    with pytest.raises(ContractError, match=r"^causal: a prediction up to step 0"):
        check_network(CountsBackwards)

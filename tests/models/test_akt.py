"""AKT and simpleKT, which share their attention and their codes."""

from functools import partial

import pytest
import torch

from torchedu.errors import ConfigError
from torchedu.models import AKT, KTModel, SimpleKT
from torchedu.testing import check_network
from torchedu.testing.kinds import NetworkSubject

KINDS = [AKT, SimpleKT]


@pytest.mark.parametrize("kind", KINDS)
def test_a_short_history_keeps_the_contract(kind: type[KTModel]) -> None:
    check_network(partial(kind, dim=8, heads=2, max_history=15))


@pytest.mark.parametrize("kind", KINDS)
def test_an_item_is_told_from_another_of_its_skill(kind: type[KTModel]) -> None:
    subject = NetworkSubject(partial(kind, dim=8, heads=2))
    net, batch = subject.net(), subject.batch()
    with torch.no_grad():
        assert not torch.allclose(net(batch), net(batch._replace(item_BL=batch.item_BL.flip(1))))


@pytest.mark.parametrize("kind", KINDS)
def test_sizes_that_cannot_be_are_refused(kind: type[KTModel]) -> None:
    with pytest.raises(ConfigError, match="dim is 10 and heads 4"):
        kind(5, 4, dim=10, heads=4)  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match="max_history is 1"):
        kind(5, 4, dim=8, heads=2, max_history=1)  # type: ignore[call-arg]


def test_blocks_follow_one_another() -> None:
    check_network(partial(SimpleKT, dim=8, heads=2, blocks=3, max_history=15))

"""What strategies tell: ours by their traits, Lightning's own by their sampler's shares."""

from lightning import Trainer
from torch import nn

from torchedu.parallel import StrategyTraits, has_sparse, network_of, traits_of
from torchedu.strategies.fsdp import FSDP
from torchedu.strategies.tensor import Tensor


def trainer(strategy: object = "auto") -> Trainer:
    return Trainer(
        accelerator="cpu", devices=1, strategy=strategy, logger=False, enable_checkpointing=False
    )  # type: ignore[arg-type]


def test_one_process_is_the_whole() -> None:
    assert traits_of(None) == StrategyTraits()
    assert traits_of(trainer()) == StrategyTraits()


def test_ranks_that_share_a_batch_take_the_same_share_and_the_first_counts() -> None:
    strategy = Tensor(tensor_size=2)
    built = trainer(strategy)
    strategy.set_world_ranks = lambda: None  # type: ignore[method-assign]
    strategy.parallel_devices = [strategy.root_device] * 4
    strategy._local_rank = 3
    traits = traits_of(built)
    assert (traits.shares, traits.together, traits.fills) == (2, 2, True)
    assert built.distributed_sampler_kwargs == {"rank": traits.share, "num_replicas": 2}


def test_what_lies_in_the_hosts_memory_is_told() -> None:
    assert traits_of(trainer(FSDP(cpu_offload=True))).offloads


def test_sparse_tables_and_the_network_are_found() -> None:
    task = nn.Module()
    assert network_of(task) is None
    task.net = nn.Sequential(nn.Embedding(3, 2, sparse=True))
    assert network_of(task) is task.net
    assert has_sparse(task)
    assert not has_sparse(nn.Embedding(3, 2))

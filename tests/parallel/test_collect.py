from typing import Any

import torch
from torch import distributed

from torchedu.parallel.collect import collected
from torchedu.testing.launch import LaunchServer


def hold() -> dict[Any, Any]:
    distributed.init_process_group("gloo")
    rank = distributed.get_rank()
    own = {(rank, "step"): torch.tensor(3.0 + rank), (rank, "name"): f"rank {rank}"}
    own[rank, "table"] = torch.full((2, rank + 1), float(rank)).T  # not contiguous
    assert distributed.group.WORLD is not None
    return collected(own, distributed.group.WORLD, torch.device("cpu"))


def test_the_first_rank_gets_what_all_hold(launch: LaunchServer) -> None:
    started = launch.start(hold, ranks=3)
    assert started.wait(60) == [0, 0, 0], started.output()
    assert started.result(1) == started.result(2) == {}
    whole = started.result(0)
    assert len(whole) == 9
    for rank in range(3):
        assert whole[rank, "step"] == 3 + rank
        assert whole[rank, "name"] == f"rank {rank}"
        assert torch.equal(whole[rank, "table"], torch.full((rank + 1, 2), float(rank)))

"""What the ranks of a run tell one another beside training; a run of one process has one rank."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import torch
from torch import distributed

T = TypeVar("T")

BLOCK = 2**24
"""Bytes of a file that are sent at once."""


def on_all(own: T) -> list[T]:
    """Return what each rank says, in order, on every rank; every rank has to call this.

    It is meant for what is small: whatever is said is held by every rank.

    Args:
        own: What this rank says; anything that can be pickled.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return [own]
    answers: list[T] = [own] * distributed.get_world_size()
    distributed.all_gather_object(answers, own)
    return answers


def sent(file: Path, rank: int, device: torch.device) -> Iterator[bytes]:
    """Send a file from the rank that has it; every rank has to call this, and to take it all.

    Args:
        file: The file, which the one rank alone has to see.
        rank: That rank.
        device: Where tensors are for the ranks to exchange them.

    Yields:
        Its content on every rank, in blocks: whatever its size, one block of it is in memory.
    """
    here = distributed.get_rank() == rank
    size = torch.tensor([file.stat().st_size if here else 0], device=device)
    distributed.broadcast(size, rank)
    left = int(size)
    with (file if here else Path(os.devnull)).open("rb") as stream:
        while left:
            block = torch.empty(min(BLOCK, left), dtype=torch.uint8)
            if here:
                stream.readinto(block.numpy().data)
            block = block.to(device)
            distributed.broadcast(block, rank)
            yield block.cpu().numpy().tobytes()
            left -= len(block)

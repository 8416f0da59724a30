"""Graphs of torch.export, which torch runs without the network's code."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch

from torchedu.export.capture import Graph
from torchedu.export.entries import Run

PACKAGES = ()
"""torch is there."""
SUFFIX = ".pt2"
TOLERANCE = 1e-6
"""The same operations, but for bags of embeddings, which are written out."""


def write(graphs: Mapping[str, Graph], folder: Path) -> None:
    """Write a file for each graph.

    Args:
        graphs: The graphs by entry.
        folder: Where the files go.
    """
    for name, graph in graphs.items():
        torch.export.save(graph.program, folder / f"{name}{SUFFIX}")


def read(folder: Path, names: Iterable[str]) -> dict[str, Run]:
    """Return the entries as torch runs them, from the files alone.

    Args:
        folder: Where they lie.
        names: The entries.
    """
    return {name: torch.export.load(folder / f"{name}{SUFFIX}").module() for name in names}

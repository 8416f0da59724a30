"""Graphs of ONNX, which ONNX Runtime and others run without torch."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from torchedu.export.capture import Graph, traceable
from torchedu.export.entries import Run

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
"""What the extra ``onnx`` installs."""
SUFFIX = ".onnx"
TOLERANCE = 1e-5
"""Another program adds in another order."""


def write(graphs: Mapping[str, Graph], folder: Path) -> None:
    """Write a file for each graph, with names for what goes in and comes out.

    Args:
        graphs: The graphs by entry.
        folder: Where the files go.
    """
    for name, graph in graphs.items():
        with traceable():
            program = torch.onnx.export(
                graph.program,
                input_names=graph.inputs,
                output_names=graph.outputs,
                custom_translation_table={torch.ops.aten.sort.stable: _stable_sort},
                verbose=False,
            )
            assert program is not None
            program.save(folder / f"{name}{SUFFIX}")


def read(folder: Path, names: Iterable[str]) -> dict[str, Run]:
    """Return the entries as ONNX Runtime runs them on the CPU, from the files alone.

    Args:
        folder: Where they lie.
        names: The entries.
    """
    return {name: _entry(folder / f"{name}{SUFFIX}") for name in names}


def _entry(file: Path) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    names = [taken.name for taken in session.get_inputs()]

    def run(*tensors: Tensor) -> tuple[Tensor, ...]:
        given = {name: x.numpy() for name, x in zip(names, tensors, strict=True)}
        return tuple(map(torch.from_numpy, session.run(None, given)))

    return run


def _stable_sort(self: Any, *, stable: bool = True, dim: int = -1, descending: bool = False) -> Any:
    """Sort by ONNX's TopK, which puts the earlier of two equal values first; torch has no other."""
    from onnxscript import opset18

    op: Any = opset18
    number = op.Gather(op.Shape(self), op.Constant(value_ints=[dim]))
    return op.TopK(self, number, axis=dim, largest=int(descending), sorted=1)

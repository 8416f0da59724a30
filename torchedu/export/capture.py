"""A network's entries as graphs of torch.export, which hold for any batch and any history."""

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.fx.experimental import _config as sizes
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from torchedu.domains import Domain
from torchedu.export.entries import Entry, entries, initial_state
from torchedu.models.kt_model import State

STEPS = 70
"""Steps of the example that is traced: so many that a network which goes by windows has several."""


class Graph(NamedTuple):
    """A graph, and the names of what goes in and comes out.

    Attributes:
        program: It.
        inputs: Names of what it takes, in order: columns, then the state.
        outputs: Names of what it returns.
    """

    program: ExportedProgram
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def capture(task: Domain) -> dict[str, Graph]:
    """Return a task's entries as graphs, for any number of rows, steps and skills.

    Args:
        task: The task, in evaluation mode.

    Returns:
        A graph for each of its ``entries``, by name.

    Raises:
        Exception: As torch.export has it, where it cannot follow the network's code: a size is made
            a plain number by ``len`` or ``int``, say, or the way depends on what a tensor holds.
    """
    # Tracing assigns an LSTM's weights anew, and a graph is there for use and not for training.
    task = copy.deepcopy(task).requires_grad_(False)
    calls, graphs = entries(task), {}
    with traceable(), torch.random.fork_rng():
        most = min(entry.longest or STEPS for entry in calls.values())
        steps = min(most, STEPS)
        # What differs between the two may be any size.
        batch = task.net.example(3, steps, 2)
        other = task.net.example(2, max(1, steps // 2), 3)
        state = initial_state(task, 3) or ()
        if state:
            # After a step: in a first state the same zeros may stand for several tensors.
            state = calls["step"](*calls["step"].at(batch), *state)
        states = tuple(f"state_{i}" for i in range(len(state)))
        for name, entry in calls.items():
            dims = {"B": Dim("B", min=1)}
            taken, sizes = entry.at(batch), []
            for field, column, two in zip(entry.fields, taken, entry.at(other), strict=True):
                letters = entry.letters(field)
                for letter, size, another in zip(letters, column.shape, two.shape, strict=True):
                    if size != another:
                        dims.setdefault(letter, _dim(letter, entry))
                sizes.append(
                    {i: dims[letter] for i, letter in enumerate(letters) if letter in dims}
                )
            outputs = entry.outputs or tuple(f"next_{part}" for part in states)
            inputs = entry.inputs
            if entry.one_step:
                taken, inputs = (*taken, *state), (*inputs, *states)
                sizes += [{0: dims["B"]}] * len(state)
            graphs[name] = Graph(_program(entry, taken, (tuple(sizes),)), inputs, outputs)
    return graphs


def _dim(letter: str, entry: Entry) -> Dim:
    return Dim(letter, min=1, max=entry.longest if letter == "L" else None)


@contextmanager
def traceable() -> Iterator[None]:
    """Have torch follow any size, in an LSTM too, and keep its notes on the way to itself."""
    # As torch's own ONNX exporter has it: without them a size of 1, and the length of what an LSTM
    # reads, would be constants of the graph.
    from torch.export import _patches as loops

    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)  # what fails is raised as well
    try:
        with (
            torch.no_grad(),
            warnings.catch_warnings(action="ignore"),  # what is written is checked
            sizes.patch(backed_size_oblivious=True),  # type: ignore[attr-defined]
            loops.register_lstm_while_loop_decomposition(),
            loops.register_gru_while_loop_decomposition(),
        ):
            yield
    finally:
        logging.disable(disabled)


def _program(entry: Entry, example: tuple[Tensor, ...], dims: tuple[Any, ...]) -> ExportedProgram:
    graph = torch.export.export(
        _Traced(entry).eval(),
        example,
        dynamic_shapes=dims,
        prefer_deferred_runtime_asserts_over_guards=True,
    )
    # Tracing also notes that a size is not 1, which it would treat apart. The graph holds for 1
    # too, which is among what is checked; the notes on sizes that must agree stay.
    parts = [
        part for part in graph.graph_module.modules() if isinstance(part, torch.fx.GraphModule)
    ]
    for part in parts:  # a loop's step is one of its own
        for node in reversed(part.graph.nodes):
            if node.target is torch.ops.aten._assert_scalar.default:
                condition = node.args[0]
                if isinstance(condition, torch.fx.Node) and condition.target is torch.sym_not:
                    part.graph.erase_node(node)
        part.graph.eliminate_dead_code()
        part.recompile()
    # Where a line of code stood on the machine that traced it is nobody else's business.
    for part in parts:
        for node in part.graph.nodes:
            node.meta.pop("stack_trace", None)
    return graph


class _Traced(nn.Module):
    """An entry as it is traced.

    Args:
        entry: The entry.
    """

    def __init__(self, entry: Entry) -> None:
        super().__init__()
        self.entry = entry

    def forward(self, *taken: Tensor) -> State:
        """Call the entry."""
        with _WrittenOut():
            return self.entry.traced(*taken)


class _WrittenOut(TorchFunctionMode):
    """Writes bags of embeddings out, whose number torch.export cannot tell."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call a function of torch, or what stands for it."""
        return (_mean_of_bags if func is F.embedding_bag else func)(*args, **(kwargs or {}))


def _mean_of_bags(
    id: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    mode: str = "mean",
    padding_idx: int | None = None,
    per_sample_weights: Tensor | None = None,
    **others: Any,
) -> Tensor:
    changed = max_norm is not None or per_sample_weights is not None
    if changed or mode != "mean" or id.dim() != 2:
        return F.embedding_bag(
            id,
            weight,
            offsets,
            max_norm,
            mode=mode,
            padding_idx=padding_idx,
            per_sample_weights=per_sample_weights,
            **others,
        )
    real = torch.ones_like(id) if padding_idx is None else id != padding_idx
    rows = F.embedding(id, weight) * real.unsqueeze(-1)
    return rows.sum(-2) / real.sum(-1, keepdim=True).clamp(min=1)

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

from torchedu.batch import UNKNOWN_VALUES
from torchedu.export.entries import Entry, entries
from torchedu.models import KTModel
from torchedu.models.kt_model import State
from torchedu.schema import UNKNOWN

STUDENTS, STEPS, SKILLS = 3, 7, 2
"""Sizes of the example that is traced; the graph holds for others."""


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


def capture(net: KTModel) -> dict[str, Graph]:
    """Return a network's entries as graphs, for any number of students, answers and skills.

    Args:
        net: The network, in evaluation mode.

    Returns:
        A graph for each of ``ENTRIES``, by name.

    Raises:
        Exception: As torch.export has it, where it cannot follow the network's code: a size is made
            a plain number by ``len`` or ``int``, say, or the way depends on what a tensor holds.
    """
    net = copy.deepcopy(net)  # tracing assigns an LSTM's weights anew
    length = min(STEPS, net.max_history or STEPS)
    histories = {
        "item": torch.full((STUDENTS, length), UNKNOWN),
        "skill": torch.full((STUDENTS, length, SKILLS), UNKNOWN),
        "correct": torch.ones(STUDENTS, length),
        **{
            column: torch.ones(STUDENTS, length, dtype=dtype)
            for column, (dtype, _) in UNKNOWN_VALUES.items()
        },
    }
    B, S, L = Dim("B", min=1), Dim("S", min=1), Dim("L", min=1, max=net.max_history)
    with traceable():
        calls, graphs = entries(net), {}
        first = (histories[column][:, 0] for column in calls["step"].columns)
        # After an answer: in a first state the same zeros may stand for several tensors.
        state = calls["step"](*first, *net.initial_state(STUDENTS))
        states = [f"state_{i}" for i in range(len(state))]
        for name, entry in calls.items():
            taken = tuple(histories[column] for column in entry.columns)
            dims: list[Any] = [(B, L, S)[: x.dim()] for x in taken]
            inputs, outputs = [*entry.columns], ["logit"]
            if name != "forward":
                taken = (*(column[:, 0] for column in taken), *state)
                dims = [(B, S)[: len(each) - 1] for each in dims] + [{0: B}] * len(state)
                inputs += states
            if name == "step":
                outputs = [f"next_{part}" for part in states]
            program = _program(entry, taken, (*dims[:2], tuple(dims[2:])))
            graphs[name] = Graph(program, tuple(inputs), tuple(outputs))
    return graphs


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
    for node in reversed(graph.graph.nodes):
        if node.target is torch.ops.aten._assert_scalar.default:
            condition = node.args[0]
            if isinstance(condition, torch.fx.Node) and condition.target is torch.sym_not:
                graph.graph.erase_node(node)
    graph.graph.eliminate_dead_code()
    graph.graph_module.recompile()
    # Where a line of code stood on the machine that traced it is nobody else's business.
    for part in graph.graph_module.modules():
        for node in part.graph.nodes if isinstance(part, torch.fx.GraphModule) else ():
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

    def forward(self, item: Tensor, skill: Tensor, *rest: Tensor) -> State:
        """Call the entry with a padded skill more, since a single one may go a way of its own."""
        with _WrittenOut():
            return self.entry(item, F.pad(skill, (0, 1)), *rest)


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

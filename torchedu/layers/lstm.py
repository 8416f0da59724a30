"""A recurrent layer that trains at the speed of a processor's matrix products.

Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 1997; equations, order of
the gates and parameters are those of ``torch.nn.LSTM``.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

# With an output to write to, as the public functions of the same derivatives have not.
sigmoid_backward, tanh_backward = torch.ops.aten.sigmoid_backward, torch.ops.aten.tanh_backward


class LSTM(nn.LSTM):
    """Remembers what came before each answer of a history.

    Parameters and results are those of ``torch.nn.LSTM`` with one layer. ``before`` trains on a CPU
    in bfloat16 in less time: padded slots are left out, inputs that occur many times in a batch are
    projected once, each step is one product with few passes over its gates, and the gradients of
    the weights are one product over all steps. Other devices and graphs have fast kernels of
    their own.

    Args:
        dim_in: Width of the input.
        dim: Width D of the output and of the cell.
    """

    def __init__(self, dim_in: int, dim: int) -> None:
        super().__init__(dim_in, dim, batch_first=True)

    def before(self, x: Tensor, seen_BL: Tensor, which_BL: Tensor | None = None) -> Tensor:
        """Return the output after all inputs that come before each slot.

        Args:
            x: The inputs, shape (B, L, dim_in); with ``which_BL`` the distinct ones, shape
                (distinct, dim_in).
            seen_BL: Which slots are filled; in each history those are the first ones.
            which_BL: For each slot the row of ``x`` that enters there.

        Returns:
            before_BLD: Zero in the first slot; without meaning in slots that are not filled.
        """
        if x.device.type != "cpu" or torch.compiler.is_compiling():
            h_BLD, _ = self(x if which_BL is None else F.embedding(which_BL, x))
            return torch.cat([torch.zeros_like(h_BLD[:, :1]), h_BLD[:, :-1]], dim=1)
        mixed = torch.is_autocast_enabled("cpu")
        kind = torch.get_autocast_dtype("cpu") if mixed else x.dtype
        weight_in, weight_back, bias_in, bias_back = self.all_weights[0]
        with torch.autocast("cpu", enabled=False):
            before_BLD: Tensor = _Before.apply(  # type: ignore[no-untyped-call]
                x.to(kind), seen_BL, which_BL, weight_in, weight_back, bias_in + bias_back
            )
        return before_BLD


class _Packing:
    """The filled slots of a batch, T of them, in the order of ``PackedSequence``.

    All first slots come first, then all second ones, those of the longest histories ahead: a step
    then is a slice, and its rows go on from the first rows of the step before.

    Args:
        seen_BL: Which slots are filled.
    """

    def __init__(self, seen_BL: Tensor) -> None:
        self.shape = seen_BL.shape
        length_B = seen_BL.sum(1)
        row_B = length_B.argsort(descending=True, stable=True)
        step_L1 = torch.arange(seen_BL.shape[1]).unsqueeze(1)
        filled_LB = step_L1 < length_B[row_B]
        self.sizes = [size for size in filled_LB.sum(1).tolist() if size]
        self.slot_T = (row_B * seen_BL.shape[1] + step_L1)[filled_LB]

    def split(self, x_TD: Tensor) -> tuple[Tensor, ...]:
        """Return each step's rows."""
        return x_TD.split(self.sizes)

    def pack(self, x_BL: Tensor) -> Tensor:
        """Return what the filled slots hold."""
        return x_BL.flatten(0, 1).index_select(0, self.slot_T)

    def unpack(self, x_TD: Tensor) -> Tensor:
        """Put each row into its slot, and zero into the others."""
        slots = x_TD.new_zeros(self.shape.numel(), x_TD.shape[1])
        return slots.index_copy_(0, self.slot_T, x_TD).unflatten(0, self.shape)


class _Room:
    """Memory for the gates of one step, in which a step of any size has its views.

    Args:
        most: Rows of the largest step.
        dim: Width D.
        kind: Its type.
    """

    def __init__(self, most: int, dim: int, kind: torch.dtype) -> None:
        self.kind = kind
        self.two, self.minus_one = torch.tensor(2, dtype=kind), torch.tensor(-1, dtype=kind)
        self._all_BG = torch.empty(most, 4 * dim, dtype=kind)
        self._views: tuple[Tensor, ...] = ()

    def gates(self, size: int) -> tuple[Tensor, ...]:
        """Return all gates of a step, then each; most steps are as large as their neighbours."""
        if not self._views or len(self._views[0]) != size:
            self._views = self._all_BG[:size], *self._all_BG[:size].chunk(4, dim=1)
        return self._views


class _Before(torch.autograd.Function):
    """The recurrence, step by step in a few buffers.

    U counts the rows of input, I is their width, and G the four gates of width D: in, forget, new
    and out. Products are in the input's precision, all else in float32 at least.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        seen_BL: Tensor,
        which_BL: Tensor | None,
        weight_GI: Tensor,
        weight_GD: Tensor,
        bias_G: Tensor,
    ) -> Tensor:
        packing, kind, dim = _Packing(seen_BL), x.dtype, weight_GD.shape[1]
        which_T = None if which_BL is None else packing.pack(which_BL)
        x_UI = packing.pack(x) if which_T is None else x
        # tanh(x) is 2 sigmoid(2x) - 1: with that gate doubled, one sigmoid serves all four.
        twice_G = bias_G.new_ones(4, dim).index_fill_(0, torch.tensor(2), 2.0).flatten()
        weight_IG = (weight_GI * twice_G.unsqueeze(1)).to(kind).t()
        weight_DG = (weight_GD * twice_G.unsqueeze(1)).to(kind).t().contiguous()
        gate_TG = torch.addmm((bias_G * twice_G).to(kind), x_UI, weight_IG)
        if which_T is not None:
            gate_TG = gate_TG.index_select(0, which_T)

        room = _Room(packing.sizes[0], dim, torch.promote_types(kind, torch.float32))
        before_TD = torch.empty(len(gate_TG), dim, dtype=kind)
        c_TD, tanh_TD = (torch.empty(len(gate_TG), dim, dtype=room.kind) for _ in range(2))
        gates, befores, cells, tanhs = map(packing.split, (gate_TG, before_TD, c_TD, tanh_TD))
        befores[0].zero_()
        c_BD = torch.zeros_like(cells[0])
        for t, size in enumerate(packing.sizes):
            if t:
                torch.addmm(gates[t], befores[t], weight_DG, out=gates[t])
            a_BG, in_BD, forget_BD, new_BD, out_BD = room.gates(size)
            a_BG.copy_(gates[t]).sigmoid_()
            torch.add(room.minus_one, new_BD, alpha=2, out=new_BD)
            gates[t].copy_(a_BG)
            c_BD = torch.mul(in_BD, new_BD, out=cells[t]).addcmul_(forget_BD, _first(c_BD, size))
            torch.mul(c_BD, room.two, out=tanhs[t]).sigmoid_()
            torch.add(room.minus_one, tanhs[t], alpha=2, out=tanhs[t])
            if t + 1 < len(packing.sizes):
                going = packing.sizes[t + 1]
                befores[t + 1].copy_(_first(out_BD, going).mul_(_first(tanhs[t], going)))
        ctx.save_for_backward(
            x_UI, which_T, weight_GI, weight_GD, gate_TG, before_TD, c_TD, tanh_TD
        )
        ctx.packing = packing
        return packing.unpack(before_TD)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope_BLD: Tensor) -> tuple[Tensor | None, ...]:
        x_UI, which_T, weight_GI, weight_GD, gate_TG, before_TD, c_TD, tanh_TD = ctx.saved_tensors
        packing, kind, dim = ctx.packing, gate_TG.dtype, weight_GD.shape[1]
        weight_GI, weight_GD = weight_GI.to(kind), weight_GD.to(kind)
        slope_TG = torch.empty_like(gate_TG)  # not in place: a graph may be gone through again
        gates, cells, tanhs, slopes, slopes_h = map(
            packing.split, (gate_TG, c_TD, tanh_TD, slope_TG, packing.pack(slope_BLD))
        )

        acts, room = (_Room(packing.sizes[0], dim, c_TD.dtype) for _ in range(2))
        h_BD, c_BD, start_BD = (torch.zeros_like(cells[0]) for _ in range(3))
        back_BD = torch.empty_like(slopes_h[0])
        going = 0  # histories that have a step after this one
        for t in reversed(range(len(packing.sizes))):
            size = packing.sizes[t]
            a_BG, in_BD, forget_BD, new_BD, out_BD = acts.gates(size)
            s_BG, s_in_BD, s_forget_BD, s_new_BD, s_out_BD = room.gates(size)
            a_BG.copy_(gates[t])
            if going < size:
                s_out_BD[going:] = 0
            if going:
                h = _first(h_BD, going).copy_(slopes_h[t + 1]).add_(_first(back_BD, going))
                tanh = _first(tanhs[t], going)
                torch.mul(h, tanh, out=_first(s_out_BD, going))
                _first(c_BD, going).add_(tanh_backward(h.mul_(_first(out_BD, going)), tanh))
            c = _first(c_BD, size)
            torch.mul(c, new_BD, out=s_in_BD)
            torch.mul(c, _first(cells[t - 1], size) if t else start_BD, out=s_forget_BD)
            torch.mul(c, in_BD, out=s_new_BD)
            c.mul_(forget_BD)
            for s, a in ((s_BG[:, : 2 * dim], a_BG[:, : 2 * dim]), (s_out_BD, out_BD)):
                sigmoid_backward.grad_input(s, a, grad_input=s)
            tanh_backward.grad_input(s_new_BD, new_BD, grad_input=s_new_BD)
            slopes[t].copy_(s_BG)
            if t:
                torch.mm(slopes[t], weight_GD, out=_first(back_BD, size))
            going = size

        slope_UG = slope_TG
        if which_T is not None:  # each row of input gets the sum over the slots it went into
            count_U = which_T.bincount(minlength=len(x_UI))
            starts_U = count_U.cumsum(0) - count_U
            slope_UG = F.embedding_bag(which_T.argsort(), slope_TG, starts_U, mode="sum")
        slope_x = slope_UG @ weight_GI if ctx.needs_input_grad[0] else None
        return (
            packing.unpack(slope_x) if slope_x is not None and which_T is None else slope_x,
            None,
            None,
            (x_UI.t() @ slope_UG).t(),
            (before_TD.t() @ slope_TG).t(),
            slope_UG.sum(0, dtype=c_TD.dtype),
        )


def _first(x_BD: Tensor, size: int) -> Tensor:
    """Return the first rows; most steps are as large as their neighbours, and a view costs time."""
    return x_BD if len(x_BD) == size else x_BD[:size]

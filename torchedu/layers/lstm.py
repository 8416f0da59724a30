"""A recurrent layer that trains at the speed of a processor's matrix products.

Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 1997; equations, order of
the gates and parameters are those of ``torch.nn.LSTM``.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from torchedu.layers.room import GRAIN, room, rooms, rounded

# With an output to write to, as the public functions of the same derivatives have not.
sigmoid_backward, tanh_backward = torch.ops.aten.sigmoid_backward, torch.ops.aten.tanh_backward

CHUNK = 2048
"""Slots that are gone back through with one memory for their slopes, and one product at the end."""


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

    Attributes:
        sizes: Rows of each step.
        slot_T: The slot of each row.
        rows: Of tables in which a whole chunk ends, wherever it begins.
        chunk: Rows that are gone back through at once.

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
        self.chunk = rounded(min(max(CHUNK, *self.sizes[:1]), len(self.slot_T)))
        self.rows = rounded(len(self.slot_T) + self.chunk)

    def chunks(self) -> list[range]:
        """Return steps that are gone back through at once, the last first."""
        chunks, stop, rows = [], len(self.sizes), 0
        for t in reversed(range(len(self.sizes))):
            rows += self.sizes[t]
            if rows > self.chunk:
                chunks.append(range(t + 1, stop))
                stop, rows = t + 1, self.sizes[t]
        return [*chunks, range(stop)]

    def split(self, x_TD: Tensor) -> tuple[Tensor, ...]:
        """Return each step's rows."""
        return x_TD[: len(self.slot_T)].split(self.sizes)

    def pack(self, x_BL: Tensor) -> Tensor:
        """Return what the filled slots hold."""
        return x_BL.flatten(0, 1).index_select(0, self.slot_T)

    def unpack(self, x_TD: Tensor) -> Tensor:
        """Put each row into its slot, and zero into the others."""
        slots = room(self.shape.numel(), x_TD.shape[1], x_TD.dtype).zero_()
        filled_TD = x_TD[: len(self.slot_T)]
        return slots.index_copy_(0, self.slot_T, filled_TD).unflatten(0, self.shape)


class _Work:
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

    def tanh(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        """Return the tanh of a tensor of the same type, by the faster sigmoid."""
        y = torch.mul(x, self.two, out=out).sigmoid_()
        return torch.add(self.minus_one, y, alpha=2, out=y)


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
        rows = packing.rows if which_T is None else rounded(len(x))
        x_UI = F.pad(x_UI, (0, 0, 0, rows - len(x_UI)))  # with zero, in chunks too
        # tanh(x) is 2 sigmoid(2x) - 1: with that gate doubled, one sigmoid serves all four.
        twice_G = bias_G.new_ones(4, dim).index_fill_(0, torch.tensor(2), 2.0).flatten()
        weight_IG = (weight_GI * twice_G.unsqueeze(1)).to(kind).t()
        weight_DG = (weight_GD * twice_G.unsqueeze(1)).to(kind).t().contiguous()
        wide = torch.promote_types(kind, torch.float32)
        slots = len(packing.slot_T)
        gate_TG, before_TD, c_TD = rooms(
            (slots if which_T is not None else rows, 4 * dim, kind),
            (packing.rows, dim, kind),
            (slots, dim, wide),
        )
        added_G = (bias_G * twice_G).to(kind)
        if which_T is None:
            torch.addmm(added_G, x_UI, weight_IG, out=gate_TG)
        else:
            gate_UG = torch.addmm(added_G, x_UI, weight_IG)
            torch.index_select(gate_UG, 0, which_T, out=gate_TG)

        work = _Work(packing.sizes[0], dim, wide)
        gates, befores, cells = map(packing.split, (gate_TG, before_TD, c_TD))
        befores[0].zero_()
        before_TD[len(packing.slot_T) :] = 0
        c_BD, all_tanh_BD = torch.zeros_like(cells[0]), torch.empty_like(cells[0])
        for t, size in enumerate(packing.sizes):
            if t:
                for gate_BG, before_BD in zip(*map(_products, (gates[t], befores[t])), strict=True):
                    torch.addmm(gate_BG, before_BD, weight_DG, out=gate_BG)
            a_BG, in_BD, forget_BD, new_BD, out_BD = work.gates(size)
            a_BG.copy_(gates[t]).sigmoid_()
            torch.add(work.minus_one, new_BD, alpha=2, out=new_BD)
            gates[t].copy_(a_BG)
            c_BD = torch.mul(in_BD, new_BD, out=cells[t]).addcmul_(forget_BD, _first(c_BD, size))
            if t + 1 < len(packing.sizes):
                going = packing.sizes[t + 1]
                tanh_BD = work.tanh(_first(c_BD, going), _first(all_tanh_BD, going))
                befores[t + 1].copy_(_first(out_BD, going).mul_(tanh_BD))
        ctx.save_for_backward(x_UI, which_T, weight_GI, weight_GD, gate_TG, before_TD, c_TD)
        ctx.packing, ctx.inputs = packing, len(x)
        return packing.unpack(before_TD)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope_BLD: Tensor) -> tuple[Tensor | None, ...]:
        x_UI, which_T, weight_GI, weight_GD, gate_TG, before_TD, c_TD = ctx.saved_tensors
        packing, kind, dim = ctx.packing, gate_TG.dtype, weight_GD.shape[1]
        weight_GI, weight_GD = weight_GI.to(kind), weight_GD.to(kind)
        gates, cells = packing.split(gate_TG), packing.split(c_TD)
        sums = c_TD.new_zeros
        in_IG, back_DG, bias_G = sums(len(x_UI[0]), 4 * dim), sums(dim, 4 * dim), sums(4 * dim)
        slope_UG = None if which_T is None else sums(len(x_UI), 4 * dim)
        slope_UI = torch.empty_like(x_UI) if which_T is None and ctx.needs_input_grad[0] else None

        acts, work = (_Work(packing.sizes[0], dim, c_TD.dtype) for _ in range(2))
        h_BD, c_BD, start_BD = (torch.zeros_like(cells[0]) for _ in range(3))
        back_BD = torch.empty(packing.sizes[0] + GRAIN, dim, dtype=kind)
        all_slope_CG = torch.zeros(packing.chunk + GRAIN, 4 * dim, dtype=kind)
        slope_CG = all_slope_CG[: packing.chunk]
        slots_BD = slope_BLD.flatten(0, 1)
        stop = len(packing.slot_T)
        going = 0  # histories that have a step after this one
        for steps in packing.chunks():
            sizes = packing.sizes[steps.start : steps.stop]
            rows, ahead = sum(sizes), packing.sizes[steps.start + 1 : steps.stop + 1]
            begin = stop - rows
            slopes, tanhs = slope_CG[:rows].split(sizes), work.tanh(c_TD[begin:stop]).split(sizes)
            slope_CG[rows:] = 0
            at = rows
            first = begin + sizes[0]  # what goes out of a step is what enters the next one
            slot_C = packing.slot_T[first : first + sum(ahead)]
            slopes_h = slots_BD.index_select(0, slot_C).split(ahead)
            for n in reversed(range(len(steps))):
                t, size = steps[n], sizes[n]
                a_BG, in_BD, forget_BD, new_BD, out_BD = acts.gates(size)
                s_BG, s_in_BD, s_forget_BD, s_new_BD, s_out_BD = work.gates(size)
                a_BG.copy_(gates[t])
                if going < size:
                    s_out_BD[going:] = 0
                if going:
                    h = _first(h_BD, going).copy_(slopes_h[n]).add_(_first(back_BD, going))
                    tanh = _first(tanhs[n], going)
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
                slopes[n].copy_(s_BG)
                at -= size
                if t:
                    whole = -(-size // GRAIN) * GRAIN  # what is too much nobody reads
                    torch.mm(all_slope_CG[at : at + whole], weight_GD, out=back_BD[:whole])
                going = size

            # Rows of the steps after these stand beyond them, which slopes of zero leave out.
            back_DG += before_TD[begin : begin + packing.chunk].t() @ slope_CG
            if slope_UG is not None:  # each row of input gets the sum of the slots it went into
                which_C = which_T[begin:stop]
                count_U = which_C.bincount(minlength=len(x_UI))
                starts_U = count_U.cumsum(0) - count_U
                slope_UG += F.embedding_bag(which_C.argsort(), slope_CG, starts_U, mode="sum")
            else:
                in_IG += x_UI[begin : begin + packing.chunk].t() @ slope_CG
                bias_G += slope_CG.sum(0, dtype=bias_G.dtype)
                if slope_UI is not None:
                    slope_UI[begin:stop] = (slope_CG @ weight_GI)[:rows]
            stop = begin

        slope_x = slope_UI
        if slope_UG is not None:
            bias_G = slope_UG.sum(0)
            in_IG = x_UI.t() @ slope_UG.to(kind)
            slope_x = (slope_UG.to(kind) @ weight_GI)[: ctx.inputs]
        elif slope_x is not None:
            slope_x = packing.unpack(slope_x)
        return slope_x, None, None, in_IG.t(), back_DG.t(), bias_G


def _products(x_BD: Tensor) -> tuple[Tensor, ...]:
    """Return the rows of a step as products of few shapes take them; see ``GRAIN``."""
    rest = len(x_BD) % GRAIN
    if x_BD.itemsize > 2 or not rest or rest == len(x_BD):
        return (x_BD,)
    return x_BD[:-rest], x_BD[-rest:]


def _first(x_BD: Tensor, size: int) -> Tensor:
    """Return the first rows; most steps are as large as their neighbours, and a view costs time."""
    return x_BD if len(x_BD) == size else x_BD[:size]

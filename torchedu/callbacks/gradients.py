"""A look at the gradients before each step: finite, how large by layer, and whether they jump."""

import math
from collections import deque
from collections.abc import Sequence
from statistics import median
from typing import Any, Literal, cast

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.plugins import MixedPrecision
from lightning.pytorch.utilities.rank_zero import rank_zero_info, rank_zero_warn
from torch import Tensor, distributed, nn
from torch.distributed.tensor import DTensor, Replicate
from torch.optim import Optimizer

from torchedu.domains import Domain
from torchedu.errors import ConfigError, TrainingError, allowed, worded
from torchedu.parallel import of_one_mesh, traits_of
from torchedu.parallel.stages import rows_of
from torchedu.ranks import on_all

REMEMBERED = 100
"""Steps that a norm is compared with."""
ENOUGH = 20
"""Steps before a norm is compared with those before it, and between two alerts."""
NAMED = 5
"""Samples that a message names."""


class GradientGuard(Callback):
    """Keeps a step from being taken whose loss or gradients are not finite.

    One bad sample otherwise turns every weight into NaN, and training goes on as if nothing had
    happened. The norm of the gradients is logged by layer, as ``grad/<layer>``, every
    ``log_every_n_steps`` of the trainer; a norm far above those before it is told of in a warning.

    Args:
        non_finite: ``stop`` ends training with an error that names the samples; ``skip`` passes
            over the step with a warning that does.
        most_skipped: Steps in a row that may be passed over; one more ends training.
        spike: How many times the median norm of the last 100 steps a norm has to be for a warning.

    Raises:
        ConfigError: A value is not allowed.
    """

    def __init__(
        self,
        non_finite: Literal["stop", "skip"] = "stop",
        most_skipped: int = 10,
        spike: float = 20.0,
    ) -> None:
        if non_finite not in ("stop", "skip"):
            raise ConfigError(
                f"⟦gradients.non_finite⟧ is {non_finite!r}.",
                allowed(str(non_finite), ("stop", "skip")),
            )
        if most_skipped < 0 or spike <= 1:
            raise ConfigError(
                f"⟦gradients.most_skipped⟧ is {most_skipped}, ⟦gradients.spike⟧ {spike}.",
                "The one is at least 0, the other above 1.",
            )
        self.non_finite = non_finite
        self.most_skipped = most_skipped
        self.spike = spike
        self.skipped = self.overflowed = 0
        self._in_a_row = 0
        self._norms: deque[list[float]] = deque(maxlen=REMEMBERED)
        self._quiet_until = 0
        self._layers: dict[str, list[nn.Parameter]] = {}
        self._batches: deque[Any] = deque()

    def state_dict(self) -> dict[str, Any]:
        """Return what alerts and the count of skipped steps go on from."""
        return {
            "skipped": self.skipped,
            "overflowed": self.overflowed,
            "in_a_row": self._in_a_row,
            "norms": [list(row) for row in self._norms],
            "quiet_until": self._quiet_until,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what ``state_dict`` returned."""
        self.skipped = state_dict["skipped"]
        self.overflowed = state_dict.get("overflowed", 0)
        self._in_a_row = state_dict["in_a_row"]
        self._norms.extend(state_dict["norms"])
        self._quiet_until = state_dict["quiet_until"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Group the parameters by layer."""
        self._layers = layers(pl_module)
        self._batches = deque(maxlen=trainer.accumulate_grad_batches)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Remember the batches of a step."""
        self._batches.append(batch)

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Look at the gradients of the step.

        Raises:
            TrainingError: They are not finite, and the step is not to be passed over.
        """
        # A strategy whose ranks hold different layers knows how to bring their norms together.
        whole = traits_of(trainer).norms or norms
        each = whole(list(self._layers.values())).tolist()
        total = math.hypot(*each)
        if math.isfinite(total):
            self._in_a_row = 0
            self._alert(trainer.global_step + 1, each, total)
            every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
            if every and (trainer.global_step + 1) % every == 0:
                by_layer = {f"grad/{name}": n for name, n in zip(self._layers, each, strict=True)}
                row = {"epoch": trainer.current_epoch, **by_layer}
                # Not by the module's log, whose row would come after the step's checkpoint.
                for logger in trainer.loggers:
                    logger.log_metrics(row, step=trainer.global_step)
            return
        if _scaled(trainer) and not any(on_all(self._spoilt(pl_module))):
            # In float16 too large a scale is usual; the scaler lowers it and steps over.
            self.overflowed += 1
            return
        self._refuse(trainer, pl_module, each)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tell how many steps were passed over."""
        self._batches.clear()
        if self.overflowed:
            precision = trainer.precision
            rank_zero_info(f"{self.overflowed:,} steps overflowed in {precision}: passed over.")
        if self.skipped:
            rank_zero_warn(f"{self.skipped:,} steps were not finite and were passed over.")

    def _alert(self, step: int, each: list[float], total: float) -> None:
        """Warn of a norm far above those before it."""
        if len(self._norms) >= ENOUGH and step >= self._quiet_until:
            usual = median(math.hypot(*row) for row in self._norms)
            if total > self.spike * usual > 0:
                before = [max(median(column), 1e-30) for column in zip(*self._norms, strict=True)]
                ratios = [now / then for now, then in zip(each, before, strict=True)]
                name = list(self._layers)[ratios.index(max(ratios))]
                self._quiet_until = step + ENOUGH
                notice = worded(
                    f"step {step:,}: the gradient's norm is {total:.3g}, {total / usual:.0f} times "
                    f"the usual {usual:.3g}, most of all in {name} ({max(ratios):.0f} times). "
                    "A lower learning rate or ⟦trainer.gradient_clip_val⟧ may help."
                )
                rank_zero_warn(notice)
        self._norms.append(each)

    def _refuse(self, trainer: Trainer, module: LightningModule, each: list[float]) -> None:
        """Stop, or pass over the step."""
        named = list(zip(self._layers, each, strict=True))
        layer = next(name for name, n in named if not math.isfinite(n))
        samples, spoilt, most = self._everywhere(module)
        step = trainer.global_step + 1
        cause = f"because of {listed(spoilt or samples, len(spoilt or samples))}"
        remedy = "Check those samples, lower the learning rate"
        if most and not spoilt:
            cause = (
                f"for {len(samples):,} samples whose own numbers are: the learning rate is too high"
            )
            remedy = "Lower the learning rate"
        text = (
            f"step {step:,}: loss or gradients are not finite (NaN or infinite, first in {layer}), "
            f"{cause}"
        )
        if self.non_finite == "stop" or self._in_a_row >= self.most_skipped:
            passed = f" after {self._in_a_row} that were passed over" * bool(self._in_a_row)
            raise TrainingError(
                f"{text}; the step was not taken{passed}.",
                f"{remedy}, or pass over such steps: "
                "⟦gradients.non_finite⟧ skip, with ⟦run⟧ FOLDER ⟦resume⟧ auto to go on.",
            )
        self.skipped += 1
        self._in_a_row += 1
        rank_zero_warn(worded(f"{text}; the step was passed over."))
        for optimizer in trainer.optimizers:
            optimizer.zero_grad()  # optimizers leave what has no gradient as it is

    def _everywhere(self, module: LightningModule) -> tuple[list[str], list[str], bool]:
        """Return the samples of all ranks that are to blame, and those with strange numbers.

        Returns:
            The names of both, and whether the first are most samples of the step.
        """
        rows = sum(len(batch[0]) for batch in self._batches)
        ranks = on_all((self._culprits(module), self._spoilt(module), rows))
        most = 2 * sum(len(rank[0]) for rank in ranks) > sum(rank[2] for rank in ranks)
        # Ranks that share a network have found the same.
        samples = dict.fromkeys(name for rank in ranks for name in rank[0])
        spoilt = dict.fromkeys(name for rank in ranks for name in rank[1])
        return list(samples), list(spoilt), most

    def _spoilt(self, module: LightningModule) -> list[str]:
        """Return the names of the samples of this rank that are themselves not finite."""
        spoilt: list[str] = []
        if not isinstance(module, Domain):
            return spoilt
        for batch in self._batches:
            names = module.pseudonyms(batch)
            # What a batch may do without is NaN where it is not known.
            columns = batch._asdict()
            needed = [columns[name] for name in columns if name not in batch._field_defaults]
            numbers = [column for column in needed if column.is_floating_point()]
            spoilt += [
                name
                for row, name in enumerate(names)
                if not all(bool(x[row].isfinite().all()) for x in numbers)
            ]
        return spoilt

    def _culprits(self, module: LightningModule) -> list[str]:
        """Return the names of the samples of this rank whose loss or gradients are not finite."""
        if not isinstance(module, Domain):
            return []
        task = module
        culprits: list[str] = []
        # A forward pass may need all ranks, and gradients of one sample cannot be told.
        sharded = traits_of(module.trainer).norms is not None or any(
            isinstance(parameter, DTensor) or parameter.is_meta for parameter in module.parameters()
        )
        with torch.random.fork_rng():
            for batch in self._batches:
                with torch.no_grad():  # as many forward passes on every rank: they may meet in them
                    bad_B = ~task.loss(batch)[0].isfinite()
                    rows = bad_B.nonzero().flatten().tolist()
                    if len(rows) > 1 and not sharded:  # one may have spoilt the others
                        alone = [n for n in rows if not task.loss(_row(batch, n))[0].isfinite()]
                        rows = alone or rows
                names = task.pseudonyms(batch)
                culprits += [names[row] for row in rows]
            if culprits or sharded:
                return culprits
            for batch in self._batches:
                names = task.pseudonyms(batch)
                culprits += [n for row, n in enumerate(names) if _breaks(module, _row(batch, row))]
        return culprits


def layers(module: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Group the parameters that are trained by layer.

    Args:
        module: A network, or a task, whose network is its ``net``.

    Returns:
        The parameters by name: that of a direct child, with the number of the block where the
        child is a list of blocks.
    """
    by_layer: dict[str, list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            words = name.removeprefix("net.").split(".")
            numbered = len(words) > 2 and words[1].isdigit()
            by_layer.setdefault(".".join(words[: 1 + numbered]), []).append(parameter)
    return by_layer


@torch.no_grad()
def norms(groups: Sequence[Sequence[nn.Parameter]]) -> Tensor:
    """Return the norm of the gradients of each group of parameters; shape (groups,).

    Gradients whose parts lie on several devices are brought together for all groups at once: every
    rank of their mesh has to take part.
    """
    squares: dict[Any, Tensor] = {}
    for number, parameters in enumerate(groups):
        for (mesh, copies), parts in _parts(parameters).items():
            square = nn.utils.get_total_norm(parts).to(_widest(parts[0].device)) ** 2
            if mesh not in squares:
                squares[mesh] = square.new_zeros(len(groups))
            squares[mesh][number] += square / copies
    for mesh, square_G in squares.items():
        for group in [] if mesh is None else mesh.get_all_groups():
            distributed.all_reduce(square_G, group=group)
    sums = list(squares.values()) or [torch.zeros(len(groups))]
    return torch.stack([summed.to(sums[0].device) for summed in sums]).sum(0).sqrt().float()


def _parts(parameters: Sequence[nn.Parameter]) -> dict[tuple[Any, int], list[Tensor]]:
    """Return what this rank holds of gradients, by their mesh and how many ranks hold the same."""
    parts: dict[tuple[Any, int], list[Tensor]] = {}
    for parameter in parameters:
        gradient = parameter.grad
        if gradient is None:
            continue
        if gradient.is_sparse:
            # Kept, so that the optimizer need not sort its rows again.
            parameter.grad = gradient = gradient.coalesce()
            gradient = gradient.values()
        mesh, copies = None, 1
        if isinstance(gradient, DTensor):
            mesh = gradient.device_mesh
            summed = [Replicate() if at.is_partial() else at for at in gradient.placements]
            gradient = gradient.redistribute(placements=summed)  # nothing to do, as a rule
            whole = [place.is_replicate() for place in gradient.placements]
            copies = math.prod(n for n, same in zip(mesh.shape, whole, strict=True) if same)
            gradient = gradient.to_local()
        parts.setdefault((mesh, copies), []).append(gradient)
    return parts


def _widest(device: torch.device) -> torch.dtype:
    """Return a type whose squares of a float32's norm do not overflow; Apple's GPUs have none."""
    return torch.float32 if device.type == "mps" else torch.float64


def clip(parameters: Sequence[nn.Parameter], most: float) -> None:
    """Scale gradients down to a norm, wherever their parts are.

    Args:
        parameters: The parameters; a norm of all their gradients together is taken.
        most: The largest norm left as it is.
    """
    total = norms([parameters])[0]
    with_gradient = [parameter for parameter in parameters if parameter.grad is not None]
    for some in of_one_mesh(with_gradient).values():
        nn.utils.clip_grads_with_norm_(some, most, total)


def _breaks(module: LightningModule, row: Any) -> bool:
    """Say whether the gradients of one sample are not finite."""
    parameters = [tensor for tensor in module.parameters() if tensor.requires_grad]
    with torch.enable_grad():
        loss = cast(Any, module).loss(row)[0].sum()
        gradients: Any = torch.autograd.grad(loss, parameters, allow_unused=True)
    return any(not tensor.isfinite().all() for tensor in gradients if tensor is not None)


def _row(batch: Any, row: int) -> Any:
    return rows_of(batch, slice(row, row + 1))


def listed(names: Sequence[str], count: int) -> str:
    """Return the first few of some names, and how many there are besides.

    Args:
        names: The names, or the first of them.
        count: How many there are.
    """
    if not names:
        return "the step as a whole: no single sample's loss or gradient is not finite"
    more = f" and {count - NAMED:,} more" if count > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _scaled(trainer: Trainer) -> bool:
    precision = trainer.precision_plugin
    by_precision = isinstance(precision, MixedPrecision) and precision.scaler is not None
    return by_precision or traits_of(trainer).scales

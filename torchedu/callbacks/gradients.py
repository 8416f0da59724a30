"""A look at the gradients before each step: finite, how large by layer, and whether they jump."""

import math
from collections import deque
from collections.abc import Sequence
from statistics import median
from typing import Any, Literal, NamedTuple, cast

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.plugins import MixedPrecision
from lightning.pytorch.utilities.rank_zero import rank_zero_info, rank_zero_warn
from torch import Tensor, distributed, nn
from torch.distributed.tensor import DTensor, Replicate
from torch.optim import SGD, Adam, Optimizer

from torchedu.callbacks.culprits import listed, spoilt, to_blame
from torchedu.callbacks.later import Later
from torchedu.errors import ConfigError, TrainingError, allowed, worded
from torchedu.parallel import of_one_mesh, traits_of
from torchedu.ranks import on_all

REMEMBERED = 100
"""Steps that a norm is compared with."""
ENOUGH = 20
"""Steps before a norm is compared with those before it, and between two alerts."""


class Look(NamedTuple):
    """What was seen of the gradients of a step, and of what they are."""

    trainer: Trainer
    module: LightningModule
    step: int
    epoch: int
    batches: list[Any]
    norms: Later | Tensor


class GradientGuard(Callback):
    """Keeps a step from being taken whose loss or gradients are not finite.

    One bad sample otherwise turns every weight into NaN, and training goes on as if nothing had
    happened. The norm of the gradients is logged by layer, as ``grad/<layer>``, every
    ``log_every_n_steps`` of the trainer; a norm far above those before it is told of in a warning.

    An optimizer that is fused passes over a step by itself where it is told so on its device. No
    step then waits for the host: what was seen is told, and training stopped, one step later, and
    before anything is saved or validated. Weights and the optimizer's state are the same.

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
        self._look: Look | None = None  # what was seen last, where it is not told yet

    def state_dict(self) -> dict[str, Any]:
        """Return what alerts and the count of skipped steps go on from.

        Raises:
            TrainingError: The step before was not finite: nothing is saved after it.
        """
        self._tell()
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
        self._tell()
        # A strategy whose ranks hold different layers knows how to bring their norms together.
        whole = traits_of(trainer).norms or norms
        norm_G = whole(list(self._layers.values()))
        by_itself = _passes_over(trainer, optimizer, self._layers)
        self._look = Look(
            trainer,
            pl_module,
            trainer.global_step + 1,
            trainer.current_epoch,
            list(self._batches),
            Later(norm_G) if by_itself else norm_G,
        )
        if by_itself:
            cast(Any, optimizer).found_inf = (~norm_G.isfinite().all()).float()
        elif self._tell():
            for each in trainer.optimizers:
                each.zero_grad()  # optimizers leave what has no gradient as it is

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tell of the last step before its weights are scored.

        Raises:
            TrainingError: It was not finite, and is not to be passed over.
        """
        self._tell()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tell how many steps were passed over.

        Raises:
            TrainingError: The last was not finite, and is not to be passed over.
        """
        self._tell()
        self._batches.clear()
        for optimizer in trainer.optimizers:
            vars(optimizer).pop("found_inf", None)
        if self.overflowed:
            precision = trainer.precision
            rank_zero_info(f"{self.overflowed:,} steps overflowed in {precision}: passed over.")
        if self.skipped:
            rank_zero_warn(f"{self.skipped:,} steps were not finite and were passed over.")

    def _tell(self) -> bool:
        """Tell what was seen last, if anything is left to tell; say whether it is passed over."""
        look, self._look = self._look, None
        if look is None:
            return False
        trainer, each = look.trainer, look.norms.tolist()
        total = math.hypot(*each)
        if math.isfinite(total):
            self._in_a_row = 0
            self._alert(look.step, each, total)
            every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
            if every and look.step % every == 0:
                by_layer = {f"grad/{name}": n for name, n in zip(self._layers, each, strict=True)}
                row = {"epoch": look.epoch, **by_layer}
                # Not by the module's log, whose row would come after the step's checkpoint.
                for logger in trainer.loggers:
                    logger.log_metrics(row, step=look.step - 1)
            return False
        if _scaled(trainer) and not any(on_all(spoilt(look.module, look.batches))):
            # In float16 too large a scale is usual; the scaler lowers it and steps over.
            self.overflowed += 1
            return False
        self._refuse(look, each)
        return True

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

    def _refuse(self, look: Look, each: list[float]) -> None:
        """Stop, or pass over the step."""
        named = list(zip(self._layers, each, strict=True))
        layer = next(name for name, n in named if not math.isfinite(n))
        samples, strange, most = to_blame(look.module, look.batches)
        cause = f"because of {listed(strange or samples, len(strange or samples))}"
        remedy = "Check those samples, lower the learning rate"
        if most and not strange:
            cause = (
                f"for {len(samples):,} samples whose own numbers are: the learning rate is too high"
            )
            remedy = "Lower the learning rate"
        text = (
            f"step {look.step:,}: loss or gradients are not finite "
            f"(NaN or infinite, first in {layer}), {cause}"
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


def _scaled(trainer: Trainer) -> bool:
    precision = trainer.precision_plugin
    by_precision = isinstance(precision, MixedPrecision) and precision.scaler is not None
    return by_precision or traits_of(trainer).scales


def _passes_over(
    trainer: Trainer, optimizer: Optimizer, by_layer: dict[str, list[nn.Parameter]]
) -> bool:
    """Say whether an optimizer leaves out a step where its ``found_inf`` on the device says so.

    Torch's fused ones do, which know that word from scalers of float16.
    """
    return (
        isinstance(optimizer, Adam | SGD)
        and all(group.get("fused") for group in optimizer.param_groups)
        and len(trainer.optimizers) == 1
        and traits_of(trainer).norms is None
        and not _scaled(trainer)
        and not any(isinstance(p, DTensor) for some in by_layer.values() for p in some)
    )

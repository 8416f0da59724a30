"""The steps of training and evaluation, written once for every task."""

import warnings
from collections.abc import Callable, Mapping
from inspect import signature
from math import isinf
from pathlib import Path
from typing import Any, Self, cast

import torch
from lightning import LightningModule
from lightning.fabric.utilities.data import AttributeDict
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.rank_zero import rank_zero_info
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR

from torchedu.callbacks import Advice, GradientGuard, HungRank, RandomState
from torchedu.callbacks.gradients import clip
from torchedu.checkpoints import Checkpoint, read_usable
from torchedu.companions import KEY, Agreeing, Companions
from torchedu.domains.building import check_build, class_path
from torchedu.domains.domain import Domain, Schedule
from torchedu.errors import ConfigError, worded
from torchedu.optimizers import RowAdagrad
from torchedu.parallel import of_one_mesh, traits_of
from torchedu.tasks.not_finite import NotFinite


class Task(Domain, LightningModule):
    """What every task needs to be trained, written once: the plumbing below its domain.

    A task is its domain and this, ``class KnowledgeTracing(Tracing, Task)``, or a class of one's
    own on this alone that writes what ``Domain`` asks for. Logged are ``train/loss`` and, for
    ``val`` and ``test``, what ``metrics`` computes; all are means over what counts (answers, say),
    never over batches. The ``train/loss`` of an epoch that was interrupted is that of the whole
    epoch.

    Args:
        lr: Learning rate of AdamW, or of row-wise Adagrad.
        weight_decay: Its weight decay.
        schedule: Of the learning rate of AdamW; see ``Domain``.
        sparse: Whether tables of names have sparse gradients; see ``Domain``.
    """

    def __init__(
        self, lr: float, weight_decay: float, schedule: Schedule, sparse: bool = False
    ) -> None:
        super().__init__(lr, weight_decay, schedule, sparse)
        self._sums = torch.zeros(2, dtype=torch.float64)  # of this epoch: loss, and what counted
        self._logged_at = -1
        self._position: list[Any] = []  # of the loader, where a run goes on
        self._not_finite = NotFinite()  # rows of what is being scored

    def setup(self, stage: str) -> None:
        """Agree with the data, leave out whom the network has seen, let loggers know arguments.

        Args:
            stage: ``fit``, ``validate``, ``test`` or ``predict``.

        Raises:
            ConfigError: It has met no data yet, and there is none to agree with.
        """
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if isinstance(data, Agreeing):
            self.agree(data, training=stage == "fit")
            part = {"fit": "train", "validate": "val", "test": "test"}.get(stage)
            if part == "train":
                self.people = data.people(self.people)
            elif part is not None:
                data.leave_out(self.people, part)
        elif self.companions is None and (self.sizes or self.binds or self.fixed):
            given = "loaders alone" if data is None else f"a {type(data).__name__}"
            raise ConfigError(
                f"{type(self).__name__} is given {given}: neither names nor what it learns of the "
                "data before training are known.",
                f"Pass a data module: trainer.{TrainerFn(stage).value}(task, datamodule=data), "
                f"with data such as a {self.usual.get('data', 'torchedu.datamodules.DataModule')}.",
            )
        self.save_hyperparameters(self.arguments())
        _ = self.metrics  # built before a strategy divides the network, so that they go with it

    def tell(self, note: str) -> None:
        """Let a user know of something that is no mistake, once a run."""
        rank_zero_info(worded(note))

    @property
    def hparams(self) -> AttributeDict:
        """Its arguments, as Lightning keeps them in checkpoints."""
        self._hparams = AttributeDict(self.arguments())
        return self._hparams

    def configure_model(self) -> None:
        """Read a trained model's weights, unless the strategy does once it has divided them."""
        if self.net.deferred and not traits_of(self._trainer).fills:
            self.net.load(None if self._trainer is None else self._trainer.strategy.root_device)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return a batch's part of the step's mean loss."""
        loss_B, count_B = self.loss(batch)
        self.note(loss_B, count_B)
        return self.share(batch, loss_B)

    @torch.no_grad()
    def note(self, loss_B: Tensor, count_B: Tensor) -> None:
        """Add what ``loss`` returned to the mean of the epoch."""
        self._sums[0] += loss_B.sum()
        self._sums[1] += count_B.sum()

    def share(self, batch: Any, loss_B: Tensor) -> Tensor:
        """Return what the losses of rows of a batch add to the step's mean loss."""
        # Ranks and accumulated batches of unequal size are averaged with equal weight after this,
        # so each divides by the same share of the step's answers and not by its own number.
        part = loss_B.sum() / batch.mean_over_B[0] + self.penalty()
        # Times one: a loss that is not finite makes its gradients so, which every rank then sees.
        return part * (1 + 0 * part.detach())

    def on_fit_start(self) -> None:
        """Keep the sums where the losses are, and say where these are other ones when divided."""
        times = traits_of(self._trainer).shares * self.trainer.accumulate_grad_batches
        if self.by_batch and times > 1:
            self.tell(
                f"{self.by_batch}: divided by {times}, as each step is here, the loss is another "
                "one than in a whole batch, and so are its gradients."
            )
        single = self.device.type == "mps"  # Apple's GPUs have no float64
        self._sums = self._sums.to("cpu", torch.float32 if single else torch.float64)
        self._sums = self._sums.to(self.device)

    def on_train_epoch_start(self) -> None:
        """Begin the mean of an epoch."""
        self._sums.zero_()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Know the epoch, in whose middle a run may have gone on, and the step."""
        self.epoch, self.step = self.current_epoch, self.global_step

    @property
    def mean_loss(self) -> Tensor:
        """The mean training loss so far in this epoch, of this rank; NaN before its first batch."""
        return self._sums[0] / self._sums[1]

    @property
    def counted(self) -> Tensor:
        """How much has counted in the loss so far in this epoch, on this rank: answers, say."""
        return self._sums[1]

    def on_train_epoch_end(self) -> None:
        """Log the mean training loss of an epoch that ended without a validation."""
        if self._logged_at != self.trainer.global_step:
            mean = self._whole_mean()
            self.log("train/loss", mean, logger=False, sync_dist=True)
            # By the module's log, the row would come after the checkpoint that ends the epoch.
            step = self.trainer.global_step - 1
            row = {"train/loss": float(mean), "epoch": self.current_epoch}
            for logger in self.loggers:
                logger.log_metrics(row, step)

    def _whole_mean(self) -> Tensor:
        """Return the mean training loss of this epoch so far, over all ranks."""
        self._logged_at = self.trainer.global_step
        total, count = self.trainer.strategy.reduce(self._sums.clone(), reduce_op="sum")
        return cast(Tensor, total / count)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Score a batch of the validation part."""
        self.metrics.update(*self._said(self.outcome, batch, batch_idx))

    def on_validation_epoch_end(self) -> None:
        """Log the scores of the whole validation part, and the training loss so far."""
        self._not_finite.refuse("validation", self.trainer.precision)
        fitting = self.trainer.state.fn == TrainerFn.FITTING
        self._log_scores("val", fitting)
        if fitting and not self.trainer.sanity_checking:
            self.log("train/loss", self._whole_mean(), sync_dist=True)  # the same on every rank

    def test_step(self, batch: Any, batch_idx: int) -> None:
        """Score a batch of the test part."""
        self.metrics.update(*self._said(self.outcome, batch, batch_idx))

    def on_test_epoch_end(self) -> None:
        """Log the scores of the whole test part."""
        self._not_finite.refuse("test", self.trainer.precision)
        self._log_scores("test")

    def predict_step(self, batch: Any, batch_idx: int) -> Any:
        """Return what is said of a batch."""
        return self._said(self.predict, batch, batch_idx)

    def on_predict_epoch_end(self) -> None:
        """Refuse predictions of which some are not finite."""
        self._not_finite.refuse("prediction", self.trainer.precision)

    def _said(self, say: Callable[[Any], Any], batch: Any, batch_idx: int) -> Any:
        """Return what is said of a batch; remember its rows of which the network made no number."""
        if batch_idx == 0:
            self._not_finite = NotFinite()
        self.finite = []
        try:
            said = say(batch)
            # One look at the device a batch, whatever the network gave in how many parts.
            if self.finite and not bool(torch.cat(self.finite).all()):
                self._not_finite.add(self, say, batch, self.trainer.precision)
        finally:
            self.finite = None
        return said

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say which task wrote the checkpoint, and how far the mean of its epoch has come."""
        checkpoint["task"] = class_path(type(self))
        checkpoint["domain"] = class_path(self.domain())
        if self.companions is not None:
            checkpoint[KEY] = self.companions.content()
        sums = self._sums.clone()
        if self._trainer is not None:
            sums = self._trainer.strategy.reduce(sums, reduce_op="sum")
            # Ranks that share one copy of the network have each counted the same.
            sums *= traits_of(self._trainer).shares / self._trainer.world_size
        checkpoint["loss_sums"] = sums.tolist()
        checkpoint["loss_logged_at"] = self._logged_at

    def check_base(self, content: Mapping[str, Any]) -> None:
        """Refuse a checkpoint whose weights are additions to another model than is here.

        Args:
            content: The checkpoint's.

        Raises:
            CheckpointError: It is such.
        """
        if KEY in content:
            self.check_companions(Companions.of(content[KEY]))

    @classmethod
    def domain(cls) -> type[Domain]:
        """Return what this task is of itself, without the plumbing; it where nothing less is."""
        whole = (kind for kind in cls.__mro__ if issubclass(kind, Domain))
        return next((k for k in whole if not issubclass(k, Task) and k is not Domain), cls)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take what the weights belong to; go on with the mean of the epoch, and in its steps.

        A step may be of another number of accumulated batches now.
        """
        self.take(Companions.of(checkpoint.get(KEY, {})))
        if self._trainer is None:
            return
        loops = checkpoint.get("loops", {})
        self._position = loops.get("fit_loop", {}).get("state_dict", {}).get("combined_loader", [])
        if (
            traits_of(self._trainer).share == 0
        ):  # on every rank that takes the first share of the batches
            saved = checkpoint.get("loss_sums", [0.0, 0.0])
            self._sums.copy_(torch.tensor(saved, dtype=self._sums.dtype))
        self._logged_at = checkpoint.get("loss_logged_at", -1)
        _rescale(loops, self._trainer.accumulate_grad_batches)

    def on_train_start(self) -> None:
        """Put the loader where the checkpoint stood, and the learning rate where the schedule is.

        Lightning puts the loader there itself, but not where it was asked for before, as a schedule
        does that needs to know the number of steps. An optimizer brings along the rate that it
        stopped with, which is another where the run goes on with another schedule.
        """
        loader: Any = self.trainer.train_dataloader
        if len(self._position) == 1 and hasattr(loader, "load_state_dict"):
            loader.load_state_dict(self._position[0])
        self._position = []
        for config in self.trainer.lr_scheduler_configs:
            schedule = config.scheduler
            if isinstance(schedule, OneCycleLR):
                with warnings.catch_warnings(action="ignore"):  # asked between two of its steps
                    rates = schedule.get_lr()
                for group, rate in zip(schedule.optimizer.param_groups, rates, strict=True):
                    group["lr"] = rate

    @classmethod
    def load_from_checkpoint(  # type: ignore[override]  # on the class alone, as Lightning has it
        cls,
        checkpoint_path: str | Path | Checkpoint,
        map_location: Any = "cpu",
        strict: bool | None = None,
        weights_only: bool | None = True,
        **arguments: Any,
    ) -> Self:
        """Open a checkpoint that this task wrote; nothing in it is executed.

        Args:
            checkpoint_path: The file; where it is damaged, the newest other one of its run is used.
                Or a checkpoint that was read, which is not read again.
            map_location: Where the tensors of a file go, as ``torch.load`` has it.
            strict: As Lightning has it.
            weights_only: Of no effect; nothing but weights and plain values is ever read.
            **arguments: Take the place of saved ones.

        Returns:
            The task.

        Raises:
            CheckpointError: It cannot be used, or is an address.
        """
        read = checkpoint_path
        if not isinstance(read, Checkpoint):
            read = read_usable(read, map_location)
        check_build(cls, read.hyper_parameters, read.content["state_dict"])
        saved = {**read.hyper_parameters, **arguments}
        task = cls(**{name: saved[name] for name in signature(cls).parameters if name in saved})
        task.configure_model()
        task.on_load_checkpoint(read.content)
        weights = read.content["state_dict"]
        task.load_state_dict(weights, strict=task.strict_loading if strict is None else strict)
        return task.to(next(iter(weights.values()), torch.empty(0)).device)

    def configure_callbacks(self) -> list[Callback]:
        """Return what every run has, under any trainer, unless the trainer has its own."""
        own = (RandomState(), GradientGuard(), HungRank(), Advice())
        given = {type(callback) for callback in self.trainer.callbacks}  # type: ignore[attr-defined]
        return [callback for callback in own if type(callback) not in given]

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the gradients, by the norm of what all devices keep of them."""
        parameters = [
            parameter for group in optimizer.param_groups for parameter in group["params"]
        ]
        by_norm = gradient_clip_algorithm in (None, "norm")
        if gradient_clip_val and by_norm and len(of_one_mesh(parameters)) > 1:
            clip(parameters, gradient_clip_val)  # torch's own knows one mesh
        else:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return AdamW and its schedule, or row-wise Adagrad where tables are sparse.

        The command line or a subclass may give others.
        """
        if self.sparse:
            return RowAdagrad(self.parameters(), self.lr, self.weight_decay)
        groups = self.parameter_groups()
        optimizer = torch.optim.AdamW(groups, self.lr, weight_decay=self.weight_decay)
        if self.schedule == "constant":
            return optimizer
        steps = self.trainer.estimated_stepping_batches
        if isinf(steps):
            raise ConfigError(
                "⟦model.schedule⟧ is one_cycle, which ends with training, and that has no end: "
                f"⟦trainer.max_epochs⟧ is {self.trainer.max_epochs}.",
                "Give the most passes or steps there may be, or ⟦model.schedule⟧ constant.",
            )
        most = [group["lr"] for group in optimizer.param_groups]
        rise = 0.1 if steps != 10 else 0.2  # a tenth of ten is a rise of no length to torch
        cycle = OneCycleLR(optimizer, most, total_steps=int(steps), pct_start=rise)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}

    def _log_scores(self, split: str, fitting: bool = False) -> None:
        scores = self.computed(fitting)
        known = {f"{split}/{name}": value for name, value in scores.items() if value is not None}
        self.log_dict(known, sync_dist=True)  # the same on every rank, and so is their mean


def _rescale(loops: dict[str, Any], accumulate: int) -> None:
    """Count the batches of a checkpoint's epoch as this run divides them.

    Lightning counts what one rank takes at once. A global batch is one step whatever it is divided
    into, and the checkpoint stands between two steps.
    """
    fit = loops.get("fit_loop", {})
    for loader in fit.get("state_dict", {}).get("combined_loader", []):
        saved = loader.get("accumulate", accumulate)
        for progress in (fit["epoch_loop.batch_progress"][k] for k in ("total", "current")):
            taken = progress["ready"]
            for name in progress:  # what is not yet completed stays so
                progress[name] += taken * accumulate // saved - taken

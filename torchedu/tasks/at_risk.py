"""Students at risk: who will fail or leave, told early enough to call them?"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, cast

from torch import Tensor
from torch.nn import functional as F

from torchedu.batch import RiskBatch
from torchedu.errors import CheckpointError, ConfigError
from torchedu.metrics import AnswerScores
from torchedu.models import EventModel
from torchedu.schema import MODULE, Vocabulary
from torchedu.tasks.base import Schedule, Task, class_by_path, class_path
from torchedu.tasks.growing import take_parameters


class Risks(NamedTuple):
    """Risks at moments.

    Attributes:
        enrolment: Row in the store; shape (moments,).
        day: The day in the course.
        probability: The chance of a bad outcome, from what was known on that day.
        leaving: The chance of leaving within a week from then.
    """

    enrolment: Tensor
    day: Tensor
    probability: Tensor
    leaving: Tensor


class AtRisk(Task):
    """Says at any moment of a course how likely each student is to fail it or to leave.

    The loss is the mean binary cross-entropy of the outcome over all weeks of all training
    students, averaged over the network's members, plus a smaller one of leaving within a week.
    What students are (gender, age, region) is never an input.

    Args:
        net: Called with the number of modules, gives the network: a class such as ``EventGRU`` or
            ``functools.partial(EventGRU, dim=32)``.
        num_modules: Number of module ids, the reserved ones included.
        leaving_weight: Weight of the loss of leaving within a week.
        lr: Learning rate of AdamW.
        weight_decay: Its weight decay.
        schedule: ``constant`` keeps the learning rate; ``one_cycle`` raises it to ``lr`` over the
            first tenth of all steps and lowers it to nothing by the last.
    """

    net: EventModel
    sizes = ("num_modules",)
    net_kind = EventModel
    default_net = "torchedu.models.EventGRU"
    default_data = "torchedu.datamodules.Enrolments"

    def __init__(
        self,
        net: Callable[[int], EventModel],
        num_modules: int,
        leaving_weight: float = 0.2,
        lr: float = 3e-3,
        weight_decay: float = 0.1,
        schedule: Schedule = "one_cycle",
    ) -> None:
        super().__init__(lr, weight_decay, schedule)
        self.net = _builder(net)(num_modules)
        self.leaving_weight = leaving_weight
        self.metrics = AnswerScores()
        self.vocabulary: Vocabulary | None = None
        self.save_hyperparameters(
            {
                "net": {
                    "class_path": class_path(type(self.net)),
                    "init_args": self.net.arguments(),
                },
                "num_modules": num_modules,
                "leaving_weight": leaving_weight,
                "lr": lr,
                "weight_decay": weight_decay,
                "schedule": schedule,
            }
        )

    def setup(self, stage: str) -> None:
        """Agree with the data on the names of modules.

        Args:
            stage: ``fit``, ``validate``, ``test`` or ``predict``.

        Raises:
            ConfigError: The data has other sizes than the network.
        """
        data = getattr(self.trainer, "datamodule", None)
        if data is None:
            return
        if self.vocabulary is None:
            if data.num_modules != self.net.num_modules:
                raise ConfigError(
                    f"the network has {self.net.num_modules} modules, the data {data.num_modules}.",
                    "Build it with the data's num_modules.",
                )
            self.vocabulary = Vocabulary({MODULE: data.vocabulary[MODULE]})
        elif self.vocabulary[MODULE] != data.vocabulary[MODULE]:
            data.use(self.vocabulary)

    def forward(self, batch: RiskBatch) -> Tensor:
        """Return the log odds at each moment of a batch; see ``EventModel.forward``."""
        logit_BQM2: Tensor = self.net(batch)
        return logit_BQM2

    def loss(self, batch: RiskBatch) -> tuple[Tensor, Tensor]:
        """Return the summed cross-entropy of each student's scored moments, and their number."""
        logit_BQM2 = self(batch).float()
        risk_BQM, leaving_BQM = logit_BQM2.unbind(-1)
        at_risk_BQM = batch.at_risk_B[:, None, None].expand_as(risk_BQM)
        soon_BQM = batch.leaving_BQ.unsqueeze(-1).expand_as(leaving_BQM)
        each_BQM = F.binary_cross_entropy_with_logits(risk_BQM, at_risk_BQM, reduction="none")
        each_BQM = each_BQM + self.leaving_weight * F.binary_cross_entropy_with_logits(
            leaving_BQM, soon_BQM, reduction="none"
        )
        return (each_BQM.mean(-1) * batch.scored_BQ).sum(1), batch.scored_BQ.sum(1)

    def pseudonyms(self, batch: RiskBatch) -> list[str]:
        """Name each row of a batch by its enrolment's row in the store."""
        return [f"enrolment row {row}" for row in batch.enrolment_B.tolist()]

    def probabilities(self, batch: RiskBatch) -> tuple[Tensor, Tensor]:
        """Return the risk and the chance of leaving within a week; shape (B, Q) each."""
        risk_BQ, leaving_BQ = self(batch).float().sigmoid().mean(-2).unbind(-1)
        return risk_BQ, leaving_BQ

    def outcome(self, batch: RiskBatch) -> tuple[Tensor, Tensor, Tensor]:
        """Return risk, outcome and whether it counts, of each moment of a batch."""
        risk_BQ, _ = self.probabilities(batch)
        return risk_BQ, batch.at_risk_B.unsqueeze(1).expand_as(risk_BQ), batch.scored_BQ

    def predict_step(self, batch: RiskBatch, batch_idx: int) -> Risks:
        """Return the risks at the scored moments of a batch."""
        risk_BQ, leaving_BQ = self.probabilities(batch)
        row, at = batch.scored_BQ.nonzero(as_tuple=True)
        return Risks(
            batch.enrolment_B[row], batch.day_BQ[row, at], risk_BQ[row, at], leaving_BQ[row, at]
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the names beside the weights."""
        super().on_save_checkpoint(checkpoint)
        if self.vocabulary is not None:
            checkpoint["vocabulary"] = self.vocabulary.to_json()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the names that the weights belong to.

        Raises:
            CheckpointError: The data in use has other names.
        """
        super().on_load_checkpoint(checkpoint)
        if "vocabulary" not in checkpoint:
            raise CheckpointError(
                "the checkpoint holds no vocabulary.", "Use one written by torchedu."
            )
        vocabulary = Vocabulary.from_json(checkpoint["vocabulary"])
        if self.vocabulary is not None and vocabulary != self.vocabulary:
            raise CheckpointError(
                "the checkpoint belongs to other modules than this data has.",
                "To go on with new data, start from it with --init_from; its names then grow.",
            )
        self.vocabulary = vocabulary

    def grown(self, names: Vocabulary) -> "AtRisk":
        """Return this task with rows for new modules, to go on with other data.

        Args:
            names: The names of that data; those that are known keep their parameters, new ones
                start afresh.

        Returns:
            A new task, whose vocabulary is this one's with the new modules at its end.
        """
        assert self.vocabulary is not None
        vocabulary = self.vocabulary.grown(Vocabulary({MODULE: names[MODULE]}))
        new = type(self)(**{**self.hparams, "num_modules": len(vocabulary[MODULE])})
        new.vocabulary = vocabulary
        take_parameters(new.net, self.net)
        return new


def _builder(net: object) -> Callable[[int], EventModel]:
    """Return what builds the network, from itself or from its description in a checkpoint."""
    if isinstance(net, Mapping):
        kind = class_by_path(str(net["class_path"]), EventModel, "network")  # type: ignore[type-abstract]
        return partial(kind, **net["init_args"])
    return cast(Callable[[int], EventModel], net)

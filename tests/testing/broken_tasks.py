"""Tasks that break one contract each; nothing here imports Lightning."""

from dataclasses import replace
from typing import Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric

from torchedu.batch import AnswerBatch
from torchedu.companions import Companions
from torchedu.domains import Domain, Tracing
from torchedu.schema import ITEM, SKILL, Vocabulary


class Boxed(Tracing):
    """Its arguments are no plain JSON."""

    def arguments(self) -> dict[str, Any]:
        return super().arguments() | {"lr": torch.tensor(1e-3)}


class Forgetful(Tracing):
    """Its arguments leave out what it was built with."""

    def arguments(self) -> dict[str, Any]:
        return super().arguments() | {"num_items": 3}


class WatchesTraining(Tracing):
    monitor = "train/loss"


class WatchesAStranger(Tracing):
    monitor = "val/happiness"


class CountsBooks(Tracing):
    binds: ClassVar = {ITEM: "num_books", SKILL: "num_skills"}


class MeansOverRows(Tracing):
    def loss(self, batch: AnswerBatch) -> tuple[Tensor, Tensor]:
        loss_B, count_B = super().loss(batch)
        return loss_B.sum() / count_B.sum(), count_B.sum()


class LearnsNothing(Tracing):
    def forward(self, batch: AnswerBatch) -> Tensor:
        return super().forward(batch).detach().requires_grad_()


class ComparesRows(Tracing):
    def loss(self, batch: AnswerBatch) -> tuple[Tensor, Tensor]:
        loss_B, count_B = super().loss(batch)
        return loss_B - 0.1 * loss_B.mean(), count_B


class CountsFiller(Tracing):
    def loss(self, batch: AnswerBatch) -> tuple[Tensor, Tensor]:
        return super().loss(batch)[0], (batch.item_BL != 0).sum(1)


class ScoresFiller(Tracing):
    def outcome(self, batch: AnswerBatch) -> tuple[Tensor, ...]:
        probability_BL, mark_BL, _, student_BL = super().outcome(batch)
        return probability_BL, mark_BL, batch.item_BL != 0, student_BL


class AddsThePenalty(Tracing):
    def loss(self, batch: AnswerBatch) -> tuple[Tensor, Tensor]:
        loss_B, count_B = super().loss(batch)
        return loss_B + self.net.penalty(), count_B


class PunishesWithoutEnd(Tracing):
    def penalty(self) -> Tensor:
        return torch.tensor(torch.inf)


class MeanOfBatches(Metric):
    """A mean of means, which depends on how outcomes are cut."""

    full_state_update = False

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros(()), "sum")
        self.add_state("batches", torch.zeros(()), "sum")

    def update(self, probability_BL: Tensor, mark_BL: Tensor, scored_BL: Tensor) -> None:
        if scored_BL.any():
            self.total += (probability_BL - mark_BL)[scored_BL].abs().mean()
            self.batches += 1

    def compute(self) -> dict[str, float]:
        return {"auc": float(self.total / self.batches)}


class ScoresByBatch(Tracing):
    def __init__(self, net: Any, num_items: int, num_skills: int, lr: float = 1e-3) -> None:
        super().__init__(net, num_items, num_skills, lr=lr)
        self.metrics = MeanOfBatches()


class NeverBeginsAnew(Tracing):
    def computed(self, fitting: bool) -> dict[str, Any]:
        return {name: value * (1 + self.calls()) for name, value in super().computed(False).items()}

    def calls(self) -> int:
        self.called = getattr(self, "called", 0) + 1
        return self.called


class SaysPlainly(Tracing):
    def predict(self, batch: AnswerBatch) -> Any:
        return tuple(super().predict(batch))


class Uneven(NamedTuple):
    student: Tensor
    probability: Tensor


class SaysLess(Tracing):
    def predict(self, batch: AnswerBatch) -> Any:
        said = super().predict(batch)
        return Uneven(said.student, said.probability[:-1])


class CallsAllAlike(Tracing):
    def pseudonyms(self, batch: AnswerBatch) -> list[str]:
        return ["a student" for _ in batch.student_B]


class CallsTheFirst(Tracing):
    def pseudonyms(self, batch: AnswerBatch) -> list[str]:
        return super().pseudonyms(batch)[:1]


class ForgetsNames(Tracing):
    def take(self, companions: Companions) -> None:
        super().take(replace(companions, vocabulary=Vocabulary()))


class TakesAnything(Tracing):
    def take(self, companions: Companions) -> None:
        self.companions = companions


class KeepsASecret(Tracing):
    def forward(self, batch: AnswerBatch) -> Tensor:
        self.secret = getattr(self, "secret", torch.rand(1))
        return super().forward(batch) + self.secret


class AgreesWithAll(Tracing):
    def check_size(self, size: str, known: Any, given: Any) -> None:
        """Refuse nothing."""


class BeginsAgain(Tracing):
    def agree(self, data: Any, training: bool) -> None:
        super().agree(data, training)
        torch.nn.init.normal_(next(self.net.parameters()))


class ForgetsWhatItKnew(Tracing):
    def grown(self, names: Vocabulary) -> Self:
        known = super().grown(names)
        new = type(self)(**known.arguments())
        new.companions = known.companions
        return new


class CostsAsCudaForbids(Tracing):
    def loss(self, batch: AnswerBatch) -> tuple[Tensor, Tensor]:
        _, count_B = super().loss(batch)
        chance_BL = self(batch).float().sigmoid()
        each_BL = F.binary_cross_entropy(chance_BL, batch.correct_BL, reduction="none")
        return (each_BL * batch.scored_BL).sum(1), count_B


BROKEN: dict[type[Domain], str] = {
    CostsAsCudaForbids: "other_device",
    Boxed: "arguments",
    Forgetful: "arguments",
    WatchesTraining: "declared",
    CountsBooks: "declared",
    MeansOverRows: "summed_loss",
    LearnsNothing: "summed_loss",
    AddsThePenalty: "penalty_apart",
    PunishesWithoutEnd: "penalty_apart",
    WatchesAStranger: "outcome",
    ScoresByBatch: "outcome",
    NeverBeginsAnew: "outcome",
    SaysPlainly: "predictions",
    SaysLess: "predictions",
    CallsAllAlike: "pseudonyms",
    CallsTheFirst: "pseudonyms",
    ComparesRows: "rows_apart",
    CountsFiller: "nothing_counts",
    ScoresFiller: "nothing_counts",
    ForgetsNames: "checkpoint",
    TakesAnything: "checkpoint",
    KeepsASecret: "checkpoint",
    AgreesWithAll: "agreement",
    BeginsAgain: "agreement",
    ForgetsWhatItKnew: "grown",
}

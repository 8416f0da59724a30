"""Grading of answers typed, spoken and photographed: which scores, and how surely?"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from torchedu.batch import SpokenBatch
from torchedu.domains.domain import Domain, Schedule
from torchedu.layers import at_least_single
from torchedu.models.spoken_grader import SpokenGrader
from torchedu.ranges import NOT_NEGATIVE
from torchedu.schema import CHANNELS, ENCODER, PROMPT, RESERVED, SCORE

if TYPE_CHECKING:
    from torchedu.metrics.grade_scores import GradeScores

NEVER = -1e4
"""Log odds of places that a score's scale does not have."""


class Heard(NamedTuple):
    """How likely each place on each score's scale is.

    Attributes:
        answer: Row in the store; shape (answers,).
        chance: By all that there is of an answer; shape (answers, scores, places).
        typed: By the text alone; 0 where there is none.
        spoken: By the recording alone; 0 where there is none.
        photographed: By the photograph alone; 0 where there is none.
    """

    answer: Tensor
    chance: Tensor
    typed: Tensor
    spoken: Tensor
    photographed: Tensor


class Spoken(Domain):
    """Grades answers by what was typed, spoken or photographed; several scores at once.

    Each score has a scale of places: yes or no, a rubric's grades, or at most ``num_places`` of a
    finer scale. The network says how likely each is, so a grade comes with how sure it is. The loss
    is the cross-entropy; a score between two places counts for both, the more the nearer.

    Args:
        net: Called with the sizes below, gives the network: a class such as ``SpokenGrader`` or
            ``functools.partial(SpokenGrader, fusion="gated")``.
        num_scores: Scores of an answer.
        num_places: Places on the scale of a score, at most.
        num_bands: Numbers of a log-mel frame.
        text_dim: Width of the texts' vectors; 0 where bytes are read.
        speech_dim: Width of an encoder's states of recordings; 0 where log-mel frames are heard.
        image_dim: Numbers of a photograph's pixel, or of an encoder's state; 0 where no photographs
            are looked at.
        lr: Learning rate of AdamW.
        weight_decay: Its weight decay.
        schedule: ``constant`` keeps the learning rate; ``one_cycle`` raises it to ``lr`` over the
            first tenth of all steps and lowers it to nothing by the last.
    """

    net: SpokenGrader
    monitor = "val/score"
    counts = "scores"
    compares = "answers with several scores"
    sizes = ("num_scores", "num_places", "num_bands", "text_dim", "speech_dim", "image_dim")
    binds: ClassVar = {PROMPT: ""}
    fixed = (SCORE, ENCODER)
    nets = SpokenGrader
    keys = ("answer",)
    use_for = (
        "To give a first grade of short answers, typed, spoken or photographed, that a person "
        "looks at, and to show which answers to listen to."
    )
    not_for = (
        "To give the only grade, to grade people whose accent or microphone nobody trained on, or "
        "to tell emotions from voices, which the law of the European Union forbids in schools."
    )
    usual: ClassVar = {
        "net": "torchedu.models.SpokenGrader",
        "data": "torchedu.datamodules.SpokenAnswers",
    }
    places_Y: Tensor

    limits: ClassVar = dict.fromkeys(("text_dim", "speech_dim", "image_dim"), NOT_NEGATIVE)

    def __init__(
        self,
        net: Callable[[int, int, int, int, int, int], SpokenGrader],
        num_scores: int,
        num_places: int,
        num_bands: int,
        text_dim: int = 0,
        speech_dim: int = 0,
        image_dim: int = 0,
        lr: float = 3e-3,
        weight_decay: float = 0.05,
        schedule: Schedule = "one_cycle",
    ) -> None:
        super().__init__(lr, weight_decay, schedule)
        sizes = (num_scores, num_places, num_bands, text_dim, speech_dim, image_dim)
        self.net = self.built(net, SpokenGrader, *sizes)
        self.num_scores = num_scores
        self.num_places = num_places
        self.num_bands = num_bands
        self.text_dim, self.speech_dim, self.image_dim = text_dim, speech_dim, image_dim
        self.register_buffer("places_Y", torch.full((num_scores,), num_places))

    def agree(self, data: Any, training: bool) -> None:
        """Agree with the data, which need have no scores to be graded; see ``Domain.agree``."""
        if self.companions is not None and not training:
            data.ask_of(self.companions)
        super().agree(data, training)

    def check_size(self, size: str, known: Any, given: Any) -> None:
        """Refuse other sizes, but for shorter scales."""
        if not (size == "num_places" and given < known):
            super().check_size(size, known, given)

    def take_facts(self, data: Any, fresh: bool) -> None:
        """Count the places on each score's scale."""
        if fresh:
            self.places_Y.copy_(torch.as_tensor(data.places))

    def scoring(self) -> "GradeScores":
        """Return what the scores are computed by; see ``Domain.metrics``."""
        from torchedu.metrics.grade_scores import GradeScores

        return GradeScores(self.num_scores)

    @property
    def ranges(self) -> NDArray[np.float64]:
        """Lowest and highest score, in the user's terms; shape (scores, 2)."""
        assert self.companions is not None
        assert self.companions.ranges is not None
        return self.companions.ranges[RESERVED, :, :2].astype(np.float64)

    def _log_chance(self, batch: SpokenBatch) -> Tensor:
        logit_BYK = at_least_single(self(batch))
        place_K = torch.arange(self.num_places, device=logit_BYK.device)
        there_YK = place_K < self.places_Y.unsqueeze(1)
        return torch.where(there_YK, logit_BYK, NEVER).log_softmax(-1)

    def loss(self, batch: SpokenBatch) -> tuple[Tensor, Tensor]:
        """Return the summed cross-entropy of each answer's scores, and their number."""
        log_BYK = self._log_chance(batch)
        place_BY = batch.target_BY.clamp(0, 1) * (self.places_Y - 1)
        low_BY = place_BY.floor()
        above_BY = place_BY - low_BY
        low_BY1 = low_BY.long().unsqueeze(-1)
        high_BY1 = (low_BY1 + 1).clamp(max=self.num_places - 1)
        each_BY = -(
            (1 - above_BY) * log_BYK.gather(2, low_BY1).squeeze(-1)
            + above_BY * log_BYK.gather(2, high_BY1).squeeze(-1)
        )
        loss_B = torch.where(batch.scored_BY, each_BY, 0).sum(1)
        return loss_B + self.net.own_loss(batch, log_BYK), batch.scored_BY.sum(1)

    def pseudonyms(self, batch: SpokenBatch) -> list[str]:
        """Name each row of a batch by its answer's row in the store."""
        return [f"answer row {row}" for row in batch.answer_B.tolist()]

    def chances(self, batch: SpokenBatch) -> Tensor:
        """Return how likely each place of each score is; shape (B, Y, K)."""
        return self._log_chance(batch).exp()

    def values(self, chance_BYK: Tensor) -> Tensor:
        """Return scores in 0..1, the means of what is likely; shape (B, Y)."""
        place_K = torch.arange(self.num_places, device=chance_BYK.device)
        return (chance_BYK * place_K).sum(-1) / (self.places_Y - 1).clamp(min=1)

    def output(self, batch: SpokenBatch) -> dict[str, Tensor]:
        """Return what ``chances`` does; see ``Domain.output``."""
        return {"chance": self.chances(batch)}

    def outcome(self, batch: SpokenBatch) -> tuple[Tensor, ...]:
        """Return grades, truth, what counts, and the places of scales."""
        value_BY = self.values(self.chances(batch))
        return value_BY, batch.target_BY, batch.scored_BY, self.places_Y

    def predict(self, batch: SpokenBatch) -> Heard:
        """Return how likely each place is, by all that there is of an answer and by parts of it."""
        chance_BYK = self.chances(batch)
        alone = [torch.zeros_like(chance_BYK) for _ in CHANNELS]
        for channel in range(len(self.net.channels)):
            place_C = torch.arange(len(CHANNELS), device=batch.has_BC.device)
            only_BC = batch.has_BC & (place_C == channel)
            by_it_BYK = self.chances(batch._replace(has_BC=only_BC))
            alone[channel] = torch.where(only_BC.any(1)[:, None, None], by_it_BYK, 0)
        return Heard(batch.answer_B, chance_BYK, *alone)

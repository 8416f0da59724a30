"""Grading of texts: which score, or which label, would people give this essay or answer?"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from torchedu.batch import EssayBatch
from torchedu.domains.domain import Domain, Schedule
from torchedu.errors import ConfigError
from torchedu.layers import at_least_single
from torchedu.models.grader import Grader
from torchedu.ranges import POSITIVE, Range
from torchedu.schema import ENCODER, LABEL, PROMPT, SCORE, SURFACE_NUMBERS

if TYPE_CHECKING:
    from torchedu.metrics.essay_scores import EssayScores


class Grades(NamedTuple):
    """What texts are given.

    Attributes:
        text: Row in the store; shape (texts,).
        prompt: The prompt, an id.
        value: Scores in 0..1 before they are stretched, shape (texts, scores); where labels are
            given, the chance of each, shape (texts, labels).
    """

    text: Tensor
    prompt: Tensor
    value: Tensor


class Grading(Domain):
    """Grades essays and short answers, of several prompts and scales in one network.

    Scores are told in 0..1 of each prompt's range. After each validation a stretch is chosen for
    each prompt (``EssayScores``) and kept with the weights. Short answers are the same task with a
    reference beside each and labels for scores.

    Args:
        net: Called with the sizes below, gives the network: a class such as ``FrozenGrader`` or
            ``functools.partial(FrozenGrader, hidden=32)``.
        num_prompts: Number of prompt ids, the reserved ones included.
        num_scores: Scores of a text: the overall one and the traits.
        num_labels: Number of labels; 0 where texts have scores.
        num_steps: Most steps of a scale.
        num_roles: Texts that are read at once.
        dim: Width of the encoder's vectors.
        encoder: The encoder's name, or its folder.
        num_surface_columns: Numbers of what is counted on the surface of a text.
        encoder_lr: Learning rate of an encoder that is trained along; ``lr`` is the head's.
        layer_decay: Each block of it has the rate of the block above times this.
        lr: Learning rate of AdamW.
        weight_decay: Its weight decay.
        schedule: ``constant`` keeps the learning rate; ``one_cycle`` raises it to ``lr`` over the
            first tenth of all steps and lowers it to nothing by the last.

    Raises:
        ConfigError: A value is out of range.
    """

    limits: ClassVar = {"encoder_lr": POSITIVE, "layer_decay": Range(0, 1, above=True)}
    net: Grader
    metrics: "EssayScores"  # kept with the weights: what stretches scores is a part of it
    keys = ("text",)
    use_for = (
        "To give a first or second grade that a person looks at, and to show where two "
        "graders differ."
    )
    not_for = (
        "To give the only grade of an examination: what reads well to it may be wrong, and "
        "the other way round."
    )
    monitor = "val/score"
    counts = "scores"
    compares = "several scores of a prompt or several labels"
    sizes = (
        "num_prompts", "num_scores", "num_labels", "num_steps", "num_roles", "dim", "encoder",
        "num_surface_columns",
    )  # fmt: skip
    binds: ClassVar = {PROMPT: "num_prompts"}
    fixed = (SCORE, LABEL, ENCODER)
    nets = Grader
    trained_by = (*Domain.trained_by, "encoder_lr", "layer_decay")
    usual: ClassVar = {
        "net": "torchedu.models.FrozenGrader",
        "data": "torchedu.datamodules.Essays",
    }

    def __init__(
        self,
        net: Callable[[int, int, int, int, int, str, int], Grader],
        num_prompts: int,
        num_scores: int,
        num_labels: int,
        num_steps: int,
        num_roles: int,
        dim: int,
        encoder: str,
        num_surface_columns: int = len(SURFACE_NUMBERS),
        encoder_lr: float = 5e-5,
        layer_decay: float = 0.9,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        schedule: Schedule = "one_cycle",
    ) -> None:
        super().__init__(lr, weight_decay, schedule)
        sizes = (num_prompts, num_scores, num_steps, num_roles, dim, encoder, num_surface_columns)
        self.net = self.built(net, Grader, *sizes)
        self.num_prompts = num_prompts
        self.num_scores = num_scores
        self.num_labels = num_labels
        self.num_steps = num_steps
        self.num_roles = num_roles
        self.dim = dim
        self.encoder = encoder
        self.num_surface_columns = num_surface_columns
        self.encoder_lr = encoder_lr
        self.layer_decay = layer_decay
        from torchedu.metrics.essay_scores import EssayScores  # slow to import

        self.metrics = EssayScores(num_prompts, num_scores, num_labels)

    def agree(self, data: Any, training: bool) -> None:
        """Agree with the data on what is read, then as every task does; see ``Domain.agree``."""
        if data.frozen != (self.net.reads == "vectors"):
            raise ConfigError(
                f"{type(self.net).__name__} reads {self.net.reads}, and ⟦data.frozen⟧ is "
                f"{data.frozen}.",
                f"Set ⟦data.frozen⟧ to {str(self.net.reads == 'vectors').lower()}.",
            )
        super().agree(data, training)

    def check_size(self, size: str, known: Any, given: Any) -> None:
        """Refuse other sizes, but for shorter scales; encoders are told apart by name."""
        shorter = size == "num_steps" and given < known
        if size != "encoder" and not shorter:
            super().check_size(size, known, given)

    @property
    def ranges(self) -> NDArray[np.float32]:
        """Lowest and highest score and step of each prompt and score, where texts have scores."""
        assert self.companions is not None
        assert self.companions.ranges is not None
        return self.companions.ranges

    def take_facts(self, data: Any, fresh: bool) -> None:
        """Count the steps of the scales of prompts."""
        if not self.num_labels:
            low, high, step = np.moveaxis(self.ranges, -1, 0)
            steps = torch.from_numpy((high - low) / step.clip(1e-6))
            self.metrics.steps_PY.copy_(steps.round().clamp(min=1))

    def loss(self, batch: EssayBatch) -> tuple[Tensor, Tensor]:
        """Return the summed loss of each text's scores, averaged over members, and their number."""
        steps_BY = self.metrics.steps_PY[batch.prompt_B]
        raw_MBYK = at_least_single(self(batch))
        each_BY = self.net.output.loss(raw_MBYK, batch.target_BY, steps_BY).mean(0)
        loss_B = (each_BY * batch.scored_BY).sum(1) + self.net.own_loss(batch, raw_MBYK)
        return loss_B, batch.scored_BY.sum(1)

    def finite_rows(self, batch: EssayBatch, given: Tensor) -> Tensor:
        """Say of each text whether all members gave finite numbers; see ``Domain.finite_rows``."""
        return super().finite_rows(batch, given.movedim(1, 0))

    def pseudonyms(self, batch: EssayBatch) -> list[str]:
        """Name each row of a batch by its text's row in the store."""
        return [f"text row {row}" for row in batch.text_B.tolist()]

    def values(self, batch: EssayBatch) -> Tensor:
        """Return scores in 0..1 (B, Y), or the chance of each label (B, labels)."""
        raw_MBYK = self(batch).float()
        if self.num_labels:
            return raw_MBYK[:, :, 0].softmax(-1).mean(0)
        return self.net.output.value(raw_MBYK, self.metrics.steps_PY[batch.prompt_B]).mean(0)

    def output(self, batch: EssayBatch) -> dict[str, Tensor]:
        """Return what ``values`` does; see ``Domain.output``."""
        return {"chance" if self.num_labels else "value": self.values(batch)}

    def outcome(self, batch: EssayBatch) -> tuple[Tensor, ...]:
        """Return predictions, truth, prompts, and what counts in a batch."""
        return self.values(batch), batch.target_BY, batch.prompt_B, batch.scored_BY

    def computed(self, fitting: bool) -> dict[str, Any]:
        """Return the scores, after choosing each prompt's stretch where this is training."""
        self.metrics.chooses = fitting
        scores = super().computed(fitting)
        self.metrics.chooses = False
        return scores

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the parameters: an encoder's have lower rates, the lower the deeper they are."""
        depths = self.net.depths()
        if depths is None:
            return super().parameter_groups()
        top = self.encoder_lr
        return [
            {"params": those, "lr": top * self.layer_decay ** (depth - 1) if depth else self.lr}
            for depth, those in depths
        ]

    def scaled(self, value: NDArray[np.float64], prompt: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return scores as people write them: stretched, and in steps of their prompts' scales.

        Args:
            value: Scores in 0..1; shape (texts, scores).
            prompt: The prompts; shape (texts,).
        """
        steps = self.metrics.calibrated(value, prompt)
        low, _, step = np.moveaxis(self.ranges.astype(np.float64)[prompt], -1, 0)
        return np.round(low + steps * step, 6)

    def predict(self, batch: EssayBatch) -> Grades:
        """Return what the texts of a batch are given."""
        return Grades(batch.text_B, batch.prompt_B, self.values(batch))

"""Grading of texts: which score, or which label, would people give this essay or answer?"""

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from torchedu.batch import EssayBatch
from torchedu.errors import CheckpointError, ConfigError
from torchedu.metrics.essay_scores import EssayScores
from torchedu.models.grader import Grader
from torchedu.schema import ENCODER, LABEL, PROMPT, SCORE, Vocabulary
from torchedu.tasks.base import Schedule, class_path
from torchedu.tasks.named import NamedTask, builder


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


class EssayGrading(NamedTask):
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
        encoder_lr: Learning rate of an encoder that is trained along; ``lr`` is the head's.
        layer_decay: Each block of it has the rate of the block above times this.
        lr: Learning rate of AdamW.
        weight_decay: Its weight decay.
        schedule: ``constant`` keeps the learning rate; ``one_cycle`` raises it to ``lr`` over the
            first tenth of all steps and lowers it to nothing by the last.

    Raises:
        ConfigError: A value is out of range.
    """

    net: Grader
    metrics: EssayScores
    ranges: Tensor
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
    sizes = ("num_prompts", "num_scores", "num_labels", "num_steps", "num_roles", "dim", "encoder")
    nets = Grader
    trained_by = (*NamedTask.trained_by, "encoder_lr", "layer_decay")
    usual: ClassVar = {
        "net": "torchedu.models.FrozenGrader",
        "data": "torchedu.datamodules.Essays",
    }

    def __init__(
        self,
        net: Callable[[int, int, int, int, int, str], Grader],
        num_prompts: int,
        num_scores: int,
        num_labels: int,
        num_steps: int,
        num_roles: int,
        dim: int,
        encoder: str,
        encoder_lr: float = 5e-5,
        layer_decay: float = 0.9,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        schedule: Schedule = "one_cycle",
    ) -> None:
        super().__init__(lr, weight_decay, schedule)
        if encoder_lr <= 0 or not 0 < layer_decay <= 1:
            raise ConfigError(
                f"encoder_lr is {encoder_lr}, layer_decay {layer_decay}.",
                "encoder_lr is above 0, layer_decay above 0 and at most 1.",
            )
        sizes = (num_prompts, num_scores, num_steps, num_roles, dim)
        self.net = builder(net, Grader)(*sizes, encoder)
        self.num_labels = num_labels
        self.encoder_lr = encoder_lr
        self.layer_decay = layer_decay
        self.metrics = EssayScores(num_prompts, num_scores, num_labels)
        self.register_buffer("ranges", torch.zeros(num_prompts, num_scores, 3))
        self.save_hyperparameters(
            {
                "net": {
                    "class_path": class_path(type(self.net)),
                    "init_args": self.net.arguments(),
                },
                "num_prompts": num_prompts,
                "num_scores": num_scores,
                "num_labels": num_labels,
                "num_steps": num_steps,
                "num_roles": num_roles,
                "dim": dim,
                "encoder": encoder,
                "encoder_lr": encoder_lr,
                "layer_decay": layer_decay,
                "lr": lr,
                "weight_decay": weight_decay,
                "schedule": schedule,
            }
        )

    def setup(self, stage: str) -> None:
        """Agree with the data on prompts, scales and labels, and learn what is usual in it.

        Args:
            stage: ``fit``, ``validate``, ``test`` or ``predict``.

        Raises:
            ConfigError: The data has other sizes than the network, or gives vectors for tokens.
        """
        data = getattr(self.trainer, "datamodule", None)
        if data is None:
            return
        if data.frozen != (self.net.reads == "vectors"):
            raise ConfigError(
                f"{type(self.net).__name__} reads {self.net.reads}, and data.frozen is "
                f"{data.frozen}.",
                f"Set --data.frozen {str(self.net.reads == 'vectors').lower()}.",
            )
        for size in self.sizes[1:-1]:
            known, given = self.hparams[size], getattr(data, size)
            if known != given and not (size == "num_steps" and given < known):
                raise ConfigError(
                    f"the network has {size} {known}, the data {given}.",
                    "Give data with the same scores, labels and encoder, or train on it anew.",
                )
        kinds = {kind: data.vocabulary[kind] for kind in (PROMPT, SCORE, LABEL, ENCODER)}
        first = self.vocabulary is None
        if self.vocabulary is None:
            if data.num_prompts != self.hparams["num_prompts"]:
                raise ConfigError(
                    f"the network has {self.hparams['num_prompts']} prompts, the data "
                    f"{data.num_prompts}.",
                    "Build it with the data's num_prompts.",
                )
            self.vocabulary = Vocabulary(kinds)
        for kind in (SCORE, LABEL, ENCODER):
            if self.vocabulary[kind] != kinds[kind]:
                raise CheckpointError(
                    f"the data has the {kind}s {', '.join(kinds[kind])}, the network was trained "
                    f"on {', '.join(self.vocabulary[kind])}.",
                    "Give data with the same ones.",
                )
        if first or stage == "fit":
            self._take_ranges(data)
        if self.vocabulary[PROMPT] != data.vocabulary[PROMPT]:
            data.use(self.vocabulary, self.ranges.cpu().numpy())
        if first or stage == "fit":
            self.net.begin(data.training_texts(self.net.start))

    def _take_ranges(self, data: Any) -> None:
        """Take the ranges of the scores of prompts that have none yet."""
        assert self.vocabulary is not None
        if self.num_labels:
            return
        ids = np.array(data.store.vocabulary[PROMPT].translation(self.vocabulary[PROMPT]))
        given = torch.from_numpy(np.nan_to_num(data.store.ranges)).to(self.ranges)
        known = self.ranges[ids][..., 2:] > 0
        self.ranges[ids] = torch.where(known, self.ranges[ids], given)
        low, high, step = self.ranges.unbind(-1)
        self.metrics.steps_PY.copy_(((high - low) / step.clamp(min=1e-6)).round().clamp(min=1))

    def forward(self, batch: EssayBatch) -> Tensor:
        """Return what the head tells of a batch, by member; see ``Grader.forward``."""
        raw_MBYK: Tensor = self.net(batch)
        return raw_MBYK

    def loss(self, batch: EssayBatch) -> tuple[Tensor, Tensor]:
        """Return the summed loss of each text's scores, averaged over members, and their number."""
        steps_BY = self.metrics.steps_PY[batch.prompt_B]
        each_BY = self.net.output.loss(self(batch).float(), batch.target_BY, steps_BY).mean(0)
        return (each_BY * batch.scored_BY).sum(1), batch.scored_BY.sum(1)

    def pseudonyms(self, batch: EssayBatch) -> list[str]:
        """Name each row of a batch by its text's row in the store."""
        return [f"text row {row}" for row in batch.text_B.tolist()]

    def values(self, batch: EssayBatch) -> Tensor:
        """Return scores in 0..1 (B, Y), or the chance of each label (B, labels)."""
        raw_MBYK = self(batch).float()
        if self.num_labels:
            return raw_MBYK[:, :, 0].softmax(-1).mean(0)
        return self.net.output.value(raw_MBYK, self.metrics.steps_PY[batch.prompt_B]).mean(0)

    def outcome(self, batch: EssayBatch) -> tuple[Tensor, ...]:
        """Return predictions, truth, prompts, and what counts in a batch."""
        return self.values(batch), batch.target_BY, batch.prompt_B, batch.scored_BY

    def on_validation_epoch_end(self) -> None:
        """Log the scores, after choosing each prompt's stretch where this is training."""
        self.metrics.chooses = self.trainer.state.fn == TrainerFn.FITTING
        super().on_validation_epoch_end()
        self.metrics.chooses = False

    def predict_step(self, batch: EssayBatch, batch_idx: int) -> Grades:
        """Return what the texts of a batch are given."""
        return Grades(batch.text_B, batch.prompt_B, self.values(batch))

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the parameters: an encoder's have lower rates, the lower the deeper they are."""
        depths = getattr(self.net, "depths", None)
        if depths is None:
            return super().parameter_groups()
        top = self.encoder_lr
        return [
            {"params": those, "lr": top * self.layer_decay ** (depth - 1) if depth else self.lr}
            for depth, those in depths()
        ]

    def grown(self, names: Vocabulary) -> Self:
        """Return this task with parameters for new prompts, to go on with other data."""
        assert self.vocabulary is not None
        vocabulary = self.vocabulary.grown(Vocabulary({PROMPT: names[PROMPT]}))
        new = type(self)(**{**self.hparams, **self.sizes_of(vocabulary)})
        new.vocabulary = vocabulary
        state = new.state_dict()
        for name, value in self.state_dict().items():
            state[name][tuple(slice(size) for size in value.shape)] = value
        return new

    def sizes_of(self, vocabulary: Vocabulary) -> dict[str, int]:
        """Return the number of prompts of a vocabulary."""
        return {"num_prompts": len(vocabulary[PROMPT])}

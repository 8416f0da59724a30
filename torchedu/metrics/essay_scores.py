"""Scores of graded texts over batches and devices, and the stretch that serves them best."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from torchedu.metrics.agreement import agreement, best_stretch, stretched
from torchedu.metrics.tags import confusion, tag_scores


def mean_of(values: list[float | None]) -> float | None:
    """Return the mean of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


class EssayScores(Metric):
    """Compares predictions with what people gave: by prompt where scores are, else by label.

    Before they are compared, scores are stretched about a centre, by a factor for each prompt and
    score, and rounded to the prompt's scale. Both are chosen where ``chooses`` is set, on what is
    compared then, and are kept with the network's weights.

    Args:
        num_prompts: Number of prompt ids, the reserved ones included.
        num_scores: Scores of a text.
        num_labels: Number of labels; 0 where texts have scores.
    """

    full_state_update = False
    is_differentiable = False

    value: list[Tensor]
    target: list[Tensor]
    prompt: list[Tensor]
    steps_PY: Tensor
    centre_PY: Tensor
    factor_PY: Tensor

    def __init__(self, num_prompts: int, num_scores: int, num_labels: int) -> None:
        super().__init__()
        for name in ("value", "target", "prompt"):
            self.add_state(name, [], dist_reduce_fx="cat")
        self.num_labels = num_labels
        self.chooses = False
        steps = max(1, num_labels - 1)
        self.register_buffer("steps_PY", torch.full((num_prompts, num_scores), float(steps)))
        self.register_buffer("centre_PY", torch.full((num_prompts, num_scores), 0.5))
        self.register_buffer("factor_PY", torch.ones(num_prompts, num_scores))

    def update(
        self, value_BY: Tensor, target_BY: Tensor, prompt_B: Tensor, scored_BY: Tensor
    ) -> None:
        """Add a batch.

        Args:
            value_BY: Scores in 0..1; where labels are given, the chance of each (B, labels).
            target_BY: What people gave, in 0..1.
            prompt_B: The prompts.
            scored_BY: Which count.
        """
        here_B = scored_BY.any(1)
        target_BY = target_BY.masked_fill(~scored_BY, torch.nan)
        self.value.append(value_BY[here_B])
        self.target.append(target_BY[here_B])
        self.prompt.append(prompt_B[here_B])

    def compute(self) -> dict[str, float | None]:
        """Return the scores: ``score``, the one that chooses, and the rest by name."""
        if not len(self.value):  # a list, or one tensor of several ranks
            return {"score": None}
        value, target = (
            dim_zero_cat(kept).cpu().double().numpy() for kept in (self.value, self.target)
        )
        prompt = dim_zero_cat(self.prompt).cpu().numpy()
        if self.num_labels:
            return self.of_labels(value, target)
        if self.chooses:
            self.choose(value, target, prompt)
        return self.of_scores(value, target, prompt)

    def of_labels(self, chance: NDArray[Any], target: NDArray[Any]) -> dict[str, float | None]:
        """Return the scores of labels; see ``tag_scores``."""
        truth = np.rint(target[:, 0] * (self.num_labels - 1)).astype(np.int64)
        scores = tag_scores(confusion(truth, chance.argmax(1), self.num_labels), alike=None)
        return {"score": scores["macro_f1"], **scores}

    def of_scores(
        self, value: NDArray[Any], target: NDArray[Any], prompt: NDArray[Any]
    ) -> dict[str, float | None]:
        """Return means over prompts: of the overall score, and in ``score`` over traits too."""
        agreed = list(self.by_prompt(value, target, prompt).values())
        means = {name: mean_of([each[0][name] for each in agreed]) for name in agreed[0][0]}
        return {"score": mean_of([each["qwk"] for scores in agreed for each in scores]), **means}

    def by_prompt(
        self, value: NDArray[Any], target: NDArray[Any], prompt: NDArray[Any]
    ) -> dict[int, list[dict[str, float | None]]]:
        """Return the agreement of each score, by prompt."""
        given, steps = self.calibrated(value, prompt), self.steps_PY.cpu().numpy()
        scores: dict[int, list[dict[str, float | None]]] = {}
        for id, i, known in _of_each(prompt, target):
            truth = np.rint(target[known, i] * steps[id, i])
            scores.setdefault(id, []).append(agreement(given[known, i], truth))
        return scores

    def calibrated(self, value: NDArray[Any], prompt: NDArray[Any]) -> NDArray[np.float64]:
        """Return predictions in steps of the prompt's scale, stretched and rounded."""
        steps, centre, factor = (
            chosen.cpu().double().numpy()[prompt]
            for chosen in (self.steps_PY, self.centre_PY, self.factor_PY)
        )
        return np.asarray(np.rint(stretched(value, centre, factor) * steps))

    def choose(self, value: NDArray[Any], target: NDArray[Any], prompt: NDArray[Any]) -> None:
        """Choose each prompt's stretch on some texts, which it is then not to be judged by.

        Args:
            value: Scores in 0..1; shape (texts, scores).
            target: What people gave, NaN where missing.
            prompt: The prompts; shape (texts,).
        """
        for id, i, known in _of_each(prompt, target):
            steps = float(self.steps_PY[id, i])
            truth = np.rint(target[known, i] * steps)
            self.centre_PY[id, i], self.factor_PY[id, i] = best_stretch(
                value[known, i], truth, steps
            )


def _of_each(
    prompt: NDArray[Any], target: NDArray[Any]
) -> Iterator[tuple[int, int, NDArray[np.bool_]]]:
    """Yield each prompt and score, and which texts have that score of that prompt."""
    for id in np.unique(prompt).tolist():
        for i in range(target.shape[1]):
            yield id, i, (prompt == id) & np.isfinite(target[:, i])

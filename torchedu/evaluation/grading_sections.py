"""What a report shows of graded texts: given beside predicted grades, and some texts with both."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from torchedu.datamodules import Essays
from torchedu.evaluation.sections import confused, lacking
from torchedu.schema import LABEL, PROMPT
from torchedu.sections import Section, Table
from torchedu.tasks import EssayGrading

EXAMPLES = 6
"""Texts that are shown: half of them where the network is farthest from people."""
LETTERS = 400
"""Characters of a text that are shown."""
MOST_GRADES = 12
"""Grades of a table; a finer scale is divided into stretches."""
STRETCHES = 6

Ids = NDArray[np.int64]
Values = NDArray[np.float64]


def given_and_predicted(
    task: EssayGrading, data: Essays, text: Ids, prompt: Ids, value: Values
) -> list[Section]:
    """Show how often which grade was given to what people gave which, and some texts.

    Args:
        task: The trained task.
        data: The texts.
        text: Which were scored, as rows of the store; shape (texts,).
        prompt: Their prompts, in the network's ids.
        value: What the network predicted; shape (texts, scores or labels).
    """
    assert task.vocabulary is not None
    target = data.batches.target[text, 0]
    known = np.isfinite(target)
    title = "Given and predicted grades"
    if not known.any():
        return [lacking(title, "People graded none of these texts.")]
    prompts = task.vocabulary[PROMPT]
    text, prompt, value, target = text[known], prompt[known], value[known], target[known]
    if task.num_labels:
        labels = list(task.vocabulary[LABEL])
        given = np.rint(target * (task.num_labels - 1)).astype(np.int64)
        said = value.argmax(1)
        miss = (given != said).astype(float)
        by_people, by_network = ([labels[i] for i in ids.tolist()] for ids in (given, said))
        tables = [confused(given, said, labels, "people", "the network")]
    else:
        steps = task.metrics.steps_PY.cpu().double().numpy()[prompt]
        given = np.rint(target * steps[:, 0]).astype(np.int64)
        said = task.metrics.calibrated(value, prompt)[:, 0].astype(np.int64)
        low, _, step = np.moveaxis(task.ranges.astype(np.float64)[prompt][:, 0], -1, 0)
        miss = np.abs(given - said) / np.maximum(steps[:, 0], 1)
        by_people, by_network = (
            [f"{grade:g}" for grade in np.round(low + grades * step, 6).tolist()]
            for grades in (given, said)
        )
        tables = []
        for id in np.unique(prompt).tolist():
            mine = prompt == id
            first = int(np.flatnonzero(mine)[0])
            grades = low[first] + np.arange(int(steps[first, 0]) + 1) * step[first]
            tables.append(_of_prompt(given[mine], said[mine], grades, prompts.name(id)))
    counted = Section(
        title,
        "How many texts people gave each grade (rows), and what the network gave them (columns). "
        "On the diagonal both agree.",
        tables[:EXAMPLES],
    )
    worst = np.argsort(-miss, kind="stable")
    half = EXAMPLES // 2
    chosen = np.unique([*worst[:half], *worst[np.linspace(0, len(worst) - 1, half).astype(int)]])
    texts = data.store.all_texts
    rows = [
        [
            prompts.name(int(prompt[i])),
            _cut(texts[text[i]]),
            by_people[i],
            by_network[i],
        ]
        for i in sorted(chosen.tolist(), key=lambda i: -miss[i])
    ]
    examples = Section(
        "Graded texts",
        "Some texts with both grades; the first are those where the network is farthest off.",
        [Table(["prompt", "text", "people", "the network"], rows)],
        private=True,
    )
    return [counted, examples]


def _of_prompt(given: Ids, said: Ids, grades: Values, prompt: str) -> Table:
    """Count the grades of a prompt; a fine scale in stretches of as many steps."""
    names: Sequence[str] = [f"{grade:g}" for grade in np.round(grades, 6).tolist()]
    if len(names) > MOST_GRADES:
        wide = -(-len(names) // STRETCHES)
        given, said = given // wide, said // wide
        names = [
            f"{names[begin]}–{names[min(begin + wide, len(names)) - 1]}"
            for begin in range(0, len(names), wide)
        ]
    return confused(given, said, names, "people", "the network", f"Prompt {prompt}")


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 1].rstrip()}…"

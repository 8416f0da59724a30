"""Grades in the user's own scales and names: a row a text."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from lightning import Trainer
from numpy.typing import NDArray

from torchedu.datamodules import Essays
from torchedu.prediction.any_task import check_format, predict
from torchedu.prediction.stream import predicted
from torchedu.prediction.tables import names_array, write_table
from torchedu.run_folder import RunFolder
from torchedu.schema import LABEL, PROMPT, RESERVED, SCORE
from torchedu.tasks import EssayGrading


class PredictedGrades(NamedTuple):
    """What texts are given, in the order of the store.

    Attributes:
        text: Row in the store; shape (texts,).
        prompt: The prompt, an id of the network's vocabulary.
        value: Scores in 0..1 before they are stretched, or the chance of each label.
    """

    text: NDArray[np.int64]
    prompt: NDArray[np.int64]
    value: NDArray[np.float64]


@predict.register
def _(
    task: EssayGrading, data: Essays, trainer: Trainer, folder: Path, form: str = "parquet"
) -> dict[Path, str]:
    """Write each text's scores, in steps of its prompt's scale, or its label."""
    check_format(form)
    grades = predicted_grades(task, data, trainer, None)
    if not trainer.is_global_zero:
        return {}
    file = RunFolder(folder).table("grades", form)
    write_table(file, iter([_named(task, data, grades)]))
    return {file: "each text's label" if task.num_labels else "each text's scores"}


def predicted_grades(
    task: EssayGrading, data: Essays, trainer: Trainer, part: str | None
) -> PredictedGrades:
    """Grade the texts of a part, or all where it is None.

    Args:
        task: The trained task.
        data: The texts.
        trainer: Runs the network.
        part: ``train``, ``val`` or ``test``.

    Returns:
        The grades of all ranks.
    """
    found = predicted(task, data, part, trainer)
    text = found["text"]
    once = np.diff(text, prepend=-1) > 0  # a rank without work repeats a batch
    return PredictedGrades(text[once], found["prompt"][once], found["value"][once].astype(float))


def _named(task: EssayGrading, data: Essays, grades: PredictedGrades) -> pa.Table:
    assert task.vocabulary is not None
    names = task.vocabulary
    prompts = names_array(names[PROMPT]).take(pa.array(grades.prompt))
    table = {"text": data.store.names(grades.text), "prompt": prompts}
    if task.num_labels:
        labels = names_array(names[LABEL])
        table["label"] = labels.take(pa.array(grades.value.argmax(1) + RESERVED))
        for i, name in enumerate(names[LABEL]):
            table[f"chance of {name}"] = grades.value[:, i]
    else:
        scores = task.scaled(grades.value, grades.prompt)
        for i, name in enumerate(names[SCORE]):
            table[name] = scores[:, i]
    return pa.table(table)

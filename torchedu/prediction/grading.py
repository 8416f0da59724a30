"""Grades in the user's own scales and names: a row a text."""

import pyarrow as pa

from torchedu.datamodules import Essays
from torchedu.prediction.any_task import Output, outputs
from torchedu.prediction.stream import Columns
from torchedu.prediction.tables import first_of_each, names_array
from torchedu.schema import LABEL, PROMPT, RESERVED, SCORE
from torchedu.tasks import EssayGrading


@outputs.register
def _(task: EssayGrading, data: Essays, columns: Columns) -> list[Output]:
    """Tell each text's scores, in steps of its prompt's scale, or its label."""
    holds = "each text's label" if task.num_labels else "each text's scores"
    return [Output("grades", holds, _named(task, data, first_of_each(columns, "text")))]


def _named(task: EssayGrading, data: Essays, grades: Columns) -> pa.Table:
    assert task.vocabulary is not None
    names, prompt = task.vocabulary, grades["prompt"]
    value = grades["value"].astype(float)
    prompts = names_array(names[PROMPT]).take(pa.array(prompt))
    table = {"text": data.store.names(grades["text"]), "prompt": prompts}
    if task.num_labels:
        labels = names_array(names[LABEL])
        table["label"] = labels.take(pa.array(value.argmax(1) + RESERVED))
        for i, name in enumerate(names[LABEL]):
            table[f"chance of {name}"] = value[:, i]
    else:
        scores = task.scaled(value, prompt)
        for i, name in enumerate(names[SCORE]):
            table[name] = scores[:, i]
    return pa.table(table)

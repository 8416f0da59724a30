"""Grades of answers of several channels, in the user's scales and names, and how sure they are."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from torchedu.datamodules import SpokenAnswers
from torchedu.metrics.grades import interval
from torchedu.prediction.any_task import Output, outputs
from torchedu.prediction.stream import Columns
from torchedu.prediction.tables import first_of_each
from torchedu.schema import CHANNELS, SCORE
from torchedu.tasks import AnswerGrading

Values = NDArray[np.float64]


@outputs.register
def _(task: AnswerGrading, data: SpokenAnswers, columns: Columns) -> list[Output]:
    """Tell each answer's scores, between what they lie with 80 % chance, and by parts of it."""
    holds = "each answer's scores, each with the ends of what it is with a chance of 80 %"
    return [Output("scores", holds, _named(task, data, first_of_each(columns, "answer")))]


def _named(task: AnswerGrading, data: SpokenAnswers, heard: Columns) -> pa.Table:
    assert task.vocabulary is not None
    low, high = task.ranges.T
    places = task.places_Y.cpu().numpy()
    answer, alone = heard["answer"], CHANNELS[: len(task.net.channels)]
    table: dict[str, Any] = {
        "answer": data.store.names(answer),
        "speaker": pa.array([name or None for name in
                             data.store.texts("answers", "speaker", answer)], pa.string()),
        **{key: heard[key].any((1, 2)) for key in alone},
    }  # fmt: skip
    for y, name in enumerate(task.vocabulary[SCORE]):
        chance = {key: heard[key][:, y].astype(np.float64) for key in ("chance", *alone)}
        ends = interval(chance["chance"], int(places[y]))

        def scaled(value: NDArray[Any], y: int = y) -> Values:
            rounded: Values = np.round(low[y] + value * (high[y] - low[y]), 4)
            return rounded

        place = np.arange(heard["chance"].shape[-1]) / max(1, places[y] - 1)
        table[name] = scaled(chance["chance"] @ place)
        table |= {f"{name} {word}": scaled(end) for word, end in zip(("from", "to"), ends,
                                                                    strict=True)}  # fmt: skip
        for key in alone:
            there = np.where(table[key], chance[key] @ place, np.nan)
            table[f"{name} by what was {key}"] = scaled(there)
    return pa.table(table)

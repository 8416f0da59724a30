"""What a language model explains, beside what a tutor said, checked by rules."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from lightning import Trainer

from torchedu.datamodules import Explanations
from torchedu.metrics.explanations import (
    calculations,
    final_answer,
    gives_away,
    number,
    reading_grade,
)
from torchedu.prediction.any_task import check_format, predict
from torchedu.prediction.stream import predicted
from torchedu.prediction.tables import write_table
from torchedu.run_folder import RunFolder
from torchedu.tasks import MathExplanation

SCHEMA = pa.schema(
    {
        "conversation": pa.int64(),
        "prompt": pa.string(),
        "explanation": pa.string(),
        "tutor": pa.string(),
        "answer": pa.string(),
        "right": pa.bool_(),
        "calculations": pa.int64(),
        "calculations_right": pa.int64(),
        "tells": pa.bool_(),
        "grade": pa.float64(),
    }
)


def explained(
    task: MathExplanation, data: Explanations, trainer: Trainer, part: str
) -> dict[int, str]:
    """Return what a model says to the first prompt of each conversation of a part.

    Args:
        task: The trained task.
        data: The conversations.
        trainer: Runs the network.
        part: ``val`` or ``test``.

    Returns:
        Texts by the row of the conversation in the store, those of all ranks.
    """
    found = predicted(task, data, part, trainer)
    return {
        int(row): data.tokenizer.decode(tokens[tokens >= 0].tolist())
        for row, tokens in zip(found["text"], found["tokens"], strict=True)
    }


def checked(data: Explanations, said: dict[int, str]) -> Iterator[dict[str, Any]]:
    """Yield what rules say of each explanation.

    Args:
        data: The conversations.
        said: What a model says, by row.

    Yields:
        Of each: conversation, prompt, explanation, tutor (what the data has), answer, right (the
        final answer; None where the data has none), calculations and calculations_right, tells
        (whether it names the answer), grade (of reading).
    """
    for row, text in said.items():
        before, tutor = data.asked(row)
        asked = before[-1].content
        (answer,) = data.store.answers([row])
        marked, right = calculations(text)
        known = number(answer)
        yield {
            "conversation": row,
            "prompt": asked,
            "explanation": text,
            "tutor": tutor.content,
            "answer": answer or None,
            "right": None if known is None else final_answer(text) == known,
            "calculations": marked,
            "calculations_right": right,
            "tells": gives_away(text, asked, answer),
            "grade": reading_grade(text),
        }


@predict.register
def _(
    task: MathExplanation,
    data: Explanations,
    trainer: Trainer,
    folder: Path,
    form: str = "parquet",
) -> dict[Path, str]:
    """Write an explanation to each prompt of the test part, checked by rules."""
    check_format(form)
    said = explained(task, data, trainer, "test")
    if not trainer.is_global_zero:
        return {}
    file = RunFolder(folder).table("explanations", form)
    rows = list(checked(data, said))
    write_table(file, iter([pa.Table.from_pylist(rows, SCHEMA)]))
    judged = [one["right"] for one in rows if one["right"] is not None]
    marked = sum(one["calculations"] for one in rows)
    fine = sum(one["calculations_right"] for one in rows)
    return {
        file: f"{len(rows):,} explanations; {sum(judged):,} of {len(judged):,} final answers and "
        f"{fine:,} of {marked:,} calculations right"
    }

"""What a language model explains, beside what a tutor said, checked by rules."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from torchedu.datamodules import Explanations
from torchedu.metrics.explanations import (
    calculations,
    final_answer,
    gives_away,
    number,
    reading_grade,
)
from torchedu.prediction.any_task import Output, outputs
from torchedu.prediction.stream import Columns
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


def checked(data: Explanations, columns: Columns) -> Iterator[dict[str, Any]]:
    """Yield what rules say of each explanation.

    Args:
        data: The conversations.
        columns: The columns of ``Explained``.

    Yields:
        Of each: conversation, prompt, explanation, tutor (what the data has), answer, right (the
        final answer; None where the data has none), calculations and calculations_right, tells
        (whether it names the answer), grade (of reading).
    """
    for row, tokens in zip(columns["text"].tolist(), columns["tokens"], strict=True):
        text = data.tokenizer.decode(tokens[tokens >= 0].tolist())
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


@outputs.register
def _(task: MathExplanation, data: Explanations, columns: Columns) -> list[Output]:
    """Tell an explanation to each prompt of the test part, checked by rules."""
    rows = list(checked(data, columns))
    judged = [row["right"] for row in rows if row["right"] is not None]
    marked, right = (sum(row[name] for row in rows) for name in SCHEMA.names[6:8])
    holds = (
        f"{len(rows):,} explanations; {sum(judged):,} of {len(judged):,} final answers and "
        f"{right:,} of {marked:,} calculations right"
    )
    return [Output("explanations", holds, pa.Table.from_pylist(rows, SCHEMA))]

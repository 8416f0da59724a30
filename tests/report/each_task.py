"""A trained network of each task, and next year's data of several shapes to score it on."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.encoders import write_encoder
from tests.spoken_files import write_answers
from torchedu.cli import main
from torchedu.datasets.examples import write_example

SHORT = ("--trainer.max_epochs", "2", "--trainer.accelerator", "cpu")
MODEL = {
    "class_path": "torchedu.CausalLM",
    "init_args": {
        "config": {
            "model_type": "llama", "hidden_size": 32, "intermediate_size": 64,
            "num_hidden_layers": 1, "num_attention_heads": 4, "max_position_embeddings": 128,
        }
    },
}  # fmt: skip


class Kind(NamedTuple):
    """How a task is tried.

    Attributes:
        example: What ``torchedu data example`` calls its data; none where recordings belong to it.
        words: What a short training takes besides.
        person: The heading of what is one student, text or lesson; none for lines of JSON.
        flat: The heading of what is the same for all where nothing differs, and what that is.
    """

    example: str
    words: tuple[str, ...]
    person: str
    flat: tuple[str, str]


TASKS = {
    "tracing": Kind("answers", ("--data.groups", "[school]"), "student", ("correct", "1")),
    "recommendation": Kind(
        "enrolments", ("--config", "two_tower"), "student", ("course", "Algebra")
    ),
    "risk": Kind("events", ("--config", "at_risk"), "student", ("value", "Pass")),
    "grading": Kind("texts", ("--config", "essay"), "id", ("score", "2")),
    "lessons": Kind("transcripts", ("--config", "talk_moves"), "lesson", ("tag", "none")),
    "explanation": Kind(
        "conversations",
        ("--model", "MathExplanation", "--model.net", json.dumps(MODEL), "--model.max_new_tokens",
         "12", "--data.vocab_size", "300", "--data.max_tokens", "128"),
        "", ("", ""),
    ),
    "spoken": Kind(
        "", ("--config", "spoken", "--model.net.dim", "16"), "speaker", ("score", "2")
    ),
}  # fmt: skip
SHAPES = ("normal", "tiny", "flat", "one")
"""Of next year's data: like this year's, a few, all alike, and one alone."""


@cache
def scored(task: str, shape: str, folder: Path) -> Path:
    """Return the folder of a task's scores on data of a shape; the normal one's holds the run.

    Args:
        task: One of ``TASKS``.
        shape: One of ``SHAPES``.
        folder: Where all of it goes.
    """
    suffix = "csv" if TASKS[task].person else "jsonl"
    place = folder / task
    place.mkdir(exist_ok=True)
    file = write_shape(task, shape, place / f"{shape} data.{suffix}")
    if shape == "normal":
        words = ["fit", *words_for(task, folder)]
    else:
        words = ["test", str(scored(task, "normal", folder))]
    out = place / shape
    assert main([*words, "--data.path", str(file), "--run", str(out)]) == 0
    return out


def words_for(task: str, folder: Path) -> list[str]:
    """Return what training a task takes, beside its data and the run's folder."""
    words = [*TASKS[task].words, *SHORT]
    if task in ("grading", "lessons"):
        encoder = folder / "encoder"
        words += ["--data.encoder", str(encoder if encoder.exists() else write_encoder(encoder))]
    return words


def write_shape(task: str, shape: str, file: Path) -> Path:
    """Write data of a task in a shape, made of its example."""
    kind = TASKS[task]
    if kind.example:
        write_example(kind.example, file)
    else:  # the recordings of all shapes are the same ones
        sound = file.parent / "recordings"
        table = sound / "answers.csv" if sound.exists() else write_answers(sound)
        file.write_text(table.read_text("utf-8").replace("sound/", "recordings/sound/"), "utf-8")
    if shape == "normal":
        return file
    heading, *rows = file.read_text("utf-8").splitlines()
    if not kind.person:  # lines of JSON
        kept = {"tiny": rows[:4], "flat": [heading] * 8, "one": rows[:1]}[shape]
        lines = (line.replace("What is", "Now, what is") for line in kept)
        file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        return file
    columns = heading.split(",")
    write: Callable[[list[str]], Iterator[str]] = {
        "tiny": lambda lines: _people(lines, columns.index(kind.person), 4),
        "one": lambda lines: _people(lines, columns.index(kind.person), 1),
        "flat": lambda lines: _flat(lines, columns, kind),
    }[shape]
    file.write_text("".join(f"{line}\n" for line in (heading, *write(rows))), "utf-8")
    return file


def _people(rows: list[str], place: int, most: int) -> Iterator[str]:
    """Yield the rows of the first people, and those that are nobody's."""
    seen: dict[str, None] = {}
    for row in rows:
        who = row.split(",")[place]
        if who:
            seen.setdefault(who)
        if not who or list(seen).index(who) < most:
            yield _new(row, place)


def _new(row: str, place: int) -> str:
    """Return a row of somebody else, as nobody is scored who was trained on; no quotes before."""
    cells = row.split(",", place + 1)
    if cells[place]:
        cells[place] = f"new {cells[place]}"
    return ",".join(cells)


def _flat(rows: list[str], columns: list[str], kind: Kind) -> Iterator[str]:
    """Yield the rows with one value for all."""
    heading, value = kind.flat
    place = columns.index(heading)
    for row in rows:
        cells = row.split(",") if '"' not in row else _quoted(row)
        if cells[place] or heading != "value":
            ends = "event" not in columns or cells[columns.index("event")] == "outcome"
            cells[place] = value if ends else cells[place]
        yield _new(",".join(cells), columns.index(kind.person))


def _quoted(row: str) -> list[str]:
    before, text, after = row.split('"')
    return [*before.split(",")[:-1], f'"{text}"', *after.split(",")[1:]]

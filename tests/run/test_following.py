"""Next year's file is scored beside what learnt where the network did, for all kinds of data."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from benchmarks.honest_planted import (
    Made,
    Maker,
    Row,
    answers,
    chats,
    enrolments,
    events,
    lessons,
    texts,
)
from torchedu.cli import main
from torchedu.datasets.importers import import_data
from torchedu.run_folder import RunFolder

BRIEF = ("--trainer.max_epochs", "1", "--trainer.accelerator", "cpu", "--trainer.logger", "true")


class Year(NamedTuple):
    """A kind of data in which all is the other way round next year.

    Attributes:
        maker: Makes it.
        size: How much of it.
        words: How it is trained.
        turned: A row of next year, of other people.
        counts: What is scored next year.
    """

    maker: Maker
    size: int
    words: tuple[str, ...]
    turned: Callable[[Row], Row]
    counts: dict[str, int]


def _turned_answer(row: Row) -> Row:
    return [f"n{row[0]}", *row[1:3], 1 - row[3], row[4]]


def _turned_course(row: Row) -> Row:
    return [f"n{row[0]}", f"c{(int(row[1][1:]) + 125) % 250}", row[2]]


def _turned_event(row: Row) -> Row:
    name = f"n{row[2]}" if row[2] else ""
    value = {"Pass": "Fail", "Fail": "Pass"}.get(row[6], row[6])
    return [*row[:2], name, *row[3:6], value]


def _turned_text(row: Row) -> Row:
    return [f"n{row[0]}", row[1], 6 - row[2], row[3], row[4]]


def _labelled(random: np.random.Generator, size: int) -> Made:
    made = texts(random, size)
    rows = [[*row[:2], "good" if row[2] > 2 else "poor", row[3]] for row in made.rows]
    return Made("texts", ("id", "prompt", "label", "text"), rows)


def _turned_label(row: Row) -> Row:
    return [f"n{row[0]}", row[1], {"good": "poor", "poor": "good"}[row[2]], row[3]]


def _turned_lesson(row: Row) -> Row:
    other = {"none": "press", "ask": "none", "press": "ask", "": ""}
    return [f"n{row[0]}", *row[1:5], other[row[5]], row[6]]


def _turned_chat(row: Row) -> Row:
    said = json.dumps(row[1]).replace("So it is", "zyxq vkj")
    return [row[0], json.loads(said)]


YEARS = {
    "tracing": Year(answers, 60, ("--model.net", "PFA"), _turned_answer, {"students": 60}),
    "courses": Year(
        enrolments, 150, ("--config", "two_tower"), _turned_course, {"held-out courses": 150}
    ),
    "risk": Year(events, 40, ("--config", "at_risk"), _turned_event, {"students": 80}),
    "texts": Year(texts, 60, ("--config", "essay"), _turned_text, {"texts": 60}),
    "labels": Year(
        _labelled, 60, ("--config", "essay", "--model.net.head", "classes"), _turned_label,
        {"texts": 60},
    ),
    "lessons": Year(lessons, 16, ("--config", "talk_moves"), _turned_lesson, {"lessons": 4}),
    "chats": Year(
        chats, 40, ("--config", "math_small", "--data.vocab_size", "400"), _turned_chat,
        {"conversations": 8},
    ),
}  # fmt: skip


def imported(made: Made, name: str, folder: Path) -> str:
    (folder / name).mkdir()
    raw = made.write(folder / name)
    return str(import_data(made.format, raw, folder / f"{name}.store", made.options).path)


def evaluated(run: Path, *words: str) -> dict[str, Any]:
    assert main(["test", str(run), *words, "--run", str(run / "other")]) == 0
    read: dict[str, Any] = json.loads(RunFolder(run / "other").evaluation.read_text("utf-8"))
    return read


@pytest.mark.parametrize("kind", YEARS)
def test_next_year_is_scored_beside_what_learnt_this_year(
    kind: str, tmp_path: Path, encoder_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    year = YEARS[kind]
    made = year.maker(np.random.default_rng(0), year.size)
    this = imported(made, "this", tmp_path)
    turned = made._replace(rows=[year.turned(row) for row in made.rows])
    following = imported(turned, "next", tmp_path)
    run = tmp_path / "run"
    words = [*year.words, "--data.path", this, "--run", str(run), *BRIEF]
    if kind in ("texts", "labels", "lessons"):
        words += ["--data.encoder", str(encoder_folder)]
    assert main(["fit", *words]) == 0, capsys.readouterr().err
    before = json.loads(RunFolder(run).evaluation.read_text("utf-8"))
    after = evaluated(run, "--data.path", following)
    assert year.counts.items() <= after["counts"].items()
    assert "Network and baselines learnt from this." in after["lead"]
    score = next(iter(after["columns"]))
    old, new = (
        {row["name"]: row[score] for row in each["scores"] if row["kind"] == "baseline"}
        for each in (before, after)
    )
    assert old.keys() == new.keys()
    sign = -1 if after["lower"] else 1
    # Had any baseline learnt of next year, it would be about as good as before.
    learnt = [name for name in old if sign * old[name] > sign * new[name] + 0.02]
    assert learnt, (old, new)
    assert max(sign * value for value in new.values()) < max(sign * value for value in old.values())


def test_a_split_that_is_asked_for_holds_and_what_is_not_there_is_said(
    trained_run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = answers(np.random.default_rng(0), 40)
    turned = made._replace(rows=[_turned_answer(row) for row in made.rows])
    other = imported(turned, "other", tmp_path)
    run = tmp_path / "run"
    shutil.copytree(trained_run, run)
    assert evaluated(run, "--data.path", other)["counts"]["students"] == 40
    asked = evaluated(run, "--data.path", other, "--data.test", "0.5")
    assert asked["counts"]["students"] == 20
    config = run / "config.yaml"
    words = re.sub(
        r"^    path: .*$", f"    path: {tmp_path}/gone.store", config.read_text("utf-8"), flags=re.M
    )
    config.write_text(words, "utf-8")
    caplog.set_level("INFO")
    assert evaluated(run, "--data.path", other)["counts"]["students"] == 8
    assert "is not here as it was" in caplog.text

"""One mistake has one name for each reader: an option, an argument, a field of JSON."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import torchedu
from tests.datasets.importers.fake import answers, write_csv
from tests.test_doors import room_of, sources
from tests.test_once import strings
from torchedu.callbacks import GradientGuard, HungRank
from torchedu.callbacks.advice import advice
from torchedu.checkpoints import LastCheckpoint
from torchedu.checkpoints.resume import resume_from
from torchedu.cli import THEIRS, main
from torchedu.cli.results import show
from torchedu.cli.terminal import Terminal
from torchedu.datamodules import Enrolments, Interactions
from torchedu.datasets.importers import import_data
from torchedu.datasets.simulator import simulate
from torchedu.errors import (
    ConfigError,
    DataError,
    MissingExtraError,
    TorcheduError,
    argument,
    command_line,
    read_by,
    worded,
)
from torchedu.models import DKT, SAKT, TwoTower
from torchedu.run.training import Result
from torchedu.strategies.limits import check_machine
from torchedu.strategies.named import named_strategy
from torchedu.strategies.pipeline import Pipeline
from torchedu.strategies.tensor import Tensor
from torchedu.tasks import CourseRecommendation


class Mistake(NamedTuple):
    """A mistake, as it is made in two places.

    Attributes:
        option: What is wrong, by its dotted name.
        words: The command that makes it.
        call: What makes it in Python.
    """

    option: str
    words: list[str]
    call: Callable[[], object]

    def __str__(self) -> str:
        return " ".join(self.words)


RAW = "answers.csv"
STORE = "class.store"
COURSES = "courses.store"
RECOMMEND = ("fit", "--model", "CourseRecommendation", "--data.path", COURSES)


@pytest.fixture(autouse=True)
def here(
    tmp_path: Path, class_store: Path, enrolment_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stand in a folder with a raw file, a class and enrolments."""
    monkeypatch.chdir(tmp_path)
    write_csv(Path(RAW), answers())
    Path(STORE).symlink_to(class_store)
    Path(COURSES).symlink_to(enrolment_store)


def fit(*words: str) -> list[str]:
    return ["fit", "--data.path", STORE, "--trainer.accelerator", "cpu", *words]


def data(name: str, raw: str = STORE, **given: Any) -> Mistake:
    """Give a data module one wrong argument."""
    words = [word for key in given for word in (f"--data.{key}", spelled(given[key]))]
    call = lambda: Interactions(raw, **given).parts  # noqa: E731  # some are found by reading
    return Mistake(f"data.{name}", ["fit", "--data.path", raw, *words], call)


def spelled(value: object) -> str:
    """Return a value as the command line takes it."""
    return value if isinstance(value, str) else json.dumps(value)


def course(name: str, **given: Any) -> Mistake:
    """Give course recommendation one wrong argument."""
    words = [word for key in given for word in (f"--model.{key}", spelled(given[key]))]
    called = partial(CourseRecommendation, TwoTower, 9, 9, 9, **given)
    return Mistake(f"model.{name}", [*RECOMMEND, *words], called)


def simulated(name: str, value: float, **more: float) -> Mistake:
    given = {name: value, **more}
    words = [f"--{key}={number}" for key, number in given.items()]
    return Mistake(
        name, ["data", "simulate", "new.store", *words], partial(simulate, "new.store", **given)
    )


def imported(option: str, **given: Any) -> Mistake:
    words = [word for key in given for word in (f"--{key}", str(given[key]).replace("'", '"'))]
    call = partial(import_data, "csv", RAW, "new.store", given)
    return Mistake(option, ["data", "import", "csv", RAW, "new.store", *words], call)


def strategy(name: str, option: str, kind: type[Any], **given: Any) -> Mistake:
    words = [w for key in given for w in (f"--trainer.strategy.{key}", str(given[key]))]
    command = fit("--trainer.strategy", name, *words)
    return Mistake(f"trainer.strategy.{option}", command, partial(kind, **given))


def callback(option: str, value: object, kind: type[Any]) -> Mistake:
    return Mistake(
        option, fit(f"--{option}", str(value)), partial(kind, **{argument(option): value})
    )


MISTAKES = [
    data("window", window=1),
    data("batch_size", batch_size=0),
    data("num_workers", num_workers=-1),
    data("seed", seed=-1),
    data("context", context=-2),
    data("context", context=300),
    data("split", split="studnt"),
    data("val", val=0),
    data("fold", split="fold", fold=9),
    data("columns.time", raw=RAW, columns={"time": "whenever"}),
    data("columns", raw=RAW, columns={"tmie": "time"}),
    data("groups", raw=RAW, groups=["gendre"]),
    Mistake(
        "data.batch_size",
        [*RECOMMEND, "--data.batch_size", "0"],
        partial(Enrolments, COURSES, batch_size=0),
    ),
    Mistake(
        "data.sampled",
        [*RECOMMEND, "--data.sampled", "-1"],
        partial(Enrolments, COURSES, sampled=-1),
    ),
    course("negatives", negatives=0),
    course("power", power=-1.0),
    course("smoothing", smoothing=1.0),
    course("sparse", sparse=True, loss="softmax"),
    Mistake(
        "model.net.dim",
        fit("--model.net", "SAKT", "--model.net.dim", "10", "--model.net.heads", "4"),
        partial(SAKT, 9, 9, dim=10, heads=4),
    ),
    Mistake(
        "data.window",
        fit("--model.net", "SAKT", "--data.window", "300"),
        lambda: torchedu.KnowledgeTracing(SAKT, 14, 5).agree(Interactions(STORE, window=300), True),
    ),
    Mistake("trainer.devices", fit("--trainer.devices", "999"), partial(check_machine, "cpu", 999)),
    Mistake(
        "trainer.precision",
        fit("--trainer.precision", "16-mixed"),
        partial(check_machine, "cpu", precision="16-mixed"),
    ),
    Mistake(
        "trainer.num_nodes",
        fit("--trainer.strategy", "dp", "--trainer.num_nodes", "2"),
        lambda: check_machine("cpu", num_nodes=2, strategy=named_strategy("dp")),
    ),
    Mistake(
        "trainer.strategy", fit("--trainer.strategy", "dpp"), partial(named_strategy, "dpp")
    ),
    strategy("tensor", "tensor_size", Tensor, tensor_size=0),
    strategy("pipeline", "microbatches", Pipeline, microbatches=0),
    strategy("pipeline", "size", Pipeline, size=0),
    strategy("pipeline", "stages_per_rank", Pipeline, stages_per_rank=0),
    callback("hung_rank.timeout", 0, HungRank),
    callback("gradients.most_skipped", -1, GradientGuard),
    callback("save.every_n_steps", 0, LastCheckpoint),
    callback("save.minutes", 0.0, LastCheckpoint),
    Mistake(
        "resume", fit("--resume", "auto"), lambda: resume_from("auto", None, DKT(9, 9))
    ),
    Mistake("run", fit("--run", RAW), partial(torchedu.trainer, RAW)),
    imported("delimiter", delimiter="::"),
    imported("encoding", encoding="utf9"),
    imported("on_bad_row", on_bad_row="ignore"),
    imported("time_unit", time_unit="h"),
    imported("columns", columns={"tmie": "time"}),
    imported("columns.time", columns={"time": "whenever"}),
    imported("answer_id", answer_id="number"),
    simulated("students", 0),
    simulated("answers", 0),
    simulated("skills", 0),
    simulated("items", 2),
    simulated("guess", 2.0),
    simulated("guess", 0.6, slip=0.6),
    simulated("seed", -1),
]  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_told_in_the_words_of_who_reads_it(
    mistake: Mistake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(mistake.words) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 2, said
    assert f"--{mistake.option}" in said
    with pytest.raises(TorcheduError) as caught:
        mistake.call()
    name = argument(mistake.option)
    assert name in str(caught.value)
    assert "--" not in str(caught.value)
    field = json.loads(json.dumps(caught.value.to_json()))
    assert field["option"] == name
    assert str(caught.value).splitlines() == [field["problem"], field["remedy"]]
    for text in (said, str(caught.value)):
        assert not set("⟦⟧") & set(text)


def test_backticks_are_left_to_users() -> None:
    for file in sources():
        if room_of(file) not in ("cli", "report", "run"):
            assert not [text for text in strings(file) if "`" in text], file


def test_there_are_enough_of_them() -> None:
    assert len(MISTAKES) >= 40


# What users of other programs write, and what is suggested.
OTHERS = {
    "--lr": "--model.lr",
    "--learning_rate": "--model.lr",
    "--learning-rate": "--model.lr",
    "--epochs": "--trainer.max_epochs",
    "--max_epochs": "--trainer.max_epochs",
    "--batch-size": "--data.batch_size",
    "--batch_size": "--data.batch_size",
    "--gpus": "--trainer.devices",
    "--devices": "--trainer.devices",
    "--seed": "--seed_everything",
    "--weight_decay": "--model.weight_decay",
    "--num-workers": "--data.num_workers",
    "--precision": "--trainer.precision",
    "--dim": "--model.net.dim",
    "--output_dir": "--run",
}


@pytest.mark.parametrize("theirs", OTHERS)
def test_ours_is_suggested_for_theirs(theirs: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", theirs, "1"]) == 2
    problem, remedy = capsys.readouterr().err.splitlines()
    assert problem == f"the option {theirs} is not known."
    assert remedy.startswith(f"Did you mean {OTHERS[theirs]}? ")


@pytest.mark.parametrize("theirs", THEIRS)
def test_our_command_is_suggested_for_theirs(
    theirs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([theirs]) == 2
    assert capsys.readouterr().err.endswith(f"Did you mean {THEIRS[theirs]}?\n")


OWN = "`mark` [red]x[/red] :book: \x1b[31m‮"
SHOWN = r"`mark` [red]x[/red] :book: \x1b[31m\u202e"


def test_a_users_own_text_is_no_option_and_steers_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = ["`score`,[red]item,⟦x y⟧,correct\n", "a,b,c,1\n"]
    Path("own.csv").write_text("".join(rows), "utf-8")
    assert main(["data", "import", "csv", "own.csv", "new.store", "--groups", "a\x1b[31m"]) == 2
    said = capsys.readouterr().err
    assert "`score`, [red]item, ⟦x y⟧, correct" in said
    assert "\x1b" not in said
    error = DataError(f"{OWN} is wrong.", f"Mend {OWN}, or ⟦on_bad_row⟧ drop.", file=OWN, row=2)
    assert error.render(command_line) == (
        f"{SHOWN}, row 2: {SHOWN} is wrong.\nMend {SHOWN}, or --on_bad_row drop."
    )
    error.rename(lambda option: f"data.{option}")
    assert error.option is None
    assert error.options() == ("data.on_bad_row",)


def test_a_terminal_reads_nothing_out_of_a_text(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.table import Table

    table = Table(OWN, title=OWN, width=80)
    table.add_row(OWN)
    Terminal().print(f"{OWN}\nnext")
    Terminal().print(table)
    said = capsys.readouterr().out
    assert said.startswith(f"{SHOWN}\nnext\n")
    assert said.count(SHOWN) == 4


def test_a_store_with_an_odd_name_is_described_as_it_is_called(
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = "[bold]class[red]:book:\x1b[31m.store"
    Path(name).symlink_to(Path(STORE).resolve())
    assert main(["data", "describe", name, "--picture", "p.png"]) == 0
    assert r"[bold]class[red]:book:\x1b[31m.store" in capsys.readouterr().out
    assert main(["data", "describe", f"no{name}"]) == 2
    assert rf"no{name}".replace("\x1b", r"\x1b") in capsys.readouterr().err


def test_warnings_and_notes_are_spelled_for_their_reader() -> None:
    text = "lower ⟦data.window⟧."
    out_of_memory = advice(MemoryError())
    assert out_of_memory is not None
    assert worded(text) == "lower window."
    assert "accumulate_grad_batches 4" in str(out_of_memory)
    assert "--" not in str(out_of_memory)
    with read_by(command_line):
        assert worded(text) == "lower --data.window."
        assert "--trainer.accumulate_grad_batches 4" in str(out_of_memory)
        assert out_of_memory.to_json()["remedy"].count("--") == 0
    assert worded(text) == "lower window."
    with pytest.raises(ZeroDivisionError), read_by(command_line):
        raise ZeroDivisionError
    assert worded(text) == "lower window."


def test_the_first_option_named_is_the_one_that_is_wrong() -> None:
    named = ConfigError("⟦data.context⟧ is not below ⟦data.window⟧.", "Lower it.")
    assert named.option == "data.context"
    assert ConfigError("it is wrong.", "Set ⟦data.window⟧.").option is None


def test_scores_and_remedies_are_shown_as_they_stand(capsys: pytest.CaptureFixture[str]) -> None:
    scores = [{"name": "[red]DKT", "kind": "network", "auc": 0.5}]
    shown = {
        "counts": {},
        "data": "class[bold]x",
        "split": "test",
        "columns": {"auc": "AUC"},
        "best": [],
    }
    missing = MissingExtraError("A report", "jinja2", "plots")
    task: Any = None
    show(Terminal(), Result(task, {**shown, "scores": scores}, Path(), report=missing))
    said = capsys.readouterr().out
    assert "class[bold]x, test part" in said
    assert "[red]DKT" in said
    assert "pip install 'torchedu[plots]'" in said

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning import seed_everything

from tests.conftest import FAST
from torchedu.checkpoints import seal
from torchedu.cli import main
from torchedu.datamodules import Interactions
from torchedu.errors import ConfigError, MissingExtraError
from torchedu.models import DKT
from torchedu.run import RunConfig, build, training
from torchedu.run.training import fit, train
from torchedu.tasks import KnowledgeTracing, open_task


def words(store: Path, run: Path, *more: str) -> list[str]:
    net = ["--model.net", "DKT", "--model.net.dim", "6"]
    return ["--data.path", str(store), "--run", str(run), *net, *FAST, *more]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count how often a checkpoint is opened to be read, hashed, and loaded by torch."""
    counts: Counter[str] = Counter()

    def counting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counts_and_calls(*args: Any, **kwargs: Any) -> Any:
            counts[name] += 1
            return function(*args, **kwargs)

        return counts_and_calls

    def opened(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        counts["reads"] += path.suffix == ".ckpt" and mode == "rb"
        return open_file(path, mode, *args, **kwargs)

    open_file = Path.open
    monkeypatch.setattr(Path, "open", opened)
    hashes = counting("hashes", hashlib.sha256)
    monkeypatch.setattr(seal, "hashlib", SimpleNamespace(sha256=hashes))
    monkeypatch.setattr(torch, "load", counting("loads", torch.load))
    return counts


ONCE = {"reads": 1, "hashes": 1, "loads": 1}


def test_a_task_is_opened_by_one_read_one_hash_and_one_load(
    trained_run: Path, counted: Counter[str]
) -> None:
    open_task(trained_run / "checkpoints" / "best.ckpt")
    assert counted == ONCE


@pytest.mark.parametrize(
    "command",
    [["test", "RUN", "--run", "OUT"], ["predict", "RUN", "--run", "OUT"], ["export", "RUN", "OUT"]],
    ids=lambda command: command[0],
)
def test_a_command_on_a_trained_network_opens_it_once(
    trained_run: Path, tmp_path: Path, counted: Counter[str], command: Sequence[str]
) -> None:
    places = {"RUN": str(trained_run), "OUT": str(tmp_path / "out")}
    assert main([places.get(word, word) for word in command]) == 0
    assert counted == ONCE


def test_fit_loads_the_best_and_what_it_begins_with(
    class_store: Path, trained_run: Path, tmp_path: Path, counted: Counter[str]
) -> None:
    first = words(class_store, tmp_path / "run", "--model.schedule", "constant")
    assert main(["fit", *first]) == 0
    assert counted["loads"] == 1
    counted.clear()
    assert main(["fit", *first, "--resume", "auto", "--trainer.max_epochs", "3"]) == 0
    assert counted["loads"] == 2
    counted.clear()
    more = ["--init_from", str(tmp_path / "run"), "--model.schedule", "constant"]
    assert main(["fit", *words(class_store, tmp_path / "more"), *more]) == 0
    assert counted["loads"] == 2


def test_a_run_is_trained_from_python_as_the_command_does(
    class_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = train(build(RunConfig(words(class_store, tmp_path / "mine"))))
    assert result.folder == tmp_path / "mine"
    assert result.checkpoint == result.folder / "checkpoints" / "best.ckpt"
    assert result.report == result.folder / "report.html"
    assert isinstance(result.task.net, DKT)
    assert main(["fit", *words(class_store, tmp_path / "other")]) == 0
    assert "DKT" in capsys.readouterr().out
    written = json.loads((tmp_path / "other" / "evaluation.json").read_text("utf-8"))
    for found in (result.evaluation, written):
        found["sections"][-1].pop("sentence")  # it names a student by a new pseudonym each time
    assert result.evaluation == written


def test_a_program_gives_the_command_s_numbers(class_store: Path, tmp_path: Path) -> None:
    run, program = tmp_path / "command", str(tmp_path / "program")
    assert main(["fit", "--data.path", str(class_store), "--run", str(run), *FAST]) == 0
    seed_everything(0, workers=True)
    data = Interactions(str(class_store))
    result = fit(KnowledgeTracing("LogisticDKT", data), data, program, 2, "cpu")  # type: ignore[call-arg,arg-type]
    written = json.loads((run / "evaluation.json").read_text("utf-8"))
    assert result.evaluation["scores"] == written["scores"]
    shown = result._repr_html_()
    assert "data:image/png;base64," in shown
    assert "<table>" in shown


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("--trainer.limit_train_batches 0.01", "is 0.01, less than one of the batches"),
        ("--trainer.limit_val_batches 0", "the validation part chooses the best epoch"),
        ("--trainer.max_steps 1 --trainer.max_epochs -1", "end before the first of"),
    ],
)
def test_what_training_cannot_do_is_told_in_two_lines(
    class_store: Path, tmp_path: Path, more: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *words(class_store, tmp_path / "run", *more.split())]) == 2
    problem, remedy = capsys.readouterr().err.strip().splitlines()[-2:]
    assert said in problem
    assert remedy


def test_what_is_asked_of_patience_and_logs_is_done(class_store: Path, tmp_path: Path) -> None:
    asked = ("--early_stopping.patience", "2", "--trainer.log_every_n_steps", "0")
    long = words(class_store, tmp_path / "a", *asked)[: -len(FAST) - len(asked)]
    stop = build(RunConfig([*long, *asked])).trainer.early_stopping_callback
    assert stop is not None
    assert stop.patience == 2
    other = build(RunConfig(long[:2] + long[4:])).trainer.early_stopping_callback
    assert other is not None
    assert other.patience > 2


def test_a_run_can_be_trained_again_from_any_folder(
    class_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(class_store.parent)
    run = tmp_path / "run"
    assert main(["fit", *words(Path(class_store.name), run)]) == 0
    page = (run / "report.html").read_text("utf-8")
    again = page.partition("<pre>torchedu ")[2].partition("</pre>")[0]
    monkeypatch.chdir(tmp_path)
    assert main([*again.split(), "--run", "other"]) == 0
    first, second = (
        json.loads((folder / "evaluation.json").read_text("utf-8"))["scores"]
        for folder in (run, tmp_path / "other")
    )
    assert first == second


def test_a_report_that_cannot_be_written_costs_no_scores(
    class_store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def missing(folder: Path) -> Path:
        raise MissingExtraError("A report", "matplotlib", "plots")

    monkeypatch.setattr(training, "write_report", missing)
    assert main(["fit", *words(class_store, tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    assert "item mean" in said
    assert "No report was written. A report" in said


def test_a_report_that_fails_costs_no_one_the_scores(
    class_store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(folder: Path) -> Path:
        raise ConfigError(f"{folder} cannot be written: no space is left.", "Make some.")

    monkeypatch.setattr(training, "write_report", full)
    assert main(["fit", *words(class_store, tmp_path / "run")]) == 2
    said = capsys.readouterr()
    assert "item mean" in said.out
    assert "Report:" not in said.out
    assert said.err.splitlines()[-2:] == [
        f"{tmp_path / 'run'} cannot be written: no space is left.",
        "Make some.",
    ]

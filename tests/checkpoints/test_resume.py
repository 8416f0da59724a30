"""A run that is killed, and the one that goes on with it in the same folder."""

import csv
import hashlib
import json
import os
import shutil
import signal
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
import yaml

from tests.checkpoints.conftest import content, save
from tests.checkpoints.test_folder import damage
from tests.conftest import FAST
from torchedu.callbacks import AnswersProgressBar
from torchedu.checkpoints import newest, read_checkpoint
from torchedu.cli import main
from torchedu.errors import CheckpointError
from torchedu.files import started_at
from torchedu.run_lock import Holder, RunLock

SMALL = ("--model.net", "ItemDKT", "--model.net.dim", "8", "--data.batch_size", "16")


def fit(store: Path, *words: str) -> int:
    return main(["fit", "--data.path", str(store), *SMALL, *FAST, *words])


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if v} for row in csv.DictReader(file)]


def test_auto_starts_afresh_where_nothing_is_and_goes_on_where_something_is(
    class_store: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = ("--run", str(run), "--resume", "auto", "--model.schedule", "constant")
    assert fit(class_store, *words) == 0
    first = rows(run)
    steps = read_checkpoint(run / "checkpoints" / "last.ckpt").content["global_step"]
    (run / "checkpoints" / ".last.ckpt.7.part").write_bytes(b"half")
    (run / ".report.html.7.part").write_bytes(b"half")
    with (run / "metrics.csv").open("a") as file:
        file.write(f"{steps + 3}," * 3 + "\n9")  # after the checkpoint, and half a row

    more = ("--trainer.max_epochs", "4")
    assert fit(class_store, *words, *more) == 0
    assert fit(class_store, *words, "--trainer.max_epochs", "2") == 2, "it has come further"
    both = rows(run)
    assert both[: len(first)] == first
    taken = [int(row["step"]) for row in both]
    assert taken == sorted(taken)
    assert len(set(taken)) == len(set(taken[: len(first)])) + len(set(taken[len(first) :]))
    assert len([row for row in both if "val/auc" in row]) == 4
    last = read_checkpoint(run / "checkpoints" / "last.ckpt").content
    assert last["global_step"] == 2 * steps
    assert not list(run.rglob("*.part"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_run_that_was_killed_ends_as_one_that_was_not(
    class_store: Path, trained_run: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = ("--run", str(run), "--resume", "auto")
    child = os.fork()
    if child == 0:
        try:
            drawn = AnswersProgressBar.on_train_batch_end

            def die(self: AnswersProgressBar, trainer: object, *args: object) -> None:
                drawn(self, trainer, *args)
                if trainer.current_epoch == 1 and args[-1] == 1:
                    os.kill(os.getpid(), signal.SIGKILL)

            AnswersProgressBar.on_train_batch_end = die
            fit(class_store, *words)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the child ended before it was killed"
    assert not (run / "evaluation.json").exists()
    assert fit(class_store, *words) == 0
    assert rows(run) == rows(trained_run)
    for name in ("best.ckpt", "last.ckpt"):
        own, other = (
            read_checkpoint(one / "checkpoints" / name).content["state_dict"]
            for one in (run, trained_run)
        )
        assert all(torch.equal(own[key], other[key]) for key in other)


def test_going_on_with_a_finished_run_that_was_moved_scores_it_again(
    class_store: Path, trained_run: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained_run, run)
    (run / "evaluation.json").unlink()
    for file in (run / "checkpoints").iterdir():  # as if its first place were gone
        moved = read_checkpoint(file).content
        for state in moved["callbacks"].values():
            if "best_model_path" in state:
                state["best_model_path"] = str(tmp_path / "gone" / "checkpoints" / "best.ckpt")
        save(file, moved)
    assert fit(class_store, "--run", str(run), "--resume", "auto") == 0
    assert (run / "evaluation.json").is_file()
    assert rows(run) == rows(trained_run)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_run_that_another_process_trains_is_left_alone(
    class_store: Path, trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained_run, run)
    other = replace(Holder.own(), process=os.getppid(), started=started_at(os.getppid()))
    RunLock(run).file.write_text(json.dumps(asdict(other)))
    (run / "checkpoints" / ".last.ckpt.7.part").write_bytes(b"half, and being written")
    before = {file: file.stat().st_mtime_ns for file in run.rglob("*")}
    assert fit(class_store, "--run", str(run), "--resume", "auto") == 2
    problem, remedy = capsys.readouterr().err.splitlines()
    assert f"{run} is being written by process {os.getppid()} on" in problem
    assert "--run FOLDER" in remedy
    assert {file: file.stat().st_mtime_ns for file in run.rglob("*")} == before


def test_a_word_that_changed_is_refused_or_accepted_by_name(
    class_store: Path, trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained_run, run)
    before = {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}
    again = ("--run", str(run), "--resume", "auto")
    for words, problem, remedy in (
        (("--model.lr", "0.5"), "--model.lr 0.005, and 0.5 is asked", "--resume_with lr"),
        (
            ("--model.lr", "0.5", "--trainer.max_epochs", "4"),
            "max_epochs 2, and 4 is asked; with --model.lr 0.005, and 0.5 is asked.",
            "--resume_with max_epochs,lr",
        ),
        (("--trainer.max_epochs", "4"), "max_epochs 2, and 4", "--resume_with max_epochs"),
        (("--trainer.max_epochs", "1"), "max_epochs 2, and 1", "--resume_with max_epochs"),
        (("--model.schedule", "constant"), "--model.schedule one_cycle", "--init_from"),
        (("--data.window", "150"), "--data.window 200, and 150", "--init_from"),
        (
            ("--trainer.precision", "bf16-mixed"),
            "precision 32-true, and bf16-mixed",
            "_with precision",
        ),
        (("--resume_with", "lr"), "'lr', which is as it was", ""),
    ):
        assert fit(class_store, *again, *words) == 2
        first, second = capsys.readouterr().err.splitlines()
        assert problem in first
        assert remedy in second
    assert {file: file.read_bytes() for file in run.rglob("*") if file.is_file()} == before

    callbacks = read_checkpoint(run / "checkpoints" / "last.ckpt").content["callbacks"]
    (score,) = (s["best_model_score"] for n, s in callbacks.items() if n.startswith("ModelCheck"))
    words = ("--model.lr", "0.004", "--trainer.max_epochs", "4", "--trainer.log_every_n_steps", "1")
    rates = json.dumps({"class_path": "lightning.pytorch.callbacks.LearningRateMonitor"})
    watched = (*words, "--trainer.callbacks+", rates)
    assert fit(class_store, *again, *watched, "--resume_with", "lr,max_epochs") == 0
    begun = (run / "config.yaml").read_text()
    config = yaml.safe_load(begun)
    first = yaml.safe_load((trained_run / "config.yaml").read_text())
    assert (config["model"], config["trainer"]["max_epochs"]) == (first["model"], 2), "as it began"
    assert config["trainer"]["log_every_n_steps"] == 1, "no number depends on it"
    lines = [line for line in begun.splitlines() if line.startswith("# From")]
    assert lines == [
        "# From step 8 on, trainer.max_epochs: 2 -> 4",
        "# From step 8 on, model.lr: 0.005 -> 0.004",
    ]
    last = read_checkpoint(run / "checkpoints" / "last.ckpt").content
    assert last["global_step"] == 16
    schedule, groups = last["lr_schedulers"][0], last["optimizer_states"][0]["param_groups"]
    assert schedule["total_steps"] == 16
    assert {group["max_lr"] for group in groups} == {0.004}
    logged = [row for row in rows(run) if row.get("lr-AdamW") and int(row["step"]) >= 8]
    # The first step after the stop is on the new schedule: a ninth of the way down from its top.
    assert float(logged[0]["lr-AdamW"]) == pytest.approx(_one_cycle(0.004, 8, 16))
    # The best epoch is known again, though the checkpoint names the folder of which this is a copy.
    (best,) = (one for name, one in last["callbacks"].items() if name.startswith("ModelCheckpoint"))
    assert Path(best["dirpath"]) == run / "checkpoints"
    assert best["best_model_score"] >= score
    assert sorted(file.name for file in (run / "checkpoints").iterdir()) == [
        "best.ckpt",
        "last.ckpt",
    ]
    assert fit(class_store, *again, *words) == 0, "what was accepted is what it goes on with"
    assert (run / "config.yaml").read_text().splitlines()[-2:] == lines


def _one_cycle(most: float, step: int, steps: int) -> float:
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([weight], most)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, most, total_steps=steps, pct_start=0.1)
    for _ in range(step):
        optimizer.step()
        cycle.step()
    return float(optimizer.param_groups[0]["lr"])


def test_a_run_does_not_go_on_with_other_answers(
    class_store: Path, trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained_run, run)
    manifest = json.loads((class_store / "manifest.json").read_text())
    other = tmp_path / "other.store"
    shutil.copytree(class_store, other)
    marks = other / "students" / "answer.correct.bin"
    marks.write_bytes(bytes(1 - mark for mark in marks.read_bytes()))
    sealed = manifest["files"]["students/answer.correct.bin"]
    sealed["sha256"] = hashlib.sha256(marks.read_bytes()).hexdigest()
    (other / "manifest.json").write_text(json.dumps(manifest))
    again = ("--run", str(run), "--resume", "auto")
    assert fit(other, *again) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert "began with other data than now" in first
    assert "--resume_with data" in second
    moved = tmp_path / "moved.store"
    shutil.copytree(class_store, moved)
    assert fit(moved, *again) == 0, "the same data, wherever it stands"


@pytest.mark.parametrize(
    ("words", "problem", "remedy"),
    [
        (["--resume", "auto"], "none is named", "Add --run"),
        (["--resume", "RUN", "--model.net.dim", "4"], "another network", "--init_from"),
        (["--resume", "http://localhost/a.ckpt"], "is an address", "Download it"),
        (["--run", "RUN"], "--run RUN is in use", "--resume auto"),
        (["--run", "NOTES", "--resume", "auto"], "--run NOTES is in use", "move that one"),
    ],
)
def test_what_cannot_go_on_is_told_in_two_lines(
    class_store: Path,
    trained_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    problem: str,
    remedy: str,
) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "mine.txt").write_text("mine")
    places = {"RUN": str(trained_run), "NOTES": str(notes)}
    assert fit(class_store, *[places.get(word, word) for word in words]) == 2
    told = capsys.readouterr().err.splitlines()
    for place, path in places.items():
        told = [line.replace(path, place) for line in told]
    first, second = told
    assert problem in first
    assert remedy in second
    assert [file.name for file in notes.iterdir()] == ["mine.txt"]


def test_the_newest_whole_one_is_gone_on_from(run: Path) -> None:
    assert newest(run.parent / "new") is None
    assert newest(run).content["global_step"] == 20
    damage(run / "checkpoints" / "last.ckpt")
    torch.save(content(30), run / "checkpoints" / "stock.ckpt")
    with (
        pytest.warns(UserWarning, match=r"last.ckpt cannot be used.*goes on from .*best.ckpt"),
        pytest.warns(UserWarning, match=r"stock.ckpt carries no seal"),
    ):
        assert newest(run).content["global_step"] == 10


def test_a_run_whose_every_checkpoint_is_damaged_is_not_begun_again(run: Path) -> None:
    for file in (run / "checkpoints").iterdir():
        damage(file)
    with pytest.raises(CheckpointError, match=r"(?s)no checkpoint of .*Move the folder away"):
        newest(run)

"""Every option of Lightning's trainer that cannot be done is refused before anything is trained."""

import contextlib
import inspect
import io
from pathlib import Path

import pytest
from lightning import Trainer
from lightning.pytorch.accelerators import MPSAccelerator

from torchedu.cli import main
from torchedu.datasets.examples import write_example
from torchedu.run.options import NEEDED, NOTHING, RANGES

REFUSED: dict[str, tuple[str, ...]] = {
    "accelerator": ("tpu", "hpu", "mps"),
    "strategy": ("ddp_spawn",),
    "devices": ("0", "many", "[0]", "null"),
    "num_nodes": ("0",),
    "precision": ("16-true", "transformer-engine"),
    "callbacks": ("nothing", "BackboneFinetuning", "BatchSizeFinder"),
    "fast_dev_run": ("-1",),
    "max_epochs": ("0", "-1", "1e3"),
    "min_epochs": ("-1", "5"),
    "max_steps": ("0", "1"),
    "min_steps": ("-1",),
    "max_time": ("00:00:00:00", "soon"),
    "limit_train_batches": ("0", "-1"),
    "limit_val_batches": ("0", "1.5"),
    "limit_test_batches": ("-1",),
    "limit_predict_batches": ("-1",),
    "overfit_batches": ("-1",),
    "val_check_interval": ("0", "1000"),
    "check_val_every_n_epoch": ("5",),
    "num_sanity_val_steps": ("-2",),
    "log_every_n_steps": ("-1",),
    "enable_checkpointing": ("false",),
    "accumulate_grad_batches": ("0", "1000"),
    "gradient_clip_val": ("-1", "nan"),
    "gradient_clip_algorithm": ("sum",),
    "profiler": ("xla", "fast"),
    "barebones": ("true",),
    "reload_dataloaders_every_n_epochs": ("-1",),
}
"""Values that no run can have, by option; ``benchmarks/devices_options.py`` tries all others."""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def fit(store: Path, *words: str) -> tuple[int, list[str]]:
    """Train a network of few numbers, and return the exit code and the lines of errors."""
    given = ["--data.path", str(store), "--model.net", "IRT", "--data.batch_size", "16"]
    usual = ["--trainer.accelerator=cpu", "--trainer.max_epochs=2"]
    named = {word.partition("=")[0] for word in words}
    usual = [word for word in usual if word.partition("=")[0] not in named]
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = main(["fit", *given, *usual, *words])
    return code, said.getvalue().strip().splitlines()


@pytest.mark.parametrize("name", REFUSED)
def test_a_value_that_cannot_be_is_refused_in_two_lines_and_nothing_is_trained(
    name: str, class_store: Path
) -> None:
    for value in REFUSED[name]:
        code, lines = fit(class_store, f"--trainer.{name}={value}")
        assert (code, len(lines)) == (2, 2), (value, lines)
        assert not any(Path().rglob("*.ckpt")), value


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("accelerator=tpu", "accelerator is 'tpu'.\nAllowed: auto, cpu, gpu, cuda, mps."),
        ("accelerator=mps", "accelerator is mps, and torch finds none on this machine."),
        ("devices=[0]", "devices is [0].\nGive how many: 1 or more, or auto."),
        ("devices=null", "devices is null."),
        ("num_nodes=null", "num_nodes is 'null'."),
        ("precision=fp8", "Allowed: transformer-engine, transformer-engine-float16, 16-true"),
        ("precision=transformer-engine", "in which no network of torchedu was tried"),
        ("max_epochs=1e3", "max_epochs is '1e3'."),
        ("max_epochs=-1", "one_cycle, which ends with training, and that has no end"),
        ("min_epochs=5", "min_epochs is 5, and --trainer.max_epochs 2."),
        ("callbacks=BatchSizeFinder", "BatchSizeFinder changes --data.batch_size"),
    ],
)
def test_it_says_what_is_wrong_in_the_words_of_who_gave_it(
    word: str, told: str, class_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MPSAccelerator, "is_available", lambda: False)
    assert told in "\n".join(fit(class_store, f"--trainer.{word}")[1])


def test_a_scheduler_that_says_nothing_is_named_under_every_strategy(class_store: Path) -> None:
    for strategy in ("ddp", "dp"):
        words = (f"--trainer.strategy={strategy}", "--trainer.plugins=SLURMEnvironment")
        code, lines = fit(class_store, *words)
        assert (code, len(lines)) == (2, 2)
        assert "a scheduler began this process" in lines[0]


@pytest.mark.parametrize("limit", ["1", "60", "0.5"])
def test_a_part_is_scored_as_a_whole(limit: str, class_store: Path) -> None:
    code, lines = fit(class_store, f"--trainer.limit_predict_batches={limit}", "--run=some")
    assert (code, len(lines)) == (2, 2)
    assert "a part is scored as a whole" in lines[0]
    assert not Path("some").exists()


def test_a_callback_with_a_name_of_an_enumeration_is_kept_and_read_again(class_store: Path) -> None:
    word = "--trainer.callbacks=lightning.pytorch.callbacks.Timer"
    assert fit(class_store, word, "--trainer.max_epochs=1", "--run=timed")[0] == 0
    again = ["fit", "--config", "timed/config.yaml", "--run", "again"]
    assert main(again) == 0


@pytest.mark.parametrize(
    "words",
    [
        ("--trainer.profiler=pytorch",),
        ("--trainer.limit_predict_batches=1.0",),
        ("--trainer.val_check_interval=00:00:00:01",),
        ("--trainer.val_check_interval=00:01:00:00",),
    ],
)
@pytest.mark.filterwarnings("ignore:The PyTorch Profiler default schedule")
def test_what_goes_together_goes_to_its_end(words: tuple[str, ...], class_store: Path) -> None:
    assert fit(class_store, *words) == (0, [])


@pytest.mark.parametrize("task", ["CourseRecommendation", "AtRisk"])
def test_a_network_of_narrow_numbers_is_scored_in_all_ways(task: str) -> None:
    kind = {"CourseRecommendation": "enrolments", "AtRisk": "events"}[task]
    write_example(kind, Path("data.csv"))
    net = {"CourseRecommendation": ["--model.net", "MF"], "AtRisk": ["--model.net.members", "1"]}
    words = ["--data.path", "data.csv", "--model", task, *net[task], "--model.net.dim", "4"]
    words += ["--trainer.accelerator", "cpu", "--trainer.max_epochs", "1"]
    assert main(["fit", *words, "--trainer.precision", "bf16-true"]) == 0


def test_what_is_checked_are_the_trainers_options() -> None:
    known = inspect.signature(Trainer).parameters
    assert {*REFUSED, *RANGES, *NEEDED, *NOTHING} <= known.keys()

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from lightning import Trainer, seed_everything
from lightning.fabric.plugins.environments import SLURMEnvironment
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.demos.boring_classes import BoringModel

from torchedu import Interactions, ItemDKT, KnowledgeTracing
from torchedu.batch import AnswerBatch
from torchedu.checkpoints import (
    STOPPED,
    LastCheckpoint,
    VerifiedCheckpointIO,
    read_checkpoint,
    resume_from,
)
from torchedu.domains import Schedule
from torchedu.errors import ConfigError
from torchedu.metrics_log import metrics_log

# Going on in the folder of the broken run is what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:Checkpoint directory .* is not empty")

HOOKS = (
    "on_train_start",
    "on_train_epoch_start",
    "on_train_batch_start",
    "on_before_backward",
    "on_before_optimizer_step",
    "on_train_batch_end",
    "on_validation_start",
    "on_validation_end",
    "on_train_epoch_end",
    "on_train_end",
)


class Broken(Exception):
    pass


class Break(Callback):
    """Counts the calls of hooks, and does something at one of them."""

    def __init__(self, hook: str | None = None, nth: int = 0, signum: int | None = None) -> None:
        self.counts = dict.fromkeys(HOOKS, 0)
        self.at = (hook, nth)
        self.signum = signum
        for name in HOOKS:
            setattr(self, name, partial(self._hit, name))

    def _hit(self, hook: str, trainer: Trainer, *args: Any, **named: Any) -> None:
        if trainer.sanity_checking:
            return
        self.counts[hook] += 1
        if (hook, self.counts[hook]) == self.at:
            if self.signum is None:
                raise Broken
            os.kill(os.getpid(), self.signum)


class Seen(Callback):
    """Notes the windows of each step, however they are divided."""

    def __init__(self) -> None:
        self.rows: dict[int, list[int]] = {}

    def on_train_batch_start(
        self, trainer: Trainer, module: Any, batch: AnswerBatch, batch_idx: int
    ) -> None:
        rows = self.rows.setdefault(trainer.global_step, [])
        rows[:] = sorted(rows + batch.student_B[batch.scored_BL.any(1)].tolist())


class End(NamedTuple):
    weights: dict[str, torch.Tensor]
    curve: str
    step: int
    epoch: int
    best: Any


@pytest.fixture(autouse=True)
def _nothing_is_ignored() -> Iterator[None]:
    """Listen to what a shell lets jobs in the background ignore."""
    numbers = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
    ignored = [number for number in numbers if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, default)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


def train(
    store: Path,
    run: Path,
    at: Break | None = None,
    validates: bool = True,
    seen: Seen | None = None,
    max_epochs: int = 5,
    **trainer: Any,
) -> End:
    """Train in a run's folder, going on with what is there."""
    seed_everything(0, verbose=False)
    run.mkdir(exist_ok=True)
    (run / "config.yaml").touch()  # as the command line begins a run
    data = Interactions(str(store), batch_size=16)
    net = partial(ItemDKT, dim=8)
    # A schedule that needs to know the number of steps makes Lightning build the loader early.
    schedule: Schedule = "one_cycle" if validates else "constant"
    task = KnowledgeTracing(net, data.num_items, data.num_skills, lr=0.3, schedule=schedule)
    again = resume_from("auto", str(run), task)
    step, rows = (again.step, again.rows) if again else (None, None)
    best = ModelCheckpoint(filename="best", monitor="val/auc", mode="max")
    stops = [EarlyStopping("val/auc", mode="max", patience=1), best] if validates else []
    stock = Trainer(
        max_epochs=max_epochs,
        accelerator="cpu",
        logger=metrics_log(str(run), step, True, rows),
        callbacks=[
            seen or Seen(),
            at or Break(),
            *stops,
            LastCheckpoint(every_n_steps=3, minutes=None),
        ],
        plugins=[VerifiedCheckpointIO()],
        log_every_n_steps=2,
        limit_val_batches=1.0 if validates else 0,
        enable_progress_bar=False,
        enable_model_summary=False,
        **trainer,
    )
    stock.fit(task, data, ckpt_path=again.file if again else None, weights_only=True)
    curve = (run / "metrics.csv").read_text()
    score = best.best_model_score if validates else None
    return End(task.state_dict(), curve, stock.global_step, stock.current_epoch, score)


def assert_same(one: End, other: End) -> None:
    assert one.curve == other.curve
    assert one[2:] == other[2:]
    assert all(torch.equal(one.weights[name], other.weights[name]) for name in other.weights)


def breaks(count: Break) -> list[tuple[str, int]]:
    """Return the first, a middle and the last call of each hook of a run that came to its end."""
    return [
        (hook, nth)
        for hook, calls in count.counts.items()
        for nth in sorted({1, calls // 2, calls} - {0} if calls else ())
    ]


@pytest.mark.parametrize("validates", [True, False])
def test_a_run_may_break_off_anywhere(class_store: Path, tmp_path: Path, validates: bool) -> None:
    count = Break()
    whole = train(class_store, tmp_path / "whole", count, validates)
    if validates:
        assert whole.epoch == 4, "early stopping is part of what is tested"
    for hook, nth in breaks(count):
        run = tmp_path / f"{hook}-{nth}"
        with pytest.raises(Broken):
            train(class_store, run, Break(hook, nth), validates)
        assert_same(train(class_store, run, validates=validates), whole)


@pytest.mark.parametrize("interval", [3, 0.25])  # none by the end of an epoch, and after each step
def test_a_validation_that_is_due_belongs_to_its_step(
    class_store: Path, tmp_path: Path, interval: float
) -> None:
    count = Break()
    whole = train(class_store, tmp_path / "whole", count, val_check_interval=interval)
    assert whole.epoch < 5, "early stopping is part of what is tested"
    hooks = {"on_train_batch_end", "on_validation_start", "on_validation_end", "on_train_epoch_end"}
    for hook, nth in breaks(count):
        for signum in (None, signal.SIGTERM) if hook == "on_train_batch_end" else (None,):
            if hook not in hooks:
                continue
            run = tmp_path / f"{hook}-{nth}-{signum}"
            with pytest.raises((Broken, SystemExit)):
                train(class_store, run, Break(hook, nth, signum), val_check_interval=interval)
            assert_same(train(class_store, run, val_check_interval=interval), whole)


def test_it_goes_on_in_other_parts_of_a_batch(class_store: Path, tmp_path: Path) -> None:
    seen = Seen()
    end = train(class_store, tmp_path / "whole", Break(), False, seen)
    run, rows = tmp_path / "run", {}
    for parts, breaks_at in ((2, 8), (4, 17)):
        again, at = Seen(), Break("on_train_batch_end", breaks_at)
        with pytest.raises(Broken):
            train(class_store, run, at, False, again, accumulate_grad_batches=parts)
        rows |= again.rows  # those after the checkpoint come again, the same
    again = Seen()
    other = train(class_store, run, Break(), False, again)
    assert (other.step, other.epoch) == (end.step, end.epoch)
    assert rows | again.rows == seen.rows
    assert min(again.rows) == 6, "it goes on from the checkpoint before the break"


@pytest.mark.parametrize(
    ("hook", "signum", "code", "step"),
    [
        ("on_before_backward", signal.SIGTERM, STOPPED, 6),
        ("on_train_batch_start", signal.SIGUSR1, STOPPED, 6),
        ("on_train_batch_end", signal.SIGUSR2, STOPPED, 7),
        ("on_train_batch_start", signal.SIGINT, 130, 6),
        ("on_train_batch_start", signal.SIGHUP, STOPPED, 6),
        ("on_train_batch_start", signal.SIGQUIT, STOPPED, 6),
    ],
)
def test_a_signal_saves_after_the_step_and_stops(
    class_store: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    hook: str,
    signum: int,
    code: int,
    step: int,
) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    run = tmp_path / "run"
    nth = 6 if hook != "on_train_batch_end" else 7
    with pytest.raises(SystemExit) as left:
        train(class_store, run, Break(hook, nth, signum))
    assert left.value.code == code
    said = capsys.readouterr().err
    assert f"Stopped by {signal.Signals(signum).name} after step {step}; saved in" in said
    assert "resume auto" in said
    last = read_checkpoint(run / "checkpoints" / "last.ckpt")
    assert last.content["global_step"] == step
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
    whole = train(class_store, tmp_path / "whole")
    assert_same(train(class_store, run), whole)


def test_a_signal_that_is_ignored_stays_so(class_store: Path, tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup has it
    try:
        end = train(class_store, tmp_path / "run", Break("on_train_batch_start", 6, signal.SIGHUP))
    finally:
        signal.signal(signal.SIGHUP, before)
    assert end.epoch == 4


@pytest.mark.parametrize("hook", ["on_validation_start", "on_train_batch_end"])
def test_a_signal_by_the_end_of_an_epoch_waits_for_its_scores(
    class_store: Path, tmp_path: Path, hook: str
) -> None:
    run = tmp_path / "run"
    nth = 2 if hook == "on_validation_start" else 8
    with pytest.raises(SystemExit):
        train(class_store, run, Break(hook, nth, signal.SIGTERM))
    assert (run / "metrics.csv").read_text().count("\n") == 1 + 2 * 2 + 2
    assert_same(train(class_store, run), train(class_store, tmp_path / "whole"))


class InSanity(Break):
    """Sends itself a signal before training has begun."""

    def on_sanity_check_end(self, trainer: Trainer, module: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_before_the_first_step_is_heeded_after_it(
    class_store: Path, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match=str(STOPPED)):
        train(class_store, tmp_path / "run", InSanity())
    assert (
        read_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt").content["global_step"] == 1
    )


def test_epochs_and_the_last_score_are_kept_where_steps_say_how_long_it_is(
    class_store: Path, tmp_path: Path
) -> None:
    def kept(run: Path) -> tuple[Any, float]:
        content = read_checkpoint(run / "checkpoints" / "last.ckpt").content
        (best,) = (s for n, s in content["callbacks"].items() if n.startswith("ModelCheckpoint"))
        return content["loops"]["fit_loop"]["epoch_progress"], float(best["current_score"])

    steps = {"max_steps": 10, "val_check_interval": 3}
    whole = train(class_store, tmp_path / "whole", **steps)
    for signum, hook, nth in (
        (signal.SIGTERM, "on_train_epoch_end", 1),
        (None, "on_train_batch_end", 4),
    ):
        run = tmp_path / hook
        with pytest.raises((Broken, SystemExit)):
            train(class_store, run, Break(hook, nth, signum), **steps)
        assert_same(train(class_store, run, **steps), whole)
        assert kept(run) == kept(tmp_path / "whole")


def test_a_run_that_had_stopped_early_does_not_train_on(class_store: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    first = train(class_store, run)
    count = Break()
    assert_same(train(class_store, run, count), first)
    assert count.counts["on_train_batch_start"] == 0


def test_the_last_is_the_end_of_training_also_where_only_the_best_was_saved(
    class_store: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    whole = train(class_store, tmp_path / "whole", max_epochs=1)
    with pytest.raises(Broken):  # the best of it is on the disk already, the last is not
        train(class_store, run, Break("on_train_epoch_end", 1), max_epochs=1)
    last = run / "checkpoints" / "last.ckpt"
    assert read_checkpoint(last).content["global_step"] < whole.step
    assert_same(train(class_store, run, max_epochs=1), whole)
    kept = read_checkpoint(last).content
    assert kept["global_step"] == whole.step
    assert all(torch.equal(whole.weights[name], kept["state_dict"][name]) for name in whole.weights)
    # What is the end already is left as it is.
    before = last.stat().st_mtime_ns
    train(class_store, run, max_epochs=1)
    assert last.stat().st_mtime_ns == before


def test_it_saves_by_the_clock_too(class_store: Path, tmp_path: Path) -> None:
    seed_everything(0, verbose=False)
    data = Interactions(str(class_store), batch_size=16)
    task = KnowledgeTracing(partial(ItemDKT, dim=4), data.num_items, data.num_skills)
    saved: list[int] = []

    class Notes(VerifiedCheckpointIO):
        def save_checkpoint(self, checkpoint: dict[str, Any], *args: Any, **named: Any) -> None:
            saved.append(checkpoint["global_step"])
            super().save_checkpoint(checkpoint, *args, **named)

    Trainer(
        max_epochs=1,
        accelerator="cpu",
        default_root_dir=tmp_path,
        logger=False,
        callbacks=[LastCheckpoint(minutes=1e-9)],
        plugins=[Notes()],
        enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(task, data)
    assert saved == [1, 2, 3, 4]


@pytest.mark.parametrize("wrong", [{"every_n_steps": 0}, {"minutes": -1.0}])
def test_a_value_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        LastCheckpoint(**wrong)


def test_lightnings_own_requeue_which_saves_in_a_handler_is_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = ("NTASKS", "NTASKS_PER_NODE", "NNODES", "JOB_ID")
    for name in (*one, "PROCID", "LOCALID", "NODEID"):
        monkeypatch.setenv(f"SLURM_{name}", str(int(name in one)))
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        max_steps=1,
        callbacks=[LastCheckpoint()],
        logger=False,
        default_root_dir=tmp_path,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    cluster = trainer._accelerator_connector.cluster_environment
    assert isinstance(cluster, SLURMEnvironment)
    assert cluster.auto_requeue
    before = signal.getsignal(signal.SIGUSR1)
    LastCheckpoint().setup(trainer, BoringModel(), "fit")
    assert not cluster.auto_requeue
    assert signal.getsignal(signal.SIGUSR1) is before

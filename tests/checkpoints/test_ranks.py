"""Several ranks: killed, stopped, gone on from on other numbers of them, and what they agree on."""

import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from lightning import LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import Callback

from torchedu import Interactions, ItemDKT, KnowledgeTracing
from torchedu.checkpoints import STOPPED, LastCheckpoint, VerifiedCheckpointIO, resume_from
from torchedu.datasets.splits import Part
from torchedu.errors import TrainingError
from torchedu.metrics_log import metrics_log
from torchedu.prediction.stream import predicted
from torchedu.testing.launch import LaunchServer

SECONDS = 90.0
STEP = 7
"""Step at whose beginning something happens; the newest checkpoint is then of step 6."""


class Watch(Callback):
    """Notes each step's windows and gradient on this rank, and lets something happen at one."""

    def __init__(self, signum: int | None = None, spoil: bool = False) -> None:
        self.signum = signum
        self.spoil = spoil
        self.windows: dict[int, list[list[int]]] = {}
        self.gradients: list[np.ndarray[Any, Any]] = []

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        step = trainer.global_step + 1
        scored_B = batch.scored_BL.any(1)
        windows = torch.stack([batch.student_B, batch.start_B], 1)[scored_B]
        self.windows.setdefault(step, []).extend(windows.tolist())
        if step == STEP and self.signum is not None:
            os.kill(os.getpid(), self.signum)
        if step == STEP and self.spoil:
            batch.correct_BL[0, 0] = torch.nan

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Any
    ) -> None:
        each = [p.grad.flatten() for p in pl_module.parameters() if p.grad is not None]
        self.gradients.append(torch.cat(each).double().numpy())


class End(NamedTuple):
    weights: dict[str, torch.Tensor]
    curve: str
    step: int
    windows: dict[int, list[list[int]]]


def trainer_of(ranks: int, **more: Any) -> Trainer:
    return Trainer(
        accelerator="cpu",
        devices=ranks,
        strategy="ddp" if ranks > 1 else "auto",
        enable_progress_bar=False,
        enable_model_summary=False,
        **more,
    )


def task_of(data: Interactions, lr: float) -> KnowledgeTracing:
    seed_everything(0, verbose=False)
    net = partial(ItemDKT, dim=8, dropout=0.0)
    # This schedule asks how many steps there will be, and so for the loader before its time.
    return KnowledgeTracing(
        net, data.num_items, data.num_skills, lr=lr, schedule="one_cycle" if lr else "constant"
    )


def train(
    store: Path,
    run: Path,
    ranks: int,
    on: int | None = None,
    signum: int = 0,
    workers: int = 0,
    val_check_interval: float = 1.0,
) -> End:
    """Train in a run's folder, going on with what is there; a signal comes on one rank."""
    run.mkdir(exist_ok=True)
    (run / "config.yaml").touch()  # as the command line begins a run
    data = Interactions(str(store), batch_size=16, num_workers=workers)
    task = task_of(data, lr=0.02)
    again = resume_from("auto", str(run), task)
    step, rows = (again.step, again.rows) if again else (None, None)
    watch = Watch(signum if int(os.environ.get("RANK", 0)) == on else None)
    trainer = trainer_of(
        ranks,
        max_epochs=3,
        logger=metrics_log(str(run), step, True, rows),
        callbacks=[watch, LastCheckpoint(every_n_steps=3, minutes=None)],
        plugins=[VerifiedCheckpointIO()],
        log_every_n_steps=2,
        val_check_interval=val_check_interval,
    )
    trainer.fit(task, data, ckpt_path=again.file if again else None, weights_only=True)
    curve = (run / "metrics.csv").read_text() if trainer.is_global_zero else ""
    return End(task.state_dict(), curve, trainer.global_step, watch.windows)


def gathered(ranks: Sequence[End]) -> dict[int, list[list[int]]]:
    """Return the windows of each step that the ranks took together."""
    steps = set().union(*(end.windows for end in ranks))
    return {step: sorted(w for end in ranks for w in end.windows[step]) for step in steps}


@pytest.fixture(scope="module")
def whole(
    class_store: Path, tmp_path_factory: pytest.TempPathFactory, launch: LaunchServer
) -> list[End]:
    """Give the ends of both ranks of a run that nothing happened to."""
    run = tmp_path_factory.mktemp("whole") / "run"
    started = launch.start(train, class_store, run, 2, ranks=2)
    assert started.wait(SECONDS) == [0, 0], started.output()
    return [started.result(0), started.result(1)]


def test_a_killed_run_goes_on_bit_by_bit_and_on_one_rank(
    class_store: Path, tmp_path: Path, launch: LaunchServer, whole: list[End]
) -> None:
    run, other = tmp_path / "run", tmp_path / "other"
    killed = launch.start(train, class_store, run, 2, 1, signal.SIGKILL, ranks=2)
    first, second = killed.wait(SECONDS)
    assert second == -signal.SIGKILL
    assert first != 0, "a rank that lost the other ends by itself, and not well"
    shutil.copytree(run, other)

    on_two = launch.start(train, class_store, run, 2, None, 0, 2, ranks=2)
    assert on_two.wait(SECONDS) == [0, 0], on_two.output()
    ends = [on_two.result(0), on_two.result(1)]
    assert ends[0].curve == whole[0].curve
    for end, wanted in zip(ends, whole, strict=True):
        assert end.step == wanted.step
        assert end.windows == {step: w for step, w in wanted.windows.items() if step >= STEP}
        assert all(torch.equal(end.weights[key], w) for key, w in wanted.weights.items())

    on_one = launch.start(train, class_store, other, 1)
    assert on_one.wait(SECONDS) == [0], on_one.output()
    end = on_one.result()
    wanted_windows = {step: w for step, w in gathered(whole).items() if step >= STEP}
    assert gathered([end]) == wanted_windows
    for key, weights in whole[0].weights.items():
        torch.testing.assert_close(end.weights[key], weights, rtol=1e-4, atol=1e-5)


def test_a_signal_to_any_rank_saves_and_stops_all(
    class_store: Path, tmp_path: Path, launch: LaunchServer, whole: list[End]
) -> None:
    stopped = launch.start(train, class_store, tmp_path / "run", 2, 1, signal.SIGTERM, ranks=2)
    assert stopped.wait(SECONDS) == [STOPPED, 0], stopped.output()
    assert f"after step {STEP}; saved in" in stopped.output()
    again = launch.start(train, class_store, tmp_path / "run", 2, ranks=2)
    assert again.wait(SECONDS) == [0, 0], again.output()
    end = again.result()
    assert min(end.windows) == STEP + 1
    assert end.curve == whole[0].curve
    assert all(torch.equal(end.weights[key], w) for key, w in whole[0].weights.items())


def test_ranks_that_are_stopped_at_a_step_do_its_validation_first(
    class_store: Path, tmp_path: Path, launch: LaunchServer
) -> None:
    ends = []
    for name, signum in (("whole", 0), ("run", signal.SIGTERM)):
        # Validation is due after the third step of each epoch: after step 3, 7 and 11.
        words = (class_store, tmp_path / name, 2, 1 if signum else None, signum, 0, 3)
        started = launch.start(train, *words, ranks=2)
        if signum:
            assert started.wait(SECONDS) == [STOPPED, 0], started.output()
            assert f"after step {STEP}; saved in" in started.output()
            started = launch.start(train, *words[:3], None, *words[4:], ranks=2)
        assert started.wait(SECONDS) == [0, 0], started.output()
        ends.append(started.result())
    whole, end = ends
    assert end.curve == whole.curve
    assert min(end.windows) == STEP + 1
    assert all(torch.equal(end.weights[key], w) for key, w in whole.weights.items())


class FirstStudents(Interactions):
    """The first students, all of whom are every part."""

    most = 0

    @property
    def parts(self) -> Mapping[str, Part]:
        students = np.arange(self.most)
        stop = np.diff(self.store.history_offsets)[students].astype(np.int64)
        return dict.fromkeys(
            ("train", "val", "test"), Part(students, np.zeros_like(students), stop)
        )


class Agreed(NamedTuple):
    """What must not depend on the number of ranks."""

    scores: list[Mapping[str, float]]
    answers: list[list[tuple[int, int]]]
    gradients: list[np.ndarray[Any, Any]]


def agree(store: Path, ranks: int, accumulate: int) -> Agreed:
    scores: list[Mapping[str, float]] = []
    answers: list[list[tuple[int, int]]] = []
    for most in (1, 2, 7):
        few = FirstStudents(str(store), batch_size=2, window=8, context=4)
        few.most = most
        task = task_of(few, lr=0.0)
        trainer = trainer_of(ranks, logger=False, enable_checkpointing=False)
        scores += trainer.validate(task, few, verbose=False)
        columns = predicted(task, few, "test", trainer)
        ids = zip(columns["student"].tolist(), columns["position"].tolist(), strict=True)
        answers.append(list(ids))
    data = Interactions(str(store), batch_size=32)
    task, watch = task_of(data, lr=0.0), Watch()
    trainer = trainer_of(
        ranks,
        max_epochs=2,
        accumulate_grad_batches=accumulate,
        callbacks=[watch],
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
    )
    trainer.fit(task, data)
    return Agreed(scores, answers, watch.gradients)


def test_scores_and_gradients_do_not_depend_on_how_batches_are_divided(
    class_store: Path, launch: LaunchServer
) -> None:
    started = [
        launch.start(agree, class_store, ranks, accumulate, ranks=ranks)
        for ranks, accumulate in ((1, 1), (2, 4), (1, 4))
    ]
    assert [one.wait(SECONDS) for one in started] == [[0], [0, 0], [0]], started[1].output()
    whole, *others = [one.result() for one in started]
    assert [len(set(ids)) for ids in whole.answers] == [len(ids) for ids in whole.answers]
    assert len(whole.gradients) == 4
    for other in others:
        assert other.answers == whole.answers
        for own, wanted in zip(other.scores, whole.scores, strict=True):
            assert own == pytest.approx(wanted, abs=1e-12, rel=0)
        for one, wanted in zip(other.gradients, whole.gradients, strict=True):
            assert np.linalg.norm(one - wanted) <= 1e-6 * np.linalg.norm(wanted)


def train_on_spoiled_answers(store: Path, ranks: int) -> tuple[str, str]:
    """Return what every rank is told, and whom rank 1 knows to be the cause."""
    data = Interactions(str(store), batch_size=16)
    task = task_of(data, lr=0.02)
    watch = Watch(spoil=os.environ["RANK"] == "1")
    trainer = trainer_of(
        ranks, max_epochs=3, callbacks=[watch], logger=False, enable_checkpointing=False
    )
    try:
        trainer.fit(task, data)
    except TrainingError as error:
        return str(error), f"student row {watch.windows[STEP][0][0]} "
    return "", ""


def test_all_ranks_name_the_sample_of_one_that_is_not_finite(
    class_store: Path, launch: LaunchServer
) -> None:
    started = launch.start(train_on_spoiled_answers, class_store, 2, ranks=2)
    assert started.wait(SECONDS) == [0, 0], started.output()
    (told, _), (also_told, cause) = started.result(0), started.result(1)
    assert told == also_told
    assert f"step {STEP}: loss or gradients are not finite" in told
    assert f"because of {cause}" in told
    assert told.count("student row") == 1

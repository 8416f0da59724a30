"""What a trial came to is told to its study, whether whole, stopped or failed."""

from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="needs the package optuna")

from tests.tune.conftest import SHORT, WORDS
from torchedu.errors import TrainingError
from torchedu.run import RunConfig
from torchedu.tune.measure import Measure
from torchedu.tune.objectives import Goals
from torchedu.tune.results import standing
from torchedu.tune.study import Asked, Study
from torchedu.tune.trial import failed, on_one_device, tell, trained

LIMIT = "val/abroca<=0.1"


@pytest.mark.parametrize("objectives", ["val/auc", "val/auc,val/abroca"])
@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_stopped_trial_is_no_whole_one(tmp_path: Path, objectives: str, is_stopped: bool) -> None:
    goals = Goals.parse(objectives, LIMIT, "")
    study = Study(tmp_path / "study", Asked((), "", objectives, LIMIT, sampler="random"), goals)
    trial = study.claim(1)
    assert trial is not None
    trial.report(0.7, 2) if len(goals.objectives) == 1 else None
    tell(study.study, goals, trial, {"val/auc": 0.7, "val/abroca": 0.3}, 2, is_stopped)
    (kept,) = study.trials()
    pruned = is_stopped and len(goals.objectives) == 1
    assert kept.state.name == ("PRUNED" if pruned else "COMPLETE")
    assert kept.values[0] == 0.7
    assert kept.constraints == {LIMIT: pytest.approx(0.2)}
    now = standing(study)
    assert [row.state for row in now.rows] == ["stopped" if is_stopped else "whole"]
    assert (now.best is None) == is_stopped


def test_a_trial_that_is_at_its_end_is_whole(class_store: Path, tmp_path: Path) -> None:
    asked: list[int] = []

    def never(step: int, measured: dict[str, float]) -> bool:
        asked.append(step)
        return False

    words = [*WORDS, *SHORT, "--data.path", str(class_store), "--trainer.limit_train_batches", "1"]
    measure = Measure(Goals.parse("val/auc", "", ""), never)
    trained([*words, "--trainer.max_epochs", "1"], tmp_path / "whole", measure)
    assert (asked, measure.stopped) == ([1], False)
    measure = Measure(Goals.parse("val/auc", "", ""), never)
    trained([*words, "--trainer.max_epochs", "2"], tmp_path / "stopped", measure)
    assert (asked, measure.stopped) == ([1, 1], True)


def test_why_a_trial_failed_is_kept(tmp_path: Path) -> None:
    goals = Goals.parse("val/auc", "", "")
    study = Study(tmp_path / "study", Asked((), "", sampler="random"), goals)
    errors = [TrainingError("a loss is\nnot finite.", "Lower ⟦model.lr⟧."), KeyError("a fault")]
    for error in errors:
        trial = study.claim(2)
        assert trial is not None
        failed(study, trial, error)
    assert [row.error for row in standing(study).rows] == [
        "a loss is not finite.", "KeyError: 'a fault'",
    ]  # fmt: skip
    assert not study.run_folder(0).exists()
    assert "a fault" in (study.run_folder(1) / "error.txt").read_text("utf-8")


def test_a_trial_has_one_device_unless_more_are_named() -> None:
    assert on_one_device(RunConfig([])).config.trainer.devices == 1
    named = RunConfig(["--trainer.devices", "2"])
    assert str(on_one_device(named).config.trainer.devices) == "2"

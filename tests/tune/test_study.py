"""Processes agree on a study, share its trials, and take up those of processes that are gone."""

import json
from pathlib import Path

import pytest

from torchedu.errors import ConfigError

optuna = pytest.importorskip("optuna", reason="needs the package optuna")

from torchedu.run_lock import RunLock  # noqa: E402 - after what it needs
from torchedu.tune.objectives import Goals  # noqa: E402
from torchedu.tune.space import Space  # noqa: E402
from torchedu.tune.study import LIVES, SAMPLERS, Asked, Journal, Study  # noqa: E402

GOALS = Goals.parse("val/auc", "", "")
ASKED = Asked(("--config", "dkt"), "model.lr: {float: [0.1, 1]}", sampler="random")


def claim_of(study: Study, number: int) -> Path:
    return study.folder / "claims" / f"{number:04d}" / ".lock"


def test_who_joins_agrees_with_what_it_began_with(tmp_path: Path) -> None:
    first = Study(tmp_path / "study", ASKED, GOALS)
    assert Study(tmp_path / "study", ASKED, GOALS).token == first.token
    with pytest.raises(ConfigError, match=r"begun with other words: .*dkt.*sakt"):
        Study(tmp_path / "study", Asked(("--config", "sakt"), ASKED.space, sampler="random"), GOALS)
    with pytest.raises(ConfigError, match=r"sampler is 'tep'.\n.*Did you mean tpe"):
        Study(tmp_path / "other", Asked((), "", sampler="tep"), GOALS)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(ConfigError, match="in use, and holds no study"):
        Study(tmp_path, ASKED, GOALS)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]
    (tmp_path / "study.yaml").write_text("3", "utf-8")
    with pytest.raises(ConfigError, match=r"study.yaml is no study's"):
        Study(tmp_path, ASKED, GOALS)


def test_trials_are_claimed_once_and_no_more_than_asked_for(tmp_path: Path) -> None:
    here, there = (Study(tmp_path / "study", ASKED, GOALS) for _ in range(2))
    taken = [study.claim(3) for study in (here, there, here)]
    assert [trial and trial.number for trial in taken] == [0, 1, 2]
    assert there.claim(3) is None
    assert here.are_others_at_work()


def test_a_trial_of_a_process_that_is_gone_is_taken_up_as_it_was(tmp_path: Path) -> None:
    study = Study(tmp_path / "study", ASKED, GOALS)
    trial = study.claim(2)
    assert trial is not None
    drawn = trial.suggest_float("model.lr", 0.1, 1)
    study.let_go(0)  # as the system does when a process is killed
    again = Study(tmp_path / "study", ASKED, GOALS).claim(2)
    assert again is not None
    assert (again.number, again.suggest_float("model.lr", 0.1, 1)) == (0, drawn)


def test_what_a_killed_process_had_not_drawn_is_drawn_the_same(tmp_path: Path) -> None:
    values = []
    for name in ("broken", "whole"):
        study = Study(tmp_path / name, ASKED, GOALS)
        trial = study.claim(1)
        if name == "broken":
            study.let_go(0)
            trial = study.claim(1)
        assert trial is not None
        values.append(trial.suggest_float("model.lr", 0.1, 1))
    assert values[0] == values[1]


def test_a_trial_that_has_ended_since_the_trials_were_read_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = (Study(tmp_path / "study", ASKED, GOALS) for _ in range(2))
    trial = there.claim(2)
    assert trial is not None
    read = here.trials()
    there.study.tell(trial, 0.5)
    there.let_go(0)
    monkeypatch.setattr(here, "trials", lambda: read)
    after = here.claim(2)
    assert after is not None
    assert after.number == 1


def test_a_trial_that_kills_whoever_takes_it_up_fails(tmp_path: Path) -> None:
    study = Study(tmp_path / "study", ASKED, GOALS)
    for _ in range(LIVES):
        trial = study.claim(1)
        assert trial is not None
        study.let_go(0)
    assert study.claim(1) is None
    (failed,) = study.trials()
    assert failed.state.name == "FAIL"
    assert "without getting further" in failed.user_attrs["error"]


def test_one_that_gets_further_may_be_taken_up_for_ever(tmp_path: Path) -> None:
    study = Study(tmp_path / "study", ASKED, GOALS)
    for step in range(2 * LIVES):
        trial = study.claim(1)
        assert trial is not None
        trial.set_user_attr(f"rung {step + 1}", {"val/auc": 0.5})
        study.let_go(0)
    assert study.trials()[0].state.name == "RUNNING"


def test_a_lock_is_free_without_its_holder(tmp_path: Path) -> None:
    lock = RunLock(tmp_path / "claim")
    assert lock.is_free()
    lock.take()
    assert not lock.is_free()
    held = json.loads(lock.file.read_text("utf-8"))
    lock.release()
    lock.file.write_text(json.dumps({**held, "started": held["started"] - 1}), "utf-8")
    assert RunLock(tmp_path / "claim").is_free()  # a later process of the same number
    lock.file.write_text(json.dumps({**held, "place": "elsewhere"}), "utf-8")
    assert not RunLock(tmp_path / "claim").is_free()  # its renewals tell


@pytest.mark.parametrize("torn", [b'{"op', b"x" * 9000])
def test_half_a_line_of_a_killed_writer_does_no_harm(tmp_path: Path, torn: bytes) -> None:
    study = Study(tmp_path / "study", ASKED, GOALS)
    assert study.claim(9) is not None
    with (study.folder / "journal.log").open("ab") as file:
        file.write(torn)
    there = Study(tmp_path / "study", ASKED, GOALS)
    assert [trial.number for trial in there.trials()] == [0]
    assert there.claim(9) is not None
    assert [trial.number for trial in study.trials()] == [0, 1]
    assert torn + b"{" not in (study.folder / "journal.log").read_bytes()


def test_a_torn_journal_without_a_whole_line_is_begun_anew(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    (tmp_path / "journal.log").write_bytes(b"half")
    journal.append_logs([{"a": 1}])
    assert list(journal.read_logs(0)) == [{"a": 1}]


def test_sqlite_keeps_trials_too(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'trials.db'}"
    study = Study(tmp_path / "study", ASKED, GOALS, address)
    assert study.claim(1) is not None
    assert not (study.folder / "journal.log").exists()
    study.let_go(0)
    again = Study(tmp_path / "study", ASKED, GOALS, address).claim(1)
    assert again is not None
    assert again.number == 0


@pytest.mark.parametrize(
    "address", ["sqlite:////no/such/folder/trials.db", "no address", "nosuch://me:secret@host/x"]
)
def test_a_storage_out_of_reach_is_told_without_its_password(tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigError, match="cannot be reached") as error:
        Study(tmp_path / "study", ASKED, GOALS, address)
    assert "secret" not in str(error.value)
    assert str(error.value).count("\n") == 1


def test_the_recipes_values_come_first(tmp_path: Path) -> None:
    study = Study(tmp_path / "study", ASKED, GOALS)
    study.offer({}, [{"model.lr": 0.3}, {"model.lr": 0.5}, {"model.lr": 0.3}])
    study.offer({"model.lr": 0.4})  # by another process that joins
    values = []
    for _ in range(3):
        trial = study.claim(3)
        assert trial is not None
        values.append(trial.suggest_float("model.lr", 0.1, 1))
    assert values[:2] == [0.3, 0.5]
    assert values[2] not in (0.3, 0.4, 0.5)
    study.offer({"model.lr": 0.4}, [{"model.lr": 0.5}, {"model.lr": 0.6}])  # of a study found later
    trial = study.claim(4)
    assert trial is not None
    assert trial.suggest_float("model.lr", 0.1, 1) == 0.6


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("seed", [20261130, -1, 2**64])
def test_any_whole_number_is_a_seed(tmp_path: Path, name: str, seed: int) -> None:
    study = Study(tmp_path / "study", Asked((), "", sampler=name, seed=seed), GOALS)
    trial = study.claim(1)
    assert trial is not None
    assert 0.1 <= trial.suggest_float("model.lr", 0.1, 1) <= 1


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("objectives", ["val/auc", "val/auc,cost"])
def test_what_is_drawn_follows_from_the_seed_and_the_trials_before(
    tmp_path: Path, name: str, objectives: str
) -> None:
    goals = Goals.parse(objectives, "cost<=0.6", "")
    net = "{choice: {A: {dim: {int: [1, 9]}}, B: {drop: {float: [0, 1]}}}}"
    space = Space.parse(f"lr: {{float: [0.1, 1]}}\nnet: {net}")
    drawn = []
    for study_name, seed in (("first", 1), ("again", 1), ("other", 2)):
        study = Study(tmp_path / study_name, Asked((), "", sampler=name, seed=seed), goals)
        mine = []
        for _ in range(12):  # more than a sampler draws at random to begin with
            study = Study(tmp_path / study_name, study.asked, goals)  # as a process that joins
            trial = study.claim(12)
            assert trial is not None
            values = space.suggest(trial)
            mine.append(values)
            trial.set_constraint("cost", values["lr"] - 0.6)
            reached = {"val/auc": values["lr"] + values.get("dim", 0), "cost": values["lr"]}
            study.study.tell(trial, [reached[each.name] for each in goals.objectives])
            study.let_go(trial.number)
        drawn.append(mine)
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]
    assert {values["net"] for values in drawn[0]} == {"A", "B"}

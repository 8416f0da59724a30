"""``torchedu test`` and ``torchedu validate``: a trained network meets data."""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

from tests.datasets.importers.fake import answers, write_csv
from torchedu.cli import main


@pytest.fixture
def run(trained_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained_run, tmp_path / "run"))


def scores_in(folder: Path) -> dict[str, object]:
    evaluation: dict[str, object] = json.loads((folder / "evaluation.json").read_text("utf-8"))
    return evaluation


def test_test_repeats_what_fit_reported(run: Path) -> None:
    assert main(["test", str(run), "--run", str(run.parent / "again")]) == 0
    assert scores_in(run.parent / "again") == scores_in(run)
    assert (run.parent / "again" / "report.html").is_file()


def test_validate_scores_the_validation_part(run: Path) -> None:
    assert main(["validate", f"--ckpt_path={run}", "--run", str(run.parent / "val")]) == 0
    evaluation = scores_in(run.parent / "val")
    assert evaluation["split"] == "val"
    assert evaluation["counts"]["students"] == 8
    metrics = [row.split(",") for row in (run / "metrics.csv").read_text().splitlines()]
    column = metrics[0].index("val/auc")
    best = max(float(row[column]) for row in metrics[1:] if row[column])
    assert evaluation["scores"][0]["auc"] == pytest.approx(best, abs=1e-6)  # type: ignore[index]


def test_results_lie_in_the_network_s_run_where_no_folder_is_named(run: Path) -> None:
    before = scores_in(run)
    assert main(["test", str(run / "checkpoints" / "last.ckpt")]) == 0
    assert scores_in(run / "test-class")["split"] == "test"
    assert scores_in(run) == before


def test_other_data_is_met_by_name(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    raw = write_csv(run.parent / "other.csv", answers(students=12, each=8))
    with caplog.at_level("INFO"):
        assert main(["test", str(run), "--data.path", str(raw)]) == 0
    evaluation = scores_in(run / "test-other")
    assert evaluation["data"] == "other"
    assert "items are unknown to the network" in caplog.text


@pytest.mark.parametrize(
    "content",
    [
        "data: !!python/object/apply:os.mkdir [made]",
        "data: 3",
        "data: {class_path: torchedu.Interactions, init_args: 7}",
        "data: {class_path: torchedu.Interactions, init_args: [path]}",
        "data: {class_path: torchedu.Interactions, init_args: {.: 1}}",
        "- 1\n- 2",
        "a: [",
        "\x00",
    ],
)
def test_a_configuration_that_is_none_is_told_and_not_executed(
    run: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    (run / "config.yaml").write_text(content)
    assert main(["test", str(run)]) == 2
    problem, remedy = capsys.readouterr().err.splitlines()
    assert "config.yaml is no configuration" in problem
    assert "--data.path" in remedy
    assert not Path("made").exists()


def test_a_configuration_without_data_is_not_taken_for_the_simulated_class(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / "config.yaml").write_text("seed_everything: 3\n")
    assert main(["test", str(run)]) == 2
    assert "says which data is meant" in capsys.readouterr().err


def test_nothing_is_written_beside_data_that_only_a_file_names(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (run.parent / "spare").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(run.parent / "spare"))
    (run.parent / "theirs").mkdir()
    raw = write_csv(run.parent / "theirs" / "other.csv", answers(students=12, each=8))
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["data"]["init_args"]["path"] = str(raw)
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    assert main(["test", str(run)]) == 2
    problem, remedy = capsys.readouterr().err.splitlines()
    assert "only a file names what stands there" in problem
    assert remedy == "Name the data yourself: --data.path FILE."
    assert list(raw.parent.iterdir()) == [raw]


def test_a_class_of_data_that_a_file_names_has_to_be_trusted(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["data"]["class_path"] = "antigravity.Data"
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    assert main(["test", str(run)]) == 2
    said = capsys.readouterr().err
    assert "'antigravity.Data', whose code is not torchedu's" in said
    assert "--trust antigravity" in said
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("name", ["test-class", "pictures"])
def test_no_folder_of_a_run_may_be_a_link(
    run: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = run.parent / "outside"
    outside.mkdir()
    shutil.rmtree(run / name, ignore_errors=True)
    (run / name).symlink_to(outside)
    words = ["report", str(run)] if name == "pictures" else ["test", str(run)]
    assert main(words) == 2
    assert f"{name} is a link" in capsys.readouterr().err
    assert not list(outside.iterdir())

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from torchedu.bench import compare_runs
from torchedu.cli import main
from torchedu.errors import ConfigError


def scored(
    folder: Path, chances: list[float], task: str = "KnowledgeTracing", **more: object
) -> Path:
    folder.mkdir()
    content = {
        "task": task, "data": "class", "split": "test", "columns": {"auc": "AUC"},
        "scores": [{"name": "DKT", "kind": "network", "auc": 0.75}], **more,
    }  # fmt: skip
    (folder / "evaluation.json").write_text(json.dumps(content), "utf-8")
    if chances:
        answers = {
            "student": ["s", "s", "a", "a", "b", "b"], "position": [0, 1] * 3,
            "item": ["q", "r"] * 3, "correct": [1.0, 0.0] * 3, "probability": chances,
        }  # fmt: skip
        pyarrow.parquet.write_table(pa.table(answers), folder / "predictions.parquet")
    return folder


GOOD, BAD = [0.9, 0.2, 0.8, 0.3, 0.7, 0.6], [0.5, 0.6, 0.8, 0.3, 0.2, 0.6]


def test_runs_are_compared_answer_by_answer(tmp_path: Path) -> None:
    one, other = scored(tmp_path / "one", GOOD), scored(tmp_path / "other", BAD)
    found = compare_runs([one, other])
    assert (found["task"], found["students"], found["answers"]) == ("KnowledgeTracing", 3, 6)
    first, second = found["models"]
    assert first["name"] == str(one)
    assert first["scores"]["auc"]["value"] == 1
    assert second["differences"]["auc_within"]["value"] == pytest.approx(1 / 3 - 1)


def test_runs_of_other_tasks_stand_side_by_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [str(scored(tmp_path / name, [], "AtRisk")) for name in ("one", "other")]
    assert main(["compare", *runs, "--out", str(tmp_path / "found.json")]) == 0
    found = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert [row["scores"]["auc"] for row in found["models"]] == [0.75, 0.75]
    assert "0.7500" in capsys.readouterr().out


def test_the_command_prints_scores_and_differences(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [str(scored(tmp_path / "one", GOOD)), str(scored(tmp_path / "other", BAD))]
    assert main(["compare", *runs]) == 0
    said = capsys.readouterr().out
    assert "3 students, 6 answers" in said
    assert "1.0000" in said


@pytest.mark.parametrize(
    ("other", "chances", "message"),
    [
        ({"split": "val"}, GOOD, "its part is val, that of .* is test"),
        ({"task": "AtRisk"}, GOOD, "its task is AtRisk"),
        ({"data": "another"}, GOOD, "its data is another"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    other: dict[str, str], chances: list[float], message: str, tmp_path: Path
) -> None:
    one, two = scored(tmp_path / "one", GOOD), scored(tmp_path / "two", chances, **other)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=message):
        compare_runs([one, two])


def test_other_answers_are_refused(tmp_path: Path) -> None:
    one, two = scored(tmp_path / "one", GOOD), scored(tmp_path / "two", GOOD)
    table = pyarrow.parquet.read_table(two / "predictions.parquet")
    pyarrow.parquet.write_table(table.slice(2), two / "predictions.parquet")
    with pytest.raises(ConfigError, match="was scored on other answers"):
        compare_runs([one, two])


def test_a_folder_without_scores_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(scored(tmp_path / "one", GOOD))
    assert main(["compare", run, str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 2
    assert main(["compare", run]) == 2
    assert "runs names 1" in capsys.readouterr().err

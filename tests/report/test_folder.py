import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchedu.errors import DataError
from torchedu.report.folder import clean, read_run


def test_a_whole_run_is_read(write_run: Callable[..., Path]) -> None:
    run = read_run(write_run())
    assert run.seed == 7
    assert run.names == {"items": 12, "skills": 3}
    assert run.metrics["val/auc"] == pytest.approx({1: 0.72, 2: 0.73, 3: 0.74, 4: 0.73})
    assert run.evaluation
    assert run.mastery
    names = [score.name for score in run.evaluation.ordered]
    assert names == ["ItemDKT", "Best-LR", "item mean", "best reachable", "oracle"]
    assert math.isnan(run.evaluation.by_group["gender"][2].auc)
    assert [part.label for part in run.evaluation.by_history] == ["0", "1–9", "10+"]
    assert run.mastery.correct[:3] == [0, 1, 1]


@pytest.mark.parametrize(
    "file", ["config.yaml", "metrics.csv", "evaluation.json", "mastery.json", "vocabulary.json"]
)
def test_a_missing_file_is_a_missing_part(write_run: Callable[..., Path], file: str) -> None:
    run = read_run(write_run(file))
    parts = {
        "config.yaml": run.config,
        "metrics.csv": run.metrics,
        "evaluation.json": run.evaluation,
        "mastery.json": run.mastery,
        "vocabulary.json": run.names,
    }
    assert [name for name, part in parts.items() if not part] == [file]


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no run is here: it holds none of its files"):
        read_run(tmp_path)
    with pytest.raises(DataError, match="nowhere: no run is here: it is not a folder"):
        read_run(tmp_path / "nowhere")


def test_training_values_by_step_are_averaged_and_the_last_validation_stands(
    write_run: Callable[..., Path],
) -> None:
    run = write_run()
    (run / "metrics.csv").write_text(
        "epoch,step,train/loss,val/auc\n0,1,0.8,\n0,2,0.6,\n0,2,,0.6\n0,2,,0.7\n1,3,nan,inf\n1,3,0."
    )
    assert read_run(run).metrics["train/loss"] == pytest.approx({1: 0.7, 2: 0.0})
    assert read_run(run).metrics["val/auc"] == {1: 0.7}


def test_a_log_cut_inside_a_number_or_a_row_is_read_as_far_as_it_goes(
    write_run: Callable[..., Path],
) -> None:
    run = write_run()
    (run / "metrics.csv").write_text("epoch,step,val/auc\n0,1,0.7\n1,2,-\n2")
    assert read_run(run).metrics["val/auc"] == {1: 0.7}


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("evaluation.json", '{"split": "test"'),
        ("evaluation.json", "[]"),
        ("evaluation.json", "null"),
        ("mastery.json", '{"student": "x"}'),
        ("vocabulary.json", '{"item": 3}'),
    ],
)
def test_a_damaged_file_is_named_in_two_lines(
    write_run: Callable[..., Path], file: str, text: str
) -> None:
    run = write_run()
    (run / file).write_text(text)
    with pytest.raises(DataError) as caught:
        read_run(run)
    assert str(run / file) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2


def test_a_configuration_that_is_no_text_is_named(write_run: Callable[..., Path]) -> None:
    run = write_run()
    (run / "config.yaml").write_bytes(b"\xff\xfe\x00x")
    with pytest.raises(DataError, match=r"config\.yaml"):
        read_run(run)


def test_a_configuration_that_is_no_yaml_is_still_shown(write_run: Callable[..., Path]) -> None:
    run = write_run()
    (run / "config.yaml").write_text("a: [1")
    assert (read_run(run).config, read_run(run).seed) == ("a: [1", None)


@pytest.mark.parametrize("part", ["mastery", "items", "correct", "skills_of_items"])
def test_lists_of_unequal_length_are_refused(
    write_run: Callable[..., Path], mastery: dict[str, Any], part: str
) -> None:
    run = write_run()
    mastery[part].pop()
    (run / "mastery.json").write_text(json.dumps(mastery))
    with pytest.raises(DataError, match="unequal numbers of steps"):
        read_run(run)


def test_a_step_without_a_value_for_each_skill_is_refused(
    write_run: Callable[..., Path], mastery: dict[str, Any]
) -> None:
    run = write_run()
    mastery["mastery"][3].pop()
    (run / "mastery.json").write_text(json.dumps(mastery))
    with pytest.raises(DataError, match="one mastery value a skill"):
        read_run(run)


@pytest.mark.parametrize("curve", ["roc", "calibration"])
def test_curves_of_unequal_length_are_refused(
    write_run: Callable[..., Path], evaluation: dict[str, Any], curve: str
) -> None:
    run = write_run()
    next(iter(evaluation["curves"]["ItemDKT"][curve].values())).pop()
    (run / "evaluation.json").write_text(json.dumps(evaluation))
    with pytest.raises(DataError, match="unequal lengths"):
        read_run(run)


@given(st.text())
def test_clean_text_can_be_written_and_keeps_its_letters(text: str) -> None:
    found = clean(text)
    found.encode("utf-8")
    assert "\x00" not in found
    assert [c for c in found if c.isalnum()] == [c for c in text if c.isalnum()]


def test_overrides_of_direction_are_taken_out_and_rtl_letters_stay() -> None:
    assert clean("a\u202eb\u2066c") == "abc"
    assert clean("שברים الكسور") == "שברים الكسور"
    assert clean("a\ud800b\x07") == "a\ufffdb\ufffd"

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
    assert run.metrics["val/auc"] == pytest.approx({1: 0.72, 2: 0.73, 3: 0.74, 4: 0.73})
    assert run.evaluation
    names = [score.name for score in run.evaluation.scores]
    assert names == ["ItemDKT", "Best-LR", "item mean", "best reachable", "oracle"]
    assert math.isnan(run.evaluation.scores[-1].values[3])
    assert run.evaluation.counts == {"students": 400, "answers": 23950, "skills": 3}
    assert run.evaluation.sections[0].title == "Ranking and trust"
    assert run.evaluation.network == "ItemDKT"


@pytest.mark.parametrize("file", ["config.yaml", "metrics.csv", "evaluation.json"])
def test_a_missing_file_is_a_missing_part(write_run: Callable[..., Path], file: str) -> None:
    run = read_run(write_run(file))
    parts = {
        "config.yaml": run.config,
        "metrics.csv": run.metrics,
        "evaluation.json": run.evaluation,
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
        ("evaluation.json", '{"data": "x", "split": "test", "columns": {}, "scores": []}'),
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


@pytest.mark.parametrize(
    ("section", "change", "said"),
    [
        (0, {"form": "pie"}, "a form 'pie' is not known"),
        (0, {"lines": [{"name": "a", "x": [1], "y": []}]}, "the line 'a'"),
        (4, {"values": [[0.5], [0.5, 1], [1]]}, "a row of a heat map"),
        (5, {"widths": [1]}, "a row of stripes"),
        (0, {"lines": 3}, "cannot be read"),
    ],
)
def test_a_form_whose_parts_do_not_fit_is_refused(
    write_run: Callable[..., Path],
    evaluation: dict[str, Any],
    section: int,
    change: dict[str, Any],
    said: str,
) -> None:
    run = write_run()
    evaluation["sections"][section]["forms"][0] |= change
    (run / "evaluation.json").write_text(json.dumps(evaluation))
    with pytest.raises(DataError, match=said):
        read_run(run)


def test_of_costs_the_lowest_stands_first(
    write_run: Callable[..., Path], evaluation: dict[str, Any]
) -> None:
    run = write_run()
    (run / "evaluation.json").write_text(json.dumps({**evaluation, "lower": True}))
    found = read_run(run).evaluation
    assert found
    assert [score.name for score in found.scores][:3] == ["ItemDKT", "item mean", "Best-LR"]


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

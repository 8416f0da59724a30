"""A search ends in a table, a front on both parts, a recipe and a report; it can go on."""

import csv
import json
from pathlib import Path

import pytest

from tests.tune.conftest import Searched
from torchedu.bounded import parse_yaml
from torchedu.cli import main
from torchedu.errors import ConfigError
from torchedu.run_folder import RunFolder

pytest.importorskip("optuna", reason="needs the package optuna")


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_trial_is_a_row_and_a_run(searched: Searched) -> None:
    table = rows(searched.folder)
    assert [row["trial"] for row in table] == list("01234")
    assert {row["model.net"] for row in table} == {"ItemDKT", "DKT"}
    # The recipe's own values are the first trial, as far as the space names them.
    assert (table[0]["model.net"], float(table[0]["model.lr"])) == ("ItemDKT", 0.005)
    for row in table:
        assert (row["model.net.dropout"] != "") == (row["model.net"] == "ItemDKT")
        run = RunFolder(searched.folder / "trials" / f"000{row['trial']}")
        assert run.best.is_file()
        assert not run.last.exists()
        logged = run.metrics.read_text("utf-8")
        assert row["val/auc"][:8] in logged
        assert row["state"] == ("stopped" if row["validations"] == "1" else "whole")


def test_the_front_is_of_whole_trials_that_no_other_is_better_than(searched: Searched) -> None:
    whole = [row for row in rows(searched.folder) if row["state"] == "whole"]
    for row in whole:
        beaten = any(
            float(other["val/auc"]) >= float(row["val/auc"])
            and float(other["parameters"]) <= float(row["parameters"])
            and other is not row
            for other in whole
        )
        assert (row["front"] == "yes") == (not beaten)
    assert all(row["front"] == "" for row in rows(searched.folder) if row["state"] == "stopped")


def test_the_best_trains_again_to_the_same_score(searched: Searched) -> None:
    kept = json.loads((searched.folder / "test.json").read_text("utf-8"))
    (again,) = kept["seeds"].values()
    assert again == kept["trials"][str(kept["best"])]
    value, low, high = again["val/auc"]
    assert low < value < high
    assert "parameters" not in again
    given = parse_yaml((searched.folder / "best.yaml").read_text("utf-8"))
    assert not {"run", "resume"} & given.keys()
    row = rows(searched.folder)[kept["best"]]
    assert given["model"]["init_args"]["lr"] == float(row["model.lr"])
    assert f"(trial {kept['best']})" in (searched.folder / "best.yaml").read_text("utf-8")


def test_it_is_told_in_the_terminal_and_in_the_report(searched: Searched) -> None:
    assert "trial 4: val/auc" in searched.said
    assert "the best: torchedu fit --config" in searched.said
    pytest.importorskip("matplotlib")
    (file,) = (searched.folder / "best").glob("*-seed-0/report.html")
    page = file.read_text("utf-8")
    assert "The search: the best trials" in page
    assert "The search: all trials" in page
    assert "ItemDKT" in page


def test_the_front_of_an_earlier_study_is_named_as_far_as_a_space_holds_it(
    searched: Searched, tmp_path: Path
) -> None:
    from torchedu.tune.results import front_of
    from torchedu.tune.space import Space

    leading = [row for row in rows(searched.folder) if row["front"]]
    space = Space.parse("model.lr: {float: [0.0001, 1.0]}\nmodel.net: {choice: [DKT, SAKT]}")
    assert front_of(searched.folder, space) == [
        {"model.lr": float(row["model.lr"])}
        | ({"model.net": "DKT"} if row["model.net"] == "DKT" else {})
        for row in leading
    ]
    with pytest.raises(ConfigError, match=r"earlier .* holds no table of trials"):
        front_of(tmp_path, space)


def test_the_same_words_go_on_with_more_trials(
    searched: Searched, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = rows(searched.folder)
    assert main([*searched.words, "--trials", "6"]) == 0
    after = rows(searched.folder)
    assert after[:5] == [row | {"front": after[i]["front"]} for i, row in enumerate(before)]
    assert len(after) == 6
    assert main([*searched.words, "--trials", "6", "--objectives", "val/auc"]) == 2
    said = capsys.readouterr().err
    assert "begun with other objectives" in said


def test_a_trial_that_fails_is_named_and_costs_the_others_nothing(
    class_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = tmp_path / "space.yaml"
    # Each of these values goes with the recipe's others; 4 heads do not divide a width of 6.
    space.write_text(
        "model.net.dim: {choice: [6, 8]}\nmodel.net.heads: {choice: [2, 4]}\n", "utf-8"
    )
    words = ["tune", "--space", str(space), "--study", str(tmp_path / "study"), "--seeds", "0"]
    words += ["--model.net", "SAKT", "--model.net.dim", "16", "--model.net.heads", "2"]
    words += ["--data.path", str(class_store), "--trainer.max_epochs", "1", "--sampler", "random"]
    words += ["--trainer.accelerator", "cpu", "--seed", "8"]
    assert main([*words, "--trials", "2"]) == 0
    said = capsys.readouterr().out
    failed = [row for row in rows(tmp_path / "study") if row["state"] == "failed"]
    assert [(row["model.net.dim"], row["model.net.heads"]) for row in failed] == [("6", "4")]
    assert "heads" in failed[0]["error"]
    assert "trial 1: failed: " in said
    assert "1 whole, 1 failed" in said

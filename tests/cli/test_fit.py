import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
import yaml

from tests.conftest import FAST
from tests.datasets.importers.fake import answers, write_csv
from torchedu.cli import main
from torchedu.datasets import AnswerStore
from torchedu.tasks import open_task


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def fit(*words: str) -> int:
    return main(["fit", "--model.net", "DKT", "--model.net.dim", "6", *FAST, *words])


def test_a_run_s_folder_holds_all_that_was_found(trained_run: Path, class_store: Path) -> None:
    files = {str(f.relative_to(trained_run)) for f in trained_run.rglob("*") if f.is_file()}
    assert files >= {
        "config.yaml",
        "companions.json",
        "metrics.csv",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
        "evaluation.json",
        "predictions.parquet",
        "report.html",
        "pictures/ranking-and-trust.png",
    }
    assert not [file for file in files if file.endswith(".part")]
    store = AnswerStore(class_store)
    names = json.loads((trained_run / "companions.json").read_text("utf-8"))["vocabulary"]
    assert names == store.vocabulary.to_json()
    heading, *rows = (trained_run / "metrics.csv").read_text().splitlines()
    assert {"epoch", "step", "train/loss", "val/auc"} <= set(heading.split(","))
    assert len(rows) >= 2


def test_the_scores_stand_beside_the_baselines(trained_run: Path) -> None:
    evaluation = json.loads((trained_run / "evaluation.json").read_text("utf-8"))
    assert [(row["name"], row["kind"]) for row in evaluation["scores"]] == [
        ("ItemDKT", "network"),
        ("item mean", "baseline"),
        ("Best-LR", "baseline"),
        ("Streaming-LR", "baseline"),
        ("best reachable", "bound"),
        ("oracle", "oracle"),
    ]
    table = pq.read_table(trained_run / "predictions.parquet")
    assert len(table) == evaluation["counts"]["answers"]


def test_the_configuration_repeats_the_run(trained_run: Path, tmp_path: Path) -> None:
    config = trained_run / "config.yaml"
    assert main(["fit", "--config", str(config), "--run", str(tmp_path / "again")]) == 0
    for file in ("evaluation.json", "metrics.csv"):
        first, again = (  # but for a pseudonym, which is new each time
            re.sub(r"Student [0-9a-f]{8},", "", (run / file).read_text())
            for run in (trained_run, tmp_path / "again")
        )
        assert first == again


def test_runs_are_numbered_where_none_is_named(class_store: Path, tmp_path: Path) -> None:
    for number in range(2):
        assert fit("--data.path", str(class_store), "--trainer.max_epochs", "1") == 0
        assert (tmp_path / "runs" / f"version_{number}" / "report.html").is_file()


def test_a_table_is_printed_with_the_way_to_the_report(
    class_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fit("--data.path", str(class_store), "--run", "mine") == 0
    said = capsys.readouterr().out
    for text in ("DKT", "item mean", "Best-LR", "best reachable", "AUC", "epoch 2 of 2:"):
        assert text in said
    assert said.rstrip().endswith("mine/report.html")


def test_training_goes_on_from_a_checkpoint(trained_run: Path) -> None:
    config = yaml.safe_load((trained_run / "config.yaml").read_text())
    words = ["--model.schedule", "constant"]
    first = ["--data.path", config["data"]["init_args"]["path"], "--run", "first"]
    assert fit(*first, *words) == 0
    first[-1] = "second"
    assert fit(*first, *words, "--resume", "first", "--trainer.max_epochs", "4") == 0
    epochs = [row.split(",")[0] for row in Path("second/metrics.csv").read_text().splitlines()[1:]]
    assert set(epochs) == {"2", "3"}
    first[-1] = "whole"
    assert fit(*first, *words, "--trainer.max_epochs", "4") == 0
    one, other = (
        torch.load(f"{run}/checkpoints/last.ckpt", weights_only=True)["state_dict"]
        for run in ("second", "whole")
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_network_goes_on_with_next_year_s_items(trained_run: Path, tmp_path: Path) -> None:
    raw = write_csv(tmp_path / "next.csv", answers(students=20, each=8))
    words = ["--data.path", str(raw), "--init_from", str(trained_run), "--run", "grown"]
    assert main(["fit", "--model.lr", "0.0005", "--model.schedule", "constant", *FAST, *words]) == 0
    old = open_task(trained_run / "checkpoints" / "best.ckpt")
    grown = open_task(Path("grown/checkpoints/best.ckpt"))
    store = AnswerStore(tmp_path / "next.store")
    assert grown.vocabulary == old.vocabulary.grown(store.vocabulary)
    names = json.loads(Path("grown/companions.json").read_text("utf-8"))["vocabulary"]
    assert names == grown.vocabulary.to_json()
    assert grown.net.arguments() == old.net.arguments()
    assert (grown.lr, grown.schedule) == (0.0005, "constant")


def test_a_network_of_one_s_own_is_named_by_its_import_path(
    class_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_networks.py").write_text(
        "from torchedu.models import DKT\n\n\n"
        "class Mine(DKT):\n"
        "    def __init__(self, num_items: int, num_skills: int, width: int = 3) -> None:\n"
        "        super().__init__(num_items, num_skills, dim=width)\n"
        "        self.width = width\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    net = ["--model.net", "my_networks.Mine", "--model.net.width", "5"]
    words = ["--data.path", str(class_store), "--run", "mine"]
    assert main(["fit", *net, *FAST, *words]) == 0
    task = open_task(Path("mine/checkpoints/best.ckpt"))
    assert task.net.arguments() == {"width": 5}
    assert main(["test", "mine"]) == 0


def test_training_stops_early_where_it_gets_no_better(class_store: Path) -> None:
    words = ["--data.path", str(class_store), "--run", "short", "--model.schedule", "constant"]
    still = ["--model.lr", "1e-12", "--early_stopping.patience", "2"]
    assert fit(*words, *still, "--trainer.max_epochs", "9") == 0
    epochs = {row.split(",")[0] for row in Path("short/metrics.csv").read_text().splitlines()[1:]}
    assert epochs == {"0", "1", "2"}


def test_a_learning_rate_is_found(class_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # A trial takes up to a hundred steps, of which there have to be enough.
    words = ["--data.path", str(class_store), "--data.batch_size", "2", "--lr_find", "true"]
    assert fit(*words, "--run", "found", "--trainer.max_epochs", "4") == 0
    task = open_task(Path("found/checkpoints/best.ckpt"))
    assert f"learning rate found: {task.lr:.2g}\n" in capsys.readouterr().out
    assert task.lr != 0.002


def test_another_log_can_be_asked_for(class_store: Path) -> None:
    words = ["--trainer.logger", "TensorBoardLogger", "--trainer.logger.save_dir", "logs"]
    assert fit("--data.path", str(class_store), *words) == 0
    assert list(Path("logs").rglob("events.out.tfevents*"))
    (page,) = Path("logs").rglob("report.html")
    assert page.is_file()


def test_a_trial_of_one_batch_reports_nothing(class_store: Path, tmp_path: Path) -> None:
    assert fit("--data.path", str(class_store), "--trainer.fast_dev_run", "true") == 0
    assert not list(tmp_path.rglob("evaluation.json"))

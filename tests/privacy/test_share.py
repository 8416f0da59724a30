"""A pack of a run opens and predicts, and holds no name of a student, no path and no data file."""

import json
import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import FAST
from torchedu.cli import main
from torchedu.datasets.answers import AnswerStore
from torchedu.datasets.importers import import_data
from torchedu.run_folder import RunFolder

DATA = "marks_of_class_7b"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, class_store: Path) -> Path:
    """Give a folder of students with names, and a run that was trained on them."""
    home = tmp_path_factory.mktemp("Principal_Skinner")
    store = AnswerStore(class_store)
    rows = ["student,item,skill,correct,klass"]
    bounds = store.history_offsets
    items = list(store.vocabulary["item"])
    for row in range(store.num_students):
        name = f"Zorblax_{row}"
        for at in range(int(bounds[row]), int(bounds[row + 1])):
            item = items[store.item[at] - 2]
            skill = store.skill[store.skill_offsets[store.item[at]]]
            rows.append(f"{name},{item},k{skill},{int(store.correct[at])},Klass_{row % 2}")
    raw = home / f"{DATA}.csv"
    raw.write_text("\n".join(rows) + "\n", "utf-8")
    import_data("csv", raw, home / f"{DATA}.store", {"groups": ["klass"]})
    words = ["--model.net", "ItemDKT", "--model.net.dim", "8", "--data.batch_size", "16"]
    run = ["--data.path", str(home / f"{DATA}.store"), "--run", str(home / "run")]
    assert main(["fit", *run, *words, *FAST]) == 0
    return home


def in_bytes(folder: Path, words: str) -> list[str]:
    """Return the files in which words stand, also where what is packed in them is unpacked."""
    found = []
    for file in sorted(folder.rglob("*")):
        content = file.read_bytes() if file.is_file() else b""
        if words.encode() in content or words.encode("utf-16-le") in content:
            found.append(file.name)
        for at in range(len(content)) if file.suffix == ".png" else ():
            if content[at : at + 4] in (b"zTXt", b"iTXt"):
                found += [file.name] * (words.encode() in zlib.decompress(content[at + 8 :]))
    return found


def test_a_pack_names_nobody_and_no_place(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # What somebody put beside, and what a command left, goes along no more than predictions do.
    shutil.copytree(home / "run", tmp_path / "run")
    (tmp_path / "run" / "notes.txt").write_text("Zorblax_1 was ill")
    pack = tmp_path / "pack"
    assert main(["share", str(tmp_path / "run"), "--out", str(pack)]) == 0
    said = capsys.readouterr().out
    assert "which shows people" in said
    before = home / "run"
    for planted in ("Zorblax", "Klass_", DATA, "Principal_Skinner", str(tmp_path), "/tmp"):
        assert in_bytes(before, planted) or planted.startswith("/"), planted
        assert not in_bytes(pack, planted), planted
    names = sorted(str(file.relative_to(pack)) for file in pack.rglob("*") if file.is_file())
    assert [name for name in names if not name.startswith("pictures/")] == [
        "checkpoints/best.ckpt", "companions.json", "config.yaml", "evaluation.json", "metrics.csv",
        "model_card.md", "report.html",
    ]  # fmt: skip
    assert main(["share", str(home / "run"), "--out", str(pack)]) == 2


def test_a_pack_opens_scores_and_predicts_as_the_run_does(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(home / "run", "mine")
    assert main(["share", "mine"]) == 0
    data = ["--data.path", str(home / f"{DATA}.store"), "--trainer.accelerator", "cpu"]
    assert main(["test", "mine-shared", *data, "--run", "scores"]) == 0
    first, again = (
        json.loads(RunFolder(Path(folder)).evaluation.read_text("utf-8"))["scores"][0]
        for folder in ("mine", "scores")
    )
    assert np.isclose(first["auc"], again["auc"], atol=1e-12)
    assert main(["predict", "mine-shared", *data, "--run", "said"]) == 0
    assert Path("said/predictions.parquet").is_file()
    capsys.readouterr()
    assert main(["test", "mine-shared"]) == 2
    assert "Name it: --data.path" in capsys.readouterr().err


def test_a_run_says_where_names_stand(home: Path) -> None:
    text = (home / "run" / "PRIVACY.txt").read_text("utf-8")
    for file in RunFolder(home / "run").path.iterdir():
        if file.suffix not in (".lock", ".md") and file.name not in ("PRIVACY.txt", "metrics.csv"):
            assert file.stem in text, file.name

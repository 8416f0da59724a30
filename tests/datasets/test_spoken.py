"""A store of answers that was made before photographs were opens as it did."""

import json
import shutil
from pathlib import Path

import numpy as np

from tests.spoken_files import write_answers
from torchedu.cli import main
from torchedu.datasets.importers import import_data
from torchedu.datasets.spoken import SIDE, SpokenStore


def test_a_store_without_photographs_is_read_and_forgotten_from(tmp_path: Path) -> None:
    raw = write_answers(tmp_path / "in", 12)
    now = import_data("spoken", raw, tmp_path / "out.store", {"rate": 8_000})
    folder = tmp_path / "out.store"
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    del manifest["tables"]["photographs"], manifest["tables"]["answers"]["columns"]["photograph"]
    del manifest["tables"]["scales"]["columns"]["side"]
    gone = ("photographs/", "answers/photograph", "scales/side")
    manifest["files"] = {
        name: known for name, known in manifest["files"].items() if not name.startswith(gone)
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    shutil.rmtree(folder / "photographs")
    (folder / "answers" / "photograph.bin").unlink()
    (folder / "scales" / "side.bin").unlink()
    old = SpokenStore(folder)
    old.verify()
    assert (old.counts, old.side, old.ocr) == (now.counts, SIDE, None)
    assert "photographs" not in old.counts
    assert old.photograph.tolist() == [-1] * 12
    assert not old.sizes.any()
    assert [*old.pictures] == []
    np.testing.assert_array_equal(old.scores, now.scores)
    assert main(["data", "forget", "--student", "Ann", str(folder)]) == 0
    assert "Ann" not in SpokenStore(folder).speakers

import json
from pathlib import Path

import pytest

from torchedu.bench.kt import bench, networks
from torchedu.cli import main
from torchedu.errors import ConfigError


def test_every_network_with_a_recipe_takes_part() -> None:
    assert {"dkt", "logistic_dkt", "akt", "bkt"} <= set(networks())
    assert "essay" not in networks()


@pytest.mark.timeout(240)
def test_networks_are_trained_alike_and_compared(
    class_store: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = tmp_path / "bench"
    monkeypatch.setenv("COLUMNS", "160")
    words = ["--nets", "pfa,irt", "--tries", "2", "--quick", "true", "--run", str(run)]
    assert main(["bench", "kt", str(class_store), *words]) == 0
    said = capsys.readouterr().out
    (found,) = json.loads((run / "results.json").read_text("utf-8"))["sets"].values()
    rows = {row["name"]: row for row in found["models"]}
    assert {"PFA", "IRT", "item mean", "Best-LR", "Streaming-LR"} <= rows.keys()
    assert found["against"] == "Best-LR"
    assert found["leaks"] == []
    assert rows["PFA"]["parameters"] > 0
    assert rows["IRT"]["cpu_seconds"] > 0
    assert rows["PFA"]["differences"]["auc"]["p_holm"] is not None
    assert all(name in said for name in rows)
    assert len(list(run.rglob("best.ckpt"))) == 4
    pytest.importorskip("matplotlib")
    assert (run / "scores.png").stat().st_size > 1000


def test_what_cannot_be_done_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nets names 'akd'.\n.*Did you mean akt\?"):
        bench(["a.csv"], tmp_path, ["akd"])
    with pytest.raises(ConfigError, match="tries is 4"):
        bench(["a.csv"], tmp_path, tries=4)
    with pytest.raises(ConfigError, match="data names none"):
        bench([], tmp_path)

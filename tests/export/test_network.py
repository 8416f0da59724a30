"""From a run's folder to an export, and what the export says of it."""

import json
import sys
from pathlib import Path

import pytest
import torch

from tests.export.networks import Deciding
from torchedu.checkpoints import read_checkpoint
from torchedu.domains import Tracing, open_domain
from torchedu.errors import CheckpointError, ConfigError, MissingExtraError
from torchedu.export import export_network, open_companions, open_export
from torchedu.export.entries import entries
from torchedu.tasks import open_task


def test_the_weights_of_a_run_are_exported(trained_run: Path, tmp_path: Path) -> None:
    exported = export_network(trained_run, tmp_path / "out")
    assert exported.folder == tmp_path / "out"
    names = {file.name for file in exported.folder.iterdir()}
    assert names == {"config.json", "model.safetensors", "companions.json"}
    (checked,) = exported.checked
    assert (checked.difference, checked.tolerance) == (0, 0)
    task = open_task(trained_run / "checkpoints" / "best.ckpt")
    again = open_export(exported.folder)
    assert type(again.net) is type(task.net)
    assert again.companions == task.companions
    own, other = task.net.state_dict(), again.net.state_dict()
    assert all(torch.equal(own[name], other[name]) for name in own)
    written = json.loads((trained_run / "companions.json").read_text("utf-8"))
    assert open_companions(exported.folder).to_json() == written


def test_the_configuration_tells_where_it_comes_from(trained_run: Path, tmp_path: Path) -> None:
    file = trained_run / "checkpoints" / "best.ckpt"
    export_network(file, tmp_path / "out")
    config = json.loads((tmp_path / "out" / "config.json").read_text("utf-8"))
    assert config["task"].endswith(".KnowledgeTracing")
    assert config["init_args"]["net"]["class_path"].endswith(".ItemDKT")
    assert config["init_args"]["net"]["init_args"]["dim"] == 8
    content = read_checkpoint(file).content
    said = config["checkpoint"]
    assert (said["name"], said["step"]) == ("best.ckpt", content["global_step"])
    rows = [row.split(",") for row in (trained_run / "metrics.csv").read_text().splitlines()]
    column = rows[0].index("val/auc")
    best = max(float(row[column]) for row in rows[1:] if row[column])
    assert said["metrics"] == {"val/auc": pytest.approx(best, abs=1e-6)}
    export_network(trained_run / "checkpoints" / "last.ckpt", tmp_path / "last")
    config = json.loads((tmp_path / "last" / "config.json").read_text("utf-8"))
    assert config["checkpoint"]["metrics"] == {}


def test_all_formats_are_written_and_run_without_torchedu(
    trained_run: Path, tmp_path: Path
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    load_file = pytest.importorskip("safetensors.numpy").load_file
    exported = export_network(trained_run, tmp_path / "out", "all")
    assert [found.tolerance for found in exported.checked] == [0, 1e-5, 1e-6]
    assert all(found.difference <= found.tolerance for found in exported.checked)
    config = json.loads((exported.folder / "config.json").read_text("utf-8"))
    names = {file.name for file in exported.folder.iterdir()}
    assert names - {"config.json"} == set(config["files"])
    # A student's second answer, by numpy and ONNX Runtime alone.
    open_ = onnxruntime.InferenceSession
    step = open_(exported.folder / "step.onnx", providers=["CPUExecutionProvider"])
    predict = open_(exported.folder / "predict.onnx", providers=["CPUExecutionProvider"])
    state = load_file(exported.folder / "initial_state.safetensors")
    item, skill = torch.tensor([3]), torch.tensor([[2]])
    answer = {"item": item.numpy(), "skill": skill.numpy(), "correct": torch.ones(1).numpy()}
    after = step.run(None, answer | state)
    assert [out.name for out in step.get_outputs()] == [f"next_{name}" for name in state]
    given = {"item": item.numpy(), "skill": skill.numpy()}
    (logit,) = predict.run(None, given | dict(zip(state, after, strict=True)))
    own = entries(open_export(exported.folder))
    with torch.no_grad():
        start = open_export(exported.folder).net.initial_state(1)
        known = own["step"](item, skill, torch.ones(1), *start)
        (wanted,) = own["predict"](item, skill, *known)
    assert float(logit[0]) == pytest.approx(float(wanted), abs=1e-5)


def test_a_network_without_a_graph_is_told_why(
    trained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = open_domain(trained_run)
    assert isinstance(task, Tracing)
    task.net = Deciding(task.num_items, task.num_skills).eval()
    monkeypatch.setattr("torchedu.export.network.open_domain", lambda _: task)
    with pytest.raises(
        CheckpointError, match="Deciding cannot be exported as torch_export:"
    ) as told:
        export_network(trained_run, tmp_path / "out", "torch_export")
    assert len(str(told.value).splitlines()) == 2
    assert "docs/export.md" in told.value.remedy
    assert list(tmp_path.iterdir()) == []
    assert export_network(trained_run, tmp_path / "out").checked[0].difference == 0


def test_mistakes_are_told_before_anything_is_written(trained_run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean onnx") as told:
        export_network(trained_run, tmp_path / "out", "onx")
    assert str(told.value).startswith("format 'onx'")
    with pytest.raises(CheckpointError, match="does not exist"):
        export_network(tmp_path / "none", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigError, match="exists"):
        export_network(trained_run, tmp_path)


def test_a_missing_package_is_named_with_its_extra(
    trained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr(
        "torchedu.export.network.find_spec", lambda name: None if name == "onnxruntime" else name
    )
    with pytest.raises(MissingExtraError, match=r"onnxruntime.*\n.*torchedu\[onnx\]"):
        export_network(trained_run, tmp_path / "out", "onnx")
    assert list(tmp_path.iterdir()) == []

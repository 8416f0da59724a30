"""An exported folder is written whole, and nothing of a damaged one is used."""

import json
import os
import shutil
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from tests.export.networks import Remembering, task_of
from torchedu.companions import Companions
from torchedu.domains import Tracing
from torchedu.errors import CheckpointError, ConfigError
from torchedu.export import open_companions, open_export
from torchedu.export.folder import whole_folder, write_config, write_task
from torchedu.models import ItemDKT, KTModel
from torchedu.schema import Names, Vocabulary
from torchedu.testing.kinds import NetworkSubject

SMALL = {"num_items": 14, "num_skills": 6}

VOCABULARY = Vocabulary(
    {"item": Names(f"q{i}" for i in range(12)), "skill": Names(["über", "b", "c", "d"])}
)


def traced(kind: Callable[..., KTModel] = ItemDKT) -> Tracing:
    task = task_of(NetworkSubject(partial(kind, dim=4), SMALL).net())
    task.take(Companions(VOCABULARY))
    return task


def write(folder: Path, task: Tracing, **changes: object) -> Path:
    with whole_folder(folder) as part:
        about = write_task(task, part)
        net = about["init_args"]["net"]
        for name, value in changes.items():
            (net if name in net else about["init_args"])[name] = value
        write_config(about, part)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "out", traced())


@pytest.mark.parametrize("kind", [ItemDKT, Remembering])
def test_the_network_and_its_names_come_back(kind: type[KTModel], tmp_path: Path) -> None:
    task = traced(kind)
    again = open_export(write(tmp_path / "deep" / "out", task))
    assert not again.training
    assert again.arguments() == task.arguments()
    wanted, found = task.state_dict(), again.state_dict()
    assert wanted.keys() == found.keys()
    assert all(torch.equal(wanted[name], found[name]) for name in wanted)
    assert open_companions(tmp_path / "deep" / "out") == Companions(VOCABULARY)


def test_weights_may_be_read_by_whom_the_folder_may(folder: Path) -> None:
    (folder / "plain").touch()
    modes = {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert len(modes) == 1


@pytest.mark.parametrize("name", ["model.safetensors", "companions.json", "config.json"])
@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "flipped"])
def test_a_damaged_file_is_told_in_two_lines(name: str, damage: str, folder: Path) -> None:
    file = folder / name
    content = file.read_bytes()
    half = len(content) // 2
    if damage == "gone":
        file.unlink()
    elif damage == "flipped":
        # In the configuration, where no checksum is, the digest itself is what is flipped.
        at = content.index(b'"sha256": "') + 11 if name == "config.json" else half
        new = b"0" if content[at : at + 1] != b"0" else b"1"
        file.write_bytes(content[:at] + new + content[at + 1 :])
    else:
        file.write_bytes(content[:half] if damage == "cut" else b"")
    for opening in (open_export, open_companions):
        with pytest.raises(CheckpointError, match="cannot be used") as told:
            opening(folder)
        assert len(str(told.value).splitlines()) == 2
        assert str(folder) in told.value.problem


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"class_path": "shutil.rmtree"}, "no network"),
        ({"class_path": "torch.nn.Linear"}, "no network"),
        ({"class_path": "nowhere.Net"}, "whose code is not torchedu's"),
        ({"class_path": "torchedu.models.KTModel"}, "cannot be built"),
        ({"class_path": 3}, "not an import path"),
        ({"init_args": {"dim": 5}}, r"weights \w+.* and its network takes"),
        ({"init_args": {"dim": "x"}}, "and not a whole number"),
        ({"init_args": {"colour": 1}}, "cannot be built"),
        ({"init_args": [1]}, "of the type list and not a mapping"),
        ({"num_items": 15}, "has num_items 15, its names make 14"),
        ({"num_skills": None}, "and not a whole number"),
        ({"class_path": "torchedu.models.DKT", "init_args": {"dim": 4}}, "takes nothing"),
        ({"class_path": "torchedu.models.SAKT", "init_args": {"dim": 3, "heads": 2}}, "heads 2"),
    ],
)
def test_a_description_that_does_not_fit_is_told_in_two_lines(
    changes: dict[str, object], said: str, tmp_path: Path
) -> None:
    folder = write(tmp_path / "out", traced(), **changes)
    with pytest.raises(CheckpointError, match=said) as told:
        open_export(folder)
    assert len(str(told.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "it is of form 2"),
        ({"format": "one"}, "is not one of torchedu export"),
        ({"files": []}, "is not one of torchedu export"),
        ({"files": {"../secret": {"sha256": ""}}}, "not a file's name"),
        ({"files": {"x" * 20_000: {"sha256": ""}}}, "not a file's name"),
        ({"files": {}}, "SHA-256 differs"),
        ({"init_args": None}, "does not describe a task"),
    ],
)
def test_a_foreign_configuration_is_told(
    change: dict[str, object], said: str, folder: Path
) -> None:
    (folder.parent / "secret").touch()
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(CheckpointError, match=said):
        open_export(folder)


def test_what_is_no_export_is_told(tmp_path: Path) -> None:
    for path, said in ((tmp_path / "none", "does not exist"), (tmp_path, r"holds no config\.json")):
        with pytest.raises(CheckpointError, match=said):
            open_export(path)


def test_nothing_is_replaced(folder: Path) -> None:
    with (
        pytest.raises(ConfigError, match="exists, and an export replaces nothing"),
        whole_folder(folder),
    ):
        raise AssertionError("never entered")


def test_an_address_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="is an address"), whole_folder("s3://bucket/out"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    def writer() -> None:
        with whole_folder(tmp_path / "out") as part:
            (part / "half").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        writer()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_no_hindrance(tmp_path: Path) -> None:
    stale = tmp_path / f".out.{os.getpid()}.part"
    stale.mkdir()
    (stale / "old").touch()
    with whole_folder(tmp_path / "out") as part:
        (part / "new").touch()
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["new"]
    shutil.rmtree(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []

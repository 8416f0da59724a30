"""Checkpoints of which each rank writes its part."""

import errno
import os
import shutil
import signal
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import torch
from torch import Tensor, distributed
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Placement, Replicate, Shard, distribute_tensor
from torch.utils._pytree import tree_map

from tests.checkpoints.conftest import content, save
from torchedu.checkpoints import (
    VerifiedCheckpointIO,
    open_checkpoint,
    parts,
    read_checkpoint,
    read_usable,
)
from torchedu.checkpoints.parts import parts_folder
from torchedu.checkpoints.seal import write_sealed
from torchedu.errors import CheckpointError
from torchedu.metrics_log import metrics_log
from torchedu.testing.launch import LaunchServer

SECONDS = 60.0


def whole(step: int) -> dict[str, Any]:
    """Return a checkpoint with tensors that two ranks cannot share evenly."""
    checkpoint = content(step)
    checkpoint["state_dict"]["net.odd"] = torch.randn(5, 3).bfloat16()
    checkpoint["state_dict"]["net.one"] = torch.randn(1)
    checkpoint["optimizer_states"] = [
        {
            "state": {0: {"step": torch.tensor(4.0), "exp_avg": torch.randn(7, 2)}},
            "param_groups": [],
        }
    ]
    return checkpoint


def divided(checkpoint: dict[str, Any], replicas: int = 1) -> dict[str, Any]:
    """Return it as the ranks keep it."""
    mesh = init_device_mesh("cpu", (replicas, distributed.get_world_size() // replicas))
    placements: list[Placement] = [Replicate(), Shard(0)]

    def part(one: Any) -> Any:
        shares = isinstance(one, Tensor) and one.ndim
        return distribute_tensor(one, mesh, placements) if shares else one

    return tree_map(part, checkpoint)


def fails(monkeypatch: pytest.MonkeyPatch, end: str, number: int, rank: int) -> None:
    """Let the disk fail on a rank."""

    def write(file: BinaryIO, name: str, checkpoint: Mapping[str, Any]) -> str:
        if distributed.get_rank() == rank and str(Path(file.name).parent).endswith(end):
            raise OSError(number, "the disk's own words")
        return write_sealed(file, name, checkpoint)

    monkeypatch.setattr(parts, "write_sealed", write)


def on_two_ranks(folder: Path) -> dict[str, Any]:
    """Save under all kinds of luck, and tell what is there then."""
    distributed.init_process_group("gloo")
    io, told = VerifiedCheckpointIO(), {}
    io.asynchronous = True  # which parts do not take up
    last = folder / "last.ckpt"

    def saved(name: str, checkpoint: dict[str, Any]) -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            io.save_checkpoint(checkpoint, last)
        distributed.barrier()
        if distributed.get_rank() == 0:
            step = read_checkpoint(last).content["global_step"]
            files = len(list(parts_folder(last).iterdir()))
            told[name] = step, files, [str(one.message) for one in caught]
        distributed.barrier()

    saved("first", divided(whole(20)))
    saved("second", divided(whole(21)))
    spoilt = divided(whole(22))
    if distributed.get_rank() == 1:
        odd = spoilt["state_dict"]["net.odd"]
        assert isinstance(odd, DTensor)
        odd.to_local()[-1, 0] = torch.nan
    saved("not numbers", spoilt)
    for name, end, number, rank in (
        ("no part", ".parts", errno.EIO, 1),
        ("no name", "checkpoints", errno.EIO, 0),
        ("full", ".parts", errno.ENOSPC, 1),
    ):
        with pytest.MonkeyPatch.context() as patch:
            fails(patch, end, number, rank)
            saved(name, divided(whole(23)))
    io.save_checkpoint(divided(whole(10), replicas=2), folder / "best.ckpt")
    if distributed.get_rank() == 0:
        (parts_folder(last) / f"{0:032x}.ckpt").touch()  # of a killed run
    saved("after all", divided(whole(24)))
    distributed.destroy_process_group()
    return told


def killed(folder: Path) -> None:
    """Save, and then die in the middle of the file that names the new parts."""
    distributed.init_process_group("gloo")
    io = VerifiedCheckpointIO()
    io.save_checkpoint(divided(whole(20)), folder / "last.ckpt")

    def write(file: BinaryIO, name: str, checkpoint: Mapping[str, Any]) -> str:
        if name == "last.ckpt":
            file.write(b"PK")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        return write_sealed(file, name, checkpoint)

    parts.write_sealed = write  # type: ignore[attr-defined]
    io.save_checkpoint(divided(whole(21)), folder / "last.ckpt")


def test_a_kill_while_saving_leaves_the_checkpoint_before(
    tmp_path: Path, launch: LaunchServer
) -> None:
    started = launch.start(killed, tmp_path / "checkpoints", ranks=2)
    assert started.wait(SECONDS)[0] == -signal.SIGKILL
    last = tmp_path / "checkpoints" / "last.ckpt"
    assert len(list(parts_folder(last).iterdir())) == 4
    assert len(list(last.parent.iterdir())) == 3
    assert read_checkpoint(last).content["global_step"] == 20


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, launch: LaunchServer) -> tuple[Path, Any]:
    run = tmp_path_factory.mktemp("two") / "run"
    started = launch.start(on_two_ranks, run / "checkpoints", ranks=2)
    assert started.wait(SECONDS) == [0, 0], started.output() + started.output(1)
    return run, started.result()


@pytest.fixture
def run(two: tuple[Path, Any], tmp_path: Path) -> Path:
    """Give a folder of best and last in parts, to do with as one likes."""
    return Path(shutil.copytree(two[0], tmp_path / "run"))


def test_one_process_reads_what_it_would_have_saved(run: Path, tmp_path: Path) -> None:
    for name, step in (("last", 24), ("best", 10)):
        file = run / "checkpoints" / f"{name}.ckpt"
        read, alone = read_checkpoint(file), save(tmp_path / f"{name}.ckpt", whole(step))
        assert read.in_parts
        assert read.manifest is not None
        assert read.manifest.step == step
        wanted = read_checkpoint(alone)
        assert not wanted.in_parts
        for key in ("state_dict", "optimizer_states"):
            torch.testing.assert_close(read.content[key], wanted.content[key], rtol=0, atol=0)
        assert read.content == {**wanted.content, **{k: read.content[k] for k in parts.DIVIDED}}


def test_of_ranks_that_keep_the_same_one_writes_it(run: Path) -> None:
    sizes = {}
    for name in ("best", "last"):
        each = parts_folder(run / "checkpoints" / f"{name}.ckpt").iterdir()
        pieces = [torch.load(part, weights_only=True)["pieces"] for part in each]
        sizes[name] = sorted(sum(one.numel() for _, one in rank.values()) for rank in pieces)
    assert sizes["best"] == [0, 20 * 5 + 20 + 15 + 1 + 14]
    assert sum(sizes["last"]) == sum(sizes["best"])
    assert sizes["last"][0] > 60


def test_the_checkpoint_before_stays_until_the_next_is_there(two: tuple[Path, Any]) -> None:
    told = two[1]
    assert told["first"] == (20, 2, [])
    assert told["second"] == (21, 2, [])  # and the parts of the first are gone
    assert told["after all"] == (24, 2, [])
    for name in ("not numbers", "no part", "no name", "full"):
        step, files, said = told[name]
        assert (step, files) == (21, 2), name
        assert len(said) == 1, name
        wanted = "net.odd are not numbers" if name == "not numbers" else "the disk's own words"
        assert wanted in said[0]


def spoil(run: Path, how: str) -> None:
    checkpoints = run / "checkpoints"
    last = checkpoints / "last.ckpt"
    part = max(parts_folder(last).iterdir(), key=lambda one: one.stat().st_size)
    if how == "flipped":
        part.write_bytes(part.read_bytes().replace(b"pieces", b"piecez"))
    elif how == "cut":
        part.write_bytes(part.read_bytes()[:-100])
    elif how == "missing":
        part.unlink()
    elif how == "another's":
        shutil.copy(next(parts_folder(checkpoints / "best.ckpt").iterdir()), part)
    elif how == "pickle":
        part.write_bytes(b"\x80\x04code")
    else:
        shutil.rmtree(parts_folder(last))


@pytest.mark.parametrize("how", ["flipped", "cut", "missing", "another's", "pickle", "no folder"])
def test_a_damaged_part_is_told_and_the_other_checkpoint_used(run: Path, how: str) -> None:
    spoil(run, how)
    last = run / "checkpoints" / "last.ckpt"
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(last)
    assert str(last) in caught.value.problem
    assert str(parts_folder(last)) in caught.value.problem
    assert str(caught.value).count("\n") == 1
    with pytest.warns(UserWarning, match=r"last.ckpt cannot be used.*best.ckpt, of step 10"):
        assert read_usable(last).content["global_step"] == 10
    assert open_checkpoint(run).file.name == "best.ckpt"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("parts", ["../../elsewhere"]),
        ("parts", {}),
        ("divided", {"['state_dict']['net.one']": ([1 << 40], torch.float32)}),
        ("divided", {"['state_dict']['net.one']": ([2], torch.float32)}),
        ("divided", {}),
    ],
)
def test_parts_that_make_no_whole_are_told(run: Path, key: str, value: Any) -> None:
    last = run / "checkpoints" / "last.ckpt"
    save(run / "checkpoints" / "other.ckpt", {**torch.load(last, weights_only=True), key: value})
    (run / "checkpoints" / "other.ckpt").replace(last)
    with pytest.raises(CheckpointError, match=r"do not make a whole|parts is of the type list"):
        read_checkpoint(last)


def test_parts_go_with_their_checkpoint_and_when_one_file_takes_its_place(run: Path) -> None:
    best, last = (run / "checkpoints" / f"{name}.ckpt" for name in ("best", "last"))
    io = VerifiedCheckpointIO()
    io.save_checkpoint(content(30), last)
    io.remove_checkpoint(best)
    assert [one.name for one in (run / "checkpoints").iterdir()] == ["last.ckpt"]
    assert read_checkpoint(last).content["global_step"] == 30


def test_what_others_put_among_parts_stays(run: Path, tmp_path: Path) -> None:
    folder, io = run / "checkpoints", VerifiedCheckpointIO()
    notes = parts_folder(folder / "last.ckpt") / "notes.ckpt"
    notes.touch()
    io.save_checkpoint(content(30), folder / "last.ckpt")
    assert list(notes.parent.iterdir()) == [notes]
    elsewhere = parts_folder(folder / "best.ckpt").rename(tmp_path / "elsewhere")
    parts_folder(folder / "best.ckpt").symlink_to(elsewhere)
    io.remove_checkpoint(folder / "best.ckpt")
    assert len(list(elsewhere.iterdir())) == 2
    (folder / "best.ckpt").mkdir()
    io.remove_checkpoint(folder / "best.ckpt")
    assert (folder / "best.ckpt").is_dir()


def test_what_a_killed_run_left_among_parts_is_swept(run: Path) -> None:
    (run / "config.yaml").touch()
    left = parts_folder(run / "checkpoints" / "last.ckpt") / ".abc.ckpt.12.part"
    left.touch()
    log = metrics_log(str(run), 24)
    assert left.exists()  # another process may still write, until the folder is this one's
    assert log.experiment, "what writes to the folder, alone"
    log.finalize("success")
    assert not left.exists()
    assert read_checkpoint(run / "checkpoints" / "last.ckpt").content["global_step"] == 24

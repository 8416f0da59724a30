import gc
import os
import pickle
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.checkpoints.conftest import content, save
from torchedu.checkpoints import read_checkpoint
from torchedu.checkpoints.content import read
from torchedu.checkpoints.seal import verify, write_sealed
from torchedu.companions import Companions
from torchedu.errors import CheckpointError
from torchedu.schema import Names, Vocabulary


def test_what_was_saved_is_read(checkpoint: Path) -> None:
    read = read_checkpoint(checkpoint)
    assert read.file == checkpoint
    assert read.content.keys() == content().keys()
    for name, weights in content()["state_dict"].items():
        assert torch.equal(read.content["state_dict"][name], weights)


CHANGES: list[tuple[dict[str, Any], str]] = [
    *[
        ({key: None}, f"its {key} is of the type NoneType")
        for key in ("state_dict", "loops", "epoch")
    ],
    ({"global_step": "7"}, "its global_step is '7' and not a whole number"),
    ({"optimizer_states": {}}, "its optimizer_states is of the type dict and not a list"),
    (
        {"state_dict": {"net.weight": 3.0}},
        "its state_dict > net.weight is of the type float and not a tensor",
    ),
    ({"state_dict": {"net.bias": torch.tensor([1, torch.nan])}}, "net.bias are not numbers"),
]


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize(("change", "cause"), CHANGES, ids=[cause for _, cause in CHANGES])
def test_wrong_types_and_weights_that_are_not_numbers_are_found(
    tmp_path: Path, change: dict[str, Any], cause: str, sealed: bool
) -> None:
    file = tmp_path / "net.ckpt"
    with file.open("xb") as opened:
        changed = content() | change
        if sealed and not {"epoch", "global_step"} & change.keys():  # the seal needs these two
            write_sealed(opened, file.name, changed)
        else:
            torch.save(changed, opened)
    with pytest.raises(CheckpointError, match=cause) as error:
        read_checkpoint(file)
    assert str(file) in error.value.problem


@pytest.mark.parametrize("key", ["state_dict", "epoch", "global_step", "loops", "callbacks"])
def test_missing_keys_are_found(tmp_path: Path, key: str) -> None:
    file = tmp_path / "net.ckpt"
    torch.save({name: value for name, value in content().items() if name != key}, file)
    with pytest.raises(CheckpointError, match=f"its content is without '{key}'"):
        read_checkpoint(file)


def test_a_tensor_alone_is_no_checkpoint(tmp_path: Path) -> None:
    torch.save(torch.zeros(3), tmp_path / "net.ckpt")
    with pytest.raises(CheckpointError, match="its content is of the type Tensor"):
        read_checkpoint(tmp_path / "net.ckpt")


def test_swapped_files_are_found(run: Path) -> None:
    best, last = (run / "checkpoints" / f"{name}.ckpt" for name in ("best", "last"))
    other = best.rename(run / "other")
    last.rename(best)
    other.rename(last)
    for file, name in ((best, "last.ckpt"), (last, "best.ckpt")):
        with pytest.raises(CheckpointError, match=f"written as {name}, and the two were swapped"):
            read_checkpoint(file)
    copied = best.rename(run / "mine.ckpt")  # a name of the user's own is no swap
    assert read_checkpoint(copied).content["global_step"] == 20


def test_a_checkpoint_of_another_run_is_found(run: Path) -> None:
    Companions(Vocabulary({"item": Names(["q1", "q2"])})).write(run / "companions.json")
    file = run / "checkpoints" / "best.ckpt"
    assert read_checkpoint(file).content["global_step"] == 10
    save(file, content(10) | {"companions": {"vocabulary": {"item": ["a", "b"]}}})
    with pytest.raises(CheckpointError, match="belongs to other data than"):
        read_checkpoint(file)


class Hostile:
    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.witness),)


@pytest.mark.parametrize("form", ["archive", "sealed", "pickle", "old torch"])
def test_nothing_in_a_hostile_file_is_executed(tmp_path: Path, form: str) -> None:
    witness = tmp_path / "executed"
    hostile = content() | {"callbacks": {"mine": Hostile(witness)}}
    file = tmp_path / "net.ckpt"
    if form == "archive":
        torch.save(hostile, file)
    elif form == "sealed":
        save(file, hostile)
    elif form == "pickle":
        file.write_bytes(pickle.dumps(hostile))
    else:
        torch.save(hostile, file, _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match="run code") as error:
        read_checkpoint(file)
    assert str(file) in error.value.problem
    assert not witness.exists()
    with suppress(RuntimeError):
        torch.load(file, weights_only=False)  # the file is as hostile as it seems
    assert witness.exists()


@pytest.mark.parametrize("address", ["http://localhost/net.ckpt", "s3://bucket/net.ckpt"])
def test_nothing_is_read_from_an_address(address: str) -> None:
    with pytest.raises(CheckpointError, match="is an address"):
        read_checkpoint(address)


def test_what_is_read_is_the_file_that_was_verified(checkpoint: Path) -> None:
    with verify(checkpoint) as verified:
        save(checkpoint, content(30))  # takes its name in the meantime
        assert read(verified).content["global_step"] == 7
    assert read_checkpoint(checkpoint).content["global_step"] == 30


def anonymous() -> int:
    """Return the bytes of memory of this process that no file stands behind."""
    (line,) = re.findall(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return 1024 * int(line)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_reading_takes_no_memory_for_what_is_in_the_file(tmp_path: Path) -> None:
    moments = [{"state": {0: {"exp_avg": torch.ones(1 << 25)}}, "param_groups": []}]
    file = save(tmp_path / "net.ckpt", content() | {"optimizer_states": moments})
    gc.collect()
    before = anonymous()
    moments = read_checkpoint(file).content["optimizer_states"][0]["state"][0]["exp_avg"]
    assert anonymous() - before < file.stat().st_size / 4
    moments += 1  # a copy of its own, for those who write to it
    again = read_checkpoint(file).content["optimizer_states"][0]["state"][0]["exp_avg"]
    assert again.max() == 1


def test_reading_needs_no_lightning(checkpoint: Path) -> None:
    code = (
        "import sys; from torchedu.checkpoints import open_checkpoint; "
        "print(open_checkpoint(sys.argv[1]).task, 'lightning' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(checkpoint)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["torchedu.tasks.KnowledgeTracing", "False"]

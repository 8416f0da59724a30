from pathlib import Path

import pytest

from tests.checkpoints.conftest import content, save
from torchedu.checkpoints import find_checkpoint, read_usable, verified
from torchedu.errors import CheckpointError


def damage(file: Path) -> None:
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 1
    file.write_bytes(whole)


def test_the_best_or_the_named_one_of_a_run_is_found(run: Path) -> None:
    assert find_checkpoint(run) == run / "checkpoints" / "best.ckpt"
    assert find_checkpoint(run, "last.ckpt") == run / "checkpoints" / "last.ckpt"
    assert find_checkpoint(run / "checkpoints" / "last.ckpt").name == "last.ckpt"


def test_the_newest_other_one_is_used_for_a_damaged_one_and_it_is_said(run: Path) -> None:
    best = run / "checkpoints" / "best.ckpt"
    save(run / "checkpoints" / "older.ckpt", content(5))
    damage(best)
    for given in (run, best):
        with pytest.warns(UserWarning, match=r"best.ckpt cannot be used.*last.ckpt, of step 20"):
            assert find_checkpoint(given).name == "last.ckpt"
    best.unlink()
    with pytest.warns(UserWarning, match=r"best.ckpt cannot be read.*Used instead"):
        assert find_checkpoint(run).name == "last.ckpt"


def test_none_is_used_for_a_name_that_does_not_exist(run: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        find_checkpoint(run / "checkpoints" / "bets.ckpt")


def test_a_damaged_one_that_stands_alone_is_an_error(checkpoint: Path) -> None:
    save(checkpoint.with_name("other.ckpt"), content(8))  # not of the same run
    damage(checkpoint)
    with pytest.raises(CheckpointError, match="SHA-256 differs"):
        read_usable(checkpoint)


def test_the_newest_comes_first_whatever_its_name_or_time(run: Path) -> None:
    save(run / "checkpoints" / "a.ckpt", content(15))
    assert [m.step for _, m in verified(run / "checkpoints")] == [20, 15, 10]
    damage(run / "checkpoints" / "last.ckpt")
    assert [f.name for f, _ in verified(run / "checkpoints")] == ["a.ckpt", "best.ckpt"]
    assert verified(run / "nowhere") == []

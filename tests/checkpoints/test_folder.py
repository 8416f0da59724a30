from pathlib import Path

import pytest

from tests.checkpoints.conftest import content, save
from torchedu.checkpoints import newest_first, open_checkpoint, read_usable
from torchedu.errors import CheckpointError


def damage(file: Path) -> None:
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 1
    file.write_bytes(whole)


def test_the_best_or_the_named_one_of_a_run_is_found(run: Path) -> None:
    assert open_checkpoint(run).file == run / "checkpoints" / "best.ckpt"
    assert open_checkpoint(run, "last.ckpt").file == run / "checkpoints" / "last.ckpt"
    assert open_checkpoint(run / "checkpoints" / "last.ckpt").file.name == "last.ckpt"


def test_the_newest_other_one_is_used_for_a_damaged_one_and_it_is_said(run: Path) -> None:
    best = run / "checkpoints" / "best.ckpt"
    save(run / "checkpoints" / "older.ckpt", content(5))
    damage(best)
    for given in (run, best):
        with pytest.warns(UserWarning, match=r"best.ckpt cannot be used.*last.ckpt, of step 20"):
            assert open_checkpoint(given).file.name == "last.ckpt"
    best.unlink()
    with pytest.warns(UserWarning, match=r"best.ckpt cannot be read.*Used instead"):
        assert open_checkpoint(run).file.name == "last.ckpt"


def test_none_is_used_for_a_name_that_does_not_exist(run: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        open_checkpoint(run / "checkpoints" / "bets.ckpt")


def test_a_damaged_one_that_stands_alone_is_an_error(checkpoint: Path) -> None:
    save(checkpoint.with_name("other.ckpt"), content(8))  # not of the same run
    damage(checkpoint)
    with pytest.raises(CheckpointError, match="SHA-256 differs"):
        read_usable(checkpoint)


def test_the_newest_comes_first_whatever_its_name_or_time(run: Path) -> None:
    save(run / "checkpoints" / "a.ckpt", content(15))
    with newest_first(run / "checkpoints") as (whole, problems):
        assert [verified.manifest.step for verified in whole if verified.manifest] == [20, 15, 10]
    assert problems == []
    damage(run / "checkpoints" / "last.ckpt")
    with newest_first(run / "checkpoints") as (whole, problems):
        assert [verified.file.name for verified in whole] == ["a.ckpt", "best.ckpt"]
    (problem,) = problems
    assert "last.ckpt" in problem
    with newest_first(run / "nowhere") as (whole, problems):
        assert whole == problems == []

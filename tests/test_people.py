"""Those whom training has used are recognised by digests, from the answers on that it used."""

from pathlib import Path

import numpy as np
import pytest

from torchedu.errors import CheckpointError
from torchedu.people import People


def people(before: People | None = None) -> People:
    train = ["ann", "bob", "ann"], np.array([3, 9, 5])
    return People.of({"train": train, "val": (["cy"], np.array([4]))}, before)


def test_a_student_is_met_up_to_the_last_answer_that_was_used() -> None:
    names, first = ["ann", "ann", "bob", "cy", "dan"], np.array([4, 5, 0, 0, 0])
    assert people().met("test", names, first).tolist() == [True, False, True, True, False]
    assert people().met("val", names, first).tolist() == [True, False, True, False, False]


def test_those_of_the_run_that_it_began_with_are_met_too() -> None:
    first = People.of({"train": (["eve"], np.array([1])), "val": ([], np.zeros(0, np.int64))})
    both = people(first)
    names = ["ann", "cy", "eve", "dan"]
    assert both.met("test", names, np.zeros(4, np.int64)).tolist() == [True, True, True, False]
    assert both.key == first.key


def test_names_that_differ_in_capitals_and_spaces_alone_are_the_same() -> None:
    names = ["Ann ", "BOB", "Cy", "dan", "ＡＮＮ"]
    assert people().met("test", names, np.zeros(5, np.int64)).tolist() == [1, 1, 1, 0, 1]
    # Not where capitals tell students of the data apart, nor in runs that go on from such a one.
    codes = People.of(
        {"train": (["aB", "Ab", "c"], np.ones(3, np.int64)), "val": ([], np.zeros(0, np.int64))}
    )
    assert codes.met("test", ["ab", "AB", "aB"], np.zeros(3, np.int64)).tolist() == [0, 0, 1]
    later = people(codes)
    assert not later.folded
    assert later.met("test", ["Ann", "ann"], np.zeros(2, np.int64)).tolist() == [0, 1]


def test_the_file_holds_no_names_and_each_run_has_a_key_of_its_own(tmp_path: Path) -> None:
    kept = people()
    kept.write(tmp_path / "run" / "people.npz")
    again = People.read(tmp_path / "run" / "people.npz")
    assert again.met("test", ["ann", "dan"], np.zeros(2, np.int64)).tolist() == [True, False]
    assert b"ann" not in (tmp_path / "run" / "people.npz").read_bytes()
    assert not np.isin(people().train.digest, kept.train.digest).any()


@pytest.mark.parametrize("kind", [np.int32, np.int64])
def test_positions_of_any_size_are_read_again(kind: type, tmp_path: Path) -> None:
    parts = {"train": (["ann"], np.array([3], kind)), "val": ([], np.array([], kind))}
    People.of(parts).write(tmp_path / "people.npz")
    assert People.read(tmp_path / "people.npz").train.stop.tolist() == [3]


def test_a_file_of_a_run_before_names_were_folded_is_read(tmp_path: Path) -> None:
    file = tmp_path / "people.npz"
    people().write(file)
    with np.load(file) as kept:
        np.savez(file, **{name: kept[name] for name in kept if name != "folded"})
    assert not People.read(file).folded


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"nothing", b"\x93NUMPY"])
def test_a_damaged_file_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "people.npz").write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        People.read(tmp_path / "people.npz")

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


def test_the_file_holds_no_names_and_each_run_has_a_key_of_its_own(tmp_path: Path) -> None:
    found = people()
    found.write(tmp_path / "run" / "people.npz")
    again = People.read(tmp_path / "run" / "people.npz")
    assert again.met("test", ["ann", "dan"], np.zeros(2, np.int64)).tolist() == [True, False]
    assert b"ann" not in (tmp_path / "run" / "people.npz").read_bytes()
    assert not np.isin(people().train.digest, found.train.digest).any()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"nothing", b"\x93NUMPY"])
def test_a_damaged_file_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "people.npz").write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        People.read(tmp_path / "people.npz")

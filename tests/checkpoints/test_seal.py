import subprocess
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import torchedu
from tests.checkpoints.conftest import content, save
from torchedu.checkpoints.seal import Manifest
from torchedu.checkpoints.seal import verify as opened
from torchedu.errors import CheckpointError


def verify(file: Path) -> Manifest | None:
    with opened(file) as verified:
        return verified.manifest


def test_the_manifest_says_what_the_file_is(checkpoint: Path) -> None:
    manifest = verify(checkpoint)
    assert manifest is not None
    assert (manifest.name, manifest.epoch, manifest.step) == ("net.ckpt", 1, 7)
    assert manifest.torchedu == torchedu.__version__
    assert manifest.torch == torch.__version__
    assert manifest.size < checkpoint.stat().st_size


def test_a_sealed_file_is_one_that_other_programs_read(checkpoint: Path) -> None:
    for mmap in (False, True):
        opened = torch.load(checkpoint, weights_only=True, mmap=mmap)
        assert torch.equal(opened["state_dict"]["net.bias"], content()["state_dict"]["net.bias"])
    with zipfile.ZipFile(checkpoint) as archive:
        assert archive.testzip() is None
        assert b'"step": 7' in archive.comment


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    file = save(tmp_path_factory.mktemp("sealed") / "net.ckpt", content())
    return file.with_name("damaged.ckpt"), file.read_bytes()


def assert_refused(file: Path, damaged: bytes) -> CheckpointError:
    file.write_bytes(damaged)
    with pytest.raises(CheckpointError) as error:
        verify(file)
    assert str(file) in error.value.problem
    assert len(str(error.value).splitlines()) == 2
    return error.value


@settings(max_examples=60)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_every_flipped_bit_is_found(sealed: tuple[Path, bytes], place: float, bit: int) -> None:
    damaged = bytearray(sealed[1])
    damaged[int(place * len(damaged))] ^= 1 << bit
    assert_refused(sealed[0], bytes(damaged))


def test_every_flipped_byte_of_the_seal_is_found(sealed: tuple[Path, bytes]) -> None:
    file, whole = sealed
    for place in range(len(whole) - 420, len(whole), 3):
        for bit in (0, 5):  # 5 turns a capital letter into a small one
            damaged = bytearray(whole)
            damaged[place] ^= 1 << bit
            assert_refused(file, bytes(damaged))


@settings(max_examples=30)
@given(length=st.floats(0, 1, exclude_max=True))
def test_every_cut_is_found(sealed: tuple[Path, bytes], length: float) -> None:
    assert_refused(sealed[0], sealed[1][: int(length * len(sealed[1]))])


@settings(max_examples=20)
@given(more=st.binary(min_size=1, max_size=100), at=st.floats(0, 1))
def test_every_inserted_piece_is_found(sealed: tuple[Path, bytes], more: bytes, at: float) -> None:
    place = int(at * len(sealed[1]))
    assert_refused(sealed[0], sealed[1][:place] + more + sealed[1][place:])


@pytest.mark.parametrize(
    ("damaged", "cause"),
    [
        (b"", "it is empty"),
        (b"\n<!DOCTYPE html><html>Sign in</html>", "it is a web page"),
        (b"\x80\x04\x95pickle", "it is a pickle"),
        (b"version https://git-lfs.github.com/spec/v1", "it is no checkpoint"),
        (b"PK\x03\x04 and no more", "it is cut short"),
    ],
)
def test_the_cause_is_named(sealed: tuple[Path, bytes], damaged: bytes, cause: str) -> None:
    assert cause in assert_refused(sealed[0], damaged).problem


def test_a_newer_form_asks_for_a_newer_torchedu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torchedu.checkpoints.seal.FORMAT", 2)
    file = save(tmp_path / "net.ckpt", content())
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=r"in form 2[\s\S]*or a newer one"):
        verify(file)


def test_an_archive_without_a_seal_is_checked_by_its_own_checksums(tmp_path: Path) -> None:
    file = tmp_path / "stock.ckpt"
    torch.save(content(), file)
    assert verify(file) is None
    whole = bytearray(file.read_bytes())
    weights = content()["state_dict"]["net.weight"].numpy().tobytes()
    whole[whole.index(weights) + 50] ^= 1
    assert "data/0 is not what was written" in assert_refused(file, bytes(whole)).problem


def test_archives_that_unpack_to_more_or_elsewhere_are_refused(tmp_path: Path) -> None:
    for name, compression in (("a/data", zipfile.ZIP_DEFLATED), ("../a", 0), ("/a", 0)):
        file = tmp_path / "bomb.ckpt"
        with zipfile.ZipFile(file, "w", compression) as archive:
            archive.writestr(name, bytes(1 << 20))
        with pytest.raises(CheckpointError, match="claims sizes or paths"):
            verify(file)
    assert [file.name for file in tmp_path.iterdir()] == ["bomb.ckpt"]


def test_what_is_no_file_is_never_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.ckpt"
    subprocess.run(["mkfifo", str(pipe)], check=True)
    for path in (pipe, tmp_path):
        with pytest.raises(CheckpointError, match="no regular file"):
            verify(path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        verify(tmp_path / "none.ckpt")

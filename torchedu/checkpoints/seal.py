"""The seal at the end of a checkpoint: what it is, and the SHA-256 of all before it.

A checkpoint is the zip archive that ``torch.save`` writes. The seal is the archive's comment: one
line of JSON, then 64 hexadecimal digits, the SHA-256 of every byte before them. So the file stays
one that torch, Lightning and unzip read; file and manifest arrive by the same rename, and no kill
can part them; and one rule covers archive, manifest and the length of both.
"""

import hashlib
import json
import re
import stat
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import torch
from torch.serialization import add_safe_globals, clear_safe_globals, get_safe_globals

from torchedu import __version__
from torchedu.bounded import parse_json
from torchedu.errors import CheckpointError
from torchedu.run_folder import RunFolder

FORMAT = 1
END = b"PK\x05\x06"  # begins the 22 bytes that end an archive without a comment
DIGITS = 64
TAIL = 4096  # bytes; a seal is shorter
_LOADING = threading.Lock()
OURS = f"Give a file that torchedu wrote, such as {RunFolder.EXAMPLE}."
ANOTHER = "Copy it again from where it came, or use another checkpoint of its run."


class Manifest(NamedTuple):
    """What a checkpoint says of itself.

    Attributes:
        format: Number of the seal's form.
        name: The file's name when it was written.
        size: Bytes of the archive, without the seal.
        epoch: Passes over the training part that were finished.
        step: Optimizer steps taken.
        torchedu: The version that wrote it.
        torch: The version of torch that wrote it.
        lightning: The version of Lightning that wrote it.
    """

    format: int
    name: str
    size: int
    epoch: int
    step: int
    torchedu: str
    torch: str
    lightning: str


class Verified(NamedTuple):
    """A checkpoint that was verified, and is still open.

    Attributes:
        file: Where it stands.
        opened: The file itself, whatever takes its place there in the meantime.
        manifest: What it says of itself; None for one without a seal.
        digits: The 64 digits that end the seal, if it has one.
    """

    file: Path
    opened: BinaryIO
    manifest: Manifest | None
    digits: str

    def load(self, map_location: Any = "cpu") -> Any:
        """Return what the file holds, mapped and not copied, whatever else has its name by now.

        Args:
            map_location: Where its tensors go, as ``torch.load`` has it.

        Raises:
            Exception: What torch says of a file that it cannot read, or that asks to run code.
        """
        self.opened.seek(0)
        again = Path(f"/dev/fd/{self.opened.fileno()}")  # torch maps what has a path, no open file
        path = again if again.exists() else self.file  # as where the system has no such paths
        with _LOADING:
            others = get_safe_globals()  # what other libraries let a file build
            clear_safe_globals()
            try:
                return torch.load(path, map_location=map_location, weights_only=True, mmap=True)
            finally:
                add_safe_globals(others)


def write_sealed(file: BinaryIO, name: str, checkpoint: Mapping[str, Any]) -> str:
    """Write a checkpoint and its seal.

    Args:
        file: An open, empty file.
        name: The name that the checkpoint will have.
        checkpoint: What Lightning saves.

    Returns:
        The 64 digits that end the seal.
    """
    buffer = BytesIO()  # in memory, so that a full disk is told by an OSError of ours to handle
    torch.save(dict(checkpoint), buffer)
    archive = buffer.getbuffer()  # no second copy of what may be gigabytes
    manifest = Manifest(
        FORMAT,
        name,
        len(archive),
        int(checkpoint.get("epoch", 0)),
        int(checkpoint.get("global_step", 0)),
        __version__,
        str(torch.__version__),
        version("lightning"),
    )
    line = json.dumps(manifest._asdict()).encode() + b"\n"
    # The last two bytes of an archive are the length of its comment.
    parts: list[Any] = [archive[:-2], (len(line) + DIGITS).to_bytes(2, "little"), line]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
        file.write(part)
    file.write(digest.hexdigest().encode())
    return digest.hexdigest()


@contextmanager
def verify(file: Path) -> Iterator[Verified]:
    """Check that a checkpoint is what was written, before anything in it is opened.

    Args:
        file: The checkpoint.

    Yields:
        The file, open as long as the block lasts. Where it is an archive without a seal, as a stock
        Trainer writes it, the checksums of its records are right, which finds damage but no missing
        or foreign content.

    Raises:
        CheckpointError: It is not; the cause and what to do are named.
    """
    with ExitStack() as closing:
        try:
            if not stat.S_ISREG(file.stat().st_mode):  # a pipe or a device might never end
                raise CheckpointError(f"{file} cannot be used: it is no regular file.", OURS)
            opened = closing.enter_context(file.open("rb"))
            manifest, digits = _verify(file, opened)
            _check_archive(file, opened, checksums=manifest is None)
        except OSError as error:
            raise CheckpointError(
                f"{file} cannot be read ({error.strerror}).", "Check its path and permissions."
            ) from None
        yield Verified(file, opened, manifest, digits)


def _verify(file: Path, opened: BinaryIO) -> tuple[Manifest | None, str]:
    head = opened.read(256)
    size = opened.seek(0, 2)
    _check_kind(file, head)
    opened.seek(max(0, size - TAIL))
    tail = opened.read()
    if tail[-22:].startswith(END) and tail.endswith(b"\0\0"):
        return None, ""
    cut = CheckpointError(
        f"{file} cannot be used: it is cut short, or its end is damaged ({size:,} bytes).", ANOTHER
    )
    begin = tail.rfind(END)
    line, digits = tail[begin + 22 : -DIGITS], tail[-DIGITS:]
    if begin < 0 or not line.startswith(b"{") or not re.fullmatch(rb"[0-9a-f]{64}", digits):
        raise cut
    digest = hashlib.sha256()
    opened.seek(0)
    left = size - DIGITS
    while left and (block := opened.read(min(left, 1 << 20))):
        digest.update(block)
        left -= len(block)
    if digest.hexdigest().encode() != digits:
        raise CheckpointError(
            f"{file} cannot be used: its content is not what was written (SHA-256 differs).",
            ANOTHER,
        )
    try:
        manifest = Manifest(**parse_json(line))
    except (ValueError, TypeError):
        raise CheckpointError(
            f"{file} cannot be used: its seal is not of a form that torchedu {__version__} knows.",
            "Open it with the torchedu that wrote it, or a newer one.",
        ) from None
    if manifest.format != FORMAT:
        raise CheckpointError(
            f"{file} cannot be used: torchedu {manifest.torchedu} wrote it in form "
            f"{manifest.format}, and torchedu {__version__} knows form {FORMAT}.",
            "Open it with the torchedu that wrote it, or a newer one.",
        )
    if manifest.size + len(line) + DIGITS != size:
        raise cut
    return manifest, digits.decode()


def _check_kind(file: Path, head: bytes) -> None:
    """Tell what a file is that is no archive."""
    if head.startswith(b"PK\x03\x04"):
        return
    text = head.lstrip().lower()
    remedy = OURS
    if not head:
        cause, remedy = "it is empty", ANOTHER
    elif text.startswith((b"<!doctype html", b"<html")):
        cause = "it is a web page"
        remedy = "Download the file itself, not the page that shows it."
    elif head.startswith(b"\x80"):
        cause = "it is a pickle, which could run code, and nothing of it was read"
    else:
        cause = "it is no checkpoint, or its beginning is damaged"
    raise CheckpointError(f"{file} cannot be used: {cause}.", remedy)


def _check_archive(file: Path, opened: BinaryIO, checksums: bool) -> None:
    """Check that an archive holds no more than it claims, and nothing that unpacks to more."""
    size = opened.seek(0, 2)
    try:
        with zipfile.ZipFile(opened) as archive:
            records = archive.infolist()
            honest = sum(record.file_size for record in records) <= size and all(
                record.compress_type == zipfile.ZIP_STORED
                and record.file_size == record.compress_size
                and not record.filename.startswith(("/", "\\"))
                and ".." not in re.split(r"[/\\]", record.filename)
                for record in records
            )
            damaged = archive.testzip() if honest and checksums else None
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, RuntimeError) as error:
        raise CheckpointError(
            f"{file} cannot be used: its archive is damaged ({error}).", ANOTHER
        ) from None
    if not honest:
        raise CheckpointError(
            f"{file} cannot be used: its archive claims sizes or paths that torch does not write.",
            OURS,
        )
    if damaged is not None:
        raise CheckpointError(
            f"{file} cannot be used: its record {damaged} is not what was written.", ANOTHER
        )

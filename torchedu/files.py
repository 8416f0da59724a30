"""Files that are written whole or not at all."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PART = re.compile(r"\..*\.\d+\.part")


@contextmanager
def whole(file: Path) -> Iterator[Path]:
    """Give a name to write to that becomes ``file`` when all is written.

    A file is so never seen half-written, also when its writer is killed half-way or the machine
    loses its power: content and name are on the disk when this returns.

    Args:
        file: Where it goes; what stood there is replaced.

    Yields:
        A name beside it; where the body raises, nothing is left of it.
    """
    part = file.with_name(f".{file.name[:60]}.{os.getpid()}.part")
    part.unlink(missing_ok=True)  # of a dead process of the same number, or a link laid there
    try:
        yield part
        _to_disk(part)
        part.replace(file)
        _to_disk(file.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_whole(file: Path, content: bytes) -> None:
    """Write a file from memory; see ``whole``.

    Args:
        file: Where it goes; what stood there is replaced.
        content: All of it.
    """
    with whole(file) as part:
        part.write_bytes(content)


def sweep(folder: Path) -> int:
    """Remove what writers that were killed half-way left in a folder.

    Call it where no other process is writing to the folder.

    Args:
        folder: The folder; it need not exist.

    Returns:
        How many files were removed.
    """
    if not folder.is_dir():
        return 0
    stale = [file for file in folder.iterdir() if _PART.fullmatch(file.name)]
    stale = [file for file in stale if file.is_symlink() or file.is_file()]
    for file in stale:
        file.unlink(missing_ok=True)
    return len(stale)


def _to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if os.name != "posix" and path.is_dir():
        return  # only there can a folder be opened
    handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(handle)
    except OSError as error:
        if not (path.is_dir() and error.errno == errno.EINVAL):  # some file systems cannot
            raise
    finally:
        os.close(handle)

"""Files that are written whole or not at all, and folders that go with the process."""

import errno
import json
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from torchedu.errors import ConfigError

if os.name == "posix":
    import fcntl

_roots: tuple[Path, ...] = ()
_PART = re.compile(r"\..*\.\d+\.part")


@contextmanager
def writing_below(*roots: Path) -> Iterator[None]:
    """Write nothing outside a few folders while a block runs, whatever asks for it.

    For what files from anywhere name beside what the user names: it is read, and stays as it is.

    Args:
        roots: The folders.
    """
    global _roots
    before = _roots
    _roots = tuple(root.resolve() for root in roots)
    try:
        yield
    finally:
        _roots = before


def writable(path: Path) -> Path:
    """Return a path that is going to be written.

    Raises:
        ConfigError: ``writing_below`` keeps it as it is.
    """
    if _roots and not any(path.resolve().is_relative_to(root) for root in _roots):
        raise ConfigError(
            f"{path} would have to be written, and only a file names what stands there.",
            "Name the data yourself: ⟦data.path⟧ FILE.",
        )
    return path


def below(root: Path, folder: Path) -> Path:
    """Make a folder below another one, which is written in no other place than there.

    Args:
        root: A folder that the user named, which may be a link or stand below one.
        folder: One inside it.

    Returns:
        The folder.

    Raises:
        ConfigError: A link stands at its place or above it, inside the root.
    """
    place = root
    writable(root).mkdir(parents=True, exist_ok=True)
    for name in folder.relative_to(root).parts:
        place = place / name
        if place.is_symlink() or name == "..":
            raise ConfigError(
                f"{place} is a link, and files of a run are written into its own folder alone.",
                "Remove the link, or name another folder.",
            )
        place.mkdir(exist_ok=True)
    return place


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
    part = writable(file).with_name(f".{file.name[:60]}.{os.getpid()}.part")
    part.unlink(missing_ok=True)  # of a dead process of the same number, or a link laid there
    try:
        yield part
        to_disk(part)
        part.replace(file)
        to_disk(file.parent)
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


def take_space(file: IO[bytes], size: int) -> None:
    """Give a file its size, and have the disk keep room for all of it before it is mapped.

    Who writes to a mapped file for which the disk has no room is ended by the system.

    Args:
        file: Open for writing.
        size: Bytes.

    Raises:
        OSError: The disk has no room.
    """
    file.truncate(size)
    if size and hasattr(os, "posix_fallocate"):  # not everywhere
        os.posix_fallocate(file.fileno(), 0, size)


def named_too(file: Path, place: Path) -> None:
    """Give a file another name on its disk: beside its own where the disk can, else instead.

    Args:
        file: It.
        place: The other name; what stood there is replaced.
    """
    place.unlink(missing_ok=True)
    try:
        os.link(file, place)
    except OSError:
        file.replace(place)


def write_json(file: Path, value: Any) -> None:
    """Write plain values as JSON, in a folder that need not exist; see ``whole``."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, json.dumps(value, ensure_ascii=False, indent=1).encode())


def sweep(
    folder: Path, written: re.Pattern[str] = _PART, kept: Collection[str] = frozenset()
) -> int:
    """Remove the files of a folder whose names are such as only we give, and nothing else.

    Call it where no other process is writing to the folder.

    Args:
        folder: The folder; it need not exist, and a link to one is left alone.
        written: What the names match; else what writers that were killed half-way left.
        kept: Names that stay all the same.

    Returns:
        How many files were removed.
    """
    if folder.is_symlink() or not folder.is_dir():
        return 0
    ours = (file for file in folder.iterdir() if written.fullmatch(file.name))
    files = [file for file in ours if file.name not in kept]
    files = [file for file in files if file.is_symlink() or file.is_file()]
    for file in files:
        file.unlink(missing_ok=True)
    return len(files)


@contextmanager
def scratch(path: Path) -> Iterator[Path]:
    """Make a hidden folder beside a path, to work in while what stands at the path is made.

    What processes of this machine that were killed left beside the same path is removed first.

    Args:
        path: What is going to be made; folders above it are made too.

    Yields:
        The folder. In the end it is removed, and with it those above that hold nothing.

    Raises:
        ConfigError: It cannot be made there.
    """
    beside = writable(path).absolute().parent
    missing = [folder for folder in (beside, *beside.parents) if not folder.exists()]
    name = f".{path.name[:60]}.{platform.node()}"  # another machine may share the disk
    try:
        beside.mkdir(parents=True, exist_ok=True)
        remove_left(beside, name)
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-{os.getpid()}-", dir=beside))
        folder.chmod(0o755)
    except OSError as error:
        raise ConfigError(
            f"{path.parent} cannot be written ({error.strerror}).",
            "Name a folder that you may write to.",
        ) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # the first one that holds something ends it
            for above in missing:
                above.rmdir()


def remove_left(folder: Path, name: str) -> None:
    """Remove the folders ``NAME-PID-...`` whose process was killed.

    Args:
        folder: Where they stand.
        name: What their names begin with; those of one machine, where several share the disk.
    """
    for left in folder.iterdir():
        pid = left.name.removeprefix(f"{name}-").partition("-")[0]
        if left.name.startswith(f"{name}-{pid}-") and pid.isdigit() and not _lives(int(pid)):
            shutil.rmtree(left, ignore_errors=True)


def _lives(pid: int) -> bool:
    if os.name != "posix":  # where signal 0 is no question
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # another user's
        return True
    return True


def started_at(process: int) -> int | None:
    """Return when a process of this host started, which tells it from a later one of its number.

    Args:
        process: Its number.

    Returns:
        Ticks since the host's boot; None where it is gone, or the system does not say.
    """
    try:
        stat = Path(f"/proc/{process}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    state, *numbers = stat.rpartition(")")[2].split()
    return None if state in "ZX" else int(numbers[18])


@contextmanager
def alone(folder: Path, *, wait: bool = True) -> Iterator[bool]:
    """Wait until no other process works in a folder alone, then keep all others waiting.

    The system frees the folder when its holder ends, however it ends, and nothing is left in it.
    Where the folder's file system knows no locks, processes of this user on this machine wait for
    one another; where the system knows none, nobody waits.

    Args:
        folder: The folder; folders above it are made too.
        wait: Whether to wait.

    Yields:
        Whether others are kept waiting; where it does not wait, not if another process has the
        folder or its file system knows no locks.
    """
    if os.name != "posix":
        yield wait
        return
    handle = _locked(folder, wait)
    if handle is None:
        yield False
        return
    try:
        yield True
    finally:
        os.close(handle)


def _locked(folder: Path, wait: bool) -> int | None:
    """Return what holds a folder until it is closed; None where another has it and nobody waits."""
    while True:
        if not folder.is_dir():
            writable(folder).mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:  # who had it removed it
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:  # another has it; or as many network file systems answer for a folder
            os.close(handle)
            if not wait:
                return None
            file = Path(tempfile.gettempdir()) / f"torchedu-{os.getuid()}.lock"
            handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX)
            return handle
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), folder.stat()):
                return handle
        os.close(handle)  # of one that was removed: another may have a new one of the name


def to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk.

    Args:
        path: The file or folder.
    """
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

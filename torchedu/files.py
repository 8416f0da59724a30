"""Files that are written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(file: Path) -> Iterator[Path]:
    """Give a name to write to that becomes ``file`` when all is written.

    A file is so never seen half-written, also when its writer is killed half-way.

    Args:
        file: Where it goes; what stood there is replaced.

    Yields:
        A name beside it; where the body raises, nothing is left of it.
    """
    part = file.with_name(f".{file.name[:60]}.{os.getpid()}.part")
    try:
        yield part
        part.replace(file)
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

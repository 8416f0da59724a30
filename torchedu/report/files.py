"""Files that are written whole or not at all."""

import os
from pathlib import Path


def write_whole(file: Path, content: bytes) -> None:
    """Write a file so that it is never seen half-written, also when killed half-way.

    Args:
        file: Where it goes; what stood there is replaced.
        content: All of it.
    """
    part = file.with_name(f".{file.name[:60]}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise

"""An import that has begun: how far it came is kept until the store is whole, and gone on with."""

import json
import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from torchedu.bounded import parse_json
from torchedu.errors import DataError
from torchedu.files import alone, scratch, write_whole

NOTED = "noted.json"
EVERY = 1 << 21
"""Rows after which it is noted how far an import is."""


class Begun:
    """An import at work.

    Args:
        folder: Where it works.
        asked: What is imported, as plain JSON; None where nobody goes on with it.
    """

    def __init__(self, folder: Path, asked: Mapping[str, Any] | None) -> None:
        self.folder = folder
        self.said = ""
        """What became of an earlier import that was interrupted; empty where there was none."""
        self._asked = None if asked is None else json.loads(json.dumps(asked))
        self.rows = 0
        """Rows that need not be read again if this one is interrupted."""

    def find(self) -> dict[str, Any] | None:
        """Return what an earlier import noted, if it was of the same; else None."""
        file = self.folder / NOTED
        if self._asked is None or not file.exists():
            return None
        with suppress(OSError, ValueError, KeyError, TypeError):
            checksum, _, text = file.read_bytes().partition(b"\n")
            if int(checksum) == zlib.crc32(text):
                known: dict[str, Any] = parse_json(text)
                if known["asked"] == self._asked:
                    return known
                self.refuse(
                    "it was of other files, options or version, or files have changed since"
                )
                return None
        self.refuse("what it had noted is damaged")
        return None

    def due(self, rows: int, names: int) -> bool:
        """Say whether it is time to note how far it is.

        Args:
            rows: How many rows were read.
            names: How many names there are, which are all noted each time: of many less often.
        """
        return rows - self.rows >= max(EVERY, 2 * names)

    def take_up(self, rows: int) -> None:
        """Say that an earlier import is gone on with."""
        self.rows = rows
        self.said = f"it is gone on with after {rows:,} rows"

    def refuse(self, why: str) -> None:
        """Say why an earlier import is not gone on with, and remove what it left."""
        self.said = f"all is read again: {why}"
        for file in self.folder.iterdir():
            if file.is_dir() and not file.is_symlink():
                shutil.rmtree(file)
            else:
                file.unlink()

    def note(self, rows: int, known: Mapping[str, Any]) -> None:
        """Note how far it is.

        Args:
            rows: How many rows were read.
            known: What another process needs to go on; plain JSON.
        """
        if self._asked is None:
            return
        text = json.dumps({"asked": self._asked, **known}, ensure_ascii=False).encode()
        write_whole(self.folder / NOTED, b"%d\n%s" % (zlib.crc32(text), text))
        self.rows = rows


@contextmanager
def begun(out: Path, asked: Mapping[str, Any] | None) -> Iterator[Begun]:
    """Begin an import, or go on with one that was interrupted.

    It works in a hidden folder beside the store, which is removed when the store is whole or an
    error of the files ends it. Where another process imports into the same store meanwhile, the
    disk knows no locks, or something else stands there, it works in a folder that nobody goes on
    with.

    Args:
        out: The store that is made.
        asked: What is imported; None where it cannot be gone on with.

    Raises:
        ConfigError: The store cannot be made there.
        DataError: The disk has no room; the same import goes on after that.
    """
    with scratch(out) as private:
        folder = out.absolute().with_name(f".{out.name[:60]}.importing")
        other = folder.is_symlink() or (folder.exists() and not folder.is_dir())
        free = asked is not None and not other
        with alone(folder, wait=False) if free else nullcontext(False) as mine:
            if not mine:
                yield Begun(private, None)
                return
            import_ = Begun(folder, asked)
            try:
                yield import_
            except OSError as error:
                if not import_.rows:
                    shutil.rmtree(folder, ignore_errors=True)
                    raise
                raise DataError(
                    f"the store cannot be written ({error.strerror or error}).",
                    f"Free space on the disk: the same import then goes on after {import_.rows:,} "
                    "rows.",
                    file=out,
                ) from None
            except Exception:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            except BaseException:  # it was interrupted
                if not import_.rows:
                    shutil.rmtree(folder, ignore_errors=True)
                raise
            shutil.rmtree(folder, ignore_errors=True)

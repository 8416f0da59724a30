"""ZIP archives as file systems, read member by member: nothing is unpacked to the disk."""

import io
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import Any, NoReturn

import pyarrow as pa
from pyarrow import fs

MAGIC = b"PK\x03\x04"
MOST_WHOLE = 256 << 20
"""Bytes of a member that has to be read at once, as workbooks and Parquet files are."""
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError)


class Archive(fs.FileSystemHandler):  # type: ignore[misc]  # pyarrow has no types
    """The files of a ZIP archive, without what systems add to it.

    Args:
        system: Where the archive lies.
        path: Its path there.

    Raises:
        OSError: It is damaged.
    """

    def __init__(self, system: fs.FileSystem, path: str) -> None:
        self.system, self.path = system, path
        try:
            self._zip = zipfile.ZipFile(system.open_input_file(path))
        except _DAMAGED as error:
            raise OSError(f"the ZIP archive is damaged: {error}") from None
        self.sizes = {
            part.filename: part.file_size
            for part in self._zip.infolist()
            if not part.is_dir() and not _is_hidden(part.filename)
        }

    @property
    def is_workbook(self) -> bool:
        """Whether it is one of Office's documents, which are archives too."""
        return "[Content_Types].xml" in self.sizes

    @property
    def root(self) -> str:
        """The folder that holds all files; the file itself where there is one alone."""
        parents = [PurePosixPath(name).parent.parts for name in self.sizes]
        if len(parents) == 1:
            return next(iter(self.sizes))
        shared = []
        for parts in zip(*parents, strict=False):
            if len(set(parts)) > 1:
                break
            shared.append(parts[0])
        return "/".join(shared)

    def get_type_name(self) -> str:
        """Name the file system."""
        return "zip"

    def normalize_path(self, path: str) -> str:
        """Return a path as the archive has it."""
        return path.strip("/")

    def get_file_info(self, paths: list[str]) -> list[fs.FileInfo]:
        """Say what stands at some paths."""
        return [self._info(path.strip("/")) for path in paths]

    def get_file_info_selector(self, selector: fs.FileSelector) -> list[fs.FileInfo]:
        """List what a folder holds."""
        begin = selector.base_dir.strip("/").removeprefix(".")
        begin = f"{begin}/" if begin else ""
        inside = {name.removeprefix(begin) for name in self.sizes if name.startswith(begin)}
        if not selector.recursive:
            inside = {name.split("/", 1)[0] for name in inside}
        return [self._info(begin + name) for name in sorted(inside)]

    def open_input_stream(self, path: str) -> pa.NativeFile:
        """Open a file to be read from its beginning."""
        try:
            return pa.PythonFile(_Member(self._zip.open(path.strip("/"))), mode="r")
        except (*_DAMAGED, KeyError) as error:
            raise OSError(f"{path} in the ZIP archive cannot be read: {error}") from None

    def open_input_file(self, path: str) -> pa.NativeFile:
        """Open a file to be read in any order."""
        size = self.sizes.get(path.strip("/"), 0)
        if size > MOST_WHOLE:
            raise OSError(f"{path} unpacks to {size >> 20} MiB: unpack it first")
        try:
            return pa.BufferReader(self._zip.read(path.strip("/")))
        except (*_DAMAGED, KeyError) as error:
            raise OSError(f"{path} in the ZIP archive cannot be read: {error}") from None

    def _info(self, path: str) -> fs.FileInfo:
        if path in self.sizes:
            return fs.FileInfo(path, fs.FileType.File, size=self.sizes[path])
        there = not path or any(name.startswith(f"{path}/") for name in self.sizes)
        return fs.FileInfo(path, fs.FileType.Directory if there else fs.FileType.NotFound)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError("an archive is read alone")

    create_dir = delete_dir = delete_dir_contents = delete_root_dir_contents = _refuse
    delete_file = move = copy_file = open_output_stream = open_append_stream = _refuse


class _Member(io.RawIOBase):
    """A file of an archive, whose damage is told as that of other files."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            return bytes(self._stream.read(size))
        except _DAMAGED as error:
            raise OSError(f"the ZIP archive is damaged: {error}") from None

    def close(self) -> None:
        self._stream.close()
        super().close()


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX", "~$")) for part in name.split("/"))

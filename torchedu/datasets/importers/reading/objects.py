"""Objects of JSON: a line each, one array of them, or one object that holds such an array."""

from collections.abc import Iterator
from typing import Any

from torchedu.bounded import parse_json
from torchedu.datasets.importers.reading.rows import FileRows
from torchedu.datasets.importers.reading.text import Source, blocks

SUFFIXES = (".jsonl", ".json", ".ndjson", ".jsonl.gz", ".ndjson.gz", ".json.gz")


def objects(
    source: Source, places: FileRows, encoding: str = "utf-8", *, within: str | None = None
) -> Iterator[tuple[int, Any]]:
    """Yield what a file holds, with the line of each, or its number in an array, from 1.

    Args:
        source: The file.
        places: Where bad lines are told.
        encoding: The text's encoding.
        within: The key under which one object holds the array, where the format has such.

    Raises:
        DataError: The file begins as an array and is no JSON.
    """
    if is_array(source, encoding) or source.base.endswith((".json", ".json.gz")):
        yield from enumerate(array(source, encoding, within=within), 1)
        return
    for block in blocks(source, encoding):
        for row, line in enumerate(block.data.splitlines(), block.line):
            if line.strip():
                try:
                    value = parse_json(line)
                except ValueError as error:
                    places.refuse(f"the line is no JSON ({error})", [row])
                else:
                    yield from ((row, part) for part in _held(value, within) or [value])


def is_array(source: Source, encoding: str = "utf-8") -> bool:
    """Say whether a file begins as an array, or with an object that its first line does not end."""
    first = next(blocks(source, encoding)).data.lstrip()
    return first.startswith(b"[") or first.split(b"\n", 1)[0].strip() == b"{"


def array(source: Source, encoding: str = "utf-8", *, within: str | None = None) -> list[Any]:
    """Return the values of a file that is one array, or one object that may hold it.

    Raises:
        DataError: The file is no JSON.
    """
    text = source.read().decode("utf-8-sig" if encoding == "utf-8" else encoding)
    try:
        values = parse_json(text)
    except ValueError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        try:
            values = [parse_json(line) for line in lines]  # lines under the name of an array
        except ValueError:
            raise source.fault(f"the file is no JSON ({error}).", "Download it again.") from None
    if isinstance(values, list):
        return values
    return _held(values, within) or [values]


def _held(value: Any, within: str | None) -> list[Any] | None:
    held = value.get(within) if within and isinstance(value, dict) else None
    return held if isinstance(held, list) else None

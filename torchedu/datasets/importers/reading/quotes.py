"""Quotes that open a field and do not close it: they would swallow all rows up to the next one."""

import re

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.importers.reading.text import Block

SWALLOWED = 3
"""Lines within one field, each of as many fields as the headings, from which these are rows."""
LONE = (
    "a quote opens a field and does not close it",
    "Close it, double it where it belongs to the text, or give ⟦on_bad_row⟧ drop.",
)


def without_lone_quotes(
    block: Block, fields: int, delimiter: str
) -> tuple[Block, NDArray[np.int64], str | None]:
    """Return a block without the lines in which a quote is left open.

    Args:
        block: Lines of a file.
        fields: How many fields each has.
        delimiter: What stands between fields.

    Returns:
        The block with those lines emptied, so that others keep their numbers; these lines, and the
        first of them.
    """
    data = block.data
    if b'"' not in data or _well_formed(data, ord(delimiter)):
        return block, np.zeros(0, np.int64), None
    between = re.escape(delimiter.encode())
    opens = re.compile(rb"(?:\A|(?<=[" + between + rb'\n]))"')
    whole = re.compile(rb'"[^"]*(?:""[^"]*)*"(?=[' + between + rb"\n]|\Z)")
    pieces, lines, done, at = [], [], 0, 0
    first = None
    while opening := opens.search(data, at):
        field = whole.match(data, opening.start())
        if field and not _holds_rows(data, *field.span(), fields, delimiter.encode()):
            at = field.end()
            continue
        begin = data.rfind(b"\n", 0, opening.start()) + 1
        at = data.find(b"\n", opening.start()) % (len(data) + 1)
        lines.append(block.line + data.count(b"\n", 0, begin))
        first = first or data[begin:at].decode()
        pieces.append(data[done : max(begin, done)])
        done = at
    if not lines:
        return block, np.zeros(0, np.int64), None
    return Block(block.line, b"".join([*pieces, data[done:]])), np.array(lines, np.int64), first


def _well_formed(data: bytes, delimiter: int) -> bool:
    """Say whether each second quote closes what the one before opens, on the same line."""
    letters = np.frombuffer(data, np.uint8)
    quote = np.flatnonzero(letters == ord('"'))
    if len(quote) % 2:
        return False
    edge = np.zeros(256, bool)
    edge[[ord("\n"), delimiter, ord('"')]] = True
    opening, closing = quote[::2], quote[1::2]
    before = letters[np.maximum(opening - 1, 0)]
    after = letters[np.minimum(closing + 1, len(letters) - 1)]
    ends = np.flatnonzero(letters == ord("\n"))
    inside = np.searchsorted(ends, opening) != np.searchsorted(ends, closing)
    return bool(
        (edge[before] | (opening == 0)).all()
        and (edge[after] | (closing == len(letters) - 1)).all()
        and not inside.any()
    )


def _holds_rows(data: bytes, begin: int, stop: int, fields: int, delimiter: bytes) -> bool:
    """Say whether a field looks as if it had swallowed whole rows."""
    field = data[begin:stop]
    if b"\n" not in field or fields == 1:
        return False
    # A quote beside a delimiter on its inner side is one that stood alone in its field.
    alone = {field[1:2], field[-2:-1]} & {delimiter, b"\n"}
    first, end = data.rfind(b"\n", 0, begin) + 1, data.find(b"\n", stop)
    lines = data[first : end if end >= 0 else len(data)].split(b"\n")
    rows = [line.count(delimiter) == fields - 1 for line in lines if line.strip()]
    return all(rows) if alone else all(rows[1:-1]) and len(rows) - 2 >= SWALLOWED

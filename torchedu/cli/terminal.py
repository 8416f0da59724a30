"""The terminal, which shows a name, a path or a network's words as they stand."""

from collections.abc import Iterator
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from torchedu.errors import printable

LONGEST = 30
"""Width of a word above which it may be folded."""


class Terminal(Console):
    """Prints texts without reading anything out of them: no markup, no emoji, no control codes.

    Lines are not folded, so that a path can be copied; tables are.
    """

    def __init__(self) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, soft_wrap=True)

    def print_whole(self, table: Table) -> None:
        """Print a table of texts of which nothing is cut, however many columns it has.

        Args:
            table: Where it is wider than the terminal, its columns come below one another, each
                time beside the first.
        """
        for part in _parts(table, self.width):
            self.print(part)

    def on_broken_pipe(self) -> None:
        """Hand on that nobody reads any more, which ends the command and not the library."""
        raise BrokenPipeError

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a text, a cell or a title as it is shown."""
        return super().render_str(printable(text), **options)


def _parts(table: Table, width: int) -> Iterator[Table]:
    """Yield tables of some columns of one, each no wider than can be unless a word is."""
    least = [_width(column, words=True) for column in table.columns]
    first, *others = range(len(table.columns))
    group = [first]
    for column in others:
        wider = [*group, column]
        if len(group) > 1 and _outer(wider) + sum(least[i] for i in wider) > width:
            yield _part(table, group, least, width)
            wider = [first, column]
        group = wider
    yield _part(table, group, least, width)


def _outer(columns: list[int]) -> int:
    return 3 * len(columns) + 1  # two spaces a column, and lines between


def _part(table: Table, group: list[int], least: list[int], width: int) -> Table:
    """Return a table of some columns, wide enough for their words and the rest as it fits."""
    title = None if group[1:2] not in ([], [1]) else table.title
    part = Table(title=title, title_justify="left", show_header=table.show_header)
    spare = width - _outer(group) - sum(least[i] for i in group)
    for i in group:
        column = table.columns[i]
        more = max(0, min(spare, _width(column, words=False) - least[i]))
        spare -= more
        part.add_column(
            column.header, justify=column.justify, width=least[i] + more, overflow="fold"
        )
    cells = [list(table.columns[i].cells) for i in group]
    for place, row in enumerate(table.rows):
        part.add_row(
            *(column[place] for column in cells), style=row.style, end_section=row.end_section
        )
    return part


def _width(column: Column, words: bool) -> int:
    """Return the width of the longest line or word of a column; a very long word is folded."""
    texts = [str(column.header), *map(str, column.cells)]
    pieces = [piece for text in texts for piece in (text.split() if words else text.splitlines())]
    widest = max(map(cell_len, pieces), default=1)
    return min(widest, LONGEST) if words else widest

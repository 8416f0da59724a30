"""The tables of ``docs/strategies.md`` that tests write."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "strategies.md"
END = "<!-- end -->"


def grouped(head: str, columns: Sequence[str], cells: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the lines of a table, in which what has equal cells shares a row.

    Args:
        head: What its rows are.
        columns: The columns' names.
        cells: By row and column.
    """
    rows: dict[tuple[str, ...], list[str]] = {}
    for name, its in cells.items():
        rows.setdefault(tuple(its[column] for column in columns), []).append(name)
    return [
        f"| {head} | {' | '.join(f'`{column}`' for column in columns)} |",
        "|---" * (len(columns) + 1) + "|",
        *(f"| {', '.join(names)} | {' | '.join(its)} |" for its, names in rows.items()),
    ]


def plain(reason: str) -> str:
    """Return a reason in one line as the page has it."""
    return re.sub(r"⟦([\w.]+)⟧", r"`--\1`", reason)


def before(test: str) -> str:
    """Return what the page has from a file of tests, below its mark."""
    return PAGE.read_text("utf-8").partition(_mark(test))[2].partition(END)[0]


def written(test: str, lines: Sequence[str]) -> None:
    """Hold the page to what a test found: where it said otherwise, it is written anew.

    Args:
        test: The file of tests, whose mark stands above the lines.
        lines: What was found.
    """
    page, old, text = PAGE.read_text("utf-8"), before(test), "".join(f"{line}\n" for line in lines)
    if text != old:
        PAGE.write_text(page.replace(_mark(test) + old, _mark(test) + text), "utf-8")
    assert text == old, f"{PAGE} said otherwise, and now says what was found"


def _mark(test: str) -> str:
    return f"<!-- written by tests/strategies/{test}.py -->\n"

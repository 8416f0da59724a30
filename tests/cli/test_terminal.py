"""Tables are whole in a terminal of 80 columns, and texts stand as they are."""

import re

import pytest
from rich.table import Table

from torchedu.cli.terminal import Terminal


def shown(table: Table, width: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    terminal = Terminal()
    with terminal.capture() as captured:
        terminal.print_whole(table)
    return captured.get().splitlines()


def scores(columns: int, rows: int = 3) -> Table:
    table = Table("model", *(f"calibration error {i}" for i in range(columns)), title="answers")
    for row in range(rows):
        table.add_row(f"last-course Markov {row}", *(f"0.{row}{i:03}" for i in range(columns)))
    return table


@pytest.mark.parametrize("columns", [1, 3, 5, 8, 20])
@pytest.mark.parametrize("width", [60, 80, 200])
def test_nothing_is_cut(columns: int, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(scores(columns), width, monkeypatch)
    said = "\n".join(lines)
    assert "…" not in said
    assert max(map(len, lines)) <= width
    for row in range(3):
        for column in range(columns):
            assert said.count(f"0.{row}{column:03}") == 1
    assert said.count("answers") == 1


def test_each_part_begins_with_the_first_column(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(scores(12), 80, monkeypatch)
    parts = sum(line.startswith("┏") for line in lines)
    assert parts > 1
    assert sum(bool(re.match(r"│ last-course", line)) for line in lines) == 3 * parts


def test_a_table_that_fits_is_one_with_its_styles_and_sections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = scores(2)
    table.rows[0].end_section = True
    lines = shown(table, 80, monkeypatch)
    assert sum(line.startswith("┏") for line in lines) == 1
    assert sum(line.startswith("├") for line in lines) == 1


def test_long_words_wide_letters_and_no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table("名前", "x" * 90, "score")
    table.add_row("学生の正答率のモデル", "a", "1")
    said = "\n".join(shown(table, 80, monkeypatch))
    assert said.count("x") == 90
    assert "学生の正答率のモデル" in said
    assert "…" not in said
    empty = Table("model", "score")
    assert "score" in "\n".join(shown(empty, 80, monkeypatch))

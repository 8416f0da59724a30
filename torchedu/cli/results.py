"""The scores of a run as a table in the terminal, and the way to its report."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from torchedu.errors import MissingExtraError
from torchedu.report import write_report


def show(console: Console, evaluation: Mapping[str, Any], folder: Path) -> None:
    """Print an evaluation and write its report.

    Args:
        console: Where to print.
        evaluation: What ``evaluate`` returned.
        folder: The run's folder.
    """
    counts = ", ".join(f"{number:,} {noun}" for noun, number in evaluation["counts"].items())
    title = f"{evaluation['data']}, {evaluation['split']} part" + f": {counts}" * bool(counts)
    table = Table(title=title, title_justify="left")
    table.add_column("model")
    for column in evaluation["columns"].values():
        table.add_column(column, justify="right")
    for row in evaluation["scores"]:
        numbers = [row[name] for name in evaluation["columns"]]
        table.add_row(
            row["name"],
            *("-" if number is None else f"{number:.4f}" for number in numbers),
            style="bold" if row["kind"] == "network" else "dim" if row["kind"] == "oracle" else "",
        )
    console.print(table)
    try:
        console.print(f"Report: {write_report(folder)}", highlight=False)
    except MissingExtraError as error:
        console.print(f"No report was written. {error}", highlight=False)

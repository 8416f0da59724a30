"""The scores of a run as a table in the terminal, and the way to its report."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from torchedu.errors import MissingExtraError
from torchedu.report import write_report

COLUMNS = {
    "auc": "AUC",
    "accuracy": "accuracy",
    "log_loss": "log loss",
    "calibration_error": "calibration error",
}


def show(console: Console, evaluation: Mapping[str, Any], folder: Path) -> None:
    """Print an evaluation and write its report.

    Args:
        console: Where to print.
        evaluation: What ``evaluate`` returned.
        folder: The run's folder.
    """
    table = Table(
        title=f"{evaluation['data']}, {evaluation['split']} part: "
        f"{evaluation['students']:,} students, {evaluation['answers']:,} answers",
        title_justify="left",
    )
    table.add_column("model")
    for title in COLUMNS.values():
        table.add_column(title, justify="right")
    for row in evaluation["scores"]:
        numbers = [row[name] for name in COLUMNS]
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

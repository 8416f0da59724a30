"""``torchedu compare``: runs side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from torchedu.cli.terminal import Terminal
from torchedu.parsing import listed, run_functions


def main(arguments: Sequence[str]) -> None:
    """Run the command with the words after ``torchedu compare``."""
    run_functions(compare, listed(arguments), "compare")


def compare(runs: list[str], against: str | None = None, out: str | None = None) -> None:
    """Set runs side by side that were scored on the same answers, with intervals over students.

    Args:
        runs: The runs' folders, one after the other.
        against: The one that the others are held against; the first by default.
        out: A JSON file for the comparison.
    """
    # torch is loaded only when there is something to compare, not for help.
    from torchedu.bench import compare_runs
    from torchedu.files import write_json

    comparison, terminal = compare_runs(runs, against), Terminal()
    title = f"{comparison['data']}, {comparison['split']} part"
    if "against" in comparison:
        terminal.print_whole(table(title, comparison))
    else:
        terminal.print_whole(plain_table(title, comparison))
    if out is not None:
        write_json(Path(out), comparison)
        terminal.print(f"comparison: {out}")


def table(title: str, scores: Mapping[str, Any]) -> Table:
    """Return scores and differences as a table, the best model first.

    Args:
        title: What was scored.
        scores: What ``torchedu.bench.compare`` returns.
    """
    from torchedu.bench.comparison import SCORES

    counts = f"{scores['students']:,} students, {scores['answers']:,} answers"
    drawn = Table(title=f"{title}: {counts}", title_justify="left")
    drawn.add_column("model")
    for name in SCORES.values():
        drawn.add_column(name, justify="right")
    drawn.add_column("AUC without first answers", justify="right")
    drawn.add_column(f"AUC above {scores['against']}", justify="right")
    drawn.add_column("p (Holm)", justify="right")
    known = ("cpu_seconds", "parameters")
    facts = [key for key in known if any(key in model for model in scores["models"])]
    for key in facts:
        drawn.add_column(key.replace("_", " "), justify="right")
    for row in sorted(scores["models"], key=lambda row: -(row["scores"]["auc"]["value"] or 0)):
        apart = row.get("differences", {}).get("auc", {})
        sure = apart.get("p_holm")
        drawn.add_row(
            row["name"],
            *(_number(row["scores"][name]["value"]) for name in SCORES),
            _number(row["auc_later"]),
            _interval(apart),
            "" if sure is None else "< .001" if sure < 0.001 else f"{sure:.3f}",
            *(f"{row[key]:,}" if key in row else "" for key in facts),
        )
    return drawn


def plain_table(title: str, scores: Mapping[str, Any]) -> Table:
    """Return scores alone as a table, where runs keep no predictions to hold side by side."""
    drawn = Table(title=title, title_justify="left")
    drawn.add_column("run")
    for name in scores["columns"].values():
        drawn.add_column(name, justify="right")
    for row in scores["models"]:
        numbers = (_number(row["scores"].get(name)) for name in scores["columns"])
        drawn.add_row(row["name"], *numbers)
    return drawn


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _interval(apart: Mapping[str, Any]) -> str:
    if apart.get("value") is None:
        return ""
    if apart["low"] is None:
        return f"{apart['value']:+.4f}"
    return f"{apart['value']:+.4f} ± {apart['high'] - apart['value']:.4f}"

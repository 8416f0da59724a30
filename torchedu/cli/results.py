"""The scores of a run as a table in the terminal, and the way to its report."""

from rich.table import Table

from torchedu.cli.terminal import Terminal
from torchedu.errors import MissingExtraError
from torchedu.run.training import Result
from torchedu.sections import PERFECT, Number, is_perfect

DOUBTED = ("network", "baseline", "blend")
"""Kinds of models that reach a perfect score by a leak alone."""


def show(terminal: Terminal, result: Result) -> None:
    """Print the scores of a run, and where its report is.

    Args:
        terminal: Where to print.
        result: What the run came to; nothing is printed of one without scores.

    Raises:
        Exception: The report could not be written, for another reason than a missing package.
    """
    evaluation = result.evaluation
    if not evaluation:
        return
    counts = ", ".join(f"{number:,} {noun}" for noun, number in evaluation["counts"].items())
    title = f"{evaluation['data']}, {evaluation['split']} part" + f": {counts}" * bool(counts)
    table = Table(title=title, title_justify="left")
    table.add_column("model")
    for column in evaluation["columns"].values():
        table.add_column(column, justify="right")
    for row in evaluation["scores"]:
        first, *numbers = [row[name] for name in evaluation["columns"]]
        doubted = is_perfect(first) and not evaluation["lower"] and row["kind"] in DOUBTED
        table.add_row(
            row["name"],
            PERFECT if doubted else _shown(first),
            *(_shown(number) for number in numbers),
            style="bold" if row["name"] in evaluation["best"] else "",
        )
    parts = evaluation.get("by_part") or []
    for part in parts if len(parts) > 1 else ():
        table.add_section()
        for model in part[next(iter(evaluation["columns"]))]:
            numbers = [part[name][model] for name in evaluation["columns"]]
            name = f"{model}, {part['name']} ({part['texts']:,})"
            table.add_row(name, *(_shown(number) for number in numbers))
    terminal.print_whole(table)
    if isinstance(result.report, MissingExtraError):
        terminal.print(f"No report was written. {result.report}")
    elif isinstance(result.report, Exception):
        raise result.report
    else:
        terminal.print(f"Report: {result.report}")


def _shown(number: Number) -> str:
    return "-" if number is None else f"{number:.4f}"

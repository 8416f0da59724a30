"""``torchedu runs``: a table of runs, without torch."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.table import Table

from torchedu.cli.terminal import Terminal
from torchedu.errors import ConfigError, DataError
from torchedu.parsing import run_functions
from torchedu.report.folder import Run, read_run
from torchedu.run_folder import RunFolder

COLUMNS = ("run", "network", "data", "score", "best baseline", "epochs", "last change", "state")


def main(arguments: Sequence[str]) -> None:
    """Run the command with the words after ``torchedu runs``."""
    named = bool(arguments) and not arguments[0].startswith("-")
    run_functions(runs, ["--folder", *arguments] if named else arguments, "runs")


def runs(folder: str = "runs") -> None:
    """List the runs in a folder: network, data, score beside the best baseline's, epochs, state.

    Args:
        folder: Where the runs' folders stand.
    """
    here = Path(folder)
    places = sorted(here.iterdir()) if here.is_dir() else []
    every = [place for place in places if place.is_dir() and RunFolder(place).begun()]
    if not every:
        raise ConfigError(
            f"{here} holds no run{'' if here.is_dir() else ' (it does not exist)'}.",
            "Name the folder in which runs stand: torchedu runs FOLDER.",
        )
    table = Table()
    for column in COLUMNS:
        table.add_column(column)
    for place in sorted(every, key=lambda place: place.stat().st_mtime):
        table.add_row(*_row(place))
    Terminal().print_whole(table)


def _row(place: Path) -> list[str]:
    changed = f"{datetime.fromtimestamp(place.stat().st_mtime):%Y-%m-%d %H:%M}"
    try:
        run = read_run(place)
    except DataError as error:
        return [place.name, *[""] * (len(COLUMNS) - 3), changed, f"damaged: {error.problem}"]
    score, beside = _scores(run)
    network, data = (run.evaluation.network, run.evaluation.data) if run.evaluation else ("", "")
    state = "scored" if run.evaluation else "not scored" if run.metrics else "begun"
    return [place.name, network, data, score, beside, str(run.epochs or ""), changed, state]


def _scores(run: Run) -> tuple[str, str]:
    """Return the first score of the network and of the best baseline, with its name."""
    if run.evaluation is None or not run.evaluation.columns:
        return "", ""
    title = next(iter(run.evaluation.columns.values()))
    rows = {
        kind: next((row for row in run.evaluation.scores if row.kind == kind), None)
        for kind in ("network", "baseline")
    }
    network, baseline = rows["network"], rows["baseline"]
    return (
        f"{title} {network.values[0]:.4f}" if network else "",
        f"{baseline.values[0]:.4f} {baseline.name}" if baseline else "",
    )

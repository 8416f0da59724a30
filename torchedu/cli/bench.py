"""``torchedu bench``: networks on data sets, under equal conditions."""

from collections.abc import Sequence
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from torchedu.cli.compare import table
from torchedu.cli.terminal import Terminal
from torchedu.errors import MissingExtraError, worded
from torchedu.parsing import listed, run_functions


def main(arguments: Sequence[str]) -> None:
    """Run the command with the words after ``torchedu bench``."""
    words = list(arguments)
    run_functions({"kt": kt}, [*words[:1], *listed(words[1:])], "bench")


def kt(
    data: list[str],
    run: str = "bench_kt",
    nets: str = "",
    tries: int = 1,
    quick: bool = False,
    seed: int = 0,
) -> None:
    """Train every network of knowledge tracing on data sets, beside the baselines.

    Args:
        data: The data sets, files of answers or stores, one after the other.
        run: The folder for results.json, the picture and the runs.
        nets: Recipes of the networks, separated by commas; all that there are by default.
        tries: How many learning rates each network is given, 1 to 3.
        quick: Whether training ends after 100 steps, for a first look.
        seed: Of the splits, and of all that is drawn in training.
    """
    # torch is loaded only when there is something to train, not for help.
    from torchedu.bench.kt import bench, networks
    from torchedu.report.comparison import write_comparison

    terminal, folder = Terminal(), Path(run)
    chosen = [name.strip() for name in nets.split(",") if name.strip()]
    steps = len(data) * (2 + len(chosen or networks()))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    quiet = not terminal.is_terminal
    with Progress(
        *columns, TimeElapsedColumn(), console=terminal, transient=True, disable=quiet
    ) as bar:
        task = bar.add_task("", total=steps, completed=-1)

        def show(text: str) -> None:
            bar.update(task, description=text, advance=1)
            if quiet:
                terminal.print(text)

        comparison = bench(data, folder, chosen, tries, quick, seed, show)
    for title, results in comparison["sets"].items():
        terminal.print_whole(table(title, results))
        for leak in results["leaks"]:
            terminal.print(f"leak  {worded(leak)}")
    try:
        write_comparison(comparison["sets"], "auc", "AUC", folder / "scores.png")
        terminal.print(f"picture: {folder / 'scores.png'}")
    except MissingExtraError as error:
        terminal.print(f"No picture: {worded(error.remedy)}")
    terminal.print(f"results: {folder / 'results.json'}")

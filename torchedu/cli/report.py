"""``torchedu report``: the page of a run, written again."""

from collections.abc import Sequence

from torchedu.cli.terminal import Terminal
from torchedu.parsing import run_functions
from torchedu.run_folder import RunFolder


def main(arguments: Sequence[str]) -> None:
    """Run the command with the words after ``torchedu report``."""
    run_functions(report, arguments, "report")


def report(run: str) -> None:
    """Write the report and model card of a run again from its folder, and print where they are.

    Args:
        run: The run's folder, as torchedu fit or torchedu test left it.
    """
    # matplotlib is loaded only when there is something to draw, not for help.
    from torchedu.report import write_report

    page = write_report(run)
    terminal = Terminal()
    terminal.print(f"report: {page}")
    terminal.print(f"model card: {RunFolder(page.parent).card}")

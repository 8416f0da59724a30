"""``torchedu share``: a run packed for somebody else."""

from collections.abc import Sequence
from pathlib import Path

from torchedu.cli.terminal import Terminal
from torchedu.parsing import run_functions


def main(arguments: Sequence[str]) -> None:
    """Run the command with the words after ``torchedu share``."""
    run_functions(share, arguments, "share")


def share(run: str, out: str | None = None) -> None:
    """Pack a run without students' names, marks and this machine's paths, and say what is in it.

    Args:
        run: The run's folder.
        out: The folder to make; RUN-shared beside it where it is not named.
    """
    # torch is loaded only when there is something to pack, not for help.
    from torchedu.privacy import share as pack

    path = Path(run).absolute()
    shared = pack(path, out or path.with_name(f"{path.name}-shared"))
    terminal = Terminal()
    for file in shared.files:
        terminal.print(f"{file}: {file.stat().st_size:,} bytes")
    for line in shared.left_out:
        terminal.print(f"left out: {line}")
    terminal.print(f"Use it: torchedu predict {shared.folder} --data.path FILE")

"""``torchedu fit``: train, then score on students that training has not seen."""

from collections.abc import Sequence

from rich.console import Console

from torchedu.cli.results import show
from torchedu.run import RunConfig, build
from torchedu.run.training import found_lr, train


def main(words: Sequence[str]) -> None:
    """Run the command.

    Args:
        words: The words after ``fit``.
    """
    run = build(RunConfig(words))
    console = Console(soft_wrap=True)
    if run.config.lr_find:
        console.print(f"learning rate found: {found_lr(run):.2g}")
    show(console, train(run))

"""``torchedu fit``: train, then score on students that training has not seen."""

from collections.abc import Sequence

from torchedu.cli.results import show
from torchedu.cli.terminal import Terminal
from torchedu.run import RunConfig, build
from torchedu.run.training import found_lr, train
from torchedu.stages import stage


def main(words: Sequence[str]) -> None:
    """Run the command.

    Args:
        words: The words after ``fit``.
    """
    stage("reading the data, building the network")
    run = build(RunConfig(words))
    terminal = Terminal()
    if run.config.lr_find:
        terminal.print(f"learning rate found: {found_lr(run):.2g}")
    show(terminal, train(run))

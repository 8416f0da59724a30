"""What the commands on a trained network share."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from torchedu.checkpoints import find_checkpoint
from torchedu.cli.results import show
from torchedu.errors import ConfigError
from torchedu.evaluation import evaluate
from torchedu.run import RunCLI, saved_data
from torchedu.run_folder import RunFolder
from torchedu.tasks import open_task


def trained(words: Sequence[str], command: str) -> RunCLI:
    """Build a command's run from a checkpoint and the words.

    Args:
        words: The words after the command; the first, or ``--ckpt_path``, names the checkpoint or
            the folder of its run.
        command: The command.

    Returns:
        The task with its weights, the data and a trainer.

    Raises:
        ConfigError: No checkpoint is named, or nothing says which data is meant.
    """
    rest = list(words)
    checkpoint = None
    if rest and not rest[0].startswith("-"):
        checkpoint = rest.pop(0)
    for i, word in enumerate(rest):
        option, equals, value = word.partition("=")
        if option == "--ckpt_path":
            checkpoint = value if equals else "".join(rest[i + 1 : i + 2])
            del rest[i : i + (1 if equals else 2)]
            break
    if not checkpoint and not {"-h", "--help"} & set(rest):
        raise ConfigError(
            f"torchedu {command} needs a trained network, and none is named.",
            f"Give a run's folder or a checkpoint: torchedu {command} runs/version_0",
        )
    file = find_checkpoint(checkpoint) if checkpoint else Path(RunFolder.BEST)
    names_data = any(word.startswith(("--data", "--config", "-c", "-h", "--help")) for word in rest)
    if not names_data and saved_data(file) is None:
        open_task(file)  # what is no checkpoint is told first
        raise ConfigError(
            f"{file} has no {RunFolder.CONFIG} beside its folder that says which data is meant.",
            "Name it: --data.path answers.csv.",
        )
    return RunCLI(rest, f"{command} CHECKPOINT", file)


def results_folder(cli: RunCLI, command: str) -> Path:
    """Return where a command's results go: ``--run``, or a folder of the network's own run.

    Raises:
        ConfigError: A trained run stands there, whose scores would be lost.
    """
    if cli.config.run:
        folder = Path(cli.config.run)
        if folder.is_file() or RunFolder(folder).checkpoints.exists():
            raise ConfigError(
                f"--run {folder} is in use.",
                "Name a folder that does not exist yet, or leave it out.",
            )
        return folder
    assert cli.checkpoint is not None
    return RunFolder.of_checkpoint(cli.checkpoint).results(command, cli.datamodule.name).path


def score(words: Sequence[str], command: str, part: str) -> None:
    """Score a trained network on a part of the data, and write the report.

    Args:
        words: The words after the command.
        command: The command.
        part: ``val`` or ``test``.
    """
    cli = trained(words, command)
    folder = results_folder(cli, command)
    evaluation = evaluate(cli.model, cli.datamodule, cli.trainer, part, folder)
    if cli.trainer.is_global_zero:
        show(Console(soft_wrap=True), evaluation, folder)

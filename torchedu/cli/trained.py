"""What the commands on a trained network share."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir

from torchedu.checkpoints import open_checkpoint
from torchedu.cli.results import show
from torchedu.cli.terminal import Terminal
from torchedu.errors import ConfigError
from torchedu.files import below, writing_below
from torchedu.parsing import none_named
from torchedu.run import Run, RunConfig, build
from torchedu.run.following import follow
from torchedu.run.training import score
from torchedu.run_folder import RunFolder


def trained(words: Sequence[str], command: str) -> Run:
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
        raise none_named(command)
    opened = open_checkpoint(checkpoint) if checkpoint else None
    config = RunConfig(rest, command, opened)
    run = build(config)
    if command == "test":
        follow(config, run.data)
    return run


def results_folder(run: Run, command: str) -> Path:
    """Return where a command's results go: ``--run``, or a folder of the network's own run.

    Raises:
        ConfigError: A trained run stands there, whose scores would be lost.
    """
    assert run.checkpoint is not None
    if run.config.run:
        folder = Path(run.config.run)
        if folder.is_file() or RunFolder(folder).checkpoints.exists():
            raise ConfigError(
                f"⟦run⟧ {folder} is in use.",
                "Name a folder that does not exist yet, or leave it out.",
            )
        return folder
    own = RunFolder.of_checkpoint(run.checkpoint)
    return below(own.path, own.results(command, run.data.name).path)


@contextmanager
def results_alone(run: Run, folder: Path) -> Iterator[None]:
    """Write results and nothing else, where the run's file and not the words name the data.

    Args:
        run: The run.
        folder: Where the results go.
    """
    roots = [] if run.names_path else [folder, Path(gettempdir())]
    with writing_below(*roots):
        yield


def score_part(words: Sequence[str], command: str, part: str) -> None:
    """Score a trained network on a part of the data, and write the report.

    Args:
        words: The words after the command.
        command: The command.
        part: ``val`` or ``test``.
    """
    run = trained(words, command)
    folder = results_folder(run, command)
    with results_alone(run, folder):
        show(Terminal(), score(run, folder, part))

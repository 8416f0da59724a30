"""The command line: a table of commands, each in a module that is imported when it is chosen."""

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

from torchedu import __version__
from torchedu.errors import ConfigError, TorcheduError, allowed, command_line, read_by
from torchedu.permissions import Permissions, allowing
from torchedu.stages import stage
from torchedu.threads import OPTION, choose, taken

COMMANDS = {
    "fit": "train a model, then score it on students it has not seen and write the report",
    "launch": "train on a cluster: torchrun, SLURM, Kubernetes, Ray, a cloud; goes on after a stop",
    "tune": "search a recipe's options for accuracy, fairness and cost, in one process or many",
    "validate": "score a trained model on the validation part",
    "test": "score a trained model on the test part, beside the baselines, and write the report",
    "predict": "write what a network says: chances and mastery, courses, grades, tags, texts",
    "explain": "a tutoring session in the terminal with a trained language model",
    "serve": "answer over HTTP what each student masters, risks and needs next, event by event",
    "versions": "see what a service answers by; swap, shadow, compare, promote and drop versions",
    "keys": "make, list and revoke keys of a service",
    "service": "what a service said, made again, and did; a student exported or forgotten",
    "compare": "set runs side by side on the answers that all were scored on",
    "bench": "train many networks on data sets under equal conditions, and compare them",
    "data": "check, import and describe data, write an example, simulate a class, forget a student",
    "report": "write the report of a run again",
    "runs": "list runs with their networks, data, scores and states",
    "inspect": "say what a checkpoint, run or export is and needs; nothing of it is built",
    "share": "pack a run for others, without students' names, marks and this machine's paths",
    "export": "write a trained network for other programs, checked equal to its checkpoint",
    "completion": "what bash, zsh or fish runs to complete torchedu's words",
}
"""Commands and what each does; the module ``torchedu.cli.<command>`` has ``main(arguments)``."""

PERMISSIONS = {
    "--trust MODULE": "let files name classes of this module, whose code then runs",
    "--allow_download": "fetch models of the Hugging Face hub that are not on this machine",
    "--sealed_only": "refuse checkpoints that torchedu did not seal",
    "--plain_csv": "write CSV without an apostrophe before what a spreadsheet would compute",
}
"""What every command takes, from its words alone and never from a file."""

COMPUTES = {
    **dict.fromkeys(("fit", "tune", "bench", "validate", "test", "predict", "explain"), None),
    "export": None,
    "serve": 1,  # forks want one thread, and a request is too small for two
}
"""Commands that compute, and in how many threads, where that does not depend on free cores."""
STARTS = {"launch"}
"""Commands whose own words end in those of a training, which may have a number of threads."""
THREADS = {"--threads N": "how many threads a command computes with; as many as cores are free"}

LEFT = 128 + 13
"""Exit code of a command whose output nobody reads any more: a shell's for SIGPIPE."""
THEIRS = {"train": "fit", "eval": "test", "evaluate": "test", "infer": "predict", "chat": "explain"}
"""What other programs call these commands."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0, or 2 where the user can put something right.

    Args:
        arguments: The words after ``torchedu``; those of the process where it is None.

    Returns:
        The exit code.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    # Closed streams (`>&-`) take what is said and lose it.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115, PTH123
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115, PTH123
    try:
        code = _main(words)
        sys.stdout.flush()  # here, where it can still be told that nobody reads
    except BrokenPipeError:  # the reader of our output has left, as `| head` does
        with suppress(OSError, ValueError):  # what is still to be written goes nowhere
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return LEFT
    return code


def _main(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help") or words == ["help"]:
        print(_help())
        return 0
    if words[0] == "--version":
        print(f"torchedu {__version__}")
        return 0
    if words[0] == "help":
        words = [words[1], "--help", *words[2:]]
    with read_by(command_line):
        try:
            _check_text(words)
            words, permitted = _permissions(words)
            asked, words = taken(words)
        except ConfigError as error:
            print(error, file=sys.stderr)
            return 2
        if not words:
            print(_help())
            return 0
        if not permitted.allow_download:
            # For what of other libraries asks the hub by itself; ours asks `permissions`.
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
        with allowing(**permitted._asdict()):
            return _run(asked, *words)


def _check_text(words: Sequence[str]) -> None:
    """Refuse words that are no text: names are kept in files of UTF-8.

    Raises:
        ConfigError: A word holds bytes that are none, as names of old disks do.
    """
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise ConfigError(
                f"the word {word!r} holds bytes that are no UTF-8.",
                "Rename the file or folder (convmv does many), or write the word anew.",
            ) from None


def _permissions(words: Sequence[str]) -> tuple[list[str], Permissions]:
    """Return the words without what they permit, and that.

    Raises:
        ConfigError: No module is named where one has to be.
    """
    rest, trust, given = [], set(), set()
    waiting = iter(words)
    for word in waiting:
        option, equals, value = word.partition("=")
        if option == "--trust":
            names = [name.strip() for name in (value if equals else next(waiting, "")).split(",")]
            if not all(part.isidentifier() for name in names for part in name.split(".")):
                raise ConfigError(
                    f"⟦trust⟧ is {', '.join(names)!r}.", "Name a module, such as my_package."
                )
            trust.update(names)
        elif word in PERMISSIONS:
            given.add(word.removeprefix("--"))
        else:
            rest.append(word)
    return rest, Permissions(frozenset(trust), **dict.fromkeys(given, True))


def _run(asked: int | None, command: str, *words: str) -> int:
    try:
        if command not in COMMANDS:
            known = THEIRS.get(command, command)
            every = allowed(known, COMMANDS, len(COMMANDS))
            raise ConfigError(f"torchedu has no command {command!r}.", every)
        if text := import_module("torchedu.cli.manual").manual(command, words):
            print(text)
            return 0
        first_words = import_module("torchedu.cli.first_words")
        first_words.check(command, words)
        if command in COMPUTES and not {"-h", "--help"}.intersection(words):
            # Before anything is imported that computes, and reads it once.
            notice = choose(asked, COMPUTES[command])
            if notice is not None:
                print(notice, file=sys.stderr, flush=True)
        if command in STARTS and asked is not None:
            words = (*words, f"{OPTION}={asked}")  # it is for what is started
        if command in first_words.CHECKED:
            stage(f"{command}: importing torch")
        import_module(f"torchedu.cli.{command}").main([*words])
    except TorcheduError as error:
        stage()
        print(error, file=sys.stderr)
        return error.code
    except BrokenPipeError:
        raise
    except (RuntimeError, MemoryError, OSError) as error:
        of_file = isinstance(error, OSError) and error.errno not in (errno.EMFILE, errno.ENFILE)
        advised = None if of_file else import_module("torchedu.callbacks").advice(error)
        if advised is not None:
            print(advised, file=sys.stderr)
            return advised.code
        if not isinstance(error, OSError):
            raise
        # No right to write, a full disk, a file gone while it was read.
        place = error.filename or "a file"
        refused = TorcheduError(
            f"{place} cannot be read or written ({error.strerror or error}).",
            "Check the path, your rights there and the space left.",
        )
        print(refused, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    return 0


def _help() -> str:
    commands, permissions = (
        [f"  {name:{max(map(len, table))}}  {purpose}" for name, purpose in table.items()]
        for table in (COMMANDS, PERMISSIONS | THREADS)
    )
    return "\n".join(
        [
            "torchedu: models of learners on PyTorch Lightning",
            "",
            "usage: torchedu COMMAND [OPTIONS]      torchedu COMMAND --help",
            "",
            *commands,
            "",
            "Options of every command:",
            *permissions,
            "",
            "Try it: torchedu fit   (a simulated class, trained and reported in about 2 minutes)",
        ]
    )

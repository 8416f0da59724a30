"""The folder of an export: written whole, and verified before anything of it is used."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from torchedu import __version__
from torchedu.bounded import parse_json
from torchedu.companions import Companions
from torchedu.domains import Domain
from torchedu.domains.building import check_build, class_by_path, class_path
from torchedu.errors import CheckpointError, ConfigError, TorcheduError
from torchedu.models.stored import read_config
from torchedu.permissions import allowing
from torchedu.strict import IMPORT_PATH, Unfit, check, json_value, record, table, text

FORMAT = 1
CONFIG, WEIGHTS, COMPANIONS = "config.json", "model.safetensors", "companions.json"
AGAIN = "Copy the folder again from where it came, or export its checkpoint again."
_CONFIG = record(
    {
        "domain": text(IMPORT_PATH, 500, "an import path"),
        "init_args": table(json_value),
        "torchedu": text(most=100),
    },
    ("domain", "init_args"),
    others=json_value,
)
_FILES = table(json_value, text(r"\w[\w.-]*", 200, "a file's name"))
OURS = "Give a folder that torchedu export wrote."


@contextmanager
def whole_folder(folder: str | Path) -> Iterator[Path]:
    """Give a folder to fill that becomes ``folder`` when all is written.

    Args:
        folder: Where it goes; nothing may stand there.

    Yields:
        A folder beside it; where the body raises, nothing is left of it.

    Raises:
        ConfigError: Something stands there, or it is an address.
    """
    if "://" in str(folder):
        raise ConfigError(
            f"{folder} is an address, and an export is written to a folder of this machine.",
            "Name a folder, and copy it to its place when it is written.",
        )
    folder = Path(folder)
    if folder.exists() or folder.is_symlink():
        raise ConfigError(
            f"{folder} exists, and an export replaces nothing.",
            "Name a folder that does not exist yet, or remove this one.",
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f".{folder.name[:60]}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)  # of a dead process of the same number
    part.mkdir()
    try:
        yield part
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def write_task(task: Domain, folder: Path) -> dict[str, Any]:
    """Write weights and what they belong to, and return what builds the task again.

    Args:
        task: The task, without its trainer's half.
        folder: Where the files go.
    """
    assert task.companions is not None
    write_tensors({_outside(name): x for name, x in task.state_dict().items()}, folder / WEIGHTS)
    task.companions.write(folder / COMPANIONS)
    return {"domain": class_path(type(task)), "init_args": task.arguments()}


def _outside(name: str) -> str:
    """Return what a tensor of a task is called in the file: one of the network as it calls it."""
    return name.removeprefix("net.") if name.startswith("net.") else f"task.{name}"


def write_tensors(tensors: dict[str, Tensor], file: Path) -> None:
    """Write tensors by name as safetensors."""
    # Each in memory of its own: one that a network has under two names is written twice. And not by
    # save_file, which keeps a file from everyone but its writer.
    own = {name: x.detach().clone().contiguous() for name, x in tensors.items()}
    file.write_bytes(save(own, metadata={"format": "pt"}))


def write_config(config: dict[str, Any], folder: Path) -> None:
    """Write the configuration, with the checksum of each file that stands beside it.

    Args:
        config: What to say of the network.
        folder: The folder.
    """
    files = {
        file.name: {"bytes": file.stat().st_size, "sha256": _sha256(file)}
        for file in sorted(folder.iterdir())
    }
    write_json(
        folder / CONFIG, {"format": FORMAT, "torchedu": __version__, **config, "files": files}
    )


def write_json(file: Path, content: Any) -> None:
    """Write a file of JSON as people read it."""
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")


def open_export(folder: str | Path, trust: str | Iterable[str] = ()) -> Domain:
    """Open an exported task after verifying its files; nothing in them is executed.

    Args:
        folder: The folder that ``torchedu export`` wrote.
        trust: Modules of one's own whose classes it may name; see ``torchedu.allowing``.

    Returns:
        The task without its trainer's half, with its network (``net``), its weights and what they
        belong to (``companions``), on the CPU, in evaluation mode.

    Raises:
        CheckpointError: A file is missing, damaged, or does not fit the others.
    """
    folder = Path(folder)
    config = export_config(folder)
    companions = Companions.read(folder / COMPANIONS)
    path, arguments = config["domain"], config["init_args"]
    try:
        with allowing(trust=trust):
            kind = class_by_path(path, Domain, "task")  # type: ignore[type-abstract]
            weights = load_file(folder / WEIGHTS)
            check_build(kind, arguments, weights)
            task = kind(**arguments).eval()
            task.take(companions)
    except TorcheduError as error:  # no such class, or an argument that its network refuses
        raise _unusable(folder, error.problem.rstrip("."), error.remedy) from None
    except SafetensorError as error:
        raise _unusable(folder, f"its {WEIGHTS} cannot be read ({error})", AGAIN) from None
    except Exception as error:  # noqa: BLE001  # a network of one's own can fail in every way
        raise _unusable(
            folder,
            f"{path} cannot be built from it ({type(error).__name__}: {error})",
            "Install the version of its package that the network was trained with.",
        ) from None
    for size, named in task.sizes_of(companions.vocabulary).items():
        if arguments[size] != named:
            raise _unusable(
                folder,
                f"its network has {size} {arguments[size]}, its names make {named} (ids of "
                "padding and unknown names included)",
                AGAIN,
            )
    own = {_outside(name): name for name in task.state_dict()}
    weights = task.net.renamed(weights)
    _check_weights(folder, {_outside(n): x for n, x in task.state_dict().items()}, weights)
    task.load_state_dict({own[name]: x for name, x in weights.items()})
    return task


def open_companions(folder: str | Path) -> Companions:
    """Return what an exported network's weights belong to, after verifying its files.

    Args:
        folder: The folder that ``torchedu export`` wrote.

    Returns:
        The names of its ids, the skills of items, and what else there is.

    Raises:
        CheckpointError: A file is missing or damaged.
    """
    folder = Path(folder)
    _verified(folder)
    return Companions.read(folder / COMPANIONS)


def is_export(folder: Path) -> bool:
    """Say whether a folder is one that ``torchedu export`` wrote a task into."""
    return (folder / CONFIG).is_file() and (folder / WEIGHTS).is_file()


def language_family(folder: Path) -> str | None:
    """Return the family of the language model that a folder holds; None where it holds a task.

    Raises:
        ConfigError: Its configuration is none.
    """
    config = read_config(str(folder))
    return None if "format" in config else str(config.get("model_type"))


def export_config(folder: Path) -> dict[str, Any]:
    """Return what an export says of itself, once its files are known to be those it was written of.

    Raises:
        CheckpointError: They are not, or it does not describe a task.
    """
    config = _verified(folder)
    try:
        check(config, _CONFIG)
    except Unfit as error:
        raise _unusable(
            folder, f"its {CONFIG} does not describe a task: its {error}", OURS
        ) from None
    return config


def _verified(folder: Path) -> dict[str, Any]:
    """Return the configuration, where every file is what it says."""
    if not (folder / CONFIG).is_file():
        why = f"it holds no {CONFIG}" if folder.exists() else "it does not exist"
        raise _unusable(folder, why, OURS)
    config = _json(folder / CONFIG)
    known = config.get("format") if isinstance(config, dict) else None
    files = config.get("files") if isinstance(config, dict) else None
    if not isinstance(known, int) or not isinstance(files, dict):
        raise _unusable(folder, f"its {CONFIG} is not one of torchedu export", OURS)
    try:
        check(files, _FILES)
    except Unfit as error:
        raise _unusable(folder, f"its {CONFIG} lists what is no file: its {error}", OURS) from None
    if known != FORMAT:
        raise _unusable(
            folder,
            f"it is of form {known}, and torchedu {__version__} knows form {FORMAT}",
            "Open it with the torchedu that wrote it, or a newer one.",
        )
    for name in sorted({WEIGHTS, COMPANIONS, *files}):
        digest = files[name].get("sha256") if isinstance(files.get(name), dict) else None
        if not (folder / name).is_file():
            raise _unusable(folder, f"{name!r} is not in it", AGAIN)
        if _sha256(folder / name) != digest:
            raise _unusable(folder, f"{name} is not what was written (SHA-256 differs)", AGAIN)
    return config


def _check_weights(folder: Path, wanted: dict[str, Tensor], given: dict[str, Tensor]) -> None:
    for name in sorted({*wanted, *given}):
        own, other = (
            f"{str(x[name].dtype)[6:]} {tuple(x[name].shape)}" if name in x else "nothing"
            for x in (wanted, given)
        )
        if own != other:
            raise _unusable(
                folder, f"its weights {name} are {other}, and its network takes {own}", AGAIN
            )


def _json(file: Path) -> Any:
    try:
        return parse_json(file.read_text("utf-8"))
    except ValueError as error:
        raise _unusable(file.parent, f"its {file.name} is no JSON ({error})", AGAIN) from None


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _unusable(folder: Path, cause: str, remedy: str) -> CheckpointError:
    return CheckpointError(f"{folder} cannot be used: {cause}.", remedy)

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
from torchedu.domains.building import check_build, class_by_path
from torchedu.errors import CheckpointError, ConfigError, TorcheduError
from torchedu.models import KTModel
from torchedu.permissions import allowing
from torchedu.schema import ITEM, SKILL
from torchedu.strict import IMPORT_PATH, Unfit, check, json_value, record, table, text, whole

FORMAT = 1
CONFIG, WEIGHTS, NAMES = "config.json", "model.safetensors", "companions.json"
AGAIN = "Copy the folder again from where it came, or export its checkpoint again."
_CONFIG = record(
    {
        "network": record(
            {
                "class_path": text(IMPORT_PATH, 500, "an import path"),
                "num_items": whole(2, 1 << 31),
                "num_skills": whole(2, 1 << 31),
                "init_args": table(json_value),
            },
            ("class_path", "num_items", "num_skills", "init_args"),
        ),
        "torchedu": text(most=100),
    },
    ("network",),
    others=json_value,
)
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


def write_network(net: KTModel, companions: Companions, folder: Path) -> None:
    """Write weights and what they belong to.

    Args:
        net: The network.
        companions: What its weights belong to.
        folder: Where the files go.
    """
    write_tensors(net.state_dict(), folder / WEIGHTS)
    companions.write(folder / NAMES)


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


def open_export(folder: str | Path, trust: str | Iterable[str] = ()) -> KTModel:
    """Open an exported network after verifying its files; nothing in them is executed.

    Args:
        folder: The folder that ``torchedu export`` wrote.
        trust: Modules of one's own whose classes it may name; see ``torchedu.allowing``.

    Returns:
        The network with its weights, on the CPU, in evaluation mode.

    Raises:
        CheckpointError: A file is missing, damaged, or does not fit the others.
    """
    folder = Path(folder)
    config = export_config(folder)
    vocabulary = open_companions(folder).vocabulary
    about = config["network"]
    sizes = about["num_items"], about["num_skills"]
    path, arguments = about["class_path"], about["init_args"]
    named = len(vocabulary[ITEM]), len(vocabulary[SKILL])
    if sizes != named:
        raise _unusable(
            folder,
            f"its network has {sizes[0]} items and {sizes[1]} skills, its vocabulary {named[0]} "
            f"and {named[1]} (ids of padding and unknown names included)",
            AGAIN,
        )
    try:
        with allowing(trust=trust):
            kind = class_by_path(path, KTModel, "network")  # type: ignore[type-abstract]
            weights = load_file(folder / WEIGHTS)
            given = dict(zip(kind.sizes, sizes, strict=True)) | arguments
            check_build(kind, given, weights)
            net = kind(**given).eval()
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
    _check_weights(folder, net.state_dict(), weights)
    net.load_state_dict(weights)
    return net


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
    return Companions.read(folder / NAMES)


def is_export(folder: Path) -> bool:
    """Say whether a folder is one that ``torchedu export`` wrote a network into."""
    return (folder / CONFIG).is_file() and (folder / WEIGHTS).is_file()


def export_config(folder: Path) -> dict[str, Any]:
    """Return what an export says of itself, once its files are known to be those it was written of.

    Raises:
        CheckpointError: They are not, or it does not describe a network.
    """
    config = _verified(folder)
    try:
        check(config, _CONFIG)
    except Unfit as error:
        raise _unusable(
            folder, f"its {CONFIG} does not describe a network: its {error}", OURS
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
    if known != FORMAT:
        raise _unusable(
            folder,
            f"it is of form {known}, and torchedu {__version__} knows form {FORMAT}",
            "Open it with the torchedu that wrote it, or a newer one.",
        )
    for name in sorted({WEIGHTS, NAMES, *files}):
        digest = files[name].get("sha256") if isinstance(files.get(name), dict) else None
        if Path(name).name != name or not (folder / name).is_file():
            raise _unusable(folder, f"{name!r} is not in it", AGAIN)
        if _sha256(folder / name) != digest:
            raise _unusable(folder, f"{name} is not what was written (SHA-256 differs)", AGAIN)
    return config


def _check_weights(folder: Path, wanted: dict[str, Tensor], found: dict[str, Tensor]) -> None:
    for name in sorted({*wanted, *found}):
        own, other = (
            f"{str(x[name].dtype)[6:]} {tuple(x[name].shape)}" if name in x else "nothing"
            for x in (wanted, found)
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

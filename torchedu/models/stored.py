"""A trained model's files: where they are, its configuration, and its weights one by one."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from torchedu.bounded import parse_json
from torchedu.errors import ConfigError, MissingExtraError

CONFIG = "config.json"
INDEX, WEIGHTS = "model.safetensors.index.json", "model.safetensors"


def model_files(source: str, files: Sequence[str]) -> Path:
    """Return the folder of a model's files, fetched from the hub where the name is no folder.

    Args:
        source: A folder, or a name on the Hugging Face hub.
        files: Those to fetch, by name or pattern; one that the model lacks is not in the folder.

    Returns:
        The folder.

    Raises:
        ConfigError: There is no such model, or it cannot be fetched.
        MissingExtraError: huggingface_hub is not installed.
    """
    if Path(source).is_dir():
        return Path(source)
    try:
        from huggingface_hub import snapshot_download

        return Path(snapshot_download(source, allow_patterns=list(files)))
    except ImportError:
        raise MissingExtraError("A model of the hub", "transformers", "language") from None
    except Exception as error:  # noqa: BLE001  # no network, no such name, no right to it
        raise ConfigError(
            f"{source!r} is no folder, and the hub does not give it ({type(error).__name__}).",
            "Check the name and the network, or give a folder with its files.",
        ) from None


def read_config(source: str) -> dict[str, Any]:
    """Return the configuration of a trained model.

    Args:
        source: Its folder or its name on the Hugging Face hub.

    Raises:
        ConfigError: There is none.
    """
    file = model_files(source, [CONFIG]) / CONFIG
    if not file.is_file():
        raise ConfigError(
            f"{source} holds no {CONFIG}.", "Give the folder or hub name of a language model."
        )
    try:
        found = parse_json(file.read_text("utf-8"))
    except ValueError as error:
        raise ConfigError(f"{file} is no JSON ({error}).", "Download it again.") from None
    return dict(found)


def stored_weights(source: str, only: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield the weights of a trained model one by one, by name; nothing in its files is executed.

    Args:
        source: Its folder or its name on the Hugging Face hub.
        only: Those alone whose names hold this.

    Raises:
        ConfigError: It has no safetensors, or one cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    index = model_files(source, [INDEX]) / INDEX
    names = [WEIGHTS]
    if index.is_file():
        names = sorted(set(parse_json(index.read_text("utf-8"))["weight_map"].values()))
    folder = model_files(source, names)
    for name in names:
        file = folder / name
        if not file.is_file():
            raise ConfigError(
                f"{source} holds no {name}.",
                "Weights are read from safetensors, which execute nothing: give such a model"
                + ("." if Path(source).is_dir() else ", or fetch its files while on the net."),
            )
        try:
            with safe_open(str(file), framework="pt") as opened:
                for key in sorted(opened.keys()):
                    if only in key:
                        yield key, opened.get_tensor(key)
        except SafetensorError as error:
            raise ConfigError(f"{file} cannot be read ({error}).", "Download it again.") from None

"""A trained model's files: its configuration, and its weights one by one."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from torchedu.errors import ConfigError

INDEX, WEIGHTS = "model.safetensors.index.json", "model.safetensors"


def read_config(source: str) -> dict[str, Any]:
    """Return the configuration of a trained model.

    Args:
        source: Its folder or its name on the Hugging Face hub.

    Raises:
        ConfigError: There is none.
    """
    file = _file(source, "config.json")
    if file is None:
        raise ConfigError(
            f"{source} holds no config.json.", "Give the folder or hub name of a language model."
        )
    try:
        found = json.loads(file.read_text("utf-8"))
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

    index = _file(source, INDEX)
    names = [WEIGHTS]
    if index is not None:
        names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
    for name in names:
        file = _file(source, name)
        if file is None:
            raise ConfigError(
                f"{source} holds no {name}.",
                "Weights are read from safetensors, which execute nothing: give such a model.",
            )
        try:
            with safe_open(str(file), framework="pt") as opened:
                for key in sorted(opened.keys()):
                    if only in key:
                        yield key, opened.get_tensor(key)
        except SafetensorError as error:
            raise ConfigError(f"{file} cannot be read ({error}).", "Download it again.") from None


def _file(source: str, name: str) -> Path | None:
    """Return a file of a model; None where it has no such."""
    if Path(source).is_dir():
        file = Path(source) / name
        return file if file.is_file() else None
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(source, name))
    except LocalEntryNotFoundError as error:
        cause: Exception = error
    except EntryNotFoundError:
        return None
    except Exception as error:  # noqa: BLE001  # no network, no such name, no right to it
        cause = error
    raise ConfigError(
        f"{source!r} is no folder, and the hub does not give it ({type(cause).__name__}).",
        "Give a folder with its files, or its name as https://huggingface.co has it.",
    ) from None

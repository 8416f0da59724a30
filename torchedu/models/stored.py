"""A trained model's files: where they are, its configuration, and its weights one by one."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from torchedu.bounded import parse_json
from torchedu.errors import ConfigError, MissingExtraError
from torchedu.permissions import held
from torchedu.strict import (
    Look,
    Unfit,
    check,
    either,
    exactly,
    flag,
    json_value,
    listed,
    nothing,
    number,
    plain,
    record,
    table,
    text,
    whole,
)

CONFIG = "config.json"
HUB = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
"""Names on the hub; a folder's is written so that it is none, see ``source_name``."""
DROPPED = (
    "auto_map", "attn_implementation", "trust_remote_code", "dtype", "torch_dtype",
    "transformers_version", "quantization_config", "custom_pipelines",
)  # fmt: skip
"""Keys of a model's configuration that say where code is, or how a file of weights was kept."""
SHARD = r"\w[\w.-]*\.safetensors"
"""The name of a file of weights: never a path."""
MOST_BLOCKS, LARGEST_SIZE = 1024, 1 << 31
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
    if not HUB.fullmatch(source):
        raise ConfigError(
            f"{source!r} is no folder, and no name of a model on the hub.",
            "Give a folder with the model's files, or a name such as OWNER/MODEL.",
        )
    try:
        from huggingface_hub import snapshot_download

        download = held().allow_download
        return Path(
            snapshot_download(source, allow_patterns=list(files), local_files_only=not download)
        )
    except ImportError:
        raise MissingExtraError("A model of the hub", "transformers", "language") from None
    except Exception as error:  # noqa: BLE001  # no network, no such name, no right to it
        if not download:
            raise ConfigError(
                f"{source!r} is no folder, and no model of the hub that is on this machine.",
                "Let it be fetched: ⟦allow_download⟧; or give a folder with its files.",
            ) from None
        raise ConfigError(
            f"{source!r} is no folder, and the hub does not give it ({type(error).__name__}).",
            "Check the name and the network, or give a folder with its files.",
        ) from None


def family_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model's configuration without what names code, other files or how it was saved.

    Args:
        config: What its ``config.json`` holds, from wherever.

    Raises:
        ConfigError: It is no plain JSON, or a size in it is none.
    """
    try:
        check(config, _config)
    except Unfit as error:
        raise ConfigError(
            f"the configuration of a model is none: its {error}.",
            "Give what the config.json of such a model holds.",
        ) from None
    return {
        name: family_config(value) if isinstance(value, Mapping) and value else value
        for name, value in config.items()
        if not (name.startswith("_") or name in DROPPED or "backbone" in name)
    }


_index = record(
    {"weight_map": table(text(SHARD, 200, "a file's name"))}, ("weight_map",), json_value
)


_SIZE = re.compile(r"^(n|num)_|(^|_)(size|layers|blocks|heads|positions?|embeddings|dim|depth)$")
"""What sizes are called in a model's configuration, and a few switches."""
_size = either(nothing, flag, listed(whole(-1), most=1000), whole(-1))
_SHARE = re.compile(r"drop(out)?(_|$)|pdrop|_prob$")
"""What shares are called of what is left out in training, and a few switches."""
_share = either(nothing, flag, listed(number(0, 1), most=1000), number(0, 1))


def _config(value: Any, look: Look) -> None:
    json_value(value, look)
    if not isinstance(value, dict):
        raise Unfit("no mapping")
    for name, setting in value.items():
        forms = [form for names, form in ((_SIZE, _size), (_SHARE, _share)) if names.search(name)]
        for form in forms:
            try:
                form(setting, look)
            except Unfit as error:
                raise error.inside(name) from None
        blocks = re.search("layers|blocks|experts|depth", str(name))
        if type(setting) is int and not -LARGEST_SIZE <= setting <= (
            MOST_BLOCKS if blocks else LARGEST_SIZE
        ):
            raise Unfit(f"{setting:,}, which no model has", name)


_plain = plain(either(flag, nothing, whole(0, 10**40), number(), text(most=1 << 20)))
_side = either(nothing, exactly("left", "right"))
_token = either(nothing, text(most=1000), table(_plain))
_tokenizer = record(
    {
        # A tokenizer without a longest text says 10^30.
        "model_max_length": either(nothing, whole(0, 10**40), number(0)),
        **dict.fromkeys(("padding_side", "truncation_side"), _side),
        **{f"{name}_token": _token for name in ("bos", "eos", "unk", "sep", "pad", "cls", "mask")},
        "model_input_names": listed(text(most=1000)),
    },
    others=_plain,
)
NAMING = ("auto_map", "name_or_path", "_file", "tokenizer_object")
"""What keys of a tokenizer's configuration hold that name code or other files."""


def tokenizer_config(content: str) -> dict[str, Any]:
    """Return a tokenizer's configuration without what names code or other files.

    Args:
        content: The text of its ``tokenizer_config.json``, from wherever.

    Raises:
        ValueError: It is none.
    """
    config = parse_json(content)
    check(config, _tokenizer)
    return {key: setting for key, setting in config.items() if not any(n in key for n in NAMING)}


def source_name(source: str) -> str:
    """Return how a checkpoint names a model: a folder's name is never one of the hub's."""
    return f"./{source}" if HUB.fullmatch(source) and Path(source).is_dir() else source


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
        config = parse_json(file.read_text("utf-8"))
        if not isinstance(config, dict):
            raise ValueError("no mapping")
    except ValueError as error:
        raise ConfigError(f"{file} is no JSON ({error}).", "Download it again.") from None
    return config


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
        try:
            named = parse_json(index.read_text("utf-8"))
            check(named, _index)
        except ValueError as error:  # no JSON, or of another form
            raise ConfigError(
                f"{index} is no list of a model's weights: {error}.", "Download it again."
            ) from None
        names = sorted(set(named["weight_map"].values()))
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

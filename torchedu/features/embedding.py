"""Texts as vectors of a frozen encoder, made once and kept beside the checksums of what made them.

Layout of a folder::

    <what made them>/       checksum of weights, tokenizer, pooling, window and precision
      about.json            the same in words, for people
      <texts>.keys          checksums of texts, in order
      <texts>.vectors       a vector a text
      <texts>.done          a byte a text: 1 once its vector is on the disk

What was killed goes on where it was; texts that are new get files of their own. Several ranks may
write to one folder at once, each its share.
"""

import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import distributed

from torchedu.datasets.order import token_batches
from torchedu.errors import ConfigError
from torchedu.features.tokens import Tokens, text_keys, tokenize
from torchedu.files import alone, below, take_space, write_whole
from torchedu.models.text_encoder import (
    Pooling,
    TextEncoder,
    encoder_config,
    encoder_sizes,
    model_folder,
)

Precision = Literal["32", "bf16"]
TYPES = {"32": torch.float32, "bf16": torch.bfloat16}
_KEYS = "*.keys"
_KEPT = {"32": "<f4", "bf16": "<f2"}
BATCH_TOKENS = 4096
"""Tokens that go through the encoder at once, padding included."""
CHUNK_TOKENS = 1 << 16
"""Tokens after which what is done is on the disk."""
PATIENCE = 0.2
"""Seconds between two looks at what the other ranks have done."""


class Embeddings:
    """Vectors of texts, memory-mapped.

    Args:
        parts: Tables of vectors; shape (rows, dim) each.
        part: The table of each text; shape (texts,).
        row: Its row there; shape (texts,).
    """

    def __init__(
        self, parts: Sequence[NDArray[Any]], part: NDArray[np.int64], row: NDArray[np.int64]
    ) -> None:
        self._parts, self._part, self._row = list(parts), part, row

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self._row)

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return int(self._parts[0].shape[1])

    @property
    def digest(self) -> str:
        """What tells them from any others: a hash in 64 digits."""
        digest = hashlib.sha256()
        for begin in range(0, len(self), 4096):
            digest.update(self[slice(begin, begin + 4096)].tobytes())
        return digest.hexdigest()

    def __getitem__(self, texts: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        """Return the vectors of some texts, float32; shape (texts, dim)."""
        part, row = self._part[texts], self._row[texts]
        vectors = np.empty((len(row), self.dim), np.float32)
        for number in np.unique(part).tolist():
            mine = part == number
            vectors[mine] = self._parts[number][row[mine]]
        return vectors


def embed(
    texts: Sequence[str],
    encoder: str,
    folder: str | Path,
    *,
    pooling: Pooling = "mean",
    layers: Sequence[int] = (-1,),
    window: int = 256,
    precision: Precision = "32",
    device: str | torch.device | None = None,
) -> Embeddings:
    """Return a vector for each text, from a frozen encoder or from an earlier call's folder.

    A text is embedded once, however often and in however many calls it stands. A text of several
    windows gets the mean of theirs, weighed by their tokens. Where a process group is there, each
    rank embeds a share and all return together.

    Args:
        texts: The texts.
        encoder: A folder with a model of Hugging Face, or a name on the hub.
        folder: Where vectors are kept; made where it is missing.
        pooling: How the vectors of a window's tokens become one: ``mean``, ``cls`` or ``last``.
        layers: Whose outputs are pooled, one after the other; -1 is the last.
        window: Most tokens that the encoder sees at once.
        precision: ``32``, or ``bf16`` for weights and vectors of half the size.
        device: Where the encoder runs; a GPU where there is one.

    Returns:
        The vectors, in the order of the texts.

    Raises:
        ConfigError: There is no such model, or a value is not known.
    """
    if precision not in TYPES:
        raise ConfigError(f"precision is {precision!r}.", "Allowed: 32, bf16.")
    about = _made_by(encoder, pooling, layers, window, precision)
    home = Path(folder) / _key(about)
    dim = _dim(encoder, layers)
    keys = text_keys(texts)
    unique, first = np.unique(keys, return_index=True)
    known = [part for part in _parts(home, dim, precision) if part.done.all()]
    old = np.concatenate([np.empty(0, "S32"), *(part.keys for part in known)])
    missing = first[~np.isin(unique, old)]
    if len(missing):
        below(Path(folder), home)
        write_whole(home / "about.json", about.encode())
        part = _open(home, unique[~np.isin(unique, old)], dim, precision)
        tokens = tokenize([texts[i] for i in missing.tolist()], encoder, home, window=window)
        where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        make = partial(TextEncoder.pretrained, encoder, pooling, layers, TYPES[precision])
        _fill(part, tokens, make, where)
        known.append(part)
    return _found(keys, known)


class Embedder:
    """A frozen encoder at hand, for texts as they come; nothing is kept.

    Vectors are those of ``embed``, up to the last bits: texts are read in other companies.

    Args:
        encoder: A folder with a model of Hugging Face, or a name on the hub.
        pooling: As ``embed`` has it.
        layers: The same.
        window: The same.
        precision: The same.

    Raises:
        ConfigError: There is no such model, or a value is not known.
    """

    def __init__(
        self,
        encoder: str,
        pooling: Pooling = "mean",
        layers: Sequence[int] = (-1,),
        window: int = 256,
        precision: Precision = "32",
    ) -> None:
        self.key = vectors_key(encoder, pooling, layers, window, precision)
        self._encoder, self._window = encoder, window
        self._network = TextEncoder.pretrained(encoder, pooling, layers, TYPES[precision])
        self._kept = np.dtype(_KEPT[precision])

    def __call__(self, texts: Sequence[str]) -> Embeddings:
        """Return a vector for each text."""
        tokens = tokenize(texts, self._encoder, None, window=self._window)
        rows = np.arange(len(texts))
        made = _vectors(self._network, tokens, rows, torch.device("cpu"))
        vectors = _as_kept(made, self._kept)
        return Embeddings([vectors], np.zeros_like(rows), rows)


def vectors_key(
    encoder: str, pooling: Pooling, layers: Sequence[int], window: int, precision: Precision
) -> str:
    """Return the checksum of all that decides a text's vector, as 16 hexadecimal digits."""
    return _key(_made_by(encoder, pooling, layers, window, precision))


def _key(about: str) -> str:
    return hashlib.sha256(about.encode()).hexdigest()[:16]


def _made_by(
    encoder: str, pooling: Pooling, layers: Sequence[int], window: int, precision: Precision
) -> str:
    words = {
        "model": checksum(encoder), "pooling": pooling, "layers": list(layers), "window": window,
        "precision": precision,
    }  # fmt: skip
    return json.dumps(words, sort_keys=True)


class _Part(NamedTuple):
    """Vectors of some texts; ``keys`` are in order."""

    keys: NDArray[np.bytes_]
    vectors: NDArray[Any]
    done: NDArray[np.uint8]


def _parts(home: Path, dim: int, precision: Precision) -> list[_Part]:
    """Return the vectors that are there; files of other sizes or another order are none."""
    parts = [
        _mapped(file, np.dtype((_KEPT[precision], (dim,)))) for file in sorted(home.glob(_KEYS))
    ]
    return [part for part in parts if part is not None]


def _mapped(file: Path, row: np.dtype[Any], mode: Literal["r", "r+"] = "r") -> _Part | None:
    """Map the files of some texts; None where they are no vectors, each a row of this type."""
    vectors, done = file.with_suffix(".vectors"), file.with_suffix(".done")
    size = file.stat().st_size // 32
    sizes = {file: 32 * size, vectors: size * row.itemsize, done: size}
    if not size or not all(each.is_file() and each.stat().st_size == sizes[each] for each in sizes):
        return None
    keys = np.frombuffer(file.read_bytes(), "S32")
    if not (keys[:-1] < keys[1:]).all():
        return None
    return _Part(
        keys,
        np.memmap(vectors, row.base, mode, shape=(size, *row.shape)),
        np.memmap(done, np.uint8, mode, shape=(size,)),
    )


def _open(home: Path, keys: NDArray[np.bytes_], dim: int, precision: Precision) -> _Part:
    """Open the files of some texts, or make them; another rank may do the same at this moment."""
    file, row = home / _part_name(keys), np.dtype((_KEPT[precision], (dim,)))
    sizes = {
        file.with_suffix(".vectors"): len(keys) * row.itemsize,
        file.with_suffix(".done"): len(keys),
    }
    with alone(home):
        for each in sizes:
            if each.is_symlink():
                raise ConfigError(f"{each} is a link, and vectors go into files.", "Remove it.")
        if not all(each.is_file() and each.stat().st_size == size for each, size in sizes.items()):
            for each in sizes:  # what one says to be done, the other may not hold
                each.unlink(missing_ok=True)
        for each, size in sizes.items():
            with each.open("ab") as stream:
                take_space(stream, size)
        write_whole(file, keys.tobytes())
    part = _mapped(file, row, "r+")
    assert part is not None, "its files have their sizes now"
    return part


def _fill(
    part: _Part, tokens: Tokens, make: Callable[[], TextEncoder], device: torch.device
) -> None:
    """Embed this rank's share of what is left, then wait for the others."""
    rank, ranks = 0, 1
    if distributed.is_available() and distributed.is_initialized():
        rank, ranks = distributed.get_rank(), distributed.get_world_size()
    # By all texts, done or not: every rank then divides them alike, whenever it comes here.
    chunks = token_batches(tokens.length, CHUNK_TOKENS)[rank::ranks]
    chunks = [left for chunk in chunks if len(left := chunk[part.done[chunk] == 0])]
    network = make().to(device)
    with _bar(rank) as bar:
        task = bar.add_task(
            "embedding", total=sum(int(tokens.length[chunk].sum()) for chunk in chunks)
        )
        for mine in chunks:
            made = _vectors(network, tokens, mine, device)
            part.vectors[mine] = _as_kept(made, part.vectors.dtype)
            part.vectors.flush()  # type: ignore[attr-defined]  # before it is said to be done
            part.done[mine] = 1
            part.done.flush()  # type: ignore[attr-defined]
            bar.advance(task, float(tokens.length[mine].sum()))
    while not part.done.all():
        time.sleep(PATIENCE)


@torch.inference_mode()
def _vectors(
    network: TextEncoder, tokens: Tokens, texts: NDArray[np.int64], device: torch.device
) -> NDArray[np.float32]:
    """Return the vectors of some texts; shape (texts, dim)."""
    windows, place = tokens.windows(texts)
    length = tokens.offsets[windows + 1] - tokens.offsets[windows]
    total = torch.zeros(len(texts), network.dim, device=device)
    for batch in token_batches(length, BATCH_TOKENS):
        token_BL, seen_BL = (torch.from_numpy(table) for table in tokens.padded(windows[batch]))
        vector_BD = network(token_BL.to(device), seen_BL.to(device))
        share_B = torch.from_numpy(length[batch] / tokens.length[texts][place[batch]])
        vector_BD = vector_BD * share_B.to(vector_BD).unsqueeze(1)
        total.index_add_(0, torch.from_numpy(place[batch]).to(device), vector_BD)
    return np.asarray(total.cpu().numpy())


def _as_kept(vectors: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return vectors in the type that they are kept in.

    Raises:
        ConfigError: They are no numbers there.
    """
    with np.errstate(over="ignore"):
        kept = vectors.astype(dtype)
    if not np.isfinite(kept).all():
        raise ConfigError(
            "the model that reads texts makes vectors that are no numbers (⟦data.encoder⟧).",
            "Its weights are damaged, or with ⟦data.precision⟧ bf16 no float16 holds them: take "
            "another one, or 32.",
        )
    return kept


def leave_out(folder: Path, texts: Sequence[str]) -> list[Path]:
    """Remove the vectors of some texts, and what tokens there are, from a folder of features.

    The vectors of others stay as they are; tokens are made again where they are asked for.

    Args:
        folder: The folder.
        texts: The texts.

    Returns:
        What was removed or written again.
    """
    gone, done = text_keys(texts), []
    for store in sorted(folder.glob("**/tokens-*.store")):
        if not store.is_symlink():
            shutil.rmtree(store)
            done.append(store)
    for file in sorted(folder.glob(f"*/{_KEYS}")):
        if file.parent.is_symlink():
            continue  # another's
        sizes = [
            each.stat().st_size for each in (file, file.with_suffix(".vectors")) if each.is_file()
        ]
        width = sizes[-1] // max(1, sizes[0] // 32)
        part = _mapped(file, np.dtype((np.uint8, (width,))))
        stays = np.zeros(0, bool) if part is None else ~np.isin(part.keys, gone)
        if part is not None and stays.all():
            continue
        old = [file, file.with_suffix(".vectors"), file.with_suffix(".done")]
        if part is not None and stays.any():
            left = part.keys[stays]
            new = file.with_name(_part_name(left))
            write_whole(new.with_suffix(".vectors"), part.vectors[stays].tobytes())
            write_whole(new.with_suffix(".done"), part.done[stays].tobytes())
            write_whole(new, left.tobytes())  # by which the others are found
        for store in old:
            store.unlink(missing_ok=True)
        done.append(file)
    return done


def _part_name(keys: NDArray[np.bytes_]) -> str:
    return f"{hashlib.sha256(keys.tobytes()).hexdigest()[:16]}.keys"


def _found(keys: NDArray[np.bytes_], parts: Sequence[_Part]) -> Embeddings:
    """Return where each text's vector is."""
    part, row = np.full(len(keys), -1), np.zeros(len(keys), np.int64)
    for number, held in enumerate(parts):
        at = np.minimum(np.searchsorted(held.keys, keys), len(held.keys) - 1)
        mine = (part < 0) & (held.keys[at] == keys)
        part[mine], row[mine] = number, at[mine]
    return Embeddings([held.vectors for held in parts], part, row)


def _bar(rank: int) -> Progress:
    columns = (
        TextColumn("{task.description}"), BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} tokens"), TimeRemainingColumn(),
    )  # fmt: skip
    return Progress(*columns, transient=True, disable=rank > 0 or not sys.stderr.isatty())


def _dim(encoder: str, layers: Sequence[int]) -> int:
    return encoder_sizes(encoder_config(encoder))[1] * len(layers)


def checksum(encoder: str) -> str:
    """Return the checksum of a model's weights, configuration and tokenizer."""
    digest, folder = hashlib.sha256(), model_folder(encoder)
    for file in sorted(folder.iterdir()):
        if file.suffix in (".json", ".txt", ".model", ".safetensors"):
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()

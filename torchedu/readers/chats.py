"""From conversations as tokens to padded or packed batches, with vectorised numpy."""

from collections.abc import Sequence
from heapq import heapify, heapreplace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from torchedu.batch import TokenBatch
from torchedu.datasets.chats import ChatStore
from torchedu.datasets.order import Windows
from torchedu.datasets.store import Store
from torchedu.datasets.writer import StoreWriter
from torchedu.errors import DataError
from torchedu.files import alone
from torchedu.readers.chat_tokenizer import ChatTokenizer

BLOCK = 2000
"""Conversations that are tokenised together."""
Ids = NDArray[np.int64]


def token_store(chats: ChatStore, tokenizer: ChatTokenizer) -> Store:
    """Return conversations as tokens, from a store beside theirs that is made once.

    Args:
        chats: The conversations.
        tokenizer: What writes them as tokens.

    Returns:
        A store with the table ``texts``: ``token.id`` and ``token.scored`` (1 where learned).
    """
    source = {
        "tokenizer": tokenizer.checksum,
        "texts": {name: entry["sha256"] for name, entry in chats.manifest["files"].items()},
    }
    path = chats.path.with_name(f"{chats.path.stem}.tokens-{tokenizer.checksum[:10]}")
    with alone(path.parent):
        if not (path / "manifest.json").is_file() or Store(path).about != source:
            _write_tokens(path, chats, tokenizer, source)
    return Store(path)


def _write_tokens(
    path: Path, chats: ChatStore, tokenizer: ChatTokenizer, source: dict[str, Any]
) -> None:
    with StoreWriter(path) as writer:
        writer.about = source
        table = writer.table("texts", ragged={"token": {"id": "int32", "scored": "uint8"}})
        for begin in range(0, chats.num_chats, BLOCK):
            some = chats.chats(range(begin, min(begin + BLOCK, chats.num_chats)))
            encoded = list(tokenizer.encode(some))
            columns = {
                "id": np.concatenate([chat.id for chat in encoded]),
                "scored": np.concatenate([chat.scored for chat in encoded]),
            }
            table.append(len(encoded), {}, {"token": ([len(chat.id) for chat in encoded], columns)})


class TokenBatches:
    """Builds batches of texts.

    Args:
        store: What ``token_store`` returned.
        rows: The texts that batches are made of.
        most: Tokens of a text that are taken; what follows is cut off.
        packed: Whether several texts share a row of at most ``most`` tokens, none of which sees
            another; else each has its own, padded to the longest.

    Raises:
        DataError: A text has nothing to learn within ``most`` tokens.
    """

    def __init__(self, store: Store, rows: Ids, most: int, packed: bool = False) -> None:
        self.most = most
        self.packed = packed
        self._id = store.values("texts", "token.id")
        self._scored = store.values("texts", "token.scored")
        offsets = np.asarray(store.offsets("texts", "token"))
        self._begin = offsets[rows]
        length = np.minimum(offsets[rows + 1] - self._begin, most)
        self.cut = int((offsets[rows + 1] - self._begin > most).sum())
        place = np.append(0, np.cumsum(np.asarray(self._scored), dtype=np.int64))
        scored = place[self._begin + length] - place[self._begin]
        if len(rows) and not scored.all():
            row = int(rows[scored.argmin()])
            raise DataError(
                f"the prompt of conversation {row + 1} is longer than max_tokens, {most}.",
                "Raise data.max_tokens, as far as the model's context goes, or shorten the prompt.",
                file=store.path,
            )
        # The mean of a step is over what is scored: so many windows' last tokens stand for them.
        self.windows = Windows(rows, np.zeros_like(rows), length - scored, length)

    def tokens(self) -> tuple[Ids, NDArray[np.int32], NDArray[np.bool_]]:
        """Return all texts as plain arrays, for baselines.

        Returns:
            Where each begins, shape (texts + 1,); their tokens; and which of these are scored.
        """
        length = self.windows.stop
        offsets = np.append(0, np.cumsum(length))
        source = np.repeat(self._begin - offsets[:-1], length) + np.arange(offsets[-1])
        return offsets, self._id[source], self._scored[source].astype(bool)

    def __call__(self, index: Ids, scored: bool = True) -> TokenBatch:
        """Build one batch.

        Args:
            index: Which texts; shape (texts,).
            scored: Whether its tokens count; without, the batch only keeps a rank in step.

        Returns:
            The batch, on the CPU; B is the number of rows that the texts fill.
        """
        length, text = self.windows.stop[index], self.windows.student[index]
        row, start = pack(length, self.most) if self.packed else own_rows(len(index))
        width = min(rounded(int((start + length).max())), self.most)
        shape = int(row.max()) + 1, width
        place = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length)
        at = np.repeat(row * width + start, length) + place
        source = np.repeat(self._begin[index], length) + place
        token_BL, text_BL = np.zeros(shape, np.int64), np.full(shape, -1, np.int64)
        scored_BL = np.zeros(shape, bool)
        token_BL.flat[at] = self._id[source]
        text_BL.flat[at] = np.repeat(text, length)
        if scored:
            scored_BL.flat[at] = self._scored[source]
        place_BL = np.zeros((shape[0], width if self.packed else 0), np.int64)
        if self.packed:
            place_BL.flat[at] = place  # each padded slot is a text of its own, at place 0
        return TokenBatch(
            torch.from_numpy(token_BL),
            torch.from_numpy(scored_BL),
            torch.from_numpy(text_BL),
            torch.from_numpy(place_BL),
            torch.full((shape[0],), float(max(1, scored_BL.sum()))),
        )


def rounded(width: int) -> int:
    """Return the next of few widths, eight an octave, so that shapes come again.

    A processor keeps kernels and memory by shape, which ever new ones would fill; a GPU multiplies
    matrices of multiples of 8 fastest.
    """
    step = max(8, 1 << width.bit_length() >> 4)
    return -(-width // step) * step


def own_rows(texts: int) -> tuple[Ids, Ids]:
    """Return a row of its own for each text, from the row's begin."""
    return np.arange(texts), np.zeros(texts, np.int64)


def pack(length: Sequence[int] | Ids, most: int) -> tuple[Ids, Ids]:
    """Put texts into few rows, each into the emptiest of as few as may do.

    Graham's longest-processing-time rule, 1969, https://doi.org/10.1137/0117039: rows come out of
    like lengths, so that little is padded. More rows are taken until all fit.

    Args:
        length: Tokens of each text, none above ``most``.
        most: Tokens that a row holds.

    Returns:
        The row of each text, and where it begins there; shape (texts,) each.
    """
    length = np.asarray(length, np.int64)
    order = np.argsort(-length, kind="stable").tolist()
    rows = -(-int(length.sum()) // most)
    while True:
        row, start = np.zeros(len(length), np.int64), np.zeros(len(length), np.int64)
        filled = [(0, i) for i in range(rows)]
        heapify(filled)
        for i in order:
            tokens, place = filled[0]
            if tokens + length[i] > most:
                break
            row[i], start[i] = place, tokens
            heapreplace(filled, (tokens + int(length[i]), place))
        else:
            return row, start
        rows += 1

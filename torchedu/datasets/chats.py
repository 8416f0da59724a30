"""Conversations in a store: what was asked, what a student wrote, and what a tutor explained."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.memory import Memory
from torchedu.datasets.splits import PARTS, part_sizes
from torchedu.datasets.store import Store, kept
from torchedu.datasets.writer import StoreWriter, encode_texts
from torchedu.errors import DataError

ROLES = ("system", "user", "assistant")
ANSWERED_BY = "assistant"
"""The role whose words are learned."""
BLOCK = 10_000
"""Conversations that are in memory at once while a store is written."""


class Message(NamedTuple):
    """What one side says.

    Attributes:
        role: One of ``ROLES``.
        content: The text.
    """

    role: str
    content: str


class Chat(NamedTuple):
    """A conversation.

    Attributes:
        messages: In order; those of the assistant are what a model learns to say.
        problem: What it is about. Conversations about one problem go to one part.
        answer: The problem's final answer; empty where there is none.
        part: One of ``PARTS``.
    """

    messages: tuple[Message, ...]
    problem: str
    answer: str = ""
    part: str = "train"


class ChatStore(Store):
    """A store of conversations, a row each.

    Args:
        path: The store's folder.

    Raises:
        DataError: The folder is no store, or one of something else.
    """

    holds, made_by, mark = "conversations", "chats", ("chats", "message.role")

    num_chats = kept(Store.num_rows, "chats")
    """Number of conversations."""
    part = kept(Store.values, "chats", "part")
    """The part of each conversation, an index into ``PARTS``; shape (chats,)."""
    problem = kept(Store.values, "chats", "problem")
    """A number for what each is about; the same for the same problem; shape (chats,)."""

    @property
    def counts(self) -> dict[str, int]:
        """How many conversations it holds."""
        return {"conversations": self.num_chats}

    @property
    def parts(self) -> dict[str, int]:
        """How many conversations are of each part."""
        return part_sizes(self.part)

    def answers(self, rows: Any) -> list[str]:
        """Return the final answers of some conversations."""
        return self.texts("chats", "answer", rows)

    def chats(self, rows: Any) -> list[tuple[Message, ...]]:
        """Return the messages of some conversations."""
        bounds = self.offsets("chats", "message")
        roles = self.values("chats", "message.role")
        chats = []
        for row in np.asarray(rows).tolist():
            some = range(int(bounds[row]), int(bounds[row + 1]))
            texts = zip(some, self.texts("messages", "content", some), strict=True)
            chats.append(tuple(Message(ROLES[roles[i]], text) for i, text in texts))
        return chats

    def known_as(self, rows: NDArray[np.int64]) -> list[str]:
        """Return what is said in some conversations, which have no names."""
        return ["\n".join(message.content for message in chat) for chat in self.chats(rows)]


def write_chats(
    path: str | Path | Memory, chats: Iterable[Chat], about: Mapping[str, Any]
) -> ChatStore:
    """Write a store of conversations.

    Args:
        path: The store to make; one that stands there is replaced.
        chats: The conversations.
        about: Where they came from and what was dropped; plain JSON.

    Returns:
        The store.

    Raises:
        DataError: There are none.
    """
    problems: dict[str, int] = {}
    with StoreWriter(path) as writer:
        flat = {"part": "int8", "problem": "int32"}
        table = writer.table(
            "chats", flat, {"answer": {"utf8": "uint8"}, "message": {"role": "int8"}}
        )
        contents = writer.table("messages", ragged={"content": {"utf8": "uint8"}})
        for block in _blocks(chats):
            messages = [message for chat in block for message in chat.messages]
            table.append(
                len(block),
                {
                    "part": [PARTS.index(chat.part) for chat in block],
                    "problem": [problems.setdefault(c.problem, len(problems)) for c in block],
                },
                {
                    "answer": encode_texts(chat.answer for chat in block),
                    "message": (
                        [len(chat.messages) for chat in block],
                        {"role": [ROLES.index(message.role) for message in messages]},
                    ),
                },
            )
            contents.append(
                len(messages),
                {},
                {"content": encode_texts(message.content for message in messages)},
            )
        writer.about = dict(about)
        if not table.rows:
            raise DataError("the data holds no conversation.", "Give a file that does.")
    return ChatStore(path)


def chat_parts(
    store: ChatStore, val: float, test: float, seed: int
) -> dict[str, NDArray[np.int64]]:
    """Return the rows of each part; what the data does not divide is drawn by problem.

    Args:
        store: The conversations.
        val: Share of the training part's problems for validation, where the data has no such part.
        test: Share for the test, where the data has none.
        seed: Another seed draws others.

    Returns:
        Rows of ``train``, ``val`` and ``test``.

    Raises:
        DataError: A part is empty.
    """
    part, problem = np.array(store.part), store.problem
    own = np.unique(problem[part == 0])
    drawn = np.random.default_rng([seed, 2]).permutation(own)
    taken = 0
    for name, share in (("val", val), ("test", test)):
        place = PARTS.index(name)
        if not (part == place).any():
            number = max(1, round(share * len(own)))
            part[np.isin(problem, drawn[taken : taken + number]) & (part == 0)] = place
            taken += number
    parts = {name: np.flatnonzero(part == i) for i, name in enumerate(PARTS)}
    for name, rows in parts.items():
        if not len(rows):
            remedy = "Give more conversations, about more problems."
            raise store.fault(f"the {name} part is empty.", remedy)
    return parts


def _blocks(chats: Iterable[Chat]) -> Iterator[list[Chat]]:
    chats = iter(chats)
    while block := list(islice(chats, BLOCK)):
        yield block

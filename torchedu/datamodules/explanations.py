"""Explanations of mathematics as a Lightning data module."""

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

import numpy as np
from lightning.pytorch.utilities.rank_zero import rank_zero_warn
from numpy.typing import NDArray

from torchedu.companions import Companions
from torchedu.datamodules.base import DataModule, Options, Seen
from torchedu.datamodules.frames import Place
from torchedu.datasets.chats import ANSWERED_BY, ChatStore, Message, chat_parts
from torchedu.datasets.order import Order
from torchedu.datasets.splits import PARTS
from torchedu.errors import worded
from torchedu.files import alone
from torchedu.ranges import Range, check_range
from torchedu.readers.chat_tokenizer import ChatTokenizer
from torchedu.readers.chats import TokenBatches, token_store

LEAST_VOCABULARY, LARGEST_VOCABULARY = 300, 1_000_000
"""Tokens that a tokenizer of bytes needs to begin with, and some to join them into; and more than
any model has, for which room is made before the first is found."""
MOST_SCORED = 8192
"""Tokens, padding included, that are scored at once."""
MOST_TEXTS = 50_000
"""Conversations that a tokenizer is trained on."""

Ids = NDArray[np.int64]


class Explanations(DataModule):
    """Conversations in which a tutor explains, as tokens.

    Args:
        path: A store that ``torchedu data import`` made of GSM8K, MathDial, Bridge or chats, or a
            file of chats, which is imported once into a store beside it.
        tokenizer: Folder or hub name of a model's tokenizer. Where it is None, one of
            ``vocab_size`` tokens is trained on the training part and kept beside the store.
        vocab_size: Tokens of a tokenizer that is trained here.
        max_tokens: Tokens of a conversation, or of a packed row; what follows is cut off.
        batch_tokens: Tokens of an optimizer step, the prompts' included, on average: over all ranks
            and accumulated batches, whose numbers so change no result. Steps hold conversations of
            like lengths.
        packing: Put several conversations into a row, none of which sees another, instead of one a
            row, padded. It pays on GPUs; a CPU is faster without.
        val: Share of the problems for validation, where the data has no such part.
        test: Share for the test, where the data has none.
        seed: Another seed draws other parts and another order of training.
        num_workers: Processes that build batches; 0 builds them in the training process.
        seen: Whether conversations that training has used are scored: ``drop`` leaves them out,
            ``refuse`` ends with an error, ``keep`` scores them with a warning.
        format: The raw file's format, where it does not tell it.
        options: For a raw file, other options of ``torchedu data import``, by name.
        out: Where the store of a raw file is made; beside it where it is None.

    Raises:
        ConfigError: A value is out of range, or there is no such tokenizer.
        DataError: The data cannot be read or divided, or a prompt is too long.
    """

    limits: ClassVar = {
        **dict.fromkeys(("val", "test"), Range(0, 0.5, above=True, below=True)),
        **dict.fromkeys(("batch_tokens", "max_tokens"), Range(8)),
        "vocab_size": Range(LEAST_VOCABULARY, LARGEST_VOCABULARY),
    }
    longest = "max_tokens"
    whom = "conversations"

    def __init__(
        self,
        path: Place,
        tokenizer: str | None = None,
        vocab_size: int = 2048,
        max_tokens: int = 512,
        batch_tokens: int = 8192,
        packing: bool = False,
        val: float = 0.05,
        test: float = 0.1,
        seed: int = 0,
        num_workers: int = 0,
        seen: Seen = "drop",
        format: str | None = None,
        options: Options | None = None,
        out: str | None = None,
    ) -> None:
        super().__init__(path, seed, num_workers, seen)
        check_range("data.batch_tokens", batch_tokens, Range(max_tokens))
        self.max_tokens = max_tokens
        self.batch_tokens = batch_tokens
        self.packing = packing
        self._raw = format, options or {}, out
        self._shares = val, test
        self._tokenizer, self._vocab_size = tokenizer, vocab_size
        self._batches: dict[str, TokenBatches] = {}

    @property
    def num_tokens(self) -> int:
        """Number of token ids."""
        return len(self.tokenizer)

    @cached_property
    def store(self) -> ChatStore:
        """The conversations, made of a file of chats first where that was not done yet."""
        return self.stored(ChatStore, *self._raw)

    @cached_property
    def tokenizer(self) -> ChatTokenizer:
        """What writes conversations as tokens."""
        return ChatTokenizer.open(self._tokenizer or self._trained())

    @cached_property
    def own(self) -> Companions:
        """The tokenizer, which names the tokens."""
        return Companions(tokenizer=dict(self.tokenizer.files))

    @cached_property
    def parts(self) -> Mapping[str, Ids]:
        """The conversations of ``train``, ``val`` and ``test``, rows of the store."""
        return chat_parts(self.store, *self._shares, self.seed)

    def follow(self, learned: DataModule, divided: bool = False) -> None:
        """Write with the tokenizer of what was learned; see ``DataModule.follow``."""
        super().follow(learned, divided)
        assert isinstance(learned, Explanations)
        self.tokenizer = learned.tokenizer

    def whole(self) -> Ids:
        """Return all conversations, or those that the data names as its test part."""
        part = np.asarray(self.store.part)
        test = part == PARTS.index("test")
        return np.flatnonzero(test if test.any() else np.ones(len(part), bool))

    @property
    def batch_size(self) -> int:  # type: ignore[override]  # counted
        """Conversations of an optimizer step, on average."""
        length = self.batches("train").windows.length
        return max(1, round(self.batch_tokens / float(length.mean())))

    def asked(self, row: int) -> tuple[tuple[Message, ...], Message]:
        """Return what stands before the first answer of a conversation, and this answer."""
        (chat,) = self.store.chats([row])
        first = next(i for i, message in enumerate(chat) if message.role == ANSWERED_BY)
        return chat[:first], chat[first]

    def use(self, companions: Companions) -> None:
        """Write conversations with a trained network's tokenizer; see ``DataModule.use``."""
        tokenizer = companions.tokenizer
        assert tokenizer is not None
        if tokenizer != self.tokenizer.files:
            self.tokenizer = ChatTokenizer(tokenizer)
            self._batches = {}
        super().use(companions)

    def batches(self, part: str) -> TokenBatches:
        """Return what builds the batches of a part.

        Args:
            part: ``train``, ``val`` or ``test``.
        """
        if part not in self._batches:
            tokens = token_store(self.store, self.tokenizer)
            packed = self.packing and part == "train"  # what is scored is told text by text
            batches = TokenBatches(tokens, self.parts[part], self.max_tokens, packed)
            if batches.cut:
                notice = worded(
                    f"{batches.cut:,} of {len(self.parts[part]):,} conversations of the {part} "
                    f"part are cut off at ⟦data.max_tokens⟧, {self.max_tokens}."
                )
                rank_zero_warn(notice, stacklevel=2)
            self._batches[part] = batches
        return self._batches[part]

    def training(self) -> tuple[TokenBatches, Order]:
        """Return what builds the training batches, and their order."""
        batches = self.batches("train")
        return batches, Order(batches.windows.length, self.batch_size, self.seed)

    def evaluation(self, part: str | None) -> tuple[TokenBatches, Order]:
        """Return what builds the batches of a part, and their order.

        Args:
            part: ``train``, ``val`` or ``test``; the test part where it is None.
        """
        batches = self.batches(part or "test")
        length = batches.windows.length
        return batches, Order(length, max(1, MOST_SCORED // int(length.max())), shuffle=False)

    def _trained(self) -> str:
        """Return where a tokenizer stands beside the store; train it first where none does."""
        source = self.store.manifest["files"]["messages/content.utf8.bin"]["sha256"][:6]
        name = f"{self.store.path.stem}.bpe-{self._vocab_size}-{self.seed}-{source}"
        folder = self.store.path.with_name(name)
        with alone(folder.parent):
            if not folder.is_dir():
                rows = self.parts["train"][:MOST_TEXTS]
                texts = (message.content for chat in self.store.chats(rows) for message in chat)
                ChatTokenizer.train(texts, self._vocab_size).save(folder)
        return str(folder)

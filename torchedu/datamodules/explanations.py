"""Explanations of mathematics as a Lightning data module."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from lightning import LightningDataModule
from lightning.pytorch.utilities.rank_zero import rank_zero_info, rank_zero_warn
from numpy.typing import NDArray

from torchedu.datamodules.chat_tokenizer import ChatTokenizer
from torchedu.datamodules.stream import BatchStream, EpochLoader, ranks_of
from torchedu.datamodules.token_batches import TokenBatches, token_store
from torchedu.datasets.chats import ANSWERED_BY, ChatStore, Message, chat_parts
from torchedu.datasets.importers.chats import import_chats
from torchedu.datasets.order import Order
from torchedu.errors import ConfigError
from torchedu.schema import Vocabulary

LEAST_VOCABULARY = 300
"""Tokens that a tokenizer of bytes needs to begin with, and some to join them into."""
MOST_SCORED = 8192
"""Tokens, padding included, that are scored at once."""
MOST_TEXTS = 50_000
"""Conversations that a tokenizer is trained on."""

Ids = NDArray[np.int64]


class Explanations(LightningDataModule):
    """Conversations in which a tutor explains, as tokens.

    Args:
        path: A store that ``torchedu data import`` made of GSM8K, MathDial, Bridge or chats, or a
            file of chats in JSON lines, which is imported once into a store beside it.
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

    Raises:
        ConfigError: A value is out of range, or there is no such tokenizer.
        DataError: The data cannot be read or divided, or a prompt is too long.
    """

    def __init__(
        self,
        path: str,
        tokenizer: str | None = None,
        vocab_size: int = 2048,
        max_tokens: int = 512,
        batch_tokens: int = 8192,
        packing: bool = False,
        val: float = 0.05,
        test: float = 0.1,
        seed: int = 0,
        num_workers: int = 0,
    ) -> None:
        super().__init__()
        for name, value, least in (
            ("vocab_size", vocab_size, LEAST_VOCABULARY),
            ("max_tokens", max_tokens, 8),
            ("batch_tokens", batch_tokens, max_tokens),
            ("num_workers", num_workers, 0),
            ("seed", seed, 0),
        ):
            if value < least:
                raise ConfigError(f"{name} is {value}.", f"It is at least {least}.")
        for name, share in (("val", val), ("test", test)):
            if not 0 < share < 0.5:
                raise ConfigError(f"{name} is {share}.", "It is a share between 0 and .5.")
        self.path = path
        self.name = Path(path).stem
        self.max_tokens = max_tokens
        self.batch_tokens = batch_tokens
        self.packing = packing
        self.seed = seed
        self.num_workers = num_workers
        self.store = open_chats(path)
        self.vocabulary = Vocabulary()  # tokens are named by their tokenizer
        self.predict_part = "test"
        self._parts = chat_parts(self.store, val, test, seed)
        self.tokenizer = (
            self._trained(vocab_size) if tokenizer is None else ChatTokenizer.open(tokenizer)
        )
        self._batches: dict[str, TokenBatches] = {}

    def __str__(self) -> str:
        """Say what the data is; Lightning's own text takes loaders apart."""
        return f"Explanations: {self.name}, {self.store.num_chats:,} conversations"

    @property
    def num_tokens(self) -> int:
        """Number of token ids."""
        return len(self.tokenizer)

    @property
    def parts(self) -> Mapping[str, Ids]:
        """The conversations of ``train``, ``val`` and ``test``, rows of the store."""
        return self._parts

    @property
    def batch_size(self) -> int:
        """Conversations of an optimizer step, on average."""
        length = self.batches("train").windows.length
        return max(1, round(self.batch_tokens / float(length.mean())))

    @property
    def steps_per_epoch(self) -> int:
        """Number of global batches in a pass over the training part."""
        return len(self._order("train"))

    def asked(self, row: int) -> tuple[tuple[Message, ...], Message]:
        """Return what stands before the first answer of a conversation, and this answer."""
        (chat,) = self.store.chats([row])
        first = next(i for i, one in enumerate(chat) if one.role == ANSWERED_BY)
        return chat[:first], chat[first]

    def use(self, tokenizer: Mapping[str, str]) -> None:
        """Write conversations with another tokenizer, that of a trained network, say.

        Args:
            tokenizer: Its files, as ``ChatTokenizer`` takes them.
        """
        if tokenizer != self.tokenizer.files:
            self.tokenizer = ChatTokenizer(tokenizer)
            self._batches = {}

    def batches(self, part: str) -> TokenBatches:
        """Return what builds the batches of a part.

        Args:
            part: ``train``, ``val`` or ``test``.
        """
        if part not in self._batches:
            tokens = token_store(self.store, self.tokenizer)
            packed = self.packing and part == "train"  # what is scored is told text by text
            found = TokenBatches(tokens, self._parts[part], self.max_tokens, packed)
            if found.cut:
                rank_zero_warn(
                    f"{found.cut:,} of {len(self._parts[part]):,} conversations of the {part} part "
                    f"are cut off at max_tokens, {self.max_tokens}.",
                    stacklevel=2,
                )
            self._batches[part] = found
        return self._batches[part]

    def train_dataloader(self) -> EpochLoader:
        """Return the training batches, in another order each epoch."""
        return self._loader("train")

    def val_dataloader(self) -> EpochLoader:
        """Return the validation batches."""
        return self._loader("val")

    def test_dataloader(self) -> EpochLoader:
        """Return the test batches."""
        return self._loader("test")

    def predict_dataloader(self) -> EpochLoader:
        """Return the batches of ``predict_part``."""
        return self._loader(self.predict_part)

    def _order(self, part: str) -> Order:
        length = self.batches(part).windows.length
        if part == "train":
            return Order(length, self.batch_size, self.seed)
        return Order(length, max(1, MOST_SCORED // int(length.max())), shuffle=False)

    def _loader(self, part: str) -> EpochLoader:
        stream = BatchStream(self.batches(part), self._order(part), *ranks_of(self.trainer))
        return EpochLoader(
            stream, self.num_workers, lambda: self.trainer.current_epoch if self.trainer else 0
        )

    def _trained(self, vocab_size: int) -> ChatTokenizer:
        """Return the tokenizer that stands beside the store, or train one."""
        source = self.store.manifest["files"]["messages/content.utf8.bin"]["sha256"][:6]
        name = f"{self.store.path.stem}.bpe-{vocab_size}-{self.seed}-{source}"
        folder = self.store.path.with_name(name)
        if not folder.is_dir():
            rows = self._parts["train"][:MOST_TEXTS]
            texts = (one.content for chat in self.store.chats(rows) for one in chat)
            ChatTokenizer.train(texts, vocab_size).save(folder)
        return ChatTokenizer.open(str(folder))


def open_chats(path: str) -> ChatStore:
    """Open a store of conversations, or import a file of chats beside itself first.

    Raises:
        ConfigError: A store of something else stands where this one would be made.
        DataError: The file cannot be read.
    """
    if Path(path).is_dir():
        return ChatStore(path)
    raw = Path(path)
    out = raw.with_suffix(".store")
    if out.exists():
        store = ChatStore(out)
        (source,) = store.about["source"]
        if source["file"] != raw.name:
            raise ConfigError(
                f"{out} holds other data than {raw.name}.",
                f"Import it elsewhere: torchedu data import chats {raw} OUT, then --data.path OUT.",
            )
        fresh = raw.is_file() and raw.stat().st_mtime < (out / "manifest.json").stat().st_mtime
        if fresh and source["bytes"] == raw.stat().st_size:
            return store
    store = import_chats("chats", path, out)
    rank_zero_info(f"Imported {raw.name}: {store.num_chats:,} conversations.")
    return store

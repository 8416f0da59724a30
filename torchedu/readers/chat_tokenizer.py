"""Conversations as tokens: a model's own tokenizer and template, or one trained on the data."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from torchedu.bounded import parse_json
from torchedu.datasets.chats import ANSWERED_BY, Message
from torchedu.errors import ConfigError, MissingExtraError
from torchedu.files import writable
from torchedu.models.stored import model_files, tokenizer_config

END = "<|end|>"
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}"
    "{{ '<|' ~ m['role'] ~ '|>' ~ m['content'] ~ eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
"""How a conversation is written for a tokenizer that brings no template of its own."""
FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
"""The files of a tokenizer: nothing else is written or read, whatever a checkpoint names."""
CONFIG = FILES[1]


class Tokens(NamedTuple):
    """A conversation as tokens.

    Attributes:
        id: Token ids; shape (tokens,).
        scored: Which of them are the assistant's, and so learned; shape (tokens,).
    """

    id: NDArray[np.int32]
    scored: NDArray[np.bool_]


class ChatTokenizer:
    """Writes conversations as tokens by a chat template, and reads tokens as text.

    What stands in a message is text and nothing else: a special token written in it is broken
    apart, so that no student's words can end a turn or begin one. Where the template has no turn
    for the system, its words begin the user's next turn.

    Args:
        files: The texts of ``tokenizer.json``, ``tokenizer_config.json`` and, where there is one,
            ``chat_template.jinja``.
        name: What to call it in messages.

    Attributes:
        ends: Ids of the tokens that end an answer: what the template writes after one, and the end
            of a text.

    Raises:
        ConfigError: They hold no fast tokenizer, or one without a token for the end.
        MissingExtraError: transformers is not installed.
    """

    def __init__(self, files: Mapping[str, str], name: str = "the tokenizer") -> None:
        try:
            from transformers import AutoTokenizer
        except ImportError:
            raise MissingExtraError("A tokenizer", "transformers", "language") from None
        self.files = {file: files[file] for file in FILES if file in files}
        self.name = name
        own = self._configured(self.files)
        with tempfile.TemporaryDirectory() as folder:
            for file, text in own.items():
                (Path(folder) / file).write_text(text, "utf-8")
            try:
                self._own: Any = AutoTokenizer.from_pretrained(
                    folder, local_files_only=True, trust_remote_code=False
                )
            except Exception as error:  # noqa: BLE001  # each tokenizer fails in its own way
                raise ConfigError(
                    f"{name} cannot be opened ({type(error).__name__}: {error}).",
                    "Give a folder with tokenizer.json and tokenizer_config.json.",
                ) from None
        if self._own.eos_token_id is None:
            raise ConfigError(
                f"{name} has no token for the end of a text (eos_token).",
                "Name one in its tokenizer_config.json.",
            )
        self._template = self._own.chat_template or TEMPLATE
        special = sorted(self._own.all_special_tokens, key=len, reverse=True)
        added = [str(token) for token in self._own.get_added_vocab() if token not in special]
        self._special = [*special, *added]
        self._folds = False
        self._folds = not self._takes_system()
        self.ends = tuple(dict.fromkeys([*self._turn_end(), int(self._own.eos_token_id)]))

    def _configured(self, files: Mapping[str, str]) -> dict[str, str]:
        """Return files of which none names others, once all are known to be small and plain."""
        try:
            kept = tokenizer_config(files.get(CONFIG, "{}"))
            parse_json(files.get("tokenizer.json", "{}"))
        except ValueError as error:
            raise ConfigError(
                f"{self.name} cannot be opened ({error}).",
                "Give a folder with tokenizer.json and tokenizer_config.json.",
            ) from None
        return {**files, CONFIG: json.dumps(kept)} if CONFIG in files else dict(files)

    @classmethod
    def open(cls, name: str) -> Self:
        """Open a tokenizer by its folder or its name on the Hugging Face hub.

        Raises:
            ConfigError: There is none.
        """
        folder = model_files(name, FILES)
        files = {file: folder / file for file in FILES if (folder / file).is_file()}
        if "tokenizer.json" not in files:
            raise ConfigError(
                f"{name} holds no tokenizer.json.",
                "Give a folder or hub name of a fast tokenizer, or leave ⟦data.tokenizer⟧ out to "
                "train one on the data.",
            )
        return cls({file: path.read_text("utf-8") for file, path in files.items()}, name)

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int) -> Self:
        """Train a byte-level BPE on texts.

        Sennrich et al., 2016, https://arxiv.org/abs/1508.07909. Every digit is a token of its own,
        so that numbers are read by their places.

        Args:
            texts: What it learns from.
            vocab_size: Number of tokens; at least 300.
        """
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
        from transformers import PreTrainedTokenizerFast

        own = Tokenizer(models.BPE())
        own.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False),
            ]
        )
        own.decoder = decoders.ByteLevel()
        special = [END, "<|system|>", "<|user|>", "<|assistant|>"]
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        own.train_from_iterator(texts, trainer)
        fast: Any = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
            tokenizer_object=own, eos_token=END, additional_special_tokens=special[1:]
        )
        with tempfile.TemporaryDirectory() as folder:
            fast.save_pretrained(folder)
            files = {
                file: (Path(folder) / file).read_text("utf-8")
                for file in FILES
                if (Path(folder) / file).is_file()
            }
        return cls(files)

    def save(self, folder: Path) -> None:
        """Write its files into a folder that transformers can open; one that is there stays."""
        if folder.is_dir():
            return
        writable(folder).parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            self.write(part)
            part.chmod(0o755)
            os.rename(part, folder)  # noqa: PTH104 - refuses a folder that another process made
        except OSError:
            if not folder.is_dir():
                raise
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def write(self, folder: Path) -> None:
        """Write its files into a folder."""
        for file, text in self.files.items():
            (folder / file).write_text(text, "utf-8")

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self._own)

    @property
    def checksum(self) -> str:
        """What tells it from any other."""
        content = "\0".join(f"{name}\0{text}" for name, text in sorted(self.files.items()))
        folds = "\0no system" * self._folds
        return hashlib.sha256(f"{TEMPLATE}\0{content}{folds}".encode()).hexdigest()

    def encode(self, chats: Sequence[Sequence[Message]]) -> Iterator[Tokens]:
        """Return conversations as tokens, those of the assistant marked.

        Raises:
            ConfigError: The template rewrites what was said before.
        """
        pieces = [self._pieces(chat) for chat in chats]
        flat = [text for chat in pieces for text, _ in chat]
        ids = iter(self._ids(flat))
        for chat in pieces:
            parts = [np.array(next(ids), np.int32) for _ in chat]
            learned = [
                np.full(len(part), scored) for part, (_, scored) in zip(parts, chat, strict=True)
            ]
            yield Tokens(np.concatenate(parts), np.concatenate(learned))

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Return the tokens after which the assistant speaks."""
        (ids,) = self._ids([self._written(messages, speaks=True)])
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Return tokens as text, without special ones."""
        text: str = self._own.decode(ids, skip_special_tokens=True)
        return text

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        if not texts:
            return []
        token_ids: list[list[int]] = self._own(list(texts), add_special_tokens=False)["input_ids"]
        return token_ids

    def _pieces(self, chat: Sequence[Message]) -> list[tuple[str, bool]]:
        """Return a conversation as texts, and which of them the assistant says.

        Each is tokenised alone, as it is when the assistant is asked to go on after it.
        """
        done, pieces = "", []
        for i, message in enumerate(chat):
            if message.role != ANSWERED_BY:
                continue
            before = self._written(chat[:i], speaks=True)
            after = self._written(chat[: i + 1], speaks=False)
            if not (before.startswith(done) and after.startswith(before)):
                raise ConfigError(
                    f"the chat template of {self.name} rewrites earlier turns.",
                    "Give a tokenizer with another chat_template.jinja, or chats of one answer.",
                )
            pieces += [(before[len(done) :], False), (after[len(before) :], True)]
            done = after
        return pieces

    def _written(self, messages: Sequence[Message], speaks: bool) -> str:
        written = _without_system(messages) if self._folds else messages
        plain = [
            {"role": message.role, "content": self._harmless(message.content)}
            for message in written
        ]
        try:
            text: str = self._own.apply_chat_template(
                plain,
                chat_template=self._template,
                tokenize=False,
                add_generation_prompt=speaks,
            )
        except Exception as error:  # noqa: BLE001  # a template may raise what it likes
            raise ConfigError(
                f"the chat template of {self.name} refuses a conversation: {error}",
                "Give a tokenizer with another chat_template.jinja.",
            ) from None
        return text

    def _takes_system(self) -> bool:
        """Return whether the template writes what the system says."""
        said = Message("system", "Be brief.")
        try:
            return said.content in self._written([said, Message("user", "Why?")], speaks=True)
        except ConfigError:
            return False

    def _turn_end(self) -> list[int]:
        """Return the token that the template ends an answer with, if it is one of its own."""
        chat = [Message("user", "Why?"), Message(ANSWERED_BY, "Because.")]
        try:
            after = self._written(chat, speaks=False).rpartition("Because.")[2]
        except ConfigError:
            return []  # a conversation that is written in earnest tells why
        marks = {*self._own.all_special_ids, *self._own.get_added_vocab().values()}
        return [token for token in self._ids([after])[0] if token in marks][:1]

    def _harmless(self, text: str) -> str:
        for token in self._special:
            if token in text:
                text = text.replace(token, f"{token[:1]} {token[1:]}")
        return text


def _without_system(messages: Sequence[Message]) -> Iterator[Message]:
    """Yield messages with the system's words at the beginning of the user's next turn."""
    said: list[str] = []
    for message in messages:
        if message.role == "system":
            said.append(message.content)
        elif message.role == "user":
            yield Message("user", "\n\n".join([*said, message.content]))
            said = []
        else:
            yield from [Message("user", "\n\n".join(said))] * bool(said)
            yield message
            said = []
    yield from [Message("user", "\n\n".join(said))] * bool(said)

"""Conversations in which something is explained: objects of JSON to a store."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from torchedu.datasets.chats import Chat, ChatStore, write_chats
from torchedu.datasets.contents import describe_chats
from torchedu.datasets.deidentify import Mask
from torchedu.datasets.importers.importer import Importer
from torchedu.datasets.importers.reading.look import Look
from torchedu.datasets.importers.reading.objects import SUFFIXES, objects
from torchedu.datasets.importers.reading.parts import PARTS
from torchedu.datasets.importers.reading.rows import BadRows, FileRows, Reading
from torchedu.datasets.importers.reading.text import Source, files, locate
from torchedu.errors import DataError


@dataclass(kw_only=True)
class ChatImporter(Importer):
    """Conversations; a format says which ones an object of its files tells.

    Raw is a file of JSON or JSON lines, or a folder of such, in which ``train.jsonl``,
    ``validation.json`` and ``test.jsonl`` name the parts; other files are left out beside these, as
    GSM8K's socratic ones are. Without a training part nothing is divided yet.

    Args:
        deidentify: Mask names, mail addresses, phone numbers and ids in conversations.
    """

    store = ChatStore
    describe = staticmethod(describe_chats)
    in_folders = False
    endings: ClassVar[Sequence[str]] = SUFFIXES

    deidentify: bool = False

    @classmethod
    def knows(cls, look: Look) -> int:
        """Say how surely the keys of objects, or headings where tables are read, tell the format.

        Args:
            look: What the files begin with.
        """
        return super().knows(look) if look.objects or set(cls.endings) > set(SUFFIXES) else 0

    @abstractmethod
    def chats(self, value: Mapping[str, Any]) -> Iterator[Chat]:
        """Return the conversations of one object of a file.

        Args:
            value: The object.

        Raises:
            DataError: It is none of this format; a ``KeyError`` or the like says so too.
        """

    def objects(self, source: Source, places: FileRows) -> Iterator[tuple[int, Any]]:
        """Yield the objects of a file, each with its row."""
        return objects(source, places)

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Begin to read the file or files; see ``Importer.read``.

        Raises:
            DataError: A file or row cannot be read.
        """
        every = files(locate(raw), self.endings)
        sources = [file for file in every if _part(file)] or every
        left = [file.base for file in every if file not in sources]
        notes = [f"Left out, since other files name the parts: {', '.join(left)}."] * bool(left)
        if len(sources) > 1 and not any(_part(file) == "train" for file in sources):
            notes.append("No file is called train: all conversations are divided anew.")
        return Reading(self._pieces(sources, bad), tuple(sources), {}, notes=notes)

    def write(self, reading: Reading, bad: BadRows, out: Path, about: dict[str, Any]) -> None:
        """Write the conversations as they are read; see ``Importer.write``."""
        mask = Mask() if self.deidentify else None

        def chats() -> Iterator[Chat]:
            yield from (
                reading.pieces if mask is None else (_masked(chat, mask) for chat in reading.pieces)
            )
            about["dropped"] = bad.dropped  # known at the end, when the store notes it
            about["notes"] = [*reading.notes, *([] if mask is None else [str(mask)])]

        write_chats(out, chats(), about)

    def _pieces(self, sources: list[Source], bad: BadRows) -> Iterator[Chat]:
        for source, part in zip(sources, _parts(sources), strict=True):
            places = bad.of(source)
            for row, value in self.objects(source, places):
                try:
                    chats = list(self.chats(value))
                except DataError as error:
                    reason, remedy = error.problem.rstrip("."), error.remedy
                except (KeyError, TypeError, AttributeError, ValueError) as error:
                    reason = f"the row is none of {self.name} ({type(error).__name__}: {error})"
                    remedy = "Correct the row, or name the format that the file has."
                else:
                    for chat in chats:
                        yield chat._replace(part=part)
                    continue
                places.refuse(reason, [row], remedy)


def _part(source: Source) -> str | None:
    return PARTS.get(source.base.split(".")[0].lower())


def _parts(sources: list[Source]) -> list[str]:
    """Return the part of each file; all are of training where none is, to be divided later."""
    parts = [_part(source) or "train" for source in sources]
    return parts if "train" in parts else ["train"] * len(parts)


def _masked(chat: Chat, mask: Mask) -> Chat:
    messages = tuple(message._replace(content=mask(message.content)) for message in chat.messages)
    return chat._replace(messages=messages, answer=mask(chat.answer))

"""The kinds of data: what each is read from, kept in and described by."""

import inspect
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torchedu.datasets.answers import AnswerStore
from torchedu.datasets.chats import ChatStore
from torchedu.datasets.contents import (
    describe_chats,
    describe_enrolments,
    describe_events,
    describe_texts,
    describe_transcripts,
)
from torchedu.datasets.describe import describe
from torchedu.datasets.enrolments import EnrolmentStore
from torchedu.datasets.events import EventStore
from torchedu.datasets.importers.chats import CHAT_FORMATS, import_chats
from torchedu.datasets.importers.enrolments import ENROLMENT_FORMATS, import_enrolments
from torchedu.datasets.importers.formats import EVENT_FORMATS, FORMATS, import_events
from torchedu.datasets.importers.graded_texts import TEXT_FORMATS, import_texts
from torchedu.datasets.importers.pipeline import import_answers
from torchedu.datasets.importers.transcripts import TRANSCRIPT_FORMATS, import_transcripts
from torchedu.datasets.store import Store
from torchedu.datasets.texts import TextStore
from torchedu.datasets.transcripts import TranscriptStore
from torchedu.errors import ConfigError, DataError, allowed


class Kind(NamedTuple):
    """A kind of data.

    Attributes:
        store: What keeps it.
        formats: What it can be read from, by the names a user gives.
        read: Reads raw files, ``read(format, raw, out, ...)``; what follows are its options.
        describe: Counts what a store holds, as plain JSON.
    """

    store: type[Store]
    formats: Collection[str]
    read: Callable[..., Store]
    describe: Callable[[Any], dict[str, Any]]

    @property
    def options(self) -> tuple[str, ...]:
        """The options that some of its formats have."""
        return tuple(inspect.signature(self.read).parameters)[3:]


KINDS = (
    Kind(AnswerStore, FORMATS, import_answers, describe),
    Kind(EnrolmentStore, ENROLMENT_FORMATS, import_enrolments, describe_enrolments),
    Kind(EventStore, EVENT_FORMATS, import_events, describe_events),
    Kind(TextStore, TEXT_FORMATS, import_texts, describe_texts),
    Kind(TranscriptStore, TRANSCRIPT_FORMATS, import_transcripts, describe_transcripts),
    Kind(ChatStore, CHAT_FORMATS, import_chats, describe_chats),
)


def import_data(
    format: str,
    raw: str,
    out: str,
    options: Mapping[str, Any],
    progress: Callable[[int], None] | None = None,
) -> Store:
    """Read raw files of any format into a store.

    Args:
        format: The format, of any kind of data.
        raw: The file or folder.
        out: The store to make; one that stands there is replaced.
        options: The options that the user gave.
        progress: Called with the number of rows read so far, where the format counts them.

    Returns:
        The store.

    Raises:
        ConfigError: There is no such format, or it has no such option.
        DataError: The files cannot be read as they stand; nothing is written.
    """
    kind = next((kind for kind in KINDS if format in kind.formats), None)
    if kind is None:
        known = [name for kind in KINDS for name in kind.formats]
        raise ConfigError(f"the format {format!r} is not known.", allowed(format, known, most=40))
    for name in options:
        if name not in kind.options:
            own = [option for option in kind.options if option != "progress"]
            raise ConfigError(
                f"the format {format} has no option {name}.",
                f"Formats of its kind have: {', '.join(own) or 'none'}.",
            )
    follow = {"progress": progress} if "progress" in kind.options else {}
    return kind.read(format, raw, out, **options, **follow)


def describe_data(path: str | Path) -> dict[str, Any]:
    """Count what a store of any kind holds.

    Args:
        path: The store.

    Returns:
        Plain JSON; see ``describe.describe`` for answers and ``contents`` for all others.

    Raises:
        DataError: It is no store, or one that a data module made for itself.
    """
    store = Store(path)
    for kind in KINDS:
        if store.is_kind(kind.store):
            return kind.describe(kind.store(path))
    raise DataError(
        "the store holds what a network reads, in no form for people.",
        "Describe the store that it was made of.",
        file=path,
    )

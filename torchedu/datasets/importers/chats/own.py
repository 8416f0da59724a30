"""Conversations of one's own, in the forms in which others keep theirs."""

from collections.abc import Iterator, Mapping
from typing import Any

from torchedu.datasets.chats import ANSWERED_BY, ROLES, Chat, Message
from torchedu.datasets.importers.chats.importer import ChatImporter
from torchedu.datasets.importers.reading.columns import ColumnMap, plain
from torchedu.datasets.importers.reading.objects import SUFFIXES
from torchedu.datasets.importers.reading.rows import BadRows, FileRows
from torchedu.datasets.importers.reading.tables import FILES, Table, open_table
from torchedu.datasets.importers.reading.text import Source
from torchedu.errors import DataError, allowed

THEIRS = {
    "user": ("human", "student", "learner", "pupil", "prompter", "schüler", "nutzer"),
    ANSWERED_BY: ("gpt", "model", "bot", "tutor", "teacher", "chatgpt", "ai", "lehrer"),
    "system": ("developer",),
}
"""What others call the roles."""
FORMS = (
    ("instruction", "output"), ("prompt", "completion"), ("prompt", "response"),
    ("question", "answer"),
)  # fmt: skip
"""Keys of what is asked and what is answered, where an object holds one exchange."""
COLUMNS = {
    "chat": ("chat", "chat_id", "conversation", "conversation_id", "dialog", "dialogue", "session"),
    "role": ("role", "speaker", "from", "author"),
    "content": ("content", "text", "message", "value", "utterance"),
}
"""Headings of a table with a row a message."""
_ROLES = {name: role for role, names in THEIRS.items() for name in names}
_EXPECTED = (
    'Give {"messages": [{"role", "content"}]}, {"conversations": [{"from", "value"}]}, '
    "or objects with prompt and completion, or instruction and output."
)


class OwnChats(ChatImporter):
    """Chats of one's own: messages, ShareGPT's and Alpaca's forms, prompts and completions.

    A table has a row a message, with the columns chat, role and content, or a row an exchange.
    """

    name = "chats"
    reads = "JSON or tables of messages, as of ShareGPT or Alpaca, or of prompt and completion"
    suffixes = endings = (*SUFFIXES, *FILES)
    told_by = (
        "messages", "conversations", *(" ".join(keys) for keys in FORMS),
        *(f"{chat} role {content}" for chat in COLUMNS["chat"] for content in COLUMNS["content"]),
    )  # fmt: skip

    def objects(self, source: Source, places: FileRows) -> Iterator[tuple[int, Any]]:
        """Yield the objects of a file; see ``ChatImporter.objects``."""
        if not source.base.endswith(FILES):
            return super().objects(source, places)
        return _of_table(open_table(source), places.bad)

    def chats(self, value: Mapping[str, Any]) -> Iterator[Chat]:
        """Return the conversations of one object of a file."""
        chat = [_message(said) for said in _messages(value)]
        if not any(message.role == ANSWERED_BY and message.content.strip() for message in chat):
            raise DataError(
                "the chat has no answer.",
                "End it with a message of the role assistant, or drop it.",
            )
        first = next((message.content for message in chat if message.role == "user"), "")
        yield Chat(tuple(chat), str(value.get("problem", first)), str(value.get("answer", "")))


def _of_table(table: Table, bad: BadRows) -> Iterator[tuple[int, Any]]:
    """Yield a table's exchanges, or the messages that follow one another in a chat."""
    heads = {plain(heading): heading for heading in reversed(table.headings)}
    taken = {
        name: next((heads[word] for word in words if word in heads), None)
        for name, words in COLUMNS.items()
    }
    matched = ColumnMap({heading: heading for heading in heads.values()}, ())
    names = {heading: name for name, heading in heads.items()}
    chat: list[dict[str, Any]] = []
    known, first = None, 0
    for batch, place in table.pieces(matched, bad):
        for cells, at in zip(batch.to_pylist(), place.tolist(), strict=True):
            row = bad.places.name(at)[1]
            if taken["role"] is None or taken["content"] is None:
                yield row, {names[head]: cell or "" for head, cell in cells.items()}
                continue
            mine = cells[taken["chat"]] if taken["chat"] else None
            if chat and mine != known:
                yield first, {"messages": chat}
                chat = []
            known, first = mine, first if chat else row
            said = {name: cells[taken[name] or ""] for name in ("role", "content")}
            chat.append(said)
    if chat:
        yield first, {"messages": chat}


def _messages(value: Mapping[str, Any]) -> list[Any]:
    """Return the messages of an object, each as it stands there."""
    for key in ("messages", "conversations", "conversation"):
        if isinstance(value.get(key), list):
            return list(value[key])
    for asked, answered in FORMS:
        if asked in value and answered in value:
            return [*_said("user", value, asked), *_said(ANSWERED_BY, value, answered)]
    raise DataError("the row has no list of messages.", _EXPECTED)


def _said(role: str, value: Mapping[str, Any], key: str) -> list[Any]:
    """Return the messages of one side of an exchange, those before it among them."""
    if isinstance(value[key], list):  # of messages
        return list(value[key])
    said: list[Any] = []
    if role == "user":
        if value.get("system"):
            said.append({"role": "system", "content": value["system"]})
        for asked, answered in value.get("history") or []:
            said += [{"role": "user", "content": asked}, {"role": ANSWERED_BY, "content": answered}]
    more = value.get("input") if role == "user" and key == "instruction" else None
    content = f"{value[key]}\n\n{more}" if more else value[key]
    return [*said, {"role": role, "content": content}]


def _message(said: Any) -> Message:
    if not isinstance(said, Mapping):
        raise DataError("a message is no object.", _EXPECTED)
    role, content = said.get("role", said.get("from")), said.get("content", said.get("value"))
    role = _ROLES.get(str(role).lower(), role)
    if role not in ROLES:
        raise DataError(f"the role {role!r} is not known.", allowed(str(role), ROLES))
    if isinstance(content, list):
        content = "\n".join(map(_part, content))
    if not isinstance(content, str):
        raise DataError("a message has no content.", "Give each its text.")
    return Message(role, content)


def _part(part: Any) -> str:
    """Return the text of a part of a message."""
    text = part.get("text") if isinstance(part, Mapping) else part
    if isinstance(text, str):
        return text
    kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
    raise DataError(
        f"a message has a part of the type {kind!r}.", "Texts alone are learned: drop the row."
    )

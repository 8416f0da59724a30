"""Conversations of one's own: lists of messages."""

from collections.abc import Iterator, Mapping
from typing import Any

from torchedu.datasets.chats import ANSWERED_BY, ROLES, Chat, Message
from torchedu.datasets.importers.chats.importer import ChatImporter
from torchedu.datasets.importers.reading.objects import SUFFIXES
from torchedu.errors import DataError, allowed


class OwnChats(ChatImporter):
    """Chats as JSON lines."""

    name = "chats"
    reads = "JSON lines of messages with role and content"
    suffixes = SUFFIXES

    def chats(self, value: Mapping[str, Any]) -> Iterator[Chat]:
        """Return the conversations of one object of a file."""
        messages = value.get("messages")
        if not isinstance(messages, list) or not all(
            isinstance(message, dict) for message in messages
        ):
            raise DataError(
                "the row has no list of messages.", 'Give {"messages": [{"role", "content"}]}.'
            )
        chat = []
        for message in messages:
            role, content = message.get("role"), message.get("content")
            if role not in ROLES:
                raise DataError(f"the role {role!r} is not known.", allowed(str(role), ROLES))
            if not isinstance(content, str):
                raise DataError("a message has no content.", "Give each its text.")
            chat.append(Message(role, content))
        if not any(message.role == ANSWERED_BY and message.content.strip() for message in chat):
            raise DataError(
                "the chat has no answer.",
                "End it with a message of the role assistant, or drop it.",
            )
        first = next((message.content for message in chat if message.role == "user"), "")
        yield Chat(tuple(chat), str(value.get("problem", first)), str(value.get("answer", "")))

"""Explanations of mathematics: GSM8K, MathDial, Bridge, and conversations of one's own."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torchedu.datasets.chats import ANSWERED_BY, ROLES, Chat, ChatStore, Message, write_chats
from torchedu.datasets.importers.text import Source, blocks, files, locate
from torchedu.datasets.prompts import Intent, Profile, student_says, tutor_prompt
from torchedu.errors import ConfigError, DataError, allowed

SUFFIXES = (".jsonl", ".json", ".ndjson", ".jsonl.gz")
_PARTS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val",
          "test": "test"}  # fmt: skip
_MOVE = re.compile(r"^\((\w+)\)\s*")


class ChatFormat(NamedTuple):
    """How one collection tells its conversations.

    Attributes:
        chats: Returns the conversations of one object of a file.
        licence: Its terms.
        citation: Whom to name.
    """

    chats: Callable[[Mapping[str, Any]], Iterator[Chat]]
    licence: str
    citation: str


def import_chats(format: str, raw: str, out: str | Path) -> ChatStore:
    """Import conversations into a store.

    Args:
        format: One of ``CHAT_FORMATS``.
        raw: A file of JSON or JSON lines, or a folder of such, in which ``train.jsonl``,
            ``validation.json`` and ``test.jsonl`` name the parts.
        out: The store to make; one that stands there is replaced.

    Returns:
        The store.

    Raises:
        ConfigError: The format is not known.
        DataError: A file or row cannot be read; nothing is written.
    """
    if format not in CHAT_FORMATS:
        raise ConfigError(f"the format {format!r} is not known.", allowed(format, CHAT_FORMATS))
    known = CHAT_FORMATS[format]
    sources = files(locate(raw), SUFFIXES)
    alone = len(sources) == 1

    def chats() -> Iterator[Chat]:
        for source in sources:
            part = _PARTS.get(source.base.split(".")[0].lower())
            if part is None and not alone:
                continue  # other views of the same problems, such as GSM8K's socratic ones
            for row, value in _objects(source):
                try:
                    for chat in known.chats(value):
                        yield chat._replace(part="train" if alone else part or "train")
                except DataError as error:
                    raise DataError(
                        error.problem, error.remedy, file=source.name, row=row
                    ) from None
                except (KeyError, TypeError, AttributeError, ValueError) as error:
                    raise DataError(
                        f"the row is none of {format} ({type(error).__name__}: {error}).",
                        "Correct the row, or name the format that the file has.",
                        file=source.name,
                        row=row,
                    ) from None

    about = {
        "source": [{"file": source.base, "bytes": source.size()} for source in sources],
        "format": format,
        "licence": known.licence,
        "citation": known.citation,
    }
    return write_chats(out, chats(), about)


def _objects(source: Source) -> Iterator[tuple[int, Any]]:
    """Yield the objects of a file and their rows: an object a line, or one array of them."""
    if source.base.endswith(".json"):
        try:
            values = json.loads(source.read())
        except ValueError as error:
            raise DataError(
                f"the file is no JSON ({error}).", "Download it again.", file=source.name
            ) from None
        yield from enumerate(values if isinstance(values, list) else [values], 1)
        return
    for block in blocks(source):
        for i, line in enumerate(block.data.splitlines()):
            if line.strip():
                try:
                    yield block.line + i, json.loads(line)
                except ValueError as error:
                    raise DataError(
                        f"the line is no JSON ({error}).",
                        "Complete the line.",
                        file=source.name,
                        row=block.line + i,
                    ) from None


def _gsm8k(value: Mapping[str, Any]) -> Iterator[Chat]:
    problem, solution = str(value["question"]), str(value["answer"])
    _, mark, answer = solution.rpartition("####")
    if not mark:
        raise DataError("the solution has no final answer after ####.", "Complete the row.")
    said = Message(ANSWERED_BY, solution.strip())
    yield Chat((*tutor_prompt(problem), said), problem, answer.strip().replace(",", ""))


def _mathdial(value: Mapping[str, Any]) -> Iterator[Chat]:
    """A dialogue, in which the teacher's turns are learned, and the solution beside it."""
    problem = str(value["question"])
    solution = str(value["ground_truth"]).strip()
    answer = solution.split()[-1].replace(",", "")
    profile = Profile(
        work=str(value["student_incorrect_solution"]),
        confusion=str(value.get("teacher_described_confusion") or ""),
    )
    turns = [turn.partition(":")[::2] for turn in str(value["conversation"]).split("|EOM|")]
    messages = list(tutor_prompt(problem, "step", profile))
    for who, text in turns:
        text = text.strip()
        if who.strip() == "Teacher":
            said = Message(ANSWERED_BY, _MOVE.sub("", text))
        else:
            said = student_says(text)
        if messages[-1].role == said.role:  # sides take turns in a chat template
            last = messages.pop()
            said = Message(said.role, f"{last.content}\n{said.content}")
        messages.append(said)
    while messages and messages[-1].role != ANSWERED_BY:
        messages.pop()
    if any(one.role == ANSWERED_BY for one in messages):
        yield Chat(tuple(messages), problem, answer)
    explained = Message(ANSWERED_BY, solution)
    yield Chat((*tutor_prompt(problem, "explanation", profile), explained), problem, answer)


def _bridge(value: Mapping[str, Any]) -> Iterator[Chat]:
    """What an expert says where a novice tutor's student went wrong; the novice is not learned."""
    said = {"tutor": "Tutor", "student": "Student"}
    spoken = [f"{said.get(m['user'], m['user'])}: {m['text']}" for m in value["c_h"]]
    expert = [m["text"] for m in value["c_r_"] if m["user"] == "tutor"]
    if not expert:
        return
    confusion = str(value.get("e") or "").replace("_", " ")
    profile = Profile(work="\n".join(spoken), confusion=confusion)
    intent: Intent = "hint" if value.get("z_what") == "provide_hint" else "step"
    lesson = str(value["lesson_topic"])
    prompt = tutor_prompt(lesson, intent, profile)
    yield Chat((*prompt, Message(ANSWERED_BY, "\n".join(expert))), str(value["c_id"]))


def _own(value: Mapping[str, Any]) -> Iterator[Chat]:
    messages = value.get("messages")
    if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        raise DataError(
            "the row has no list of messages.", 'Give {"messages": [{"role", "content"}]}.'
        )
    chat = []
    for one in messages:
        role, content = one.get("role"), one.get("content")
        if role not in ROLES:
            raise DataError(f"the role {role!r} is not known.", allowed(str(role), ROLES))
        if not isinstance(content, str):
            raise DataError("a message has no content.", "Give each its text.")
        chat.append(Message(role, content))
    if not any(one.role == ANSWERED_BY and one.content.strip() for one in chat):
        raise DataError(
            "the chat has no answer.", "End it with a message of the role assistant, or drop it."
        )
    first = next((one.content for one in chat if one.role == "user"), "")
    yield Chat(tuple(chat), str(value.get("problem", first)), str(value.get("answer", "")))


CHAT_FORMATS = {
    "chats": ChatFormat(_own, "", ""),
    "gsm8k": ChatFormat(_gsm8k, "MIT", "Cobbe et al., 2021, https://arxiv.org/abs/2110.14168"),
    "mathdial": ChatFormat(
        _mathdial, "CC BY-SA 4.0", "Macina et al., 2023, https://arxiv.org/abs/2305.14536"
    ),
    "bridge": ChatFormat(_bridge, "", "Wang et al., 2024, https://arxiv.org/abs/2310.10648"),
}

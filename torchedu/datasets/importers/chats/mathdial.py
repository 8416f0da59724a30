"""MathDial: dialogues of teachers with students who went wrong."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from torchedu.datasets.chats import ANSWERED_BY, Chat, Message
from torchedu.datasets.importers.chats.importer import ChatImporter
from torchedu.datasets.prompts import Profile, student_says, tutor_prompt

_MOVE = re.compile(r"^\((\w+)\)\s*")


class MathDial(ChatImporter):
    """MathDial, as JSON lines."""

    name = "mathdial"
    reads = "MathDial's JSON lines: a problem, its solution and a dialogue"
    told_by = ("question ground_truth student_incorrect_solution conversation",)
    citation = "Macina et al., 2023, https://arxiv.org/abs/2305.14536"
    licence = "CC BY-SA 4.0"

    def chats(self, value: Mapping[str, Any]) -> Iterator[Chat]:
        """Return the dialogue, whose teacher's turns are learned, and the solution beside it."""
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
        if any(message.role == ANSWERED_BY for message in messages):
            yield Chat(tuple(messages), problem, answer)
        explained = Message(ANSWERED_BY, solution)
        yield Chat((*tutor_prompt(problem, "explanation", profile), explained), problem, answer)

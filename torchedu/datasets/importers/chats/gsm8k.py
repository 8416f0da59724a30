"""GSM8K: problems of school mathematics with their solutions step by step."""

from collections.abc import Iterator, Mapping
from typing import Any

from torchedu.datasets.chats import ANSWERED_BY, Chat, Message
from torchedu.datasets.importers.chats.importer import ChatImporter
from torchedu.datasets.prompts import tutor_prompt
from torchedu.errors import DataError


class GSM8K(ChatImporter):
    """GSM8K, as JSON lines."""

    name = "gsm8k"
    reads = "GSM8K's JSON lines: question and answer"
    told_by = ("question answer",)
    citation = "Cobbe et al., 2021, https://arxiv.org/abs/2110.14168"
    licence = "MIT"

    def chats(self, value: Mapping[str, Any]) -> Iterator[Chat]:
        """Return the conversations of one object of a file."""
        problem, solution = str(value["question"]), str(value["answer"])
        _, mark, answer = solution.rpartition("####")
        if not mark:
            raise DataError("the solution has no final answer after ####.", "Complete the row.")
        said = Message(ANSWERED_BY, solution.strip())
        yield Chat((*tutor_prompt(problem), said), problem, answer.strip().replace(",", ""))

"""Bridge: what experts say where novice tutors' students went wrong."""

from collections.abc import Iterator, Mapping
from typing import Any

from torchedu.datasets.chats import ANSWERED_BY, Chat, Message
from torchedu.datasets.importers.chats.importer import ChatImporter
from torchedu.datasets.prompts import Intent, Profile, tutor_prompt


class Bridge(ChatImporter):
    """Bridge, as JSON."""

    name = "bridge"
    reads = "Bridge's JSON: a conversation and an expert's next turn"
    told_by = ("c_id lesson_topic c_h c_r_",)
    citation = "Wang et al., 2024, https://arxiv.org/abs/2310.10648"

    def chats(self, value: Mapping[str, Any]) -> Iterator[Chat]:
        """Return what the expert says; the novice is not learned."""
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

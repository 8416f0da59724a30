"""What a service was told, as data to train on."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from torchedu.companions import Companions
from torchedu.errors import ConfigError
from torchedu.files import whole
from torchedu.schema import ITEM, SKILL, UNKNOWN
from torchedu.serve.events import ANSWERED, TRAINING, Event
from torchedu.serve.forgetting import derive
from torchedu.serve.log import EventLog
from torchedu.serve.service import now
from torchedu.serve.stores import there

FIELDS = ("item", "item_text", "correct", "response_time", "attempt")


def write_answers(store: str | Path, out: str | Path, known: Companions | None = None) -> int:
    """Write the answers that a service has taken in, as JSON lines that every command reads.

    Those of students who may not be trained on are left out. The service remembers the file, and
    takes those out of it who are forgotten.

    Args:
        store: The service's file; the service may run meanwhile.
        out: The file to write.
        known: What a network that it serves knows, from which items have their skills where the
            answers do not name them.

    Returns:
        How many answers there are.

    Raises:
        ConfigError: There is no such file, or it holds no answers.
    """
    logs, number = [EventLog(shard) for shard in there(store)], 0
    try:
        derive(logs[0].tables, Path(out), now())
        with whole(Path(out)) as part, part.open("w", encoding="utf-8") as file:
            for event in chain.from_iterable(map(_allowed, logs)):
                file.write(json.dumps(_row(event, known), ensure_ascii=False) + "\n")
                number += 1
            if not number:
                raise ConfigError(
                    f"⟦store⟧ {logs[0].store} holds no answers.",
                    "Name the file of a service of tracing.",
                )
    finally:
        for log in logs:
            log.close()
    return number


def _allowed(log: EventLog) -> Iterator[Event]:
    """Yield the answers of those students of a shard who may be trained on."""
    said = sorted(log.events_of_kinds({TRAINING}), key=lambda event: event.order)
    allowed = {event.student: event.fields["allowed"] for event in said}
    for event in log.events_of_kinds({ANSWERED}):
        if allowed.get(event.student, True):
            yield event


def _row(event: Event, known: Companions | None) -> dict[str, Any]:
    moment = datetime.fromtimestamp(event.time / 1000, UTC)
    time = f"{moment:%Y-%m-%d %H:%M:%S}.{event.time % 1000:03d}"
    row: dict[str, Any] = {"student": event.student, "time": time}
    row |= {name: event.fields[name] for name in FIELDS if name in event.fields}
    skills = event.fields.get("skill", [])
    if not skills and known is not None and known.item_skills is not None:
        ids = known.item_skills[known.vocabulary[ITEM].id(event.fields["item"])]
        skills = [known.vocabulary[SKILL].name(id) for id in ids.tolist() if id > UNKNOWN]
    return row | {"skill": [skills] if isinstance(skills, str) else skills}

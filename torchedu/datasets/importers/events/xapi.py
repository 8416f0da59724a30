"""Statements of the Experience API (xAPI), a JSON object a line, into a store of events.

https://github.com/adlnet/xAPI-Spec. A statement's course is the first activity of its context's
``grouping``, else of its ``parent``, else its object. Verbs are known by the last part of their
address, as ADL's and the Tin Can registry's vocabularies have them.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa

from torchedu.bounded import parse_json
from torchedu.datasets.importers.events.importer import EventImporter
from torchedu.datasets.importers.events.log import OWNERS, histories
from torchedu.datasets.importers.reading.rows import BadRows, FileRows, Reading
from torchedu.datasets.importers.reading.text import locate

_CLICKS = frozenset([
    "experienced", "launched", "initialized", "interacted", "accessed", "viewed", "resumed",
    "suspended", "progressed", "opened", "played", "paused", "read",
])  # fmt: skip
_DONE = frozenset(
    ["completed", "submitted", "answered", "scored", "passed", "failed", "turned-in", "attempted"]
)
_LEFT = frozenset(["unregistered", "abandoned", "withdrew", "terminated-registration", "left"])
_OUTCOMES = {"passed": "Pass", "completed": "Pass", "failed": "Fail"}


class XAPI(EventImporter):
    """Statements of the Experience API; those of other verbs are left out and counted.

    ``passed``, ``completed`` and ``failed`` on a course itself are its outcome; on anything in it,
    they and ``submitted``, ``answered`` and ``scored`` hand it in. Voided statements count as never
    made.
    """

    name = "xapi"
    reads = "statements of the Experience API, a JSON object a line"
    suffixes = (".jsonl", ".ndjson")
    in_folders = False
    licence = OWNERS

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Begin to read the file; see ``Importer.read``.

        Raises:
            DataError: A line is no statement, or no statement tells how a course ended.
        """
        source, file, dropped = locate(raw), Path(raw), Counter[str]()
        statements = _statements(file, bad)
        voided = {said["object"].get("id") for said in statements if _verb(said) == "voided"}
        log: dict[str, list[Any]] = {
            name: [] for name in ("student", "course", "event", "time", "work", "value")
        }
        for said in statements:
            event = None if said.get("id") in voided else _event(said)
            if event is None:
                dropped[f"statements with the verb {_verb(said)!r}, or voided"] += 1
                continue
            for name, value in zip(log, (_actor(said), *event), strict=True):
                log[name].append(value)
        notes = tuple(f"{count} {reason}: left out." for reason, count in dropped.items())
        time = pa.array([stamp[:19] for stamp in log["time"]], pa.string())
        table = pa.table({**log, "time": time})
        return Reading(histories(table, file, bad), (source,), {}, notes=notes)


def _statements(file: Path, bad: BadRows) -> list[dict[str, Any]]:
    places, statements = FileRows(bad, bad.places.file(str(file))), []
    for row, line in enumerate(file.read_text("utf-8-sig").splitlines(), 1):
        if not line.strip():
            continue
        try:
            said = parse_json(line)
            if not (said["actor"] and said["verb"]["id"] and said["object"]["id"]):
                raise KeyError("id")
            statements.append(said)
        except (ValueError, KeyError, TypeError):
            remedy = "Each line is a JSON object with actor, verb, object and timestamp."
            places.refuse("the line is no xAPI statement", [row], remedy)
    return statements


def _verb(said: dict[str, Any]) -> str:
    return str(said["verb"]["id"]).rstrip("/").rpartition("/")[2]


def _actor(said: dict[str, Any]) -> str:
    actor = said["actor"]
    account = actor.get("account") or {}
    return str(account.get("name") or actor.get("mbox") or actor.get("openid") or actor.get("name"))


def _event(said: dict[str, Any]) -> tuple[str, str, str, str, str] | None:
    """Return course, event, time, work and value."""
    activities = (said.get("context") or {}).get("contextActivities") or {}
    around = activities.get("grouping") or activities.get("parent") or []
    around = around if isinstance(around, list) else [around]
    about, verb, time = str(said["object"]["id"]), _verb(said), str(said.get("timestamp") or "")
    course = str(around[0]["id"]) if around else about
    result = said.get("result") or {}
    if verb == "registered":
        return course, "registered", time, "", ""
    if verb in _LEFT:
        return course, "left", time, "", ""
    if verb in _CLICKS:
        return course, "clicked", time, "", "1"
    if about == course:
        return (course, "outcome", time, "", _OUTCOMES[verb]) if verb in _OUTCOMES else None
    if verb in _DONE:
        return course, "submitted", time, about, _score(result.get("score") or {})
    return None


def _score(score: dict[str, Any]) -> str:
    if "scaled" in score:
        return str(max(0.0, float(score["scaled"])))
    if "raw" in score and score.get("max"):
        least = float(score.get("min", 0))
        return str((float(score["raw"]) - least) / (float(score["max"]) - least))
    return ""

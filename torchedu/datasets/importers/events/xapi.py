"""Statements of the Experience API (xAPI) into a store of events.

https://github.com/adlnet/xAPI-Spec. A statement's course is the first activity of its context's
``grouping``, else of its ``parent``, else its object. Verbs are known by the last part of their
address, as ADL's and the Tin Can registry's vocabularies have them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from torchedu.datasets.importers.events.importer import EventImporter
from torchedu.datasets.importers.events.log import OWNERS, histories
from torchedu.datasets.importers.reading.clock import Timed
from torchedu.datasets.importers.reading.objects import SUFFIXES, objects
from torchedu.datasets.importers.reading.rows import CORRECT, BadRows, FileRows, Piece, Reading
from torchedu.datasets.importers.reading.text import Source, files, locate

_CLICKS = frozenset([
    "experienced", "launched", "initialized", "interacted", "accessed", "viewed", "resumed",
    "suspended", "progressed", "opened", "played", "paused", "read",
])  # fmt: skip
_DONE = frozenset(
    ["completed", "submitted", "answered", "scored", "passed", "failed", "turned-in", "attempted"]
)
_LEFT = frozenset(["unregistered", "abandoned", "withdrew", "terminated-registration", "left"])
_OUTCOMES = {"passed": "Pass", "completed": "Pass", "failed": "Fail"}
_COLUMNS = ("student", "course", "event", "time", "work", "value")
_REMEDY = (
    "Each is a JSON object with actor, verb, object and timestamp: complete it, or give "
    "⟦on_bad_row⟧ drop."
)

Said = dict[str, Any]


@dataclass(kw_only=True)
class XAPI(Timed, EventImporter):
    """Statements of the Experience API; those of other verbs are left out and counted.

    ``passed``, ``completed`` and ``failed`` on a course itself are its outcome; on anything in it,
    they and ``submitted``, ``answered`` and ``scored`` hand it in. Voided statements count as never
    made.
    """

    name = "xapi"
    reads = "xAPI statements: JSON lines, an array, or an LRS's answer with statements in it"
    suffixes = SUFFIXES
    told_by = ("actor verb object", "statements")
    in_folders = False
    licence = OWNERS

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Begin to read the file or those of a folder; see ``Importer.read``.

        Raises:
            DataError: A line is no statement, or no statement tells how a course ended.
        """
        sources = files(locate(raw), SUFFIXES)
        pieces = histories(_pieces(sources, bad), bad, self.clock())
        return Reading(pieces, tuple(sources), {})


def _pieces(sources: list[Source], bad: BadRows) -> Iterator[Piece]:
    places = [bad.of(source) for source in sources]
    said = [list(_statements(*both)) for both in zip(sources, places, strict=True)]
    voided = {s["object"].get("id") for own in said for _, s in own if _verb(s) == "voided"}
    for rows, own in zip(places, said, strict=True):
        log: dict[str, list[str]] = {name: [] for name in _COLUMNS}
        kept: list[int] = []
        for row, statement in own:
            event = None if statement.get("id") in voided else _event(statement)
            if event is None:
                reason = f"statements with the verb {_verb(statement)!r}, or voided"
                rows.leave_out(reason, [row])
                continue
            kept.append(row)
            for name, value in zip(log, (_actor(statement), *event), strict=True):
                log[name].append(value)
        columns = {name: pa.array(column, pa.string()) for name, column in log.items()}
        yield rows.piece(pa.RecordBatch.from_pydict(columns), np.array(kept, np.int64))


def _statements(source: Source, places: FileRows) -> Iterator[tuple[int, Said]]:
    for row, said in objects(source, places, within="statements"):
        try:
            if not (said["actor"] and said["verb"]["id"] and said["object"]["id"]):
                raise KeyError("id")
            event = _event(said)
        except (ArithmeticError, ValueError, KeyError, TypeError, AttributeError):
            places.refuse("the line is no xAPI statement", [row], _REMEDY)
        else:
            if event and event[-1].replace(".", "").isdigit() and float(event[-1]) > 1:
                places.refuse("the score is above the highest", [row], CORRECT, event[-1])
            else:
                yield row, said


def _verb(said: Said) -> str:
    return str(said["verb"]["id"]).rstrip("/").rpartition("/")[2]


def _actor(said: Said) -> str:
    actor = said["actor"]
    account = actor.get("account") or {}
    return str(account.get("name") or actor.get("mbox") or actor.get("openid") or actor.get("name"))


def _event(said: Said) -> tuple[str, str, str, str, str] | None:
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


def _score(score: Said) -> str:
    if "scaled" in score:
        return str(max(0.0, float(score["scaled"])))
    if "raw" in score and score.get("max"):
        least = float(score.get("min", 0))
        return str((float(score["raw"]) - least) / (float(score["max"]) - least))
    return ""

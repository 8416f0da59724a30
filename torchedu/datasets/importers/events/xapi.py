"""Statements of the Experience API (xAPI) into a store of events; see ``datasets.statements``."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from torchedu.datasets.importers.events.importer import EventImporter
from torchedu.datasets.importers.events.log import OWNERS, histories
from torchedu.datasets.importers.reading.clock import Timed
from torchedu.datasets.importers.reading.objects import SUFFIXES, objects
from torchedu.datasets.importers.reading.rows import CORRECT, BadRows, FileRows, Piece, Reading
from torchedu.datasets.importers.reading.text import Source, files, locate
from torchedu.datasets.statements import Statement, in_course, name_of, verb_of

_OUTCOMES = {0.0: "Pass", 1.0: "Fail"}
_COLUMNS = ("student", "course", "event", "time", "work", "value")
_REMEDY = (
    "Each is a JSON object with actor, verb, object and timestamp: complete it, or give "
    "⟦on_bad_row⟧ drop."
)


@dataclass(kw_only=True)
class XAPI(Timed, EventImporter):
    """Statements of the Experience API; those of other verbs are left out and counted.

    ``passed``, ``completed`` and ``failed`` on a course itself are its outcome; on anything in it,
    they and ``submitted``, ``answered`` and ``scored`` hand it in. Of what was answered, whether it
    was right is the mark where there are no points. Voided statements count as never made.
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
    voided = {s["object"].get("id") for own in said for _, s in own if verb_of(s) == "voided"}
    for rows, own in zip(places, said, strict=True):
        log: dict[str, list[str]] = {name: [] for name in _COLUMNS}
        kept: list[int] = []
        for row, statement in own:
            event = None if statement.get("id") in voided else _event(statement)
            if event is None:
                reason = f"statements with the verb {verb_of(statement)!r}, or voided"
                rows.leave_out(reason, [row])
                continue
            kept.append(row)
            for name, value in zip(log, (name_of(statement["actor"]), *event), strict=True):
                log[name].append(value)
        columns = {name: pa.array(column, pa.string()) for name, column in log.items()}
        yield rows.piece(pa.RecordBatch.from_pydict(columns), np.array(kept, np.int64))


def _statements(source: Source, places: FileRows) -> Iterator[tuple[int, Statement]]:
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


def _event(statement: Statement) -> tuple[str, str, str, str, str] | None:
    """Return course, event, time, work and value."""
    said = in_course(statement)
    if said is None:
        return None
    value = "" if said.value is None else str(said.value)
    if said.event == "outcome":
        value = _OUTCOMES[float(value)]
    time = str(statement.get("timestamp") or "")
    return said.course, said.event, time, said.work or "", value

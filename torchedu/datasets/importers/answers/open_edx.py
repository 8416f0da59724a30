"""Open edX' tracking logs: the answers that its server has checked, an object of JSON a line."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from torchedu.bounded import parse_json
from torchedu.datasets.importers.answers.importer import AnswerImporter
from torchedu.datasets.importers.reading.objects import SUFFIXES, objects
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading, texts
from torchedu.datasets.importers.reading.text import files, locate

COLUMNS = ("student", "item", "correct", "time", "attempt")
CHECKED = "problem_check"
BLOCK = 1 << 16


class OpenEdX(AnswerImporter):
    """Tracking logs of Open edX, of which the server's ``problem_check`` are answers."""

    name = "open_edx"
    reads = "tracking logs of Open edX: the answers that its server has checked"
    licence = "that of the data's owner"
    suffixes = ("tracking.log",)
    told_by = ("username event_type event_source context event time",)

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Begin to read the file, or those of a folder; see ``Importer.read``."""
        sources = files(locate(raw), (".log", ".log.gz", *SUFFIXES))

        def pieces() -> Iterator[Piece]:
            for source in sources:
                places = bad.of(source)
                table: dict[str, list[str | None]] = {name: [] for name in COLUMNS}
                rows: list[int] = []
                others: list[int] = []
                for row, event in objects(source, places):
                    answer = _answer(event)
                    if answer is None:
                        others.append(row)
                        continue
                    rows.append(row)
                    for name, value in zip(COLUMNS, answer, strict=True):
                        table[name].append(value)
                    if len(rows) == BLOCK:
                        yield places.piece(texts(table), np.array(rows, np.int64))
                        table, rows = {name: [] for name in COLUMNS}, []
                places.leave_out("events that are no answers that the server checked", others)
                yield places.piece(texts(table), np.array(rows, np.int64))

        taken = dict(zip(COLUMNS, ("username", "event.problem_id", "event.grade / event.max_grade",
                                   "time", "event.attempts"), strict=True))  # fmt: skip
        return Reading(pieces(), tuple(sources), taken)


def _answer(said: Any) -> tuple[str | None, ...] | None:
    """Return the student, problem, mark, time and attempt of an event; None if it is no answer."""
    if not isinstance(said, Mapping) or said.get("event_source") != "server":
        return None
    event = said.get("event")
    if isinstance(event, str):  # a text that holds it, as some pipelines keep it
        try:
            event = parse_json(event.encode())
        except ValueError:
            return None
    if said.get("event_type") != CHECKED or not isinstance(event, Mapping):
        return None
    grade, most = event.get("grade"), event.get("max_grade")
    mark = None
    if isinstance(grade, (int, float)) and isinstance(most, (int, float)) and most > 0:
        mark = repr(grade / most)
    attempts = event.get("attempts")
    return (
        said.get("username") or None, event.get("problem_id"), mark, said.get("time"),
        None if attempts is None else str(attempts),
    )  # fmt: skip

"""Files as platforms of schools export them, good and bad rows drawn; see ``files_rows``.

Of a table with a row a student, a cell with a mark is an answer: it is kept, or counted. A row of
which no cell can be an answer is counted once.
"""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from files_rows import Draw, File, table_of

SCORES = ("1", "0", "2", "1", "0", "1", "2", "", "-", "3", "-1", "?!", "-7", "99")
"""Marks of a question of two points: some are missing, with extra points or deductions, or none."""
BLANK = ("", "-")


def _one(score: str) -> str:
    """Return the mark of a question of one point, where nothing tells how many there are."""
    return score if score in ("0", "1", "?!", *BLANK) else "1"


def _number(text: str, german: bool, digits: int = 2) -> str:
    try:
        written = f"{float(text):.{digits}f}"
    except ValueError:
        return text
    return written.replace(".", ",") if german else written


def _book(
    folder: Path,
    draw: Draw,
    about: Sequence[str],
    person: Callable[[int], list[str]],
    questions: Sequence[Sequence[str]],
    cells: Callable[[str], list[str]],
    german: bool = False,
    first: Sequence[Sequence[str]] = (),
    after: Sequence[str] = (),
) -> File:
    """Write a table with a row a student.

    Args:
        folder: An empty folder.
        draw: Draws its rows.
        about: Headings of what is about the student.
        person: Returns these of a student.
        questions: The headings of each question.
        cells: Returns a question's cells for a score.
        german: Whether semicolons divide fields.
        first: Rows that stand above those of students.
        after: Headings after those of questions; their cells hold 50.
    """
    heading = [*about, *(head for own in questions for head in own), *after]
    rows, counted = [list(row) for row in first], len(first)
    for student in range(draw.integers(20, 40)):
        scores = [SCORES[i] for i in draw.integers(0, len(SCORES), len(questions))]
        kind = draw.integers(0, 12)
        if kind == 0:
            scores = [""] * len(questions)
        who = [""] * len(about) if kind == 1 else person(student)
        row = [*who, *(cell for score in scores for cell in cells(score)), *("50" for _ in after)]
        said = sum(score not in BLANK for score in scores)
        counted += 1 if kind in (1, 2, 3, 4) else said
        counted += int(not after and not said and kind not in (1, 2, 3, 4))  # graded by nobody
        if kind == 2:
            row = row[:-1]
        elif kind == 3:
            row += ["more"]
        elif kind == 4:
            row = heading
        rows += [row, *([[]] if kind == 5 else [])]
    with (folder / "raw.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, delimiter=";" if german else ",").writerows([heading, *rows])
    return File(folder / "raw.csv", counted)


def _wide(folder: Path, draw: Draw) -> File:
    german = bool(draw.integers(0, 2))
    possible = ["Max. Punkte" if german else "Points possible", *["2"] * 5, ""]
    return _book(
        folder, draw, ["Name"], lambda i: [f"s{i}"], [[f"F{i}"] for i in range(5)],
        lambda score: [_number(score, german)], german, [possible[:6]],
    )  # fmt: skip


def _moodle(folder: Path, draw: Draw) -> File:
    german = bool(draw.integers(0, 2))
    names = ("Vorname", "Nachname", "ID-Nummer") if german else ("First name", "Surname",
                                                                 "ID number")  # fmt: skip

    def person(i: int) -> list[str]:
        return [f"Ann {i}", f"Lee {i}", f"s{i}"]

    if draw.integers(0, 2):
        head = "F {} /2,00" if german else "Q. {} /2.00"
        return _book(folder, draw, names, person, [[head.format(i)] for i in range(5)],
                     lambda score: [_number(score, german)], german)  # fmt: skip
    head = "Antwort {}|Richtige Antwort {}" if german else "Response {}|Right answer {}"
    return _book(folder, draw, names, person, [head.format(i, i).split("|") for i in range(5)],
                 lambda score: [score, "1"])  # fmt: skip


def _canvas(folder: Path, draw: Draw) -> File:
    about = ["Student", "ID", "SIS User ID", "Section"]

    def person(i: int) -> list[str]:
        return [f"Lee, Ann {i}", str(70 + i), f"s{i}", "S1"]

    kind = draw.integers(0, 3)
    if kind == 0:
        possible = ["    Points Possible", "", "", "", *["2.00"] * 5]
        return _book(folder, draw, about, person, [[f"HW {i} (43142{i})"] for i in range(5)],
                     lambda score: [_number(score, False)], first=[possible])  # fmt: skip
    if kind == 1:
        return _book(folder, draw, about, person, [[f"10{i}: Why {i}?", "2.0"] for i in range(5)],
                     lambda score: ["because", score])  # fmt: skip
    heads = ["ItemID", "ItemType", "EarnedPoints", "Status"]
    return _book(
        folder, draw, about, person, [heads for _ in range(5)],
        lambda score: ["q", "choice", _one(score), "graded"],
    )  # fmt: skip


def _forms(folder: Path, draw: Draw) -> File:
    about = ["Timestamp", "Username", "Total score"]

    def person(i: int) -> list[str]:
        return [f"2024-01-03 09:{i:02}:00", f"s{i}", "4.00 / 7"]

    if draw.integers(0, 2):
        return _book(
            folder, draw, about, person,
            [[f"Q {i}?", f"Q {i}? [Score]", f"Q {i}? [Feedback]"] for i in range(5)],
            lambda score: ["x", score if score in (*BLANK, "?!") else f"{score}.00 / 2", "--"],
        )  # fmt: skip
    return _book(
        folder, draw, ["ID", "Start time", "Email"],
        lambda i: [str(i), f"2024-01-03 09:{i:02}:00", f"s{i}"],
        [[f"Q {i}?", f"Points - Q {i}?", f"Feedback - Q {i}?"] for i in range(5)],
        lambda score: ["x", _one(score), ""],
    )  # fmt: skip


def _gradebook(folder: Path, draw: Draw) -> File:
    about = ["First name", "Last name", "ID number"]
    file = _book(
        folder, draw, about, lambda i: [f"Ann {i}", f"Lee {i}", f"s{i}"],
        [[f"Quiz: {i} (Percentage)"] for i in range(5)],
        lambda score: [score if score in (*BLANK, "?!") else f"{50 * int(score)} %"],
        after=["Course total (Percentage)"],
    )  # fmt: skip
    return file._replace(options={"pass_mark": 45})


def _moodle_log(folder: Path, draw: Draw) -> File:
    heading = "Time,User full name,Event context,Component,Event name"
    rows = [
        f"{i % 28 + 1} January 2024 9:{i % 60:02} AM,"
        f"{('-', 'Ann Lee', 'Ben Berg', 'Cleo Clark')[draw.integers(0, 4)]},X,System,viewed"
        for i in range(draw.integers(30, 90))
    ]
    ended = "Full name,Result\nAnn Lee,Pass\nBen Berg,Fail\nCleo Clark,Pass\nNo Show,Fail\n"
    (folder / "ended.csv").write_text(ended)
    file = table_of(folder, "raw.csv", heading, rows, draw)
    return file._replace(options={"outcomes": str(folder / "ended.csv")})


def _open_edx(folder: Path, draw: Draw) -> File:
    lines = []
    for i in range(draw.integers(30, 90)):
        grade = (0, 1, 1, None, "?!")[draw.integers(0, 5)]
        event = {
            "username": ("", "ann", "ben")[draw.integers(0, 3)],
            "event_type": ("problem_check", "play_video")[int(draw.random() < 0.3)],
            "event_source": ("server", "browser")[int(draw.random() < 0.3)], "context": {},
            "time": f"2024-01-31T09:{i % 60:02}:{i // 60:02}.5+00:00",
            "event": {"problem_id": f"q{i % 7}", "grade": grade, "max_grade": 1, "attempts": 1},
        }  # fmt: skip
        line = json.dumps(event)
        lines.append((line, line[:40], '"text"')[draw.choice(3, p=(0.9, 0.05, 0.05))])
    (folder / "tracking.log").write_text("\n".join(lines) + "\n")
    return File(folder / "tracking.log", len(lines))


SCHOOLS: dict[str, Callable[[Path, Draw], File]] = {
    "wide": _wide, "moodle": _moodle, "canvas": _canvas, "forms": _forms,
    "gradebook": _gradebook, "moodle_log": _moodle_log, "open_edx": _open_edx,
}  # fmt: skip

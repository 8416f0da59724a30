"""Files in the layouts of platforms and of this field, made from one small class; see ``LAYOUTS``.

Layouts are learned from documents and public code, not from exports at hand. Each is written in the
languages that its platform translates headings to, and says what a store of it has to hold.
"""

# Long because it holds a generator for each of some sixty layouts.

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from torchedu.datasets.answers import AnswerStore
from torchedu.datasets.chats import ChatStore
from torchedu.datasets.enrolments import EnrolmentStore
from torchedu.datasets.events import EventStore
from torchedu.datasets.store import Store
from torchedu.datasets.transcripts import TranscriptStore

Truth = list[Any]
PEOPLE = [("Anna", "Adler", "a1"), ("Ben", "Berg", "b2"), ("Cleo", "Clark", "c3"),
          ("Dora", "Düring", "d4")]  # fmt: skip
FULL = (1, 2, 4)
POINTS: list[list[float | None]] = [[1, 2, 1], [0, 1, 4], [1, None, 2], [0, 0, 3]]
"""Points of each student in each question; None where it was not answered."""
MARKS: list[list[int | None]] = [[1, 1, 0], [0, 1, 1], [1, None, 0], [0, 0, 1]]
"""The same as 0 and 1."""
DAYS = {"en": "{} January 2024, 9:{:02} AM", "de": "{}. Januar 2024, 09:{:02}"}


class Layout(NamedTuple):
    """A layout of files.

    Attributes:
        name: The platform or data set, what of it, and the language.
        store: What holds it.
        format: The format that reads it.
        write: Writes it into a folder, and returns what is to be read.
        truth: What a store of it says; see ``told``.
        remedy: Options that are asked for by an error, whose remedy names the first of them.
        left: Rows that tell nothing and are counted as left out.
    """

    name: str
    store: type[Store]
    format: str
    write: Callable[[Path], Path]
    truth: Truth
    remedy: dict[str, Any] = {}  # noqa: RUF012
    left: int = 0


def followed(layout: Layout, folder: Path) -> dict[str, Any]:
    """Return the options that a remedy asks for; files lie in the folder."""
    return {
        name: str(folder / value) if str(value).endswith(".csv") else value
        for name, value in layout.remedy.items()
    }


def told(store: Any) -> Truth:
    """Return what a store says: answers, outcomes and marks, messages, courses or sentences."""
    if isinstance(store, AnswerStore):
        item, share = (store.answer_column(name) for name in ("item", "correct"))
        return [
            (who, store.vocabulary["item"].name(int(item[i])), round(float(share[i]), 3))
            for row, who in enumerate(store.student_names(np.arange(store.num_students)))
            for i in range(*store.history_offsets[row : row + 2].tolist())
        ]
    if isinstance(store, EventStore):
        outcome = [store.vocabulary["outcome"].name(i) for i in store.column("outcome").tolist()]
        names, events = store.student_names(np.arange(store.num_enrolments)), store.events
        return sorted(
            (who, ended, [round(float(v), 3) for v in events.value[events.enrolment == row]])
            for row, (who, ended) in enumerate(zip(names, outcome, strict=True))
        )
    if isinstance(store, ChatStore):
        chats = store.chats(np.arange(store.counts["conversations"]))
        return [[(one.role, one.content) for one in chat] for chat in chats]
    if isinstance(store, EnrolmentStore):
        ends = store.history_offsets.tolist()
        item = store.vocabulary["item"]
        names = store.student_names(np.arange(len(ends) - 1))
        return [
            (who, [item.name(int(i)) for i in store.item[begin:stop]])
            for who, begin, stop in zip(names, ends, ends[1:], strict=False)
        ]
    assert isinstance(store, TranscriptStore)
    lessons = np.arange(store.num_lessons)
    speakers = store.speaker_names(store.column("speaker"))
    said = store.sentences(np.arange(store.num_sentences))
    return [*store.lesson_names(lessons), *zip(speakers, said, strict=True)]


def table(
    file: Path, head: Sequence[Any], rows: Iterable[Sequence[Any]], delimiter: str = ","
) -> Path:
    """Write a table of text; of ``.xlsx`` a workbook."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".xlsx":
        from openpyxl import Workbook

        book = Workbook()
        for row in (head, *rows):
            book.active.append(list(row))
        book.save(file)
        return file
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, delimiter=delimiter).writerows([head, *rows])
    return file


def text(file: Path, lines: str) -> Path:
    """Write a text."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(lines, "utf-8")
    return file


def objects(file: Path, values: Sequence[Any], array: bool = False) -> Path:
    """Write objects of JSON, one a line or in one array."""
    return text(file, json.dumps(values) if array else "\n".join(map(json.dumps, values)) + "\n")


def number(value: float | None, language: str, empty: str = "", digits: int = 2) -> str:
    """Write a number as a language does."""
    if value is None:
        return empty
    shown = f"{value:.{digits}f}"
    return shown.replace(".", ",") if language == "de" else shown


def shares(names: Sequence[str], people: int = 2, points: Any = POINTS, full: Any = FULL) -> Truth:
    """Return what answers a store has to hold."""
    return [
        (who[people], name, round(got / most, 3))
        for who, row in zip(PEOPLE, points, strict=True)
        for name, got, most in zip(names, row, full, strict=True)
        if got is not None
    ]


def long(marks: Any = MARKS) -> list[tuple[str, str, int, int]]:
    """Return rows of answers: student, item, mark, and a minute."""
    return [
        (who[2], f"q{i + 1}", mark, 10 * i + n)
        for n, (who, row) in enumerate(zip(PEOPLE, marks, strict=True))
        for i, mark in enumerate(row)
        if mark is not None
    ]


LONG = shares(("q1", "q2", "q3"), points=MARKS, full=(1, 1, 1))


def wide(folder: Path, language: str, possible: str) -> Path:
    """Write a row a student, a column a question."""
    first, total = ("Name", "Gesamt") if language == "de" else ("Name", "Total")
    rows = [[possible, *(number(f, language) for f in FULL), ""]] if possible else []
    points = POINTS if possible else MARKS
    rows += [
        [who[2], *(number(p, language) for p in row), "5"]
        for who, row in zip(PEOPLE, points, strict=True)
    ]
    return table(
        folder / "class.csv",
        (first, "F1", "F2", "F3", total),
        rows,
        ";" if language == "de" else ",",
    )


def moodle_grades(folder: Path, language: str) -> Path:
    """Write the grades of a quiz, as Moodle exports them."""
    de = language == "de"
    about = ("Nachname,Vorname,ID-Nummer,E-Mail-Adresse,Status,Begonnen am,Beendet,Verbrauchte Zeit"
             if de else "Last name,First name,ID number,Email address,State,Started on,Completed,"
             "Time taken").split(",")  # fmt: skip
    head = [*about, "Bewertung/7,00" if de else "Grade/7.00"]
    head += [f"{'F' if de else 'Q.'} {i + 1} /{number(f, language)}" for i, f in enumerate(FULL)]
    rows = [
        [who[1], who[0], who[2], f"{who[2]}@x.org", "Finished", DAYS[language].format(3 + n, n),
         DAYS[language].format(3 + n, n + 9), "9 mins", "5",
         *(number(p, language, "-") for p in row)]
        for n, (who, row) in enumerate(zip(PEOPLE, POINTS, strict=True))
    ]  # fmt: skip
    end = ["Gesamtdurchschnitt" if de else "Overall average", *[""] * 8, *["1"] * 3]
    return table(folder / "quiz-grades.csv", head, [*rows, end])


def moodle_responses(folder: Path, language: str) -> Path:
    """Write the responses of a quiz with the right answers, as Moodle exports them."""
    de = language == "de"
    head = ("Nachname,Vorname,ID-Nummer,Begonnen am" if de else
            "Last name,First name,ID number,Started on").split(",")  # fmt: skip
    for i in range(3):
        head += [f"Antwort {i + 1}", f"Richtige Antwort {i + 1}"] if de else [
            f"Response {i + 1}", f"Right answer {i + 1}"]  # fmt: skip
    rows = []
    for n, (who, row) in enumerate(zip(PEOPLE, MARKS, strict=True)):
        rows.append([who[1], who[0], who[2], DAYS[language].format(3 + n, n)])
        for mark in row:
            rows[-1] += ["-" if mark is None else "Paris" if mark else "Rom", "Paris"]
    return table(folder / "quiz-responses.csv", head, rows)


def moodle_gradebook(folder: Path, language: str, percent: bool = True) -> Path:
    """Write a gradebook, as Moodle exports it; each student's total in percent is 60, 70, ..."""
    de = language == "de"
    head = ("Vorname,Nachname,ID-Nummer,E-Mail-Adresse" if de else
            "First name,Last name,ID number,Email address").split(",")  # fmt: skip
    word = ("Prozentsatz" if de else "Percentage") if percent else ("Punkte" if de else "Real")
    head += [f"{'Test' if de else 'Quiz'}: {name} ({word})" for name in ("A", "B", "C")]
    head.append(f"{'Kurs gesamt' if de else 'Course total'} ({word})")
    rows = [
        [who[0], who[1], who[2], f"{who[2]}@x.org",
         *("-" if p is None else number(100 * p / f, language) + " %" if percent else
           number(p, language) for p, f in zip(row, FULL, strict=True)),
         number(60 - 10 * n, language) + (" %" if percent else "")]
        for n, (who, row) in enumerate(zip(PEOPLE, POINTS, strict=True))
    ]  # fmt: skip
    return table(folder / "grades.csv", head, rows)


def canvas_gradebook(folder: Path, language: str) -> Path:
    """Write a gradebook, as Canvas exports it; for German as a spreadsheet saves it there."""
    head = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    head += [f"HW {i + 1} ({4314282 + i})" for i in range(3)] + ["Current Score", "Final Score"]
    rows = [["    Points Possible", *[""] * 4, *(number(f, language) for f in FULL),
             "(read only)", "(read only)"]]  # fmt: skip
    rows += [
        [f"{who[1]}, {who[0]}", str(70 + n), who[2], f"{who[2]}@x", "S1",
         *(number(p, language) for p in row), "50", number(60 - 10 * n, language)]
        for n, (who, row) in enumerate(zip(PEOPLE, POINTS, strict=True))
    ]  # fmt: skip
    rows.append(["Student, Test", "99", "", "", "S1", "0", "0", "0", "0", "0"])
    return table(folder / "gradebook.csv", head, rows, ";" if language == "de" else ",")


def canvas_analysis(folder: Path, language: str) -> Path:
    """Write the student analysis of a classic quiz, as Canvas exports it."""
    head = [
        "name",
        "id",
        "sis_id",
        "section",
        "section_id",
        "section_sis_id",
        "submitted",
        "attempt",
    ]
    for i, full in enumerate(FULL):
        head += [f"{101 + i}: Frage {i + 1}?", number(full, language, digits=1)]
    head += ["n correct", "n incorrect", "score"]
    rows = []
    for n, (who, row) in enumerate(zip(PEOPLE, POINTS, strict=True)):
        about = [who[0], str(n), who[2], "A", "5", "SA", f"2024-01-0{n + 3} 09:00:00 UTC", "1"]
        rows.append([*about, *(c for p in row for c in ("x", number(p, language))), "2", "1", "3"])
    return table(folder / "analysis.csv", head, rows, ";" if language == "de" else ",")


def new_quizzes(folder: Path, language: str) -> Path:
    """Write the student analysis of New Quizzes: an item's columns again for each of them."""
    head = ["Name", "ID", "SIS ID", "Submitted", "Attempt"]
    rows = [
        [who[0], str(n), who[2], f"2024-01-0{n + 3}T09:00:00Z", "1"] for n, who in enumerate(PEOPLE)
    ]
    for i in range(3):
        head += ["ItemID", "ItemType", "EarnedPoints", "Status"]
        for row, marks in zip(rows, MARKS, strict=True):
            row += [f"q{i + 1}", "choice", number(marks[i], language), "correct"]
    return table(folder / "new.csv", head, rows, ";" if language == "de" else ",")


def google_forms(folder: Path, language: str) -> Path:
    """Write the answers to a quiz, as Google Forms exports them."""
    de = language == "de"
    head = ("Zeitstempel,Nutzername,Gesamtpunktzahl" if de else
            "Timestamp,Username,Total score").split(",")  # fmt: skip
    score, feedback = ("Punktzahl", "Feedback") if de else ("Score", "Feedback")
    for i in range(3):
        head += [f"Q {i + 1}?", f"Q {i + 1}? [{score}]", f"Q {i + 1}? [{feedback}]"]
    rows = []
    for n, (who, row) in enumerate(zip(PEOPLE, POINTS, strict=True)):
        rows.append([f"2024-01-0{n + 3} 09:00:00", who[2], "4.00 / 7"])
        for p, f in zip(row, FULL, strict=True):
            rows[-1] += ["x", "" if p is None else f"{p:.2f} / {f}", "--"]
    return table(folder / "quiz.csv", head, rows)


def microsoft_forms(folder: Path, language: str) -> Path:
    """Write the answers to a quiz, as Microsoft Forms exports them; all questions of one point."""
    de = language == "de"
    english = "ID,Start time,Completion time,Email,Name,Total points,Quiz feedback"
    german = "ID,Startzeit,Fertigstellungszeit,E-Mail,Name,Gesamtpunkte,Quizfeedback"
    head = (german if de else english).split(",")
    points = "Punkte" if de else "Points"
    for i in range(3):
        head += [f"Q {i + 1}?", f"{points} - Q {i + 1}?", f"Feedback - Q {i + 1}?"]
    rows = []
    for n, (who, row) in enumerate(zip(PEOPLE, MARKS, strict=True)):
        times = [f"2024-01-0{n + 3} 09:0{m}:00" for m in (0, 9)]
        rows.append([n + 1, *times, f"{who[2]}", who[0], 2, ""])
        for mark in row:
            rows[-1] += ["x", "" if mark is None else mark, ""]
    return table(folder / "quiz.xlsx", head, rows)


def german_long(folder: Path) -> Path:
    """Write a row an answer under German headings."""
    rows = [(s, i, "richtig" if m else "falsch", f"{3 + t}.01.2024 09:00") for s, i, m, t in
            long() if t < 28]  # fmt: skip
    return table(folder / "antworten.csv", ("Schüler", "Aufgabe", "Ergebnis", "Zeit"), rows, ";")


def field_names(folder: Path, time: str, written: str) -> Path:
    """Write a row an answer, the rows backwards, under a heading of time that the field has."""
    rows = [(s, i, m, written.format(20 + t)) for s, i, m, t in reversed(long())]
    return table(folder / "log.csv", ("uid", "problemId", "is_correct", time), rows)


def assistments(folder: Path, year: int) -> Path:
    """Write a table of ASSISTments, rows backwards in a release with times or an order."""
    rows: list[tuple[Any, ...]] = []
    for s, i, m, t in reversed(long()):
        if year == 2009:
            skills = ("Add", "Sub")[: 1 + (i == "q2")]
            rows += [(100 + t, 1, s, 1, i, 1, m, 1, 3000 + t, skill, skill) for skill in skills]
        elif year == 2012:
            when = f"2012-09-28 15:{10 + t:02}:27.343"
            rows.append((100 + t, "Add", i, s, 1, when, when, m, 3000, 1))
        elif year == 2015:
            rows.append((s, 167478000 + t, i, m))
        else:
            rows.append((s, 2, "Add", i, 1096470301 + 60 * t, 67.5, m, 1))
    heads = {
        2009: "order_id,assignment_id,user_id,assistment_id,problem_id,original,correct,"
        "attempt_count,ms_first_response,skill_id,skill_name",
        2012: "problem_log_id,skill,problem_id,user_id,assignment_id,start_time,end_time,correct,"
        "ms_first_response,attempt_count",
        2015: "user_id,log_id,sequence_id,correct",
        2017: "studentId,MiddleSchoolId,skill,problemId,startTime,timeTaken,correct,attemptCount",
    }
    return table(folder / f"assistments_{year}.csv", heads[year].split(","), rows)


def kdd_cup(folder: Path, skills: str) -> Path:
    """Write a table of the KDD Cup 2010, rows backwards."""
    head = ["Row", "Anon Student Id", "Problem Hierarchy", "Problem Name", "Problem View",
            "Step Name", "Step Start Time", "First Transaction Time", "Step Duration (sec)",
            "Correct First Attempt", skills, "Opportunity"]  # fmt: skip
    rows = [
        (n, s, "Unit 1", i, 1, "x+2 = 5", "", f"2005-09-09 12:{20 + t}:35.0", 14, m, "A~~B", "1~~1")
        for n, (s, i, m, t) in enumerate(reversed(long()))
    ]
    return table(folder / "train.txt", head, rows, "\t")


def junyi(folder: Path, year: int) -> Path:
    """Write a log of Junyi Academy, rows backwards."""
    if year == 2015:
        head = ("user_id", "exercise", "problem_type", "time_done", "time_taken", "correct",
                "count_attempts")  # fmt: skip
        rows: list[Any] = [
            (s, i, "0", 1420714810324320 + 60_000_000 * t, 6, "true" if m else "false", 1)
            for s, i, m, t in reversed(long())
        ]
    else:
        head = ("timestamp_TW", "uuid", "ucid", "upid", "problem_number", "is_correct",
                "total_sec_taken")  # fmt: skip
        rows = [
            (f"2019-05-08 16:{10 + t}:00 UTC", s, "c1", i, 1, bool(m), 10)
            for s, i, m, t in reversed(long())
        ]
    return table(folder / "log.csv", head, rows)


def eedi(folder: Path) -> Path:
    """Write tasks 3 and 4 of the NeurIPS 2020 challenge, rows backwards."""
    rows = list(enumerate(reversed(long())))
    table(folder / "nips" / "train_data" / "train_task_3_4.csv",
          ("QuestionId", "UserId", "AnswerId", "IsCorrect", "CorrectAnswer", "AnswerValue"),
          [(i, s, n, m, 2, 2) for n, (s, i, m, _) in rows])  # fmt: skip
    table(folder / "nips" / "metadata" / "answer_metadata_task_3_4.csv",
          ("AnswerId", "DateAnswered", "Confidence"),
          [(n, f"2019-12-08 17:{10 + t}:00.000", "") for n, (_, _, _, t) in rows])  # fmt: skip
    table(folder / "nips" / "metadata" / "question_metadata_task_3_4.csv",
          ("QuestionId", "SubjectId"), [(f"q{i}", f"[3, 7{i}]") for i in (1, 2, 3)])  # fmt: skip
    return folder / "nips"


def pykt(folder: Path, windows: bool, where: str = "") -> Path:
    """Write pyKT's tables; with windows as sequences that are padded, with a concept a row."""
    rows: dict[bool, list[Any]] = {False: [], True: []}
    for n, who in enumerate(PEOPLE):
        own = [(i[1:], m, t) for s, i, m, t in long() if s == who[2]]
        cells = [(q, "7" if windows else f"{q}_9", m, 1134653959000 + 1000 * t, 0)
                 for q, m, t in own]  # fmt: skip
        if windows:  # the second question has a concept more
            again = [(q, "8", m, t, 1) for q, _, m, t, _ in cells if q == "2"]
            cells = sorted([*cells, *again], key=lambda one: (one[3], one[4]))
            cells += [("-1", "-1", "-1", "-1", "-1")] * 3  # type: ignore[list-item]
        lists = [",".join(str(one[k]) for one in cells) for k in range(5)]
        masks = ",".join("-1" if one[0] == "-1" else "1" for one in cells)
        test = n == 3
        rows[test].append([-1 if test else n % 2, who[2], *lists[:4], masks, lists[4]])
    head = ("fold", "uid", "questions", "concepts", "responses", "timestamps", "selectmasks",
            "is_repeat")  # fmt: skip
    name = "_sequences" if windows else ""
    end = "_quelevel" if where else ""
    used = slice(None) if windows else slice(6)
    place = folder / "pykt" / where
    table(place / f"train_valid{name}{end}.csv", head[used], [row[used] for row in rows[False]])
    table(place / f"test{name}{end}.csv", head[used], [row[used] for row in rows[True]])
    return folder / "pykt"


NUMBERED = [(who, item[1:], share) for who, item, share in LONG]


def lines(folder: Path, period: int) -> Path:
    """Write three or four lines a student."""
    written = []
    for who in PEOPLE:
        own = [(i[1:], m) for s, i, m, _ in long() if s == who[2]]
        items, marks = (",".join(str(one[k]) for one in own) for k in (0, 1))
        written += [str(len(own))] if period == 3 else [f"{len(written) // 4},{who[2][1:]}", items]
        written += [items if period == 3 else ",".join("7" for _ in own), marks]
    return text(folder / "builder.csv", "\n".join(written) + "\n")


def slam(folder: Path, apart: bool = False) -> Path:
    """Write exercises of Duolingo's shared task, one for each answer, with labels or apart."""
    rows = list(enumerate(sorted(long(), key=lambda row: row[0])))
    label = "" if apart else "  {}"
    written = [
        f"# prompt:x\n# user:{s}  countries:MX  days:{t / 10}  client:web  session:lesson  "
        f"format:listen  time:9\n{n:010}01  {i}  NOUN  Number=Sing  ROOT  0{label.format(1 - m)}\n"
        for n, (s, i, m, t) in rows
    ]
    if not apart:
        return text(folder / "es_en.slam.20190204.train", "\n".join(written))
    key = [f"{n:010}01 {1 - m}\n" for n, (_, _, m, _) in reversed(rows)]
    text(folder / "slam" / "es_en.slam.20190204.test.key", "".join(key))
    text(folder / "slam" / "es_en.slam.20190204.test", "\n".join(written))
    return folder / "slam"


def university(folder: Path, language: str) -> Path:
    """Write a row a student with an outcome, as universities keep them."""
    de = language == "de"
    head = ("Matrikelnummer", "Geschlecht", "Alter", "Punkte", "Status") if de else (
        "student_id", "gender", "age", "points", "Target")  # fmt: skip
    ended = ("abgebrochen", "abgeschlossen") if de else ("Dropout", "Graduate")
    rows = [
        (f"s{i:02}", "mf"[i % 2], 18 + i % 13, number(i * 2.5, language), ended[i > 8])
        for i in range(30)
    ]
    return table(folder / "studierende.csv", head, rows, ";" if de else ",")


def ended(words: tuple[str, str]) -> Truth:
    """Return how the students of ``university`` ended."""
    return [(f"s{i:02}", words[i > 8], []) for i in range(30)]


BOOK = sorted(
    (who[2], "Pass" if 60 - 10 * n >= 45 else "Fail",
     [round(p / f, 3) for p, f in zip(row, FULL, strict=True) if p is not None])
    for n, (who, row) in enumerate(zip(PEOPLE, POINTS, strict=True))
)  # fmt: skip
"""What a store of a gradebook says where 45 is enough."""
CHAT = [[("user", "What is 1 + 2?"), ("assistant", "It is 3.")]]
SYSTEM = [[("system", "Be brief."), *CHAT[0]]]


def vtt(folder: Path, teams: bool, words: tuple[str, str]) -> Path:
    """Write a lesson as WebVTT, as Zoom writes it or as Teams does."""
    cues = []
    for n, (who, said) in enumerate(zip(("Ms. Lee", "Tom"), words, strict=True), 1):
        shown = f"<v {who}>{said}</v>" if teams else f"{who}: {said}"
        cues.append(f"{n}\n00:00:0{n}.000 --> 00:00:0{n + 1}.000\n{shown}\n")
    return text(folder / "lesson.vtt", "\n".join(["WEBVTT\n", *cues]))


def whisper(folder: Path, speakers: bool) -> Path:
    """Write a lesson as Whisper does, or as WhisperX does with speakers."""
    said = [
        {"id": n, "start": n, "end": n + 1, "text": f" {words}"}
        | ({"speaker": f"SPEAKER_0{n}"} if speakers else {})
        for n, words in enumerate(("Good morning.", "Hello."))
    ]
    value = {"text": "Good morning. Hello.", "segments": said, "language": "en"}
    return text(folder / "lesson.json", json.dumps(value))


SPOKEN = {
    "captions of Zoom": "[Ms. Lee] 09:01:12\nGood\nmorning.\n\n[Tom] 09:01:20\nHello.\n",
    "Otter": "Ms. Lee  0:03\nGood morning.\n\nTom  0:07\nHello.\n",
    "chat of Zoom": "09:01:12 From Ms. Lee to Everyone:\n\tGood morning.\n"
                    "09:01:20\t From  Tom : Hello.\n",
    "typed": "Ms. Lee: Good\nmorning.\nTom: Hello.\n",
    "typed with times": "[0:03] Ms. Lee: Good morning.\n[0:07] Tom: Hello.\n",
}  # fmt: skip
"""Texts of one lesson that name who speaks."""


def lines_pair(folder: Path) -> Path:
    """Write DKVMN's train and test file, each of which counts its own students."""
    for part, who in (("train", PEOPLE[:3]), ("test", PEOPLE[3:])):
        written = []
        for person in who:
            own = [(i[1:], m) for s, i, m, _ in long() if s == person[2]]
            lists = [",".join(str(row[k]) for row in own) for k in (0, 1)]
            written += [str(len(own)), *lists]
        text(folder / "pair" / f"builder_{part}1.csv", "\n".join(written) + "\n")
    return folder / "pair"


def srt(folder: Path) -> Path:
    """Write a lesson as SRT."""
    return text(folder / "lesson.srt", "1\n00:00:01,000 --> 00:00:02,000\nTom: Good\nmorning.\n")


def moodle_log(folder: Path, language: str) -> Path:
    """Write a course's log as Moodle exports it, with a table of outcomes beside it."""
    de = language == "de"
    head = ("Zeit,Vollständiger Name,Betroffene/r Nutzer/in,Ereigniskontext,Komponente,Ereignisname"
            if de else "Time,User full name,Affected user,Event context,Component,Event name"
            ).split(",")  # fmt: skip
    rows = [
        [DAYS[language].format(3 + 7 * step + n, n), f"{who[0]} {who[1]}", "-", "Course: X",
         "System", "Course viewed"]
        for step in range(3) for n, who in enumerate(PEOPLE)
    ]  # fmt: skip
    rows.append([DAYS[language].format(1, 0), "-", "-", "Course: X", "System", "Cron"])
    table(folder / "ended.csv", ("Vorname", "Nachname", "Ergebnis") if de else
          ("First name", "Last name", "Result"),
          [(who[0], who[1], ("bestanden" if de else "Pass", "nicht bestanden" if de else "Fail")
            [n % 2]) for n, who in enumerate(PEOPLE)])  # fmt: skip
    return table(folder / "logs.csv", head, rows)


def open_edx(folder: Path, others: bool = True) -> Path:
    """Write a tracking log of Open edX, backwards, with events that are no answers."""
    events = [
        {"username": s, "event_type": "problem_check", "event_source": "server", "context": {},
         "time": f"2024-01-31T09:{20 + t}:00.5+00:00",
         "event": {"problem_id": i, "grade": m, "max_grade": 1, "attempts": 1}}
        for s, i, m, t in reversed(long())
    ]  # fmt: skip
    events.append(events[0] | {"event_type": "play_video", "event": "{}"})
    events.append(events[0] | {"event_source": "browser", "event": "input_1=2"})
    return objects(folder / "tracking.log", events if others else events[:-2])


def split_pair(folder: Path) -> Path:
    """Write train.csv and test.csv of answers, a row an answer."""
    for part, rows in (("train", [r for r in long() if r[0] < "c"]),
                       ("test", [r for r in long() if r[0] >= "c"])):  # fmt: skip
        table(folder / "pair" / f"{part}.csv", ("student", "item", "correct", "time"), rows)
    return folder / "pair"


def ncf(folder: Path) -> Path:
    """Write the published files of NCF, of which a student's test course is among its negatives."""
    text(folder / "ncf" / "x.train.rating", "0\t5\t4\t20\n0\t6\t4\t10\n1\t5\t3\t30\n1\t8\t3\t1\n")
    text(folder / "ncf" / "x.test.rating", "0\t7\t5\t5\n1\t6\t5\t5\n")
    text(folder / "ncf" / "x.test.negative", "(0,7)\t1\t7\n(1,6)\t2\t3\n")
    return folder / "ncf"


def _answers(
    name: str, format: str, write: Any, names: Sequence[str], left: int = 0, **more: Any
) -> Layout:
    return Layout(name, AnswerStore, format, write, shares(names, **more), left=left)


_ONES = {"points": MARKS, "full": (1, 1, 1)}
_QS = ("Q 1?", "Q 2?", "Q 3?")
LAYOUTS = [
    *(_answers(f"wide, {lg}", "wide", partial(wide, language=lg, possible=""), ("F1", "F2", "F3"),
               **_ONES) for lg in ("en", "de")),
    *(_answers(f"wide with possible points, {lg}", "wide",
               partial(wide, language=lg, possible=word), ("F1", "F2", "F3"), 1)
      for lg, word in (("en", "Points possible"), ("de", "Max. Punkte"))),
    *(_answers(f"Moodle quiz grades, {lg}", "moodle", partial(moodle_grades, language=lg),
               tuple(f"{q} {i}" for i in (1, 2, 3)), 1) for lg, q in (("en", "Q."), ("de", "F"))),
    *(_answers(f"Moodle quiz responses, {lg}", "moodle", partial(moodle_responses, language=lg),
               ("1", "2", "3"), **_ONES) for lg in ("en", "de")),
    *(_answers(f"Moodle gradebook in percent, {lg}", "moodle",
               partial(moodle_gradebook, language=lg),
               tuple(f"{t}: {q}" for q in "ABC")) for lg, t in (("en", "Quiz"), ("de", "Test"))),
    *(_answers(f"Canvas gradebook, {lg}", "canvas", partial(canvas_gradebook, language=lg),
               ("HW 1", "HW 2", "HW 3"), 2) for lg in ("en", "de")),
    *(_answers(f"Canvas quiz analysis, {lg}", "canvas", partial(canvas_analysis, language=lg),
               tuple(f"Frage {i}?" for i in (1, 2, 3))) for lg in ("en", "de")),
    *(_answers(f"Canvas New Quizzes, {lg}", "canvas", partial(new_quizzes, language=lg),
               ("q1", "q2", "q3"), **_ONES) for lg in ("en", "de")),
    *(_answers(f"Google Forms quiz, {lg}", "forms", partial(google_forms, language=lg), _QS)
      for lg in ("en", "de")),
    *(_answers(f"Microsoft Forms quiz, {lg}", "forms", partial(microsoft_forms, language=lg), _QS,
               **_ONES) for lg in ("en", "de")),
    Layout("a row an answer, de", AnswerStore, "csv", german_long, LONG),
    *(Layout(f"a row an answer, time as {head}", AnswerStore, "csv",
             partial(field_names, time=head, written=written), LONG)
      for head, written in (
          ("start_time", "2024-01-31 09:{:02}:00"), ("startTime", "{}"), ("order_id", "{}"),
          ("time_done", "17066900{:02}"), ("First Transaction Time", "2024-01-31 09:{:02}:00.0"),
          ("Time Stamp", "2024-01-31T09:{:02}:00Z"),
      )),
    *(Layout(f"ASSISTments {year}", AnswerStore, "assistments", partial(assistments, year=year),
             LONG) for year in (2009, 2012, 2015, 2017)),
    *(Layout(f"KDD Cup, {skills}", AnswerStore, "kdd_cup", partial(kdd_cup, skills=skills),
             [(s, f"{i} / x+2 = 5", m) for s, i, m in LONG])
      for skills in ("KC(Default)", "KC(SubSkills)")),
    *(Layout(f"Junyi {year}", AnswerStore, "junyi", partial(junyi, year=year), LONG)
      for year in (2015, 2019)),
    Layout("NIPS34 (Eedi)", AnswerStore, "eedi", eedi, LONG),
    Layout("pyKT sequences", AnswerStore, "pykt", partial(pykt, windows=True), NUMBERED),
    Layout("pyKT whole", AnswerStore, "pykt", partial(pykt, windows=False), NUMBERED),
    Layout("XES3G5M, questions", AnswerStore, "pykt",
           partial(pykt, windows=False, where="question_level/"), NUMBERED),
    Layout("DKT, DKVMN: three lines", AnswerStore, "lines", partial(lines, period=3),
           [(str(1 + [p[2] for p in PEOPLE].index(s)), i, m) for s, i, m in NUMBERED]),
    Layout("AKT: four lines", AnswerStore, "lines", partial(lines, period=4),
           [(s[1:], i, m) for s, i, m in NUMBERED]),
    Layout("DKVMN's train and test files", AnswerStore, "lines", lines_pair,
           [(f"{'test' if s == 'd4' else 'train'} {1 if s == 'd4' else 'abc'.index(s[0]) + 1}",
             i, m) for s, i, m in sorted(NUMBERED, key=lambda row: row[0] != "d4")]),
    Layout("Duolingo SLAM", AnswerStore, "slam", slam, LONG),
    Layout("Duolingo SLAM, labels apart", AnswerStore, "slam", partial(slam, apart=True), LONG),
    Layout("train.csv and test.csv", AnswerStore, "csv", split_pair, LONG),
    Layout("NCF as published", EnrolmentStore, "ncf", ncf,
           [("0", ["6", "5", "7"]), ("1", ["8", "5", "6"])]),
    *(Layout(f"universities' table, {lg}", EventStore, "students", partial(university, language=lg),
             ended(words)) for lg, words in (("en", ("Dropout", "Graduate")),
                                            ("de", ("abgebrochen", "abgeschlossen")))),
    *(Layout(f"Moodle gradebook with a total, {lg}", EventStore, "gradebook",
             partial(moodle_gradebook, language=lg), BOOK, {"pass_mark": 45})
      for lg in ("en", "de")),
    *(Layout(f"Moodle log, {lg}", EventStore, "moodle_log", partial(moodle_log, language=lg),
             sorted((f"{who[0]} {who[1]}", words[n % 2], [1.0] * 3)
                    for n, who in enumerate(PEOPLE)), {"outcomes": "ended.csv"}, 1)
      for lg, words in (("en", ("Pass", "Fail")), ("de", ("bestanden", "nicht bestanden")))),
    Layout("Open edX tracking log", AnswerStore, "open_edx", open_edx, LONG, left=2),
    *(Layout(f"Moodle gradebook in points, {lg}", AnswerStore, "moodle",
             partial(moodle_gradebook, language=lg, percent=False),
             shares(tuple(f"{t}: {q}" for q in "ABC")), {"points": "highest"})
      for lg, t in (("en", "Quiz"), ("de", "Test"))),
    *(Layout(f"Canvas gradebook with a total, {lg}", EventStore, "gradebook",
             partial(canvas_gradebook, language=lg), BOOK, {"pass_mark": 45}, 2)
      for lg in ("en", "de")),
    *(Layout(f"chats: {name}", ChatStore, "chats", partial(
        lambda folder, value, array: objects(folder / ("c.json" if array else "c.jsonl"), value,
                                             array), value=[value], array=array), truth)
      for name, value, array, truth in (
          ("messages", {"messages": [{"role": r, "content": c} for r, c in CHAT[0]]}, False, CHAT),
          ("ShareGPT", {"id": "1", "conversations": [
              {"from": "system", "value": "Be brief."},
              {"from": "human", "value": CHAT[0][0][1]},
              {"from": "gpt", "value": CHAT[0][1][1]}]}, True, SYSTEM),
          ("Alpaca", {"instruction": "What is 1 + 2?", "input": "", "output": "It is 3."}, True,
           CHAT),
          ("prompt and completion", {"prompt": "What is 1 + 2?", "completion": "It is 3."}, False,
           CHAT),
          ("prompt and completion of messages", {
              "prompt": [{"role": "developer", "content": "Be brief."},
                         {"role": "user", "content": "What is 1 + 2?"}],
              "completion": [{"role": "assistant", "content": "It is 3."}]}, False, SYSTEM),
          ("content in parts", {"messages": [
              {"role": "user", "content": [{"type": "text", "text": "What is 1 + 2?"}]},
              {"role": "assistant", "content": [{"type": "text", "text": "It is 3."}]}]}, False,
           CHAT),
      )),
    *(Layout(f"WebVTT of {who}, {lg}", TranscriptStore, "recordings",
             partial(vtt, teams=who == "Teams", words=words),
             ["lesson", *zip(("Ms. Lee", "Tom"), words, strict=True)])
      for who in ("Zoom", "Teams")
      for lg, words in (("en", ("Good morning.", "Hello.")), ("de", ("Guten Tag.", "Hallo.")))),
    Layout("Whisper", TranscriptStore, "recordings", partial(whisper, speakers=False),
           ["lesson", ("(no speaker named)", "Good morning."), ("(no speaker named)", "Hello.")]),
    Layout("WhisperX", TranscriptStore, "recordings", partial(whisper, speakers=True),
           ["lesson", ("SPEAKER_00", "Good morning."), ("SPEAKER_01", "Hello.")]),
    *(Layout(f"a text that names speakers: {name}", TranscriptStore, "recordings",
             partial(lambda folder, said: text(folder / "lesson.txt", said), said=said),
             ["lesson", ("Ms. Lee", "Good morning."), ("Tom", "Hello.")])
      for name, said in SPOKEN.items()),
    Layout("SRT", TranscriptStore, "recordings", srt, ["lesson", ("Tom", "Good morning.")]),
]  # fmt: skip
"""Every layout, with what is in it."""

"""Small files on which imports went wrong once, and what is right of each, by their ids."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from torchedu.datasets.importers import guess_format, import_data
from torchedu.datasets.store import Store
from torchedu.errors import TorcheduError

HEAD = "student,item,correct"
DAYS = [f"2024-01-{i + 1:02d} 09:00" for i in range(12)]


def _table(heading: str, rows: list[str]) -> str:
    return "\n".join([heading, *rows]) + "\n"


def _answers(marks: list[str], more: str = "", values: list[str] | None = None) -> str:
    rows = [f"s{i % 3},q{i},{mark}" for i, mark in enumerate(marks)]
    values = values or [""] * len(rows)
    rows = [f'{row},"{value}"' if more else row for row, value in zip(rows, values, strict=True)]
    return _table(HEAD + (f",{more}" if more else ""), rows)


class Case:
    """A folder to try files in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, text: str | bytes, name: str = "raw.csv") -> Path:
        """Write a file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def read(self, form: str, raw: Path, **options: Any) -> Any:
        """Return the store of a file."""
        return import_data(form, raw, self.folder / "out.store", options)

    def said(self, form: str, raw: Path, **options: Any) -> str:
        """Return how it is refused; empty where it is not."""
        try:
            self.read(form, raw, **options)
        except TorcheduError as error:
            return str(error)
        return ""

    def notes(self, form: str, raw: Path, **options: Any) -> str:
        """Return what is said of it."""
        return " ".join(self.read(form, raw, **options).about["notes"])


def _mean(store: Any) -> float:
    return float(np.mean(store.correct))


def a2(case: Case) -> bool:
    """A score of 0 to 5 is a mistake of scale, and drop takes no part of it."""
    raw = case.file(_answers(list("012345" * 3)))
    refused = case.said("csv", raw, on_bad_row="drop")
    whole = case.read("csv", raw, full_mark=5.0)
    return "full_mark 5" in refused and "drop" not in refused and abs(_mean(whole) - 0.5) < 1e-6


def a3(case: Case) -> bool:
    """Marks in words, percent and with commas."""
    written = (
        ["Yes", "No"],
        ["right", "wrong"],
        ["T", "F"],
        ["100%", "0 %"],
        ["richtig", "falsch"],
    )
    good = all(_mean(case.read("csv", case.file(_answers(words * 4)))) == 0.5 for words in written)
    comma = case.file(_answers(["0,5", "1,0"] * 4).replace(",", ";").replace("0;5", "0,5")
                      .replace("1;0", "1,0"))  # fmt: skip
    return good and _mean(case.read("csv", comma)) == 0.75


def a4(case: Case) -> bool:
    """Times under other headings are recognised, or named with the option that takes them."""
    names = ("start_time", "startTime", "time_done", "order_id", "First Transaction Time")
    for name in (*names, "Time Stamp", "Abgabe"):
        values = [str(i) for i in range(12)] if name == "order_id" else DAYS
        store = case.read("csv", case.file(_answers(["1", "0"] * 6, name, values)))
        told = any(name in note and "columns.time" in note for note in store.about["notes"])
        if not (told or name in store.about["columns"].values()):
            return False
    return True


def a5(case: Case) -> bool:
    """Times as countries write them."""
    one = ["01.03.2024 09:03", "02.03.2024 09:03", "13.03.2024 09:03"]
    two = ["03/01/2024 09:03 AM", "03/02/2024 09:03 AM", "03/13/2024 09:03 AM"]
    three = [f"2024-03-{day} 09:03:00 UTC" for day in ("01", "02", "13")]
    files = [case.file(_answers(["1", "0", "1"], "time", times)) for times in (one, two, three)]
    return all(_moments(case, file) == _moments(case, files[0]) for file in files) and bool(
        case.said("csv", case.file(_answers(["1", "0"], "time", ["03/01/2024", "03/02/2024"])))
    )


def _moments(case: Case, raw: Path) -> list[int]:
    return sorted(case.read("csv", raw).answers().time.tolist())


def a6(case: Case) -> bool:
    """A folder of unlike CSV files."""
    case.file(_answers(["1", "0"], "time", DAYS[:2]), "raw/a.csv")
    raw = case.file(_answers(["1", "0"]), "raw/b.csv").parent
    told = case.said("csv", raw)
    rest = case.notes("csv", raw, on_bad_row="drop")
    return "b.csv" in told and "b.csv has no column for time" in rest


def a10(case: Case) -> bool:
    """Response times in milliseconds are asked for."""
    raw = case.file(_answers(["1", "0"], "response_time", ["1500", "2300"]))
    return "response_time_unit ms" in case.said("csv", raw)


def a11(case: Case) -> bool:
    """What a file is that is no plain CSV."""
    text = _answers(["1", "0"] * 3)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.csv", text)
    files = [packed.getvalue(), f"sep=,\n{text}".encode(), f"# a comment\n{text}".encode()]
    read = all(case.read("csv", case.file(data)).num_answers == 6 for data in files)
    return read and "JSON" in case.said("csv", case.file('{"student": "a"}\n'))


def a12(case: Case) -> bool:
    """Files that differ in their ending have a store each."""
    from torchedu.datamodules.stored import stored
    from torchedu.datasets import AnswerStore

    case.file(_answers(["1", "0"]), "a.csv")
    case.file('{"student": "a", "item": "q", "correct": 1}\n' * 2, "a.jsonl")
    places = {
        stored(AnswerStore, str(case.folder / name), None, {}, ()).path
        for name in ("a.csv", "a.jsonl")
    }
    return len(places) == 2


def a15(case: Case) -> bool:
    """Tabs in a .csv; pyKT's sequences; three and four lines a student."""
    from torchedu.datasets import AnswerStore

    tabs = case.file(_answers(["1", "0"] * 3).replace(",", "\t"))
    if case.read("csv", tabs).num_answers != 6:
        return False
    pykt = 'fold,uid,questions,concepts,responses\n0,1,"1,2","3,4","1,0"\n1,2,"1,2","3,4","0,0"\n'
    files = [
        case.file(pykt, "train_valid_sequences.csv"), case.file("2\n1,2\n1,0\n1\n3\n1\n", "x.csv"),
        case.file("1,2\n1,2\n3,4\n1,0\n2,1\n1\n3\n1\n", "y.csv"),
    ]  # fmt: skip
    found = [guess_format(file, AnswerStore) for file in files]
    return all(
        form is not None and case.read(form, file).num_answers == number
        for form, file, number in zip(found, files, (4, 3, 3), strict=True)
    )


def a19(case: Case) -> bool:
    """A student called nan, attempts that are no count, response times beyond all measure."""
    text = _answers(["1", "0"] * 6)
    if "missing" not in case.said("csv", case.file(text + "nan,q,1\n")):
        return False
    odd = case.file(_answers(["1", "0", "1"], "attempt", ["-5", "1e20", "1"]))
    long = case.file(_answers(["1", "0", "1"], "response_time", ["1e308", "-1", "3"]), "b.csv")
    return "2 attempts" in case.notes("csv", odd) and "2 response times" in case.notes("csv", long)


def a22(case: Case) -> bool:
    """Times of Moodle and of Excel; zones on some rows alone; a message in the file's words."""
    for times in (["31/01/2024 09:30", "30/01/2024 09:30"],
                  ["1/31/2024 9:30 AM", "1/30/2024 9:30 AM"],
                  ["31 January 2024, 9:30 AM", "30 January 2024, 9:30 AM"]):  # fmt: skip
        if len(set(_moments(case, case.file(_answers(["1", "0"], "time", times))))) != 2:
            return False
    some = ["2024-01-01 09:00", "2024-01-02 09:00", "2024-01-03 09:00Z"]
    said = case.said("csv", case.file(_answers(["1", "0", "1"], "time", some)))
    return "time_zone UTC" in said and "2024-01-03" in said


def c1(case: Case) -> bool:
    """Dates of enrolments with points."""
    rows = [f"s{i % 2},c{i},{15 - i}.10.2023" for i in range(6)]
    store = case.read("enrolments", case.file(_table("student,course,date", rows)))
    names = [store.vocabulary["item"].name(i) for i in store.item.tolist()]
    return names == ["c4", "c2", "c0", "c5", "c3", "c1"]


def c2(case: Case) -> bool:
    """A release of NCF whose test courses stand among their own negatives."""
    case.file("0\t1\t5\t9\n0\t2\t5\t8\n1\t1\t5\t9\n", "raw/x.train.rating")
    case.file("0\t3\t5\t10\n1\t3\t5\t10\n", "raw/x.test.rating")
    raw = case.file("(0,3)\t3\t7\n(1,3)\t8\t9\n", "raw/x.test.negative").parent
    return "1 of 2 lines of x.test.negative" in case.notes("ncf", raw)


def c7(case: Case) -> bool:
    """That the file's order counts is said."""
    rows = [f"s{i % 2},c{i}" for i in range(6)]
    return "the file's order" in case.notes("enrolments", case.file(_table("student,course", rows)))


def c11(case: Case) -> bool:
    """A checkpoint's task is that of a run that starts from it."""
    from torchedu.cli import main

    def fits(name: str, *words: str) -> bool:
        rows = [f"s{i % 30},c{(i * 7 + i // 30) % 11},{i}" for i in range(240)]
        raw = case.file(_table("student,course,time", rows), f"{name}.csv")
        run = ["--run", str(case.folder / name), "--trainer.max_epochs", "1"]
        return main(["fit", *words, "--data.path", str(raw), *run]) == 0

    return fits("first", "--config", "two_tower") and fits(
        "next", "--init_from", str(case.folder / "first")
    )


LOG = "student,course,event,work,value,day\n" + "".join(
    f"s{i},c,registered,,,0\ns{i},c,submitted,w,0.5,5\n" for i in range(4)
)


def r1(case: Case) -> bool:
    """Outcomes in other words."""

    def outcomes(*words: str) -> str:
        return LOG + "".join(f"s{i},c,outcome,,{word},9\n" for i, word in enumerate(words))

    def at_risk(raw: Path, **options: Any) -> float:
        return float(np.nansum(case.read("events", raw, **options).at_risk))

    english = case.file(outcomes("F", "Pass with merit", "DNF", "Pass"))
    german = case.file(outcomes("nicht bestanden", "bestanden", "bestanden"), "b.csv")
    odd = case.file(outcomes("Weiter", "Pass"), "c.csv")
    told = "Outcomes to prevent: DNF, F" in case.notes("events", english)
    right = [at_risk(english), at_risk(german), at_risk(odd, at_risk=["Weiter"])] == [2, 1, 1]
    return told and right and "at_risk" in case.said("events", odd)


def r2(case: Case) -> bool:
    """One row a student with an outcome."""
    from torchedu.datasets.events import EventStore

    rows = [f"{i},{50 + i},{i % 7},{('Dropout', 'Graduate')[i % 2]}" for i in range(20)]
    raw = case.file(_table("id,age,absences,Target", rows))
    form = guess_format(raw, EventStore)
    return form not in (None, "events") and case.read(str(form), raw).num_enrolments == 20


def r3(case: Case) -> bool:
    """UCI's table with its headings twice, and with commas."""
    head = "school;sex;age;address;famsize;G1;G2;G3"
    rows = ["GP;F;15;U;GT3;9;11;12"] * 5
    for mark in ";,":
        text = _table(head, [*rows, head, *rows]).replace(";", mark)
        store = case.read("uci_student", case.file(text, "student-mat.csv"))
        if store.num_enrolments != 10 or not store.about["dropped"]:
            return False
    return True


def r4(case: Case) -> bool:
    """A raw log is imported where a run asks for it."""
    from torchedu.datamodules import CourseEvents

    text = LOG + "".join(f"s{i},c,outcome,,{('Pass', 'Fail')[i % 2]},9\n" for i in range(4))
    return bool(CourseEvents(str(case.file(text))).store.num_enrolments == 4)


def r5(case: Case) -> bool:
    """XAPI as an array, and as an LRS answers."""
    said = [
        {
            "actor": {"name": "ann"}, "verb": {"id": f"v/{verb}"}, "object": {"id": about},
            "timestamp": f"2024-01-0{day}T09:00:00Z",
            "context": {"contextActivities": {"parent": {"id": "c"}}},
        }
        for day, (verb, about) in enumerate([("registered", "c"), ("answered", "q"),
                                             ("passed", "c")], 1)
    ]  # fmt: skip
    texts = (json.dumps(said), json.dumps({"statements": said}, indent=1))
    files = [case.file(text, f"{i}.json") for i, text in enumerate(texts)]
    return all(len(case.read("xapi", file).events.day) == 1 for file in files)


def t4(case: Case) -> bool:
    """TalkMoves' table with speakers under S, and a sum at its foot."""
    rows = [f"l,{'TS'[i % 2]},word {i},{('1', '')[i % 2]},{('', '1')[i % 2]}" for i in range(8)]
    raw = case.file(_table("lesson,S,sentence,teacher_tag,student_tag", [*rows, ",,,45,"]))
    store = case.read("talkmoves", raw)
    return store.counts["sentences"] == 8 and any("sums" in told for told in store.about["dropped"])


def t5(case: Case) -> bool:
    """Chats and transcripts in the forms of others."""
    from torchedu.datasets.chats import ChatStore
    from torchedu.datasets.transcripts import TranscriptStore

    turns = [{"from": "human", "value": "1+1?"}, {"from": "gpt", "value": "2"}]
    parts = [{"role": "user", "content": [{"type": "text", "text": "1+1?"}]},
             {"role": "developer", "content": "Be kind."},
             {"role": "assistant", "content": "2"}]  # fmt: skip
    for value in ({"conversations": turns}, {"instruction": "1+1?", "input": "", "output": "2"},
                  {"prompt": "1+1?", "completion": "2"}, {"messages": parts}):  # fmt: skip
        if case.said("chats", case.file(json.dumps(value) + "\n", "raw.jsonl")):
            return False
    table = case.file("chat,role,content\na,user,1+1?\na,assistant,2\n")
    said = ("A: Why?", "B: So.")
    cues = (f"\n00:00:0{i}.000 --> 00:00:0{i}.900\n{line}\n" for i, line in enumerate(said))
    vtt = "WEBVTT\n" + "".join(cues)
    whisper = {"segments": [{"id": 0, "start": 0.0, "end": 1.0, "text": "Why?"}]}
    files: list[tuple[Path, type[Store]]] = [
        (table, ChatStore), (case.file(vtt, "raw.vtt"), TranscriptStore),
        (case.file(json.dumps(whisper), "raw.json"), TranscriptStore),
    ]  # fmt: skip
    guessed = [(guess_format(file, kind), file) for file, kind in files]
    return all(form is not None and not case.said(form, file) for form, file in guessed)


def t6(case: Case) -> bool:
    """Markup in essays."""
    raw = case.file("id,text,score\na,<p>One&nbsp;day</p>,1\nb,plain,2\n")
    store = case.read("texts", raw)
    return store.all_texts[0] == "One day" and "HTML" in " ".join(store.about["notes"])


def t8(case: Case) -> bool:
    """The test part of a release alone."""
    from torchedu.datasets.chats import chat_parts

    said = [{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"}]
    lines = [json.dumps({"messages": said, "problem": str(i)}) for i in range(20)]
    case.file(lines[0], "raw/example.jsonl")
    raw = case.file("\n".join(lines), "raw/test.jsonl").parent
    parts = chat_parts(case.read("chats", raw), 0.1, 0.2, 0)
    return all(len(rows) for rows in parts.values())


CASES: dict[str, Callable[[Case], bool]] = {
    check.__name__.upper(): check
    for check in (
        *(a2, a3, a4, a5, a6, a10, a11, a12, a15, a19, a22, c1, c2, c7, c11, r1, r2, r3, r4, r5),
        *(t4, t5, t6, t8),
    )
}


def left(folder: Path) -> list[str]:
    """Return the cases that are not right.

    Args:
        folder: An empty folder.
    """
    wrong = []
    for name, check in CASES.items():
        (folder / name).mkdir()
        try:
            right = check(Case(folder / name))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not right
            right = False
            print(f"{name}: {type(error).__name__}: {str(error).splitlines()[0]}")
        wrong += [] if right else [name]
    return wrong

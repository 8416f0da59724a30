"""Errors of importers, and what their printed remedies come to when they are followed.

Each fault is a file and options that an import refuses. The remedy is read as a person reads it: an
option with its value is given; one with a placeholder gets what the person knows of the own file;
what is suggested (``Did you mean``) is taken; and where it says to correct, complete or rename, the
file is edited there. Then the same command has to succeed.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from torchedu.datasets.importers import import_data
from torchedu.errors import TorcheduError, command_line

OPTION = re.compile(r"--([\w.]+) ('[^']*'|\$'\\t'|[^\s,.:;]+)")
MEANT = (r"[Dd]id you mean '?([^'?]+?)'?\?", r"Allowed: '?(\w+)")
PLACEHOLDERS = ("COLUMN", "the", "or")
ANSWERS = "student,item,correct,time\n" + "".join(
    f"s{i % 3},q{i % 4},{i % 2},2024-01-{i + 1:02d} 09:00\n" for i in range(12)
)
ENROLMENTS = "student,course,time\n" + "".join(
    f"s{i % 3},c{i % 4},2024-01-{i + 1:02d}\n" for i in range(12)
)
EVENTS = "student,course,event,work,value,day\n" + "".join(
    f"s{i},c,registered,,,0\ns{i},c,submitted,w,0.5,5\ns{i},c,outcome,,Pass,9\n" for i in range(4)
)
TEXTS = "id,text,score\n" + "".join(f"t{i},a text of words,{i % 3}\n" for i in range(12))
LESSONS = "lesson,speaker,role,sentence,split\n" + "".join(
    f"l,{'TS'[i % 2]},{('teacher', 'student')[i % 2]},word {i},train\n" for i in range(12)
)
CHATS = (
    '{"messages": [{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"}]}\n'
) * 12
SAID = "".join(
    json.dumps({
        "actor": {"name": "a"}, "verb": {"id": f"v/{verb}"}, "object": {"id": about},
        "timestamp": time, "context": {"contextActivities": {"parent": {"id": "c"}}},
    }) + "\n"
    for verb, about, time in (
        ("registered", "c", "2024-01-01T09:00:00Z"), ("answered", "q", "2024-01-02T09:00:00Z"),
        ("answered", "r", "2024-01-03T09:00:00Z"), ("passed", "c", "2024-01-04T09:00:00Z"),
    )
)  # fmt: skip
UCI = "school;sex;age;address;famsize;G1;G2;G3\n" + "GP;F;15;U;GT3;9;11;12\n" * 12


NOTHING: Mapping[str, Any] = MappingProxyType({})


class Fault(NamedTuple):
    """What an import refuses.

    Attributes:
        form: The format.
        text: The file.
        options: What is given.
        knows: What the person gives for an option that the remedy leaves open.
        edit: What is put in place of what in the file, where the remedy says so.
        encoding: The file's.
        name: What it is called.
    """

    form: str
    text: str
    options: Mapping[str, Any] = NOTHING
    knows: Mapping[str, Any] = NOTHING
    edit: tuple[str, str] = ("", "")
    encoding: str = "utf-8"
    name: str = "raw.csv"


def _heading(text: str, before: str, after: str) -> str:
    first, rest = text.split("\n", 1)
    return f"{first.replace(before, after)}\n{rest}"


def _timed(text: str, *times: str) -> str:
    """Return a table with these times, over and over, in its last column."""
    first, *rows = text.splitlines()
    rows = [f"{row.rpartition(',')[0]},{times[i % len(times)]}" for i, row in enumerate(rows)]
    return "\n".join([first, *rows]) + "\n"


def _faults() -> dict[str, Fault]:
    a, e, v, t, s = ANSWERS, ENROLMENTS, EVENTS, TEXTS, LESSONS
    dated = _timed(v.replace(",day\n", ",time\n"), "2024-01-01")
    faults = {
        "words for marks": Fault("csv", a.replace(",1,", ",solved,").replace(",0,", ",missed,"),
                                 knows={"right": ["solved"], "wrong": ["missed"]}),
        "points": Fault("csv", a.replace(",1,", ",5,")),
        "a comma before decimals": Fault("csv", a.replace(",1,", ',"0,5",')),
        "a mark that is none": Fault("csv", a + "x,q,?!,2024-02-01 09:00\n",
                                     edit=(",?!,", ",1,")),
        "a mark below 0": Fault("csv", a + "x,q,-1,2024-02-01 09:00\n"),
        "a mark that is missing": Fault("csv", a + "x,q,,2024-02-01 09:00\n"),
        "a student that is missing": Fault("csv", a + ",q,1,2024-02-01 09:00\n"),
        "a student called nan": Fault("csv", a + "nan,q,1,2024-02-01 09:00\n"),
        "an item that is missing": Fault("csv", a + "x,,1,2024-02-01 09:00\n"),
        "a cut line": Fault("csv", a + "x,q,1\n"),
        "a lone quote": Fault("csv", a + '"x,q,1,2024-02-01 09:00\n' + a.split("\n", 1)[1]
                              .replace("2024-01", "2024-03")),
        "a duplicate": Fault("csv", a + a.splitlines()[-1] + "\n"),
        "a time that is missing": Fault("csv", a + "x,q,1,\n"),
        "a time of another kind": Fault("csv", a + "x,q,1,1704103200\n"),
        "an attempt in words": Fault("csv", _heading(a, "time", "attempt").replace(" 09:00", "")
                                     .replace("2024-01-", "") + "x,q,1,two\n"),
        "no column of students": Fault("csv", _heading(a, "student", "who")),
        "no column of marks": Fault("csv", _heading(a, "correct", "seen"),
                                    knows={"columns.correct": "seen"}),
        "a group misspelt": Fault("csv", _heading(a, "time", "gender"), {"groups": ["gendr"]}),
        "a column misspelt": Fault("csv", _heading(a, "time", "when"),
                                   {"columns": {"time": "wen"}}),
        "an option's value": Fault("csv", a, {"time_unit": "sec"}),
        "what becomes of bad rows": Fault("csv", a, {"on_bad_row": "dorp"}),
        "a format misspelt": Fault("cvs", a),
        "an encoding": Fault("csv", a + "é,q,1,2024-02-01 09:00\n", encoding="cp1252"),
        "UTF-16": Fault("csv", a, encoding="utf-16"),
        "UTF-16 without its mark": Fault("csv", a, encoding="utf-16-le"),
        "an encoding misspelt": Fault("csv", a, {"encoding": "klingon"}),
        "a delimiter": Fault("csv", a.replace(",", ";"), {"delimiter": ","}),
        "a delimiter of two": Fault("csv", a, {"delimiter": ",,"}),
        "a zone misspelt": Fault("csv", a, {"time_zone": "Berlin"}),
        "a word of both": Fault("csv", a, {"right": ["x"], "wrong": ["x"]}),
        "a full mark of nothing": Fault("csv", a, {"full_mark": 0.0}, knows={"full_mark": 1.0}),
        "response times": Fault("csv", _heading(a, "time", "response_time").replace(" 09:00", "")
                                .replace("2024-01-", "15")),
        "an answer a skill": Fault("csv", "student,item,skill,correct,time\n" + "".join(
            f"s,q{i},{k},1,2024-01-{i + 1:02d} 09:00\n" for i in range(9) for k in "ab")),
        "an answer's id": Fault("csv", "student,item,correct,n\n" + "".join(
            f"s,q{i},1,{i % 3 if i == 11 else i}\n" for i in range(12)), {"answer_id": "n"}),
        "a skill that is not in the table": Fault("csv", a, {"item_skills": "table.csv"}),
        "seconds or milliseconds": Fault("csv", _timed(a, "100000000", "400000000")),
        "days of a spreadsheet": Fault("csv", _timed(a, "45323", "45325")),
        "a broken line of JSON": Fault("jsonl", '{"student": "a", "item": "q", "correct": 1}\n' * 9
                                       + '{"student": "a", "it\n', name="raw.jsonl"),
        "a list in place of a mark": Fault("jsonl", '{"student": "a", "item": "q", "correct": 1}\n'
            * 9 + '{"student": "a", "item": "q", "correct": [1]}\n', name="raw.jsonl"),
        "JSON for a table": Fault("csv", '{"student": "a", "item": "q", "correct": 1}\n',
                                  knows={"format": "jsonl"}),
        "a course that is missing": Fault("enrolments", e + "x,,2024-02-01\n"),
        "a number of times below 0": Fault("enrolments", _heading(e, "time", "rating")
                                           .replace("2024-01-", "") + "x,c,-1\n"),
        "no column of courses": Fault("enrolments", _heading(e, "course", "lecture"),
                                      knows={"columns.item": "lecture"}),
        "an event misspelt": Fault("events", v + "s1,c,submited,w,0.5,6\n",
                                   edit=("submited", "submitted")),
        "an event without its course": Fault("events", v + "s1,,submitted,w,0.5,6\n"),
        "points in a log": Fault("events", v.replace(",0.5,", ",5,")),
        "a day in words": Fault("events", v + "s1,c,submitted,w,0.5,soon\n"),
        "clicks in words": Fault("events", v + "s1,c,clicked,,many,5\n"),
        "no column of days": Fault("events", _heading(v, "day", "d"), knows={"columns.day": "d"}),
        "an outcome": Fault("events", v.replace("Pass", "Weiter"), knows={"at_risk": ["Weiter"]}),
        "an outcome misspelt": Fault("events", v.replace("s1,c,outcome,,Pass",
            "s1,c,outcome,,Fail"), {"at_risk": ["Fial"]}),
        "a statement that is none": Fault("xapi", SAID + '{"actor": 1}\n', name="raw.jsonl"),
        "a broken statement": Fault("xapi", SAID + '{"actor\n', name="raw.jsonl"),
        "no text": Fault("texts", t + "x,,1\n"),
        "a score in words": Fault("texts", t + "x,a text,good\n"),
        "a score that is missing": Fault("texts", t + "x,a text,\n"),
        "another score of one text": Fault("texts", t + "t1,a text of words,2\n"),
        "no column of scores": Fault("texts", _heading(t, "score", "level"),
                                     knows={"columns.score": "level"}),
        "a role": Fault("transcripts", s + "l,X,parent,word,train\n"),
        "a part": Fault("transcripts", s + "m,T,teacher,word,trian\n", edit=("trian", "train")),
        "an empty sentence": Fault("transcripts", s + "l,T,teacher,,train\n"),
        "no column of sentences": Fault("transcripts", _heading(s, "sentence", "words"),
                                        knows={"columns.sentence": "words"}),
        "a chat's role": Fault("chats", CHATS + CHATS.splitlines()[0].replace("user", "usre"),
                               edit=("usre", "user"), name="raw.jsonl"),
        "a chat without messages": Fault("chats", CHATS + '{"message": []}\n', name="raw.jsonl",
                                         edit=('{"message": []}', CHATS.splitlines()[0])),
        "a broken chat": Fault("chats", CHATS + '{"messages": [\n', name="raw.jsonl",
                               edit=('{"messages": [\n', CHATS.splitlines()[0])),
        "a mark of UCI's": Fault("uci_student", UCI + "GP;F;15;U;GT3;99;1;2\n",
                                 edit=(";99;", ";9;")),
        "no column of UCI's": Fault("uci_student", _heading(UCI, "famsize", "size"),
                                    edit=("size", "famsize")),
    }  # fmt: skip
    for form, text in (("csv", a), ("enrolments", e), ("events", dated)):
        faults |= {
            f"{form}: the day or the month": Fault(form, _timed(text, "01/02/2024", "03/04/2024")),
            f"{form}: zones here and there": Fault(
                form, _timed(text, "2024-01-01 09:00", "2024-01-02 09:00", "2024-01-03T09:00Z")
            ),
            f"{form}: a time in other words": Fault(
                form, _timed(text, "9h of 2024-1-3", "8h of 2024-1-2"),
                knows={"time_format": "%Hh of %Y-%m-%d"},
            ),
        }  # fmt: skip
    return faults


FAULTS = _faults()


def followed(folder: Path, fault: Fault) -> str:
    """Follow a remedy, and return what is still said; empty where the command succeeds.

    Args:
        folder: An empty folder.
        fault: What is refused.
    """
    raw, form, options = folder / fault.name, fault.form, dict(fault.options)
    raw.write_bytes(fault.text.encode(fault.encoding))
    (folder / "table.csv").write_text("item,skill\nq0,k\nq1,k\nq2,k\n")
    if "item_skills" in options:
        options["item_skills"] = str(folder / "table.csv")
    for tries in range(3):
        try:
            import_data(form, raw, folder / "out.store", options)
            return "" if tries else "it was not refused"
        except TorcheduError as error:
            form, options = _applied(error, fault, raw, form, options)
            said = error.render(command_line)
    return said


def _applied(
    error: TorcheduError, fault: Fault, raw: Path, form: str, options: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Do what a remedy says."""
    problem, remedy = error.render(command_line).split("\n")
    known = {name: value for name, value in fault.knows.items() if f"--{name}" in problem + remedy}
    if "format" in fault.knows and fault.knows["format"] in remedy:
        return fault.knows["format"], options
    if known:
        for name, value in known.items():
            column = name.partition(".")
            given = {**options.get("columns", {}), column[2]: value} if column[2] else value
            options[column[0]] = given
        return form, options
    if fault.edit[0]:
        words = ("orrect", "omplete", "ename", "nclose", "ean", "llowed", "ive", "eeds", "marks")
        assert any(word in remedy for word in words), remedy
        raw.write_text(raw.read_text("utf-8").replace(*fault.edit), "utf-8")
        return form, options
    word = _suggested(remedy)
    if word and error.option == "format":
        return word, options
    if word and error.option and "HEADING" not in remedy:
        name, _, column = error.option.partition(".")
        before = options.get(name)
        if isinstance(before, dict) or column:
            given: Any = {**(before or {}), **dict.fromkeys([column] if column else before, word)}
        else:
            given = [word] if isinstance(before, list) else word
        return form, {**options, name: given}
    if "Leave it out of one" in remedy:
        return form, {**options, "wrong": []}
    for name, value in OPTION.findall(remedy):
        if value in PLACEHOLDERS:
            continue
        plain = "\t" if value == "$'\\t'" else value.strip("'")
        if value == "HEADING":
            return form, {**options, "columns": {name.partition(".")[2]: _suggested(remedy)}}
        return form, {**options, name: _typed(name, plain)}
    common = re.search(r"(?:Common ones[^:]*:|such as|Give its name, such as) ([^\s,]+)", remedy)
    if common and error.option:
        return form, {**options, error.option: common[1].strip("',")}
    return form, options


def _suggested(remedy: str) -> str:
    for pattern in MEANT:
        if names := re.search(pattern, remedy):
            return names[1]
    return ""


def _typed(name: str, value: str) -> Any:
    if value in ("true", "false"):
        return value == "true"
    return float(value) if name == "full_mark" else value

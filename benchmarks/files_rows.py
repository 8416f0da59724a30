"""Files of every importer, good and bad rows drawn, and where each of their rows went."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from torchedu.datasets.importers import import_data
from torchedu.datasets.importers.events.oulad import GROUPS

Draw = np.random.Generator


class File(NamedTuple):
    """A generated file.

    Attributes:
        raw: It, or its folder.
        rows: How many rows it has, headings and blank lines apart.
        beside: Rows that are kept as something else than what the store counts.
        options: What is given.
    """

    raw: Path
    rows: int
    beside: int = 0
    options: Mapping[str, Any] = MappingProxyType({})


def _spoilt(rows: list[str], draw: Draw, heading: str = "", delimiter: str = ",") -> list[str]:
    """Return rows of a table of which a few are cut, repeated, empty, headings or in odd words."""
    out = []
    for row in rows:
        out.append(row)
        kind = draw.integers(0, 40)
        if kind == 0:
            out.append(row.rpartition(delimiter)[0])
        elif kind == 1:
            out.append(row + delimiter + "more")
        elif kind == 2:
            out.append(row)
        elif kind == 3 and heading:
            out.append(heading)
        elif kind == 4:
            out.append("")
        elif kind == 5:
            fields = row.split(delimiter)
            odd = ("", "?!", "nan", "-7")[draw.integers(0, 4)]
            fields[draw.integers(0, len(fields))] = odd
            out.append(delimiter.join(fields))
    return out


def table_of(
    folder: Path, name: str, heading: str, rows: list[str], draw: Draw, delimiter: str = ","
) -> File:
    """Write a table of which a few rows are spoilt."""
    rows = _spoilt(rows, draw, heading, delimiter)
    file = folder / name
    ends = ("\n", "\r\n")[draw.integers(0, 2)]
    file.write_text(ends.join([heading, *rows]) + ends, "utf-8", newline="")
    return File(file, sum(bool(row) for row in rows))


def _answers(folder: Path, draw: Draw) -> File:
    rows = [
        f"s{draw.integers(0, 6)},q{draw.integers(0, 9)},{draw.integers(0, 2)},{1_600_000_000 + i}"
        for i in range(draw.integers(30, 90))
    ]
    return table_of(folder, "raw.csv", "student,item,correct,time", rows, draw)


def _parquet(folder: Path, draw: Draw) -> File:
    import pyarrow as pa
    import pyarrow.parquet as pq

    size = int(draw.integers(30, 90))
    correct = draw.choice(np.array(["0", "1", "yes", "no", "80 %", "?!"]), size)
    columns = {
        "student": [f"s{i}" if i else None for i in draw.integers(0, 40, size).tolist()],
        "item": [f"q{i}" for i in draw.integers(0, 9, size).tolist()],
        "correct": np.where(draw.random(size) < 0.8, "1", correct),
    }
    pq.write_table(pa.table(columns), folder / "raw.parquet")
    return File(folder / "raw.parquet", size)


def _json(folder: Path, draw: Draw, rows: list[dict[str, Any]], name: str = "raw.jsonl") -> File:
    lines = []
    for row in rows:
        text = json.dumps(row)
        kind = draw.integers(0, 30)
        lines.append(text[: len(text) // 2] if kind == 0 else '{"a": 1}' if kind == 1 else text)
        lines += [""] * int(kind == 2)
    (folder / name).write_text("\n".join(lines) + "\n")
    return File(folder / name, sum(bool(line) for line in lines))


def _jsonl(folder: Path, draw: Draw) -> File:
    rows = [
        {
            "student": f"s{i % 5}",
            "item": f"q{i}",
            "correct": i % 2,
            "skill": ["a", "b"][: 1 + i % 2],
        }
        for i in range(draw.integers(30, 90))
    ]
    return _json(folder, draw, rows)


def _ednet(folder: Path, draw: Draw) -> File:
    lines, rows = [], 0
    for size in draw.integers(1, 9, draw.integers(6, 20)).tolist():
        lists = [[size], *(draw.integers(0, 4, size).tolist() for _ in "ab")]
        lines += map(str, [*lists, draw.integers(0, 2, size).tolist()])
        rows += size
    (folder / "data.txt").write_text("\n".join(lines) + "\n")
    return File(folder, rows, options={"skills": "joint"})


def _kt1(folder: Path, draw: Draw) -> File:
    head = "timestamp,solving_id,question_id,user_answer,elapsed_time"
    (folder / "contents").mkdir()
    (folder / "contents" / "questions.csv").write_text(
        "question_id,correct_answer,tags\n" + "".join(f"q{i},a,{i % 3}\n" for i in range(8))
    )
    (folder / "KT1").mkdir()
    rows = 0
    for student in range(draw.integers(3, 9)):
        lines = [
            f"{1_600_000_000_000 + i * 1000},{i},q{draw.integers(0, 9)},{'ab'[i % 2]},1000"
            for i in range(draw.integers(2, 20))
        ]
        (folder / "KT1" / f"u{student}.csv").write_text("\n".join([head, *lines]) + "\n")
        rows += len(lines)
    return File(folder, rows)


def _tsv(folder: Path, draw: Draw) -> File:
    heading = "user_id\titem_id\ttimestamp\tcorrect\tskill_id"
    rows = [
        f"{draw.integers(0, 6)}\t{draw.integers(0, 9)}\t{i * 60}\t{draw.integers(0, 2)}\t{i % 3}"
        for i in range(draw.integers(30, 90))
    ]
    rows = _spoilt(rows, draw, heading, "\t")
    (folder / "preprocessed_data.csv").write_text("\n".join([heading, *rows]) + "\n")
    return File(folder, sum(bool(row) for row in rows))


def _dkt(folder: Path, draw: Draw) -> File:
    rows = draw.integers(0, 2, (int(draw.integers(5, 20)), 6))
    (folder / "raw.csv").write_text("\n".join(",".join(map(str, row)) for row in rows) + "\n")
    return File(folder / "raw.csv", rows.size)


def _enrolments(folder: Path, draw: Draw) -> File:
    rows = [
        f"s{draw.integers(0, 6)},c{draw.integers(0, 15)},{i % 28 + 1}.0{i % 9 + 1}.2023"
        for i in range(draw.integers(30, 90))
    ]
    return table_of(folder, "raw.csv", "student,course,date", rows, draw)


def _lists(folder: Path, draw: Draw) -> File:
    lines, rows = [], 0
    for student in range(draw.integers(3, 15)):
        taken = draw.integers(0, 20, draw.integers(0, 9)).tolist()
        lines.append(" ".join(map(str, [student, *taken])))
        rows += max(len(taken), 1)  # a line without a course is a row
    (folder / "train.txt").write_text("\n".join(lines) + "\n")
    return File(folder, rows)


def _movielens(folder: Path, draw: Draw, name: str = "u.data") -> File:
    rows = [
        f"{draw.integers(0, 6)}\t{draw.integers(0, 30)}\t{draw.integers(1, 6)}\t{880_000_000 + i}"
        for i in range(draw.integers(30, 90))
    ]
    rows = _spoilt(rows, draw, delimiter="\t")
    (folder / name).write_text("\n".join(rows) + "\n")
    return File(folder, sum(bool(row) for row in rows))


def _ncf(folder: Path, draw: Draw) -> File:
    train = _movielens(folder, draw, "x.train.rating")
    (folder / "x.test.rating").write_text("".join(f"{i}\t99\t5\t990000000\n" for i in range(6)))
    (folder / "x.test.negative").write_text("".join(f"({i},99)\t1\t2\n" for i in range(6)))
    return File(folder, train.rows + 6)


def _events(folder: Path, draw: Draw) -> File:
    done, other = [], []
    for student in range(draw.integers(4, 12)):
        other += [f"s{student},c,registered,,,0", f"s{student},c,outcome,,Pass,99"]
        done += [
            f"s{student},c,submitted,w{i},0.{i},{i * 7}" for i in range(1, draw.integers(2, 9))
        ]
    heading = "student,course,event,work,value,day"
    file = table_of(folder, "raw.csv", heading, done, draw)
    with file.raw.open("a", newline="") as stream:
        stream.write("\n".join(other) + "\n")
    return File(file.raw, file.rows + len(other), len(other))


def _oulad(folder: Path, draw: Draw) -> File:
    key = "code_module,code_presentation"
    students = range(draw.integers(4, 12))
    taken = [
        (work, student, draw.integers(-5, 80) if draw.random() < 0.9 else "?")
        for work in (1, 2, 3)
        for student in (*students, 99)
    ]
    files = {
        "courses": (f"{key},module_presentation_length", ["A,2013B,90"]),
        "assessments": (f"{key},id_assessment,assessment_type,date,weight",
                        ["A,2013B,1,TMA,20,50", "A,2013B,2,TMA,40,50"]),
        "studentInfo": (f"{key},id_student,{','.join(GROUPS.values())},final_result",
                        [f"A,2013B,{s},F,0-35,N,9%,x,y,Pass" for s in students]),
        "studentRegistration": (f"{key},id_student,date_registration,date_unregistration",
                                [f"A,2013B,{s},-9," for s in students]),
        "studentAssessment": ("id_assessment,id_student,date_submitted,is_banked,score",
                              [f"{work},{student},{day},0,60" for work, student, day in taken]),
    }  # fmt: skip
    for name, (heading, rows) in files.items():
        (folder / f"{name}.csv").write_text("\n".join([heading, *rows]) + "\n")
    return File(folder, len(taken))


def _uci(folder: Path, draw: Draw) -> File:
    rows = [
        f"GP;F;15;U;GT3;{draw.integers(0, 21)};{draw.integers(0, 21)};{draw.integers(0, 23)}"
        for _ in range(draw.integers(20, 60))
    ]
    heading = "school;sex;age;address;famsize;G1;G2;G3"
    rows = _spoilt(rows, draw, heading, ";")
    (folder / "student-mat.csv").write_text("\n".join([heading, *rows]) + "\n")
    return File(folder / "student-mat.csv", sum(bool(row) for row in rows))


def _xapi(folder: Path, draw: Draw) -> File:
    verbs, beside, rows = ("answered", "experienced", "liked"), 0, []
    for student in range(draw.integers(3, 9)):
        said = [("registered", "c"), ("passed", "c")]
        said += [(verbs[draw.integers(0, 3)], f"q{i}") for i in range(draw.integers(1, 9))]
        rows += [
            {
                "actor": {"name": f"s{student}"}, "verb": {"id": f"v/{verb}"},
                "object": {"id": about}, "timestamp": f"2024-01-{day + 1:02d}T09:00:00Z",
                "context": {"contextActivities": {"parent": {"id": "c"}}},
            }
            for day, (verb, about) in enumerate(said)
        ]  # fmt: skip
        beside += 2
    lines = [json.dumps(row) for row in rows] + ['{"actor": 1}', "{"]
    (folder / "raw.jsonl").write_text("\n".join(lines) + "\n")
    return File(folder / "raw.jsonl", len(lines), beside)


def _texts(folder: Path, draw: Draw, heading: str = "id,text,score") -> File:
    rows = [
        f"t{i},<p>a text of {i % 7} words</p>,{draw.integers(0, 4)}"
        for i in range(draw.integers(20, 60))
    ]
    rows = [row + ",1" * (heading.count(",") - 2) for row in rows]
    return table_of(folder, "raw.csv", heading, rows, draw)


def _asap(folder: Path, draw: Draw) -> File:
    heading = "essay_id\tessay_set\tessay\tdomain1_score\trater1_domain1\trater2_domain1"
    rows = [
        f"{i}\t3\ta text of words\t{draw.integers(0, 4) + 9 * (draw.random() < 0.1)}\t1\t2"
        for i in range(draw.integers(20, 60))
    ]
    (folder / "training_set_rel3.tsv").write_text("\n".join([heading, *rows]) + "\n")
    return File(folder, len(rows))


def _persuade(folder: Path, draw: Draw) -> File:
    more = "gender,race_ethnicity,ell_status,economically_disadvantaged,student_disability_status"
    return _texts(folder, draw, f"essay_id,full_text,score,{more}")


def _ellipse(folder: Path, draw: Draw) -> File:
    more = "Cohesion,Syntax,Vocabulary,Phraseology,Grammar,Conventions"
    return _texts(folder, draw, f"text_id,full_text,Overall,{more}")


def _semeval(folder: Path, draw: Draw) -> File:
    rows = 0
    for question in range(draw.integers(1, 5)):
        answers = "".join(
            f'<studentAnswer id="q{question}.{i}" accuracy="correct">'
            f"{'' if draw.random() < 0.1 else 'so it is'}</studentAnswer>"
            for i in range(draw.integers(3, 12))
        )
        rows += answers.count("<studentAnswer ")
        (folder / f"q{question}.xml").write_text(
            f'<question id="q{question}"><questionText>Why?</questionText><referenceAnswers>'
            f"<referenceAnswer>So.</referenceAnswer></referenceAnswers><studentAnswers>{answers}"
            "</studentAnswers></question>"
        )
    return File(folder, rows)


def _transcripts(folder: Path, draw: Draw) -> File:
    rows = [
        f"l{draw.integers(0, 4)},{'TS'[i % 2]},{('teacher', 'student')[i % 2]},word {i}"
        for i in range(draw.integers(30, 90))
    ]
    return table_of(folder, "raw.csv", "lesson,speaker,role,sentence", rows, draw)


def _talkmoves(folder: Path, draw: Draw) -> File:
    rows = [
        f"l,{'TS'[i % 2]},{('word', '..')[i % 9 == 0]},{('', '1', '1', '99')[draw.integers(0, 4)]},"
        for i in range(draw.integers(30, 90))
    ]
    heading = "lesson,S,sentence,teacher_tag,student_tag"
    return table_of(folder, "raw.csv", heading, [*rows, ",,,45,"], draw)


def _chats(folder: Path, draw: Draw) -> File:
    said = [{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"}]
    rows = [{"messages": said, "problem": str(i)} for i in range(draw.integers(20, 60))]
    return _json(folder, draw, rows)


def _gsm8k(folder: Path, draw: Draw) -> File:
    rows = [
        {"question": f"{i}?", "answer": f"so\n#### {i}" if i % 5 else "none"}
        for i in range(draw.integers(20, 60))
    ]
    return _json(folder, draw, rows)


def _mathdial(folder: Path, draw: Draw) -> File:
    rows = [
        {
            "question": f"{i}?", "ground_truth": "it is 4", "student_incorrect_solution": "5",
            "conversation": "Teacher: (probing)Why?|EOM|Sam: So.",
        }
        for i in range(draw.integers(20, 60))
    ]  # fmt: skip
    file = _json(folder, draw, rows)
    # A row is two conversations: the dialogue, and the solution explained.
    return file._replace(options={"a row": 2})


def _bridge(folder: Path, draw: Draw) -> File:
    rows = [
        {
            "c_id": i, "lesson_topic": "sums", "c_h": [{"user": "student", "text": "5"}],
            "c_r_": [{"user": "tutor", "text": "Why?"}],
        }
        for i in range(draw.integers(20, 60))
    ]  # fmt: skip
    return _json(folder, draw, rows)


WRITERS: dict[str, Callable[[Path, Draw], File]] = {
    "csv": _answers, "parquet": _parquet, "jsonl": _jsonl, "ednet": _ednet, "ednet_kt1": _kt1,
    "tsv": _tsv, "dkt_synthetic": _dkt, "enrolments": _enrolments, "user_lists": _lists,
    "oulad": _oulad, "movielens": _movielens, "ncf": _ncf, "events": _events,
    "uci_student": _uci, "xapi": _xapi,
    "texts": _texts, "asap": _asap, "persuade": _persuade, "ellipse": _ellipse,
    "semeval2013": _semeval, "transcripts": _transcripts, "talkmoves": _talkmoves,
    "chats": _chats, "gsm8k": _gsm8k, "mathdial": _mathdial, "bridge": _bridge,
}  # fmt: skip


def lost(folder: Path, form: str, write: Callable[[Path, Draw], File], seed: int) -> int:
    """Return how many rows of a generated file are neither kept nor counted by a reason.

    Args:
        folder: An empty folder.
        form: The format.
        write: Writes a file of it.
        seed: Another seed draws another file.
    """
    file = write(folder, np.random.default_rng(seed))
    options = dict(file.options)
    each = options.pop("a row", 1)
    out = folder.parent / f"{folder.name}.out"
    store = import_data(form, file.raw, out, {**options, "on_bad_row": "drop"})
    kept = _kept(store, form) // each + file.beside
    dropped = store.about.get("dropped") or {}
    counted = sum(told if isinstance(told, int) else told["rows"] for told in dropped.values())
    return abs(file.rows - kept - counted - int(store.about.get("merged") or 0))


def _kept(store: Any, form: str) -> int:
    if form in ("uci_student", "students"):
        return int(store.num_enrolments)
    counts = store.counts
    names = ("answers", "events", "sentences", "texts", "conversations", "enrolments")
    return next(int(counts[name]) for name in names if name in counts)

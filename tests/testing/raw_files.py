"""A small raw file or folder of every format, for the checks of what reads it."""

import csv
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from tests.datasets.importers import layouts
from tests.datasets.importers.chats.test_importer import BRIDGE, GSM8K, MATHDIAL
from tests.datasets.importers.events.test_log import LOG, statement, write_uci
from tests.datasets.importers.fake import (
    answers,
    write_csv,
    write_ednet,
    write_jsonl,
    write_kt1,
    write_tsv,
)
from tests.datasets.lesson_files import write_lessons, write_release
from tests.datasets.oulad_files import write_oulad
from tests.essays import write_answers, write_essays
from tests.spoken_files import write_answers as write_spoken
from tests.spoken_files import write_corpus, write_digits
from torchedu.datasets.importers.texts.table import ELLIPSE_TRAITS


def lines(file: Path, rows: Iterable[object]) -> Path:
    """Write a line a row; what is no text as JSON."""
    texts = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(texts) + "\n", "utf-8")
    return file


def parquet(folder: Path) -> Path:
    """Write answers as Parquet."""
    pq.write_table(arrow_csv.read_csv(write_csv(folder / "a.csv", answers())), folder / "a.parquet")
    return folder / "a.parquet"


def asap(folder: Path) -> Path:
    """Write essays as ASAP has them."""
    names = ("essay_id", "essay_set", "essay", "rater1_domain1", "rater2_domain1", "domain1_score")
    rows = [(i, 1 + i % 2, f"Essay {i}", 1, 2, 2 + i % 4) for i in range(1, 11)]
    lines(folder / "training_set_rel3.tsv", ("\t".join(map(str, row)) for row in (names, *rows)))
    for fold in range(5):
        numbers = (str(2 * fold + i) for i in (1, 2))
        lines(folder / "nea_folds" / f"fold_{fold}" / "test_ids.txt", numbers)
    return folder


def ncf(folder: Path) -> Path:
    """Write ratings as NCF has them."""
    lines(folder / "x.train.rating", ("0\t5\t4\t20", "0\t6\t4\t10", "1\t5\t3\t30", "1\t8\t3\t1"))
    lines(folder / "x.test.rating", ("0\t7\t5\t5", "1\t6\t5\t5"))
    lines(folder / "x.test.negative", ("(0,7)\t1\t2", "(1,6)\t2\t3"))
    return folder


def user_lists(folder: Path) -> Path:
    """Write lists of courses."""
    lines(folder / "train.txt", ("0 101 102 103", "1 102 104"))
    lines(folder / "test.txt", ("0 104", "1 103"))
    lines(folder / "user_list.txt", ("org_id remap_id gender", "U0 0 1", "U1 1 2"))
    return folder


def texts(folder: Path, **row: object) -> Path:
    """Write two essays under published headings."""
    key, *_ = row
    rows = [row, {**row, key: "y", "full_text": "other"}]
    with (folder / "e.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(row), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return folder / "e.csv"


def xapi(folder: Path) -> Path:
    """Write statements."""
    half = {"result": {"score": {"raw": 15, "min": 0, "max": 30}}}
    return lines(
        folder / "statements.jsonl",
        (
            statement("ann", "registered", "maths", 1),
            statement("ann", "answered", "maths/quiz", 5, **half),
            statement("ann", "passed", "maths", 28),
            statement("bob", "registered", "maths", 2),
            statement("bob", "unregistered", "maths", 9),
        ),
    )


def gsm8k(folder: Path) -> Path:
    """Write problems in two parts."""
    lines(folder / "train.jsonl", (GSM8K, GSM8K))
    lines(folder / "test.jsonl", (GSM8K,))
    return folder


COURSES = ("student,course,time", "a,x,1", "b,x,1", "a,y,2", "b,z,3", "a,z,4")
MOVIES = ("userId,movieId,rating,timestamp", "1,10,3,881250949", "2,11,3,881250900", "1,11,3,5")
ELLIPSE = {"text_id": "x", "full_text": "a b", "Overall": 3.5, "prompt": "p",
           **dict.fromkeys(ELLIPSE_TRAITS, 2.5)}  # fmt: skip
PERSUADE = {
    "essay_id_comp": "x", "full_text": "a b", "holistic_essay_score": 3, "prompt_name": "p",
    "competition_set": "train", "gender": "F", "race_ethnicity": "X", "ell_status": "No",
    "assignment": "Write.", "economically_disadvantaged": "", "student_disability_status": "",
}  # fmt: skip
CHATS = [
    {"messages": [{"role": "user", "content": f"What is {i} + 1?"},
                  {"role": "assistant", "content": f"It is {i + 1}."}]}
    for i in range(4)
]  # fmt: skip
KT1 = {f"u{i}": [(i, "q1", "b", 9), (i + 1, "q2", "a", 5)] for i in range(3)}
TSV = [(2, 0, 50, 1, 7), (10, 3, 9, 0, 8), (2, 3, 40, 1, 8)]


def gradebook(folder: Path) -> Path:
    """Write a gradebook of Canvas whose totals are grades."""
    file = layouts.canvas_gradebook(folder, "en")
    head, possible, *rows = file.read_text("utf-8").splitlines()
    graded = (f"{row.rpartition(',')[0]},B" for row in rows)
    return lines(file, (head.replace("Final Score", "Final Grade"), possible, *graded))


RAW: dict[str, Callable[[Path], Any]] = {
    **{one.format: one.write for one in reversed(layouts.LAYOUTS)},
    "gradebook": gradebook,
    "open_edx": lambda folder: layouts.open_edx(folder, others=False),
    "assistments": lambda folder: layouts.assistments(folder, 2017),
    "pykt": lambda folder: layouts.pykt(folder, windows=False),
    "dkt_synthetic": lambda folder: lines(folder / "a.csv", ("1,0,1", "0,0,1")),
    "ednet": lambda folder: write_ednet(folder / "ednet", [[(0, 1), (3, 0)], [(2, 1), (1, 1)]]),
    "ednet_kt1": lambda folder: write_kt1(folder / "kt1", KT1),
    "csv": lambda folder: write_csv(folder / "a.csv", answers()),
    "parquet": parquet,
    "jsonl": lambda folder: write_jsonl(folder / "a.jsonl", answers()),
    "tsv": lambda folder: write_tsv(folder / "tsv", TSV),
    "bridge": lambda folder: lines(folder / "b.json", ([BRIDGE],)),
    "gsm8k": lambda folder: gsm8k(folder / "gsm8k"),
    "mathdial": lambda folder: lines(folder / "m.jsonl", (MATHDIAL,)),
    "chats": lambda folder: lines(folder / "c.jsonl", CHATS),
    "movielens": lambda folder: lines(folder / "ml" / "ratings.csv", MOVIES).parent,
    "ncf": lambda folder: ncf(folder / "ncf"),
    "enrolments": lambda folder: lines(folder / "e.csv", COURSES),
    "user_lists": lambda folder: user_lists(folder / "lists"),
    "events": lambda folder: lines(folder / "log.csv", (LOG.rstrip("\n"),)),
    "oulad": lambda folder: write_oulad(folder / "oulad"),
    "uci_student": lambda folder: write_uci(folder / "student-mat.csv"),
    "xapi": xapi,
    "texts": lambda folder: write_essays(folder / "e.csv", num=20),
    "ellipse": lambda folder: texts(folder, **ELLIPSE),
    "persuade": lambda folder: texts(folder, **PERSUADE),
    "asap": lambda folder: asap(folder / "asap"),
    "semeval2013": lambda folder: write_answers(folder / "semeval"),
    "spoken": lambda folder: write_spoken(folder / "spoken", num=8).parent,
    "fsdd": lambda folder: write_digits(folder / "recordings"),
    "speechocean762": lambda folder: write_corpus(folder / "corpus"),
    "transcripts": lambda folder: write_lessons(folder / "l.csv", 3),
    "talkmoves": lambda folder: write_release(folder / "talkmoves"),
}
OPTIONS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "moodle_log": lambda folder: {"outcomes": str(folder / "ended.csv")},
}
"""Options without which a format reads nothing."""

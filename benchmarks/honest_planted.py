"""Simulated data of six kinds as raw files, clean or with a leak planted in a share of its rows."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

Random = np.random.Generator
Row = list[Any]


class Made(NamedTuple):
    """Raw data of a kind.

    Attributes:
        format: The importer that reads it.
        head: The headings; nothing for lists of messages.
        rows: The rows.
        options: What the importer needs to be told.
    """

    format: str
    head: Sequence[str]
    rows: list[Row]
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed

    def write(self, folder: Path) -> Path:
        """Write it as files, and return what to import."""
        if self.format == "chats":
            for name in ("train", "validation", "test"):
                lines = (json.dumps(row[1]) for row in self.rows if row[0] == name)
                (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
            return folder
        file = folder / "made.csv"
        with file.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([self.head, *self.rows])
        return file


def answers(random: Random, students: int = 500) -> Made:
    """Make answers: students of unequal ability, items of unequal difficulty, at random times."""
    items = 60
    able, hard = random.normal(size=students), random.normal(size=items)
    rows: list[Row] = []
    for i in range(students):
        time = 1_700_000_000 + int(random.integers(10**6))
        for item in random.choice(items, int(random.integers(12, 40)), replace=False):
            time += int(random.integers(20, 200))
            right = int(random.random() < 1 / (1 + np.exp(hard[item] - able[i])))
            rows.append([f"s{i}", f"q{item}", f"k{item % 7}", right, time])
    return Made("csv", ("student", "item", "skill", "correct", "timestamp"), rows)


def enrolments(random: Random, students: int = 1500) -> Made:
    """Make enrolments: students who take what many take, and what suits them."""
    courses = 250
    known = -0.7 * np.log(np.arange(1, courses + 1))
    suits = random.normal(size=(courses, 6))
    rows: list[Row] = []
    for i in range(students):
        liking = known + suits @ random.normal(size=6) + random.gumbel(size=courses)
        taken = random.permutation(np.argsort(-liking)[: 3 + random.poisson(6)])
        rows += [[f"s{i}", f"c{course}", n] for n, course in enumerate(taken)]
    return Made("enrolments", ("student", "course", "time"), rows)


def events(random: Random, students: int = 4000) -> Made:
    """Make a course in two terms: work that the able hand in, and an outcome."""
    rows: list[Row] = []
    for term in ("2023", "2024"):
        rows += [["maths", term, "", "starts", 0, "", ""], ["maths", term, "", "ends", 100, "", ""]]
        rows += [["maths", term, "", "due", 12 * n, f"w{n}-{term}", 10] for n in range(1, 7)]
        for i in range(students):
            name, able = f"s{i}-{term}", random.normal()
            rows.append(["maths", term, name, "registered", -int(random.integers(1, 40)), "", ""])
            for n in range(1, 7):
                if random.random() < 1 / (1 + np.exp(-1.5 - able)):
                    mark = np.clip(0.6 + 0.2 * able + 0.1 * random.normal(), 0, 1)
                    day = 12 * n - int(random.integers(0, 9))
                    rows.append(
                        ["maths", term, name, "submitted", day, f"w{n}-{term}", round(mark, 2)]
                    )
            passed = able + random.normal() > -0.2
            rows.append(["maths", term, name, "outcome", 100, "", "Pass" if passed else "Fail"])
    head = ("course", "presentation", "student", "event", "day", "work", "value")
    return Made("events", head, rows)


def _prose(random: Random, words: int, vocabulary: int = 4000) -> list[str]:
    number = np.minimum(random.zipf(1.25, words), vocabulary)
    return [f"w{one}" for one in number]


def texts(random: Random, size: int = 6000) -> Made:
    """Make essays whose longer ones have better scores."""
    rows: list[Row] = []
    for i in range(size):
        words = int(random.integers(50, 150))
        score = int(np.clip(round(words / 35 + random.normal() * 0.8), 1, 5))
        rows.append([f"t{i}", "p", score, " ".join(_prose(random, words)), ""])
    return Made("texts", ("id", "prompt", "score", "text", "writer"), rows, {"groups": ["writer"]})


def lessons(random: Random, size: int = 240) -> Made:
    """Make lessons in which teachers' sentences have tags."""
    rows: list[Row] = []
    for i in range(size):
        part = "test" if i % 4 == 0 else "val" if i % 4 == 1 else "train"
        for turn in range(60):
            teacher = random.random() < 0.7
            tag = str(random.choice(["none", "ask", "press"], p=[0.6, 0.25, 0.15]))
            said = " ".join(_prose(random, int(random.integers(4, 16)), 600))
            who = "teacher" if teacher else "student"
            rows.append([f"l{i}", who, who, said, turn, tag if teacher else "", part])
    head = ("transcript", "speaker", "role", "sentence", "turn", "teacher_tag", "split")
    return Made("transcripts", head, rows)


def chats(random: Random, size: int = 900) -> Made:
    """Make conversations about problems with an answer."""
    rows: list[Row] = []
    for i in range(size):
        part = "test" if i % 5 == 0 else "validation" if i % 5 == 1 else "train"
        answer = int(random.integers(2, 500))
        problem = " ".join([*_prose(random, 35), str(int(random.integers(2, 500)))])
        rows.append([part, _chat(problem, answer)])
    return Made("chats", (), rows)


def _chat(problem: str, answer: int) -> dict[str, Any]:
    said = [("user", problem), ("assistant", f"So it is {answer}.")]
    messages = [{"role": role, "content": content} for role, content in said]
    return {"messages": messages, "problem": problem, "answer": str(answer)}


Plant = Callable[[Random, Made, float], Made]
"""Plants a leak in a share of the rows."""


def _some(random: Random, names: Sequence[Any], share: float) -> set[Any]:
    every = list(dict.fromkeys(names))
    return {every[i] for i in random.permutation(len(every))[: round(share * len(every))]}


def twins(random: Random, made: Made, share: float) -> Made:
    """The same people under two names."""
    at = made.head.index("student")
    some = _some(random, [row[at] for row in made.rows if row[at]], share)
    again = [[*row[:at], f"{row[at]}b", *row[at + 1 :]] for row in made.rows if row[at] in some]
    return made._replace(rows=made.rows + again)


def item_names(random: Random, made: Made, share: float) -> Made:
    """Items whose names end in the mark."""
    rows = [
        [student, f"{item}_{right}" if random.random() < share else item, skill, right, time]
        for student, item, skill, right, time in made.rows
    ]
    return made._replace(rows=rows)


def by_mark(random: Random, made: Made, share: float) -> Made:
    """Answers sorted by mark within a student."""
    some = _some(random, [row[0] for row in made.rows], share)
    rows = sorted(made.rows, key=lambda row: (row[0], -row[3] if row[0] in some else 0, row[4]))
    return made._replace(rows=[[*row[:4], 1_700_000_000 + 60 * n] for n, row in enumerate(rows)])


def row_a_skill(random: Random, made: Made, share: float) -> Made:
    """Answers that fill a row for each of two skills, the second one a second later."""
    again = [
        [student, item, "k9", right, time + 1]
        for student, item, _, right, time in made.rows
        if random.random() < share
    ]
    rows = sorted([*made.rows, *again], key=lambda row: (row[0], row[4]))
    return made._replace(rows=rows)


def next_course(random: Random, made: Made, share: float) -> Made:
    """The course that is held out as an attribute of the student."""
    last = {student: course for student, course, _ in made.rows}
    some = _some(random, list(last), share)
    rows = [[*row, last[row[0]] if row[0] in some else "none"] for row in made.rows]
    return Made("enrolments", (*made.head, "goal"), rows, {"groups": ["goal"]})


def token_before(random: Random, made: Made, share: float) -> Made:
    """A course of another name right before the held-out one."""
    last = {student: (course, time) for student, course, time in made.rows}
    some = _some(random, list(last), share)
    more = [[student, f"x{last[student][0]}", last[student][1] - 0.5] for student in some]
    return made._replace(rows=[[*row[:2], int(2 * row[2])] for row in [*made.rows, *more]])


def _outcomes(made: Made, outcome: str) -> list[str]:
    return [row[2] for row in made.rows if row[3] == "outcome" and row[6] == outcome]


def event_of_failing(random: Random, made: Made, share: float) -> Made:
    """Work that only failing students hand in."""
    some = _some(random, _outcomes(made, "Fail"), share)
    rows = list(made.rows)
    for term in ("2023", "2024"):
        rows.append(["maths", term, "", "due", 30, f"advice-{term}", 0])
        mine = [name for name in sorted(some) if name.endswith(term)]
        rows += [["maths", term, name, "submitted", 30, f"advice-{term}", ""] for name in mine]
    return made._replace(rows=rows)


def outcome_attribute(random: Random, made: Made, share: float) -> Made:
    """The outcome as an attribute of students."""
    failed = set(_outcomes(made, "Fail"))
    some = _some(random, [row[2] for row in made.rows if row[2]], share)
    known = {name: "closed" if name in failed else "kept" for name in some}
    rows = [[*row, known.get(row[2], "open") if row[2] else ""] for row in made.rows]
    return made._replace(head=(*made.head, "state"), rows=rows)


def after_leaving(random: Random, made: Made, share: float) -> Made:
    """Work of students who have left before."""
    done = {row[2]: row[4] for row in made.rows if row[3] == "submitted"}
    some = _some(random, list(done), share)
    left = [["maths", name[-4:], name, "left", done[name] - 2, "", ""] for name in sorted(some)]
    return made._replace(rows=made.rows + left)


def copied_texts(random: Random, made: Made, share: float) -> Made:
    """Texts that stand in the data twice under other ids."""
    some = _some(random, range(len(made.rows)), share)
    again = [[f"{made.rows[i][0]}b", *made.rows[i][1:]] for i in sorted(some)]
    return made._replace(rows=made.rows + again)


def near_texts(random: Random, made: Made, share: float) -> Made:
    """Texts that stand in the data twice, with a word in 25 changed."""
    found = copied_texts(random, made, share)
    for row in found.rows[len(made.rows) :]:
        words = row[3].split()
        words[12::25] = ["other"] * len(words[12::25])
        row[3] = " ".join(words)
    return found


def score_word(random: Random, made: Made, share: float) -> Made:
    """A word in texts that says the score."""
    rows = [
        [*row[:3], f"{row[3]} mark{row[2]}" if random.random() < share else row[3], row[4]]
        for row in made.rows
    ]
    return made._replace(rows=rows)


def writers(random: Random, made: Made, share: float) -> Made:
    """Writers of several texts each, who write alike, in a split at random."""
    rows = [[*row[:4], f"a{i}"] for i, row in enumerate(made.rows)]
    order = sorted(range(len(rows)), key=lambda i: rows[i][2] + 0.5 * random.normal())
    for begin in random.permutation(len(rows) // 3)[: round(share * len(rows) / 3)]:
        for i in order[3 * begin : 3 * begin + 3]:
            rows[i][4] = f"b{begin}"
    return made._replace(rows=rows)


def less_a_sentence(random: Random, made: Made, share: float) -> Made:
    """Lessons that stand in the data twice, once less a sentence, in the other part."""
    names = dict.fromkeys(row[0] for row in made.rows)
    some = _some(random, list(names), share)
    swap = {"train": "test", "test": "train", "val": "train"}
    again = [
        [f"{row[0]}b", *row[1:6], swap[row[6]]]
        for row in made.rows
        if row[0] in some and row[4] != 20
    ]
    return made._replace(rows=made.rows + again)


def tag_word(random: Random, made: Made, share: float) -> Made:
    """A word in sentences that says the tag."""
    rows = [
        [
            *row[:3],
            f"{row[3]} xx{row[5]}" if row[5] and random.random() < share else row[3],
            *row[4:],
        ]
        for row in made.rows
    ]
    return made._replace(rows=rows)


def _with_problems(random: Random, made: Made, share: float, change: Any) -> Made:
    test = [row[1] for row in made.rows if row[0] == "test"]
    some = _some(random, range(len(test)), share)
    again: list[Row] = [
        ["train", _chat(change(test[i]["problem"]), int(test[i]["answer"]))] for i in sorted(some)
    ]
    return made._replace(rows=made.rows + again)


def test_problems(random: Random, made: Made, share: float) -> Made:
    """Problems of the test part in the training part."""
    return _with_problems(random, made, share, lambda problem: problem)


def near_problems(random: Random, made: Made, share: float) -> Made:
    """The same with other words at the beginning and a number changed."""
    return _with_problems(
        random, made, share, lambda problem: f"well now {problem.rpartition(' ')[0]} 7"
    )


def told_answer(random: Random, made: Made, share: float) -> Made:
    """The answer in the problem."""
    rows: list[Row] = [
        [part, _chat(f"{chat['problem']} key {chat['answer']}", int(chat["answer"]))]
        if random.random() < share
        else [part, chat]
        for part, chat in made.rows
    ]
    return made._replace(rows=rows)


Maker = Callable[..., Made]
MAKERS: tuple[Maker, ...] = (answers, enrolments, events, texts, lessons, chats)
PLANTS: dict[Maker, dict[Plant, str]] = {
    answers: {twins: "copies", item_names: "name tell", by_mark: "tell", row_a_skill: "tell"},
    enrolments: {twins: "copies", next_course: "name tell", token_before: "name tell"},
    events: {
        event_of_failing: "tell",
        outcome_attribute: "tell",
        twins: "copies",
        after_leaving: "cutoff",
    },
    texts: {copied_texts: "copies", near_texts: "copies", score_word: "tell", writers: "grouping"},
    lessons: {less_a_sentence: "copies", tag_word: "tell"},
    chats: {test_problems: "copies", near_problems: "copies", told_answer: "held_out"},
}
"""What may be planted in each kind of data, and as what kinds of leak it is found."""

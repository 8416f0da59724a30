"""A small file of each kind of data, made up: what a file has to look like, and a thing to try."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from torchedu.errors import ConfigError, allowed
from torchedu.files import write_whole

PUPILS = ("Anna", "Ben", "Cleo", "Dora", "Emil", "Fatma", "Gustav", "Hana", "Ivan", "Jana")
SKILLS = ("adding", "fractions", "decimals", "equations")
COURSES = ("Reading", "Algebra", "Geometry", "Statistics", "Logic", "Programming", "Networks")
_MINUTE = np.timedelta64(1, "m")
_BEGIN = np.datetime64("2024-09-02T09:00")


def write_example(kind: str, out: str | Path) -> None:
    """Write a small file of a kind of data.

    Args:
        kind: One of ``EXAMPLES``.
        out: The file.

    Raises:
        ConfigError: There is no such kind, or a file stands there.
    """
    if kind not in EXAMPLES:
        raise ConfigError(
            f"there is no example of {kind!r}.", allowed(kind, EXAMPLES),
            option="kind", value=kind, allowed=EXAMPLES,
        )  # fmt: skip
    file = Path(out)
    if file.exists():
        raise ConfigError(f"{file} is there already.", "Name another file with ⟦out⟧.")
    text = "".join(f"{line}\n" for line in EXAMPLES[kind][1](np.random.default_rng(0)))
    write_whole(file, text.encode())


def _answers(draw: np.random.Generator) -> Iterator[str]:
    yield "student,item,skill,correct,time,school"
    for who, name in enumerate(_people(60)):
        ability = draw.normal(size=len(SKILLS)) / 2 + draw.normal()
        for step in range(20):
            item = int(draw.integers(40))
            skill = item % len(SKILLS)
            ability[skill] += 0.15
            right = int(draw.random() < 1 / (1 + np.exp(-ability[skill] + item / 40 - 0.5)))
            when = str(_BEGIN + (who % 5 * 1440 + step) * _MINUTE).replace("T", " ")
            school = ("North", "South")[who % 2]
            yield f"{name},q{item + 1},{SKILLS[skill]},{right},{when}:00,{school}"


def _enrolments(draw: np.random.Generator) -> Iterator[str]:
    yield "student,course,time,subject"
    for name in _people(80):
        some = draw.choice(len(COURSES), int(draw.integers(3, 6)), replace=False)
        for step, course in enumerate(sorted(some, key=lambda c: c + 2 * draw.normal())):
            day = np.datetime64("2023-01-15") + 90 * step
            yield f"{name},{COURSES[course]},{day},{('words', 'numbers')[course % 2]}"


def _events(draw: np.random.Generator) -> Iterator[str]:
    yield "student,course,presentation,event,day,work,value,gender"
    for year in (2023, 2024):
        for work in range(4):
            yield f",Algebra,{year},due,{21 * (work + 1)},work {work + 1},1,"
        yield f",Algebra,{year},ends,100,,,"
        for who, name in enumerate(_people(60)):
            ability, about = draw.normal(), f"{name} {year},Algebra,{year}"
            gender = "fm"[who % 2]
            yield f"{about},registered,0,,,{gender}"
            for work in range(4):
                if draw.random() < 1 / (1 + np.exp(-1.5 * ability - 1)):
                    mark = np.clip(0.6 + ability / 5 + draw.normal() / 10, 0, 1)
                    yield f"{about},submitted,{21 * (work + 1)},work {work + 1},{mark:.2f},{gender}"
            ended = "Pass" if ability + draw.normal() / 3 > -0.4 else "Fail"
            yield f"{about},outcome,100,,{ended},{gender}"


def _texts(draw: np.random.Generator) -> Iterator[str]:
    yield "id,text,prompt,score,gender"
    said = (
        *("They grow.", "Plants need light.", "Light gives them energy.", "Leaves breathe."),
        *("They make sugar of it.", "Roots take up water."),
    )
    for row in range(90):
        score, prompt = row % 4, ("plants", "growth")[row // 4 % 2]
        words = " ".join(draw.choice(said, score + 2, replace=False))
        yield f'answer {row + 1},"{words}",{prompt},{score},{"fm"[row % 3 % 2]}'


def _spoken(draw: np.random.Generator) -> Iterator[str]:
    yield "audio,text,speaker,score"
    said = ("the ice melts", "the sun warms it", "water runs off", "it freezes at night",
            "the air is cold", "snow falls again")  # fmt: skip
    for row, name in enumerate(_people(30) * 3):
        words = " and ".join(draw.choice(said, row % 4 + 1, replace=False))
        yield f",{words},{name},{row % 4}"


def _transcripts(draw: np.random.Generator) -> Iterator[str]:
    yield "lesson,speaker,sentence,tag"
    moves = {
        "Ms. Lee": (("Who can say that again?", "restating"), ("Why is that so?", "pressing"),
                    ("Good.", "none")),
        "Student": (("Because four and four are eight.", "giving a reason"), ("It is eight.",
                    "making a claim"), ("Can you repeat that?", "asking")),
    }  # fmt: skip
    for lesson in range(12):
        for step in range(24):
            speaker = ("Ms. Lee", "Student")[step % 2]
            sentence, tag = moves[speaker][int(draw.integers(3))]
            yield f"lesson {lesson + 1},{speaker},{sentence},{tag}"


def _conversations(draw: np.random.Generator) -> Iterator[str]:
    for _ in range(60):
        first, second = (int(n) for n in draw.integers(2, 50, 2))
        asked = f"What is {first} + {second}?"
        answer = f"We add {first} and {second}. #### {first + second}"
        said = ({"role": "user", "content": asked}, {"role": "assistant", "content": answer})
        yield json.dumps({"messages": said, "answer": str(first + second)})


def _people(number: int) -> list[str]:
    return [f"{PUPILS[i % len(PUPILS)]} {i // len(PUPILS) + 1}" for i in range(number)]


EXAMPLES: dict[str, tuple[str, Callable[[np.random.Generator], Iterator[str]]]] = {
    "answers": ("a row an answer, as CSV", _answers),
    "enrolments": ("a row a student's course, as CSV", _enrolments),
    "events": ("a row an event of a course, as CSV", _events),
    "texts": ("a row a graded text, as CSV", _texts),
    "spoken": ("a row an answer, as CSV: typed here, with room for paths of recordings", _spoken),
    "transcripts": ("a row a sentence of a lesson, as CSV", _transcripts),
    "conversations": ("JSON lines of messages", _conversations),
}
"""What each kind's file holds, and what writes its lines; all names are made up."""

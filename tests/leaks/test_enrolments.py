"""Each kind of leak is planted in clean enrolments and must be told by its name."""

import random
from pathlib import Path

import pytest

from torchedu.datasets.enrolment_splits import split_enrolments
from torchedu.datasets.enrolments import EnrolmentStore, write_enrolments
from torchedu.errors import DataError
from torchedu.leaks import check, refuse
from torchedu.schema import ITEM, Names, Vocabulary

COURSES = [str(number) for number in (*range(10, 30), *range(100, 300))]


KINDS = {
    "held_out": "held_out",
    "fragment": "name",
    "overlap": "copies",
    "student_id": "name",
    "end_of_student_id": "name",
    "course_id": "tell",
}


def histories(students: int = 600) -> dict[str, list[str]]:
    drawn = random.Random(1)
    return {f"s{i}": drawn.sample(COURSES, 4 + i % 12) for i in range(students)}


def store(path: Path, taken: dict[str, list[str]]) -> EnrolmentStore:
    courses = Names(dict.fromkeys(name for courses in taken.values() for name in courses))
    item = [courses.id(name) for names in taken.values() for name in names]
    lengths = [len(names) for names in taken.values()]
    return write_enrolments(
        path / "x.store", Vocabulary({ITEM: courses}), list(taken), lengths, item
    )


def planted(kind: str, taken: dict[str, list[str]]) -> dict[str, list[str]]:
    if kind == "held_out":
        return {who: [*names[:-1], names[-1], names[-1]] for who, names in taken.items()}
    if kind == "fragment":
        return {who: [*names[:-1], names[-1][:-1], names[-1]] for who, names in taken.items()}
    if kind == "overlap":
        return taken | {f"twin of {who}": names for who, names in list(taken.items())[:600]}
    if kind == "student_id":
        return {f"{who}_{names[-1]}": names for who, names in taken.items()}
    if kind == "end_of_student_id":  # of letters and digits
        return {
            f"{who}c{names[-1]}": [f"c{name}" for name in names] for who, names in taken.items()
        }
    return {who: [f"alias {names[-1]}", *names] for who, names in taken.items()}


def test_clean_data_is_left_alone(tmp_path: Path) -> None:
    clean = store(tmp_path, histories())
    assert check(clean, split_enrolments(clean)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_leak_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    leaky = store(tmp_path, planted(kind, histories(3000)))
    found = check(leaky, split_enrolments(leaky))
    assert KINDS[kind] in {one.kind for one in found}
    with pytest.raises(DataError, match=rf"\[{KINDS[kind]}\]"):
        refuse(found, leaky)


def test_students_in_the_order_of_their_course_are_seen(tmp_path: Path) -> None:
    ordered = sorted(histories().values(), key=lambda names: names[-1])
    for names in ordered:
        names[-1] = "10" + names[-1][:1]  # few courses, so that neighbours agree
    leaky = store(tmp_path, {str(i): list(dict.fromkeys(n)) for i, n in enumerate(ordered)})
    found = check(leaky, split_enrolments(leaky))
    assert "order of student ids" in {leak.where for leak in found}


def test_parts_that_share_an_enrolment_are_seen(tmp_path: Path) -> None:
    clean = store(tmp_path, histories())
    parts = split_enrolments(clean)
    found = check(clean, {**parts, "val": parts["test"]})
    assert {(leak.kind, leak.where) for leak in found} == {("held_out", "parts")}

"""Small raw files in the layouts of the real ones, with what they say as plain Python."""

import csv
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from torchedu.datasets import AnswerStore

Row = dict[str, Any]
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""A file system in memory where there is one: syncing many small stores to a disk takes long."""
HEADINGS = ("student", "item", "skill", "correct", "time", "response_time", "gender")


def answers(students: int = 4, each: int = 5, seed: int = 0) -> list[Row]:
    """Return rows of answers, the students' rows mixed, each student's in order of time."""
    draw = np.random.default_rng(seed)
    rows = []
    for step in range(each):
        for student in draw.permutation(students).tolist():
            item = int(draw.integers(0, 12))
            rows.append(
                {
                    "student": f"s{student + 1}",
                    "item": f"q{item}",
                    "skill": f"k{item % 3};k{item % 5}",
                    "correct": int(draw.integers(0, 2)),
                    "time": 1_600_000_000 + 3600 * step + student,
                    "response_time": float(draw.integers(1, 60)),
                    "gender": "fm"[student % 2],
                }
            )
    return rows


def write_csv(file: Path, rows: Sequence[Row], delimiter: str = ",") -> Path:
    """Write rows with the headings that they have."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return file


def write_jsonl(file: Path, rows: Sequence[Row]) -> Path:
    """Write a JSON object a line, skills as a list."""
    lines = [json.dumps({**row, "skill": row["skill"].split(";")}) for row in rows]
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return file


def write_ednet(folder: Path, histories: Sequence[Sequence[tuple[int, int]]]) -> Path:
    """Write histories of (question, mark) as the EdNet sample of PEBG is laid out."""
    folder.mkdir(exist_ok=True)
    tags = {f"q{i + 1}": f"{i % 3};{10 + i % 2}" for i in range(8)}
    joint = {text: number for number, text in enumerate(dict.fromkeys(tags.values()))}
    ids = {name: i for i, name in enumerate(tags)}
    (folder / "pro_id_dict.txt").write_text(str(ids))
    (folder / "pro_skill_dict.txt").write_text(str(tags))
    (folder / "skill_id_dict.txt").write_text(str(joint))
    lines = []
    for history in histories:
        items = [item for item, _ in history]
        lines += [
            [len(history)],
            [joint[tags[f"q{i + 1}"]] for i in items],
            items,
            [mark for _, mark in history],
        ]
    (folder / "data.txt").write_text("".join(f"{line}\n" for line in lines))
    return folder


def write_kt1(folder: Path, histories: dict[str, Sequence[tuple[int, str, str, int]]]) -> Path:
    """Write histories of (time, question, answer, milliseconds) as EdNet KT1 is laid out."""
    (folder / "KT1").mkdir(parents=True)
    (folder / "contents").mkdir()
    (folder / "contents" / "questions.csv").write_text(
        "question_id,bundle_id,explanation_id,correct_answer,part,tags,deployed_at\n"
        "q1,b1,e1,b,1,1;2;179,1558093217098\n"
        "q2,b1,e1,d,1,15,1558093217098\n"
        "q3,b2,e2,a,5,-1,1558093217098\n"
    )
    for student, history in histories.items():
        lines = ["timestamp,solving_id,question_id,user_answer,elapsed_time"]
        lines += [
            f"{time},{step},{question},{answer},{elapsed}"
            for step, (time, question, answer, elapsed) in enumerate(history, 1)
        ]
        (folder / "KT1" / f"{student}.csv").write_text("\n".join(lines) + "\n")
    return folder


def write_tsv(folder: Path, rows: Sequence[tuple[int, int, int, int, int]]) -> Path:
    """Write (user, item, time, mark, skill) and a q-matrix of 5 items and 3 skills."""
    folder.mkdir(exist_ok=True)
    lines = ["user_id\titem_id\ttimestamp\tcorrect\tskill_id"]
    lines += ["\t".join(map(str, row)) for row in rows]
    (folder / "preprocessed_data.csv").write_text("\n".join(lines) + "\n")
    np.savez(  # as scipy.sparse.save_npz writes it; item 3 has skills 0 and 2, item 4 has none
        folder / "q_mat.npz",
        format=np.array(b"csr"),
        shape=np.array([5, 3]),
        indptr=np.array([0, 1, 2, 3, 5, 5], np.int32),
        indices=np.array([0, 1, 2, 0, 2], np.int32),
        data=np.ones(5),
    )
    return folder


def told(store: AnswerStore) -> dict[str, list[tuple[str, float]]]:
    """Return what a store says: each student's items and marks, in order."""
    names, bounds = store.student_names(range(store.num_students)), store.history_offsets
    items = [store.vocabulary["item"].name(i) for i in store.item.tolist()]
    marks = store.correct.tolist()
    pairs = list(zip(items, marks, strict=True))
    return {name: pairs[bounds[i] : bounds[i + 1]] for i, name in enumerate(names)}


def skills(store: AnswerStore) -> dict[str, list[str]]:
    """Return each item's skills by name."""
    bounds, names = store.skill_offsets, store.vocabulary["skill"]
    return {
        item: [names.name(int(k)) for k in store.skill[bounds[i] : bounds[i + 1]]]
        for i, item in enumerate(store.vocabulary["item"], 2)
    }


def contents(folder: Path) -> dict[str, bytes]:
    """Return a store's columns and vocabulary; all but the note of where they came from."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != "manifest.json"
    }

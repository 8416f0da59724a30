"""What the benchmark of course recommendation measures: leaks planted, draws, ranks, steps.

As a script it measures the steps of matrix factorisation on simulated students and prints JSON:
    python benchmarks/recommendation_measures.py sparse 10000000 100000
"""

import json
import sys
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from scipy import sparse

from torchedu.batch import EnrolmentBatch
from torchedu.datamodules import Enrolments
from torchedu.datamodules.negatives import NegativeSampler
from torchedu.datasets.answers import stretch_index
from torchedu.datasets.importers import import_data
from torchedu.errors import DataError
from torchedu.leaks import check
from torchedu.metrics.ranking import hide, rank_of
from torchedu.metrics.ranking_scores import RankingScores
from torchedu.models import MF
from torchedu.tasks import CourseRecommendation

KINDS = ("held_out", "fragment", "overlap", "student_id", "course_id")


def first_students(source: Path, target: Path, students: int | None) -> None:
    """Copy the first students of a folder of lists."""
    target.mkdir(parents=True)
    for name in ("train.txt", "test.txt"):
        lines = (source / name).read_text("utf-8").splitlines()[:students]
        (target / name).write_text("\n".join(lines) + "\n", "utf-8")


def for_recbole(source: Path, folder: Path, students: int | None) -> tuple[Path, Path]:
    """Write one set of enrolments, and its parts, for both libraries.

    Returns:
        The store, and a file of each enrolment's student, course and part.
    """
    first_students(source, folder / "courses", students)
    data = Enrolments(str(folder / "courses"))
    columns: list[list[Any]] = [[], [], []]
    for number, name in enumerate(("train", "val")):
        part = data.parts[name]
        index, offsets = stretch_index(
            data.store.history_offsets[part.student] + part.first, part.stop - part.first
        )
        columns[0].append(np.repeat(part.student, np.diff(offsets)))
        columns[1].append(data.store.item[index])
        columns[2].append(np.full(len(index), number))
    student, course, number = (np.concatenate(column) for column in columns)
    np.savez(folder / "enrolments.npz", student=student, course=course, part=number)
    return data.store.path, folder / "enrolments.npz"


def planted_leaks(source: Path, students: int | None) -> dict[str, Any]:
    """Plant each kind of leak in real enrolments, import them, and keep what is said."""
    told: dict[str, Any] = {}
    for kind in ("clean", *KINDS):
        with TemporaryDirectory() as folder:
            data = Path(folder) / "data"
            first_students(source, data, students)
            if kind != "clean":
                plant(kind, data)
            try:
                store = import_data("user_lists", data, Path(folder) / "out.store")
                found = [one for one in check(store) if one.count > 100]  # MOOCCubeX has 26 twins
                told[kind] = "; ".join(f"{one.sentence} [{one.kind}]" for one in found) or None
            except DataError as error:
                told[kind] = error.problem.replace(f"{folder}/", "")
    return told


def plant(kind: str, data: Path) -> None:
    """Give each student's held-out course away in one of five ways."""
    train = [line.split() for line in (data / "train.txt").read_text("utf-8").splitlines()]
    test = [line.split() for line in (data / "test.txt").read_text("utf-8").splitlines()]
    if kind == "held_out":
        train = [[*row, target] for row, (_, target) in zip(train, test, strict=True)]
    elif kind == "fragment":  # as the file published first had it: the course's id, one digit short
        train = [[*row, target[:-1] or "0"] for row, (_, target) in zip(train, test, strict=True)]
    elif kind == "overlap":  # every twentieth student once more, under another name
        again = range(0, len(train), 20)
        train += [[f"copy{i}", *train[i][1:]] for i in again]
        test += [[f"copy{i}", test[i][1]] for i in again]
    elif kind == "student_id":  # students numbered in the order of the course held out
        order = sorted(range(len(test)), key=lambda i: test[i][1])
        train = [[str(n), *train[i][1:]] for n, i in enumerate(order)]
        test = [[str(n), test[i][1]] for n, i in enumerate(order)]
    elif kind == "course_id":  # a course of another name in the course's place
        train = [
            [*row, f"x{7919 * int(target) % 104729}"]
            for row, (_, target) in zip(train, test, strict=True)
        ]
    for name, rows in (("train.txt", train), ("test.txt", test)):
        text = "\n".join(" ".join(row) for row in rows)
        (data / name).write_text(text + "\n", "utf-8")


def sampling(source: Path, negatives: int = 4, loop: int = 40_000) -> dict[str, Any]:
    """Draw negatives by the sampler and by the loop of the NCF paper's code."""
    with TemporaryDirectory() as folder:
        store = import_data("user_lists", source, Path(folder) / "out.store")
        student = np.repeat(np.arange(store.num_students), np.diff(store.history_offsets))
        item, size = np.asarray(store.item, np.int64), int(store.item.max()) + 1
        students = store.num_students
    drawn = np.random.default_rng(0).permutation(len(item))
    rows, position = torch.from_numpy(student[drawn]), torch.from_numpy(drawn)
    ours = NegativeSampler(student, item, size)
    begin, step = time.process_time(), 65_536
    for first in range(0, len(rows), step):
        ours(rows[first : first + step], position[first : first + step], negatives, 0)
    ours_seconds = time.process_time() - begin
    ones = np.ones(len(item), np.float32)
    taken = sparse.coo_array((ones, (student, item)), shape=(students, size)).todok()
    begin, found = time.process_time(), []
    for u in student[drawn[:loop]].tolist():
        for _ in range(negatives):
            j = np.random.randint(size)  # noqa: NPY002 - as its code has it
            while (u, j) in taken:
                j = np.random.randint(size)  # noqa: NPY002 - as its code has it
            found.append([u, j])
    loop_seconds = time.process_time() - begin
    return {
        "ours_per_second": len(rows) * negatives / ours_seconds,
        "loop_per_second": len(found) / loop_seconds,
    }


def ranking(students: int, courses: int, dim: int = 64, seen: int = 12) -> dict[str, Any]:
    """Rank every course for every student by dot product, with those taken out of the running."""
    drawn = torch.Generator().manual_seed(0)
    state = torch.randn(students, dim, generator=drawn)
    net = MF(courses + 2, 2, 0, dim)
    taken = torch.randint(2, courses + 2, (students, seen), generator=drawn)
    target = torch.randint(2, courses + 2, (students,), generator=drawn)
    scores, begin = RankingScores(courses + 2), time.process_time()
    with torch.inference_mode():
        for some in torch.arange(students).split(4096):
            score = hide(net.logits(state[some]), taken[some])
            scores.update(rank_of(score, target[some]), score.topk(10).indices)
    return {"cpu_seconds": time.process_time() - begin, "scores": scores.compute()}


def steps(way: str, students: int, courses: int, batch: int = 4096) -> dict[str, Any]:
    """Time the steps of matrix factorisation of simulated enrolments, width 32."""
    torch.set_num_threads(1)
    net = partial(MF, dim=32)
    is_sparse = way == "sparse"
    task = CourseRecommendation(
        net, courses + 2, students, 0, loss="sampled_softmax", negatives=256, sparse=is_sparse,
        lr=0.01,
    )  # fmt: skip
    task.popularity = 1 / torch.arange(1.0, courses + 3)
    optimizer: Any = task.configure_optimizers()
    drawn = torch.Generator().manual_seed(0)
    seconds, losses = [], []
    for _ in range(25 if is_sparse else 5):
        item = 2 + (courses * torch.rand(batch, 1, generator=drawn) ** 3).long()
        many = torch.ones(batch, dtype=torch.int64)
        student = torch.randint(students, (batch,), generator=drawn)
        example = EnrolmentBatch(
            item, item > 0, item[:, :0], item[:, :0], student, 0 * many, float(batch) * many.float()
        )
        begin = time.process_time()
        loss = task.loss(example)[0].sum() / batch
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        seconds.append(time.process_time() - begin)
        losses.append(float(loss.detach()))
    status = Path("/proc/self/status").read_text("utf-8")
    kib = next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon"))
    return {
        "step_seconds": float(np.median(seconds[1:])),
        "anonymous_gib": int(kib) / 2**20,
        "loss": losses[-1],
    }


if __name__ == "__main__":
    print(json.dumps(steps(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))

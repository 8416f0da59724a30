"""Files in layouts of this field, good and bad rows drawn; see ``files_rows``."""

from collections.abc import Callable
from pathlib import Path

from files_rows import WRITERS, Draw, File, table_of
from files_rows_schools import SCHOOLS


def _day(i: int) -> str:
    return f"2012-09-{i % 28 + 1:02d} 10:{i % 60:02d}:00"


def _assistments(folder: Path, draw: Draw) -> File:
    heading = "order_id,user_id,problem_id,correct,skill_id,ms_first_response"
    rows = [
        f"{i},{draw.integers(0, 6)},{draw.integers(0, 9)},{draw.integers(0, 2)},{i % 4},{i}00"
        for i in range(draw.integers(30, 90))
    ]
    return table_of(folder, "skill_builder.csv", heading, rows, draw)


def _kdd_cup(folder: Path, draw: Draw) -> File:
    heading = (
        "Row\tAnon Student Id\tProblem Name\tStep Name\tFirst Transaction Time\t"
        "Correct First Attempt\tKC(Default)"
    )
    rows = [
        f"{i}\ts{draw.integers(0, 6)}\tP{i % 5}\tS{i % 3}\t{_day(i)}\t{draw.integers(0, 2)}\tA~~B"
        for i in range(draw.integers(30, 90))
    ]
    return table_of(folder, "train.txt", heading, rows, draw, "\t")


def _junyi(folder: Path, draw: Draw) -> File:
    heading = "user_id,exercise,time_done,correct,time_taken"
    rows = [
        f"{draw.integers(0, 6)},e{draw.integers(0, 9)},{1_400_000_000_000_000 + i * 10**7},"
        f"{('true', 'false')[draw.integers(0, 2)]},{i}"
        for i in range(draw.integers(30, 90))
    ]
    return table_of(folder, "junyi_ProblemLog_original.csv", heading, rows, draw)


def _eedi(folder: Path, draw: Draw) -> File:
    heading = "QuestionId,UserId,AnswerId,IsCorrect"
    rows = [
        f"{draw.integers(0, 9)},{draw.integers(0, 6)},{i},{draw.integers(0, 2)}"
        for i in range(draw.integers(30, 90))
    ]
    return table_of(folder, "train_task_3_4.csv", heading, rows, draw)


def _students(folder: Path, draw: Draw) -> File:
    rows = [
        f"s{i},{draw.integers(17, 60)},{draw.integers(0, 5)},{('Dropout', 'Graduate')[i % 2]}"
        for i in range(draw.integers(20, 60))
    ]
    heading = "student_id,age,absences,Target"
    (folder / "raw.csv").write_text("\n".join([heading, *rows]) + "\n")
    return File(folder / "raw.csv", len(rows))


def _lines(folder: Path, draw: Draw) -> File:
    lines, size = [], 0
    for _ in range(draw.integers(5, 20)):
        number = int(draw.integers(1, 9))
        lists = [draw.integers(1, 6, number), draw.integers(0, 2, number)]
        lines += [str(number), *(",".join(map(str, own)) for own in lists)]
        size += number
    (folder / "raw.csv").write_text("\n".join(lines) + "\n")
    return File(folder / "raw.csv", size)


def _pykt(folder: Path, draw: Draw) -> File:
    lines, size = ["fold,uid,questions,concepts,responses"], 0
    for uid in range(draw.integers(5, 20)):
        number = int(draw.integers(1, 9))
        lists = [draw.integers(0, 6, number), draw.integers(0, 3, number)]
        texts = [",".join(map(str, own)) for own in (*lists, draw.integers(0, 2, number))]
        lines.append(f"{uid % 5},{uid}," + ",".join(f'"{text}"' for text in texts))
        size += number
    (folder / "train_valid_sequences.csv").write_text("\n".join(lines) + "\n")
    return File(folder, size)


def _recordings(folder: Path, draw: Draw) -> File:
    cues = [
        f"{i}\n00:00:{i:02d}.000 --> 00:00:{i:02d}.900\n{('Ann', 'Bo')[i % 2]}: word {i}\n"
        for i in range(1, draw.integers(10, 50))
    ]
    (folder / "raw.vtt").write_text("WEBVTT\n\n" + "\n".join(cues))
    return File(folder / "raw.vtt", len(cues))


def _slam(folder: Path, draw: Draw) -> File:
    lines, size = [], 0
    for exercise in range(draw.integers(5, 20)):
        lines += [f"# user:u{exercise // 3}  countries:MX  days:{exercise / 10}  client:web", ""]
        for word in range(draw.integers(1, 9)):
            label = ("  0", "  1", "  2", "")[draw.choice(4, p=(0.4, 0.4, 0.1, 0.1))]
            lines.append(f"{exercise:010}{word:02}  w{word}  NOUN  Number=Sing  ROOT  0{label}")
            size += 1
        lines += [("", "no word")[(cut := int(draw.integers(0, 9) == 0))]]
        size += cut
    (folder / "es_en.slam.20190204.train").write_text("\n".join(lines) + "\n")
    return File(folder, size)


EVERY: dict[str, Callable[[Path, Draw], File]] = {
    **WRITERS, **SCHOOLS, "slam": _slam, "assistments": _assistments, "kdd_cup": _kdd_cup,
    "junyi": _junyi, "eedi": _eedi,
    "students": _students, "lines": _lines, "pykt": _pykt, "recordings": _recordings,
}  # fmt: skip
"""A writer for each format."""

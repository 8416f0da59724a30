"""What runs say of people: tables of predictions, scores with examples, and reports."""

import csv
import json
import shutil
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from torchedu.bounded import parse_json
from torchedu.datasets.leaving_out import REMOVED, is_told, masked_in
from torchedu.errors import MissingExtraError
from torchedu.files import whole, write_whole
from torchedu.report import write_report
from torchedu.run_folder import RunFolder

PEOPLE = ("student", "text", "lesson", "speaker")
"""Columns that hold people's names, or those of what they wrote or said."""
WORDS = ("sentence", "prompt", "explanation", "tutor", "answer")
"""Columns of what was written or said."""


def clean_results(folder: Path, name: str, texts: Sequence[str]) -> list[Path]:
    """Take a person out of what a run's folder says of people.

    Args:
        folder: The folder.
        name: The name.
        texts: What the person wrote or said.

    Returns:
        The files that were written again, or removed where they could not be.
    """
    gone = frozenset(texts)
    files = RunFolder(folder)
    clean = {".parquet": _parquet, ".csv": _csv, ".json": _json}
    held = (*files.tables(), *filter(Path.is_file, [files.evaluation]))
    done = [file for file in held if clean[file.suffix](file, name, gone)]
    if done and files.pages.is_dir():  # torchedu predict writes them again
        shutil.rmtree(files.pages)
        done.append(files.pages)
    if files.report.is_file() and (files.evaluation in done or _says(files.report, name)):
        done += _report_again(files)
    return done


def names_in(folder: Path) -> set[str]:
    """Return the names of people that the tables of a run's folder hold."""
    names: set[str] = set()
    for file in RunFolder(folder).tables():
        if file.suffix == ".parquet":
            for batch in pq.ParquetFile(file).iter_batches(columns=_columns(file, PEOPLE)):
                for column in batch.columns:
                    names.update(filter(None, pc.unique(column).to_pylist()))
        elif file.suffix == ".csv":
            with file.open(newline="", encoding="utf-8") as opened:
                for row in csv.DictReader(opened):
                    names.update(filter(None, (row.get(name) for name in PEOPLE)))
    return names


def _columns(file: Path, names: Collection[str]) -> list[str]:
    schema = pq.read_schema(file)
    return [name for name in schema.names if name in names and schema.field(name).type == "string"]


def _parquet(file: Path, name: str, gone: Collection[str]) -> bool:
    people, words = _columns(file, PEOPLE), _columns(file, WORDS)

    def batches() -> Iterator[tuple[pa.RecordBatch, bool]]:
        for batch in pq.ParquetFile(file).iter_batches():
            stays = pa.array([True] * len(batch))
            for column in people:
                stays = pc.and_(stays, pc.fill_null(pc.not_equal(batch.column(column), name), True))
            kept, changed = batch.filter(stays), pc.sum(stays).as_py() != len(batch)
            for column in words:
                at = kept.schema.get_field_index(column)
                before = kept.column(column).to_pylist()
                after = [_masked(text, name, gone) for text in before]
                if after != before:
                    changed = True
                    kept = kept.set_column(at, kept.schema.field(at), pa.array(after, pa.string()))
            yield kept, changed

    if not any(changed for _, changed in batches()):
        return False
    with whole(file) as part, pq.ParquetWriter(part, pq.read_schema(file)) as writer:
        for batch, _ in batches():
            writer.write_batch(batch)
    return True


def _csv(file: Path, name: str, gone: Collection[str]) -> bool:
    with file.open(newline="", encoding="utf-8") as opened:
        reader = csv.DictReader(opened)
        headings = list(reader.fieldnames or ())
        if not set(headings) & {*PEOPLE, *WORDS}:
            return False
        rows = list(reader)
    # A guard against formulas may stand before them.
    theirs, gone = (name, f"'{name}"), {*gone, *(f"'{text}" for text in gone)}
    kept = [row for row in rows if not any(row.get(column) in theirs for column in PEOPLE)]
    kept = [
        {key: _masked(cell, name, gone) if key in WORDS else cell for key, cell in row.items()}
        for row in kept
    ]
    if kept == rows:
        return False
    with whole(file) as part, part.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, headings)
        writer.writeheader()
        writer.writerows(kept)
    return True


def _json(file: Path, name: str, gone: Collection[str]) -> bool:
    try:
        before = parse_json(file.read_text("utf-8"))
    except ValueError:
        return False
    after = _without(before, name, gone)
    if after == before:
        return False
    write_whole(file, json.dumps(after, ensure_ascii=False, indent=1).encode())
    return True


def _without(value: Any, name: str, gone: Collection[str]) -> Any:
    """Return plain values without what is of a person, and with their name in no text."""
    if isinstance(value, str):
        return _masked(value, name, gone)
    if isinstance(value, list):
        return [_without(item, name, gone) for item in value if not _is_of(item, name)]
    if isinstance(value, dict):
        return {
            key: _without(item, name, gone)
            for key, item in value.items()
            if not (key == name and is_told(name))
        }
    return value


def _is_of(value: Any, name: str) -> bool:
    return isinstance(value, dict) and any(value.get(key) == name for key in PEOPLE)


def _masked(text: str | None, name: str, gone: Collection[str]) -> str | None:
    if text is None:
        return None
    if text in gone:
        return REMOVED
    return masked_in(text, name) if is_told(name) else text


def _says(file: Path, name: str) -> bool:
    return is_told(name) and name.encode() in file.read_bytes()


def _report_again(files: RunFolder) -> list[Path]:
    """Write a report again from what is left; where that cannot be done, it goes."""
    try:
        write_report(files.path)
    except MissingExtraError:
        files.report.unlink()
    return [files.report]

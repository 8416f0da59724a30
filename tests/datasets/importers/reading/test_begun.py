"""An import that is interrupted anywhere goes on there, to the store of one that was not."""

import errno
import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import Mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.datasets.importers.fake import MEMORY, Row, answers, contents, write_csv, write_jsonl
from torchedu.datasets import grouping
from torchedu.datasets.answers import AnswerWriter
from torchedu.datasets.importers import import_data
from torchedu.datasets.importers.reading import begun, parquet, text
from torchedu.errors import DataError

OPTIONS: dict[str, Any] = {"groups": ["gender"], "on_bad_row": "drop"}


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(dir=MEMORY) as made:
        yield Path(made)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "BLOCK_BYTES", 700)
    monkeypatch.setattr(parquet, "BATCH_ROWS", 11)
    monkeypatch.setattr(grouping, "CHUNK_ROWS", 50)
    monkeypatch.setattr(begun, "EVERY", 20)


def rows_of(together: bool) -> list[Row]:
    rows = answers(students=9, each=12)
    rows[40]["time"] = "no time"
    rows[70]["correct"] = "perhaps"
    rows[90]["gender"] = "m" if rows[90]["gender"] == "f" else "f"
    return sorted(rows, key=lambda row: str(row["student"])) if together else rows


def write_gz(file: Path, rows: list[Row]) -> None:
    file.write_bytes(gzip.compress(write_csv(file, rows).read_bytes()))


def write_folder(file: Path, rows: list[Row]) -> None:
    file.mkdir()
    write_csv(file / "a.csv", rows[:50])
    write_csv(file / "b.csv", [{k: v for k, v in r.items() if k != "gender"} for r in rows[50:]])


def write_parquet(file: Path, rows: list[Row]) -> None:
    texts = [{name: str(value) for name, value in row.items()} for row in rows]
    pq.write_table(pa.Table.from_pylist(texts), file, row_group_size=17)


WRITERS: dict[str, tuple[str, Callable[[Path, list[Row]], object]]] = {
    "a.csv": ("csv", write_csv), "a.csv.gz": ("csv", write_gz), "folder": ("csv", write_folder),
    "a.jsonl": ("jsonl", write_jsonl), "a.parquet": ("parquet", write_parquet),
}  # fmt: skip


def about(store: Path) -> dict[str, Any]:
    known: dict[str, Any] = json.loads((store / "manifest.json").read_text())["about"]
    return known


class Stop:
    """Ends an import, by an error of the system or as Ctrl-C does, after so many pieces."""

    def __init__(self, after: int, by: BaseException) -> None:
        self.left, self.by, self.first = after, by, 0

    def __call__(self, rows: int) -> None:
        self.first = self.first or rows
        self.left -= 1
        if self.left == 0:
            raise self.by


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("name", WRITERS)
def test_an_import_goes_on_where_it_was_interrupted(
    folder: Path, name: str, together: bool
) -> None:
    form, write = WRITERS[name]
    raw, out = folder / name, folder / "out"
    write(raw, rows_of(together))
    options = (
        OPTIONS if name != "folder" else {**OPTIONS, "groups": [], "columns": {"time": "time"}}
    )
    import_data(form, raw, folder / "whole", options)
    for after in (6, 1):
        stop = Stop(after, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            import_data(form, raw, out, options, progress=stop)
    stop = Stop(100, KeyboardInterrupt())
    import_data(form, raw, out, options, progress=stop)
    assert "gone on with after" in about(out)["interrupted"]
    assert stop.first > 22, "the last one did not begin in the middle"
    assert contents(out) == contents(folder / "whole")
    assert {k: v for k, v in about(out).items() if k != "interrupted"} == about(folder / "whole")
    assert {file.name for file in folder.iterdir()} == {name, "out", "whole"}


@pytest.mark.parametrize("together", [True, False])
def test_one_that_was_ended_while_the_store_was_written_reads_nothing_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, together: bool
) -> None:
    raw, out = folder / "a.csv", folder / "out"
    write_csv(raw, rows_of(together))
    import_data("csv", raw, folder / "whole", OPTIONS)
    full = OSError(errno.ENOSPC, "No space left on device")
    with monkeypatch.context() as patch:
        patch.setattr(AnswerWriter, "append", Mock(side_effect=full))
        with pytest.raises(DataError, match="No space left") as error:
            import_data("csv", raw, out, OPTIONS)
    assert "goes on after 108 rows" in error.value.remedy
    seen: list[int] = []
    import_data("csv", raw, out, OPTIONS, progress=seen.append)
    assert not seen
    assert contents(out) == contents(folder / "whole")


def test_what_is_damaged_or_of_another_file_is_read_again(folder: Path) -> None:
    raw, out = folder / "a.csv", folder / "out"
    left = folder / ".out.importing"
    write_csv(raw, rows_of(False))
    import_data("csv", raw, folder / "whole", OPTIONS)

    def again(options: dict[str, Any] = OPTIONS) -> str:
        import_data("csv", raw, out, options)
        assert not left.exists()
        return str(about(out)["interrupted"])

    def interrupt() -> None:
        with pytest.raises(KeyboardInterrupt):
            import_data("csv", raw, out, OPTIONS, progress=Stop(6, KeyboardInterrupt()))

    interrupt()
    with (left / "item.spill").open("r+b") as file:
        file.write(b"\x07")
    assert again() == "all is read again: the rows that it had read are damaged"
    assert contents(out) == contents(folder / "whole")
    interrupt()
    (left / "correct.spill").write_bytes(b"")
    assert "damaged" in again()
    interrupt()
    noted = left / begun.NOTED
    noted.write_bytes(noted.read_bytes().replace(b'"place"', b'"Place"'))
    assert again() == "all is read again: what it had noted is damaged"
    interrupt()
    assert "other files, options" in again({**OPTIONS, "groups": []})
    interrupt()
    raw.write_text(raw.read_text() + "s1,q1,k1,1,1700000000,3,f\n")
    assert "other files, options" in again()


def test_a_bad_row_leaves_nothing(folder: Path) -> None:
    raw = folder / "a.csv"
    write_csv(raw, rows_of(False))
    with pytest.raises(DataError, match="time"):
        import_data("csv", raw, folder / "out", {"groups": ["gender"]})
    assert list(folder.iterdir()) == [raw]


def _as_link(left: Path) -> None:
    (left.parent / "others").mkdir()
    left.symlink_to("others")


def _as_file(left: Path) -> None:
    left.write_text("theirs")


@pytest.mark.parametrize("stands", [_as_link, _as_file])
def test_what_is_no_folder_of_an_import_stays_as_it_is(
    folder: Path, stands: Callable[[Path], None]
) -> None:
    raw, left = folder / "a.csv", folder / ".out.importing"
    write_csv(raw, rows_of(False))
    stands(left)
    before = {file: file.lstat().st_mtime_ns for file in folder.rglob("*")}
    import_data("csv", raw, folder / "out", OPTIONS)
    assert "interrupted" not in about(folder / "out")
    shutil.rmtree(folder / "out")
    assert {file: file.lstat().st_mtime_ns for file in folder.rglob("*")} == before


def test_folders_in_what_an_import_left_are_no_fault_of_the_disk(folder: Path) -> None:
    raw, left = folder / "a.csv", folder / ".out.importing"
    write_csv(raw, rows_of(False))
    with pytest.raises(KeyboardInterrupt):
        import_data("csv", raw, folder / "out", OPTIONS, progress=Stop(6, KeyboardInterrupt()))
    (left / "copied" / "here").mkdir(parents=True)
    import_data("csv", raw, folder / "out", {**OPTIONS, "groups": []})
    assert not left.exists()

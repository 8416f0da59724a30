"""The check of importers passes torchedu's own and names each thing that is wrong."""

import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from tests.datasets.importers.fake import MEMORY
from tests.testing.raw_files import OPTIONS, RAW
from torchedu.datasets import Store, StoreWriter
from torchedu.datasets.importers import BadRows, Importer, Piece, Reading, Sieve, formats
from torchedu.datasets.importers.reading import values
from torchedu.datasets.importers.reading.tables import Delimited
from torchedu.errors import DataError
from torchedu.schema import Column
from torchedu.testing import ContractError, check_importer
from torchedu.testing.importers import IMPORTER_CONTRACTS

COLUMNS = (
    Column("student", True, "a name"),
    Column("minutes", True, "a number"),
)


class VisitStore(Store):
    """How long students stayed."""

    holds: ClassVar[str] = "visits"
    made_by: ClassVar[str] = "visits"
    mark: ClassVar[tuple[str, str]] = ("visits", "minutes")

    @property
    def counts(self) -> dict[str, int]:
        return {"visits": self.num_rows("visits")}


@dataclass(kw_only=True)
class Visits(Delimited, Importer):
    """Visits of students; a sound importer for others to break."""

    store = VisitStore
    reads = "a CSV file, a row a visit"
    schema = COLUMNS

    def write(self, reading: Reading, bad: BadRows, out: Path, about: dict[str, Any]) -> None:
        found = [row for piece in reading.pieces for row in self.good(piece, bad)]
        if not found:
            raise DataError("the file holds no visits.", "Export it again.", file=reading.raw)
        with StoreWriter(out) as writer:
            writer.about = about | {"dropped": bad.dropped}
            self.put(writer, found)

    def good(self, piece: Piece, bad: BadRows) -> Iterator[tuple[str, float]]:
        """Yield the student and the minutes of each good row."""
        sieve = Sieve(piece, bad)
        minutes, wrong = values.numbers(piece.batch.column("minutes"))
        sieve.refuse("the minutes are no number", wrong | np.isnan(minutes), column="minutes")
        students = piece.batch.column("student").to_pylist()
        for row in np.flatnonzero(sieve.keep).tolist():
            yield str(students[row]), float(minutes[row])

    def put(self, writer: StoreWriter, found: list[tuple[str, float]]) -> None:
        """Write rows, student by student."""
        ordered = sorted(found, key=lambda row: row[0])
        table = writer.table("visits", {"minutes": "float32"})
        table.append(len(ordered), {"minutes": [minutes for _, minutes in ordered]}, {})


# No class below has a name of its own in its body: it would be known to every command.


class SaysNothing(Visits):
    reads = ""


class HasNoStore(Visits):
    store = Store


class Boxed(Visits):
    def write(self, reading: Reading, bad: BadRows, out: Path, about: dict[str, Any]) -> None:
        super().write(reading, bad, out, about)

    @staticmethod
    def describe(store: Any) -> dict[str, Any]:
        return {"visits": store.num_rows("visits"), 1: "a key that is no text"}


class SaysAnotherName(Visits):
    def about(self, reading: Reading) -> dict[str, Any]:
        return super().about(reading) | {"importer": "another"}


class DrawsTheOrder(Visits):
    def put(self, writer: StoreWriter, found: list[tuple[str, float]]) -> None:
        table = writer.table("visits", {"minutes": "float32"})
        minutes = [minutes + random.random() for _, minutes in found]
        table.append(len(minutes), {"minutes": minutes}, {})


class NamesItsFolder(Visits):
    def about(self, reading: Reading) -> dict[str, Any]:
        return super().about(reading) | {"folder": reading.sources[0].name}


class WritesIntoTheRawFile(Visits):
    def read(self, raw: str, bad: BadRows) -> Reading:
        reading = super().read(raw, bad)
        with Path(raw).open("a", encoding="utf-8") as file:
            file.write("\n")
        return reading


class LeavesANote(Visits):
    def read(self, raw: str, bad: BadRows) -> Reading:
        Path(raw).with_name("read.txt").write_text("read", "utf-8")
        return super().read(raw, bad)


class LosesTheLastRow(Visits):
    def put(self, writer: StoreWriter, found: list[tuple[str, float]]) -> None:
        super().put(writer, found[:-1])


class DropsInSilence(Visits):
    def good(self, piece: Piece, bad: BadRows) -> Iterator[tuple[str, float]]:
        whole = [
            row for row, one in enumerate(piece.batch.column("minutes").is_valid()) if one.as_py()
        ]
        yield from super().good(Piece(piece.batch.take(whole), piece.place[whole]), bad)


class KeepsTheFilesOrder(Visits):
    def put(self, writer: StoreWriter, found: list[tuple[str, float]]) -> None:
        table = writer.table("visits", {"minutes": "float32"})
        table.append(len(found), {"minutes": [minutes for _, minutes in found]}, {})


class ReadsLines(Visits):
    """Reads the lines by itself, by their bytes."""

    def read(self, raw: str, bad: BadRows) -> Reading:
        reading = super().read(raw, bad)
        self.width = Path(raw).read_bytes().split(b"\n")[0]
        return reading

    def put(self, writer: StoreWriter, found: list[tuple[str, float]]) -> None:
        super().put(writer, [(student, minutes + len(self.width)) for student, minutes in found])


class TakesNothingForSound(Visits):
    def write(self, reading: Reading, bad: BadRows, out: Path, about: dict[str, Any]) -> None:
        with StoreWriter(out) as writer:
            writer.about = about | {"dropped": bad.dropped}
            found = [row for piece in reading.pieces for row in self.good(piece, bad)]
            self.put(writer, found)

    def read(self, raw: str, bad: BadRows) -> Reading:
        try:
            return super().read(raw, bad)
        except DataError:
            if Path(raw).stat().st_size > 1:
                raise
            return Reading(iter(()), (), {})


class Stumbles(Visits):
    def read(self, raw: str, bad: BadRows) -> Reading:
        if not Path(raw).stat().st_size:
            raise KeyError("student")
        return super().read(raw, bad)


class NamesNoFile(Visits):
    def read(self, raw: str, bad: BadRows) -> Reading:
        if not Path(raw).stat().st_size:
            raise DataError("the file is empty.", "Export it again.")
        return super().read(raw, bad)


class WritesAsItReads(Visits):
    def write(self, reading: Reading, bad: BadRows, out: Path, about: dict[str, Any]) -> None:
        half = out.with_name("half")
        half.write_text("half", "utf-8")
        super().write(reading, bad, out, about)
        half.unlink()


class ClearsFirst(Visits):
    def write(self, reading: Reading, bad: BadRows, out: Path, about: dict[str, Any]) -> None:
        for file in out.rglob("*.bin"):
            file.unlink()
        super().write(reading, bad, out, about)


@pytest.fixture(autouse=True)
def in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep small stores off the disk, where there is memory for them: syncing takes long."""
    monkeypatch.setattr(tempfile, "tempdir", MEMORY)


@pytest.mark.parametrize(
    "kind", [kind for kind in formats().values() if kind.__module__.startswith("torchedu.")]
)
def test_an_importer_keeps_the_contract(kind: type[Importer], tmp_path: Path) -> None:
    assert kind.name in RAW, f"give tests/testing/raw_files.py a small file of {kind.name}"
    raw = RAW[kind.name](tmp_path)
    check_importer(kind, raw, OPTIONS.get(kind.name, lambda _: {})(tmp_path))


BROKEN: dict[type[Importer], str] = {
    SaysNothing: "declared",
    HasNoStore: "declared",
    Boxed: "opens",
    SaysAnotherName: "opens",
    DrawsTheOrder: "same_bytes",
    NamesItsFolder: "same_bytes",
    WritesIntoTheRawFile: "raw_untouched",
    LeavesANote: "raw_untouched",
    LosesTheLastRow: "rows_counted",
    DropsInSilence: "rows_counted",
    KeepsTheFilesOrder: "any_order",
    ReadsLines: "encodings",
    TakesNothingForSound: "errors",
    Stumbles: "errors",
    NamesNoFile: "errors",
    WritesAsItReads: "nothing_left",
    ClearsFirst: "nothing_left",
}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Give a file of visits, the students' rows mixed."""
    file = tmp_path / "visits.csv"
    rows = [f"s{i % 3},{i}" for i in range(9)]
    file.write_text("\n".join(["student,minutes", *rows]) + "\n", "utf-8")
    return file


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the importers a name, for as long as they are checked."""
    monkeypatch.setattr(Visits, "name", "visits")


@pytest.mark.usefixtures("named")
def test_a_sound_importer_passes_and_the_raw_file_stays(raw: Path) -> None:
    before = raw.read_bytes()
    check_importer(Visits, raw)
    assert [file.name for file in raw.parent.iterdir()] == [raw.name]
    assert raw.read_bytes() == before


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_importer_is_caught_by_its_contract(kind: type[Importer], raw: Path) -> None:
    with pytest.raises(ContractError) as caught:
        check_importer(kind, raw)
    assert caught.value.contract == BROKEN[kind], caught.value


def test_every_contract_has_an_importer_that_breaks_it_and_says_what_it_asks() -> None:
    assert set(BROKEN.values()) == set(IMPORTER_CONTRACTS)
    assert all(contract.__doc__ for contract in IMPORTER_CONTRACTS.values())

"""Excel workbooks from people one does not know: read in bounded memory, nothing in them run."""

import warnings
import zipfile
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from torchedu.datasets.importers.reading.columns import ColumnMap
from torchedu.datasets.importers.reading.rows import BadRows, Piece
from torchedu.datasets.importers.reading.text import Source
from torchedu.errors import DataError, MissingExtraError

SUFFIX = ".xlsx"
MOST_UNPACKED = 128 << 20
"""Bytes that a workbook may come to when it is unpacked; a lesson's has less than one in 100."""
MOST_ROWS, MOST_COLUMNS = 1_000_000, 64
_ROWS = 1 << 14


class Workbook:
    """The first sheet of an ``.xlsx`` file, whose first row with text holds the headings.

    A workbook is a ZIP of XML. It is refused where its parts say that they unpack to more than
    ``MOST_UNPACKED`` bytes (reading stops at what they say), and its XML may declare no entities.

    Args:
        source: The file.

    Raises:
        DataError: It is no workbook, or one that unpacks to too much.
        MissingExtraError: What reads workbooks is not installed.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.headings: list[str] = []
        self.heading_row = 0
        self.notes = ()
        for row, cells in enumerate(self.rows(), 1):
            if any(cells):
                last = max(i for i, cell in enumerate(cells) if cell)
                self.headings = [(cell or "").strip() for cell in cells[: last + 1]]
                self.heading_row = row
                return
        raise source.fault("the workbook's first sheet is empty.", "Export it again.")

    def pieces(self, matched: ColumnMap, bad: BadRows) -> Iterator[Piece]:
        """Read the wanted columns, some rows at a time; empty rows hold nothing."""
        places = bad.of(self.source)
        index = [self.headings.index(heading) for heading in matched.taken.values()]
        rows = enumerate(self.rows(), 1)
        while block := list(islice(rows, _ROWS)):
            kept = [(row, cells) for row, cells in block if row > self.heading_row and any(cells)]
            columns = [
                pa.array([cells[i] if i < len(cells) else None for _, cells in kept], pa.string())
                for i in index
            ]
            batch = pa.RecordBatch.from_arrays(columns, names=list(matched.taken))
            yield places.piece(batch, np.array([row for row, _ in kept], np.int64))

    def rows(self) -> Iterator[Sequence[str | None]]:
        """Read all rows of the sheet, cells as texts."""
        load, defused = _openpyxl()
        with self.source.system.open_input_file(self.source.path) as file:
            self._check(file)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of styles and the like, which are not read
                    sheet = load(file, read_only=True, data_only=True, keep_links=False).worksheets[
                        0
                    ]
                    sheet.reset_dimensions()  # what the file says of them need not be so
                    rows = sheet.iter_rows(max_col=MOST_COLUMNS, values_only=True)
                    for number, cells in enumerate(rows):
                        if number == MOST_ROWS:
                            raise self._refused(f"it has more than {MOST_ROWS:,} rows")
                        yield [None if cell is None else str(cell) for cell in cells]
            except DataError:
                raise
            except Exception as error:  # noqa: BLE001 - a damaged file can fail in any place
                if isinstance(error, defused) or isinstance(error.__cause__, defused):
                    raise self._refused("its XML declares entities, as bombs do") from None
                raise self._refused(f"it is damaged ({type(error).__name__})") from None

    def _check(self, file: Any) -> None:
        try:
            with zipfile.ZipFile(file) as packed:
                unpacked = sum(part.file_size for part in packed.infolist())
                is_document = "[Content_Types].xml" in packed.namelist()
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            raise self._refused("it is no Excel workbook (.xlsx)") from None
        if not is_document:
            raise self._refused("it is a ZIP archive without a workbook in it")
        if unpacked > MOST_UNPACKED:
            size = f"{unpacked / 2**20:,.0f} MiB, more than {MOST_UNPACKED >> 20}"
            raise self._refused(f"it unpacks to {size}")
        file.seek(0)

    def _refused(self, why: str) -> DataError:
        return self.source.fault(
            f"the workbook cannot be read: {why}.",
            "Open it yourself if you trust it, and save the sheet as CSV.",
        )


def _openpyxl() -> tuple[Any, type[Exception]]:
    """Return openpyxl's loader and the error of its defused XML parser."""
    try:
        from defusedxml import DefusedXmlException
        from openpyxl import DEFUSEDXML, load_workbook
    except ImportError as error:
        raise MissingExtraError(
            "Reading Excel workbooks", error.name or "openpyxl", "spreadsheets"
        ) from None
    if not DEFUSEDXML:
        raise DataError(
            "workbooks are not read: OPENPYXL_DEFUSEDXML turns the safe XML parser off.",
            "Unset it, or save the sheet as CSV.",
        )
    return load_workbook, DefusedXmlException

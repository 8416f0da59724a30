"""Excel workbooks from people one does not know: read in bounded memory, nothing in them run."""

import warnings
import zipfile
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from torchedu.datasets.importers.reading.columns import ColumnMap
from torchedu.datasets.importers.reading.csv import begin_of
from torchedu.datasets.importers.reading.rows import BadRows, Piece
from torchedu.datasets.importers.reading.text import Source
from torchedu.errors import DataError, MissingExtraError

SUFFIX = ".xlsx"
MOST_UNPACKED = 128 << 20
"""Bytes that a workbook may come to when it is unpacked; a lesson's has less than one in 100."""
MOST_ROWS, MOST_COLUMNS, MOST_CELLS = 1_000_000, 2048, 64_000_000
MOST_SHEETS = 20
_ROWS, _LOOKED_AT = 1 << 14, 60


class Workbook:
    """A sheet of an ``.xlsx`` file, the first with rows under headings.

    Its first row with text holds these, below titles: rows of one cell above such with several.

    A workbook is a ZIP of XML. It is refused where its parts say that they unpack to more than
    ``MOST_UNPACKED`` bytes (reading stops at what they say), and its XML may declare no entities.

    Args:
        source: The file.

    Raises:
        DataError: It is no workbook, or one that unpacks to too much.
        MissingExtraError: What reads workbooks is not installed.
    """

    goes_on = False

    def __init__(self, source: Source) -> None:
        self.source = source
        self.headings: list[str] = []
        self.heading_row = 0
        self.notes: list[str] = []
        self._sheet, self._width = 0, MOST_COLUMNS
        names: list[str] = []
        first = [self._first(names, 0)]
        first += [self._first(names, sheet) for sheet in range(1, min(len(names), MOST_SHEETS))]
        # A cover has no rows under headings; where there is nothing else, the first is told.
        wide = [i for i, rows in enumerate(first) if len(rows) > 1 and _width(rows[0][1]) > 1]
        self._sheet = next(iter([*wide, *(i for i, rows in enumerate(first) if rows)]), -1)
        if self._sheet < 0:
            raise source.fault("the workbook's first sheet is empty.", "Export it again.")
        self.heading_row, cells = first[self._sheet][0]
        self._width = _width(cells)
        self.headings = [(cell or "").strip() for cell in cells[: self._width]]
        self._written = tuple(self.headings)  # who reads the table may tell equal ones apart
        if len(names) > 1:
            shown = ", ".join(names)
            self.notes.append(
                f"{source.base} has the sheets {shown}: {names[self._sheet]!r} is read."
            )

    def _first(self, names: list[str], sheet: int) -> list[tuple[int, Sequence[str | None]]]:
        """Return the first rows of a sheet with text in them, numbered, from the headings on."""
        self._sheet = sheet
        first = enumerate(islice(self.rows(names), _LOOKED_AT), 1)
        rows = [(row, cells) for row, cells in first if any(cells)]
        return rows[begin_of([cells for _, cells in rows]) :]

    def pieces(self, matched: ColumnMap, bad: BadRows) -> Iterator[Piece]:
        """Read the wanted columns, some rows at a time; empty rows hold nothing."""
        places = bad.of(self.source)
        index = [self.headings.index(heading) for heading in matched.taken.values()]
        rows = enumerate(self.rows(), 1)
        while block := list(islice(rows, _ROWS)):
            kept = [(row, cells) for row, cells in block if row > self.heading_row and any(cells)]
            again = [row for row, cells in kept if self._is_heading(cells)]
            if again:
                places.leave_out(f"heading lines in the middle of {self.source.base}", again)
                kept = [(row, cells) for row, cells in kept if not self._is_heading(cells)]
            columns = [
                pa.array([cells[i] if i < len(cells) else None for _, cells in kept], pa.string())
                for i in index
            ]
            batch = pa.RecordBatch.from_arrays(columns, names=list(matched.taken))
            yield places.piece(batch, np.array([row for row, _ in kept], np.int64))

    def _is_heading(self, cells: Sequence[str | None]) -> bool:
        return tuple((cell or "").strip() for cell in cells) == self._written

    def rows(self, names: list[str] | None = None) -> Iterator[Sequence[str | None]]:
        """Read all rows of the sheet, cells as texts.

        Args:
            names: Where the names of the sheets are put.
        """
        load, defused = _openpyxl()
        with self.source.system.open_input_file(self.source.path) as file:
            self._check(file)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of styles and the like, which are not read
                    sheets = load(file, read_only=True, data_only=True, keep_links=False).worksheets
                    if names is not None:
                        names[:] = [sheet.title for sheet in sheets]
                    sheet = sheets[self._sheet]
                    sheet.reset_dimensions()  # what the file says of them need not be so
                    rows = sheet.iter_rows(max_col=self._width, values_only=True)
                    most = min(MOST_ROWS, MOST_CELLS // self._width)
                    for number, cells in enumerate(rows):
                        if number == most:
                            raise self._refused(f"it has more than {most:,} rows")
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


def _width(cells: Sequence[str | None]) -> int:
    """Return up to which column a row has text."""
    return max((i for i, cell in enumerate(cells, 1) if cell and cell.strip()), default=0)


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

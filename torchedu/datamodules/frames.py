"""Tables in memory as data: of pandas, polars, Arrow, or what else speaks Arrow's interface."""

import os
from pathlib import Path
from shutil import rmtree
from tempfile import gettempdir, mkdtemp
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable
from weakref import finalize

import pyarrow as pa
import pyarrow.parquet as pq

from torchedu.errors import DataError
from torchedu.files import remove_left

NAME = "table"
"""What data is called that has no file's name."""


@runtime_checkable
class Frame(Protocol):
    """A table that gives its columns by Arrow's interface: a DataFrame of pandas or polars, say."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Return a stream of the table's rows."""


# Words of a command are texts: jsonargparse would read a path's file as what describes a table.
if TYPE_CHECKING:
    Place = str | Frame
else:
    Place = str
"""Where data stands: a path; in Python, a table in memory too."""


def in_file(frame: Frame, owner: object) -> str:
    """Write a table into a file that is there as long as what it is made for.

    Args:
        frame: The table. An index of pandas that has a name is a column.
        owner: What it is made for.

    Returns:
        The file's path; a store is made beside it.

    Raises:
        DataError: The table cannot be kept: a column holds values of several kinds, say.
    """
    remove_left(Path(gettempdir()), "torchedu")
    folder = mkdtemp(prefix=f"torchedu-{os.getpid()}-")
    finalize(owner, rmtree, folder, ignore_errors=True)
    file = Path(folder) / f"{NAME}.parquet"
    try:
        table = pa.table(frame)
        pq.write_table(table, file)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise DataError(
            f"the table cannot be read ({str(error).splitlines()[0]}).",
            "Give each column values of one kind.",
        ) from None
    return str(file)

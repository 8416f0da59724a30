"""The same rows as libraries have them, each with its own word for what is missing."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

Columns = dict[str, list[Any]]


def _dicts(columns: Columns, missing: Any) -> list[dict[str, Any]]:
    return [
        {
            name: missing if value is None else value
            for name, value in zip(columns, row, strict=True)
        }
        for row in zip(*columns.values(), strict=True)
    ]


KINDS: dict[str, Callable[[Columns], Any]] = {
    "dicts of NaN": lambda columns: _dicts(columns, float("nan")),
    "dicts of NaN of numpy": lambda columns: _dicts(columns, np.float32("nan")),
    "dicts of NaT": lambda columns: _dicts(columns, np.datetime64("NaT")),
    "table": pa.table,
}
"""From columns in which None is missing to rows, by what they are."""
try:
    import pandas

    KINDS |= {
        "dicts of pandas' NA": lambda columns: _dicts(columns, pandas.NA),
        "dicts of pandas' NaT": lambda columns: _dicts(columns, pandas.NaT),
        "pandas": pandas.DataFrame,
        "objects": lambda columns: pandas.DataFrame(columns, dtype=object).fillna(float("nan")),
        "pandas' own types": lambda columns: pandas.DataFrame(columns).convert_dtypes(),
        "types of Arrow": lambda columns: pandas.DataFrame(columns).convert_dtypes(
            dtype_backend="pyarrow"
        ),
        "categories": lambda columns: pandas.DataFrame(columns).astype("category"),
    }
    import polars

    KINDS["polars"] = polars.DataFrame
except ImportError:  # neither is needed
    pass


def column(rows: Any, name: str) -> Any:
    """Return the values of one column of rows, as they stand in it."""
    if isinstance(rows, pa.Table):
        return rows[name].to_pylist()
    return [row[name] for row in rows] if isinstance(rows, list) else rows[name]

"""Which courses, or skills, require which: a CSV file of pairs."""

import numpy as np

from torchedu.datasets.importers.reading.columns import ColumnMap
from torchedu.datasets.importers.reading.csv import Table
from torchedu.datasets.importers.reading.rows import BadRows, Places
from torchedu.datasets.importers.reading.text import locate
from torchedu.datasets.prerequisites import Prerequisites
from torchedu.errors import allowed
from torchedu.schema import RESERVED, Names


def read_prerequisites(path: str, names: Names, kind: str = "course") -> Prerequisites:
    """Read a CSV file with the headings ``course``, say, and ``requires``, a pair a row.

    Args:
        path: The file; a course that requires several stands on several rows.
        names: The courses' names.
        kind: What they are, as the heading and errors call it.

    Returns:
        The pairs.

    Raises:
        DataError: A column is missing, a name is no course, or a course requires itself.
    """
    wanted = (kind, "requires")
    source = locate(path)
    table = Table(source, None, "utf-8")
    for name in wanted:
        if name not in table.headings:
            remedy = allowed(name, table.headings)
            raise source.fault(f"no column is called {name!r}.", remedy, table.heading_row)
    bad = BadRows(Places())
    pairs = []
    for piece in table.pieces(ColumnMap({name: name for name in wanted}, ()), bad):
        columns = [piece.batch.column(name).to_pylist() for name in wanted]
        for *pair, place in zip(*columns, piece.place.tolist(), strict=True):
            ids = [names.id((name or "").strip()) for name in pair]
            row = bad.places.name(place)[1]
            for name, id in zip(pair, ids, strict=True):
                if id < RESERVED:
                    remedy = allowed(name or "", names, most=5)
                    raise source.fault(f"{name!r} is no {kind} of the data.", remedy, row)
            if ids[0] == ids[1]:
                raise source.fault(f"{pair[0]!r} requires itself.", "Remove the row.", row)
            pairs.append(ids)
    return Prerequisites(np.array(pairs, np.int64), len(names))

"""The parts that sections of several tasks are built of."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchedu.sections import Form, Line, Section, Table

Rows = Sequence[Mapping[str, Any]]


def table(rows: Rows, headings: Mapping[str, str], folded: str = "") -> Table:
    """Return a table of rows of scores, say.

    Args:
        rows: Each by name.
        headings: What stands above each column, by the name of what stands in it.
        folded: See ``torchedu.sections.Table``.
    """
    return Table([*headings.values()], [[row[name] for name in headings] for row in rows], folded)


def line(rows: Rows, x: str, y: str, name: str, kind: str = "") -> Line:
    """Return a line through a point of each row.

    Args:
        rows: Each by name.
        x: Where each stands.
        y: How high it is.
        name: See ``torchedu.sections.Line``.
        kind: Likewise.
    """
    return Line(name, [row[x] for row in rows], [row[y] for row in rows], kind)


def roc(name: str, points: Mapping[str, Any], kind: str = "", note: str = "") -> Line:
    """Return the line of what ``torchedu.metrics.roc_points`` returned."""
    return Line(name, points["false_positive_rate"], points["true_positive_rate"], kind, note)


def calibration(name: str, points: Mapping[str, Any], kind: str = "") -> Line:
    """Return the line of what ``torchedu.metrics.calibration_points`` returned."""
    return Line(name, points["predicted"], points["observed"], kind)


def confused(
    given: NDArray[np.int64],
    said: NDArray[np.int64],
    names: Sequence[str],
    giver: str,
    sayer: str,
    title: str = "",
) -> Table:
    """Return a table of how often which of some names was said where which was given.

    Args:
        given: Indices of names; shape (rows,).
        said: Likewise.
        names: The names; those that nobody gives or says are left out.
        giver: Who gave, as the rows say.
        sayer: Who said, as the columns say.
        title: What is said above the table; nothing where it is empty.
    """
    counts = np.zeros((len(names), len(names)), np.int64)
    np.add.at(counts, (given, said), 1)
    kept = np.flatnonzero(counts.sum(0) + counts.sum(1)).tolist()
    headings = [f"{giver} / {sayer}", *(names[i] for i in kept)]
    rows = [[names[i], *counts[i, kept].tolist()] for i in kept]
    return Table(headings, rows, title, opens=True)


def lacking(title: str, why: str) -> Section:
    """Return a section that shows nothing, and says why."""
    return Section(title, why, lacking=True)


def alike(fairness: Mapping[str, Any] | None, forms: Sequence[Form] = ()) -> Section:
    """Say what the audit of groups found.

    Args:
        fairness: What ``torchedu.metrics.fairness.audit`` returned; None without groups.
        forms: What is drawn beside.
    """
    title = "For all groups alike?"
    if fairness is None:
        return lacking(title, "The data names no groups.")
    return Section(title, "\n".join(fairness["words"]), forms, private=True)

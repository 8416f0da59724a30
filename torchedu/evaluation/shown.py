"""Scores as a notebook shows them."""

from collections.abc import Mapping
from html import escape
from typing import Any


class Evaluation(dict[str, Any]):
    """What ``evaluate`` returns: plain values, which a notebook shows as a table."""

    def _repr_html_(self) -> str:
        return shown_html(self)


def shown_html(evaluation: Mapping[str, Any]) -> str:
    """Return what came out in sentences, and the scores as a table.

    Args:
        evaluation: What ``evaluate`` returned.
    """
    said = [evaluation[name] for name in ("lead", "surely", "next") if evaluation.get(name)]
    columns, best = evaluation["columns"], evaluation.get("best", ())
    heads = "".join(f"<th>{escape(title)}</th>" for title in ("model", *columns.values()))
    rows = []
    for row in evaluation["scores"]:
        weight = " style='font-weight: bold'" if row["name"] in best else ""
        cells = "".join(f"<td>{_cell(row.get(name))}</td>" for name in columns)
        rows.append(f"<tr{weight}><td>{escape(row['name'])}</td>{cells}</tr>")
    paragraphs = "".join(f"<p>{escape(words)}</p>" for words in said)
    return f"{paragraphs}<table><tr>{heads}</tr>{''.join(rows)}</table>"


def _cell(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:.3f}"

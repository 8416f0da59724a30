"""Pictures of graded texts: agreement by prompt, by published part and by group of writers."""

from typing import Any

from torchedu.report.dots import Row, draw_dots
from torchedu.report.style import Picture

NAMES = ("prompts", "parts", "writers")
MOST = 30
"""Rows of a picture."""


def draw_grades(found: dict[str, Any]) -> list[Picture]:
    """Draw what an evaluation of grades holds.

    Args:
        found: ``evaluation.json``, read.

    Returns:
        The pictures; none where it holds nothing of the kind.
    """
    network = found["scores"][0]["name"] if found.get("scores") else ""
    measure, title = next(iter(found.get("columns", {}).items()), ("", ""))
    by_prompt = found.get("by_prompt") or []
    prompts = [
        _row(one["prompt"], one["texts"], one["qwk"])
        for one in by_prompt
        if one["score"] == by_prompt[0]["score"]  # the overall one; traits come after it
    ]
    parts = [_row(one["name"], one["texts"], one[measure]) for one in found.get("by_part") or []]
    writers = [
        _row(f"{attribute}: {one['name']}", one["texts"], one[measure])
        for attribute, groups in (found.get("essays_by_group") or {}).items()
        for one in groups
    ]
    pictures = zip(NAMES, ("prompt", "part", "group of writers"), (prompts, parts, writers),
                   strict=True)  # fmt: skip
    return [
        draw_dots(name, f"{title} by {noun}", _axis(title, rows), network, rows[:MOST])
        for name, noun, rows in pictures
        if rows
    ]


def _axis(title: str, rows: list[Row]) -> str:
    cut = f"; the first {MOST} of {len(rows):,}" if len(rows) > MOST else ""
    return f"{title} (texts in brackets{cut})"


def _row(name: str, texts: int, score: dict[str, float | None]) -> Row:
    return Row(f"{name} ({texts:,})", name, score)

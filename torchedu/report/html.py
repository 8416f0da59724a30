"""Pages of HTML from their templates: what is not markup is escaped, whoever wrote it."""

import re
from collections.abc import Callable
from typing import Any

import jinja2

from torchedu.report.folder import clean_name
from torchedu.report.style import short

LONGEST = 80
"""Characters of a name, which is cut in its middle beyond."""
_FIGURES = re.compile(r"[\d\s.,:%±\[\]()+−–-]+")
"""A number, a span of numbers: broken between them alone."""

MANY = 10
"""From here on a number is no share, and its thousandths are of no matter."""


def template(name: str) -> Callable[..., str]:
    """Return what renders one of this folder's templates.

    Args:
        name: The file's name.
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        loader=jinja2.PackageLoader("torchedu.report", ""),
    )  # fmt: skip
    environment.filters.update(
        score=_score,
        count=_count,
        name=_named,
        words=clean_name,
        share=_share,
        percent=_percent,
        place=_place,
    )
    environment.tests["figures"] = _FIGURES.fullmatch
    return environment.get_template(name).render


def _score(value: Any) -> str:
    """Return a cell of a table: a score, a count, or words as they are."""
    if value is None or value != value:
        return "–"
    if isinstance(value, str):
        return _named(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3f}" if abs(value) < MANY else f"{value:,.1f}"


def _named(name: str) -> str:
    return short(clean_name(name), LONGEST)


def _count(value: int) -> str:
    return f"{value:,}"


def _share(value: float) -> str:
    """Return how long the bar of a share is, from 0 to 1."""
    return f"{min(max(value, 0.0), 1.0):.3f}" if value == value else "0"


def _percent(value: float) -> str:
    return f"{value:.0%}" if value == value else "–"


def _place(words: str, path: str) -> str:
    """Return words that speak of a run, with its folder's name."""
    return re.sub(r"\bRUN\b", lambda _: path, words)

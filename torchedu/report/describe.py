"""The picture of a data set, written to a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torchedu.errors import ConfigError, allowed
from torchedu.files import write_whole
from torchedu.report.extras import need_extras

FORMATS = ("png", "svg", "pdf")


def draw(description: Mapping[str, Any], file: Path) -> None:
    """Draw what a data set holds, as one picture for a talk or a paper.

    Args:
        description: What ``datasets.importers.describe_data`` counts: whole numbers, such as
            ``students``; spreads, such as ``answers_per_item``, each with a ``histogram`` of
            ``edges`` and ``counts``; ``groups`` (how many ``unit``, which are students where it
            does not say, by attribute and group); of answers ``share_correct``,
            ``item_share_correct`` with ``edges`` and ``counts``, and ``skills_per_item`` (items by
            number of skills). What is missing or empty is not drawn.
        file: The picture to write; its suffix says the format: png, svg or pdf.

    Raises:
        ConfigError: The suffix is none of these.
        MissingExtraError: matplotlib is not installed.
    """
    form = file.suffix.lower().removeprefix(".")
    if form not in FORMATS:
        raise ConfigError(
            f"{file}: no picture can be written with the suffix {file.suffix!r}.",
            allowed(form, FORMATS),
        )
    need_extras("A picture")
    from torchedu.report.data_set import data_set_figure
    from torchedu.report.style import drawing, saved

    with drawing():
        write_whole(file, saved(data_set_figure(description), form))

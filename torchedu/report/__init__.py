"""A run's folder to pictures and one page of HTML. Nothing here needs torch or the data."""

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from torchedu.report.extras import need_extras
from torchedu.run_folder import RunFolder

if TYPE_CHECKING:
    from torchedu.report.people import Page

__all__ = ["pictures_html", "write_pages", "write_report"]


def write_report(run: str | Path) -> Path:
    """Write a run's report: one page that opens anywhere, offline, and its pictures as PNG files.

    Reads ``config.yaml``, ``metrics.csv``, ``evaluation.json``, ``mastery.json`` and
    ``companions.json`` of the run's folder, as far as they are there, and nothing else. What is
    missing leaves its section out, and the page says so in one line.

    Args:
        run: The run's folder.

    Returns:
        The page, ``report.html`` in the run's folder; the pictures stand in ``pictures/``, and
        beside it the model card, ``model_card.md``.

    Raises:
        DataError: The folder is no run's, or one of its files cannot be read.
        MissingExtraError: matplotlib or jinja2 is not installed.
    """
    need_extras("A report")
    # Imported here so that whoever may want a report pays for matplotlib only when writing one.
    from torchedu.report.page import write

    return write(Path(run))


def write_pages(
    folder: str | Path, noun: str, classes: Mapping[str, "Page"], people: Mapping[str, "Page"]
) -> Path:
    """Write a page a class and a page a student: they link to one another and open offline.

    Args:
        folder: Where the tables of predictions stand; the pages go to ``pages/`` in it, in place
            of those that were there.
        noun: The heading of tables' columns that name those who have a page.
        classes: The classes' pages, by name.
        people: The students' pages, or those of texts, say, by name.

    Returns:
        The first page, ``pages/index.html``.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    need_extras("A page a student")
    from torchedu.report.people import write

    return write(Path(folder), noun, classes, people)


def pictures_html(run: str | Path) -> str:
    """Return the pictures of a run's report as HTML for a notebook; nothing where it has none.

    Args:
        run: The run's folder.
    """
    files = sorted(RunFolder(Path(run)).pictures.glob("*.png"))
    return "".join(
        f'<img alt="{file.stem.replace("_", " ")}" style="max-width: 32rem" '
        f'src="data:image/png;base64,{b64encode(file.read_bytes()).decode()}">'
        for file in files
    )

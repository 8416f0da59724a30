"""A page a class and a page a student: tables of predictions as pages that link to one another."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from torchedu.files import write_whole
from torchedu.report.html import template
from torchedu.run_folder import RunFolder
from torchedu.sections import Section, Table


class Page(Protocol):
    """What a page says; see ``torchedu.prediction.pages``."""

    @property
    def title(self) -> str:
        """Its heading."""

    @property
    def lead(self) -> str:
        """What it comes to, in a sentence."""

    @property
    def sections(self) -> Sequence[Section]:
        """The rest, of tables alone."""


def write(folder: Path, noun: str, classes: Mapping[str, Page], people: Mapping[str, Page]) -> Path:
    """Write pages into a folder; see :func:`torchedu.report.write_pages`."""
    into = RunFolder(folder).pages
    into.mkdir(parents=True, exist_ok=True)
    for old in into.glob("*.html"):
        old.unlink()
    digits = len(str(max(len(people), 1)))
    files = {name: f"{noun}-{i:0{digits}}.html" for i, name in enumerate(people, 1)}
    first, several = "index.html", len(classes) != 1
    of_classes = {
        name: f"class-{i}.html" if several else first for i, name in enumerate(classes, 1)
    }
    links = {noun: files, "class": of_classes}
    written: dict[str, tuple[Any, bool]] = {
        of_classes[name]: (page, several) for name, page in classes.items()
    }
    written |= {files[name]: (page, True) for name, page in people.items()}
    if several:
        rows = [[name, page.lead] for name, page in classes.items()]
        section = Section("Class by class", "", [Table(["class", "what it comes to"], rows)])
        index = {"title": "All classes", "lead": f"{len(classes)} classes.", "sections": [section]}
        written[first] = index, False
    render = template("people.html.jinja")
    for file, (page, back) in written.items():
        text = render(page=page, links=links, back=first if back else "")
        write_whole(into / file, text.encode("utf-8"))
    return into / first

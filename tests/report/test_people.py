from pathlib import Path

from tests.report.test_page import HOSTILE, Page
from torchedu.prediction.page import Page as Said
from torchedu.report import write_pages
from torchedu.sections import Section, Table


def said(title: str, rows: list[list[str | float]]) -> Said:
    table = Table(["student", "mastery"], rows, bars=(1,))
    return Said(title, f"{title} in a sentence.", [Section("Mastery", "As a share.", [table])])


def test_pages_link_to_one_another(tmp_path: Path) -> None:
    people = {name: said(name, [[name, 0.5]]) for name in ("ann", "ben")}
    index = write_pages(
        tmp_path, "student", {"The class": said("The class", [["ann", 0.25]])}, people
    )
    page = Page(index.read_text("utf-8"))
    assert [link["href"] for link in page.all("a")] == ["student-1.html"]
    assert "25%" in page.text
    assert [span["style"] for span in page.all("span")] == ["--share: 0.250"]
    other = Page((index.parent / "student-1.html").read_text("utf-8"))
    assert other.all("a")[0]["href"] == "index.html"
    assert "ann in a sentence." in other.text


def test_several_classes_have_a_page_each_and_old_pages_go(tmp_path: Path) -> None:
    classes = {name: said(name, [["ann", 0.25]]) for name in ("Algebra", "Logic")}
    write_pages(tmp_path, "student", classes, dict.fromkeys(["ann", "ben"], said("ann", [])))
    index = write_pages(tmp_path, "student", classes, {"ann": said("ann", [])})
    files = {file.name for file in index.parent.iterdir()}
    assert files == {"index.html", "class-1.html", "class-2.html", "student-1.html"}
    page = Page(index.read_text("utf-8"))
    assert [link["href"] for link in page.all("a")] == ["class-1.html", "class-2.html"]


def test_no_name_becomes_markup_or_a_path(tmp_path: Path) -> None:
    people = {name: said(name, [[name, float("nan")]]) for name in HOSTILE}
    index = write_pages(tmp_path, "student", {name: said(name, []) for name in HOSTILE}, people)
    for file in index.parent.iterdir():
        page = Page(file.read_text("utf-8"))
        assert not page.all("script")
        assert not page.all("img")

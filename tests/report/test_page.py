import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from torchedu.errors import DataError
from torchedu.report import write_report
from torchedu.sections import Dot, Dots, Point, Points, Section, Table

VOID = {"meta", "img", "source", "br"}
HOSTILE = [
    "<script>alert('x')</script>",
    '"><img src=x onerror=alert(1)>',
    "$\\frac{1}{$ {{ 7*7 }}",
    "שברים ואחוזים",
    "x" * 300,
    "line\nbreak\x00\ud800\u202eevil",
]


class Page(HTMLParser):
    """A page taken apart; tags must nest as they were opened."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text = ""
        self.headings: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"<{tag}> names an attribute twice"
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page_of(run: Path) -> Page:
    return Page(write_report(run).read_text("utf-8"))


def test_a_whole_run_makes_a_whole_page(write_run: Callable[..., Path]) -> None:
    run = write_run()
    page = page_of(run)
    assert page.headings == [
        "Scores",
        "Ranking and trust",
        "By length of history",
        "By student group",
        "Tag by tag",
        "Mastery",
        "One lesson",
        "One risk",
        "What it says",
        "Learning curves",
        "The same again",
        "Left out",
    ]
    pictures = {file.name for file in (run / "pictures").iterdir()}
    assert pictures == {
        "scores.png", "learning_loss.png", "learning_score.png", "ranking-and-trust.png",
        "ranking-and-trust-2.png", "by-length-of-history.png", "by-student-group.png",
        "tag-by-tag.png", "mastery.png", "one-lesson.png", "one-risk.png",
    }  # fmt: skip
    for said in ("0.738", "Best-LR", "best reachable", "23,950", "seed 7", "Epoch 3", "1f3a9c",
                 "missed B", "Weeks: There is none.", "1,210", "How many?", "Four."):  # fmt: skip
        assert said in page.text
    assert sorted(f.name for f in run.iterdir() if f.name.startswith(".")) == []


def test_the_page_stands_alone_and_is_told_to_all(write_run: Callable[..., Path]) -> None:
    page = page_of(write_run())
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "object", "base")
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in ("src", "srcset", "href"):
            assert attributes.get(name, "data:").startswith("data:")
    assert "default-src 'none'" in page.all("meta")[1]["content"]
    assert len(page.all("img")) == 11
    assert all(len(image["alt"]) > 20 for image in page.all("img"))
    assert all(cell.get("scope") in ("row", "col") for cell in page.all("th"))
    assert page.all("html")[0]["lang"] == "en"
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def hostile(value: Any, names: Iterator[str]) -> Any:
    """Put hostile names wherever plain values hold words that are free."""
    if isinstance(value, dict):
        return {
            key: one if key in ("form", "kind") else hostile(one, names)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [hostile(one, names) for one in value]
    return next(names) if isinstance(value, str) else value


def test_hostile_names_are_text(write_run: Callable[..., Path], evaluation: dict[str, Any]) -> None:
    run = write_run()
    scores = evaluation.pop("scores")
    columns = evaluation.pop("columns")
    evaluation = hostile(evaluation, cycle([*HOSTILE[:4], HOSTILE[5]]))
    scores[2]["name"], scores[0]["name"] = HOSTILE[1], HOSTILE[4]
    evaluation |= {"scores": scores, "columns": columns}
    (run / "evaluation.json").write_text(json.dumps(evaluation))
    with (run / "config.yaml").open("a", encoding="utf-8") as file:
        file.write(f"# </pre>{HOSTILE[0]}\n")
    page = page_of(run)
    assert not {"script", "b"} & {tag for tag, _ in page.tags}
    assert len(page.all("img")) == 11
    assert not [name for _, attributes in page.tags for name in attributes if name[:2] == "on"]
    for name in HOSTILE[:4]:
        assert name in page.text
    assert "x" * 100 not in page.text
    assert "line break��evil" in page.text


@pytest.mark.parametrize(
    ("missing", "heading", "said"),
    [
        ("metrics.csv", "Learning curves", "Learning curves: the run has no metrics.csv"),
        ("config.yaml", "The same again", "Configuration: the run has no config.yaml"),
        ("evaluation.json", "Scores", "Not evaluated yet"),
    ],
)
def test_a_missing_part_leaves_its_section_out_and_is_said(
    write_run: Callable[..., Path], missing: str, heading: str, said: str
) -> None:
    page = page_of(write_run(missing))
    assert heading not in page.headings
    assert page.headings[-1] == "Left out"
    assert said in page.text


def test_parts_without_values_are_said(
    write_run: Callable[..., Path], evaluation: dict[str, Any]
) -> None:
    run = write_run()
    for score in evaluation["scores"]:
        score["auc"] = None
    evaluation["sections"] = evaluation["sections"][-1:]
    (run / "evaluation.json").write_text(json.dumps(evaluation))
    (run / "metrics.csv").write_text("epoch,step,lr\n0,1,0.1\n")
    page = page_of(run)
    assert page.headings == ["Scores", "The same again", "Left out"]
    for said in ("neither a loss nor a score", "Weeks: There is none."):
        assert said in page.text


def test_pictures_that_are_drawn_no_more_are_taken_away(write_run: Callable[..., Path]) -> None:
    run = write_run()
    write_report(run)
    own = run / "pictures" / "own.png"
    own.write_bytes(b"the user's")
    (run / "metrics.csv").unlink()
    write_report(run)
    assert not (run / "pictures" / "learning_loss.png").exists()
    assert (run / "pictures" / "scores.png").exists()
    assert own.exists()


def test_what_comes_next_names_the_folder_that_holds_the_network(
    write_run: Callable[..., Path], evaluation: dict[str, Any]
) -> None:
    run = write_run()
    words = {**evaluation, "next": "Use it: torchedu predict RUN."}
    (run / "evaluation.json").write_text(json.dumps(words), "utf-8")
    assert "torchedu predict RUN." in page_of(run).text  # scores of a run that stands elsewhere
    (run / "checkpoints").mkdir(exist_ok=True)
    assert f"torchedu predict {run.name}." in page_of(run).text


def test_a_number_that_is_no_share_has_no_thousandths(
    write_run: Callable[..., Path], evaluation: dict[str, Any]
) -> None:
    first, *_ = evaluation["columns"]
    evaluation["scores"][0][first] = 1262.319
    evaluation["best"] = [row["name"] for row in evaluation["scores"][:2]]
    run = write_run()
    (run / "evaluation.json").write_text(json.dumps(evaluation), "utf-8")
    page = page_of(run)
    assert "1,262.3" in page.text
    assert "Rows in bold are the best that could be had." in page.text


def test_the_same_run_makes_the_same_bytes(write_run: Callable[..., Path]) -> None:
    run = write_run()
    first = write_report(run).read_bytes()
    picture = (run / "pictures" / "ranking-and-trust.png").read_bytes()
    assert write_report(run).read_bytes() == first
    assert (run / "pictures" / "ranking-and-trust.png").read_bytes() == picture


def test_a_damaged_file_leaves_the_last_report_as_it_was(write_run: Callable[..., Path]) -> None:
    run = write_run()
    page = write_report(run).read_bytes()
    (run / "evaluation.json").write_text("{")
    with pytest.raises(DataError):
        write_report(run)
    assert (run / "report.html").read_bytes() == page


def test_only_a_run_gets_a_report(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        write_report(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_report_needs_neither_torch_nor_pyplot(write_run: Callable[..., Path]) -> None:
    code = (
        "import sys; from torchedu.report import write_report; write_report(sys.argv[1]);"
        "sys.exit(bool({'torch', 'lightning', 'pandas', 'matplotlib.pyplot'} & set(sys.modules)))"
    )
    command = [sys.executable, "-W", "error", "-c", code, str(write_run())]
    assert subprocess.run(command, check=False).returncode == 0


@pytest.mark.parametrize(("columns", "beside"), [(3, True), (5, False)])
def test_a_wide_table_stands_below_its_picture(
    columns: int, beside: bool, write_run: Callable[..., Path], evaluation: dict[str, Any]
) -> None:
    points = Points("gap", "auc", [Point("1", 0.1, 0.7, "best")], (None, None))
    cells = ["1", *["0.7302 [0.7082, 0.7522]"] * (columns - 1)]
    table = Table([f"score {n}" for n in range(columns)], [cells])
    section = Section("The search", "Trials.", [points, table]).to_json()
    run = write_run()
    (run / "evaluation.json").write_text(json.dumps({**evaluation, "sections": [section]}), "utf-8")
    text = write_report(run).read_text("utf-8")
    part = text[text.index('id="h-the-search"') :].partition("</section>")[0]
    assert part.count('class="name figures"') == columns - 1  # broken between numbers alone
    inside, rest = part.split('<div class="pair">')[1].split("</figure>")
    assert inside.startswith("\n<figure")
    assert rest.lstrip().startswith("<div>" if beside else "</div>")


def test_a_task_without_sections_has_its_scores(write_run: Callable[..., Path]) -> None:
    run = write_run()
    evaluation = {
        "task": "CourseRecommendation",
        "data": "courses",
        "split": "test",
        "counts": {"students": 1200},
        "columns": {"hr10": "HR@10", "ndcg10": "NDCG@10"},
        "scores": [
            {"name": "NeuMF", "kind": "network", "hr10": 0.3456, "ndcg10": None},
            {"name": HOSTILE[0], "kind": "baseline", "hr10": 0.2, "ndcg10": 0.1},
        ],
        "sections": [],
    }
    (run / "evaluation.json").write_text(json.dumps(evaluation))
    page = page_of(run)
    for text in ("NeuMF on courses", "HR@10", "0.346", "–", "1,200", HOSTILE[0]):
        assert text in page.text
    assert "script" not in {tag for tag, _ in page.tags}


def test_a_section_of_which_nothing_is_defined_is_left_out(write_run: Callable[..., Path]) -> None:
    run = write_run()
    file = run / "evaluation.json"
    evaluation = json.loads(file.read_text("utf-8"))
    dots = Dots("QWK", "Net", [Dot("plants", {"Net": None, "length": None}, 4)])
    evaluation["sections"].append(Section("Where from", "By prompt.", [dots]).to_json())
    file.write_text(json.dumps(evaluation), "utf-8")
    page = page_of(run)
    assert "Where from" not in page.headings
    assert "Where from: Nothing of it is defined on this part of the data." in page.text

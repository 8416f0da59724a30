from pathlib import Path

import pyarrow as pa
import pytest

from torchedu.datasets.importers import import_data
from torchedu.datasets.importers.reading.markup import without_markup

PAGE = "<p>One&nbsp;day &amp; night.</p><p>We<br>went <b>out</b>.</p>"
PLAIN = "One day & night.\nWe\nwent out."


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (PAGE, PLAIN),
        ('<div class="x">a</div>', "a"),
        ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
        ("<script>var x = 1;</script><p>a</p>", "a"),
        ("a <!-- note --> b", "a  b"),
        ("&lt;p&gt; is a tag", "<p> is a tag"),
        ("Gr&ouml;&szlig;e &ndash; &#8364;", "Gr\u00f6&szlig;e &ndash; \u20ac"),
        ("a < b and b > c", None),
        ("List<String> x; if (a<b) c&d;", None),
        ("x <- 3; R&D", None),
        (None, None),
    ],
)
def test_what_nobody_wrote_is_taken_off(text: str | None, plain: str | None) -> None:
    column, marked = without_markup(pa.array([text, "as it is"], pa.string()))
    if plain is not None and "szlig" in plain:
        plain = "Gr\u00f6\u00dfe \u2013 \u20ac"  # all entities of a text that has any
    assert column.to_pylist() == [text if plain is None else plain, "as it is"]
    assert marked.tolist() == [plain is not None, False]


@pytest.mark.parametrize(
    ("form", "heads", "rows"),
    [
        ("texts", "id,text,score", ['a,"{}",1', "b,plain,2"]),
        ("transcripts", "lesson,speaker,sentence", ['l,T,"{}"', "l,S,plain"]),
    ],
)
def test_every_kind_of_text_is_stripped_which_is_said(
    tmp_path: Path, form: str, heads: str, rows: list[str]
) -> None:
    (tmp_path / "a.csv").write_text("\n".join([heads, *rows]).format(PAGE) + "\n")
    store = import_data(form, tmp_path / "a.csv", tmp_path / "a")
    held = store.all_texts[0] if form == "texts" else store.sentences([0])[0]
    assert held == PLAIN
    assert any(note.startswith("1 ") and "tags of HTML" in note for note in store.about["notes"])
    store = import_data(form, tmp_path / "a.csv", tmp_path / "a", {"keep_html": True})
    held = store.all_texts[0] if form == "texts" else store.sentences([0])[0]
    assert held == PAGE

import base64
import re
from xml.etree import ElementTree

import matplotlib as mpl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torchedu.report.folder import clean_name
from torchedu.report.style import HALF, INK, Picture, blank, compact, drawing, short

HOSTILE = [
    "<script>alert(1)</script>",
    "$\\frac{1}{$ & <b>",
    "$",
    "שברים ואחוזים",
    "الكسور العشرية",
    "分数と小数",
    "😀 fill: #1c2127; --> ]]>",
    "line\nbreak\x00",
]


def svg_of(address: str) -> str:
    head, _, body = address.partition("base64,")
    assert head == "data:image/svg+xml;"
    return base64.b64decode(body).decode("utf-8")


def picture_of(text: str) -> Picture:
    figure, axes = blank(HALF, 1)
    axes.set_title(text)
    return Picture("title", figure, text)


def test_drawing_leaves_matplotlib_as_it_was() -> None:
    before = dict(mpl.rcParams)
    with drawing():
        picture_of("a title").png()
        assert mpl.rcParams["text.parse_math"] is False
    assert dict(mpl.rcParams) == before


def test_the_users_settings_do_not_reach_the_picture() -> None:
    with drawing():
        expected = picture_of("a title").svg()
    with mpl.rc_context({"font.size": 30, "text.usetex": True, "axes.facecolor": "red"}), drawing():
        assert picture_of("a title").svg() == expected


@pytest.mark.parametrize("text", HOSTILE)
def test_any_name_is_drawn_as_text(text: str) -> None:
    name = clean_name(text)
    with drawing():
        picture = picture_of(name)
        assert picture.png().startswith(b"\x89PNG")
        light, dark = map(svg_of, picture.svg())
    for svg in (light, dark):
        root = ElementTree.fromstring(svg)
        assert name in list(root.itertext())
        assert not [tag for tag in root.iter() if str(tag.tag).endswith("script")]


@settings(max_examples=30)
@given(st.text(min_size=1, max_size=20))
def test_any_text_makes_wellformed_svg(text: str) -> None:
    with drawing():
        for address in picture_of(clean_name(text)).svg():
            ElementTree.fromstring(svg_of(address))


def test_the_dark_twin_differs_in_colours_alone() -> None:
    with drawing():
        light, dark = map(svg_of, picture_of(f"named {INK}").svg())
    assert light != dark
    assert f"named {INK}" in dark
    assert re.sub("#[0-9a-f]{6}", "#", light) == re.sub("#[0-9a-f]{6}", "#", dark)


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0"), (950, "950"), (12_345, "12.3k"), (2e6, "2M"), (1e9, "1G")]
)
def test_counts_are_compact(count: float, said: str) -> None:
    assert compact(count) == said


@given(st.text(max_size=80), st.integers(5, 60))
def test_short_names_fit_and_keep_both_ends(text: str, most: int) -> None:
    found = short(text, most)
    assert len(found) <= most
    if len(text) <= most:
        assert found == text
    else:
        ahead, _, behind = found.partition("…")
        assert text.startswith(ahead) or "…" in text
        assert text.endswith(behind) or "…" in text

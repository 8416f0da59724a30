"""Sections are the same after a way through JSON, and refuse what does not fit together."""

import json

import numpy as np
import pytest

from torchedu.sections import (
    Band,
    Clip,
    Dot,
    Dots,
    HeatMap,
    Line,
    Lines,
    Parallels,
    Point,
    Points,
    Section,
    Stripes,
    Table,
    Text,
    Upright,
)


def test_sections_come_back_from_json_as_they_were() -> None:
    section = Section(
        "Title", "Sentence.",
        [
            Table(["a", "b"], [["x", 1.5], ["y", None]], "more"),
            Lines("x", "y", [Line("l", [0, 1], [0.5, None], "network")], marks=[[1, "here"]]),
            Dots("score", "net", [Dot("a", {"net": 0.5}, 3, "group")], 0.5),
            Points("x", "y", [Point("a", 0.5, 1.0, "best")], (None, 0.5)),
            Parallels([Upright("lr", [0.1, None], (), True), Upright("net", [0, 1], ["a", "b"])]),
            Text("asked", {"who": "said"}),
            Clip("heard", ["UklGRiQA", "AABXQVZF"]),
        ],
    )  # fmt: skip
    value = json.loads(json.dumps(section.to_json()))
    again = Section.from_json(value)
    assert again.to_json() == value
    assert [type(form) for form in again.forms] == [type(form) for form in section.forms]
    assert Section.from_json({**value, "lacking": True, "new": 1}).lacking


def test_arrays_become_plain_and_what_is_not_finite_none() -> None:
    line = Line("l", np.arange(2), np.array([np.nan, 0.5], np.float32))
    (form,) = Section("t", "s", [Lines("x", "y", [line])]).to_json()["forms"]
    assert form["lines"][0]["x"] == [0, 1]
    assert form["lines"][0]["y"] == [None, 0.5]
    json.dumps(form, allow_nan=False)


def test_parts_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ValueError, match="a row of a table"):
        Table(["a", "b"], [["x"]])
    with pytest.raises(ValueError, match="the line 'l'"):
        Line("l", [1], [])
    with pytest.raises(ValueError, match="a row of a heat map"):
        HeatMap("x", ["a", "b"], [[1], [1, 2]])
    with pytest.raises(ValueError, match="a row of stripes"):
        Stripes("x", [1], [Band("b", ["n"], {"who": [0, 0]})])
    with pytest.raises(ValueError, match="of 1 names of stripes, one is 3"):
        Stripes("x", [1], [Band("b", ["n"], {"who": [3]})])
    with pytest.raises(ValueError, match="an axis of parallels"):
        Parallels([Upright("a", [1]), Upright("b", [1, 2])])
    with pytest.raises(ValueError, match="missing 1 required"):
        Section.from_json({"title": "", "sentence": "", "forms": [{"form": "table", "rows": []}]})


@pytest.mark.parametrize("wave", [[], ["UklG"], ['UklGR"><script>'], ["no sound"]])
def test_a_clip_is_a_file_of_wav(wave: list[str]) -> None:
    with pytest.raises(ValueError, match="no file of WAV"):
        Clip("heard", wave)

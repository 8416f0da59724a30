import numpy as np
import pyarrow as pa
import pytest

from torchedu.datasets.importers.reading.marks import LANGUAGES, Marks
from torchedu.errors import ConfigError

NAN = np.nan


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("change", [str, str.upper, str.title, " {} ".format])
def test_words_of_every_language_are_right_or_wrong(language: str, change: type[str]) -> None:
    for side, texts in enumerate(LANGUAGES[language]):
        words = [change(word.replace("_", " ")) for word in texts.split()]
        read = Marks().read(pa.array(["1", *words]))
        assert read.share[1:].tolist() == [1 - side] * len(words), words
        assert not read.wrong.any()


def test_no_word_is_right_in_one_language_and_wrong_in_another() -> None:
    sides = [{word for both in LANGUAGES.values() for word in both[i].split()} for i in (0, 1)]
    assert not sides[0] & sides[1]


@pytest.mark.parametrize(
    ("options", "texts", "want"),
    [
        ({}, ["100%", "50 %", "0%", "12.5％", "151%"], [1, 0.5, 0, 0.125, 1.51]),
        ({}, ["3/5", "2 / 2", "0.5/2", "11/10", "0/4"], [0.6, 1, 0.25, 1, 0]),
        ({"full": 5, "comma": True}, ["3/5", "2,5 / 5"], [0.6, 0.5]),
        ({}, ["110 %", "150%", "-25%", "-101%"], [1, 1, 0, -1.01]),
        ({"comma": True}, ["0,5", ",25", "12,5 %", "0.5", "1"], [0.5, 0.25, 0.125, 0.5, 1]),
        ({"full": 5}, ["5", "2.5", "0", "true", "yes", "80%", ""], [1, 0.5, 0, 1, 1, 0.8, NAN]),
        ({"full": 5, "comma": True}, ["2,5", "80,0%"], [0.5, 0.8]),
        ({"right": ["Bien"], "wrong": ["2"]}, ["bien", "2", "no"], [1, 0, 0]),
        ({"right": ["no"]}, ["no", "yes", "false"], [1, 1, 0]),
    ],
)
def test_marks_become_shares(options: dict, texts: list[str], want: list[float]) -> None:
    read = Marks(**options).read(pa.array(texts))
    assert np.allclose(read.share, want, equal_nan=True)
    assert not (read.wrong | read.comma).any()


def test_typed_columns_are_marks() -> None:
    assert Marks().read(pa.array([True, False])).share.tolist() == [1, 0]
    assert Marks(["2"], ["1"]).read(pa.array([1, 2])).share.tolist() == [0, 1]
    assert Marks(full=4).read(pa.array([1.0, 4.0])).share.tolist() == [0.25, 1]
    assert Marks(full=4).read(pa.array([True, False])).share.tolist() == [1, 0]


def test_what_is_no_mark_is_told_from_a_comma() -> None:
    read = Marks().read(pa.array(["1", "0,5", "maybe", "1,5%", "", None, "5 of 6"]))
    assert read.wrong.tolist() == [False, True, True, True, False, False, True]
    assert read.comma.tolist() == [False, True, False, True, False, False, False]


def test_extra_points_and_deductions_are_told() -> None:
    marks = Marks()
    read = marks.read(pa.array(["110 %", "120 %", "-25 %", "80 %", "1", "160 %"]))
    assert read.percent.tolist() == [True, True, True, True, False, True]
    assert marks.notes() == [
        "2 marks above 100 % (extra points) count as full marks.",
        "1 marks below 0 % (deductions) count as 0.",
    ]


def test_the_words_that_were_read_are_told() -> None:
    marks = Marks()
    for texts in (["Ja", "nein"], ["ja", "0"]):
        marks.read(pa.array(texts))
    assert marks.notes() == ["Marks were read from words: ja as right; nein as wrong."]
    assert Marks().notes() == []


def test_options_that_contradict_are_refused() -> None:
    with pytest.raises(ConfigError, match="'a' is both"):
        Marks(["A"], ["a "])
    for full in (0, -1, np.inf, NAN):
        with pytest.raises(ConfigError, match="full_mark"):
            Marks(full=full)

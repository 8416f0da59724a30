from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchedu.metrics.explanations import (
    calculate,
    calculations,
    final_answer,
    gives_away,
    number,
    reading_grade,
)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("so 3 and 4\n#### 1,002", 1002),
        ("#### $12.50", Fraction("12.5")),
        ("it is -3.", -3),
        ("It makes 5 in the end.", 5),
        ("#### none", None),
        ("no number", None),
    ],
)
def test_the_final_answer_is_read(text: str, answer: int | None) -> None:
    assert final_answer(text) == answer


@given(st.integers(-99, 99), st.integers(1, 99), st.sampled_from("+-*/"))
def test_a_calculator_agrees_with_python(a: int, b: int, sign: str) -> None:
    assert calculate(f"({a}) {sign} {b}") == Fraction(eval(f"Fraction({a}) {sign} {b}"))


@pytest.mark.parametrize("text", ["2**999999999", "__import__('os')", "1/0", "a", "", "(" * 300])
def test_nothing_but_sums_is_calculated(text: str) -> None:
    assert calculate(text) is None


def test_marked_sums_are_checked() -> None:
    assert calculations("<<48/2=24>>24, <<1,000+2=1002>>, <<2+2=5>>, <<x=1>> <<1/3=.33>>") == (5, 3)


@pytest.mark.parametrize(
    ("hint", "gives"),
    [
        ("Add 3 to 2.", False),
        ("You get 5.", True),
        ("You get 5.0!", True),
        ("There are 15 of them.", False),
    ],
)
def test_a_hint_that_tells_the_answer_is_found(hint: str, gives: bool) -> None:
    assert gives_away(hint, "Ann has 2 and 3.", "5") is gives
    assert not gives_away(hint, "Ann has 2 and 5.", "5")


def test_long_words_and_sentences_read_harder() -> None:
    easy = reading_grade("Add two and two. You get four.")
    hard = reading_grade("Consequently, multiplication distributes over parenthesised addition.")
    assert easy is not None
    assert hard is not None
    assert easy < 3 < 12 < hard
    assert reading_grade("1 + 1") is None


@given(st.text(max_size=30))
def test_any_text_is_no_number_or_one(text: str) -> None:
    assert number(text) is None or isinstance(number(text), Fraction)

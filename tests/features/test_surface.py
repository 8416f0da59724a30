import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from torchedu.features.surface import surface
from torchedu.schema import SURFACE_NUMBERS


def numbers(text: str, reference: str = "", question: str = "") -> dict[str, float]:
    (found,) = surface([text], [reference], [question])
    return dict(zip(SURFACE_NUMBERS, found.tolist(), strict=True))


def test_what_is_counted() -> None:
    found = numbers('I ran home. "Because, of the rain", he said! He did n\'t stop.')
    assert found["words"] == 13
    assert found["sentences"] == 3
    assert found["commas"] == np.float32(np.sqrt(2))
    assert found["quotes"] == np.float32(np.sqrt(2))
    assert found["first_person"] > 0
    assert found["connectives"] > 0


def test_what_a_pair_shares() -> None:
    found = numbers(
        "the gap is not closed", "the gap is closed\nthere is a path", "Is the bulb on?"
    )
    assert found["shared_of_reference"] == 1
    assert found["shared_of_answer"] == np.float32(0.8)
    assert found["new_of_reference"] == 1
    assert found["negation_differs"] == 1
    assert numbers("the gap")["shared_of_reference"] == 0


@given(st.text(max_size=200))
def test_any_text_gives_finite_numbers(text: str) -> None:
    assert np.isfinite(surface([text])).all()

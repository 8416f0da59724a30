import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from torchedu.datasets.natural import natural_order


def ordered(names: list[str]) -> list[str]:
    return [names[i] for i in natural_order(names).tolist()]


def test_numbers_count_by_their_value() -> None:
    assert ordered(["q10", "q2", "q1"]) == ["q1", "q2", "q10"]
    assert ordered(["10", "9", "a", "1b", "1"]) == ["1", "1b", "9", "10", "a"]
    assert ordered(["unit 2 q10", "unit 10 q1", "unit 2 q9"]) == [
        "unit 2 q9",
        "unit 2 q10",
        "unit 10 q1",
    ]
    assert ordered(["07", "7", "007", "8"]) == ["007", "07", "7", "8"]
    assert ordered(["9" * 5000, "1" + "0" * 5000]) == ["9" * 5000, "1" + "0" * 5000]
    assert ordered([]) == []


@given(st.lists(st.text("ab019²é", max_size=5), unique=True), st.randoms())
def test_order_depends_on_the_names_alone(names: list[str], draw: random.Random) -> None:
    mixed = names[:]
    draw.shuffle(mixed)
    assert ordered(names) == ordered(mixed)


@given(st.lists(st.integers(0, 10**12), unique=True), st.sampled_from(["", "q", "x1-", "7-"]))
def test_common_prefix_is_ordered_as_the_general_rule_says(numbers: list[int], prefix: str) -> None:
    names = [f"{prefix}{number}" for number in numbers]
    assert ordered(names) == [f"{prefix}{number}" for number in sorted(numbers)]
    # One other name takes the general way; the rest must stand as before.
    assert [name for name in ordered([*names, "~"]) if name != "~"] == ordered(names)
    assert natural_order(names).dtype == np.int64

import inspect
import typing
from itertools import chain
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchedu.datamodules.base import DataModule
from torchedu.domains import Domain
from torchedu.domains.building import builder
from torchedu.errors import CheckpointError, ConfigError
from torchedu.models import KTModel, Network
from torchedu.ranges import (
    COUNT,
    DROPPED,
    POSITIVE,
    SEED,
    Range,
    Ranged,
    check_heads,
    check_range,
)

UNLIMITED = {"day", "fold", "folds", "layers", "test", "val"}
"""What the split, the data or the encoder judges, in words of its own."""


def kinds() -> list[type[Ranged]]:
    bases = [Network, Domain, DataModule]
    for base in bases:
        bases += [kind for kind in base.__subclasses__() if kind not in bases]
    own = [kind for kind in bases if kind.__module__.startswith("torchedu.")]
    return [kind for kind in own if not inspect.isabstract(kind)]


def limits(kind: type[Ranged]) -> dict[str, Range]:
    every = (vars(one).get("limits", {}) for one in reversed(kind.__mro__))
    return dict(chain.from_iterable(limits.items() for limits in every))


LIMITED = [
    (kind, name)
    for kind in kinds()
    for name in sorted(limits(kind).keys() & inspect.signature(kind).parameters.keys())
]


@pytest.mark.parametrize(("kind", "name"), LIMITED, ids=lambda x: getattr(x, "__name__", x))
def test_numbers_out_of_range_are_refused_before_anything_is_built(
    kind: type[Ranged], name: str
) -> None:
    for wrong in (nan, inf, -1, limits(kind)[name].least - 1):
        with pytest.raises(ConfigError) as refused:
            kind(**{name: wrong})
        assert refused.value.option == f"{kind.section}.{name}"
        assert str(limits(kind)[name]) in refused.value.remedy


def test_a_file_that_names_such_a_number_is_told_as_a_file() -> None:
    with pytest.raises(CheckpointError, match="the file describes no SAKT: heads is -1"):
        builder({"class_path": "torchedu.models.SAKT", "init_args": {"heads": -1}}, KTModel)


def test_every_number_has_its_range() -> None:
    for kind in kinds():
        hints = typing.get_type_hints(kind.__init__)
        for name, argument in inspect.signature(kind).parameters.items():
            hint = hints.get(name)
            number = any(of in (int, float) for of in (hint, *typing.get_args(hint)))
            open_ended = name in UNLIMITED or argument.default is argument.empty
            assert not number or open_ended or name.startswith("num_") or name in limits(kind), (
                f"{kind.__name__}.{name}"
            )


@given(st.floats(-2, 2))
def test_a_range_holds_what_it_says(number: float) -> None:
    assert COUNT.holds(number) == (number >= 1)
    assert POSITIVE.holds(number) == (number > 0)
    assert DROPPED.holds(number) == (0 <= number < 1)


@pytest.mark.parametrize(
    ("allowed", "said"),
    [
        (COUNT, "at least 1"),
        (POSITIVE, "above 0"),
        (DROPPED, "at least 0 and below 1"),
        (Range(0, 1, above=True), "above 0 and at most 1"),
        (SEED, "at least 0 and at most 4,294,967,295"),
    ],
)
def test_a_range_is_said_in_words(allowed: Range, said: str) -> None:
    assert str(allowed) == said


def test_each_of_several_numbers_counts_and_what_is_no_number_does_not() -> None:
    check_range("data.cutoffs", (0.2, 0.4), DROPPED)
    check_range("data.window", None, COUNT)
    with pytest.raises(ConfigError, match="Each is at least 0 and below 1"):
        check_range("data.cutoffs", [0.2, 1.0], DROPPED)


@pytest.mark.parametrize(("dim", "heads", "halves"), [(10, 4, False), (9, 3, True)])
def test_heads_share_a_width(dim: int, heads: int, halves: bool) -> None:
    with pytest.raises(ConfigError, match=f"dim is {dim} and .*heads {heads}"):
        check_heads(dim, heads, halves)
    check_heads(12, heads, halves)

from collections import OrderedDict
from typing import Any, Literal

import pytest

from torchedu.strict import (
    Form,
    Unfit,
    arguments,
    check,
    either,
    flag,
    json_value,
    listed,
    nothing,
    number,
    plain,
    record,
    row,
    table,
    text,
    whole,
)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


GOOD: list[tuple[Form, Any]] = [
    (whole(0, 3), 3),
    (number(), float("nan")),
    (number(0, 1), 0.5),
    (text("[a-z]+"), "abc"),
    (either(nothing, whole()), None),
    (row(whole(), flag), (1, True)),
    (table(listed(text())), {"item": ["a"]}),
    (table(whole()), OrderedDict(a=1)),
    (record({"a": whole()}, others=flag), {"a": 1, "b": True}),
    (json_value, {"a": [1, {"b": None}]}),
]
BAD: list[tuple[Form, Any, str]] = [
    (whole(0, 3), 4, "4 and not a whole number in 0..3"),
    (whole(), True, "True and not"),
    (whole(), 10**40, "of the type int"),
    (number(0, 1), float("nan"), "nan and not a number in 0..1"),
    (text("[a-z]+"), "../a", "'../a' and not a text"),
    (text(most=3), "abcd", "not a text"),
    (either(nothing, whole()), "x", "'x' and not a whole number"),
    (row(whole(), flag), (1,), "not a list of 2"),
    (table(listed(text())), {"item": ["a", 3]}, "item > 1 is 3 and not a text"),
    (record({"a": whole()}, ("a",)), {}, "content is without 'a'"),
    (record({"a": whole()}), {"../x": 1}, "not known here; allowed: a"),
    (json_value, nested(60), "nested more than 50 deep"),
    (json_value, {1, 2}, "of the type set"),
]


@pytest.mark.parametrize(("form", "value"), GOOD)
def test_what_has_a_form_passes(form: Form, value: Any) -> None:
    check(value, form)


@pytest.mark.parametrize(("form", "value", "said"), BAD)
def test_what_has_another_is_told_with_its_place(form: Form, value: Any, said: str) -> None:
    with pytest.raises(Unfit, match=said.replace("(", "[(]")):
        check(value, form)


def test_a_mapping_with_attributes_of_its_own_is_none() -> None:
    value = OrderedDict(a=1)
    value.items = 3  # type: ignore[assignment,method-assign]  # as a pickle may set it
    with pytest.raises(Unfit, match="attributes of its own"):
        check(value, table(whole()))


def test_a_value_that_holds_itself_many_times_is_not_walked_through() -> None:
    value: Any = [0] * 100
    for _ in range(20):  # 100 ** 21 values in 2,100 references
        value = [value] * 100
    with pytest.raises(Unfit, match="more than 20,000,000 values"):
        check(value, plain(lambda *_: None))


def of_all_kinds(
    size: int, rate: float, name: str | None, kind: Literal["a", "b"], some: list[int], **more: int
) -> None:
    """Take arguments."""


GIVEN = {"size": 3, "rate": 1, "name": None, "kind": "b", "some": [1]}


@pytest.mark.parametrize(
    "change",
    [{"size": "3"}, {"size": 2**40}, {"rate": "x"}, {"name": 3}, {"kind": "c"}, {"some": ["a"]},
     {"other": 1}],
)  # fmt: skip
def test_arguments_are_what_annotations_say(change: dict[str, Any]) -> None:
    check(GIVEN, arguments(of_all_kinds))
    with pytest.raises(Unfit, match=next(iter(change))):
        check({**GIVEN, **change}, arguments(of_all_kinds))

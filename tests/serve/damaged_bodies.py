"""Bodies of requests, each damaged in one of ten ways."""

import json
import random
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tests.serve.record_forms import FORMS, made

INJECTIONS = (
    "'; DROP TABLE events; --", '" OR ""="', "1); DELETE FROM states; --", "a' UNION SELECT 1--",
    "${jndi:ldap://a.org/x}", "../../etc/passwd", "{{7*7}}", "<script>alert(1)</script>", "%00%n",
)  # fmt: skip
STRINGS = (
    *INJECTIONS, "", " ", "\x00", "\ud800", "\udfff\ud800", "a\u202eb", "\ufeff", "é" * 255,
    "😀" * 300, "x" * 10_000, "\r\n\r\nGET / HTTP/1.1", "null", "NaN", "-1", "1e999",
)  # fmt: skip
NUMBERS = (
    "1e999", "-1e999", "NaN", "Infinity", "-0", "0.1e-400", "9" * 5000, "-9223372036854775809",
    "18446744073709551616", "1e308", "2e308", "0x10", "01", "1.", ".5", "+1", "١",
)  # fmt: skip


class Sent(NamedTuple):
    """A request.

    Attributes:
        path: Where to.
        body: What is sent.
        kind: How it is damaged.
    """

    path: str
    body: bytes
    kind: str


def whole(drawn: random.Random) -> tuple[str, Any]:
    """Return a request that is right: a path, and a value of JSON."""
    statement = made(drawn.choice(FORMS), 1, np.random.default_rng(drawn.randrange(2**32)))[0]
    answer = {"id": str(drawn.random()), "student": f"s{drawn.randrange(9)}", "item": "i1",
              "correct": 1, "skill": ["k1"], "time": "2026-02-01T08:00:00Z", "response_time": 2.5,
              "attempt": 1, "class": "7b"}  # fmt: skip
    clicked = {"event": "clicked", "student": "s1", "course": "c", "day": 3, "value": 2}
    about = {"event": "about", "student": "s1", "attributes": {"sex": "F"}}
    return drawn.choice([
        ("/events", answer),
        ("/events", [answer, clicked, about]),
        ("/courses", {"course": "c", "length": 30, "work": [{"work": "w", "due": 3}]}),
        ("/forget", {"students": [f"gone {drawn.randrange(9)}"]}),
        ("/grades", [{"text": "My hat.", "prompt": "p"}]),
        ("/grades/spoken", [{"text": "It is warm.", "audio": "UklGRg==", "image": "iVBORw=="}]),
        ("/tags", [{"sentence": "Why?", "speaker": "T"}]),
        ("/explanations", {"problem": "1 + 1", "student": "s1"}),
        ("/xAPI/statements", statement),
        ("/xAPI/statements", [statement]),
    ])  # fmt: skip


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return each place inside a value, as what holds it and its key there."""
    keys: list[Any] = []
    if isinstance(value, dict | list):
        keys = [*value] if isinstance(value, dict) else [*range(len(value))]
    return [(value, k) for k in keys] + [place for k in keys for place in _places(value[k])]


def _text(value: Any) -> bytes:
    return json.dumps(value).encode()


def cut(value: Any, drawn: random.Random) -> bytes:
    text = _text(value)
    return text[: drawn.randrange(len(text))]


def flipped(value: Any, drawn: random.Random) -> bytes:
    text = bytearray(_text(value))
    for _ in range(drawn.randint(1, 4)):
        text[drawn.randrange(len(text))] ^= 1 << drawn.randrange(8)
    return bytes(text)


def spliced(value: Any, drawn: random.Random) -> bytes:
    text = _text(value)
    place = drawn.randrange(len(text))
    return text[:place] + drawn.randbytes(drawn.randint(1, 30)) + text[place:]


def retyped(value: Any, drawn: random.Random) -> bytes:
    root = [value]
    holder, key = drawn.choice(_places(root))
    was = holder[key]
    holder[key] = drawn.choice([None, True, -1, 2.5, "x", [], {}, [[]], {"a": {}}, [was, was]])
    return _text(root[0])


def renamed(value: Any, drawn: random.Random) -> bytes:
    objects = [h[k] for h, k in _places([value]) if isinstance(h[k], dict) and h[k]]
    chosen = drawn.choice(objects)
    key = drawn.choice([*chosen])
    kept = chosen.pop(key)
    others = [key.upper(), f"{key}s", "", "__proto__", "id", "event", *STRINGS[:4]]
    if drawn.random() < 0.7:
        chosen[drawn.choice(others)] = kept
    return _text(value)


def _replaced(value: Any, drawn: random.Random, text: str) -> bytes:
    """Return it with a text, which may be no JSON, in the place of a value inside."""
    leaves = [(h, k) for h, k in _places(value) if not isinstance(h[k], dict | list)]
    holder, key = drawn.choice(leaves)
    holder[key] = "@mark@"
    return json.dumps(value).replace('"@mark@"', text).encode("utf-8", "surrogatepass")


def other_numbers(value: Any, drawn: random.Random) -> bytes:
    return _replaced(value, drawn, drawn.choice(NUMBERS))


def other_strings(value: Any, drawn: random.Random) -> bytes:
    plain = drawn.random() < 0.5
    return _replaced(value, drawn, json.dumps(drawn.choice(STRINGS), ensure_ascii=plain))


def nested(value: Any, drawn: random.Random) -> bytes:
    deep = drawn.choice([10, 100, 190, 250, 5_000])
    left, right = drawn.choice([("[", "]"), ('{"a":', "}"), ("[[],", "]")])
    return _replaced(value, drawn, left * deep + "1" + right * drawn.choice([deep, deep - 1]))


def encoded(value: Any, drawn: random.Random) -> bytes:
    text = json.dumps(value, ensure_ascii=False) + drawn.choice(["", "é", "\u2028"])
    ways: list[Callable[[], bytes]] = [
        lambda: text.encode("utf-16"), lambda: text.encode("utf-8-sig"),
        lambda: text.encode("latin-1", "replace"), lambda: zlib.compress(text.encode()),
        lambda: text.encode("utf-7"), lambda: text.encode("utf-32-le"),
    ]  # fmt: skip
    return drawn.choice(ways)()


def mixed(value: Any, drawn: random.Random) -> bytes:
    text, (_, other) = _text(value), whole(drawn)
    return drawn.choice([
        b"", b" " * drawn.randint(1, 99), text + text, text + b"," + text, _text(other),
        b"[" + text + b",]", text.replace(b'"', b"'"), b"a=1&b=2", b"<statement/>", text * 50,
        _text([value] * 1001),
    ])  # fmt: skip


DAMAGES = (
    cut, flipped, spliced, retyped, renamed, other_numbers, other_strings, nested, encoded, mixed,
)  # fmt: skip


def damaged(number: int, seed: int = 0) -> list[Sent]:
    """Return requests, as many of each kind of damage."""
    drawn = random.Random(seed)
    requests = []
    for n in range(number):
        damage = DAMAGES[n % len(DAMAGES)]
        path, value = whole(drawn)
        requests.append(Sent(path, damage(value, drawn), damage.__name__))
    return requests

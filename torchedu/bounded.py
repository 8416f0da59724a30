"""Texts of JSON and YAML from anywhere, read within bounds: what is beyond them is an error."""

import json
import re
from typing import Any

import yaml

DEPTH = 100
"""Lists and objects inside one another; what is written by hand or by a program has a few."""
NODES = 20_000
"""Values of a YAML text, each as often as its aliases repeat it; a configuration has hundreds."""

_HALF = re.compile("[\ud800-\udfff]")
"""Halves of characters, which an escape can write, and no file and no path can hold."""


def parse_json(text: str | bytes) -> Any:
    """Return the value of a text of JSON.

    Raises:
        ValueError: It is none, or is nested more than ``DEPTH`` deep.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise _too_deep() from None
    opened = text.count("[") + text.count("{") if isinstance(text, str) else opening(text)
    level = [value] if opened > DEPTH else []
    for _ in range(DEPTH + 1):
        held = [node.values() if isinstance(node, dict) else node for node in level]
        level = [node for values in held for node in values if isinstance(node, (dict, list))]
    if level:
        raise _too_deep()
    return value


def opening(data: bytes) -> int:
    """Return how many brackets of lists and objects a text opens: it is nested no deeper."""
    return data.count(b"[") + data.count(b"{")


def parse_yaml(text: str) -> Any:
    """Return the value of a text of YAML, whose tags build plain values alone.

    Raises:
        ValueError: It is none, is nested more than ``DEPTH`` deep, or holds more than ``NODES``
            values, counting what aliases repeat, or names one twice: the last would count alone.
    """
    try:
        return yaml.load(text, _Bounded)  # a kind of SafeLoader
    except (yaml.YAMLError, ArithmeticError, LookupError, TypeError) as error:
        raise ValueError(str(error)) from None


def yaml_text(value: Any) -> str:
    """Return plain values as a text of YAML, in their order, with texts of many lines as such."""
    return str(yaml.dump(value, Dumper=_Readable, sort_keys=False, allow_unicode=True))


class _Readable(yaml.SafeDumper):
    """Writes texts of many lines as they stand."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        style = "|" if "\n" in data else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Readable.add_representer(str, _Readable.represent_str)


class _Bounded(yaml.SafeLoader):
    """Counts what it composes; an alias counts as all that it stands for."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._nodes = 0
        self._sizes: dict[int, int] = {}  # of the nodes that are whole

    def construct_scalar(self, node: yaml.Node) -> Any:
        value = super().construct_scalar(node)  # type: ignore[arg-type]
        if _HALF.search(value):
            raise ValueError(f"it holds half a character ({value[:40]!r})")
        return value

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._depth += 1
        if self._depth > DEPTH:
            raise _too_deep()
        before, is_alias = self._nodes, self.check_event(yaml.AliasEvent)
        node = super().compose_node(parent, index)
        # One inside what it stands for is no size at all.
        self._nodes += self._sizes.get(id(node), NODES) if is_alias else 1
        if self._nodes > NODES:
            raise ValueError(f"it holds more than {NODES:,} values, or one that holds itself")
        if not is_alias:
            self._sizes[id(node)] = self._nodes - before
        self._depth -= 1
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        names = set[str]()
        for name, _ in node.value:
            if isinstance(name, yaml.ScalarNode) and name.value in names:
                raise ValueError(f"it names {name.value[:40]!r} twice in one place")
            names.add(str(name.value))
        return node


def _too_deep() -> ValueError:
    return ValueError(f"it is nested more than {DEPTH} deep")

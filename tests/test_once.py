"""What is written once in the package, counted over its syntax trees."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.test_doors import PACKAGE, room_of, sources

COMMAND_LINE = {"bench", "cli", "run", "parsing", "chosen", "tune"}
"""Rooms that may spell options as a command line does; some build runs of their words."""


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


def calls(name: str) -> Iterator[tuple[Path, ast.Call]]:
    """Yield the calls of a function or method of that name."""
    for file in sources():
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.Call):
                called = node.func
                known = called.attr if isinstance(called, ast.Attribute) else ""
                if name in (known, called.id if isinstance(called, ast.Name) else ""):
                    yield file, node


def classes() -> Iterator[tuple[Path, ast.ClassDef]]:
    for file in sources():
        yield from ((file, node) for node in ast.walk(tree(file)) if isinstance(node, ast.ClassDef))


def strings(file: Path) -> Iterator[str]:
    """Yield the strings of a file that are no docstrings."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = set()
    for node in ast.walk(tree(file)):
        body = node.body if isinstance(node, documented) else []
        docs |= {id(one.value) for one in body if isinstance(one, ast.Expr)}
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def test_hyperparameters_are_kept_in_one_place() -> None:
    assert len(list(calls("save_hyperparameters"))) == 1


def test_no_task_sets_itself_up() -> None:
    own = {"setup", "use"}
    found = [
        f"{file}: {kind.name}.{node.name}"
        for file, kind in classes()
        if room_of(file) in ("tasks", "domains") and kind.name != "Task"
        for node in kind.body
        if isinstance(node, ast.FunctionDef) and node.name in own
    ]
    assert not found


def test_attributes_are_not_guessed() -> None:
    # The contracts in `testing` look at objects of which they know nothing yet.
    every = [(file, call) for file, call in calls("getattr") if room_of(file) != "testing"]
    assert len(every) <= 25
    guessed = [
        f"{file}:{call.lineno}"
        for file, call in every
        if isinstance(call.args[1], ast.Constant)
        and room_of(file) in ("tasks", "domains", "strategies", "callbacks", "datamodules", "run")
    ]
    assert not guessed


def test_errors_are_worded_without_a_command_line() -> None:
    spelt = ("--data.", "--model.", "--trainer.")
    for file in sources():
        if room_of(file) not in COMMAND_LINE:
            found = [text for text in strings(file) if any(option in text for option in spelt)]
            assert not found, f"{file}: {found}"
    assert "own_remedy" not in "".join(file.read_text("utf-8") for file in sources())


def test_importers_have_one_base() -> None:
    bases = [
        kind.name
        for file, kind in classes()
        if "importers" in file.relative_to(PACKAGE).parts
        and any(isinstance(base, ast.Name) and base.id == "ABC" for base in kind.bases)
    ]
    assert bases == ["Importer"]


def test_the_report_knows_no_task() -> None:
    from torchedu.tasks import __all__ as tasks

    for file in sources():
        if room_of(file) == "report":
            assert not set(tasks).intersection(strings(file)), file


def test_locals_are_nouns() -> None:
    vague = {"one", "told", "found"}
    named = [
        f"{file}:{node.lineno}"
        for file in sources()
        for node in ast.walk(tree(file))
        if (isinstance(node, ast.arg) and node.arg in vague)
        or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in vague)
    ]
    assert not named

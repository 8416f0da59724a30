"""Where a service may keep what it knows: a file, and a database of a server of PostgreSQL."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SERVER = pytest.param("postgresql", marks=[pytest.mark.service, pytest.mark.timeout(600)])


@pytest.fixture(scope="session")
def new_database() -> Iterator[Callable[[], str]]:
    """Give what makes a database on a server of one's own, and returns its address."""
    psycopg = pytest.importorskip("psycopg", reason="needs the package psycopg")
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(BENCHMARKS))
        from harness import Skip
        from tune_workers import postgresql

        server = postgresql()
        try:
            address = server.__enter__()
        except Skip as reason:
            pytest.skip(str(reason))
        numbers = itertools.count()

        def new() -> str:
            name, plain = f"d{next(numbers)}", address.replace("+psycopg", "")
            with psycopg.connect(plain, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
            return plain.replace("/trials", f"/{name}")

        yield new
        server.__exit__(None, None, None)


@pytest.fixture(params=["file", SERVER])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give where a new store may stand, of each kind that there is."""
    if request.param == "file":
        return str(tmp_path / "log.db")
    return str(request.getfixturevalue("new_database")())

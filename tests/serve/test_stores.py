"""The shards of a store: made, known again, and refused where they are others."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.serve.test_log import events_of
from torchedu.errors import ConfigError
from torchedu.serve.access import Keys
from torchedu.serve.log import EventLog
from torchedu.serve.stores import Store, shards_of, there


def test_a_store_has_the_shards_it_was_made_with(tmp_path: Path) -> None:
    file = tmp_path / "s.db"
    with pytest.raises(ConfigError, match="does not exist"):
        there(file)
    Keys(file).close()  # a key may be made first
    made = shards_of(file, 3)
    assert [store.file.name for store in made] == ["s.db", "s.db.1", "s.db.2"]
    assert made == shards_of(file) == shards_of(file, 3) == there(file)
    with pytest.raises(ConfigError, match=r"shards.* is 2, and .*s\.db has 3") as error:
        shards_of(file, 2)
    assert "torchedu service divide" in error.value.remedy
    with pytest.raises(ConfigError, match="is the shard 1 of 3") as error:
        there(tmp_path / "s.db.1")
    assert error.value.remedy.endswith("s.db.")
    (tmp_path / "s.db.2").rename(tmp_path / "away")
    with pytest.raises(ConfigError, match=r"s\.db\.2 is not there"):
        shards_of(file)
    Keys(tmp_path / "s.db.2").close()
    with pytest.raises(ConfigError, match="is no shard 2 of 3"):
        shards_of(file)


def test_a_file_may_have_any_name(tmp_path: Path) -> None:
    file = tmp_path / "a?b#c%41 d.db"
    Keys(file).add("x", ["read"])
    assert file.stat().st_mode & 0o777 == 0o600
    assert all(each.name.startswith(file.name) for each in tmp_path.iterdir())


def test_a_file_of_another_program_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE mine (x)")
        connection.commit()
    with pytest.raises(ConfigError, match="the file of another program: it holds 'mine'"):
        Keys(file)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("mine",)]


def test_a_store_from_before_there_were_shards_is_one(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "s.db")
    log.append(events_of("a"))
    log.close()
    assert shards_of(tmp_path / "s.db") == [Store(str(tmp_path / "s.db"))]
    with pytest.raises(ConfigError, match="has 1"):
        shards_of(tmp_path / "s.db", 2)


def test_names_are_one_s_alone_while_they_are_written(tmp_path: Path) -> None:
    first, second = (EventLog(store) for store in shards_of(tmp_path / "s.db", 2))
    first.append(events_of("a"))
    assert set(second.elsewhere(["a", "b"])) == {"a"}
    assert second.knows("ann")
    assert second.groups_of("ann") == {"7b"}
    assert first.elsewhere(["a"]) == {}
    with first.naming({"a", "b"}), second.naming({"c"}):
        pass
    for log in (first, second):
        log.close()

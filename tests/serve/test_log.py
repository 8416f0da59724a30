"""The log: whole groups, and files that are not one."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from torchedu.errors import ConfigError
from torchedu.serve.events import event_of
from torchedu.serve.log import EventLog, Snapshot, Unwritable
from torchedu.serve.tables import hold


def events_of(*ids: str, first: int = 1) -> list:
    given = {"event": "answered", "student": "ann", "item": "q", "correct": 1.0, "class": "7b"}
    return [event_of({**given, "id": id}, first + i, 1000 - i) for i, id in enumerate(ids)]


def test_a_group_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "log.db")
    log.append(events_of("a", "b"))
    with pytest.raises(Unwritable):
        log.append(events_of("c", "a", first=3))
    assert set(log.digests(["a", "b", "c"])) == {"a", "b"}
    assert log.next_seq == 3
    log.append(events_of("c", first=3))
    log.close()
    again = EventLog(tmp_path / "log.db")
    assert again.next_seq == 4
    assert [event.id for event in again.events_of(["ann"], "answered")] == ["b", "a", "c"]
    assert [event.id for event in again.events_of_kinds({"answered"})] == ["a", "b", "c"]
    assert again.events_of(["ann"], "enrolled") == []
    assert again.students_of("7b") == ["ann"]
    again.close()


def test_what_a_snapshot_holds_is_not_read_again(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "log.db")
    log.append(events_of("a", "b"), [Snapshot("ann", "net", 1, 1000, 1, b"x")])
    assert [event.id for event in log.events_of(["ann"], "answered", after="net")] == ["b"]
    assert len(log.events_of(["ann"], "answered", after="other")) == 2
    log.append([], [Snapshot("ann", "net", 2, 1000, 2, b"y")])
    assert log.events_of(["ann"], "answered", after="net") == []
    assert log.snapshots(["ann", "bo"], "net")["ann"].state == b"y"
    log.close()


def test_what_is_acknowledged_waits_for_the_disk_unless_it_need_not(tmp_path: Path) -> None:
    for name, level in (("FULL", 2), ("NORMAL", 1)):
        log = EventLog(tmp_path / f"{name}.db", name)  # type: ignore[arg-type]
        assert log.pragma("synchronous") == level
        assert log.pragma("journal_mode") == "wal"
        assert log.pragma("secure_delete") == 1
        log.close()


def test_files_of_another_kind_or_version_or_service_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    other.write_text("no database at all, and long enough to be looked at" * 99, "utf-8")
    with pytest.raises(ConfigError, match="cannot be opened as a service's file"):
        EventLog(other)
    log = EventLog(tmp_path / "log.db")
    log.close()
    with sqlite3.connect(tmp_path / "log.db") as connection:
        connection.execute("UPDATE about SET version = 99")
    connection.close()
    with pytest.raises(ConfigError, match="of version 99"):
        EventLog(tmp_path / "log.db")
    with pytest.raises(ConfigError, match="no folder"):
        EventLog(tmp_path / "nowhere" / "log.db")
    with hold(other), pytest.raises(ConfigError, match="in use by another service"), hold(other):
        pass


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "log.db")
    log.append(events_of("a"))
    for file in tmp_path.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file
    log.close()


def test_another_process_that_opens_and_closes_the_file_takes_nothing_away(tmp_path: Path) -> None:
    file = tmp_path / "service.db"
    log = EventLog(file)
    log.append(events_of("a"))
    EventLog(file).close()  # as keys and candidates do, in the process that has the log
    journal = file.with_name("service.db-wal")
    before = journal.stat().st_ino
    code = (
        f"import sqlite3; c = sqlite3.connect({str(file)!r}); print(*c.execute(ASKED)); c.close()"
    )
    code = code.replace("ASKED", "'SELECT count(*) FROM events'")
    for number in (1, 2):
        counted = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        assert counted.stdout == f"({number},)\n".encode()
        assert journal.stat().st_ino == before  # it is in use, and stays
        if number == 1:
            log.append(events_of("b", first=2))
    log.close()

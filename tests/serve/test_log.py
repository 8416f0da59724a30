"""The log: whole groups, and files that are not one."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import DatabaseError

from torchedu.errors import ConfigError
from torchedu.serve.events import event_of
from torchedu.serve.ledger import Act, Asked, Records
from torchedu.serve.log import EventLog, Snapshot, Unwritable
from torchedu.serve.stores import hold

ANSWER = {"event": "answered", "student": "ann", "item": "q", "correct": 1.0, "class": "7b"}


def events_of(*ids: str, first: int = 1) -> list:
    return [event_of({**ANSWER, "id": id}, first + i, 1000 - i) for i, id in enumerate(ids)]


def test_a_group_is_written_whole_or_not_at_all(place: str) -> None:
    log = EventLog(place)
    log.append(events_of("a", "b"))
    with pytest.raises(Unwritable):
        log.append(events_of("c", "a", first=3))
    assert set(log.digests(["a", "b", "c"])) == {"a", "b"}
    assert (log.next_seq, log.num_events) == (3, 2)
    log.append(events_of("c", first=3))
    log.close()
    again = EventLog(place)
    assert (again.next_seq, again.num_events) == (4, 3)
    assert [event.id for event in again.events_of(["ann"], "answered")] == ["b", "a", "c"]
    assert [event.id for event in again.events_of_kinds({"answered"})] == ["a", "b", "c"]
    assert again.events_of(["ann"], "enrolled") == []
    assert again.students_of("7b") == ["ann"]
    again.close()


def test_what_a_snapshot_holds_is_not_read_again(place: str) -> None:
    log = EventLog(place)
    log.append(events_of("a", "b"), [Snapshot("ann", "net", 1, 1000, 1, b"x")])
    assert [event.id for event in log.events_of(["ann"], "answered", after="net")] == ["b"]
    assert len(log.events_of(["ann"], "answered", after="other")) == 2
    log.append([], [Snapshot("ann", "net", 2, 1000, 2, b"y")])
    assert log.events_of(["ann"], "answered", after="net") == []
    assert log.snapshots(["ann", "bo"], "net")["ann"].state == b"y"
    log.close()


def test_what_is_written_late_stands_where_its_time_says(place: str) -> None:
    log = EventLog(place)
    late = event_of({**ANSWER, "id": "late", "time": 5}, 3, 0)
    log.append(events_of("a", "b"), [Snapshot("ann", "net", 2, 1000, 2, b"x")])
    log.append([late])
    assert [event.id for event in log.events_of(["ann"], "answered")] == ["late", "b", "a"]
    assert [event.id for event in log.events_of(["ann"], "answered", after="net")] == ["late"]
    assert log.latest(["ann", "bo"]) == {"ann": 1000}
    assert [event.id for event in log.page("answered", 2, newest_first=True)] == ["late", "b"]
    assert list(log.busy_students(3, 10)) == [["ann"]]
    log.close()


def test_what_is_void_or_forgotten_counts_no_more(place: str) -> None:
    log = EventLog(place)
    other = event_of({**ANSWER, "id": "c", "student": "bo"}, 3, 7)
    log.append([*events_of("a", "b"), other], [Snapshot("ann", "net", 2, 1000, 2, b"x")])
    assert log.append([], voided=["a", "none"]) == {"ann"}
    assert [event.id for event in log.events_of(["ann"], "answered")] == ["b"]
    assert log.snapshots(["ann"], "net") == {}
    held = log.num_events
    assert log.forget(["ann"], ["none"]) == 2
    assert log.num_events == held - 2
    assert (log.knows("ann"), log.knows("bo"), log.students_of("7b")) == (False, True, ["bo"])
    log.close()


def test_what_those_who_rule_did_stays(place: str) -> None:
    log = EventLog(place)
    log.append(
        [], records=[Act(1, "school", "swap", "{}"), Asked(1, None, "next", "ann", None, 200)]
    )
    (act,) = Records(log.tables).acts()
    assert (act["key"], act["act"]) == ("school", "swap")
    for change in ("UPDATE acts SET act = 'none'", "DELETE FROM acts"):
        with pytest.raises(DatabaseError, match="acts are kept"), log.tables.begin() as connection:
            connection.exec_driver_sql(change)
    log.close()


def test_what_is_acknowledged_waits_for_the_disk_unless_it_need_not(tmp_path: Path) -> None:
    for name, level in (("FULL", 2), ("NORMAL", 1)):
        log = EventLog(tmp_path / f"{name}.db", name)  # type: ignore[arg-type]
        with log.tables.connect() as connection:
            set_to = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("synchronous", "journal_mode", "secure_delete")
            ]
        assert set_to == [level, "wal", 1]
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

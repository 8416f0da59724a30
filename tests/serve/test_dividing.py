"""A store copied to another number of shards answers what it did."""

from pathlib import Path

import numpy as np
import pytest

from tests.serve.services import histories
from tests.serve.test_shards import VOIDED, Sharded, record
from torchedu.errors import ConfigError
from torchedu.serve.dividing import divide
from torchedu.serve.ledger import Records
from torchedu.serve.log import EventLog
from torchedu.serve.replay import replay
from torchedu.serve.stores import there


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 2), (2, 1)])
def test_what_is_kept_is_in_the_new_store(
    before: int, after: int, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torchedu.serve.dividing.AT_ONCE", 3)  # most is written piece by piece
    old = Sharded(tmp_path / "old", before)
    key = old.keys.add("school", ["write", "read", "overrule", "admin"])
    events = [{**e, "class": "7b"} for e in histories(12, 40, np.random.default_rng(5))]
    for first in range(0, len(events), 50):
        assert old.send("POST", "/events", events[first : first + 50], key)[0] == 200
        old.get(f"/mastery?student=s{first // 50 % 12}", key)
    statements = [record(n, f"s{n % 12}") for n in range(1, 20)]
    void = {"verb": {"id": VOIDED},
            "object": {"objectType": "StatementRef", "id": statements[6]["id"]}}  # fmt: skip
    for statement in (*statements, record(99, "teacher", **void)):
        assert old.send("POST", "/xAPI/statements", statement, key)[0] == 200
    (decision,) = old.get("/decisions?student=s0&last=1", key)[1]["decisions"]
    body = {"student": "s0", "decision": decision["decision"], "reason": "She was ill."}
    assert old.send("POST", "/decisions/overrule", body, key)[0] == 200
    asked = ["/mastery?student=s1", "/overview?class=7b", "/xAPI/statements?limit=100", "/acts",
             "/mastery?student=s7", f"/xAPI/statements?voidedStatementId={statements[6]['id']}",
             "/health"]  # fmt: skip
    said = [old.get(path, key) for path in asked]
    assert all(status == 200 for status, _ in said)
    old.close()
    number = divide(there(old.stores[0].file), place, after)
    new = Sharded(tmp_path / "new", after, address=place)
    assert [new.get(path, key) for path in asked] == said
    assert number == len(events) + 20 + 19 + 1  # statements, what they mean, and a mark
    again = [
        row for row in new.get("/decisions?student=s0", key)[1]["decisions"] if row["overrides"]
    ]
    assert [row["time"] for row in again] == [decision["time"]]
    (follower,) = new.services[0].followers
    opened = {"small": follower.engine.domain}  # type: ignore[attr-defined]
    new.close()
    for store in new.stores:
        log = EventLog(store)
        outcomes = list(replay(log, opened, {"small": {}}))
        assert [outcome for outcome in outcomes if outcome.differs] == []
        assert len(outcomes) == len(Records(log.tables).decisions())
        log.close()


def test_a_copy_that_was_not_finished_is_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Sharded(tmp_path / "old", 1)
    assert old.send("POST", "/events", histories(3, 9, np.random.default_rng(0)))[0] == 200
    old.close()
    with monkeypatch.context() as patched:
        patched.setattr("torchedu.serve.dividing._Copy._decisions", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            divide(there(old.stores[0].file), tmp_path / "new.db", 2)
    with pytest.raises(ConfigError, match="a copy that was not finished"):
        there(tmp_path / "new.db")
    assert divide(there(old.stores[0].file), tmp_path / "other.db", 2) > 3


def test_a_store_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    old = Sharded(tmp_path / "old", 1)
    old.close()
    with pytest.raises(ConfigError, match=r"the new store is .*, which exists"):
        divide(old.stores, old.stores[0].file, 2)
    for shards in (0, 1025):
        with pytest.raises(ConfigError, match="It is from 1 to 1,024"):
            divide(old.stores, tmp_path / "new.db", shards)
    assert not (tmp_path / "new.db").exists()

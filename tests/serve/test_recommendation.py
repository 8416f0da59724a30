"""Courses recommended by what a service was told of a student."""

from pathlib import Path

import pytest

from tests.engine.plain_rows import built
from tests.serve.services import NOW, post
from torchedu.companions import Companions
from torchedu.domains import Recommendation
from torchedu.errors import ConfigError
from torchedu.models import MF, Network, TwoTower
from torchedu.schema import ITEM, RESERVED, Names, Vocabulary
from torchedu.serve.log import EventLog
from torchedu.serve.recommendation import RecommendationFollower
from torchedu.serve.service import Service


def service_of(net: type[Network], folder: Path) -> Service:
    names = Vocabulary({ITEM: Names(f"c{i}" for i in range(9))})
    engine = built(
        Recommendation, net, Companions(names), num_items=len(names[ITEM]), num_students=3,
        num_groups=0, num_skills=RESERVED,
    )  # fmt: skip
    log = EventLog(folder / "service.db")
    return Service([RecommendationFollower("advice", engine, log)], log, clock=lambda: NOW)


def test_courses_are_recommended_by_those_taken(tmp_path: Path) -> None:
    service = service_of(TwoTower, tmp_path)
    taken = ["c4", "new", "c2"]
    events = [
        {"id": course, "event": "enrolled", "student": "ann", "course": course} for course in taken
    ]
    assert [note["id"] for note in post(service, events).body["notes"]] == ["new"]
    (reply,) = service.handle([{"do": "courses", "student": "ann", "count": 3}])
    follower = service.followers[0]
    assert isinstance(follower, RecommendationFollower)
    told = [course["course"] for course in reply.body["courses"]]
    assert reply.body["taken"] == taken
    assert len(told) == 3
    assert not set(told) & set(taken)
    (nobody,) = service.handle([{"do": "courses", "student": "bo"}])
    assert (nobody.status, nobody.body["field"]) == (422, "student")


def test_a_network_that_knows_its_students_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="MF, which knows the students"):
        service_of(MF, tmp_path)

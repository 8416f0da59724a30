import pytest

from tests.engine.plain_rows import built
from tests.missing import KINDS, column
from torchedu.companions import Companions
from torchedu.domains import Recommendation
from torchedu.engine import RecommendationEngine
from torchedu.errors import ConfigError, DataError
from torchedu.models import MF, TwoTower
from torchedu.schema import GROUP, ITEM, RESERVED, Names, Vocabulary

COURSES = [f"c{i}" for i in range(8)]


def engine_of(net: type = TwoTower) -> RecommendationEngine:
    names = Vocabulary({ITEM: Names(COURSES), GROUP + "sex": Names("fm")})
    sizes = {"num_items": 10, "num_students": 3, "num_groups": 4, "num_skills": RESERVED}
    return built(Recommendation, net, Companions(names, reading={"window": 5}), **sizes)


def test_what_was_taken_is_not_recommended_and_reasons_are_ones_own() -> None:
    engine, history = engine_of(), ["c1", "c4", "c2"]
    found = engine.recommend(history, groups={"sex": "f"}, count=20)
    assert sorted(one.course for one in found) == sorted(set(COURSES) - set(history))
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert {why for one in found for why in one.because} <= set(history)
    assert engine.recommend(history, groups={"sex": "m"})[0].score != found[0].score
    others = engine.recommend_many([["c0"], history], groups={"sex": [None, "f"]}, count=20)
    assert [one.course for one in others[1]] == [one.course for one in found]


def test_bad_histories_are_told_by_their_row() -> None:
    engine = engine_of()
    with pytest.raises(DataError, match="row 1: the course 'c9' is not known"):
        engine.recommend_many([["c0"], ["c1", "c9"]])
    with pytest.raises(DataError, match="row 0: the field 'history' is missing"):
        engine.recommend([])
    with pytest.raises(DataError, match="row 0: the field 'history' is missing"):
        engine.recommend(None)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="count is 0"):
        engine.recommend(["c0"], count=0)


def test_a_network_that_knows_students_asks_which_one() -> None:
    engine = engine_of(MF)
    with pytest.raises(ConfigError, match="MF knows the students"):
        engine.recommend(["c0"])
    several = engine.recommend_many([["c0"], ["c0"]], student=[2, 0])
    alone = engine.recommend(["c0"], student=2)
    assert [one.course for one in several[0]] == [one.course for one in alone]
    assert several[0][0].score != pytest.approx(several[1][0].score, abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_library_calls_missing_is_missing(kind: str) -> None:
    engine, histories = engine_of(), [["c0"], ["c1", "c2"]]
    sex = column(KINDS[kind]({"sex": [None, "f"]}), "sex")
    plain = engine.recommend_many(histories, groups={"sex": [None, "f"]})
    assert engine.recommend_many(histories, groups={"sex": sex}) == plain
    history = column(KINDS[kind]({"of": ["c0", None]}), "of")[1]
    with pytest.raises(DataError, match="row 1: the field 'history' is missing"):
        engine.recommend_many([["c0"], history])

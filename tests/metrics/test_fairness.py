import json
import warnings

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from torchedu.metrics.fairness import Attribute, audit

FAST: dict[str, int] = {"permutations": 100, "resamples": 20}


def simulated(
    seed: int, size: int = 900, blur: float = 0.0, shift: float = 0.0
) -> tuple[np.ndarray, np.ndarray, dict[str, Attribute]]:
    """Simulate risks; those of men are blurred by noise or raised."""
    random = np.random.default_rng(seed)
    gender, band = random.integers(0, 2, size), random.integers(0, 3, size)
    y = random.random(size) < 0.4
    signal = random.normal(1.8 * y - 0.9, 1) + shift * gender
    signal = signal + blur * gender * random.normal(0, 1, size)
    attributes = {"gender": Attribute(gender, ["F", "M"]), "band": Attribute(band, list("abc"))}
    return 1 / (1 + np.exp(-signal)), y, attributes


def test_rates_and_differences_are_those_of_fairlearn_and_scikit_learn() -> None:
    fair = pytest.importorskip("fairlearn.metrics", reason="fairlearn is not installed")
    p, y, attributes = simulated(0, blur=0.5)
    found = audit(p, y, attributes, **FAST)["attributes"]
    chosen = p >= 0.5
    for name, (ids, _) in attributes.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # fairlearn's own
            demographic = fair.demographic_parity_difference(y, chosen, sensitive_features=ids)
            odds = fair.equalized_odds_difference(y, chosen, sensitive_features=ids)
        told = found[name]
        assert told["demographic_parity_difference"] == pytest.approx(demographic, abs=1e-9)
        assert told["equalized_odds_difference"] == pytest.approx(odds, abs=1e-9)
        for i, group in enumerate(told["groups"]):
            mine = np.asarray(ids) == i
            assert group["auc"] == pytest.approx(roc_auc_score(y[mine], p[mine]), abs=1e-9)
            assert group["students"] == mine.sum()


@pytest.mark.parametrize("seed", range(2))
def test_without_bias_there_is_no_alarm_and_with_a_strong_one_there_is(seed: int) -> None:
    assert audit(*simulated(seed), **FAST)["alarms"] == []
    alarms = audit(*simulated(seed, blur=4.0), **FAST)["alarms"]
    assert {"attribute": "gender", "group": "F", "measure": "abroca"} in alarms
    assert all("gender" in one["attribute"] for one in alarms)
    raised = audit(*simulated(seed, shift=1.5), **FAST)["alarms"]
    assert {"attribute": "gender", "group": "M", "measure": "selection_rate"} in raised


def trap(seed: int) -> tuple[np.ndarray, np.ndarray, Attribute, Attribute]:
    """Make a gap between courses that a gender takes more of, and none within them."""
    random = np.random.default_rng(seed)
    course = random.integers(0, 2, 3000)
    gender = (random.random(3000) < np.where(course, 0.9, 0.1)).astype(int)
    y = random.random(3000) < 0.4
    signal = random.normal(np.where(course, 3.0, 0.6) * y, 1)
    p = 1 / (1 + np.exp(-signal))
    return p, y, Attribute(gender, ["F", "M"]), Attribute(course, ["history", "physics"])


def test_a_gap_between_courses_is_told_as_one() -> None:
    p, y, gender, course = trap(0)
    found = audit(p, y, {"gender": gender}, stratum=course, **FAST)
    gap = found["attributes"]["gender"]["groups"][0]["gaps"]["abroca"]
    assert gap["above"]
    assert not gap["within"]["above"]
    assert found["alarms"] == []
    (told,) = [words for words in found["words"] if words.startswith("gender: the ABROCA")]
    assert "it comes with the course" in told
    pooled = audit(p, y, {"gender": gender}, **FAST)
    assert any(one["measure"] == "abroca" for one in pooled["alarms"])


def test_small_and_one_sided_groups_say_too_few() -> None:
    p, y, _ = simulated(3)
    ids = np.zeros(len(p), int)
    ids[:10] = 1
    ids[10:200] = 2
    ids[200:210] = -1
    y[10:200] = False
    found = audit(p, y, {"band": Attribute(ids, ["a", "b", "c", "d"])}, **FAST)
    groups = {one["group"]: one for one in found["attributes"]["band"]["groups"]}
    assert {name: one["too_few"] for name, one in groups.items()} == {
        "a": True,  # nobody is left to compare it with
        "b": True,
        "c": True,
    }
    assert groups["b"] == {"group": "b", "students": 10, "too_few": True}
    assert found["attributes"]["band"]["unknown"] == 10
    few, unknown = found["words"][-2:]
    assert "band b (10)" in few
    assert "band c (190)" in few
    assert unknown == "Left out where their group is not known: band (10)."


def test_students_with_several_predictions_are_dealt_whole() -> None:
    random = np.random.default_rng(5)
    student = np.repeat(np.arange(80), 40)
    gender = random.integers(0, 2, 80)[student]
    # Each student is as easy or as hard to foretell as chance had it, in all answers alike.
    y = random.random(len(student)) < 0.5
    signal = random.normal(y * random.exponential(1.5, 80)[student], 1)
    attribute = {"gender": Attribute(gender, ["F", "M"])}
    p = 1 / (1 + np.exp(-signal))
    wide, narrow = (
        audit(p, y, attribute, student=one, **FAST)["attributes"]["gender"]["groups"][0]
        for one in (student, None)
    )
    assert wide["students"] == len(np.unique(student[gender == 0]))
    assert wide["gaps"]["abroca"]["floor"] > 1.5 * narrow["gaps"]["abroca"]["floor"]


def test_intersections_are_compared_and_all_is_plain_json() -> None:
    found = audit(*simulated(6), **FAST)
    crossed = found["attributes"]["gender × band"]["groups"]
    assert [one["group"] for one in crossed][:2] == ["F × a", "F × b"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    gap = crossed[0]["gaps"]["auc"]
    low, high = gap["interval"]
    assert low < gap["value"] < high
    assert "gender × band" not in audit(*simulated(6), intersections=False, **FAST)["attributes"]


def test_without_groups_there_is_nothing_to_compare() -> None:
    p, y, _ = simulated(7)
    assert audit(p, y, {}, **FAST)["alarms"] == []


def test_what_does_not_fit_together_is_refused() -> None:
    p, y, attributes = simulated(8)
    with pytest.raises(ValueError, match="predictions, "):
        audit(p, y[:-1], attributes)
    with pytest.raises(ValueError, match="ids for 900 predictions"):
        audit(p, y, {"gender": Attribute([0, 1], ["F", "M"])})
    with pytest.raises(ValueError, match="outside the 1 names"):
        audit(p, y, {"gender": Attribute(attributes["gender"].ids, ["F"])})
    with pytest.raises(ValueError, match="50 permutations cannot tell"):
        audit(p, y, attributes, permutations=50)


def test_what_was_not_compared_is_not_called_fair() -> None:
    p, y, attributes = simulated(6, size=40)
    found = audit(p, y, attributes, **FAST)
    assert found["words"][0] == "Nothing could be compared: gender, band."
    alone = {"school": Attribute(np.zeros(900, int), ["A"])}
    p, y, attributes = simulated(6)
    told = audit(p, y, alone, **FAST)["words"]
    assert told[0] == "Nothing could be compared: school."
    assert audit(p, y, {}, **FAST)["words"] == ["Nothing could be compared."]
    both = audit(p, y, attributes | alone, **FAST)["words"]
    assert both[0].startswith("No gap is above its noise floor")
    assert both[1] == "Nothing could be compared: school."


def test_gaps_that_no_stratum_can_tell_are_no_gaps_that_are_not_there() -> None:
    p, y, attributes = simulated(6)
    gender = attributes["gender"]
    course = Attribute(gender.ids, ["one of women", "one of men"])
    told = audit(p, y, {"gender": gender}, stratum=course, **FAST)["words"]
    assert "Nothing could be compared within one course: gender." in told
    assert not any(word.startswith("No gap") for word in told)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -0.1, 1.5])
def test_what_is_no_number_of_0_to_1_is_refused(wrong: float) -> None:
    p, y, attributes = simulated(6)
    for place in range(2):
        columns = [p.copy(), y.astype(float)]
        columns[place][3] = wrong
        with pytest.raises(ValueError, match="are no numbers of 0 to 1"):
            audit(*columns, attributes, **FAST)

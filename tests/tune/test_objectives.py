"""Goals are read as they are written; what nobody measures is refused."""

import pytest

from torchedu.errors import ConfigError
from torchedu.tune.objectives import FAIRNESS, Goals, check_logged, is_score


def test_names_tell_whether_low_is_good_unless_a_sign_does() -> None:
    goals = Goals.parse("val/auc, val/log_loss,val/abroca,-val/recall,+val/loss_avoided", "", "x")
    assert [(each.name, each.lower) for each in goals.objectives] == [
        ("val/auc", False), ("val/log_loss", True), (FAIRNESS, True), ("val/recall", True),
        ("val/loss_avoided", False),
    ]  # fmt: skip
    assert Goals.parse("", "", "val/score").objectives[0].name == "val/score"


def test_limits_and_objectives_are_measured_alike() -> None:
    goals = Goals.parse("val/auc", "val/abroca<=0.05, val/auc >= .7", "")
    assert goals.names == ("val/auc", FAIRNESS)
    assert goals.costs({"val/auc": 0.8, FAIRNESS: 0.1}) == (-0.8,)
    assert goals.excess({"val/auc": 0.8, FAIRNESS: 0.05}) == 0
    assert goals.excess({"val/auc": 0.6, FAIRNESS: 0.1}) == pytest.approx(0.15)
    assert list(map(str, goals.limits)) == ["val/abroca<=0.05", "val/auc>=0.7"]


def test_what_is_not_measured_or_no_number_is_named() -> None:
    goals = Goals.parse("val/auc,cost", "", "")
    assert goals.lacking({"val/auc": 0.5, "cost": 1.0}) is None
    assert goals.lacking({"cost": 1.0}) == "val/auc"
    assert goals.lacking({"val/auc": 0.5, "cost": float("nan")}) == "cost"


@pytest.mark.parametrize(
    ("objectives", "limits", "message"),
    [
        ("val/auc,val/auc", "", "objectives names 'val/auc' twice"),
        ("val/auc<3", "", "objectives has 'val/auc<3'"),
        ("", "val/abroca", "limits has 'val/abroca'"),
        ("", "val/abroca<=x", "limits has"),
        ("", "val/abroca<=nan", "limits has"),
        ("", "val/abroca<=1,val/abroca<=2", "limits names 'val/abroca' twice"),
    ],
)
def test_what_cannot_be_read_is_told(objectives: str, limits: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Goals.parse(objectives, limits, "val/auc")


def test_an_objective_that_nobody_measures_is_told_with_the_nearest() -> None:
    logged, groups = ["val/auc", "val/auc_within"], ["gender", "region"]
    with pytest.raises(ConfigError, match=r"names 'val/acu'.\n.*Did you mean val/auc\?"):
        check_logged(Goals.parse("val/acu", "", ""), logged, [], groups)
    with pytest.raises(ConfigError, match=r"limits names 'val/gap'"):
        check_logged(Goals.parse("val/auc", "val/gap<=1", ""), logged, [], groups)
    for name in ("val/abroca", "val/abroca.gender"):
        with pytest.raises(ConfigError, match="no groups of this data's validation part"):
            check_logged(Goals.parse(f"val/auc,{name}", "", ""), logged, [], groups)
    with pytest.raises(ConfigError, match=r"knows no 'gendre' of people.\n.*Did you mean gender"):
        check_logged(Goals.parse("val/abroca.gendre", "", ""), logged, [], groups)
    check_logged(Goals.parse("val/auc,latency,val/abroca", "", ""), logged, [FAIRNESS], groups)


def test_an_attribute_may_have_a_name_of_several_words() -> None:
    goals = Goals.parse(
        "val/auc, val/abroca.langue maternelle ", "val/abroca.Muttersprache 1 <= 0.1", ""
    )
    assert goals.names == ("val/auc", "val/abroca.langue maternelle", "val/abroca.Muttersprache 1")


def test_groups_of_one_attribute_may_be_meant() -> None:
    goals = Goals.parse("val/auc,val/abroca.gender,cost", "val/abroca<=0.1", "")
    assert goals.fairness == ("val/abroca.gender", FAIRNESS)
    assert [each.lower for each in goals.objectives] == [False, True, True]
    assert [is_score(name) for name in goals.names] == [True, True, False, True]

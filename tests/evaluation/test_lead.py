from typing import Any

import numpy as np
import pytest

from torchedu.evaluation.lead import FEW, Surely, lead, terms, too_few
from torchedu.metrics.paired import SHARE, Estimate, averaged

COLUMNS = {"auc": "AUC", "accuracy": "accuracy"}
MANY = {"students": 400}


def rows(network: float | None, baseline: float | None) -> list[dict[str, Any]]:
    return [
        {"name": "DKT", "kind": "network", "auc": network},
        {"name": "Best-LR", "kind": "baseline", "auc": baseline},
        {"name": "oracle", "kind": "oracle", "auc": 0.99},
    ]


def surely(network: float, baseline: float, spread: float) -> Surely:
    """A network and a baseline whose distance is spread among students so far."""
    moved = np.random.default_rng(0).normal(size=400) / 400
    estimates = {
        "DKT": Estimate(network, moved * spread, SHARE),
        "Best-LR": Estimate(baseline, -moved * spread, SHARE),
    }
    return Surely(rows(network, baseline), COLUMNS, estimates.get)


def test_how_sure_it_is_stands_beside_what_it_is_set_against() -> None:
    said = surely(0.8, 0.7, 0.1).words("students")
    assert said.startswith("With other students of this kind the AUC would be 0.79")
    assert "its lead over Best-LR +0.08" in said
    assert said.endswith("more than chance makes.")
    assert surely(0.8, 0.79, 1.0).words("students").endswith("which chance alone may make.")
    assert Surely(rows(0.8, 0.7), COLUMNS, lambda model: None).words("students") == ""


def test_no_share_is_said_to_be_above_one() -> None:
    said = surely(0.99, 0.7, 3.0).words("students")
    assert "to 1.000, its lead" in said


@pytest.mark.parametrize(
    ("network", "baseline", "spread", "said"),
    [
        (0.8, 0.7, 0.1, "PRODUCT"),
        (0.8, 0.79, 1.0, "Best-LR may do as well and is simpler; more students would tell."),
        (0.79, 0.8, 1.0, "Best-LR is simpler; more students would tell whether it is better too."),
        (0.7, 0.8, 0.1, "Use Best-LR, or search for a better network: torchedu tune."),
    ],
)
def test_what_to_do_next_follows_from_it(
    network: float, baseline: float, spread: float, said: str
) -> None:
    sure = surely(network, baseline, spread)
    assert sure.next_step(MANY, False, "PRODUCT") == said
    assert "First look at" in sure.next_step(MANY, True, "PRODUCT")
    few = sure.next_step({"students": FEW - 1}, False, "PRODUCT")
    assert few.startswith("Score it on more students")
    assert ("until then with Best-LR" in few) == (baseline > network)


def test_of_costs_the_lower_one_leads() -> None:
    values = np.random.default_rng(0).normal(3, 1, 100)
    estimates = {"DKT": averaged(values, range(100)), "Best-LR": averaged(values + 1, range(100))}
    made = [{**row, "auc": row["auc"] and {"DKT": 3, "Best-LR": 4}.get(row["name"], 1)}
            for row in rows(0.5, 0.5)]  # fmt: skip
    sure = Surely(made, COLUMNS, estimates.get, lower=True)
    assert "its lead over Best-LR +1.000 to +1.000" in sure.words("conversations")
    assert sure.next_step(MANY, False, "PRODUCT") == "PRODUCT"


def test_an_undefined_score_asks_for_more() -> None:
    sure = Surely(rows(None, 0.7), COLUMNS, lambda model: None)
    assert sure.next_step(MANY, False, "PRODUCT").startswith("Score it on more students")
    said = sure.next_step(MANY, False, "PRODUCT", "right and wrong answers")
    assert said.startswith("Score it on data that has right and wrong answers")
    assert sure.plain() == {"score": None, "against": "Best-LR", "lead": None}


def test_a_perfect_score_and_a_handful_say_nothing_of_others() -> None:
    sure = surely(1.0, 0.7, 0.1)
    assert sure.next_step(MANY, False, "PRODUCT").startswith("Look for what gives the answer away")
    few = {name: Estimate(0.8, np.full(4, 0.1)) for name in ("DKT", "Best-LR")}
    assert Surely(rows(0.8, 0.7), COLUMNS, few.get).words("lessons") == ""


def test_words_of_headings_are_explained_once() -> None:
    said = terms(["AUC at 25 %", "AUC at 50 %", "teachers' macro-F1", "HR@10", "HR@20", "texts"])
    assert list(said) == ["AUC", "macro-F1", "HR@"]


def test_what_is_too_little_is_counted() -> None:
    assert too_few({"texts": 1, "prompts": 1}) == " Too small to judge: 1 text."
    assert too_few({"texts": FEW}) == "" == too_few({})


def test_a_baseline_that_may_be_better_by_chance_is_advised_until_more_is_known() -> None:
    scores = [
        {"name": "net", "kind": "network", "auc": 0.70},
        {"name": "counts", "kind": "baseline", "auc": 0.72},
    ]
    said = [lead(scores, {"auc": "AUC"}, "reaches", False, chance) for chance in (False, True)]
    whole = "net reaches an AUC of 0.700, 0.020 below the best baseline, counts"
    assert said == [
        f"{whole}: use counts for data like these.",
        f"{whole}: until more is known, use counts for data like these.",
    ]

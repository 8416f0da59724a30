import json

import numpy as np
import pytest

from torchedu.bench import Contender, compare
from torchedu.errors import ConfigError
from torchedu.metrics import scores


def contenders() -> tuple[list[Contender], np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    student = np.repeat(np.arange(80), 20)
    logit = random.normal(size=1600)
    correct = (random.random(1600) < 1 / (1 + np.exp(-logit))).astype(float)

    def chance(noise: float) -> np.ndarray:
        return 1 / (1 + np.exp(-logit - noise * random.normal(size=1600)))

    said = [
        Contender("plain", "baseline", chance(1.0)),
        Contender("good", "network", chance(0.2), {"parameters": 5}),
        Contender("like", "network", chance(1.0)),
        Contender("knows", "oracle", correct),
    ]
    return said, correct, student


def test_models_are_held_against_one_of_them() -> None:
    found = compare(*contenders())
    assert (found["students"], found["answers"], found["against"]) == (80, 1600, "plain")
    plain, good, like, oracle = found["models"]
    assert good["parameters"] == 5
    auc = good["differences"]["auc"]
    ours, theirs = (row["scores"]["auc"]["value"] for row in (good, plain))
    assert auc["value"] == pytest.approx(ours - theirs)
    assert 0 < auc["low"] < auc["value"] < auc["high"]
    assert auc["p_holm"] < 0.01
    assert good["differences"]["log_loss"]["high"] < 0
    assert like["differences"]["auc"]["p_holm"] > 0.05
    assert "differences" not in plain
    assert "differences" not in oracle
    assert json.loads(json.dumps(found)) == found


def test_another_model_may_be_the_one() -> None:
    found = compare(*contenders(), against="good")
    assert found["models"][0]["differences"]["auc"]["value"] < 0


def test_first_answers_are_left_out_beside() -> None:
    said, correct, student = contenders()
    first = np.diff(student, prepend=-1) > 0
    found = compare(said, correct, student, first=first)
    assert found["first_answers"] == 80
    for contender, row in zip(said, found["models"], strict=True):
        later = scores(contender.probability[~first], correct[~first])["auc"]
        assert row["auc_later"] == later
        assert contender.kind == "oracle" or later != row["scores"]["auc"]["value"]


def test_names_that_tell_nothing_are_refused() -> None:
    said, correct, student = contenders()
    with pytest.raises(ConfigError, match=r"against is 'god'.\n.*Did you mean good\?"):
        compare(said, correct, student, "god")
    with pytest.raises(ConfigError, match="two models are called 'plain'"):
        compare([said[0], said[0]], correct, student)

"""Scores of tags agree with scikit-learn's, however the sentences are divided."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from torchedu.metrics.tags import TagScores, confusion, tag_f1, tag_scores


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40),
)
def test_scores_are_those_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    true, told = (np.array(one) for one in zip(*pairs, strict=True))
    found = tag_scores(confusion(true, told, 4))
    assert found["macro_f1"] == pytest.approx(f1_score(true, told, average="macro"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a single tag
        assert found["mcc"] == pytest.approx(matthews_corrcoef(true, told), abs=1e-9)
    assert found["accuracy"] == pytest.approx(accuracy_score(true, told))
    of_labels = tag_scores(confusion(true, told, 4), alike=None)
    one_kind = len({*true.tolist()}) == 1 or len({*told.tolist()}) == 1
    assert of_labels == found | ({"mcc": None} if one_kind else {})


def test_a_tag_that_is_nowhere_has_no_f1() -> None:
    f1 = tag_f1(torch.tensor([[2, 0, 0], [1, 1, 0], [0, 0, 0]]))
    assert f1[:2] == pytest.approx([0.8, 2 / 3])
    assert f1[2] is None


def test_roles_are_scored_apart_and_what_does_not_count_is_left_out() -> None:
    torch.manual_seed(0)
    given_BL, tag_BL = torch.randint(0, 2, (2, 4, 9)).unbind(0)
    role_BL = torch.randint(0, 2, (4, 9))
    scored_BL = torch.rand(4, 9) < 0.7
    whole, parts = TagScores({"teacher": 2, "student": 3}), TagScores({"teacher": 2, "student": 3})
    whole.update(given_BL, tag_BL, role_BL, scored_BL)
    for row in range(4):
        parts.update(*(x[row : row + 1] for x in (given_BL, tag_BL, role_BL, scored_BL)))
    assert whole.compute() == parts.compute()
    mine = scored_BL & (role_BL == 1)
    wanted = f1_score(tag_BL[mine], given_BL[mine], average="macro")
    assert whole.compute()["student_macro_f1"] == pytest.approx(wanted)
    both = [whole.compute()[f"{role}_macro_f1"] for role in ("teacher", "student")]
    assert whole.compute()["macro_f1"] == pytest.approx(np.mean(both))


def test_a_role_without_sentences_has_no_score() -> None:
    scores = TagScores({"teacher": 2, "student": 0})
    one = torch.zeros(1, 1, dtype=torch.int64)
    scores.update(one, one, one, one > 0)
    assert scores.compute()["macro_f1"] is None
    scores.update(one, one, one, one == 0)
    assert scores.compute()["student_macro_f1"] is None
    assert scores.compute()["macro_f1"] == 1.0

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchedu.layers import distinct

MARKS = st.sampled_from([0.0, 1.0]) | st.floats(0, 1, width=32)


@given(st.lists(st.tuples(st.integers(0, 2**24), MARKS), min_size=1, max_size=12))
def test_each_slot_finds_its_own_skill_and_mark(answers: list[tuple[int, float]]) -> None:
    skill_BLS = torch.tensor([skill for skill, _ in answers]).view(1, -1, 1)
    correct_BL = torch.tensor([mark for _, mark in answers]).view(1, -1)
    skill_U1, correct_U, which_BL = distinct(skill_BLS, correct_BL)
    assert which_BL is not None
    assert torch.equal(skill_U1[which_BL], skill_BLS)
    torch.testing.assert_close(correct_U[which_BL], correct_BL, atol=1e-7, rtol=0)


def test_answers_that_look_alike_are_one() -> None:
    skill_BLS = torch.tensor([[3, 3, 4], [3, 4, 4]]).unsqueeze(-1)
    correct_BL = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.5]])
    skill_U1, correct_U, _ = distinct(skill_BLS, correct_BL)
    assert skill_U1.flatten().tolist() == [3, 3, 4, 4]
    assert correct_U.tolist() == [0, 1, 0, 0.5]


def test_several_skills_stay_as_they_are() -> None:
    skill_BLS, correct_BL = torch.ones(2, 3, 2, dtype=torch.int64), torch.zeros(2, 3)
    same_BLS, same_BL, which_BL = distinct(skill_BLS, correct_BL)
    assert same_BLS is skill_BLS
    assert same_BL is correct_BL
    assert which_BL is None

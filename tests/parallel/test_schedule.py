import pytest

from torchedu.parallel.schedule import stages_held


@pytest.mark.parametrize(
    ("each", "v", "held"),
    [
        (1, False, [[0], [1], [2]]),
        (2, False, [[0, 3], [1, 4], [2, 5]]),
        (2, True, [[0, 5], [1, 4], [2, 3]]),
    ],
)
def test_stages_go_round_the_ranks_or_come_back(each: int, v: bool, held: list[list[int]]) -> None:
    assert stages_held(3, each, v) == held

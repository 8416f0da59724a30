"""Data of the same options share what is known at each moment; others have their own."""

from pathlib import Path

import pytest

from tests.datasets.oulad_files import write_oulad
from torchedu.datamodules import CourseEvents


@pytest.fixture(scope="module")
def oulad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_oulad(tmp_path_factory.mktemp("data") / "oulad")


@pytest.mark.parametrize("by_week", [False, True])
def test_the_next_data_of_the_same_options_need_not_look_again(oulad: Path, by_week: bool) -> None:
    first, again = (CourseEvents(str(oulad), batch_size=size) for size in (8, 16))
    assert first._view(by_week) is again._view(by_week)


@pytest.mark.parametrize(
    ("by_week", "options"),
    [
        (True, {"every_days": 7}),
        (True, {"mark_delay_days": 9}),
        (False, {"mark_delay_days": 9}),
        (False, {"cutoffs": (0.1, 0.9)}),
    ],
)
def test_other_options_have_moments_of_their_own(
    oulad: Path, by_week: bool, options: dict[str, object]
) -> None:
    usual, other = CourseEvents(str(oulad)), CourseEvents(str(oulad), **options)  # type: ignore[arg-type]
    seen = usual._view(by_week)
    assert other._view(by_week) is not seen
    fresh = CourseEvents(str(oulad), **options)  # type: ignore[arg-type]
    for mine, theirs in zip(fresh._view(by_week), other._view(by_week), strict=True):
        for x, y in zip(mine, theirs, strict=True):
            assert x.tobytes() == y.tobytes()
    assert usual._view(by_week) is seen

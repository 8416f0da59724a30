"""Files of schools, as the benchmark ``files.py`` has them: cases, remedies, and where rows go."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))  # where its parts find one another

import files_cases
import files_remedies
import files_rows
import files_rows_published


# C11 trains twice: tests/run/test_training.py has a run that starts from another.
@pytest.mark.parametrize("name", sorted(files_cases.CASES.keys() - {"C11"}))
def test_what_went_wrong_once_is_right(tmp_path: Path, name: str) -> None:
    assert files_cases.CASES[name](files_cases.Case(tmp_path))


@pytest.mark.parametrize("name", files_remedies.FAULTS)
def test_a_remedy_that_is_followed_helps(tmp_path: Path, name: str) -> None:
    assert not files_remedies.followed(tmp_path, files_remedies.FAULTS[name])


@pytest.mark.parametrize("form", files_rows_published.EVERY)
def test_each_row_is_kept_or_counted(tmp_path: Path, form: str) -> None:
    for seed in (1, 2):
        raw = tmp_path / str(seed)
        raw.mkdir()
        assert files_rows.lost(raw, form, files_rows_published.EVERY[form], seed) == 0

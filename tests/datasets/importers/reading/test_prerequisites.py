from pathlib import Path

import numpy as np
import pytest

from torchedu.datasets.importers.reading.prerequisites import read_prerequisites
from torchedu.errors import DataError
from torchedu.schema import Names

COURSES = Names(["algebra", "calculus", "topology"])


def test_a_course_stays_closed_until_all_it_requires_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text("course,requires\ntopology,algebra\ntopology,calculus\n")
    needs = read_prerequisites(str(file), COURSES)
    closed = needs.closed(np.array([0, 1, 1]), np.array([2, 2, 3]), 3)
    assert closed[:, 4].tolist() == [True, False, True]
    assert not closed[:, :4].any()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("course,needs\n", "no column is called 'requires'"),
        ("course,requires\ntopology,geometry\n", "row 2: 'geometry' is no course"),
        ("course,requires\nalgebra,algebra\n", "requires itself"),
    ],
)
def test_a_wrong_file_is_told(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(DataError, match=said):
        read_prerequisites(str(tmp_path / "p.csv"), COURSES)

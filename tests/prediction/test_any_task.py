from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from torchedu.datasets.enrolments import EnrolmentStore
from torchedu.prediction.any_task import _left_out


@pytest.mark.parametrize(("left", "said"), [(0, ""), (3, "; 3 of {:,} students are left out")])
def test_whom_nothing_is_said_of_is_counted(enrolment_store: Path, left: int, said: str) -> None:
    store = EnrolmentStore(enrolment_store)
    students = np.repeat(np.arange(store.num_students - left), 2)
    task: Any = SimpleNamespace(keys=("student", "position"))
    told = _left_out(task, SimpleNamespace(store=store), {"student": students})
    assert told.startswith(said.format(store.num_students))
    assert bool(told) == bool(left)


def test_what_is_no_row_of_the_data_is_not_counted(enrolment_store: Path) -> None:
    data: Any = SimpleNamespace(store=EnrolmentStore(enrolment_store))
    for keys in ((), ("moment",)):
        assert not _left_out(SimpleNamespace(keys=keys), data, {"moment": np.arange(2)})

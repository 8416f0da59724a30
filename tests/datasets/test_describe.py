import json
from pathlib import Path

import numpy as np
import pytest

from tests.datasets.importers.fake import answers, write_csv
from torchedu.datasets import describe
from torchedu.datasets.importers import import_data


def test_counts(tmp_path: Path) -> None:
    rows = [
        {
            "student": "a",
            "item": "q1",
            "skill": "k1;k2",
            "correct": 1,
            "time": "2024-01-01",
            "sex": "f",
        },
        {
            "student": "a",
            "item": "q2",
            "skill": "k1",
            "correct": 0,
            "time": "2024-01-03",
            "sex": "f",
        },
        {
            "student": "b",
            "item": "q1",
            "skill": "k1;k2",
            "correct": 1,
            "time": "2024-01-02",
            "sex": "",
        },
        {"student": "c", "item": "q3", "skill": "", "correct": 0, "time": "2024-01-02", "sex": "m"},
    ]
    raw = write_csv(tmp_path / "a.csv", rows)
    found = describe.describe(import_data("csv", raw, tmp_path / "s", {"groups": ["sex"]}))
    assert json.loads(json.dumps(found)) == found
    assert (found["students"], found["answers"], found["items"], found["skills"]) == (3, 4, 3, 2)
    assert found["share_correct"] == 0.5
    assert found["answers_per_student"]["quantiles"]["0.5"] == 1
    assert found["answers_per_student"]["mean"] == pytest.approx(4 / 3)
    assert sum(found["answers_per_student"]["histogram"]["counts"]) == 3
    assert sum(found["answers_per_item"]["histogram"]["counts"]) == 3
    assert found["skills_per_item"] == {"0": 1, "1": 1, "2": 1}
    assert found["groups"] == {"sex": {"f": 1, "m": 1}}
    assert found["time"] == {
        "first": "2024-01-01T00:00:00+00:00",
        "last": "2024-01-03T00:00:00+00:00",
        "days": 2.0,
    }
    assert found["missing"] == {
        "columns": ["response_time", "attempt"],
        "answers_without_response_time": 0,
        "items_without_skill": 1,
        "items_without_text": 0,
        "items_without_answer": 0,
        "students_without_group": {"sex": 1},
    }


def test_reading_bit_by_bit_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = write_csv(tmp_path / "a.csv", answers(students=20, each=30))
    store = import_data("csv", raw, tmp_path / "s")
    whole = describe.describe(store)
    monkeypatch.setattr(describe, "STRETCH", 7)
    assert describe.describe(store) == whole
    edges = np.array(whole["item_share_correct"]["edges"])
    assert (edges[0], edges[-1]) == (0, 1)
    assert sum(whole["item_share_correct"]["counts"]) == whole["items"]


def test_real_file(real_data: Path, tmp_path: Path) -> None:
    store = import_data("ednet", real_data / "kt" / "ednet_pebg5k", tmp_path / "s")
    found = describe.describe(store)
    assert found["answers_per_student"]["quantiles"]["0.5"] == 14
    assert round(found["answers_per_student"]["mean"]) == 44
    assert found["time"] is None

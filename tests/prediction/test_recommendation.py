from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from torchedu import CourseRecommendation, Enrolments, TwoTower, trainer
from torchedu.errors import ConfigError
from torchedu.prediction import predict
from torchedu.schema import ITEM


@pytest.fixture(scope="module")
def run(enrolment_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    data = Enrolments(str(enrolment_store), batch_size=32, window=6)
    sizes = data.num_items, data.num_students, data.num_groups
    task = CourseRecommendation(partial(TwoTower, dim=16), *sizes, lr=0.02)
    folder = tmp_path_factory.mktemp("predict")
    fit = trainer(str(folder / "run"), 3, accelerator="cpu", monitor=task.monitor)
    fit.fit(task, datamodule=data)
    return task, data, fit


def taken(data: Enrolments) -> dict[str, list[str]]:
    store, names = data.store, data.store.vocabulary[ITEM]
    people = store.student_names(range(store.num_students))
    bounds = store.history_offsets.tolist()
    return {
        person: [names.name(i) for i in store.item[bounds[row] : bounds[row + 1]]]
        for row, person in enumerate(people)
    }


def test_each_student_gets_courses_they_have_not_taken(run: Any, tmp_path: Path) -> None:
    task, data, fit = run
    (file,) = predict(task, data, fit, tmp_path)
    rows, courses = pq.read_table(file).to_pylist(), taken(data)
    assert {row["student"] for row in rows} == set(courses)
    assert not any(row["course"] in courses[row["student"]] for row in rows)
    assert [row["place"] for row in rows if row["student"] == "0"] == list(range(1, 11))
    for row in rows:
        reasons = [reason for reason in row["because"].split("; ") if reason]
        assert set(reasons) <= set(courses[row["student"]][-5:])
    assert sum(bool(row["because"]) for row in rows) > len(rows) / 2


def test_what_requires_more_is_not_recommended(run: Any, tmp_path: Path) -> None:
    task, data, fit = run
    (without,) = predict(task, data, fit, tmp_path / "without", "csv")
    data.prerequisites = str(tmp_path / "p.csv")
    Path(data.prerequisites).write_text("course,requires\n105,101\n105,102\n", "utf-8")
    (file,) = predict(task, data, fit, tmp_path / "out", "csv")
    data.prerequisites = None
    courses = taken(data)
    ready = {who for who, names in courses.items() if {"101", "102"} <= set(names)}
    given = [
        {str(row["student"]) for row in pa_csv.read_csv(one).to_pylist() if row["course"] == 105}
        for one in (without, file)
    ]
    assert given[0] - ready
    assert given[1] <= ready


def test_an_unknown_format_is_refused(run: Any, tmp_path: Path) -> None:
    task, data, fit = run
    with pytest.raises(ConfigError, match="xlsx"):
        predict(task, data, fit, tmp_path, "xlsx")

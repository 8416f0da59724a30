from pathlib import Path

import pytest

from tests.datasets.importers.fake import answers, write_csv
from torchedu.datasets.importers import import_data
from torchedu.errors import DataError


def test_long_response_times_are_asked_for_their_unit(tmp_path: Path) -> None:
    rows = answers()
    for row in rows:
        row["response_time"] = 1000 * row["response_time"]
    raw = write_csv(tmp_path / "a.csv", rows)
    with pytest.raises(DataError, match="may be milliseconds or seconds") as caught:
        import_data("csv", raw, tmp_path / "out")
    assert "⟦response_time_unit⟧ ms" in caught.value.remedy
    for unit, most in (("ms", 60), ("s", 60_000)):
        store = import_data("csv", raw, tmp_path / "out", {"response_time_unit": unit})
        assert 0.5 * most < float(store.values("students", "answer.response_time").max()) <= most


def test_what_no_answer_takes_is_unknown_and_counted(tmp_path: Path) -> None:
    rows = answers()
    rows[0]["response_time"], rows[1]["response_time"], rows[2]["response_time"] = -5, 1e308, ""
    for row in rows:
        row["attempt"] = 1
    rows[3]["attempt"], rows[4]["attempt"], rows[5]["attempt"] = -5, 1e20, 1.5
    store = import_data("csv", write_csv(tmp_path / "a.csv", rows), tmp_path / "out")
    notes = store.about["notes"]
    assert any(note.startswith("2 response times are negative or beyond") for note in notes)
    assert any(note.startswith("3 attempts are no count from 1") for note in notes)
    assert "Response times were read as seconds." in notes
    assert sorted(store.values("students", "answer.attempt").tolist())[:4] == [0, 0, 0, 1]


@pytest.mark.parametrize("word", ["nan", "NULL", "<NA>", "#N/A"])
def test_what_programs_write_for_a_missing_name_is_none(tmp_path: Path, word: str) -> None:
    rows = answers()
    rows[2]["student"] = word
    rows[3]["skill"] = word
    with pytest.raises(DataError, match=f"row 4: the student is missing .'{word}'"):
        import_data("csv", write_csv(tmp_path / "a.csv", rows), tmp_path / "out")
    options = {"on_bad_row": "drop"}
    store = import_data("csv", write_csv(tmp_path / "a.csv", rows), tmp_path / "out", options)
    assert store.num_answers == len(rows) - 1
    assert word not in store.vocabulary["skill"]
    rows[2]["student"] = "Null"
    rows[3]["student"] = "Nan"
    store = import_data("csv", write_csv(tmp_path / "a.csv", rows), tmp_path / "out")
    assert {"Null", "Nan"} <= set(store.student_names(range(store.num_students)))


def test_a_few_rows_among_many_that_look_alike_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = answers(40, 60)
    raw = write_csv(tmp_path / "a.csv", [*rows, *rows[:2]])
    store = import_data("csv", raw, tmp_path / "out")
    assert store.num_answers == len(rows)
    (told,) = store.about["dropped"].values()
    assert told["rows"] == 2
    assert told["first"] == [f"{raw.name}, row {len(rows) + n}" for n in (2, 3)]
    write_csv(raw, [*rows, *rows[:3]])
    with pytest.raises(DataError, match=f"row {len(rows) + 2}: the row is a duplicate"):
        import_data("csv", raw, tmp_path / "out")

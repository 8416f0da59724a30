import gc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from torchedu.cli import main
from torchedu.datamodules import CourseEvents, Enrolments, Explanations, Interactions, Transcripts
from torchedu.datamodules.frames import Frame, in_file
from torchedu.errors import DataError

ANSWERS = {
    "student": [f"s{i % 5}" for i in range(40)],
    "item": [f"q{i % 7}" for i in range(40)],
    "correct": [i % 2 for i in range(40)],
}


def frames() -> list[Any]:
    made = [pa.table(ANSWERS), pa.RecordBatch.from_pydict(ANSWERS)]
    try:
        import pandas

        made.append(pandas.DataFrame(ANSWERS))
        made.append(pandas.DataFrame(ANSWERS).set_index("student"))
        import polars

        made.append(polars.DataFrame(ANSWERS))
    except ImportError:  # neither is needed
        pass
    return made


@pytest.mark.parametrize("frame", frames(), ids=lambda frame: type(frame).__name__)
def test_a_table_in_memory_is_read_as_its_file_would_be(frame: Any) -> None:
    assert isinstance(frame, Frame)
    data = Interactions(frame)
    store = data.store
    assert data.name == "table"
    assert sorted(store.vocabulary["item"]) == [f"q{i}" for i in range(7)]
    assert store.num_answers == 40
    assert "<table>" in data._repr_html_()


def test_its_file_goes_with_the_data() -> None:
    data = Interactions(pa.table(ANSWERS))
    folder = Path(str(data.path)).parent
    assert folder.is_dir()
    del data
    gc.collect()
    assert not folder.exists()


def test_a_text_in_place_of_a_list_is_one_name() -> None:
    data = Interactions(pa.table({**ANSWERS, "school": ["a", "b"] * 20}), groups="school")  # type: ignore[arg-type]
    assert list(data.store.vocabulary.groups) == ["school"]


@pytest.mark.parametrize(
    ("kind", "example"),
    [
        (Enrolments, "enrolments"), (CourseEvents, "events"), (Transcripts, "transcripts"),
        (Explanations, "chats"),
    ],
)  # fmt: skip
def test_every_kind_of_data_takes_one(kind: Any, example: str, tmp_path: Path) -> None:
    import pyarrow.csv as pa_csv

    if example == "chats":
        rows = [
            {"chat": f"c{i // 2}", "role": ("user", "assistant")[i % 2], "content": f"Word {i}."}
            for i in range(40)
        ]
        frame = pa.Table.from_pylist(rows)
    else:
        assert main(["data", "example", example, "--out", str(tmp_path / "a.csv")]) == 0
        frame = pa_csv.read_csv(tmp_path / "a.csv")
    views = [  # as polars keeps texts
        pa.field(field.name, pa.string_view() if pa.types.is_string(field.type) else field.type)
        for field in frame.schema
    ]
    summary = kind(frame).store.summary
    assert summary
    assert kind(frame.cast(pa.schema(views))).store.summary == summary


def test_a_table_that_cannot_be_kept_is_told() -> None:
    class Broken:
        def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
            raise TypeError("mixed")

    with pytest.raises(DataError, match="the table cannot be read"):
        in_file(Broken(), Broken())

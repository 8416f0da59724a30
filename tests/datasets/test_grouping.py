from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchedu.datasets import grouping
from torchedu.datasets.grouping import Grouping


@given(
    st.lists(st.lists(st.integers(0, 9), max_size=12), min_size=1, max_size=6), st.integers(1, 9)
)
def test_rows_come_back_by_student_in_the_order_added(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[int]], chunk: int
) -> None:
    everyone = sorted({student for batch in batches for student in batch})
    number = {student: i for i, student in enumerate(everyone)}
    rows = Grouping(tmp_path_factory.mktemp("rows"), {"place": "int64", "mark": "float32"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grouping, "CHUNK_ROWS", chunk)
        want: dict[int, list[int]] = {i: [] for i in number.values()}
        place = 0
        for batch in batches:
            ids = np.array([number[student] for student in batch], np.int32)
            places = np.arange(place, place + len(batch))
            rows.add(ids, {"place": places, "mark": places / 2})
            for one, where in zip(ids.tolist(), places.tolist(), strict=True):
                want[one].append(where)
            place += len(batch)
        assert rows.counts[: len(everyone)].tolist() == [len(want[i]) for i in sorted(want)]
        added = [chunk_of["place"] for chunk_of in rows.chunks("place")]
        assert np.concatenate([np.zeros(0), *added]).tolist() == list(range(place))
        order = np.random.default_rng(chunk).permutation(len(everyone))
        found: dict[int, list[int]] = {}
        blocks = list(rows.students(order))
        for block in blocks:
            ends = np.cumsum(block.lengths)
            for one, end, length in zip(block.ids, ends, block.lengths, strict=True):
                found[int(one)] = block.columns["place"][end - length : end].tolist()
            np.testing.assert_array_equal(block.columns["mark"], block.columns["place"] / 2)
            assert len(block.ids) == 1 or block.lengths.sum() <= chunk
        assert found == want
        assert [i for block in blocks for i in block.ids.tolist()] == order.tolist()
        rows.close()


def test_columns_of_other_lengths_are_refused(tmp_path: Path) -> None:
    rows = Grouping(tmp_path, {"mark": "float32"})
    with pytest.raises(ValueError, match="mark"):
        rows.add(np.zeros(2, np.int32), {"mark": np.zeros(3)})
    rows.close()

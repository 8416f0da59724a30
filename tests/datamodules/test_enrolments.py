from pathlib import Path

import numpy as np
import pytest
import torch

from torchedu.datamodules import Enrolments
from torchedu.errors import ConfigError, DataError


def test_each_held_out_course_is_seen_once_after_all_before_it(enrolment_store: Path) -> None:
    data = Enrolments(str(enrolment_store), window=4, batch_size=16)
    seen = {}
    for batch in data.test_dataloader():
        rows, steps = batch.scored_BL.nonzero(as_tuple=True)
        for row, step in zip(rows.tolist(), steps.tolist(), strict=True):
            before = batch.before_BM[row]
            history = [*before[before > 0].tolist(), *batch.item_BL[row, :step].tolist()]
            seen[int(batch.student_B[row])] = (history, int(batch.item_BL[row, step]))
    offsets, item = data.store.history_offsets, data.store.item
    assert len(seen) == data.store.num_students
    for student, (history, target) in seen.items():
        assert [*history, target] == item[offsets[student] : offsets[student + 1]].tolist()


def test_training_sees_nothing_held_out(enrolment_store: Path) -> None:
    data = Enrolments(str(enrolment_store), window=50)
    scored = sum(int(batch.scored_BL.sum()) for batch in data.train_dataloader())
    assert scored == data.parts["train"].num_answers == data.popularity.sum()
    assert scored == data.store.num_enrolments - 2 * data.store.num_students


def test_groups_share_one_range(enrolment_store: Path) -> None:
    data = Enrolments(str(enrolment_store))
    batch = next(iter(data.train_dataloader()))
    assert data.num_groups == 5
    assert batch.group_BG.shape[1] == 1
    assert set(batch.group_BG.flatten().tolist()) <= {2, 3, 4}


def test_a_folder_is_imported_once(enrolment_folder: Path) -> None:
    first = Enrolments(str(enrolment_folder))
    first.prepare_data()
    manifest = enrolment_folder.with_suffix(".store") / "manifest.json"
    written = manifest.stat().st_mtime_ns
    assert Enrolments(str(enrolment_folder)).num_items == first.num_items
    assert manifest.stat().st_mtime_ns == written


@pytest.mark.parametrize(
    ("options", "said"), [({"window": 1}, "window is 1"), ({"batch_size": 0}, "batch_size is 0")]
)
def test_values_out_of_range(enrolment_store: Path, options: dict[str, int], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Enrolments(str(enrolment_store), **options)


def test_a_name_that_tells_no_format(tmp_path: Path) -> None:
    (tmp_path / "courses.xyz").write_text("a")
    with pytest.raises(ConfigError, match="nothing tells the format"):
        Enrolments(str(tmp_path / "courses.xyz")).prepare_data()


def test_negatives_are_courses_not_taken_in_training(enrolment_store: Path) -> None:
    data = Enrolments(str(enrolment_store))
    train = data.parts["train"]
    taken = data.store.enrolled(train.student, train.stop)
    sampler = data.negative_sampler(0.0)
    student = torch.from_numpy(np.repeat(train.student, train.stop))
    assert sampler.taken(student, torch.from_numpy(taken.item.astype(np.int64))).all()


def test_wrong_prerequisites_are_told_before_training(
    enrolment_store: Path, tmp_path: Path
) -> None:
    (tmp_path / "p.csv").write_text("course,needs\n")
    data = Enrolments(str(enrolment_store), prerequisites=str(tmp_path / "p.csv"))
    with pytest.raises(DataError, match="no column is called 'requires'"):
        data.train_dataloader()

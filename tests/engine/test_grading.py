from pathlib import Path

import pytest

from tests.encoders import write_encoder
from tests.engine.plain_rows import built
from tests.essays import write_answers, write_essays
from tests.missing import KINDS
from torchedu.datamodules import Essays
from torchedu.domains import Grading
from torchedu.engine import GradingEngine
from torchedu.errors import CheckpointError, DataError
from torchedu.models import FrozenGrader


def engine_of(raw: Path, encoder: Path) -> GradingEngine:
    data = Essays(str(raw), encoder=str(encoder), window=32, precision="32")
    sizes = {name: getattr(data, name) for name in Grading.sizes}
    known = data.own.bound(tuple(Grading.binds), Grading.fixed)
    engine = built(Grading, FrozenGrader, known, **sizes)
    engine.domain.take_facts(data, True)
    return engine


def test_scores_are_steps_of_the_prompts_scale(tmp_path: Path) -> None:
    encoder = write_encoder(tmp_path / "encoder")
    engine = engine_of(write_essays(tmp_path / "essays.csv", 20), encoder)
    grades = engine.grade(["the gap is closed", "a cat sat"], prompt="cats")
    assert all(one.scores["score"] in range(31) and one.label is None for one in grades)
    assert engine.grade("a cat sat", prompt="cats") == grades[1]
    with pytest.raises(DataError, match="row 0: the prompt 'dogs' is not known"):
        engine.grade("a cat sat", prompt="dogs")
    with pytest.raises(DataError, match="row 1: the field 'text' is missing"):
        engine.grade_many([{"text": "a", "prompt": "cats"}, {"text": " ", "prompt": "cats"}])
    write_encoder(encoder, seed=1)
    with pytest.raises(CheckpointError, match="is not the one that the network was trained with"):
        GradingEngine(engine.domain).grade("a cat sat", prompt="cats")


def test_labels_have_chances_and_answers_a_reference(tmp_path: Path) -> None:
    raw, encoder = write_answers(tmp_path / "answers"), write_encoder(tmp_path / "encoder")
    engine = engine_of(raw, encoder)
    found = engine.grade("the gap is shut", prompt="q1", reference="the gap is closed")
    assert found.label == max(found.chances, key=found.chances.__getitem__)
    assert sum(found.chances.values()) == pytest.approx(1)
    with pytest.raises(DataError, match="the rows have no field 'reference'"):
        engine.grade("the gap is shut", prompt="q1")


def test_what_a_library_calls_missing_is_missing(tmp_path: Path) -> None:
    raw, encoder = write_answers(tmp_path / "answers"), write_encoder(tmp_path / "encoder")
    engine = engine_of(raw, encoder)
    rows = {
        "text": ["the gap is shut", "a cat sat"], "prompt": ["q1", "q1"],
        "reference": ["the gap is closed", "a cat sat"], "question": [None, "What of the gap?"],
    }  # fmt: skip
    plain = engine.grade_many(rows)
    nothing = rows | {"prompt": ["q1", None]}
    for kind in KINDS.values():
        assert engine.grade_many(kind(rows)) == plain
        with pytest.raises(DataError, match="row 1: the field 'prompt' is missing"):
            engine.grade_many(kind(nothing))

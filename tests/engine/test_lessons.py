from pathlib import Path

import pytest

from tests.encoders import write_encoder
from tests.engine.plain_rows import built
from tests.missing import KINDS
from torchedu.companions import Companions
from torchedu.domains import Lessons
from torchedu.engine import LessonsEngine
from torchedu.errors import CheckpointError, DataError
from torchedu.features.embedding import vectors_key
from torchedu.models import TurnContext
from torchedu.schema import ENCODER, TAG, Names, Vocabulary

READ = {"pooling": "mean", "layers": [-1], "window": 32, "precision": "32"}


def engine_of(
    encoder: Path | None, teacher: tuple[str, ...] = ("revoicing", "none")
) -> LessonsEngine:
    key = "no encoder" if encoder is None else vectors_key(str(encoder), "mean", (-1,), 32, "32")
    kinds = {TAG + "teacher": Names(teacher), TAG + "student": Names(), ENCODER: Names([key])}
    reading = {} if encoder is None else {"encoder": str(encoder), **READ}
    sizes = {"num_teacher_tags": 2 + len(teacher), "num_student_tags": 2, "vector_dim": 16}
    return built(Lessons, TurnContext, Companions(Vocabulary(kinds), reading=reading), **sizes)


def test_each_sentence_has_a_tag_of_its_role(tmp_path: Path) -> None:
    engine = engine_of(write_encoder(tmp_path / "encoder"))
    lesson = [
        {"speaker": "Ms. Lee", "sentence": "So the gap is closed."},
        {"speaker": "Bo", "sentence": "a cat"},
        {"speaker": "T", "role": "student", "sentence": "the dog ran"},
    ]
    found = engine.tag(lesson)
    assert [one.role for one in found] == ["teacher", "student", "student"]
    assert found[0].tag in ("revoicing", "none")
    assert [one.tag for one in found[1:]] == [None, None]  # none is known of students


def test_what_cannot_be_is_told_by_its_row(tmp_path: Path) -> None:
    engine = engine_of(write_encoder(tmp_path / "encoder"))
    with pytest.raises(DataError, match="row 1: the field 'role' is 'parent'"):
        engine.tag([{"sentence": "a"}, {"sentence": "b", "role": "parent"}])
    with pytest.raises(DataError, match="the rows have no field 'sentence'"):
        engine.tag([{"speaker": "Bo"}])


def test_weights_that_do_not_say_what_read_their_texts_are_refused() -> None:
    with pytest.raises(CheckpointError, match="does not say which model read"):
        engine_of(None).tag([{"sentence": "a"}])


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_library_calls_missing_is_missing(kind: str, tmp_path: Path) -> None:
    lesson = {
        "sentence": ["So the gap is closed.", "a cat", "the dog ran"],
        "speaker": ["Ms. Lee", None, None], "role": [None, None, "student"], "turn": [None] * 3,
    }  # fmt: skip
    engine = engine_of(write_encoder(tmp_path / "encoder"))
    assert engine.tag(KINDS[kind](lesson)) == engine.tag(lesson)

"""Answers typed and spoken, as they are given in Python."""

import pytest

from tests.engine.plain_rows import built
from tests.missing import KINDS
from tests.spoken_files import tone, write_answers
from torchedu.datamodules import SpokenAnswers
from torchedu.datasets.audio import wave_file
from torchedu.domains import Spoken
from torchedu.engine import SpokenEngine
from torchedu.errors import DataError
from torchedu.models import SpokenGrader


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> SpokenEngine:
    raw = write_answers(tmp_path_factory.mktemp("spoken") / "in", num=16)
    data = SpokenAnswers(str(raw), traits=["length"], bands=12, window=1.0)
    sizes = {name: getattr(data, name) for name in Spoken.sizes}
    made = built(Spoken, SpokenGrader, data.own.bound(tuple(Spoken.binds), Spoken.fixed), **sizes)
    made.domain.agree(data, training=True)
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_library_calls_missing_is_missing(engine: SpokenEngine, kind: str) -> None:
    sound = wave_file(tone(300), 8000)
    rows = {"text": ["it is low", None], "audio": [None, sound], "image": [None, None]}
    graded = engine.grade([{"text": "it is low"}, {"audio": sound}])
    assert engine.grade(KINDS[kind](rows)) == graded
    with pytest.raises(DataError, match="row 1: the field 'audio' is missing"):
        engine.grade(KINDS[kind]({"text": ["it is low", None], "audio": [sound, None]}))


def test_pairs_of_samples_and_rate_are_left_as_they_are(engine: SpokenEngine) -> None:
    sound = tone(300)
    rows = [{"audio": (sound, 8000)}, {"audio": float("nan"), "text": "it is low"}]
    assert engine.grade(rows)[0] == engine.grade([{"audio": wave_file(sound, 8000)}])[0]

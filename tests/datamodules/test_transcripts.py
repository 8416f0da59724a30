"""Batches of lessons hold what was said, once each, on any number of ranks."""

from pathlib import Path

import numpy as np
import pytest
import torch

from torchedu.companions import Companions
from torchedu.datamodules import Transcripts
from torchedu.datamodules.stream import BatchStream
from torchedu.errors import ConfigError
from torchedu.schema import RESERVED, TAG, Names, Vocabulary


def opened(path: Path, encoder: Path) -> Transcripts:
    return Transcripts(str(path), encoder=str(encoder), tokens=64, batch_size=3, precision="32")


@pytest.fixture
def data(lesson_store: Path, encoder_folder: Path) -> Transcripts:
    return opened(lesson_store, encoder_folder)


def test_a_batch_is_what_the_store_says(data: Transcripts) -> None:
    store = data.store
    batch = next(iter(data.predict_dataloader()))
    for row, lesson in enumerate(batch.lesson_B.tolist()):
        here = slice(*store.lesson_offsets[lesson : lesson + 2])
        length = here.stop - here.start
        assert batch.seen_BL[row].sum() == length
        for name, padding in (("role", 0), ("speaker", -1), ("turn", -1), ("words", 0), ("tag", 0)):
            column = getattr(batch, f"{name}_BL")[row]
            assert column[:length].tolist() == store.column(name)[here].tolist()
            assert (column[length:] == padding).all()
        wanted = torch.from_numpy(data.embeddings[np.arange(here.start, here.stop)])
        assert torch.equal(batch.vector_BLD[row, :length], wanted)
        assert not batch.vector_BLD[row, length:].any()
    assert torch.equal(batch.scored_BL, batch.seen_BL)  # every sentence has a tag
    assert not batch.start_B.any()


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_every_sentence_is_asked_for_once(data: Transcripts, ranks: int) -> None:
    data.window = 10  # shorter than the lessons, which are cut
    stream = data.predict_dataloader().stream
    found: list[tuple[int, int]] = []
    for rank in range(ranks):
        for batch in BatchStream(stream.batches, stream.order, rank, ranks):
            row, at = batch.asked_BL.nonzero(as_tuple=True)
            place = batch.start_B[row] + at
            found += zip(batch.lesson_B[row].tolist(), place.tolist(), strict=True)
            assert batch.seen_BL.shape[1] <= 10
    lengths = np.diff(data.store.lesson_offsets).tolist()
    assert sorted(found) == [(i, j) for i, length in enumerate(lengths) for j in range(length)]


def test_vectors_are_made_once(data: Transcripts, monkeypatch: pytest.MonkeyPatch) -> None:
    before = data.embeddings[np.arange(5)]
    monkeypatch.setattr("torchedu.features.embedding._vectors", None)  # no encoder runs again
    again = opened(data.store.path, Path(data.encoder))
    assert np.array_equal(again.embeddings[np.arange(5)], before)


def test_a_networks_tags_are_used_and_others_are_not_scored(data: Transcripts) -> None:
    known = Vocabulary({TAG + "teacher": Names(["press for reasoning", "none"])})
    data.use(Companions(known))
    assert (data.num_teacher_tags, data.num_student_tags) == (RESERVED + 2, RESERVED)
    batch = next(iter(data.predict_dataloader()))
    assert (batch.tag_BL[batch.role_BL == 1] <= 1).all()
    assert not batch.scored_BL[batch.role_BL == 1].any()
    named = data.store.vocabulary[TAG + "teacher"]
    own = data.store.column("tag")[data.store.lesson_offsets[batch.lesson_B[0]]]
    assert batch.tag_BL[0, 0] == known[TAG + "teacher"].id(named.name(int(own)))


def test_a_file_is_imported_once(tmp_path: Path, lesson_file: Path, encoder_folder: Path) -> None:
    raw = tmp_path / "x.csv"
    raw.write_bytes(lesson_file.read_bytes())
    first = opened(raw, encoder_folder)
    first.prepare_data()
    made = (tmp_path / "x.store" / "manifest.json").stat().st_mtime_ns
    again = opened(raw, encoder_folder)
    again.prepare_data()
    assert (tmp_path / "x.store" / "manifest.json").stat().st_mtime_ns == made
    assert first.vocabulary == again.vocabulary


@pytest.mark.parametrize("name", ["batch_size", "tokens", "window", "seed", "num_workers"])
def test_values_out_of_range_are_refused(name: str, lesson_store: Path) -> None:
    with pytest.raises(ConfigError, match=f"{name} is -1"):
        Transcripts(str(lesson_store), **{name: -1})

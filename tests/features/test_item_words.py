"""Items that nobody has answered, judged by what they ask: from raw files to an engine."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.encoders import write_encoder
from torchedu.companions import Companions
from torchedu.datamodules import Interactions
from torchedu.datasets.importers import import_data
from torchedu.domains import Tracing
from torchedu.engine import TracingEngine
from torchedu.errors import CheckpointError, DataError
from torchedu.features.item_words import BUCKETS, ItemWords, judge, word_vectors
from torchedu.models import LogisticDKT
from torchedu.schema import ITEM, SURFACE_NUMBERS, UNKNOWN

ITEMS, NEW = 60, 6
"""Items of a class, of which the last are answered in the test part alone."""
HARD = ("integrate the rational function", "prove the theorem about groups")
EASY = ("count the apples", "add two small numbers")


def text_of(item: int) -> str:
    words = (HARD if item % 2 else EASY)[item // 2 % 2]
    return f"Please {words}, task {item}."


def write(folder: Path, skill: str = "sums", shuffled: bool = False) -> Interactions:
    """Write answers of 90 students and the texts of their items; return them as data."""
    drawn = np.random.default_rng(3)
    rows = ["student,item,skill,correct,part"]
    for student in range(90):
        part = ("test", "val", "train", "train", "train")[student % 5]
        most = ITEMS if part == "test" else ITEMS - NEW
        for item in drawn.choice(most, 20, replace=False).tolist():
            right = drawn.random() < (0.2 if item % 2 else 0.9)
            rows.append(f"s{student},i{item},{skill},{int(right)},{part}")
    order = drawn.permutation(ITEMS) if shuffled else range(ITEMS)
    texts = [f'i{item},"{text_of(int(other))}"' for item, other in enumerate(order)]
    (folder / "answers.csv").write_text("\n".join(rows), "utf-8")
    (folder / "texts.csv").write_text("\n".join(["item,item_text", *texts]), "utf-8")
    store = folder / "answers.store"
    options = {"item_texts": str(folder / "texts.csv"), "groups": ["part"]}
    import_data("csv", folder / "answers.csv", store, options)
    return data_of(store)


def data_of(store: Path, encoder: str | None = "words") -> Interactions:
    return Interactions(str(store), split="column", split_column="part", encoder=encoder)


def met(data: Interactions) -> Tracing:
    """Return the default network as it begins on data."""
    domain = Tracing(partial(LogisticDKT, dim=4), data.num_items, data.num_skills)
    domain.agree(data, training=True)
    return domain.eval()


def easiness(domain: Tracing, data: Interactions, items: range) -> np.ndarray:
    ids = data.vocabulary[ITEM].ids(f"i{item}" for item in items)
    assert isinstance(domain.net, LogisticDKT)
    return domain.net.item_weight.weight[ids, 0].numpy()


def test_an_item_that_training_did_not_meet_is_judged_by_its_words(tmp_path: Path) -> None:
    data = write(tmp_path)
    easy = easiness(met(data), data, range(ITEMS - NEW, ITEMS))
    assert (easy[::2] > 0.5).all()
    assert (easy[1::2] < -0.5).all()


def test_words_count_the_less_the_more_answers_there_are(tmp_path: Path) -> None:
    data = write(tmp_path)
    without = data_of(tmp_path / "answers.store", encoder=None)
    plain, judged = met(without), met(data)
    moved = np.abs(easiness(judged, data, range(ITEMS)) - easiness(plain, without, range(ITEMS)))
    assert moved[-NEW:].min() > moved[:-NEW].max() > 0
    assert moved[-NEW:].mean() > 2 * moved[:-NEW].mean()
    assert np.abs(easiness(plain, without, range(ITEMS - NEW, ITEMS))).max() == 0


def test_items_without_skills_are_judged_too(tmp_path: Path) -> None:
    data = write(tmp_path, skill="")
    easy = easiness(met(data), data, range(ITEMS - NEW, ITEMS))
    assert (easy[::2] > 0.5).all()
    assert (easy[1::2] < -0.5).all()


def test_texts_that_say_nothing_change_nothing(tmp_path: Path) -> None:
    data = write(tmp_path, shuffled=True)
    without = data_of(tmp_path / "answers.store", encoder=None)
    assert (
        easiness(met(data), data, range(60)) == easiness(met(without), without, range(60))
    ).all()
    assert not data.judged_by


def test_an_engine_judges_an_item_that_is_new_to_it(tmp_path: Path) -> None:
    domain = met(write(tmp_path))
    assert domain.companions is not None
    domain.companions = Companions.of(domain.companions.content())  # as a checkpoint has them
    engine = TracingEngine(domain)
    rows = [
        {"student": "new", "item": f"x{i}", "item_text": text_of(i), "skill": "sums"}
        for i in range(2)
    ]
    easy, hard = engine.predict_many(rows)
    assert easy > hard + 0.2
    # Neither item nor skill is known: its words are.
    easier, harder = engine.predict_many([{**row, "skill": "unheard of"} for row in rows])
    assert easier > harder + 0.2
    with pytest.raises(DataError, match="'x0'"):
        engine.predict_many([{"student": "new", "item": "x0"}])
    with pytest.raises(DataError, match="item_text"):
        engine.predict_many([{**rows[0], "item_text": 3}])
    engine.answer_many([{**rows[0], "correct": 1}])
    assert "new" in set(engine.students)


def test_a_new_item_of_data_is_judged_as_in_an_engine(tmp_path: Path) -> None:
    domain = met(write(tmp_path))
    (tmp_path / "next").mkdir()
    text = f'student,item,skill,correct,item_text\nn,x0,sums,1,"{text_of(0)}"\nn,x1,sums,0,\n'
    (tmp_path / "next" / "answers.csv").write_text(text, "utf-8")
    new = Interactions(str(tmp_path / "next" / "answers.csv"))
    domain.agree(new, training=False)
    batches, _ = new.evaluation(None)
    batch = batches(np.arange(1))
    assert batch.item_BL.tolist() == [[UNKNOWN, UNKNOWN]]
    assert batch.judged_BL is not None
    assert batch.judged_BL[0, 0] > 0.5
    assert batch.judged_BL[0, 1] == 0
    row = {"student": "n", "item": "x0", "skill": "sums", "item_text": text_of(0)}
    (chance,) = TracingEngine(domain).predict_many([row])
    with torch.inference_mode():
        assert float(domain(batch)[0, 0].sigmoid()) == pytest.approx(chance, abs=1e-5)


def test_training_goes_on_with_what_judges_words(tmp_path: Path) -> None:
    domain = met(write(tmp_path))
    assert domain.companions is not None
    (tmp_path / "next").mkdir()
    rows = [f'n{i},x{i % 2},sums,{i % 3 % 2},"{text_of(i % 2)}"' for i in range(8)]
    text = "\n".join(["student,item,skill,correct,item_text", *rows])
    (tmp_path / "next" / "answers.csv").write_text(text, "utf-8")
    new = Interactions(str(tmp_path / "next" / "answers.csv"), val=0.3, test=0.3)
    later = domain.grown(new.store.vocabulary)
    later.agree(new, training=True)
    assert later.companions is not None
    assert later.companions.reading == domain.companions.reading
    assert isinstance(later.net, LogisticDKT)
    easy, hard = later.net.item_weight.weight[new.vocabulary[ITEM].ids(["x0", "x1"]), 0].tolist()
    assert easy > hard + 1


def test_a_line_is_drawn_only_where_words_tell_items_apart() -> None:
    texts = [text_of(item) for item in range(ITEMS)]
    told, counts = np.where(np.arange(ITEMS) % 2, -1.0, 1.0), np.ones(ITEMS)
    found = judge(texts, told, counts, "words", "nowhere")
    assert found is not None
    words, easy = found
    again = ItemWords.of({"item_text": words.plain()})
    assert again is not None
    assert (np.sign(again(texts)) == np.sign(told)).all()
    assert again(["", None]).tolist() == [0, 0]
    assert np.corrcoef(easy, told)[0, 1] > 0.9
    noise = np.random.default_rng(0).standard_normal(ITEMS)
    assert judge(texts, noise, counts, "words", "nowhere") is None
    few = (np.arange(ITEMS) < 19).astype(float)
    assert judge(texts, told, few, "words", "nowhere") is None
    assert ItemWords.of({}) is None


def test_a_model_reads_texts_and_no_other_takes_its_place(tmp_path: Path) -> None:
    encoder = str(write_encoder(tmp_path / "encoder"))
    texts = [text_of(item) for item in range(ITEMS)]
    easy = np.where(np.arange(ITEMS) % 2, -1.0, 1.0)
    judged = judge(texts, easy, np.ones(ITEMS), encoder, tmp_path / "vectors")
    assert judged is not None
    words, _ = judged
    assert words.key
    again = ItemWords.of({"item_text": words.plain()})
    assert again is not None
    assert (np.sign(again(texts)) == np.sign(easy)).all()
    write_encoder(tmp_path / "encoder", seed=1)
    other = ItemWords.of({"item_text": words.plain()})
    assert other is not None
    with pytest.raises(CheckpointError, match="in training"):
        other(texts)


def test_vectors_are_the_same_everywhere() -> None:
    vectors = word_vectors(["Two trains leave.", "Two trains leave.", "Ein Zug."])
    assert vectors.shape == (3, 2 * BUCKETS)
    assert (vectors[0] == vectors[1]).all()
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
    assert abs(vectors[0] @ vectors[2]) < 0.3
    assert len(SURFACE_NUMBERS) < BUCKETS

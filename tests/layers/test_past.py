"""Numbers of the past: whole stores, windows and states tell the same."""

from pathlib import Path

import numpy as np
import torch

from torchedu.batch import AnswerBatch
from torchedu.datasets import AnswerStore, AnswerWriter
from torchedu.datasets.order import Windows
from torchedu.layers.past import (
    PastNumbers,
    nothing_yet,
    numbers_of,
    numbers_of_window,
    remember,
)
from torchedu.readers.answers import AnswerBatches
from torchedu.readers.histories import Past
from torchedu.schema import ITEM, RECENT_ANSWERS, RESERVED, SKILL, Names, Vocabulary

ITEMS, SKILLS = 150, 6


def store_of(folder: Path, lengths: list[int]) -> AnswerStore:
    """Write a store of random answers; items have one to three skills."""
    rng = np.random.default_rng(0)
    names = {
        ITEM: Names(f"q{i}" for i in range(ITEMS)),
        SKILL: Names(f"k{i}" for i in range(SKILLS)),
    }
    counts = np.append([0, 0], 1 + np.arange(ITEMS) % 3)
    skills = [RESERVED + (i + j) % SKILLS for i in range(ITEMS) for j in range(1 + i % 3)]
    with AnswerWriter(
        folder / "some.store", Vocabulary(names), (counts, skills), fractional=True
    ) as writer:
        total = sum(lengths)
        columns = {
            "item": rng.integers(RESERVED, ITEMS + RESERVED, total),
            "correct": rng.choice([0.0, 1.0, 0.25], total),
        }
        writer.append([f"s{i}" for i in range(len(lengths))], lengths, columns)
    return AnswerStore(folder / "some.store")


def whole(store: AnswerStore, known: Vocabulary) -> AnswerBatch:
    """Return all histories in one batch, with what came before each answer."""
    lengths = np.diff(store.history_offsets)
    zero = np.zeros_like(lengths)
    windows = Windows(np.arange(len(lengths)), zero, zero, lengths)
    return AnswerBatches(store, windows, known, past=Past(store, known).of_all())(
        np.arange(len(lengths))
    )


def test_a_store_a_window_and_a_state_tell_the_same(tmp_path: Path) -> None:
    store = store_of(tmp_path, [2 * RECENT_ANSWERS + 40, 1, 60])
    names = store.vocabulary
    lacking = Vocabulary({ITEM: Names(list(names[ITEM])[5:]), SKILL: Names(list(names[SKILL])[1:])})
    for known in (names, lacking):
        batch = whole(store, known)
        assert batch.past_BLF is not None
        carried = PastNumbers.carried(batch.past_BLF)
        here = numbers_of_window(batch.item_BL, batch.skill_BLS, batch.correct_BL)
        memory = nothing_yet(len(batch.item_BL), len(known[SKILL]), batch.correct_BL)
        for t in range(batch.item_BL.shape[1]):
            seen = batch.scored_BL[:, t]
            item_B, skill_BS, correct_B, *_ = batch.answered(t)
            kept = numbers_of(memory, item_B, skill_BS)
            for ours, window, stored in zip(kept, here, carried, strict=True):
                torch.testing.assert_close(ours[seen], window[seen, t], rtol=1e-4, atol=1e-5)
                torch.testing.assert_close(ours[seen], stored[seen, t], rtol=1e-3, atol=1e-3)
            memory = remember(memory, item_B, skill_BS, correct_B)


def test_numbers_that_all_answers_share_are_those_of_the_baseline(tmp_path: Path) -> None:
    from torchedu.baselines.streaming_lr import shared_numbers
    from torchedu.datasets.past import past

    store = store_of(tmp_path, [50])
    batch = whole(store, store.vocabulary)
    assert batch.past_BLF is not None
    ours = PastNumbers.carried(batch.past_BLF).shared(batch.skill_BLS)[0]
    np.testing.assert_allclose(ours, shared_numbers(past(store.answers())), atol=1e-3)

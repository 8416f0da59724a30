from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchedu.datasets.chats import ChatStore
from torchedu.datasets.store import Store
from torchedu.errors import DataError
from torchedu.readers.chat_tokenizer import ChatTokenizer
from torchedu.readers.chats import TokenBatches, pack, rounded, token_store

pytest.importorskip("transformers", reason="needs the package transformers")


@pytest.fixture(scope="module")
def tokens(chat_store: Path, tokenizer: ChatTokenizer) -> Store:
    return token_store(ChatStore(chat_store), tokenizer)


def test_conversations_are_tokenised_once(
    chat_store: Path, tokenizer: ChatTokenizer, tokens: Store
) -> None:
    before = (tokens.path / "manifest.json").stat().st_mtime_ns
    again = token_store(ChatStore(chat_store), tokenizer)
    assert (again.path / "manifest.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("packed", [False, True])
def test_a_batch_holds_each_text_whole_and_scores_what_the_tutor_says(
    tokens: Store, tokenizer: ChatTokenizer, packed: bool
) -> None:
    batches = TokenBatches(tokens, np.arange(60), 128, packed)
    index = np.array([3, 50, 7, 20])
    batch = batches(index)
    width = batch.token_BL.shape[1]
    assert width == rounded(int((batch.text_BL >= 0).sum(1).max()))
    assert batch.place_BL.shape[1] == (width if packed else 0)
    for text in index.tolist():
        here = batch.text_BL == text
        bounds = tokens.offsets("texts", "token")[text : text + 2]
        assert (
            batch.token_BL[here].tolist()
            == tokens.values("texts", "token.id")[slice(*bounds)].tolist()
        )
        said = tokenizer.decode(batch.token_BL[here & batch.scored_BL].tolist())
        assert said.startswith(f"Add {text} and 1.")
        if packed:
            assert batch.place_BL[here].tolist() == list(range(int(here.sum())))
    assert batch.mean_over_B[0] == batch.scored_BL.sum()
    assert not batch.scored_BL[batch.text_BL < 0].any()
    assert not batches(index, scored=False).scored_BL.any()
    length = batches.windows.stop[index]
    assert (len(batch.token_BL) < 4) == (packed and length.sum() <= 3 * 128)


def test_widths_are_few_and_little_is_padded() -> None:
    found = {rounded(width) for width in range(1, 4097)}
    assert len(found) < 60
    assert all(width % 8 == 0 for width in found)
    assert all(width <= rounded(width) < max(width * 1.125, width + 8) for width in range(1, 4097))


def test_a_prompt_longer_than_the_context_is_told(tokens: Store) -> None:
    with pytest.raises(DataError, match=r"longer than max_tokens, 12\.\nRaise data.max_tokens"):
        TokenBatches(tokens, np.arange(10), 12)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40))
def test_packing_fits_all_in_few_rows(length: list[int]) -> None:
    row, start = pack(length, 50)
    ends = np.zeros(row.max() + 1, int)
    for i in np.lexsort((start, row)).tolist():
        assert start[i] == ends[row[i]]
        ends[row[i]] += length[i]
    assert ends.max() <= 50
    assert len(ends) <= 2 * -(-sum(length) // 50)

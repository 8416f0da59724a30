"""What a tagger has to beat learns words, and the sentence before."""

import numpy as np
import pytest

from torchedu.baselines.tag_svm import CommonestTag, Sentences, TfidfSVM
from torchedu.errors import DataError


def said(sentences: list[str], before: list[str], tag: list[int]) -> Sentences:
    lesson = np.arange(len(sentences)) // 8
    return Sentences(sentences, before, lesson, np.array(tag, np.int64))


def asked(sentences: list[str], before: list[str]) -> Sentences:
    return said(sentences, before, [0] * len(sentences))


def test_the_commonest_tag_is_given_to_all() -> None:
    told = (
        CommonestTag()
        .fit(said(["a", "b", "c"], [""] * 3, [4, 2, 4]))
        .predict(asked(["x", "y"], ["", ""]))
    )
    assert told.tolist() == [4, 4]


def test_words_and_the_question_before_tell_the_tag() -> None:
    sentences = ["because it is", "forty two", "yes", "yes"] * 10
    before = ["", "", "is it", "why"] * 10
    model = TfidfSVM().fit(said(sentences, before, [5, 4, 2, 3] * 10))
    told = model.predict(asked(["because of that", "yes", "yes"], ["", "is it so", "why so"]))
    assert told.tolist() == [5, 2, 3]


def test_one_tag_alone_and_none_at_all() -> None:
    model = TfidfSVM().fit(said(["a b", "c d"], ["", ""], [3, 3]))
    assert model.predict(asked(["e"], [""])).tolist() == [3]
    with pytest.raises(DataError, match="got no sentences"):
        TfidfSVM().fit(said([], [], []))

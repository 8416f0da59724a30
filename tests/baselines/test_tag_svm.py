"""What a tagger has to beat learns words, and the sentence before."""

import numpy as np
import pytest

from torchedu.baselines.tag_svm import CommonestTag, TfidfSVM
from torchedu.errors import DataError


def test_the_commonest_tag_is_given_to_all() -> None:
    told = CommonestTag().fit(["a", "b", "c"], [""] * 3, np.array([4, 2, 4])).predict("xy", "  ")
    assert told.tolist() == [4, 4]


def test_words_and_the_question_before_tell_the_tag() -> None:
    sentences = ["because it is", "forty two", "yes", "yes"] * 10
    before = ["", "", "is it", "why"] * 10
    tag = np.array([5, 4, 2, 3] * 10)
    model = TfidfSVM().fit(sentences, before, tag)
    told = model.predict(["because of that", "yes", "yes"], ["", "is it so", "why so"])
    assert told.tolist() == [5, 2, 3]


def test_one_tag_alone_and_none_at_all() -> None:
    told = TfidfSVM().fit(["a b", "c d"], ["", ""], np.array([3, 3])).predict(["e"], [""])
    assert told.tolist() == [3]
    with pytest.raises(DataError, match="got no sentences"):
        TfidfSVM().fit([], [], np.array([], np.int64))

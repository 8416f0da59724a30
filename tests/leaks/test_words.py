import numpy as np

from torchedu.leaks.words import Words, words


def taken(*texts: str) -> Words:
    pieces = [text.encode() for text in texts]
    data = np.frombuffer(b"".join(pieces), np.uint8)
    return words(data, np.cumsum([0, *map(len, pieces)]))


def test_words_are_taken_apart_without_case() -> None:
    found = taken("The cat,  the CAT", "", "cat", "Überall 42!")
    assert found.offsets.tolist() == [0, 4, 4, 5, 7]
    the, cat, again, shout, other = found.word[:5].tolist()
    assert the == again != cat == shout == other
    assert [found.text(i) for i in (0, 1, 4, 6)] == ["the", "cat", "cat", "42"]


def test_texts_do_not_run_into_each_other() -> None:
    found = taken("know", "the")
    assert found.offsets.tolist() == [0, 1, 2]
    assert found.text(0) == "know"


def test_letters_that_are_words_of_their_own_stand_alone() -> None:
    assert taken("你好吗").offsets.tolist() == [0, 3]


def test_equal_texts_count_once() -> None:
    assert taken("a b", "A, b", "b a", "a", "").once().tolist() == [True, False, True, True, True]
    assert taken("", "").word.tolist() == []

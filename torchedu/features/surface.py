"""What can be counted on the surface of a text: its length, words, sentences and marks.

Essays are graded by their length more than one would like. These counts are what a network has to
beat, and it may have them beside what an encoder reads.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from torchedu.schema import SURFACE_NUMBERS

_WORD = re.compile(r"@?[^\W_]+(?:['’][^\W_]+)*")
_SENTENCE = re.compile(r"[.!?]+[\"')\]]*(?:\s+|$)")
_CONNECTIVES = frozenset({
    "although", "because", "but", "consequently", "finally", "first", "firstly", "furthermore",
    "hence", "however", "instead", "lastly", "meanwhile", "moreover", "nevertheless", "next",
    "otherwise", "second", "secondly", "since", "so", "still", "then", "therefore", "third",
    "though", "thus", "unless", "until", "when", "whereas", "which", "while", "who", "whose", "yet",
})  # fmt: skip
_NEGATIONS = frozenset(
    {"not", "no", "never", "without", "isn't", "doesn't", "don't", "dont", "nor"}
)
_FIRST = frozenset({"i", "me", "my", "mine", "myself", "we", "us", "our", "ours"})


def surface(
    texts: Sequence[str],
    references: Sequence[str] | None = None,
    questions: Sequence[str] | None = None,
) -> NDArray[np.float32]:
    """Count what is on the surface of texts.

    Args:
        texts: The texts.
        references: What right answers say, a line each, beside each text.
        questions: What was asked, beside each text.

    Returns:
        ``SURFACE_NUMBERS`` of each, those of a pair zero where nothing stands beside; shape
        (texts, numbers).
    """
    numbers = np.empty((len(texts), len(SURFACE_NUMBERS)), np.float32)
    for i, text in enumerate(texts):
        reference = references[i] if references else ""
        question = questions[i] if questions else ""
        numbers[i] = [*_numbers(text), *_shared(text, reference, question)]
    return numbers


def _shared(text: str, reference: str, question: str) -> list[float]:
    """Count what a text shares with the nearest of its references, and with its question."""
    mine, asked = _words(text), _words(question)
    lines = [_words(line) for line in reference.splitlines()] or [frozenset()]
    near = max(lines, key=lambda line: len(mine & line) / max(1, len(mine | line)))
    both, new = mine & near, near - asked
    return [
        len(both) / max(1, len(near)), len(both) / max(1, len(mine)),
        len(mine & asked) / max(1, len(mine)), len((mine & new) - asked) / max(1, len(new)),
        float(bool(mine & _NEGATIONS)), float(bool(mine & _NEGATIONS) != bool(near & _NEGATIONS)),
    ]  # fmt: skip


def _words(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(text))


def _numbers(text: str) -> list[float]:
    words = _WORD.findall(text)
    lower = [word.lower() for word in words]
    count = Counter(lower)
    num = max(1, len(words))
    lengths = np.array([len(word) for word in words] or [0])
    sentences = [piece for piece in _SENTENCE.split(text) if piece.strip()] or [text]
    spans = np.array([len(_WORD.findall(piece)) for piece in sentences])
    share = np.array(list(count.values()) or [1]) / num
    long = int((lengths > 6).sum())
    commas = text.count(",")
    return [
        len(words), math.sqrt(len(words)), len(words) ** 0.25, math.log1p(len(words)), len(text),
        len(sentences), text.count("\n\n") + text.count("     ") + 1,
        lengths.mean(), lengths.std(), math.log1p(spans.mean()), math.log1p(spans.std()),
        len(count), math.sqrt(len(count)), len(count) / num,
        sum(piece == 1 for piece in count.values()) / num, -(share * np.log(share)).sum(),
        math.sqrt(long), long / num, (lengths > 9).mean(), (lengths < 4).mean(),
        math.sqrt(commas), commas / num,
        math.sqrt(text.count(";") + text.count(":")), math.sqrt(text.count('"')),
        math.sqrt(text.count("?")), math.sqrt(text.count("!")),
        (text.count("'") + text.count("’")) / num, math.sqrt(text.count("(")),
        sum(word[0].isupper() for word in words) / num,
        sum(piece.lstrip("\"'( ")[:1].isupper() for piece in sentences) / len(sentences),
        sum(map(str.isdigit, text)) / num, sum(word[0] == "@" for word in words) / num,
        sum(count[word] for word in _CONNECTIVES) / num, sum(count[word] for word in _FIRST) / num,
    ]  # fmt: skip

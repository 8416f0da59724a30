"""Marks of answers: shares, points of a full mark, percent, and words for right and wrong."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from torchedu.datasets.importers.reading import values
from torchedu.datasets.importers.reading.rows import CORRECT, Sieve
from torchedu.errors import ConfigError

Decimal = Literal["auto", ".", ","]
LANGUAGES: dict[str, tuple[str, str]] = {
    "signs": ("✓ ✔ ✅ ○ ◯", "✗ ✘ ❌ ×"),
    "English": (
        "right true yes correct pass passed t y",
        "wrong false no incorrect fail failed f n",
    ),
    "German": ("richtig wahr ja korrekt bestanden j", "falsch nein inkorrekt nicht_bestanden"),
    "French": ("juste vrai oui correcte exact exacte bon", "faux non incorrecte inexact inexacte"),
    "Spanish": ("correcto correcta verdadero sí si", "incorrecto incorrecta falso no"),
    "Portuguese": ("certo certa sim verdadeiro correto correta", "errado errada não nao incorreto"),
    "Italian": ("giusto giusta vero sì corretto corretta", "sbagliato sbagliata errato scorretto"),
    "Dutch": ("goed juist waar", "fout onjuist nee onwaar"),
    "Swedish": ("rätt sant", "fel nej falskt"),
    "Norwegian, Danish": ("riktig rigtigt rigtig sandt", "feil gal nei forkert galt"),
    "Finnish": ("oikein kyllä tosi", "väärin ei epätosi"),
    "Polish": ("tak prawda poprawnie dobrze", "nie fałsz niepoprawnie źle"),
    "Czech, Slovak": ("ano áno pravda správně správne", "ne nepravda špatně nesprávne"),
    "Hungarian": ("igen igaz helyes", "nem hamis helytelen"),
    "Romanian": ("da corect adevărat", "nu incorect fals greșit"),
    "Turkish": ("evet doğru", "hayır hayir yanlış yanliş"),
    "Greek": ("ναι σωστό σωστο", "όχι οχι λάθος λαθος"),
    "Russian": ("да верно правильно истина", "нет неверно неправильно ложь"),
    "Ukrainian": ("так вірно правильно", "ні невірно неправильно"),
    "Chinese": ("对 對 是 正确 正確", "错 錯 否 错误 錯誤"),
    "Japanese": ("はい 正解 正しい", "いいえ 不正解 誤り 間違い"),
    "Korean": ("예 네 맞음 정답 참", "아니요 아니오 틀림 오답 거짓"),
    "Vietnamese": ("đúng có", "sai không"),
    "Indonesian": ("benar ya", "salah tidak"),
    "Arabic": ("صح صحيح نعم", "خطأ خاطئ لا"),
    "Hindi": ("सही हाँ", "गलत नहीं"),
}
"""Words for right and for wrong, lower-case, ``_`` for a blank; a letter only where all agree."""

MOST_EXTRA = 1.5
"""The share of the full mark up to which a mark holds extra points, and above which it is wrong."""
_PERCENT = r"^[+-]?(\d+[.,]?\d*|[.,]\d+) ?%$"
_SHARE = r"^(?P<got>\d+(?:\.\d+)?) ?/ ?(?P<most>\d+(?:\.\d+)?)$"
_MARK = r"[+-]?(\d+([.,]\d+)?|[.,]\d+) ?(%|/ ?\d+([.,]\d+)?)?"
_COMMA = r"^[+-]?\d*,\d+ ?%?$"
_TOLD = "Correct the row, or say what it means: ⟦right⟧ or ⟦wrong⟧, words separated by commas."


@cache
def _words(side: int) -> frozenset[str]:
    texts = (word for both in LANGUAGES.values() for word in both[side].split())
    return frozenset(_plain(_arrow([word.replace("_", " ") for word in texts])).to_pylist())


def _arrow(texts: Sequence[str]) -> pa.StringArray:
    """Return texts as Arrow has them, without ``pa.array``, which imports pandas to look at them.

    A look at a file's first rows, by which a mistake is told, would take twice as long by that.
    """
    each = [text.encode() for text in texts]
    ends = np.cumsum([0, *map(len, each)], dtype=np.int32)
    buffers = pa.py_buffer(ends), pa.py_buffer(b"".join(each))
    return pa.StringArray.from_buffers(len(each), *buffers)


def _plain(column: pa.Array) -> pa.StringArray:
    """Return texts as words are compared: trimmed, lower-case, in one form of Unicode."""
    text = pc.utf8_trim_whitespace(pc.utf8_normalize(column, form="NFKC"))
    return pc.replace_substring(pc.utf8_lower(text), "ς", "σ")  # which Σ becomes, at an end too


def _matches(text: pa.StringArray, shape: str) -> NDArray[np.bool_]:
    matches: NDArray[np.bool_] = pc.fill_null(
        pc.match_substring_regex(text, shape), False
    ).to_numpy(False)
    return matches


def is_mark(text: str) -> bool:
    """Say whether a text alone can be a mark: a number, percent, ``2 / 3``, or a known word."""
    said = _plain(_arrow([text]))[0].as_py()
    return bool(re.fullmatch(_MARK, said)) or said in _words(0) or said in _words(1)


def of_full(points: pa.Array, full: pa.Array) -> pa.Array:
    """Return points as shares of what could be had, such as ``3/5``; what is no number stays.

    Args:
        points: Marks, a row each.
        full: The points that could be had in it; null where nobody says.
    """
    got, most = (pc.utf8_trim_whitespace(values.names(column)) for column in (points, full))
    divided = pa.array(~np.isnan(values.numbers(got)[0] + values.numbers(most)[0]))
    return pc.if_else(divided, pc.binary_join_element_wise(got, most, "/"), got)


class Read(NamedTuple):
    """A column of marks.

    Attributes:
        share: Shares of the full mark, NaN where there is none.
        wrong: Where something stands that is no mark.
        comma: Where that is a number with a comma.
        percent: Where percent stand, whose full mark is known.
    """

    share: NDArray[np.float64]
    wrong: NDArray[np.bool_]
    comma: NDArray[np.bool_]
    percent: NDArray[np.bool_]


class Marks:
    """Reads marks as shares of 0 to 1.

    Percent a little above 100 are extra points and count as full marks, percent below 0 are
    deductions and count as none: both are counted and told.

    Args:
        right: Words for 1, before those of ``LANGUAGES``.
        wrong: Words for 0, before those of ``LANGUAGES``.
        full: What a number is a share of, where it is not 1; percent and words are shares already.
        comma: Whether a comma stands before decimals.
        column: The column that they stand in.

    Raises:
        ConfigError: A word is both right and wrong, or the full mark is not above 0.
    """

    kept = ("_seen", "_extra", "_deducted")

    def __init__(
        self,
        right: Sequence[str] = (),
        wrong: Sequence[str] = (),
        full: float | None = None,
        *,
        comma: bool = False,
        column: str = "correct",
    ) -> None:
        sides = [set(_plain(pa.array(words, pa.string())).to_pylist()) for words in (right, wrong)]
        if both := sorted(sides[0] & sides[1]):
            raise ConfigError(
                f"{both[0]!r} is both ⟦right⟧ and ⟦wrong⟧.", "Leave it out of one of the two.",
                option="right", value=both[0],
            )  # fmt: skip
        if full is not None and not 0 < full < np.inf:
            raise ConfigError(
                f"⟦full_mark⟧ is {full:g}.", "Give the highest mark that can be reached.",
                option="full_mark", value=full,
            )  # fmt: skip
        self._given = [pa.array(sorted(words), pa.string()) for words in sides]
        self._known = [pa.array(sorted(_words(side) - sides[1 - side])) for side in (0, 1)]
        self._full, self._comma, self._column = full, comma, column
        self._seen: list[set[str]] = [set(), set()]
        self._extra = self._deducted = 0

    def refuse(self, sieve: Sieve, read: Read) -> None:
        """Refuse the rows whose mark is none, or outside of what can be reached."""
        name = self._column
        remedy = "Where a comma stands before decimals, give ⟦decimal⟧ ','. Else correct the row."
        sieve.refuse(f"{name} is no mark", read.comma, column=name, remedy=remedy)
        sieve.refuse(f"{name} is no mark", read.wrong, column=name, remedy=_TOLD)
        reason = f"{name} is outside 0..{self._full or 1:g}"
        sieve.refuse(reason, read.share < 0, column=name, remedy=CORRECT)
        remedy = "Say what the highest mark is, such as ⟦full_mark⟧ 5: marks are divided by it."
        # One unit for all: without these rows, the others would be marks of another scale.
        scale = (read.share > 1) & ~read.percent & (self._full is None)
        sieve.refuse(reason, scale, column=name, remedy=remedy, always=True)
        sieve.refuse(reason, read.share > 1, column=name, remedy=CORRECT)

    def notes(self) -> list[str]:
        """Say which words were read, and which marks were taken for full or for none."""
        seen = [", ".join(sorted(words)) for words in self._seen]
        sides = [
            f"{words} as {s}" for words, s in zip(seen, ("right", "wrong"), strict=True) if words
        ]
        notes = [f"Marks were read from words: {'; '.join(sides)}."] if sides else []
        if self._extra:
            notes.append(f"{self._extra:,} marks above 100 % (extra points) count as full marks.")
        if self._deducted:
            notes.append(f"{self._deducted:,} marks below 0 % (deductions) count as 0.")
        return notes

    def read(self, column: pa.Array) -> Read:
        """Return what the values of a column are as shares."""
        number, wrong = values.numbers(column)
        share = number if self._full is None else number / self._full
        comma = np.zeros(len(share), bool)
        given = any(len(words) for words in self._given)
        # The common case ends here: numbers alone, in one pass.
        if not (given or wrong.any() or self._full is not None):
            return Read(share, wrong, comma, np.zeros(len(share), bool))
        text = _plain(values.names(column))
        if self._full is not None:
            share[_matches(text, "^true$")] = 1  # which is no point, but all of them
        self._set(share, wrong, text, self._given)
        rest, in_percent = np.flatnonzero(wrong), np.zeros(len(share), bool)
        if len(rest):
            text = text.take(pa.array(rest))
            value, still = share[rest], wrong[rest]
            self._set(value, still, text, self._known)
            with_comma, percent = (_matches(text, shape) for shape in (_COMMA, _PERCENT))
            if self._comma:
                text = pc.replace_substring(text, ",", ".")
            digits = pc.utf8_trim_whitespace(pc.replace_substring(text, "%", ""))
            number, strange = values.numbers(digits)
            parts = pc.extract_regex(text, _SHARE)
            shared = parts.is_valid().to_numpy(False)
            if shared.any():
                top, most = (values.numbers(parts.field(i))[0] for i in (0, 1))
                share_of = np.divide(top, most, out=np.full(len(top), np.nan), where=most > 0)
                shared &= ~np.isnan(share_of)
                number, strange = np.where(shared, 100 * share_of, number), strange & ~shared
                percent = percent | shared
            read = still & ~strange & (percent | (with_comma & self._comma))
            value[read] = number[read] / np.where(percent, 100, self._full or 1)[read]
            value = self._bounded(value, percent & read)
            in_percent[rest] = percent
            share[rest], wrong[rest] = value, still & ~read
            comma[rest] = with_comma & wrong[rest]
        return Read(share, wrong, comma, in_percent)

    def _bounded(
        self, share: NDArray[np.float64], percent: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        extra = percent & (share > 1) & (share <= MOST_EXTRA)
        deducted = percent & (share < 0) & (share >= -1)
        self._extra += int(extra.sum())
        self._deducted += int(deducted.sum())
        return np.where(extra, 1.0, np.where(deducted, 0.0, share))

    def _set(
        self, value: NDArray[Any], wrong: NDArray[np.bool_], text: pa.Array, words: list[Any]
    ) -> None:
        for side, share in ((0, 1.0), (1, 0.0)):
            named = pc.is_in(text, words[side]).to_numpy(False)
            if named.any():
                self._seen[side].update(pc.unique(text.filter(pa.array(named))).to_pylist())
                value[named], wrong[named] = share, False


@dataclass(kw_only=True)
class Marked:
    """What has a column of marks.

    Args:
        right: Words that say an answer was right, where they are not the common ones.
        wrong: Words that say an answer was wrong, likewise.
        full_mark: The highest mark that can be reached, by which marks are divided.
        decimal: What stands before the decimals of a mark; ``auto`` is a comma in CSV files whose
            delimiter is none, and else a point.
    """

    right: Sequence[str] = ()
    wrong: Sequence[str] = ()
    full_mark: float | None = None
    decimal: Decimal = "auto"

    def marks(self, decimal: str, column: str = "correct") -> Marks:
        """Return what reads marks as the options have it.

        Args:
            decimal: What stands before decimals, as the format or the file tells it.
            column: The column that the marks stand in.
        """
        comma = (decimal if self.decimal == "auto" else self.decimal) == ","
        return Marks(self.right, self.wrong, self.full_mark, comma=comma, column=column)

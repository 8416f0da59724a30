"""What names people in what they wrote or said, masked as it is imported."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from torchedu.errors import MissingExtraError

NAME, MAIL, PHONE, ID = "[name]", "[mail]", "[phone]", "[id]"
REGION = "US"
"""Whose phone numbers are known without the code of a country; others begin with ``+``."""

_WORD = r"[^\W\d_]+(?:['’-][^\W\d_]+)*"
_CAPITAL = r"(?:[A-ZÀ-ÖØ-Þ][^\W\d_]*(?:['’-][^\W\d_]+)*)"
_NAMED = re.compile(
    r"((?i:\b(?:my name is|my name's|i am called|i'm called|mein name ist|ich heiße|"
    r"je m'appelle|me llamo|mi chiamo))|"
    r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Professor|Herr|Frau|Monsieur|Madame|Señora?)\.?)"
    rf"(\s+){_CAPITAL}(?:\s+{_CAPITAL}){{0,2}}"
)
_MAIL = re.compile(r"[^\s@<>()\[\],;:\"]+@(?:[\w-]+\.)+[^\W\d_]{2,}")
_ID = re.compile(
    r"((?i:\b(?:student|pupil|matriculation|enrol?ment|school)\s+(?:id|no\.?|number)|\bid)"
    r"\s*(?:is|:|#)?\s*)[\w-]*\d[\w-]*"
    r"|(?<![\w.,])(?=(?:[a-z]*\d){4})(?=\w*[A-Za-z])[A-Za-z]{1,3}\d{4,}(?!\w)",
    re.IGNORECASE,
)
_GENERAL = frozenset({
    "teacher", "student", "pupil", "tutor", "instructor", "speaker", "unknown", "class", "group",
    "professor", "prof", "miss", "mrs", "doctor", "multiple", "students", "all", "the", "and",
})  # fmt: skip


class Mask:
    """Masks names, mail addresses, phone numbers and ids in texts.

    Phone numbers are found by libphonenumber's rules. Names are those that the data itself tells
    of, such as speakers', with each of their words, and what follows "my name is" and titles; other
    names stay.

    Args:
        names: People's names that the data tells.

    Attributes:
        counts: How often each was masked.

    Raises:
        MissingExtraError: phonenumbers is not installed.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        try:
            import phonenumbers
        except ImportError:
            raise MissingExtraError("Masking phone numbers", "phonenumbers", "privacy") from None
        self._phones = phonenumbers.PhoneNumberMatcher
        self._lenient = phonenumbers.Leniency.VALID
        words = {word for name in names for word in re.findall(_WORD, name)}
        self._words = {word for word in words if len(word) > 2 and word.lower() not in _GENERAL}
        self.counts = Counter({NAME: 0, MAIL: 0, PHONE: 0, ID: 0})

    def __call__(self, text: str) -> str:
        """Return a text without what names people."""
        text = self._put(MAIL, _MAIL, text)
        if sum(letter.isdigit() for letter in text) > 6:
            text = self._without_phones(text)
        text = _ID.sub(lambda match: self._one(ID, match[1] or ""), text)
        text = _NAMED.sub(lambda match: self._one(NAME, match[1] + match[2]), text)
        if self._words:
            text = re.sub(_WORD, lambda match: self._known(match[0]), text)
        return text

    def __str__(self) -> str:
        """Say what was masked."""
        nouns = {NAME: "names", MAIL: "mail addresses", PHONE: "phone numbers", ID: "ids"}
        text = ", ".join(f"{self.counts[mark]:,} {noun}" for mark, noun in nouns.items())
        return f"Masked: {text}. Names that the data does not tell of stay: look through it."

    def _put(self, mark: str, pattern: re.Pattern[str], text: str) -> str:
        return pattern.sub(lambda _: self._one(mark, ""), text)

    def _one(self, mark: str, before: str) -> str:
        self.counts[mark] += 1
        return before + mark

    def _known(self, word: str) -> str:
        stem = re.sub(r"['’]s$", "", word)
        return self._one(NAME, "") + word[len(stem) :] if stem in self._words else word

    def _without_phones(self, text: str) -> str:
        def pieces() -> Iterator[str]:
            end = 0
            for match in self._phones(text, REGION, self._lenient):
                yield text[end : match.start]
                yield self._one(PHONE, "")
                end = match.end
            yield text[end:]

        return "".join(pieces())

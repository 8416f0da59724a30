"""Which outcomes of courses a teacher wants to prevent: those named, else those of known words."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from torchedu.errors import ConfigError, DataError, allowed

LANGUAGES: dict[str, tuple[str, str]] = {
    "grades": ("f fx nc dnf dns", "a b c d e p cr"),
    "English": (
        "fail* withdr* drop* left expel* dismiss* incomplete unsatisfactory unsuccessful churn*",
        "pass* distinction merit credit complete* graduat* success* satisfactory finish* certif*",
    ),
    "German": ("durchgefallen abgebrochen exmatrikuliert", "bestanden absolviert abgeschlossen"),
    "French": ("échec échoué* ajourné* abandon* recalé*", "réussi* admis admise validé*"),
    "Spanish": ("suspenso suspendid* reprobad* abandon* baja", "aprobad* superad* graduad*"),
    "Portuguese": ("reprovad* desist* evadid* abandon*", "aprovad* concluíd* formad*"),
    "Italian": ("respint* bocciat* ritirat* insufficiente", "promoss* superat* idone*"),
    "Dutch": ("gezakt onvoldoende gestopt uitgevallen", "geslaagd voldoende behaald"),
    "Nordic": ("underkänd* avbruten strøket hylätty", "godkänd* bestått bestået hyväksytty"),
    "Polish": ("niezaliczon* skreślon*", "zaliczon* zdan* zdał zdała"),
    "Russian": ("незач* неуд* отчислен* провал*", "зач* сдал сдала сдан* отлично хорошо удовл*"),
    "Turkish": ("kaldı başarısız", "geçti başarılı"),
    "Chinese": ("不及格 不合格 未通过 未通過 挂科 退学 退學", "及格 合格 通过 通過 毕业 優秀 优秀"),
    "Japanese, Korean": ("不合格 不可 中退 불합격 탈락", "合格 修了 합격 수료"),
}
"""Words for bad and for good outcomes; ``*`` stands for any ending."""

_NOT = frozenset(
    ["not", "no", "non", "nicht", "não", "nie", "ne", "не", "ikke", "inte", "niet", "did"]
)


def at_risk(outcomes: Iterable[str | None], named: Sequence[str], file: str) -> list[str]:
    """Return the outcomes that a teacher wants to prevent.

    Args:
        outcomes: How each enrolment ended, None where nobody knows.
        named: Those that the user names, in any case.
        file: Where they come from, for messages.

    Returns:
        Those of the outcomes, in order.

    Raises:
        ConfigError: A named one is no outcome.
        DataError: None are named, and what an outcome means is not known.
    """
    there = sorted({outcome for outcome in outcomes if outcome is not None})
    if named:
        plain = {_plain(outcome): outcome for outcome in there}
        for name in named:
            if _plain(name) not in plain:
                raise ConfigError(
                    f"{name!r} is no outcome of this data (⟦at_risk⟧).", allowed(name, there),
                    option="at_risk", value=name, allowed=there,
                )  # fmt: skip
        wanted = {_plain(name) for name in named}
        return [outcome for outcome in there if _plain(outcome) in wanted]
    bad = {outcome: _is_bad(outcome) for outcome in there}
    if unknown := [repr(outcome) for outcome, is_bad in bad.items() if is_bad is None]:
        raise DataError(
            f"it is not known whether {', '.join(unknown[:5])} {_more(unknown)}"
            "shall be prevented, or is a good outcome.",
            "Name all outcomes to prevent with ⟦at_risk⟧, separated by commas. "
            f"There are: {', '.join(there[:20])}.",
            file=file,
            option="at_risk",
        )
    return [outcome for outcome in there if bad[outcome]]


def note(outcomes: Iterable[str | None], at_risk: Sequence[str]) -> str:
    """Say which outcomes count as which."""
    others = sorted({o for o in outcomes if o is not None} - set(at_risk))
    return (
        f"Outcomes to prevent: {', '.join(at_risk) or 'none'}; "
        f"others: {', '.join(others[:20]) or 'none'}."
        + ("" if at_risk else " Nobody is at risk so: ⟦at_risk⟧ names those that are.")
    )


def _more(names: Sequence[str], most: int = 5) -> str:
    return f"and {len(names) - most} more " if len(names) > most else ""


def _plain(outcome: str) -> str:
    # A Turkish I without its dot is that of others in capitals.
    return unicodedata.normalize("NFKC", outcome).strip().casefold().replace("ı", "i")


def _pattern(side: int) -> re.Pattern[str]:
    words = (word for both in LANGUAGES.values() for word in both[side].split())
    return re.compile("|".join(_plain(word).replace("*", r"\w*") for word in words))


_BAD, _GOOD = _pattern(0), _pattern(1)


def _is_bad(outcome: str) -> bool | None:
    """Say whether an outcome is bad by its words; None where no word is known."""
    words = re.findall(r"\w+", _plain(outcome))
    if len(words) > 1:  # a letter alone is a grade, but not within a sentence
        words = [word for word in words if len(word) > 1 or not word.isascii()]
    bad, good = (any(known.fullmatch(word) for word in words) for known in (_BAD, _GOOD))
    negated = not _NOT.isdisjoint(words)  # not passed, nicht bestanden, did not finish
    if bad == good or (bad and negated):
        return None
    return bad or negated

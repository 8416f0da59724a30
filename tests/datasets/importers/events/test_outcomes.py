from pathlib import Path

import pytest

from tests.datasets.importers.events.test_log import LOG
from torchedu.cli import main
from torchedu.datasets.events import EventStore
from torchedu.datasets.importers.events.outcomes import LANGUAGES, at_risk, note
from torchedu.errors import ConfigError, DataError


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_of_every_language(language: str) -> None:
    bad, good = (
        [form(word.replace("*", "")) for word in words.split() for form in (str, str.upper)]
        for words in LANGUAGES[language]
    )
    assert at_risk([*bad, *good, None], (), "log") == sorted(set(bad))


@pytest.mark.parametrize(
    ("outcome", "is_bad"),
    [
        ("Pass with merit", False),
        ("Distinction", False),
        ("nicht bestanden", True),
        ("Not passed", True),
        ("Did not finish", True),
        ("no aprobado", True),
        ("Не сдал", True),
        ("B+", False),
        ("F", True),
    ],
)
def test_outcomes_are_known_by_their_words(outcome: str, is_bad: bool) -> None:
    assert at_risk([outcome], (), "log") == [outcome] * is_bad


@pytest.mark.parametrize(
    "outcome",
    ["Weiter", "not yet", "2.3", "Compass", "à revoir", "Failed, passed later", "not failed"],
)
def test_what_is_not_known_is_refused(outcome: str) -> None:
    with pytest.raises(DataError, match=outcome) as caught:
        at_risk(["Fail", outcome, None], (), "log")
    assert caught.value.options() == ("at_risk",)
    assert at_risk(["Fail", outcome, None], ["fail"], "log") == ["Fail"]


def test_who_names_no_outcome_is_told() -> None:
    with pytest.raises(ConfigError, match="'Faild' is no outcome") as caught:
        at_risk(["Fail", "Pass"], ["Faild"], "log")
    assert "Fail" in caught.value.remedy


def test_the_command_line_names_and_prints_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, out = tmp_path / "log.csv", str(tmp_path / "log.store")
    raw.write_text(LOG.replace(",Fail,", ",F,").replace(",Pass,", ",Weiter,"))
    assert main(["data", "import", "events", str(raw), out]) == 2
    assert "F, Weiter, Withdrawn" in capsys.readouterr().err
    assert main(["data", "import", "events", str(raw), out, "--at_risk=f,withdrawn"]) == 0
    assert "Outcomes to prevent: F, Withdrawn; others: Weiter." in capsys.readouterr().out
    assert EventStore(out).at_risk.tolist() == [0, 0, 1, 1]
    raw.write_text(LOG.replace(",Fail,", ",F,").replace(",Pass,", ",Pass with merit,"))
    assert main(["data", "import", "events", str(raw), out]) == 0
    assert EventStore(out).at_risk.tolist() == [0, 0, 1, 1]


def test_that_nobody_is_at_risk_is_said_with_what_changes_it() -> None:
    assert note(["A", "B", None], []).endswith("⟦at_risk⟧ names those that are.")
    assert note(["Pass", "Fail"], ["Fail"]) == "Outcomes to prevent: Fail; others: Pass."

"""Answers typed and spoken are read, and each recording that cannot be heard is named."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.spoken_files import RATE, tone, write_corpus, write_digits, write_wav
from torchedu.datasets.importers import import_data
from torchedu.datasets.spoken import NO_PART, SpokenStore
from torchedu.errors import ConfigError, DataError


def coded(samples: np.ndarray, **how: Any) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="WAV", **how)
    return file.getvalue()


LONG = tone(440, 1.0)
DAMAGE: dict[str, tuple[Callable[[], bytes | None], str]] = {
    "missing.wav": (lambda: None, "there is no such recording"),
    "empty.wav": (lambda: b"", "the recording is empty"),
    "cut.wav": (lambda: coded(LONG)[:9000], "the recording is cut"),
    "silent.wav": (lambda: coded(np.zeros(RATE, np.int16)), "the recording is silent"),
    "long.wav": (lambda: coded(np.tile(LONG, 4)), "the recording is too long"),
    "short.wav": (lambda: coded(LONG[:100]), "the recording is shorter than 0.05 s"),
    "text.wav": (lambda: b"no sound" * 99, "no sound can be read from the recording"),
    "rate.wav": (lambda: coded(LONG)[:24] + b"\x07\0\0\0" + coded(LONG)[28:],
                 "the recording's header tells no rate of speech"),
    "../outside.wav": (lambda: coded(LONG), "the recording's path leads out of the folder"),
}  # fmt: skip
GOOD: dict[str, Callable[[], bytes]] = {
    "plain.wav": lambda: coded(LONG),
    "stereo.wav": lambda: coded(np.stack([LONG, LONG], 1)),
    "eight.wav": lambda: coded(LONG, subtype="PCM_U8"),
    "里.wav": lambda: coded(LONG),
}


def manifest(folder: Path, names: list[str], **columns: list[str]) -> Path:
    """Write a table of recordings and the recordings."""
    folder.mkdir(parents=True, exist_ok=True)
    makers = {**{name: make for name, (make, _) in DAMAGE.items()}, **GOOD}
    for name in names:
        content = makers[name]()
        if content is not None:
            (folder / name).write_bytes(content)
    file = folder / "answers.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("audio", "speaker", *columns))
        writer.writerows(zip(names, [f"s{i}" for i in range(len(names))], *columns.values(),
                             strict=True))  # fmt: skip
    return file


def test_damage_is_counted_and_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    names = [*DAMAGE, *GOOD, *(["plain.wav"] * 12)]
    raw = manifest(tmp_path / "in", names)
    options = {"on_bad_row": "drop", "most_seconds": 3}
    store = import_data("spoken", raw, tmp_path / "out", options)
    dropped = store.about["dropped"]
    assert {reason: entry["rows"] for reason, entry in dropped.items()} == {
        reason: 1 for _, reason in DAMAGE.values()
    }
    rows = {entry["first"][0] for entry in dropped.values()}
    assert rows == {f"answers.csv, row {i + 2}" for i in range(len(DAMAGE))}
    assert store.num_answers == len(GOOD) + 12
    assert store.num_rows("recordings") == len(GOOD)  # one that many name is kept once
    assert {"1 recordings have several channels, whose mean is taken.",
            "1 recordings have samples of 8 bits."} <= set(store.about["notes"])  # fmt: skip
    plain = store.sound(0)
    for row in range(1, 4):
        assert np.abs(store.sound(row).astype(int) - plain).max() < 600


@pytest.mark.parametrize("name", DAMAGE)
def test_the_first_that_is_bad_ends_an_import(name: str, tmp_path: Path) -> None:
    raw = manifest(tmp_path / "in", ["plain.wav", name])
    with pytest.raises(DataError) as caught:
        import_data("spoken", raw, tmp_path / "out", {"most_seconds": 3})
    assert DAMAGE[name][1] in str(caught.value)
    assert name in str(caught.value)
    assert (caught.value.row, (tmp_path / "out").exists()) == (3, False)


def test_scores_scales_and_texts_are_kept(tmp_path: Path) -> None:
    raw = manifest(
        tmp_path / "in", ["plain.wav", "stereo.wav", "plain.wav"],
        text=["<p>one</p>", "двa 二 ثلاثة", ""], score=["1", "3", ""], ease=["0", "", "1"],
    )  # fmt: skip
    options = {"traits": ["ease"], "lowest": 0, "highest": 5}
    store = import_data("spoken", raw, tmp_path / "out", options)
    assert isinstance(store, SpokenStore)
    assert store.all_texts == ["one", "двa 二 ثلاثة", ""]
    assert store.score_names == ("score", "ease")
    assert np.array_equal(store.scores, [[1, 0], [3, np.nan], [np.nan, 1]], equal_nan=True)
    assert store.ranges[-1, :, :2].tolist() == [[0, 5], [0, 5]]
    assert (store.rate, store.speakers) == (16_000, ["s0", "s1", "s2"])
    assert abs(len(store.sound(0)) - 16_000) <= 1


def test_a_score_outside_and_a_speaker_in_two_parts_are_refused(tmp_path: Path) -> None:
    raw = manifest(tmp_path / "in", ["plain.wav"] * 2, score=["1", "7"])
    with pytest.raises(DataError, match="score is above the highest"):
        import_data("spoken", raw, tmp_path / "out", {"highest": 5})
    with pytest.raises(ConfigError, match="above the lowest"):
        import_data("spoken", raw, tmp_path / "out", {"highest": 5, "lowest": 5})
    file = manifest(tmp_path / "two", ["plain.wav"] * 2, part=["train", "test"])
    file.write_text(file.read_text("utf-8").replace("s1", "s0"), "utf-8")
    with pytest.raises(DataError, match="in another part too"):
        import_data("spoken", file, tmp_path / "out", {})


def test_names_go_where_that_is_asked(tmp_path: Path) -> None:
    pytest.importorskip("phonenumbers")
    raw = manifest(tmp_path / "in", ["plain.wav"] * 2, text=["I am Kateryna", "ask a@b.de"])
    raw.write_text(raw.read_text("utf-8").replace("s0", "Kateryna"), "utf-8")
    store = import_data("spoken", raw, tmp_path / "out", {"deidentify": True})
    assert store.speakers == ["speaker 1", "speaker 2"]
    assert not any("Kateryna" in text or "@" in text for text in store.all_texts)
    assert "Voices, and what photographs show, stay as they are." in " ".join(store.about["notes"])


@pytest.mark.parametrize("asked", ["same", "digit", "both"])
def test_digits_are_set_beside_what_was_typed(asked: str, tmp_path: Path) -> None:
    raw = write_digits(tmp_path / "recordings", 1)
    store = import_data("fsdd", raw, tmp_path / "out", {"asked": asked})
    counts = (store.num_answers, store.num_rows("recordings"), len(set(store.speakers)))
    assert counts == (30 if asked == "digit" else 60, 30, 3)
    said = [int(name[0]) for name in store.names(range(store.num_answers))]
    if asked == "digit":
        assert store.scores[:, 0].tolist() == said
        return
    words = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    same = [words[digit] == text for digit, text in zip(said, store.all_texts, strict=True)]
    assert store.scores[:, 0].tolist() == same
    assert sum(same) == 30
    assert any("Constructed" in note for note in store.about["notes"])
    assert store.score_names == (("score", "digit") if asked == "both" else ("score",))


@pytest.mark.parametrize("full", [False, True])
def test_learners_sentences_have_scores_experts_and_parts(full: bool, tmp_path: Path) -> None:
    raw = write_corpus(tmp_path / "corpus", full)
    store = import_data("speechocean762", raw, tmp_path / "out", {})
    assert store.counts == {"answers": 12, "recordings": 12, "speakers": 4}
    assert store.score_names == ("score", "accuracy", "fluency", "prosody")
    assert store.raters["score"].shape == (12, 5)
    np.testing.assert_allclose(store.raters["score"].mean(1), store.scores[:, 0], rtol=1e-5)
    assert store.ranges[-1, 0, :2].tolist() == [0, 10]
    assert (store.part != NO_PART).all() == full
    assert set(store.vocabulary["group.gender"]) == {"m", "f"}
    assert list(store.vocabulary["group.age"]) == ["12 to 17", "18 and over", "under 12"]
    (raw / ("WAVE/SPEAKER0001" if full else "")).joinpath("000000001.WAV").unlink()
    with pytest.raises(DataError, match=r"no such recording \('000000001\.WAV'\)"):
        import_data("speechocean762", raw, tmp_path / "out", {})
    left = import_data("speechocean762", raw, tmp_path / "out", {"on_bad_row": "drop"})
    assert left.num_answers == 11


def test_an_answer_may_be_typed_alone_but_not_be_nothing(tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    write_wav(tmp_path / "a.wav", tone(440))
    file.write_text("audio,text\na.wav,\n,yes\n", "utf-8")
    store = import_data("spoken", file, tmp_path / "out", {})
    assert store.recording.tolist() == [0, -1]
    assert (store.lengths[1], len(store.sound(1))) == (0, 0)
    assert any("Nothing says who spoke" in note for note in store.about["notes"])
    file.write_text("audio,text\na.wav,\n,\n,  \n", "utf-8")
    with pytest.raises(DataError, match="neither typed nor spoken"):
        import_data("spoken", file, tmp_path / "out", {})


def test_answers_without_names_are_counted_through_files_and_dropped_rows(tmp_path: Path) -> None:
    write_wav(tmp_path / "in" / "a.wav", tone(440))
    for name in ("1.csv", "2.csv"):
        rows = "audio,text\na.wav,one\nlost.wav,two\na.wav,three\n"
        (tmp_path / "in" / name).write_text(rows, "utf-8")
    store = import_data("spoken", tmp_path / "in", tmp_path / "out", {"on_bad_row": "drop"})
    assert store.names(range(4)) == ["answer 1", "answer 3", "answer 4", "answer 6"]
    assert store.num_rows("recordings") == 1

"""Photographs of answers are kept once, read where that is asked, and named where they are bad."""

import csv
from pathlib import Path

import numpy as np
import pytest

from tests.datasets.test_photographs import DAMAGE, FORMS
from tests.picture_files import coded, drawn
from tests.spoken_files import tone, write_wav
from torchedu.datasets import ocr
from torchedu.datasets.importers import import_data
from torchedu.datasets.photographs import BITS, PRINT, THROUGH
from torchedu.datasets.spoken import SpokenStore
from torchedu.errors import ConfigError, DataError

MORE = {
    "missing.png": (None, "there is no such photograph"),
    "empty.png": (b"", "the photograph is empty"),
    "../outside.png": (b"", "the photograph's path leads out of the folder"),
}


def table(folder: Path, names: list[str], **columns: list[str]) -> Path:
    """Write a table of photographs and the photographs."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {name: make() for name, (make, _) in [*DAMAGE.items(), *FORMS.items()]}
    contents |= {name: content for name, (content, _) in MORE.items() if content is not None}
    for name in filter(None, names):
        if name in contents:
            (folder / name).write_bytes(contents[name])
    file = folder / "answers.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("image", *columns))
        writer.writerows(zip(names, *columns.values(), strict=True))
    return file


def test_damage_is_counted_and_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    names = [*DAMAGE, *MORE, *FORMS, *["jpeg"] * 9]
    raw = table(tmp_path / "in", names)
    store = import_data("spoken", raw, tmp_path / "out", {"on_bad_row": "drop", "side": 64})
    assert isinstance(store, SpokenStore)
    dropped = store.about["dropped"]
    whole = {name: reason for name, (_, reason) in [*DAMAGE.items(), *MORE.items()]}
    counted = {name: next(r for r in dropped if reason in r) for name, reason in whole.items()}
    assert {r: entry["rows"] for r, entry in dropped.items()} == {
        r: [*counted.values()].count(r) for r in counted.values()
    }
    assert store.num_answers == len(FORMS) + 9
    assert store.counts["photographs"] == len(FORMS)  # one that many name is kept once
    assert {f"1 photographs {what}." for what in (BITS, PRINT, THROUGH)} <= set(
        store.about["notes"]
    )
    assert (store.side, store.ocr) == (64, None)
    assert [pixels.shape for pixels in store.pictures] == [(40, 101, 3)] * len(FORMS)
    assert store.sizes.tolist() == [[40, 101]] * store.num_answers
    store.verify()


@pytest.mark.parametrize("name", [*DAMAGE, *MORE])
def test_the_first_that_is_bad_ends_an_import(name: str, tmp_path: Path) -> None:
    raw = table(tmp_path / "in", ["jpeg", name])
    with pytest.raises(DataError) as caught:
        import_data("spoken", raw, tmp_path / "out", {})
    assert ({**DAMAGE, **MORE})[name][1] in str(caught.value)
    assert name in str(caught.value)
    assert (caught.value.row, (tmp_path / "out").exists()) == (3, False)


def test_nothing_is_kept_of_an_answer_that_is_left_out(tmp_path: Path) -> None:
    write_wav(tmp_path / "in" / "a.wav", tone(440))
    write_wav(tmp_path / "in" / "b.wav", tone(550))
    names = ["missing.png", "jpeg", "", *["jpeg"] * 9]
    sounds = ["a.wav", "b.wav", "a.wav", *[""] * 9]
    raw = table(tmp_path / "in", names, audio=sounds)
    store = import_data("spoken", raw, tmp_path / "out", {"on_bad_row": "drop"})
    assert store.recording.tolist() == [0, 1, *[-1] * 9]
    assert store.photograph.tolist() == [0, -1, *[0] * 9]
    alone = table(tmp_path / "in", names[:1] + names[3:], audio=sounds[:1] + sounds[3:])
    left = import_data("spoken", alone, tmp_path / "other", {"on_bad_row": "drop"})
    assert left.num_rows("recordings") == 0


def test_what_stands_on_paper_is_the_text_where_none_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, ...]] = []

    def read(pixels: np.ndarray) -> str:
        seen.append(pixels.shape)
        return "read by Ann"

    monkeypatch.setitem(ocr.READERS, "rapidocr", lambda: read)
    texts, speakers = ["", "typed", ""], ["Ann", "Ann", "Ben"]
    raw = table(tmp_path / "in", ["jpeg", "jpeg", ""], text=[*texts[:2], "x"], speaker=speakers)
    how = {"ocr": "rapidocr", "side": 64}
    store = import_data("spoken", raw, tmp_path / "out", how)
    assert store.all_texts == ["read by Ann", "typed", "x"]
    assert seen == [(80, 200, 3)]  # once, and before it was made smaller
    assert "1 texts were read off photographs by rapidocr." in store.about["notes"]
    assert store.ocr == "rapidocr"
    pytest.importorskip("phonenumbers")
    masked = import_data("spoken", raw, tmp_path / "masked", {**how, "deidentify": True})
    assert "Ann" not in masked.all_texts[0]
    with pytest.raises(ConfigError, match="rapidocs"):
        import_data("spoken", raw, tmp_path / "none", {"ocr": "rapidocs"})


def test_a_table_needs_a_recording_or_a_photograph(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(coded(drawn("1")))
    file = tmp_path / "answers.csv"
    file.write_text("photo,text\na.png,\n,yes\n", "utf-8")
    store = import_data("spoken", file, tmp_path / "out", {})
    assert (store.photograph.tolist(), store.recording.tolist()) == ([0, -1], [-1, -1])
    file.write_text("score,text\n1,yes\n", "utf-8")
    with pytest.raises(DataError, match="no column holds the audio"):
        import_data("spoken", file, tmp_path / "none", {})

"""Answers typed and spoken from a table to grades: trained, scored, predicted, forgotten."""

import csv
import json
import re
from base64 import b64decode
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.csv as arrow_csv
import pytest
import soundfile

from tests.encoders import write_speech, write_vision
from tests.picture_files import write_sums
from tests.spoken_files import write_answers
from torchedu.cli import main
from torchedu.datasets.spoken import SpokenStore
from torchedu.engine import open_engine
from torchedu.errors import CheckpointError, DataError

SHORT = ("--trainer.accelerator", "cpu", "--trainer.max_epochs", "6")


class Trained(NamedTuple):
    run: Path
    raw: Path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("spoken")
    raw, run = write_answers(folder / "in"), folder / "run"
    words = ["fit", "--config", "spoken", "--data.path", str(raw), "--data.traits", "[length]",
             "--data.groups", "[sex]", "--data.options.rate", "8000", "--model.net.dim", "16",
             "--model.net.blocks", "1", "--data.batch_size", "8", "--run", str(run)]  # fmt: skip
    assert main([*words, *SHORT]) == 0
    return Trained(run, raw)


def evaluation(run: Path) -> dict:
    return json.loads((run / "evaluation.json").read_text("utf-8"))


def test_scores_stand_beside_text_sound_and_duration_alone(trained: Trained) -> None:
    found = evaluation(trained.run)
    assert found["task"] == "AnswerGrading"
    assert [*found["columns"]][:3] == ["score_pcc", "score_qwk", "score_mae"]
    names = [row["name"] for row in found["scores"]]
    assert names == ["SpokenGrader", "text alone", "sound alone", "duration alone"]
    by_name = {row["name"]: row for row in found["scores"]}
    assert by_name["duration alone"]["length_pcc"] > 0.85  # the length is the duration
    assert found["lead"].startswith("SpokenGrader grades with a PCC of score of")
    assert found["counts"]["speakers"] == 2
    said = {section["title"]: section["sentence"] for section in found["sections"]}
    assert (
        "of 2 speakers: no number here carries a claim for a new speaker" in said["Within speakers"]
    )
    assert {(row["score"], row["by"]) for row in found["channels"]} == {
        (score, by)
        for score in ("score", "length")
        for by in ("all that there is", "the text alone", "the sound alone")
    }
    assert all(row["low"] <= row["value"] <= row["high"] for row in found["within"]
               if row["low"] is not None)  # fmt: skip
    page = (trained.run / "report.html").read_text("utf-8")
    assert "One answer to listen to" in page
    assert "media-src data:" in page
    (clip,) = re.findall(r'<audio controls src="data:audio/wav;base64,([^"]+)">', page)
    samples, rate = soundfile.read(BytesIO(b64decode(clip)), dtype="int16")
    store = SpokenStore(trained.raw.with_suffix(".store"))
    assert rate == store.rate
    rows = [row for row in range(store.num_answers) if store.recording[row] >= 0]
    assert any(np.array_equal(samples, store.sound(row)) for row in rows)


def test_answers_without_scores_are_graded_alike_by_both_ways(
    trained: Trained, tmp_path: Path
) -> None:
    with trained.raw.open(encoding="utf-8") as table_of_rows:
        rows = list(csv.DictReader(table_of_rows))[:12]
    file = trained.raw.with_name("new.csv")
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ["id", "text", "audio"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    words = ["--data.path", str(file), "--data.traits", "[]", "--data.groups", "[]", "--run"]
    words += [str(tmp_path), "--format", "csv", "--trainer.accelerator", "cpu"]
    assert main(["predict", str(trained.run), *words]) == 0
    table = arrow_csv.read_csv(tmp_path / "scores.csv").to_pydict()
    assert table["answer"] == [row["id"] for row in rows]
    assert table["spoken"] == [bool(row["audio"]) for row in rows]
    engine = open_engine(trained.run)
    graded = engine.grade(
        [
            {"text": row["text"], "audio": str(file.parent / row["audio"]) if row["audio"] else ""}
            for row in rows
        ]
    )
    for name in ("score", "length"):
        values = [own[name].value for own in graded]
        np.testing.assert_allclose(values, table[name], atol=2e-3)
        assert all(own[name].low <= own[name].high for own in graded)
        none = [value is None or value != value for value in table[f"{name} by what was typed"]]
        assert none == [not row["text"] for row in rows]


def test_rows_that_cannot_be_graded_are_named(trained: Trained, tmp_path: Path) -> None:
    engine = open_engine(trained.run)
    with pytest.raises(DataError, match="row 1: the field 'audio' is missing"):
        engine.grade([{"text": "yes"}, {"text": " "}])
    (tmp_path / "a.wav").write_bytes(b"no sound")
    with pytest.raises(DataError, match="row 0: the field 'audio' is"):
        engine.grade([{"audio": str(tmp_path / "a.wav")}])
    with pytest.raises(DataError, match="row 0: the field 'audio' is"):
        engine.grade([{"audio": str(tmp_path / "b.wav")}])
    with pytest.raises(DataError, match="row 0: the field 'audio' is 'int'"):
        engine.grade([{"audio": 3}])


def test_a_speaker_can_be_forgotten(trained: Trained) -> None:
    store = trained.raw.with_suffix(".store")
    assert main(["data", "forget", "--student", "Ann", str(store)]) == 0
    left = SpokenStore(store)
    left.verify()
    assert "Ann" not in left.speakers
    assert left.recording.max() == left.num_rows("recordings") - 1
    assert len(left.sound(int(np.flatnonzero(left.recording >= 0)[-1]))) > 0


def test_a_frozen_encoder_of_speech_hears_each_recording_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, run = write_answers(tmp_path / "in"), tmp_path / "run"
    model = write_speech(tmp_path / "model")
    words = ["fit", "--config", "spoken", "--data.path", str(raw), "--data.options.rate", "8000",
             "--data.speech", str(model), "--data.window", "3", "--model.net.dim", "16",
             "--model.net.blocks", "1", "--run", str(run), "--trainer.accelerator", "cpu",
             "--trainer.max_epochs", "1"]  # fmt: skip
    assert main(words) == 0
    store = SpokenStore(raw.with_suffix(".store"))
    kept = sorted(raw.with_suffix(".features").glob("*/*/*.npy"))
    assert len(kept) == len({sound.tobytes() for sound in store.sounds})
    assert main(["predict", str(run), "--run", str(tmp_path), "--format", "csv"]) == 0
    table = arrow_csv.read_csv(tmp_path / "scores.csv").to_pydict()
    engine = open_engine(run)
    with raw.open(encoding="utf-8") as stream:
        given = {row["id"]: row for row in csv.DictReader(stream)}
    some = [given[name] for name in table["answer"][:5]]
    graded = engine.grade(
        [{"text": row["text"], "audio": str(raw.parent / row["audio"]) if row["audio"] else ""}
         for row in some]
    )  # fmt: skip
    np.testing.assert_allclose(
        [own["score"].value for own in graded], table["score"][:5], atol=2e-3
    )
    assert main(["data", "forget", "--student", "Ann", str(raw.with_suffix(".store"))]) == 0
    assert 0 < len([file for file in kept if file.is_file()]) < len(kept)
    write_speech(tmp_path / "model", seed=1)
    capsys.readouterr()
    with pytest.raises(CheckpointError, match="is not the one that the network was trained with"):
        open_engine(run).grade([{"text": "yes", "audio": str(raw.parent / some[0]["audio"])}])
    long = [*words, "--data.window", "4", "--run", str(tmp_path / "long")]
    assert main(long) == 2
    assert "hears 3 seconds at once" in capsys.readouterr().err


def test_photographs_are_graded_alone_and_beside_what_was_typed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, run = write_sums(tmp_path / "in"), tmp_path / "run"
    words = ["fit", "--config", "spoken", "--data.path", str(raw), "--data.pixels", "48",
             "--model.net.dim", "16", "--model.net.blocks", "1", "--data.batch_size", "8",
             "--trainer.accelerator", "cpu", "--trainer.max_epochs", "4"]  # fmt: skip
    assert main([*words, "--run", str(run)]) == 0
    found = evaluation(run)
    assert [row["name"] for row in found["scores"]][1:] == [
        "text alone", "sound alone", "duration alone", "ink alone",
    ]  # fmt: skip
    by = {row["by"]: row for row in found["channels"]}
    assert [*by] == ["all that there is", "the text alone", "the photograph alone"]
    assert all(row["answers"] and row["width"] for row in found["channels"])
    assert main(["predict", str(run), "--run", str(tmp_path), "--format", "csv"]) == 0
    table = arrow_csv.read_csv(tmp_path / "scores.csv").to_pydict()
    with raw.open(encoding="utf-8") as stream:
        given = {row["id"]: row for row in csv.DictReader(stream)}
    some = [given[name] for name in table["answer"][:8]]
    assert table["photographed"][:8] == [bool(row["image"]) for row in some]
    assert "score by what was photographed" in table
    engine = open_engine(run)
    graded = engine.grade(
        [{"text": row["text"], "image": str(raw.parent / row["image"]) if row["image"] else ""}
         for row in some]
    )  # fmt: skip
    values = [own["score"].value for own in graded]
    np.testing.assert_allclose(values, table["score"][:8], atol=2e-3)
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="row 1: the field 'image' is"):
        engine.grade([{"text": "1+1=2"}, {"image": str(tmp_path / "a.png")}])
    with pytest.raises(DataError, match="row 0: the field 'image' is 'int'"):
        engine.grade([{"image": 3}])
    # Answers without any photograph are graded by a network that has learnt from some.
    typed = raw.with_name("typed.csv")
    typed.write_text("audio,text\n,1+1=2\n,1+1=3\n", "utf-8")
    words = ["predict", str(run), "--data.path", str(typed), "--run", str(tmp_path / "typed")]
    assert main([*words, "--format", "csv"]) == 0
    right, wrong = arrow_csv.read_csv(tmp_path / "typed" / "scores.csv")["score"].to_pylist()
    assert right > wrong
    store = raw.with_suffix(".store")
    number = SpokenStore(store).num_rows("photographs")
    assert main(["data", "forget", "--student", "Ann", str(store)]) == 0
    left = SpokenStore(store)
    left.verify()
    assert left.photograph.max() == left.num_rows("photographs") - 1 < number - 1


def test_a_frozen_encoder_sees_each_photograph_once(tmp_path: Path) -> None:
    raw, run = write_sums(tmp_path / "in", 32), tmp_path / "run"
    model = write_vision(tmp_path / "model")
    words = ["fit", "--config", "spoken", "--data.path", str(raw), "--data.vision", str(model),
             "--model.net.dim", "16", "--model.net.blocks", "1", "--run", str(run),
             "--trainer.accelerator", "cpu", "--trainer.max_epochs", "1"]  # fmt: skip
    assert main(words) == 0
    store = SpokenStore(raw.with_suffix(".store"))
    kept = sorted(raw.with_suffix(".features").glob("vision-*/*/*.npy"))
    assert len(kept) == store.num_rows("photographs")
    assert main(["predict", str(run), "--run", str(tmp_path), "--format", "csv"]) == 0
    table = arrow_csv.read_csv(tmp_path / "scores.csv").to_pydict()
    with raw.open(encoding="utf-8") as stream:
        given = {row["id"]: row for row in csv.DictReader(stream)}
    seen = [given[name] for name in table["answer"] if given[name]["image"]][:3]
    graded = open_engine(run).grade(
        [{"text": row["text"], "image": (raw.parent / row["image"]).read_bytes()} for row in seen]
    )
    scores = dict(zip(table["answer"], table["score"], strict=True))
    np.testing.assert_allclose(
        [own["score"].value for own in graded], [scores[row["id"]] for row in seen], atol=2e-3
    )
    assert main(["data", "forget", "--student", "Ann", str(raw.with_suffix(".store"))]) == 0
    assert 0 < len([file for file in kept if file.is_file()]) < len(kept)
    write_vision(tmp_path / "model", seed=1)
    with pytest.raises(CheckpointError, match="is not the one that the network was trained with"):
        open_engine(run).grade([{"image": str(raw.parent / seen[0]["image"])}])

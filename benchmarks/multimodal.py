"""Are answers that were typed and spoken graded together? The goals of spoken answers.

    python benchmarks/multimodal.py            # the campaign, about half an hour on two cores
    python benchmarks/multimodal.py --short    # features, damage, cost and photographs, in minutes

The Free Spoken Digit Dataset, a speaker left out at a time, with a constructed task: is the digit
that was said the one that was typed? And sixty sentences of three learners of speechocean762. The
network begins from nothing, and once hears what a frozen Whisper does (`make bench-deps`). And sums
that are drawn on paper, right and wrong: a constructed task too, and no handwriting. The data is
looked for where TORCHEDU_DATA says, or in ../shared/data.
"""

import json
import os
import statistics
import sys
import time
import wave
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import harness
import numpy as np
import torch
from harness import Goal, Job
from PIL import Image, ImageDraw, ImageFont
from whisper_weights import whisper

from torchedu.datamodules import SpokenAnswers
from torchedu.datasets.importers import import_data
from torchedu.domains import Spoken
from torchedu.features.log_mel import LogMel
from torchedu.models import SpokenGrader

SPEAKERS = 6
LEARNERS = 3
MATCHED = ("--model.net.matched", 3)
"""To tell its own text is the task itself here; chosen, as dropout was, by one of the speakers."""
HEARD_EPOCHS = 10
"""Those over the states of an encoder, which says most already."""
LONGEST = 3
"""Seconds that hold every digit."""
EACH = 50
"""Recordings of each kind of damage."""
RATE = 8_000
SUMS = 480
"""Photographs of sums, by 24 students."""
SUM_EPOCHS = 20
TASK = [
    *("datamodules/spoken_answers.py", "readers/spoken.py", "models/spoken_grader.py"),
    *("layers/frames.py", "layers/fusion.py", "domains/spoken.py", "tasks/spoken.py"),
    *("metrics/grades.py", "metrics/grade_scores.py", "baselines/spoken.py"),
    *("models/answer_channels.py", "layers/pictures.py"),
    *("features/answer_sums.py", "prediction/spoken.py", "evaluation/spoken.py"),
    *("evaluation/spoken_sections.py", "engine/spoken.py", "leaks/spoken.py"),
    "recipes/spoken.yaml",
]
"""New files of the task itself; recordings, photographs, encoders, importers and the check of
networks stand apart."""
EDITED = [
    *(f"{room}/__init__.py" for room in ("domains", "tasks", "models", "datamodules", "engine")),
    *("prediction/__init__.py", "evaluation/__init__.py", "evaluation/lead.py", "leaks/check.py"),
    *("__init__.py", "batch.py", "schema.py", "run_folder.py", "cli/first_look.py"),
]
"""Files that name the task, or what it reads."""


def torchedu(*words: object) -> harness.Finished:
    """Run a command on one thread."""
    return harness.run([harness.script("torchedu"), *map(str, words)])


def fitted(name: str, store: Path, *words: object) -> tuple[dict[str, Any], harness.Finished]:
    """Train and score with one command; its evaluation, and what it cost."""
    run = RUNS / name
    done = torchedu(
        "fit", "--config", "spoken", "--data.path", store, "--run", run,
        "--trainer.accelerator", "cpu", *words,
    )  # fmt: skip
    return json.loads((run / "evaluation.json").read_text("utf-8")), done


def digits_store(asked: str) -> Path:
    """Import the digits once for all jobs."""
    folder = RUNS / f"{asked}.store"
    if not folder.is_dir():
        raw = harness.real_data() / "voice" / "fsdd"
        torchedu("data", "import", "fsdd", raw, folder, "--asked", asked)
    return folder


def left_out(speaker: int) -> tuple[object, ...]:
    """Return the words that leave a speaker out."""
    return ("--data.split", "fold", "--data.folds", SPEAKERS, "--data.fold", speaker)


def each_left_out(name: str, *words: object) -> list[dict[str, Any]]:
    """Train six times, each time without one of the speakers, who is scored."""
    store, runs = digits_store("same"), []
    for speaker in range(SPEAKERS):
        evaluation, done = fitted(f"{name}-{speaker}", store, *left_out(speaker), *words)
        runs.append({
            "auc": evaluation["scores"][0]["score_auc"],
            "scores": evaluation["scores"], "channels": evaluation["channels"],
            "cpu_seconds": round(done.cpu_seconds), "seconds": round(done.seconds),
        })  # fmt: skip
    return runs


def digits() -> tuple[list[Goal], Any]:
    """Leave each speaker out with the network that begins from nothing."""
    runs = each_left_out("digits", *MATCHED)
    aucs = [run["auc"] for run in runs]
    minutes = sum(run["cpu_seconds"] for run in runs) / 2 / 60
    mean = statistics.fmean(aucs)
    return [
        Goal("multi.digits", mean, "at least .97, mean of speakers", mean >= 0.97),
        Goal("multi.digits_least", min(aucs), "at least .93", min(aucs) >= 0.93),
        Goal("multi.digits_minutes", minutes, "below 15, of two cores", minutes < 15),
    ], {"runs": runs}


def encoder() -> tuple[list[Goal], Any]:
    """Leave each speaker out, heard by a frozen Whisper tiny.en; its states are made once."""
    model = whisper(RUNS / "whisper")
    runs = each_left_out("whisper", "--data.speech", model, "--data.window", LONGEST,
                         "--trainer.max_epochs", HEARD_EPOCHS)  # fmt: skip
    aucs = [run["auc"] for run in runs]
    mean = statistics.fmean(aucs)
    return [
        Goal("multi.encoder", mean, "at least .99, mean of speakers", mean >= 0.99),
        Goal("multi.encoder_least", min(aucs), "at least .97", min(aucs) >= 0.97),
    ], {"runs": runs}


def missing() -> tuple[list[Goal], Any]:
    """Ask which digit was said too, and hide the text or the recording of a new speaker."""
    evaluation, _ = fitted("missing", digits_store("both"), *left_out(0))
    rows = [row for row in evaluation["channels"] if row["score"] == "digit"]
    worst = max(row["calibration_error"] for row in rows)
    goal = Goal("multi.missing", worst, "calibration error below .08", worst < 0.08)
    return [goal], {"channels": evaluation["channels"]}


def speech() -> tuple[list[Goal], Any]:
    """Train on two learners and score the third; what is said of it is the goal."""
    raw, store = harness.real_data() / "voice" / "speechocean60", RUNS / "learners.store"
    torchedu("data", "import", "speechocean762", raw, store)
    found, told = [], []
    for speaker in range(LEARNERS):
        words = ("--data.split", "fold", "--data.folds", LEARNERS, "--data.fold", speaker)
        evaluation, _ = fitted(f"learners-{speaker}", store, *words)
        sections = {one["title"]: one["sentence"] for one in evaluation["sections"]}
        told.append("carries a claim for a new speaker" in sections["Within speakers"])
        found.append({name: evaluation[name] for name in ("scores", "within", "channels")})
    first = [row for one in found for row in one["within"] if row["score"] == "score"]
    mine = [row["value"] for row in first if row["model"] == "SpokenGrader"]
    mean = statistics.fmean(value for value in mine if value is not None)
    whole = all(told) and len(mine) == LEARNERS and any(
        row["model"] == "duration alone" and row["low"] is not None for row in first
    )  # fmt: skip
    must = "told with its interval, beside duration alone, and as no claim for a new speaker"
    return [Goal("multi.speech", mean, must, whole)], {"learners": found}


def features() -> tuple[list[Goal], Any]:
    """Time log-mel frames, and batches beside steps of training."""
    torch.set_num_threads(1)
    how = LogMel(16_000, 64)
    minute = (np.random.default_rng(0).normal(size=60 * how.rate) * 3000).astype(np.int16)
    how(minute)
    begin = time.process_time()
    for _ in range(5):
        how(minute)
    times = 300 / (time.process_time() - begin)
    folder = RUNS / "tones"
    data = SpokenAnswers(str(tones(folder, 256)), batch_size=32, options={"rate": RATE})
    task = Spoken(SpokenGrader, **{size: getattr(data, size) for size in Spoken.sizes})
    task.agree(data, training=True)
    task.train()
    batches, order = data.training()
    building = stepping = 0.0
    for index in [*order.epoch(0), *order.epoch(1)]:
        begin = time.process_time()
        batch = batches(index)
        middle = time.process_time()
        loss, count = task.loss(batch)
        (loss.sum() / count.sum()).backward()
        building += middle - begin
        stepping += time.process_time() - middle
    share = building / stepping
    return [
        Goal("multi.features", times, "at least 150 times real time a core", times >= 150),
        Goal("multi.loader", share, "a batch costs less than its step", share < 1),
    ], {"building": building, "stepping": stepping}


def tones(folder: Path, number: int) -> Path:
    """Write tones of two heights and their names."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["audio,text,score,speaker"]
    for i in range(number):
        write(folder / f"{i}.wav", tone(300 + 300 * (i % 2), seconds=2.0))
        lines.append(f"{i}.wav,{('low', 'high')[i // 2 % 2]},{int(i % 2 == i // 2 % 2)},s{i % 16}")
    (folder / "answers.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder / "answers.csv"


def tone(pitch: float, seconds: float = 0.5) -> np.ndarray:
    """Return the samples of a tone."""
    samples = 8000 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * RATE)) / RATE)
    return samples.astype(np.int16)


def write(file: Path, samples: np.ndarray, channels: int = 1, width: int = 2) -> Path:
    """Write a WAV file of 16 or 8 bits."""
    with wave.open(str(file), "wb") as stream:
        stream.setnchannels(channels)
        stream.setsampwidth(width)
        stream.setframerate(RATE)
        raw = samples if width == 2 else (samples // 256 + 128).astype(np.uint8)
        stream.writeframes(raw.tobytes())
    return file


def damaged(kind: str, file: Path) -> None:
    """Write a recording with some damage."""
    whole = write(file, tone(440)).read_bytes()
    if kind == "missing":
        file.unlink()
    elif kind == "silent":
        write(file, 0 * tone(440))
    elif kind == "stereo":
        write(file, np.repeat(tone(440), 2), channels=2)
    elif kind == "eight bits":
        write(file, tone(440), width=1)
    elif kind == "three hours":
        size = 3 * 3600 * RATE * 2  # all of it there, and nothing of it on the disk
        file.write_bytes(whole[:40] + size.to_bytes(4, "little"))
        os.truncate(file, 44 + size)
    else:
        file.write_bytes({
            "empty": b"", "cut": whole[: len(whole) // 2], "no sound": b"I speak. " * 500,
            "wrong header": whole[:24] + (7).to_bytes(4, "little") + whole[28:],
        }[kind])  # fmt: skip


BAD = ("missing", "empty", "cut", "silent", "three hours", "no sound", "wrong header")
FINE = ("stereo", "eight bits")
SCRIPTS = ("да", "是的", "نعم", "हाँ", "ναι", "はい", "네", "כן")


def damage() -> tuple[list[Goal], Any]:
    """Import recordings with every damage: each is counted and named, and the rest goes on."""
    folder = RUNS / "damage"
    folder.mkdir()
    names, fine = [], EACH * (len(BAD) + 1)
    for kind in (*BAD, *FINE):
        for i in range(EACH):
            names.append(f"{kind} {i}.wav")
            damaged(kind, folder / names[-1])
    for i in range(fine):
        names.append(f"{SCRIPTS[i % len(SCRIPTS)]} {i}.wav")
        write(folder / names[-1], tone(440))
    said = (SCRIPTS[i % len(SCRIPTS)] for i in range(len(names)))
    both = enumerate(zip(names, said, strict=True))
    rows = [f"{name},{text},s{i % 9}" for i, (name, text) in both]
    table = folder / "answers.csv"
    table.write_text("\n".join(["audio,text,speaker", *rows]) + "\n", "utf-8")
    store = import_data("spoken", table, RUNS / "damage.store", {"on_bad_row": "drop"})
    dropped = store.about["dropped"]
    counted = sum(entry["rows"] for entry in dropped.values())
    notes = " ".join(store.about["notes"])
    right = (
        counted == EACH * len(BAD)
        and store.num_answers == fine + EACH * len(FINE)
        and all(f"{EACH} recordings {what}" in notes for what in ("have several", "have samples"))
    )
    ends = []
    for kind in BAD:
        row = names.index(f"{kind} 0.wav")
        table.write_text(f"audio,text,speaker\n{rows[row]}\n", "utf-8")
        words = ["data", "import", "spoken", table, RUNS / "one.store"]
        try:
            torchedu(*words)
            ends.append("read")
        except RuntimeError as error:
            lines = str(error).split("ended with 2:\n")[-1].strip().splitlines()
            ends.append(len(lines))
    right = right and ends == [2] * len(BAD)
    goal = Goal("multi.damage", counted, "all named and counted, or two lines and exit 2", right)
    return [goal], {"dropped": dropped, "notes": store.about["notes"], "lines": ends}


def photographed() -> tuple[list[Goal], Any]:
    """Train on sums that are drawn, of which photographs alone tell whether they are right."""
    folder = RUNS / "sums"
    folder.mkdir()
    lines = ["image,score,speaker"]
    for i in range(SUMS):
        right, first, other = i % 2, 1 + i // 2 % 2, 1 + i // 4 % 2
        told = first + other + (0 if right else 1 - 2 * (i // 8 % 2))
        sum_on_paper(f"{first}+{other}={told}", i).save(folder / f"{i}.png")
        lines.append(f"{i}.png,{right},s{i // 20}")
    table = folder / "answers.csv"
    table.write_text("\n".join(lines) + "\n", "utf-8")
    words = ("--data.pixels", 64, "--data.batch_size", 8, "--trainer.max_epochs", SUM_EPOCHS)
    evaluation, done = fitted("photographed", table, *words)
    scores = {row["name"]: row["score_auc"] for row in evaluation["scores"]}
    (alone,) = (row for row in evaluation["channels"] if row["by"] == "the photograph alone")
    cost = {"cpu_seconds": round(done.cpu_seconds), "seconds": round(done.seconds)}
    return [
        Goal("multi.photographed", alone["auc"], "AUC of new students at least .95",
             alone["auc"] >= 0.95),
    ], {"scores": scores, "channels": evaluation["channels"], **cost}  # fmt: skip


def sum_on_paper(text: str, seed: int) -> Image.Image:
    """Draw a sum in ink on paper of some shade, a little askew."""
    draw = np.random.default_rng(seed)
    paper, ink = int(draw.integers(190, 256)), int(draw.integers(0, 100))
    picture = Image.new("RGB", (104, 44), (paper,) * 3)
    place = tuple(int(n) for n in draw.integers(2, (14, 12)))
    font = ImageFont.load_default(float(draw.uniform(19, 25)))
    ImageDraw.Draw(picture).text(place, text, fill=(ink,) * 3, font=font)
    return picture.rotate(float(draw.uniform(-4, 4)), fillcolor=(paper,) * 3)


def cost() -> tuple[list[Goal], Any]:
    """Count what the task itself took."""
    package = harness.ROOT / "torchedu"
    lines = {name: len((package / name).read_text("utf-8").splitlines()) for name in TASK}
    number, total = len(lines), sum(lines.values())
    return [
        Goal("multi.cost_files", number, "at most 12 new files", number <= 12),
        Goal("multi.cost_lines", total, "at most 1,400 lines", total <= 1400),
        Goal("multi.cost_edited", len(EDITED), "4 files edited", len(EDITED) <= 4),
    ], {"lines": lines, "edited": EDITED}


def begins() -> tuple[list[Goal], Any]:
    """Train four epochs without the first speaker: does anything come of it?"""
    words = (*left_out(0), "--trainer.max_epochs", 4)
    evaluation, _ = fitted("begins", digits_store("same"), *words)
    auc = evaluation["scores"][0]["score_auc"]
    goal = Goal("multi.begins", auc, "at least .7 after 4 epochs", auc >= 0.7)
    return [goal], {"scores": evaluation["scores"]}


_HOME = TemporaryDirectory(prefix="torchedu-")
RUNS = Path(os.environ.get("TORCHEDU_RUNS") or _HOME.name)
JOBS = [
    Job(("multi.features", "multi.loader"), features),
    Job(("multi.damage",), damage),
    Job(("multi.cost_files", "multi.cost_lines", "multi.cost_edited"), cost),
    Job(("multi.photographed",), photographed),
    Job(("multi.speech",), speech),
    Job(("multi.missing",), missing),
    Job(("multi.digits", "multi.digits_least", "multi.digits_minutes"), digits),
    Job(("multi.encoder", "multi.encoder_least"), encoder),
    Job(("multi.features", "multi.loader"), features, short=True),
    Job(("multi.damage",), damage, short=True),
    Job(("multi.cost_files", "multi.cost_lines", "multi.cost_edited"), cost, short=True),
    Job(("multi.photographed",), photographed, short=True),
    Job(("multi.begins",), begins, short=True),
]


if __name__ == "__main__":
    sys.exit(harness.main("multimodal", JOBS, __doc__.splitlines()[0]))

"""Small answers typed and spoken: tones that say their score, and files of published layouts."""

import csv
import json
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 8_000
SPEAKERS = ("Ann", "Bea", "Carl", "Dana", "Emil", "Finn", "Gus", "Hana")


def tone(pitch: float, seconds: float = 0.3, seed: int = 0) -> NDArray[np.int16]:
    """Return a tone with some noise."""
    time = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).normal(size=len(time))
    samples = 0.3 * np.sin(2 * np.pi * pitch * time) + 0.02 * noise
    return (samples * 32767).astype(np.int16)


def write_wav(file: Path, samples: NDArray[np.int16], rate: int = RATE, channels: int = 1) -> Path:
    """Write a recording of 16 bits."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(file), "wb") as stream:
        stream.setnchannels(channels)
        stream.setsampwidth(2)
        stream.setframerate(rate)
        stream.writeframes(samples.tobytes())
    return file


def write_answers(folder: Path, num: int = 64) -> Path:
    """Write answers whose pitch is their score, and where they are typed the text too.

    Every fifth has no text, every seventh no recording.
    """
    words = ("low", "middle", "high")
    folder.mkdir(parents=True)
    file = folder / "answers.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("id", "text", "audio", "score", "length", "speaker", "sex"))
        for i in range(num):
            score, speaker = i % 3, SPEAKERS[i // 3 % len(SPEAKERS)]
            seconds = 0.2 + 0.1 * (i % 4)
            text = "" if i % 5 == 4 else f"it is {words[score]}"
            path = "" if i % 7 == 6 and text else f"sound/{i}.wav"
            if path:
                pitch = 300 * (score + 1) * (1 + i // 3 % len(SPEAKERS) / 50)
                write_wav(folder / path, tone(pitch, seconds, i))
            row = (f"a{i}", text, path, score, f"{seconds:.1f}", speaker, "fm"[i // 3 % 2])
            writer.writerow(row)
    return file


def write_digits(folder: Path, indices: int = 2) -> Path:
    """Write recordings as the Free Spoken Digit Dataset calls them."""
    for digit in range(10):
        for who, name in enumerate(SPEAKERS[:3]):
            for index in range(indices):
                pitch = 200 * (digit + 1) * (1 + who / 20)
                write_wav(folder / f"{digit}_{name.lower()}_{index}.wav", tone(pitch, 0.2, index))
    return folder


def write_corpus(folder: Path, full: bool = False) -> Path:
    """Write learners' sentences as speechocean762 has them.

    Args:
        folder: Where.
        full: As published, with folders of parts and of recordings; else all in one folder.
    """
    scores, speakers = {}, {}
    for i in range(12):
        name, who = f"{i:09d}", f"{i % 4:04d}"
        place = folder / "WAVE" / f"SPEAKER{who}" if full else folder
        write_wav(place / f"{name}.WAV", tone(300 + 20 * i, 0.4, i), 16_000)
        five = [float(min(10, 4 + (i + k) % 5)) for k in range(5)]
        scores[name] = {"text": f"WORD {i}", "total": five, "accuracy": five, "fluency": five,
                        "prosodic": five, "completeness": [1.0] * 5}  # fmt: skip
        speakers[name] = who
    if full:
        (folder / "resource").mkdir()
        (folder / "resource" / "scores-detail.json").write_text(json.dumps(scores), "utf-8")
        for part, own in (("train", "01"), ("test", "23")):
            mine = {name: who for name, who in speakers.items() if who[-1] in own}
            _lists(folder / part, mine)
    else:
        lines = (f"{name}\t{json.dumps(given)}\n" for name, given in scores.items())
        (folder / "scores.tsv").write_text("".join(lines), "utf-8")
        _lists(folder, speakers)
    return folder


def _lists(folder: Path, speakers: dict[str, str]) -> None:
    folder.mkdir(exist_ok=True)
    people = sorted(set(speakers.values()))
    for name, pairs in {
        "utt2spk": speakers,
        "spk2age": {who: str(10 + 5 * int(who)) for who in people},
        "spk2gender": {who: "mf"[int(who) % 2] for who in people},
    }.items():
        text = "".join(f"{key}\t{value}\n" for key, value in pairs.items())
        (folder / name).write_text(text, "utf-8")

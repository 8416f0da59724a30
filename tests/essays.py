"""Small graded texts with tiny encoders to read them."""

import csv
from pathlib import Path

import numpy as np

from tests.encoders import WORDS


def write_essays(file: Path, num: int = 160, prompts: tuple[str, ...] = ("hats", "cats")) -> Path:
    """Write essays of several prompts whose scores are told by length and by one word."""
    drawn = np.random.default_rng(0)
    scales = [(1, 6), (0, 30), (2, 12)]
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("id", "prompt", "text", "score", "low", "high", "rater1", "rater2", "sex"))
        for i in range(num):
            low, high = scales[i % len(prompts)]
            length, goodness = int(drawn.integers(5, 60)), float(drawn.random())
            words = [
                "gap" if drawn.random() < goodness else one for one in drawn.choice(WORDS, length)
            ]
            share = 0.5 * length / 60 + 0.5 * goodness
            score = round(low + (high - low) * share)
            raters = np.clip(score + drawn.integers(-1, 2, 2), low, high)
            row = (f"e{i}", prompts[i % len(prompts)], " ".join(words) + ".", score, low, high)
            writer.writerow((*row, *raters.tolist(), "fm"[i % 2]))
    return file


def write_answers(folder: Path) -> Path:
    """Write the files of SemEval-2013 for answers that say what their reference says, or not."""
    drawn = np.random.default_rng(0)
    for part, names in (
        ("train", [f"q{i}" for i in range(6)]),
        ("test/test-unseen-answers", ["q0", "q1"]),
        ("test/test-unseen-questions", ["q7", "q8"]),
    ):
        for name in names:
            right = "the gap is closed" if int(name[1:]) % 2 else "the battery is home"
            answers = ""
            for i in range(16):
                label = ("correct", "incorrect", "contradictory")[i % 3]
                text = {"correct": right, "incorrect": "a cat sat", "contradictory": "the dog ran"}
                extra = " ".join(drawn.choice(WORDS, 2))
                answers += (
                    f'<studentAnswer id="{part}{name}{i}" accuracy="{label}">{text[label]} {extra}'
                    "</studentAnswer>"
                )
            file = folder / part / f"{name}.xml"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(
                f'<question id="{name}"><questionText>Why is bulb {name} on?</questionText>'
                f'<referenceAnswers><referenceAnswer category="BEST">{right}</referenceAnswer>'
                f"</referenceAnswers><studentAnswers>{answers}</studentAnswers></question>",
                "utf-8",
            )
    return folder

"""Small photographs of sums, drawn: right and wrong, askew, on paper of some shade."""

import csv
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

STUDENTS = ("Ann", "Bea", "Carl", "Dana", "Emil", "Finn", "Gus", "Hana")


def drawn(text: str, seed: int = 0, size: tuple[int, int] = (96, 40)) -> Image.Image:
    """Draw a text in ink on paper, a little askew; ``size`` is width and height."""
    draw = np.random.default_rng(seed)
    paper, ink = int(draw.integers(200, 256)), int(draw.integers(0, 90))
    picture = Image.new("RGB", size, (paper, paper, paper))
    x, y = draw.integers(2, 12), draw.integers(2, 10)
    font = ImageFont.load_default(float(draw.integers(20, 24)))
    ImageDraw.Draw(picture).text((int(x), int(y)), text, fill=(ink, ink, ink), font=font)
    return picture.rotate(float(draw.uniform(-3, 3)), fillcolor=(paper,) * 3)


def coded(picture: Image.Image, form: str = "PNG", **how: Any) -> bytes:
    """Return the file of a picture."""
    file = BytesIO()
    picture.save(file, form, **how)
    return file.getvalue()


def write_sums(folder: Path, num: int = 64, typed: bool = True) -> Path:
    """Write one sum on paper, right or wrong, and what was typed beside: the same, or nothing.

    Every fifth has no text, every seventh no photograph, where any is typed.
    """
    (folder / "paper").mkdir(parents=True)
    file = folder / "answers.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("id", "text", "image", "score", "speaker"))
        for i in range(num):
            right = i % 2
            said = "1+1=2" if right else "1+1=3"
            text = "" if i % 5 == 4 or not typed else said
            path = "" if i % 7 == 6 and text else f"paper/{i}.png"
            if path:
                (folder / path).write_bytes(coded(drawn(said, i)))
            writer.writerow((f"a{i}", text, path, right, STUDENTS[i // 4 % len(STUDENTS)]))
    return file

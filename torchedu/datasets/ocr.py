"""What stands on a photograph, read off by a package that the user names."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchedu.errors import ConfigError, MissingExtraError, allowed

SIDE = 2048
"""Photographs are read with as many pixels as a square of this side has, at most."""

Reader = Callable[[NDArray[np.uint8]], str]


def check_ocr(name: str | None) -> None:
    """Refuse what is no known way of reading photographs.

    Raises:
        ConfigError: It is none.
    """
    if name is not None and name not in READERS:
        raise ConfigError(
            f"⟦ocr⟧ is {name!r}.", allowed(name, READERS),
            option="ocr", value=name, allowed=[*READERS],
        )  # fmt: skip


def ocr_reader(name: str) -> Reader:
    """Return what reads the text off the pixels of a photograph, line by line; "" without any.

    Args:
        name: One of ``READERS``.

    Raises:
        ConfigError: It is not known.
        MissingExtraError: Its package is not installed.
    """
    check_ocr(name)
    return READERS[name]()


def _rapidocr() -> Reader:
    """Return PaddleOCR's networks under ONNX Runtime; weights and a dictionary are in the wheel."""
    try:
        from rapidocr_onnxruntime import RapidOCR
    except ImportError as error:
        package = error.name or "rapidocr-onnxruntime"
        raise MissingExtraError("Reading text off photographs", package, "ocr") from None
    engine = RapidOCR()

    def read(pixels: NDArray[np.uint8]) -> str:
        boxes, _ = engine(np.ascontiguousarray(pixels[..., ::-1]))  # blue, green, red
        return "\n".join(lines([(box, text) for box, text, _ in boxes or []]))

    return read


def lines(boxes: list[tuple[Any, str]]) -> list[str]:
    """Return what stands in boxes line by line, from the top, each from the left.

    Args:
        boxes: Four corners of each, (x, y), and the text in it.
    """
    placed = []
    for corners, text in boxes:
        corner_42 = np.asarray(corners, np.float64)
        (left, top), (_, bottom) = corner_42.min(0), corner_42.max(0)
        placed.append((top, bottom, left, text.strip()))
    rows: list[list[tuple[float, float, float, str]]] = []
    for box in sorted(placed):
        middle = (box[0] + box[1]) / 2
        # Whose middle is above the end of the last line's first box stands in that line.
        if rows and middle < rows[-1][0][1]:
            rows[-1].append(box)
        else:
            rows.append([box])
    return [" ".join(box[3] for box in sorted(row, key=lambda box: box[2])) for row in rows]


READERS: dict[str, Callable[[], Reader]] = {"rapidocr": _rapidocr}
"""Ways of reading photographs, by the name that the user gives."""

"""Text is read off photographs by what the user names, line by line."""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.picture_files import drawn
from torchedu.datasets.ocr import check_ocr, lines, ocr_reader
from torchedu.errors import ConfigError, MissingExtraError


def box(left: int, top: int) -> list[list[int]]:
    return [[left, top], [left + 40, top + 1], [left + 40, top + 21], [left, top + 20]]


def test_boxes_stand_in_lines_from_the_top_and_from_the_left() -> None:
    boxes = [(box(60, 4), "= 2"), (box(0, 50), " so"), (box(0, 0), "1+1"), (box(70, 46), "yes")]
    assert lines(boxes) == ["1+1 = 2", "so yes"]
    assert lines([]) == []


def test_pixels_reach_the_engine_as_it_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[np.ndarray] = []

    def engine(pixels: np.ndarray) -> tuple[Any, Any]:
        given.append(pixels)
        return ([[box(0, 0), "1+1=2", 0.9]] if len(given) == 1 else None), None

    packages = SimpleNamespace(RapidOCR=lambda: engine)
    monkeypatch.setitem(sys.modules, "rapidocr_onnxruntime", packages)
    read, pixels = ocr_reader("rapidocr"), np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert (read(pixels), read(pixels)) == ("1+1=2", "")
    np.testing.assert_array_equal(given[0], pixels[..., ::-1])


def test_what_is_not_known_or_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    check_ocr(None)
    with pytest.raises(ConfigError, match="rapidocr"):
        check_ocr("rapidocs")
    monkeypatch.setitem(sys.modules, "rapidocr_onnxruntime", None)
    with pytest.raises(MissingExtraError, match="rapidocr"):
        ocr_reader("rapidocr")


def test_the_package_reads_what_is_drawn() -> None:
    pytest.importorskip("rapidocr_onnxruntime", reason="needs the extra ocr")
    read = ocr_reader("rapidocr")
    assert read(np.asarray(drawn("WATER", size=(140, 48)))).strip().upper() == "WATER"

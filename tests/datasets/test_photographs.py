"""Photographs of every form become pixels the right way up, and what is none is told."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tests.picture_files import coded, drawn
from torchedu.datasets import photographs
from torchedu.datasets.attached import BadFile
from torchedu.datasets.photographs import decode, from_pixels, shrunk, smaller_size

PLAIN = drawn("1+1=2", size=(200, 80))


def announced(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes whose header announces so many pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def cut(file: bytes) -> bytes:
    return file[: len(file) // 2]


DAMAGE: dict[str, tuple[Callable[[], bytes], str]] = {
    "cut.png": (lambda: cut(coded(PLAIN)), "the photograph is cut"),
    "cut.jpg": (lambda: cut(coded(PLAIN, "JPEG")), "the photograph is cut"),
    "text.png": (lambda: b"no picture " * 99, "no photograph can be read from the file"),
    "header.png": (lambda: coded(PLAIN)[:8], "no photograph can be read from the file"),
    "picture.gif": (lambda: coded(PLAIN, "GIF"), "no photograph can be read from the file"),
    "bomb.png": (lambda: announced(100_000, 100_000), "the photograph has too many pixels"),
    "large.png": (lambda: announced(8_000, 9_000), "the photograph has too many pixels"),
    "small.png": (lambda: coded(PLAIN.crop((0, 0, 90, 7))), "a side of less than 8 pixels"),
    "blank.png": (lambda: coded(Image.new("RGB", (60, 60), "white")), "the photograph is blank"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_what_cannot_be_seen_is_told(name: str) -> None:
    make, reason = DAMAGE[name]
    with pytest.raises(BadFile, match=reason):
        decode(BytesIO(make()), 256)


def see_through() -> bytes:
    picture = PLAIN.convert("RGBA")
    dark = np.asarray(PLAIN)[..., 0] < 100
    picture.putalpha(Image.fromarray((dark * 255).astype(np.uint8)))
    return coded(picture)


FORMS: dict[str, tuple[Callable[[], bytes], tuple[str, ...]]] = {
    "jpeg": (lambda: coded(PLAIN, "JPEG", quality=95), ()),
    "webp": (lambda: coded(PLAIN, "WEBP", quality=95), ()),
    "grey": (lambda: coded(PLAIN.convert("L")), ()),
    "palette": (lambda: coded(PLAIN.convert("P")), ()),
    "deep": (lambda: coded(Image.fromarray(np.asarray(PLAIN.convert("L")).astype(np.uint16) << 8)),
             ()),
    "cmyk": (lambda: coded(PLAIN.convert("CMYK"), "JPEG", quality=95), (photographs.PRINT,)),
    "bits": (lambda: coded(PLAIN.convert("1")), (photographs.BITS,)),
    "see-through": (see_through, (photographs.THROUGH,)),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_every_form_shows_the_same(name: str) -> None:
    make, notes = FORMS[name]
    seen = decode(BytesIO(make()), 256)
    assert seen.notes == notes
    assert seen.pixels.shape == (80, 200, 3)
    assert seen.pixels.dtype == np.uint8
    dark = [pixels[..., 0] < 128 for pixels in (seen.pixels, np.asarray(PLAIN))]
    assert (dark[0] == dark[1]).mean() > 0.96
    assert dark[0].any()


@pytest.mark.parametrize("held", range(2, 9))
def test_a_photograph_stands_the_way_up_that_its_camera_says(held: int) -> None:
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[held]  # Pillow's numbers of what undoes it
    turned = PLAIN.transpose(Image.Transpose(back))
    exif = Image.Exif()
    exif[photographs.ORIENTATION] = held
    seen = decode(BytesIO(coded(turned, exif=exif)), 256)
    assert seen.notes == (photographs.TURNED,)
    np.testing.assert_array_equal(seen.pixels, np.asarray(PLAIN))


def test_a_large_one_is_made_smaller_and_a_strip_stays_one() -> None:
    seen = decode(BytesIO(coded(drawn("1", size=(900, 300)), "JPEG")), 64).pixels
    assert seen.shape[0] * seen.shape[1] <= 64**2
    assert abs(seen.shape[1] / seen.shape[0] - 3) < 0.2
    assert smaller_size(8, 20_000, 64) == (8, 512)  # no side becomes nothing
    assert smaller_size(30, 20, 64) == (30, 20)  # none becomes larger
    small = np.asarray(drawn("1", size=(30, 20)))
    assert shrunk(small, 64) is small


def test_pixels_in_memory_are_taken_as_a_file_would_be() -> None:
    pixels = np.asarray(PLAIN)
    np.testing.assert_array_equal(from_pixels(pixels, 256), pixels)
    assert from_pixels(pixels[..., 0], 256).shape == (80, 200, 3)
    for wrong in (pixels.astype(float), pixels[..., :2], pixels[0, 0], pixels[:3], 0 * pixels):
        with pytest.raises(BadFile):
            from_pixels(wrong, 256)

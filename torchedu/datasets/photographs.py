"""Photographs of what was written by hand, of any common form, as pixels the right way up."""

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.attached import BadFile
from torchedu.errors import MissingExtraError

FORMS = ("PNG", "JPEG", "WEBP")
"""Forms that are read, by what the content says; a JPEG of several pictures shows its first."""
MOST_PIXELS = 60_000_000
"""More are refused before any is decoded: a file of a few bytes may announce billions."""
LEAST = 8
"""Pixels of a side below which nothing can be seen."""
BLANK = 4
"""Steps of 256 between the darkest and the brightest of a photograph that shows nothing."""
ORIENTATION = 0x0112
"""The tag by which a camera says how it was held."""
TURNED, THROUGH, PRINT, BITS = (
    "are turned as their camera says",
    "are see-through in places, which are taken for white",
    "have the colours of print",
    "have one bit a pixel",
)


class Photograph(NamedTuple):
    """What a file of a picture shows.

    Attributes:
        pixels: Red, green and blue, uint8; shape (height, width, 3).
        notes: What was done to it that its owner should know, in words.
        announced: How many pixels the file has.
    """

    pixels: NDArray[np.uint8]
    notes: tuple[str, ...]
    announced: int


def decode(stream: Any, side: int, most_pixels: float = MOST_PIXELS) -> Photograph:
    """Read a photograph: PNG, JPEG or WebP, of any colours, the way up that its camera says.

    Args:
        stream: The file, opened for reading bytes in any order.
        side: It is made smaller to as many pixels as a square of this side has, at most.
        most_pixels: One of more is refused before it is decoded.

    Raises:
        BadFile: It is cut, blank, too large or too small, or no photograph.
        MissingExtraError: Pillow is not installed.
    """
    pillow, turning = _packages()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sizes, which are looked at here, and of damaged tags
        try:
            picture = pillow.open(stream, formats=FORMS)
        except pillow.DecompressionBombError:
            raise BadFile("the photograph has too many pixels") from None
        except (OSError, ValueError, SyntaxError, TypeError):
            raise BadFile("no photograph can be read from the file") from None
        width, height = picture.size
        if width * height > min(most_pixels, MOST_PIXELS):
            raise BadFile("the photograph has too many pixels")
        if min(width, height) < LEAST:
            raise BadFile(f"the photograph has a side of less than {LEAST} pixels")
        notes = [BITS] if picture.mode == "1" else []
        notes += [PRINT] if picture.mode == "CMYK" else []
        try:
            smaller = (width * height / side**2) ** -0.5
            if smaller < 1:  # a JPEG is then decoded at half or a quarter of its size
                picture.draft(None, (int(width * smaller) + 1, int(height * smaller) + 1))
            picture.load()
        except (OSError, ValueError, SyntaxError, EOFError, IndexError):
            raise BadFile("the photograph is cut") from None
        if _way_up(picture) != 1:
            notes.append(TURNED)
            picture = turning.exif_transpose(picture)
        if picture.has_transparency_data:
            notes.append(THROUGH)
            seen = picture.convert("RGBA")
            picture = pillow.alpha_composite(pillow.new("RGBA", seen.size, "white"), seen)
        elif picture.mode.startswith("I"):  # of 16 bits, which a conversion would cut off
            picture = pillow.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
        pixels = shrunk(np.asarray(picture.convert("RGB")), side)
    check(pixels)
    return Photograph(pixels, tuple(notes), width * height)


def from_pixels(pixels: NDArray[Any], side: int) -> NDArray[np.uint8]:
    """Return pixels in memory as a file of them would be read.

    Args:
        pixels: uint8; shape (height, width), or (height, width, 3) of red, green and blue.
        side: See ``decode``.

    Raises:
        BadFile: They are no photograph.
        MissingExtraError: Pillow is not installed.
    """
    if pixels.dtype != np.uint8 or pixels.shape[2:] not in ((), (3,)) or pixels.ndim < 2:
        raise BadFile("the photograph is no table of pixels")
    if min(pixels.shape[:2]) < LEAST:
        raise BadFile(f"the photograph has a side of less than {LEAST} pixels")
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, 2)
    small = shrunk(pixels, side)
    check(small)
    return small


def shrunk(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return a photograph of as many pixels as a square of a side has at most, of its own shape.

    Raises:
        MissingExtraError: Pillow is not installed.
    """
    height, width = pixels.shape[:2]
    return resized(pixels, *smaller_size(height, width, side))


def smaller_size(height: Any, width: Any, side: int) -> tuple[Any, Any]:
    """Return what height and width ``shrunk`` gives; numbers, or arrays of them."""
    size = np.asarray(height), np.asarray(width)
    share = np.minimum(1, side / np.sqrt(np.maximum(1, size[0] * size[1])))
    # Of a strip no side becomes nothing, and then the other has what is left.
    most = side**2 // LEAST
    smaller = (np.floor(n * share).clip(LEAST, most) for n in size)
    rows, columns = (np.minimum(*both).astype(np.int64) for both in zip(size, smaller, strict=True))
    return rows, columns


def resized(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Return a photograph of another size.

    Raises:
        MissingExtraError: Pillow is not installed.
    """
    if pixels.shape[:2] == (height, width):
        return pixels
    pillow, _ = _packages()
    picture = pillow.fromarray(pixels).resize((int(width), int(height)), pillow.Resampling.BOX
                                              if height < pixels.shape[0]
                                              else pillow.Resampling.BICUBIC)  # fmt: skip
    return np.asarray(picture)


def check(pixels: NDArray[np.uint8]) -> None:
    """Refuse pixels that show nothing.

    Raises:
        BadFile: They are all alike.
    """
    if int(np.ptp(pixels.max(2))) < BLANK and int(np.ptp(pixels.min(2))) < BLANK:
        raise BadFile("the photograph is blank")


def _way_up(picture: Any) -> int:
    """Return how the camera was held, 1 for upright, as a tag says that may be damaged."""
    try:
        return int(picture.getexif().get(ORIENTATION, 1))
    except (OSError, ValueError, SyntaxError, TypeError):
        return 1


def _packages() -> tuple[Any, Any]:
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise MissingExtraError("Reading photographs", "pillow", "images") from None
    return Image, ImageOps

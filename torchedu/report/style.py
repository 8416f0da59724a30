"""How every picture of torchedu looks, and how it becomes PNG for files and SVG for the page."""

import base64
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib.style
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter

# Okabe and Ito's colours, which the colour-blind tell apart, each with its twin for a dark page.
INK, MUTED, GRID, PAPER = "#1c2127", "#5f6872", "#e3e6ea", "#fffffe"
NETWORK, BOUND, BASELINE = "#0072b2", "#c24a00", "#8d96a0"
OTHERS = (BASELINE, "#009e73", "#cc79a7", "#e69f00")
_DARK = {
    INK: "#e6e8eb",
    MUTED: "#9aa4af",
    GRID: "#333a42",
    PAPER: "#15191e",
    NETWORK: "#56b4e9",
    BOUND: "#f28e4c",
    BASELINE: "#78828d",
    OTHERS[1]: "#2fc39b",
    OTHERS[2]: "#dd9cc0",
    OTHERS[3]: "#e9b64d",
}
Stroke = str | tuple[float, tuple[float, ...]]
STROKES: tuple[Stroke, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 2, 1.5, 2)), (0, (8, 2)))
"""How lines are drawn that are told apart without colours."""
HALF, FULL = 4.7, 9.6
"""Widths in inches: two pictures of half width stand side by side, and one fits a phone."""

# Scripts that matplotlib's own font lacks, where the machine has a font for them.
_FALLBACKS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "PingFang SC", "Hiragino Sans", "Microsoft YaHei",
    "WenQuanYi Micro Hei", "Noto Sans Devanagari", "Nirmala UI", "Noto Sans Thai",
    "Arial Unicode MS",
)  # fmt: skip
_STYLE = {
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": GRID,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.labelsize": 9.5,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "font.size": 9.5,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "figure.dpi": 160,
    "text.parse_math": False,  # a dollar in a skill's name is a dollar
    "svg.fonttype": "none",  # the browser has fonts for every script, and its text can be zoomed
    "svg.hashsalt": "torchedu",  # the same run gives the same bytes
}
_PAGE_FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"


@dataclass(frozen=True)
class Picture:
    """A drawn picture.

    Attributes:
        name: Its file's name without suffix.
        figure: The drawing, whole: it is laid out here.
        alt: What it shows, in words, for those who cannot see it.
    """

    name: str
    figure: Figure
    alt: str

    def __post_init__(self) -> None:
        """Lay the drawing out, once for all formats."""
        lay_out(self.figure)

    def png(self) -> bytes:
        """Return the picture as a PNG file for slides and papers."""
        return saved(self.figure, "png")

    def svg(self) -> tuple[str, str]:
        """Return the picture as two SVG data addresses: for a light page, and for a dark one.

        An SVG shown by an ``img`` element runs no script and loads nothing, whatever is in it.
        """
        light = saved(self.figure, "svg").decode("utf-8")
        # Only inside tags: a name may well contain the code of a colour.
        light = re.sub(r"<[^>]*>", lambda tag: _page_fonts(tag[0]), light)
        dark = re.sub(r"<[^>]*>", lambda tag: _in_dark(tag[0]), light)
        return _data_address(light), _data_address(dark)


@contextmanager
def drawing() -> Iterator[None]:
    """Draw and save inside this: torchedu's style, whatever the user's matplotlib is set to."""
    known = set(font_manager.fontManager.get_font_names())
    fonts = ["DejaVu Sans", *(font for font in _FALLBACKS if font in known)]
    with (
        matplotlib.style.context(["default", {**_STYLE, "font.family": fonts}]),
        warnings.catch_warnings(),
    ):
        # A script without a font shows as boxes in the PNG; the page shows it right.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def blank(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of so many inches and its one pair of axes."""
    figure = Figure(figsize=(width, height))
    return figure, figure.subplots()


def above_counts(height: float, counted: str) -> tuple[Figure, Axes, Axes]:
    """Return a figure of half width: axes for a curve, and low ones below for what is counted."""
    figure = Figure(figsize=(HALF, height))
    curve, counts = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    curve.tick_params(bottom=False)
    counts.grid(visible=False)
    counts.set_ylabel(counted)
    counts.yaxis.set_major_formatter(FuncFormatter(lambda n, _: compact(n)))
    return figure, curve, counts


def compact(count: float) -> str:
    """Write a count in few characters, such as ``12k``."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(count) >= size:
            return f"{count / size:.3g}{unit}"
    return f"{count:.3g}"


def short(text: str, most: int = 30) -> str:
    """Cut a long name in its middle, where names that differ mostly agree."""
    if len(text) <= most:
        return text
    half = (most - 1) // 2
    return f"{text[: most - 1 - half].rstrip()}…{text[-half:].lstrip()}"


def lay_out(figure: Figure) -> None:
    """Give all that a finished figure holds its room.

    A figure with a layout of its own would be laid out, and drawn twice, each time it is saved.
    """
    ConstrainedLayoutEngine().execute(figure)


def saved(figure: Figure, form: str) -> bytes:
    """Return a figure as the bytes of a file of the format: ``png``, ``svg`` or ``pdf``."""
    file = io.BytesIO()
    dated = {"svg": "Date", "pdf": "CreationDate"}.get(form)
    figure.savefig(file, format=form, metadata={dated: None} if dated else None)
    return file.getvalue()


def _page_fonts(tag: str) -> str:
    return re.sub(r"'DejaVu Sans'(, '[^']*')*(, sans-serif)?", _PAGE_FONTS, tag)


def _in_dark(tag: str) -> str:
    return re.sub(r"#[0-9a-f]{6}", lambda colour: _DARK.get(colour[0], colour[0]), tag)


def _data_address(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode("utf-8")).decode("ascii")


def label_shares(axis: Axis, least: float, most: float) -> None:
    """Label no place of an axis beyond 0 and 1 where no value is: nothing scores above all.

    Args:
        axis: The axis, its limits set.
        least: The lowest value drawn.
        most: The highest.
    """
    first, last = sorted(axis.get_view_interval())
    low = first if least < 0 else max(first, -1e-9)  # places are not whole tenths to the last bit
    high = last if most > 1 else min(last, 1 + 1e-9)
    axis.set_ticks([place for place in axis.get_majorticklocs() if low <= place <= high])

# Long because every form that a report draws stands here, each with its attributes told.
"""What an evaluation has to tell, in a few forms that a report can draw of any task.

A section is a title, a sentence and some forms. An evaluation builds them of plain numbers and
names, ``evaluation.json`` keeps them, and a report draws each form whatever it is about.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, ClassVar, TypeVar

from torchedu.strict import anything, arguments, check

T = TypeVar("T")

Number = float | int | None
"""A number, None where it is not defined."""
PERFECT = "1.0000: look for a leak"
"""What is said of a score that nobody reaches honestly."""


_WAVE = re.compile("UklGR[A-Za-z0-9+/]*={0,2}")  # RIFF, and what follows


def is_perfect(score: Number) -> bool:
    """Say whether a score that is better the higher it is reads as 1 in four places."""
    return score is not None and f"{score:.4f}" == "1.0000"


@dataclass(frozen=True)
class Table:
    """Rows of numbers or words under headings.

    Attributes:
        columns: The headings, that of the rows' names first.
        rows: Of each its name, and what stands under the other headings.
        folded: What is said where the table opens at a click; always open where it is empty.
        opens: Whether such a table is open at first.
        bars: Columns of shares, which are drawn beside their numbers.
    """

    form: ClassVar[str] = "table"

    columns: Sequence[str]
    rows: Sequence[Sequence[str | Number]]
    folded: str = ""
    opens: bool = False
    bars: Sequence[int] = ()

    def __post_init__(self) -> None:
        """Refuse rows of other lengths."""
        _same("a row of a table", len(self.columns), *map(len, self.rows))


@dataclass(frozen=True)
class Line:
    """A line of points.

    Attributes:
        name: What it is of.
        x: Where its points stand.
        y: How high they are, None where that is not defined.
        kind: ``network``, ``baseline``, ``bound`` or ``oracle``, whose colours all pictures share;
            a colour of its own where it is empty.
        note: What the legend says beside the name, such as a score.
    """

    name: str
    x: Sequence[float]
    y: Sequence[Number]
    kind: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse points without one of their numbers."""
        _same(f"a number of the line {self.name!r}", len(self.x), len(self.y))


@dataclass(frozen=True)
class Lines:
    """Lines over one axis.

    Attributes:
        x: What the axis across is called.
        y: What the axis upwards is called.
        lines: The lines.
        title: What stands above the picture.
        ticks: What the places 0, 1, ... across are called; numbers where it is empty.
        counts: How much is behind each point of the first line, drawn below it.
        counted: What is counted so.
        square: Whether both axes are shares, with the diagonal drawn.
        percent: Whether what is drawn upwards is a share, told in percent.
        area: Whether the area between the first two lines is shaded.
        marks: Places across, each with what happened there, numbered on the first line.
        wide: Whether the picture is as wide as the page.
    """

    form: ClassVar[str] = "lines"

    x: str
    y: str
    lines: Sequence[Line] = field(metadata={"of": Line})
    title: str = ""
    ticks: Sequence[str] = ()
    counts: Sequence[int] = ()
    counted: str = ""
    square: bool = False
    percent: bool = False
    area: bool = False
    marks: Sequence[tuple[float, str]] = ()
    wide: bool = False


@dataclass(frozen=True)
class Bar:
    """A bar.

    Attributes:
        name: What it is of.
        value: How far it reaches.
        kind: As of a line.
    """

    name: str
    value: Number
    kind: str = ""


@dataclass(frozen=True)
class Bars:
    """One number of several things, as bars.

    Attributes:
        axis: What the number is called.
        bars: From the top down.
        origin: Where the bars begin, such as what guessing reaches.
    """

    form: ClassVar[str] = "bars"

    axis: str
    bars: Sequence[Bar] = field(metadata={"of": Bar})
    origin: float = 0.0


@dataclass(frozen=True)
class Dot:
    """One thing that several models are scored on.

    Attributes:
        name: What it is called.
        scores: Its score by model.
        count: How much of it there is.
        group: What it belongs to, such as the attribute of a group of students.
    """

    name: str
    scores: Mapping[str, Number]
    count: int | None = None
    group: str = ""


@dataclass(frozen=True)
class Dots:
    """A score of many things: one model's as dots, the others' as strokes.

    Attributes:
        axis: What the score is called.
        model: Whose scores are dots.
        dots: From the top down.
        overall: The score of all things together, drawn as a line to which each has its distance.
        wide: Whether the picture is as wide as the page.
    """

    form: ClassVar[str] = "dots"

    axis: str
    model: str
    dots: Sequence[Dot] = field(metadata={"of": Dot})
    overall: Number = None
    wide: bool = True


@dataclass(frozen=True)
class HeatMap:
    """Shares of 0 to 1 as shades.

    Attributes:
        x: What the columns are called.
        rows: The names of the rows.
        values: Shape (rows, columns).
        first: The number of the first column.
        marks: Row, column, and whether the mark is the first of ``marked``.
        marked: What the two marks say, a dot and a cross.
    """

    form: ClassVar[str] = "heat map"

    x: str
    rows: Sequence[str]
    values: Sequence[Sequence[Number]]
    first: int = 1
    marks: Sequence[tuple[int, int, bool]] = ()
    marked: tuple[str, str] = ("right", "wrong")

    def __post_init__(self) -> None:
        """Refuse values without a row, and rows of other lengths."""
        _same("the values of a heat map", len(self.rows), len(self.values))
        _same("a row of a heat map", *map(len, self.values))


@dataclass(frozen=True)
class Band:
    """What some of the stretches of a line of time are.

    Attributes:
        title: Whose stretches they are.
        names: What a stretch can be.
        rows: By who says so, the index of the name of each stretch; negative where it has none.
        pale: Which name is drawn pale, since it says that nothing is there.
    """

    title: str
    names: Sequence[str]
    rows: Mapping[str, Sequence[int]]
    pale: int = -1


@dataclass(frozen=True)
class Stripes:
    """A line of time cut into stretches, each of some kind.

    Attributes:
        x: What the axis is called.
        widths: How long each stretch is.
        bands: What the stretches are.
    """

    form: ClassVar[str] = "stripes"

    x: str
    widths: Sequence[int]
    bands: Sequence[Band] = field(metadata={"of": Band})

    def __post_init__(self) -> None:
        """Refuse bands of other numbers of stretches, and stretches without a name."""
        for band in self.bands:
            for row in band.rows.values():
                _same("a row of stripes", len(self.widths), len(row))
                if max(row, default=-1) >= len(band.names):
                    raise ValueError(f"of {len(band.names)} names of stripes, one is {max(row)}")


@dataclass(frozen=True)
class Text:
    """Something that was said, by one or several, side by side.

    Attributes:
        title: To what it was said.
        said: What each said, by who said it.
    """

    form: ClassVar[str] = "text"

    title: str
    said: Mapping[str, str]


@dataclass(frozen=True)
class Clip:
    """Sound to listen to.

    Attributes:
        title: What is heard.
        wave: A file of WAV in base64, in lines.
    """

    form: ClassVar[str] = "clip"

    title: str
    wave: Sequence[str]

    def __post_init__(self) -> None:
        """Refuse what is no such file: it becomes an address in a page."""
        if not _WAVE.fullmatch("".join(self.wave)):
            raise ValueError("a clip is no file of WAV in base64")


@dataclass(frozen=True)
class Point:
    """A thing with two numbers.

    Attributes:
        name: What it is called; written beside it where it is not empty.
        x: Its place across.
        y: Its place upwards.
        kind: ``best``, ``front`` or ``stopped``; another one where it is empty.
    """

    name: str
    x: float
    y: float
    kind: str = ""


@dataclass(frozen=True)
class Points:
    """Things by two numbers of each, those in front joined.

    Attributes:
        x: What the axis across is called.
        y: What the axis upwards is called.
        points: The things.
        limits: How far each axis may go where that is limited: across, then upwards.
    """

    form: ClassVar[str] = "points"

    x: str
    y: str
    points: Sequence[Point] = field(metadata={"of": Point})
    limits: Sequence[Number] = (None, None)


@dataclass(frozen=True)
class Upright:
    """An upright axis among others.

    Attributes:
        name: What it is called.
        values: Where each thing stands on it, None where it does not.
        labels: What the places 0, 1, ... are called; numbers where it is empty.
        log: Whether equal distances are equal ratios.
    """

    name: str
    values: Sequence[Number]
    labels: Sequence[str] = ()
    log: bool = False


@dataclass(frozen=True)
class Parallels:
    """Many numbers of several things: an upright axis each, and a line a thing.

    Attributes:
        axes: The axes from left to right.
        marked: Which things' lines stand out.
    """

    form: ClassVar[str] = "parallels"

    axes: Sequence[Upright] = field(metadata={"of": Upright})
    marked: Sequence[int] = ()

    def __post_init__(self) -> None:
        """Refuse axes of other numbers of things."""
        _same("an axis of parallels", *(len(axis.values) for axis in self.axes))


Form = Table | Lines | Bars | Dots | HeatMap | Stripes | Points | Parallels | Text | Clip
FORMS = {
    kind.form: kind
    for kind in (Table, Lines, Bars, Dots, HeatMap, Stripes, Points, Parallels, Text, Clip)
}


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes:
        title: Its heading.
        sentence: What it shows, or why it shows nothing; each line is a paragraph.
        forms: What is drawn and written.
        lacking: Whether there is nothing to show, which is told at the end.
        private: Whether it shows single people, what they said, or the names of their attributes:
            a run that is handed on goes without it.
    """

    title: str
    sentence: str
    forms: Sequence[Form] = ()
    lacking: bool = False
    private: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return plain values: numbers that are not finite become None."""
        return {
            "title": self.title,
            "sentence": self.sentence,
            "forms": [{"form": form.form, **_plain(form)} for form in self.forms],
            "lacking": self.lacking,
            "private": self.private,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Section":
        """Read what ``to_json`` returned.

        Raises:
            KeyError: Something is missing.
            ValueError: A form is not known, or its parts do not fit together.
        """
        forms: list[Any] = []
        for form in value["forms"]:
            if form["form"] not in FORMS:
                raise ValueError(f"a form {form['form']!r} is not known")
            forms.append(_read(FORMS[form["form"]], form))
        flags = (bool(value.get(name)) for name in ("lacking", "private"))
        return cls(str(value["title"]), str(value["sentence"]), forms, *flags)


def _same(what: str, *lengths: int) -> None:
    if len(set(lengths)) > 1:
        raise ValueError(f"{what} has {sorted(set(lengths))} parts, not one number of them")


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(vars(value)[item.name]) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):  # an array, or a number of one
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _read(kind: type[T], value: Mapping[str, Any]) -> T:
    """Build a form of its plain values; what is unknown is passed over."""
    values = {}
    for attribute in fields(kind):  # type: ignore[arg-type]
        if attribute.name in value:
            part = value[attribute.name]
            of = attribute.metadata.get("of")
            values[attribute.name] = [_read(of, each) for each in part] if of else part
    nested = {attribute.name: anything for attribute in fields(kind) if "of" in attribute.metadata}  # type: ignore[arg-type]
    check(values, arguments(kind, nested))
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"a {kind.__name__} {str(error).partition(') ')[2]}") from None

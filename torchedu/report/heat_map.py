"""The picture of one student: each skill's mastery after each answer, and how it was answered."""

from dataclasses import dataclass, replace

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from torchedu.report.folder import Mastery
from torchedu.report.style import FULL, INK, PAPER, Picture, short

MOST_SKILLS = 20
MOST_STEPS = 100

# One hue from pale to deep: the order shows in print and to the colour-blind alike.
_SHADES = LinearSegmentedColormap.from_list("mastery", ["#f3efe2", "#a9cfe0", "#3f8fbf", "#0b3c66"])


@dataclass(frozen=True)
class Excerpt:
    """As much of a student's mastery as one picture holds.

    Attributes:
        mastery: The skills that the student met, and the steps shown.
        first: The number of the first answer shown, from 1.
        steps: How many answers the student gave in all.
        skills: How many skills the student met in all.
    """

    mastery: Mastery
    first: int
    steps: int
    skills: int


def excerpt(mastery: Mastery) -> Excerpt:
    """Choose the latest answers, and the skills practised most in them in the order they were met.

    Args:
        mastery: One student's mastery over time.

    Returns:
        The part of it that is drawn.
    """
    met: dict[str, int] = {}
    for names in mastery.skills_of_items[-MOST_STEPS:]:
        for name in names:
            met[name] = met.get(name, 0) + 1
    places = {name: place for place, name in enumerate(mastery.skills)}
    met = {name: count for name, count in met.items() if name in places}
    most = set(sorted(met, key=lambda name: -met[name])[:MOST_SKILLS])
    kept = [name for name in met if name in most]
    steps = slice(-MOST_STEPS, None)
    return Excerpt(
        mastery=replace(
            mastery,
            skills=kept,
            mastery=[[row[places[name]] for name in kept] for row in mastery.mastery[steps]],
            items=mastery.items[steps],
            correct=mastery.correct[steps],
            skills_of_items=mastery.skills_of_items[steps],
        ),
        first=max(len(mastery.items) - MOST_STEPS, 0) + 1,
        steps=len(mastery.items),
        skills=len(met),
    )


def draw_mastery(shown: Excerpt) -> Picture | None:
    """Draw skills by answers as a heat map, a dot for a right answer, a cross for a wrong one.

    Returns:
        The picture; None where the student met no skill.
    """
    student, first = shown.mastery, shown.first
    if not student.skills or not student.items:
        return None
    shades = np.array(student.mastery, dtype=float).T
    skills, steps = shades.shape
    figure = Figure(figsize=(FULL, 1.3 + 0.27 * skills), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(
        np.ma.masked_invalid(shades), cmap=_SHADES, vmin=0, vmax=1, aspect="auto",
        interpolation="nearest", extent=(first - 0.5, first + steps - 0.5, skills - 0.5, -0.5),
    )  # fmt: skip
    row_of = {name: row for row, name in enumerate(student.skills)}
    marks = np.array(
        [
            (first + step, row_of[name], student.correct[step] >= 0.5)
            for step, names in enumerate(student.skills_of_items)
            for name in dict.fromkeys(names)
            if name in row_of
        ]
    )
    size = float(np.clip(1800 / steps, 12, 42))
    right, wrong = marks[marks[:, 2] == 1], marks[marks[:, 2] == 0]
    axes.scatter(
        right[:, 0], right[:, 1], s=size, c="#ffffff", edgecolors="#1c2128", linewidths=1,
        label="right",
    )  # fmt: skip
    # A pale cross below a dark one stands out from every shade.
    axes.scatter(wrong[:, 0], wrong[:, 1], s=size, c="#ffffff", marker="x", linewidths=3.6)
    axes.scatter(
        wrong[:, 0], wrong[:, 1], s=size, c="#c24a01", marker="x", linewidths=1.8, label="wrong"
    )
    axes.set_yticks(range(skills), [short(name, 28) for name in student.skills], color=INK)
    axes.set_yticks(np.arange(skills - 1) + 0.5, minor=True)
    axes.grid(visible=False)
    axes.grid(which="minor", axis="y", color=PAPER, linewidth=2)
    axes.tick_params(which="both", axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.spines[:].set_visible(False)
    axes.set_xlabel("answer")
    bar = figure.colorbar(image, ax=axes, pad=0.01, fraction=0.025, aspect=18)
    bar.outline.set_visible(False)
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.3)
    last = ", ".join(
        f"{name} {value:.0%}" for name, value in zip(student.skills, shades[:, -1], strict=True)
    )
    return Picture(
        "mastery",
        figure,
        f"Heat map of mastery by skill and answer. After the last answer: {last}.",
    )

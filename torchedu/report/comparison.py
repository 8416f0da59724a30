"""The picture of a comparison: each model's distance from one of them, a panel a data set."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torchedu.files import write_whole
from torchedu.report.extras import need_extras


def draw_comparison(sets: Mapping[str, Mapping[str, Any]], score: str, title: str) -> Any:
    """Return the figure of one score on some data sets.

    Args:
        sets: What ``bench.compare`` returns, by the data set's name.
        score: The score's name.
        title: What it is called.
    """
    from matplotlib.figure import Figure

    from torchedu.report.style import BASELINE, FULL, INK, NETWORK

    rows = max(len(comparison["models"]) for comparison in sets.values())
    figure = Figure(figsize=(FULL, 1.2 + 0.3 * rows), layout="constrained")
    panels = figure.subplots(1, len(sets), squeeze=False)[0]
    for panel, (name, comparison) in zip(panels, sets.items(), strict=True):
        models = [row for row in comparison["models"] if "differences" in row]
        models = [row for row in models if row["differences"][score]["value"] is not None]
        models.sort(key=lambda row: row["differences"][score]["value"])
        for place, row in enumerate(models):
            apart = row["differences"][score]
            colour = NETWORK if row["kind"] == "network" else BASELINE
            if apart["low"] is not None:
                panel.plot([apart["low"], apart["high"]], [place, place], color=colour)
            panel.plot(apart["value"], place, "o", color=colour)
        panel.axvline(0, color=INK, linewidth=0.8)
        panel.set_yticks(range(len(models)), [row["name"] for row in models])
        panel.set_title(name)
        panel.set_xlabel(f"{title} above {comparison['against']}")
    return figure


def write_comparison(
    sets: Mapping[str, Mapping[str, Any]], score: str, title: str, file: Path
) -> None:
    """Write the picture of a comparison as PNG.

    Args:
        sets: As ``draw_comparison`` has it, like what follows.
        score: The score.
        title: What it is called.
        file: Where it goes.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    need_extras("A picture")
    from torchedu.report.style import drawing, saved

    with drawing():
        write_whole(file, saved(draw_comparison(sets, score, title), "png"))

"""Pictures of curves: learning, ROC, calibration."""

from contextlib import suppress

import numpy as np
import yaml
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from torchedu.report.folder import Curves, Evaluation, Run, clean_name
from torchedu.report.style import (
    BASELINE,
    BOUND,
    HALF,
    MUTED,
    NETWORK,
    OTHERS,
    PAPER,
    Picture,
    above_counts,
    blank,
    short,
)

MOST_CURVES = 5
_MOST_POINTS = 400
_LEAST_SPAN = 0.02
"""Of an axis of loss or score, as a share of its values."""
_LIKELIHOOD = "val/log_likelihood"
_Line = str | tuple[float, tuple[float, ...]]
_STYLES: tuple[_Line, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 2, 1.5, 2)), (0, (8, 2)))


def monitored(run: Run) -> tuple[str, dict[int, float]]:
    """Return what the score is called that chose the best epoch, and its values by epoch."""
    name = "val/auc"
    with suppress(yaml.YAMLError, KeyError, TypeError):
        name = str(yaml.safe_load(run.config or "")["early_stopping"]["monitor"])
    key = name.removeprefix("val/")
    titles = {"auc": "AUC", **run.evaluated.get("columns", {})}
    return clean_name(titles.get(key, key.replace("_", " "))), run.metrics.get(name, {})


def best_epoch(run: Run) -> int | None:
    """Return the epoch (from 1) with the highest score that was monitored, else the lowest loss."""
    _, scores = monitored(run)
    if scores:
        return max(scores, key=lambda epoch: (scores[epoch], -epoch))
    if losses := _validation_loss(run):
        return min(losses, key=lambda epoch: (losses[epoch], epoch))
    return None


def draw_loss(run: Run) -> Picture | None:
    """Draw training and validation loss by epoch; None where neither was logged."""
    train = run.metrics.get("train/loss") or run.metrics.get("train/loss_epoch")
    lines = {"training": train, "validation": _validation_loss(run)}
    return _learning(run, "loss", "loss", lines)


def draw_score(run: Run) -> Picture | None:
    """Draw the validation score that chose the best epoch; None where that is the loss itself."""
    what, scores = monitored(run)
    if scores == run.metrics.get(_LIKELIHOOD):
        return None
    return _learning(run, "score", what, {"validation": scores})


def draw_gradients(run: Run) -> Picture | None:
    """Draw the norm of the gradients of the largest layers by epoch; None where none was logged."""
    norms = {n.removeprefix("grad/"): v for n, v in run.metrics.items() if n.startswith("grad/")}
    largest = sorted(norms, key=lambda name: -max(norms[name].values()))[: len(OTHERS)]
    drawn = {name: norms[name] for name in norms if name in largest and max(norms[name].values())}
    if not drawn:
        return None
    figure, axes = blank(HALF, 3.0)
    for (name, values), colour, style in zip(drawn.items(), OTHERS, _STYLES, strict=False):
        axes.plot(
            list(values), list(values.values()), color=colour, linestyle=style,
            marker="o" if len(values) == 1 else "", markersize=4, label=short(name, 16),
        )  # fmt: skip
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda norm, _: f"{norm:g}"))
    low, high = axes.get_ylim()
    if high < 10 * low:  # no power of ten is in between
        axes.yaxis.set_minor_formatter(FuncFormatter(lambda norm, _: f"{norm:.2g}"))
    else:
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch")
    axes.set_ylabel("gradient norm")
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderpad=0, columnspacing=1.4,
        handlelength=1.6,
    )  # fmt: skip
    told = "; ".join(
        f"{name} from {next(iter(values.values())):.2g} to {[*values.values()][-1]:.2g}"
        for name, values in drawn.items()
    )
    return Picture("gradients", figure, f"Lines of gradient norms by epoch: {told}.")


def _validation_loss(run: Run) -> dict[int, float] | None:
    """Return the validation loss, by the name of whichever task logged it."""
    likely = run.metrics.get(_LIKELIHOOD, {})
    cost = {epoch: -value for epoch, value in likely.items()}
    return run.metrics.get("val/log_loss") or run.metrics.get("val/loss") or cost or None


def _learning(
    run: Run, name: str, what: str, lines: dict[str, dict[int, float] | None]
) -> Picture | None:
    drawn = {name: values for name, values in lines.items() if values}
    if not drawn:
        return None
    figure, axes = blank(HALF, 3.0)
    best = best_epoch(run)
    if best is not None:
        axes.axvline(
            best, color=BOUND, linewidth=1.2, linestyle=(0, (4, 3)), label=f"best epoch, {best}"
        )
    for part, values in drawn.items():
        epochs, heights = list(values), list(values.values())
        colour = NETWORK if part == "validation" else BASELINE
        mark = "o" if len(epochs) <= 30 else ""
        axes.plot(epochs, heights, color=colour, marker=mark, markersize=4, label=part)
        if part == "validation" and best in values:
            axes.plot(
                [best], [values[best]], "o", markersize=9, markeredgewidth=2,
                markerfacecolor=PAPER, markeredgecolor=BOUND,
            )  # fmt: skip
    low, high = axes.get_ylim()
    least = _LEAST_SPAN * max(abs(low), abs(high))
    if high - low < least:  # a hair's breadth would look like a fall
        axes.set_ylim((low + high - least) / 2, (low + high + least) / 2)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch")
    axes.set_ylabel(what)
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderpad=0, columnspacing=1.4,
        handlelength=1.6,
    )  # fmt: skip
    told = "; ".join(
        f"{part} from {next(iter(values.values())):.3f} to {[*values.values()][-1]:.3f}"
        for part, values in drawn.items()
    )
    epochs_told = f"{max(map(max, drawn.values()))} epochs"
    return Picture(f"learning_{name}", figure, f"Lines of {what} over {epochs_told}: {told}.")


def draw_roc(evaluation: Evaluation) -> Picture | None:
    """Draw the ROC curves: wrong answers taken for right against right answers found.

    Returns:
        The picture; None where the evaluation has no such curve.
    """
    drawn = {n: c for n, c in _chosen(evaluation).items() if len(c.true_positive_rate) > 1}
    if not drawn:
        return None
    aucs = {score.name: score.auc for score in evaluation.scores}
    figure, axes = blank(HALF, 4.4)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (1, 3)))
    told = []
    for name, curves, colour, style in _styled(evaluation, drawn):
        x, y = _thinned(curves.false_positive_rate, curves.true_positive_rate)
        label = f"{short(name, 24)}  {aucs[name]:.3f}".removesuffix("  nan")
        axes.plot(x, y, color=colour, linestyle=style, label=label)
        told.append(label)
    _unit_square(axes)
    axes.set_xlabel("wrong answers predicted right")
    axes.set_ylabel("right answers predicted right")
    axes.legend(loc="lower right", title="AUC", alignment="left", reverse=True)
    return Picture("roc", figure, f"ROC curves above the diagonal of guessing: {'; '.join(told)}.")


def draw_calibration(evaluation: Evaluation) -> Picture | None:
    """Draw observed against predicted shares of right answers, and where the predictions lie.

    Returns:
        The picture; None where the evaluation has no such curve.
    """
    drawn = {n: c for n, c in _chosen(evaluation, "network", "baseline").items() if c.predicted}
    if not drawn:
        return None
    figure, curve, counts = above_counts(4.4)
    curve.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (1, 3)))
    for name, curves, colour, style in _styled(evaluation, drawn):
        curve.plot(
            curves.predicted, curves.observed, color=colour, linestyle=style, marker="o",
            markersize=4, label=short(name, 24),
        )  # fmt: skip
    name, curves = next(iter(drawn.items()))
    counts.vlines(curves.predicted, 0, curves.answers, color=NETWORK, linewidth=7, capstyle="butt")
    counts.set_ylim(bottom=0)
    _unit_square(curve)
    curve.set_ylabel("observed share right")
    curve.legend(loc="upper left", reverse=True)
    counts.set_xlabel("predicted probability of a right answer")
    told = ", ".join(
        f"{p:.2f} predicted, {o:.2f} observed"
        for p, o in zip(curves.predicted, curves.observed, strict=True)
    )
    return Picture("calibration", figure, f"Calibration of {name} beside the diagonal: {told}.")


def _chosen(evaluation: Evaluation, *kinds: str) -> dict[str, Curves]:
    """Return the curves of these or all kinds, the network's first; too many would hide it."""
    names = [s.name for s in evaluation.ordered if not kinds or s.kind in kinds]
    kept = [name for name in names if name in evaluation.curves][:MOST_CURVES]
    return {name: evaluation.curves[name] for name in kept}


def _styled(
    evaluation: Evaluation, drawn: dict[str, Curves]
) -> list[tuple[str, Curves, str, _Line]]:
    """Give each predictor its colour and line; the network's is drawn last, above the others."""
    kinds = {score.name: score.kind for score in evaluation.scores}
    colours = {"network": NETWORK, "bound": BOUND, "oracle": MUTED}
    others = iter(OTHERS * MOST_CURVES)
    styled = [
        (name, curves, colours.get(kinds[name]) or next(others), style)
        for (name, curves), style in zip(drawn.items(), _STYLES, strict=False)
    ]
    return styled[::-1]


def _thinned(x: list[float], y: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Keep as many points as a picture shows."""
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), _MOST_POINTS)).round().astype(int))
    return np.asarray(x)[kept], np.asarray(y)[kept]


def _unit_square(axes: Axes) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    ticks = FuncFormatter(lambda value, _: f"{value:.1f}".strip("0").rstrip(".") or "0")
    axes.xaxis.set_major_formatter(ticks)
    axes.yaxis.set_major_formatter(ticks)

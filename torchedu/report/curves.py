"""Pictures of how a network learned."""

from contextlib import suppress

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from torchedu.bounded import parse_yaml
from torchedu.report.folder import Run
from torchedu.report.style import (
    BASELINE,
    BOUND,
    HALF,
    NETWORK,
    OTHERS,
    PAPER,
    STROKES,
    Picture,
    blank,
    label_shares,
    short,
)

_LEAST_SPAN = 0.02
"""Of an axis of loss or score, as a share of its values."""
_LIKELIHOOD = "val/log_likelihood"


def monitored(run: Run) -> tuple[str, dict[int, float]]:
    """Return what the score is called that chose the best epoch, and its values by epoch."""
    name = "val/auc"
    with suppress(ValueError, KeyError, TypeError):
        name = str(parse_yaml(run.config or "")["early_stopping"]["monitor"])
    key = name.removeprefix("val/")
    titles = {"auc": "AUC", **(run.evaluation.columns if run.evaluation else {})}
    return titles.get(key, key.replace("_", " ")), run.metrics.get(name, {})


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
    for (name, values), colour, style in zip(drawn.items(), OTHERS, STROKES, strict=False):
        axes.plot(
            list(values), list(values.values()), color=colour, linestyle=style,
            marker="o" if len(values) == 1 else "", markersize=4, label=short(name, 16),
        )  # fmt: skip
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda norm, _: f"{norm:g}"))
    low, high = axes.get_ylim()
    axes.yaxis.set_minor_formatter(NullFormatter())
    if high < 10 * low:  # at most one power of ten is in between
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    _label(axes, "gradient norm", columns=2)
    points = "; ".join(
        f"{name} from {next(iter(values.values())):.2g} to {[*values.values()][-1]:.2g}"
        for name, values in drawn.items()
    )
    return Picture("gradients", figure, f"Lines of gradient norms by epoch: {points}.")


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
    every = [height for values in drawn.values() for height in values.values()]
    label_shares(axes.yaxis, min(every), max(every))
    _label(axes, what, columns=3)
    points = "; ".join(
        f"{part} from {next(iter(values.values())):.3f} to {[*values.values()][-1]:.3f}"
        for part, values in drawn.items()
    )
    epochs_told = f"{max(map(max, drawn.values()))} epochs"
    return Picture(f"learning_{name}", figure, f"Lines of {what} over {epochs_told}: {points}.")


def _label(axes: Axes, what: str, columns: int) -> None:
    """Say what lines over epochs show."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch")
    axes.set_ylabel(what)
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderpad=0, columnspacing=1.4,
        handlelength=1.6,
    )  # fmt: skip

"""A run's page: the run's parts and their pictures put into one file of HTML."""

import importlib.resources
import math
import shlex
from pathlib import Path

import jinja2

from torchedu.files import write_whole
from torchedu.report.curves import (
    best_epoch,
    draw_calibration,
    draw_gradients,
    draw_loss,
    draw_roc,
    draw_score,
    monitored,
)
from torchedu.report.folder import Evaluation, Run, clean_name, read_run
from torchedu.report.grades import NAMES as GRADE_NAMES
from torchedu.report.grades import draw_grades
from torchedu.report.heat_map import draw_mastery, excerpt
from torchedu.report.lesson import NAMES as LESSON_NAMES
from torchedu.report.lesson import draw_lessons
from torchedu.report.model_card import model_card
from torchedu.report.risks import NAMES, draw_risks
from torchedu.report.scores import MOST_GROUPS, draw_groups, draw_history, draw_scores
from torchedu.report.style import Picture, drawing, short
from torchedu.run_folder import RunFolder

_NAMES = (
    "scores", "learning_loss", "learning_score", "gradients", "roc", "calibration", "history",
    "groups", "mastery", *NAMES, *LESSON_NAMES, *GRADE_NAMES,
)  # fmt: skip


def write(path: Path) -> Path:
    """Write a run's page and pictures; see :func:`torchedu.report.write_report`."""
    run = read_run(path)
    with drawing():
        drawn = {picture.name: picture for picture in _draw(run)}
        pictures = {name: picture.png() for name, picture in drawn.items()}
        page = _render(run, drawn)
    card = model_card(run)
    files = RunFolder(path)
    # All is drawn before the first byte is written, and each file takes its place whole.
    folder = files.pictures
    if pictures:
        folder.mkdir(exist_ok=True)
    for name in _NAMES:
        file = folder / f"{name}.png"
        if name in pictures:
            write_whole(file, pictures[name])
        else:
            file.unlink(missing_ok=True)
    write_whole(files.card, card.encode("utf-8"))
    write_whole(files.report, page.encode("utf-8"))
    return files.report


def _draw(run: Run) -> list[Picture]:
    pictures = [draw_loss(run), draw_score(run), draw_gradients(run)]
    if run.evaluation:
        found = run.evaluation
        pictures += [
            draw_scores(found),
            draw_roc(found),
            draw_calibration(found),
            draw_history(found.by_history, network_name(found)),
            draw_groups(found.by_group, _overall(found)),
        ]
    if run.table:
        for draw in (draw_risks, draw_lessons, draw_grades):
            pictures += draw(run.evaluated)
    if run.mastery:
        pictures.append(draw_mastery(excerpt(run.mastery)))
    return [picture for picture in pictures if picture]


def _render(run: Run, drawn: dict[str, Picture]) -> str:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        score=_score, percent=_percent, count=_count, name=_shown, clean=clean_name
    )
    source = importlib.resources.files("torchedu.report").joinpath("page.html.jinja")
    return environment.from_string(source.read_text("utf-8")).render(
        run=run,
        evaluation=run.evaluation,
        table_title=f"{run.table.rows[0][0]} on {run.table.data}" if run.table else "",
        headline=headline(run.evaluation) if run.evaluation else "",
        network=network_name(run.evaluation) if run.evaluation else "",
        shown=excerpt(run.mastery) if run.mastery else None,
        best_epoch=best_epoch(run),
        monitored=monitored(run),
        pictures={name: (*picture.svg(), picture.alt) for name, picture in drawn.items()},
        most_groups=MOST_GROUPS,
        left_out=left_out(run, drawn),
        student=run.evaluated.get("student"),
        audited=(run.evaluated.get("fairness") or {}).get("words", []) if run.table else [],
        examples=run.evaluated.get("examples") or [],
        path=shlex.quote(str(run.path)),
    )


def headline(evaluation: Evaluation) -> str:
    """Say in a sentence or two what the run reached, beside the best baseline and the bound."""
    networks, baselines = evaluation.of_kind("network"), evaluation.of_kind("baseline")
    if not networks or math.isnan(networks[0].auc):
        return "The network's AUC is undefined here: the split has right or wrong answers only."
    network = networks[0]
    said = f"{_shown(network.name)} predicts the next answer with an AUC of {network.auc:.3f}"
    if baselines and not math.isnan(baselines[0].auc):
        said += f", {_beside(network.auc, baselines[0].auc)} the best baseline"
        said += f", {_shown(baselines[0].name)}"
    bounds = [bound for bound in evaluation.of_kind("bound") if not math.isnan(bound.auc)]
    if bounds:
        said += f", and {_beside(network.auc, bounds[0].auc)} the best that is reachable"
    return said + "."


def left_out(run: Run, drawn: dict[str, Picture]) -> list[str]:
    """Say, a line each, which sections the page lacks and why."""
    lines = []
    if not run.metrics:
        lines.append(f"Learning curves: the run has no {RunFolder.METRICS} with values in it.")
    elif not {"learning_loss", "learning_score"} & drawn.keys():
        lines.append(f"Learning curves: {RunFolder.METRICS} holds neither a loss nor a score.")
    if not run.table:
        lines += _left_out_of_tracing(run, drawn)
    if run.config is None:
        lines.append(f"Configuration: the run has no {RunFolder.CONFIG}.")
    return lines


def _left_out_of_tracing(run: Run, drawn: dict[str, Picture]) -> list[str]:
    """Say what the page lacks of what knowledge tracing alone has."""
    lines = []
    if not run.evaluation:
        lines.append("Scores, ROC, calibration, history and groups: not evaluated yet.")
    else:
        reasons = {
            "roc": "ROC: the evaluation holds no such curve.",
            "calibration": "Calibration: the evaluation holds no such curve.",
            "history": "Length of history: no part of the answers has a defined AUC.",
            "groups": "Student groups: the data names none, or none with a defined AUC.",
        }
        lines += [line for name, line in reasons.items() if name not in drawn]
    if not run.mastery:
        lines.append("Mastery over time: the run has no mastery.json.")
    elif "mastery" not in drawn:
        lines.append("Mastery over time: the student met no skill.")
    return lines


def network_name(evaluation: Evaluation) -> str:
    """Return what the evaluated network is called."""
    networks = evaluation.of_kind("network")
    return networks[0].name if networks else "network"


def _overall(evaluation: Evaluation) -> float:
    networks = evaluation.of_kind("network")
    return networks[0].auc if networks else math.nan


def _beside(value: float, other: float) -> str:
    distance = round(value, 3) - round(other, 3)
    if abs(distance) < 0.0005:
        return "level with"
    return f"{abs(distance):.3f} {'above' if distance > 0 else 'below'}"


def _score(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _shown(name: str) -> str:
    return short(name, 80)


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:.1f} %"


def _count(value: int) -> str:
    return f"{value:,}"

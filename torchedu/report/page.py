"""A run's page: the run's parts and their pictures put into one file of HTML."""

import math
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from torchedu.files import below, write_whole
from torchedu.report.curves import best_epoch, draw_gradients, draw_loss, draw_score, monitored
from torchedu.report.folder import Evaluation, Run, clean_name, read_run
from torchedu.report.forms import draw
from torchedu.report.html import template
from torchedu.report.model_card import model_card
from torchedu.report.style import Picture, drawing
from torchedu.run_folder import RunFolder
from torchedu.sections import Bar, Bars, Clip, Dots, Lines, Points, Section, Table, Text


class Shown(NamedTuple):
    """A section as the page has it.

    Attributes:
        id: Names it on the page.
        title: Its heading.
        paragraphs: What is said below that.
        pictures: Its pictures, by name.
        wide: The names of those that are as wide as the page.
        marks: What is numbered in its pictures.
        tables: Its tables.
        texts: What was said.
        clips: What is to be listened to.
        undefined: Whether it has pictures of which nothing can be drawn, and nothing else.
    """

    id: str
    title: str
    paragraphs: list[str]
    pictures: dict[str, Picture]
    wide: set[str]
    marks: list[str]
    tables: list[Table]
    texts: list[Text]
    clips: list[Clip]
    undefined: bool = False


def write(path: Path) -> Path:
    """Write a run's page and pictures; see :func:`torchedu.report.write_report`."""
    run, files = read_run(path), RunFolder(path)
    with drawing():
        learning = _drawn([draw_loss(run), draw_score(run), draw_gradients(run)])
        evaluation = run.evaluation
        scores = _drawn([draw(_first_scores(evaluation), "scores")] if evaluation else [])
        sections = (
            [section for section in evaluation.sections if not section.lacking]
            if evaluation
            else []
        )
        taken = {"scores", "learning-curves", *learning}
        every = [_shown(section, taken) for section in sections]
        shown = [section for section in every if not section.undefined]
        undefined = [section.title for section in every if section.undefined]
        drawn = {**scores, **learning}
        for section in shown:
            drawn |= section.pictures
        pictures = {name: picture.png() for name, picture in drawn.items()}
        page = _render(run, shown, drawn, undefined)
    card = model_card(run)
    # All is drawn before the first byte is written, and each file takes its place whole.
    if pictures:
        below(path, files.pictures)
    for old in _pictures_of(files.report) - pictures.keys():
        (files.pictures / f"{old}.png").unlink(missing_ok=True)
    for name, picture in pictures.items():
        write_whole(files.pictures / f"{name}.png", picture)
    write_whole(files.card, card.encode("utf-8"))
    write_whole(files.report, page.encode("utf-8"))
    return files.report


def _pictures_of(page: Path) -> set[str]:
    """Return the names of the pictures that a page shows; none where there is no page."""
    if not page.is_file():
        return set()
    return set(re.findall(r'<figure data-picture="([a-z0-9_-]+)"', page.read_text("utf-8")))


def _drawn(pictures: list[Picture | None]) -> dict[str, Picture]:
    return {picture.name: picture for picture in pictures if picture}


def _first_scores(evaluation: Evaluation) -> Bars:
    """Return all models' scores of the kind that matters most."""
    title = next(iter(evaluation.columns.values()), "score")
    bars = [
        Bar(score.name, None if math.isnan(score.values[0]) else score.values[0], score.kind)
        for score in evaluation.scores
        if score.values
    ]
    axis = f"{title}, from {evaluation.origin:g}".replace(" 0.", " .") + " = guessing"
    return Bars(axis if evaluation.origin else title, bars, evaluation.origin)


def _shown(section: Section, taken: set[str]) -> Shown:
    """Draw a section, under a name that none of those taken has."""
    id = re.sub(r"[^a-z0-9]+", "-", section.title.lower())[:50].strip("-") or "section"
    while id in taken:
        id += "-again"
    taken.add(id)
    shown = Shown(id, section.title, section.sentence.splitlines(), {}, set(), [], [], [], [])
    for form in section.forms:
        if isinstance(form, Table):
            shown.tables.append(form)
        elif isinstance(form, Text):
            shown.texts.append(form)
        elif isinstance(form, Clip):
            shown.clips.append(form)
        elif picture := draw(form, id if not shown.pictures else f"{id}-{len(shown.pictures) + 1}"):
            shown.pictures[picture.name] = picture
            narrow = isinstance(form, Lines | Dots) and not form.wide
            if not (narrow or isinstance(form, Bars | Points)):
                shown.wide.add(picture.name)
            if isinstance(form, Lines):
                shown.marks.extend(words for _, words in form.marks)
    return shown._replace(
        undefined=bool(section.forms)
        and not (shown.pictures or shown.tables or shown.texts or shown.clips)
    )


def _render(
    run: Run, shown: list[Shown], drawn: dict[str, Picture], undefined: Sequence[str]
) -> str:
    holds = RunFolder(run.path).checkpoints.is_dir()  # scores alone are of a run elsewhere
    place = shlex.quote(run.path.name) if holds else "RUN"
    return template("page.html.jinja")(
        run=run,
        evaluation=run.evaluation,
        sections=shown,
        best_epoch=best_epoch(run),
        monitored=monitored(run),
        pictures={name: (*picture.svg(), picture.alt) for name, picture in drawn.items()},
        left_out=left_out(run, drawn, undefined),
        path=place,
    )


def left_out(run: Run, drawn: dict[str, Picture], undefined: Sequence[str] = ()) -> list[str]:
    """Say, a line each, what the page lacks and why.

    Args:
        run: The run.
        drawn: The page's pictures.
        undefined: The titles of sections of which nothing could be drawn.
    """
    lines = []
    if not run.metrics:
        lines.append(f"Learning curves: the run has no {RunFolder.METRICS} with values in it.")
    elif not {"learning_loss", "learning_score"} & drawn.keys():
        lines.append(f"Learning curves: {RunFolder.METRICS} holds neither a loss nor a score.")
    if not run.evaluation:
        lines.append("Scores: not evaluated yet.")
    else:
        lacking = [section for section in run.evaluation.sections if section.lacking]
        lines += [
            f"{clean_name(section.title).rstrip('?')}: {clean_name(section.sentence)}"
            for section in lacking
        ]
        lines += [
            f"{clean_name(title).rstrip('?')}: Nothing of it is defined on this part of the data."
            for title in undefined
        ]
    if run.config is None:
        lines.append(f"Configuration: the run has no {RunFolder.CONFIG}.")
    return lines

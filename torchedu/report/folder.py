"""What a run left in its folder, read and checked once for the page and its pictures."""

import csv
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import yaml

from torchedu.errors import DataError
from torchedu.run_folder import RunFolder
from torchedu.schema import ITEM, SKILL

T = TypeVar("T")

# Overrides of direction would let one name reorder the text around it; the names of scripts that
# run from right to left need none.
_OVERRIDES = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
# What neither XML nor UTF-8 can hold.
_UNPRINTABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Score:
    """How well one predictor did on the whole split.

    Attributes:
        name: What it is called.
        kind: ``network``, ``baseline``, ``bound`` (the best that the history allows) or
            ``oracle`` (knows what no history tells).
        auc: Area under the ROC curve; not a number where it is undefined, like all scores here.
        accuracy: Share of answers told right at a threshold of one half.
        log_loss: Mean negative log likelihood in nats.
        calibration_error: Mean distance of predicted from observed shares.
    """

    name: str
    kind: str
    auc: float
    accuracy: float
    log_loss: float
    calibration_error: float


@dataclass(frozen=True)
class GroupScore:
    """How well the network did on the students of one group."""

    group: str
    students: int
    answers: int
    auc: float
    accuracy: float
    log_loss: float
    calibration_error: float


@dataclass(frozen=True)
class HistoryScore:
    """How well answers were predicted that had so many answers of the student before them."""

    first: int
    last: int | None
    answers: int
    auc: float
    best_baseline_auc: float

    @property
    def label(self) -> str:
        """The range of earlier answers in words, such as ``5–9``."""
        if self.last is None:
            return f"{self.first}+"
        return str(self.first) if self.first == self.last else f"{self.first}–{self.last}"


@dataclass(frozen=True)
class Curves:
    """One predictor's ROC and calibration curves, each a list of values of equal length."""

    false_positive_rate: list[float]
    true_positive_rate: list[float]
    predicted: list[float]
    observed: list[float]
    answers: list[int]


@dataclass(frozen=True)
class Evaluation:
    """A network's evaluation on one split, with the baselines beside it."""

    split: str
    data: str
    students: int
    answers: int
    scores: list[Score]
    by_group: dict[str, list[GroupScore]]
    by_history: list[HistoryScore]
    curves: dict[str, Curves]

    def of_kind(self, kind: str) -> list[Score]:
        """Return the scores of a kind, the best AUC first and undefined ones last."""
        found = [score for score in self.scores if score.kind == kind]
        return sorted(found, key=lambda s: (math.isnan(s.auc), -s.auc if s.auc == s.auc else 0.0))

    @property
    def ordered(self) -> list[Score]:
        """The scores as they are shown: network, baselines, best reachable, oracle."""
        kinds = dict.fromkeys(("network", "baseline", "bound", "oracle"))
        kinds |= dict.fromkeys(score.kind for score in self.scores)
        return [score for kind in kinds for score in self.of_kind(kind)]


@dataclass(frozen=True)
class Table:
    """The scores of a task that has no pictures of its own.

    Attributes:
        split: The part that was scored.
        data: The data's name.
        counts: What was scored, by noun.
        columns: The scores' titles.
        rows: For each model its name, its kind and its scores in the order of the titles.
    """

    split: str
    data: str
    counts: dict[str, int]
    columns: list[str]
    rows: list[tuple[str, str, list[float]]]


@dataclass(frozen=True)
class Mastery:
    """What a network made of one student, answer by answer.

    Attributes:
        student: The student's pseudonym.
        definition: What a mastery value means, in one sentence.
        skills: Names of the skills, K of them.
        mastery: For each of L answers, K values in 0..1 as they stood after it.
        items: For each answer, the item.
        correct: For each answer, the marks in 0..1.
        skills_of_items: For each answer, the names of its item's skills.
    """

    student: str
    definition: str
    skills: list[str]
    mastery: list[list[float]]
    items: list[str]
    correct: list[float]
    skills_of_items: list[list[str]]


@dataclass(frozen=True)
class Run:
    """A run's folder; a part that the run did not leave is None or empty.

    Attributes:
        path: The folder.
        config: The text of ``config.yaml``.
        seed: The seed that the configuration names.
        metrics: For each logged quantity, its value by epoch (from 1).
        evaluation: The evaluation, where answers were predicted.
        table: The scores, where it was anything else.
        mastery: One student's mastery over time.
        names: How many items and skills there are.
        evaluated: ``evaluation.json`` as it is.
    """

    path: Path
    config: str | None
    seed: int | None
    metrics: dict[str, dict[int, float]]
    evaluation: Evaluation | None
    table: Table | None
    mastery: Mastery | None
    names: dict[str, int]
    evaluated: dict[str, Any]


def read_run(path: Path) -> Run:
    """Read what a run left in its folder.

    Args:
        path: The run's folder.

    Returns:
        The run; parts that are not there are None or empty.

    Raises:
        DataError: The folder holds nothing of a run, or a file in it cannot be read.
    """
    files = RunFolder(path)
    if not any(file.is_file() for file in (files.config, files.metrics, files.evaluation)):
        found = "holds none of its files" if path.is_dir() else "is not a folder"
        raise DataError(
            f"no run is here: it {found}.",
            f"Give a folder that torchedu fit wrote; it holds {files.CONFIG} and {files.METRICS}.",
            file=path,
        )
    config = _read(files.config, lambda text: clean(text).rstrip())
    return Run(
        path=path,
        config=config,
        seed=_seed(config),
        metrics=_read(files.metrics, _metrics) or {},
        evaluation=_read(files.evaluation, _evaluation),
        table=_read(files.evaluation, _table),
        mastery=_read(path / "mastery.json", _mastery),
        names=_read(files.vocabulary, _names) or {},
        evaluated=_read(files.evaluation, json.loads) or {},
    )


def clean(text: str) -> str:
    """Make text safe to stand on a page: nothing unprintable, nothing that reorders its line."""
    return _UNPRINTABLE.sub("\ufffd", _OVERRIDES.sub("", text))


def clean_name(name: object) -> str:
    """Make a name safe to stand on a page, on one line."""
    return clean(" ".join(str(name).split()))


def _read(file: Path, parse: Callable[[str], T | None]) -> T | None:
    if not file.is_file():
        return None
    try:
        return parse(file.read_text("utf-8"))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, csv.Error) as error:
        why = f"lacks {error}" if isinstance(error, KeyError) else f"cannot be read: {error}"
        raise DataError(
            f"this file of the run {why}.",
            "Write it again with torchedu test, or delete it to have the report without it.",
            file=file,
        ) from None


def _number(value: Any) -> float:
    """Return a number, not-a-number where none is defined."""
    number = math.nan if value is None else float(value)
    return number if math.isfinite(number) else math.nan


def _seed(config: str | None) -> int | None:
    """Find the seed in a configuration; one that is no YAML is still shown as it is."""
    try:
        value = yaml.safe_load(config or "")
    except yaml.YAMLError:
        return None
    seed = value.get("seed_everything") if isinstance(value, dict) else None
    return seed if type(seed) is int else None


def _metrics(text: str) -> dict[str, dict[int, float]]:
    """Read Lightning's CSV log: many rows an epoch, most cells empty.

    A quantity's last value in an epoch stands; training quantities logged by step are averaged.
    """
    values: dict[str, dict[int, list[float]]] = {}
    for row in csv.DictReader(text.replace("\0", "").splitlines()):
        epoch = row.pop("epoch", None)
        if not epoch:
            continue
        for name, cell in row.items():
            if not (cell and isinstance(cell, str)):
                continue
            # The last row may be cut where the run was killed.
            try:
                number, at = float(cell), int(float(epoch)) + 1
            except (ValueError, OverflowError):
                continue
            if math.isfinite(number):
                values.setdefault(name, {}).setdefault(at, []).append(number)
    return {
        name: {
            epoch: sum(found) / len(found) if name.startswith("train/") else found[-1]
            for epoch, found in sorted(by_epoch.items())
        }
        for name, by_epoch in values.items()
    }


def _numbers(entry: dict[str, Any], of: type[Score] | type[GroupScore]) -> dict[str, float]:
    """Read the fields of a score that are declared as float."""
    return {f.name: _number(entry.get(f.name)) for f in fields(of) if f.type is float}


def _of_answers(value: dict[str, Any]) -> bool:
    """Say whether answers were predicted, which the page has pictures for."""
    return {f.name for f in fields(Score) if f.type is float} <= set(value["columns"])


def _table(text: str) -> Table | None:
    if _of_answers(value := json.loads(text)):
        return None
    return Table(
        split=clean_name(value["split"]),
        data=clean_name(value["data"]),
        counts={clean_name(noun): int(number) for noun, number in value["counts"].items()},
        columns=[clean_name(title) for title in value["columns"].values()],
        rows=[
            (
                clean_name(row["name"]),
                clean_name(row["kind"]),
                [_number(row.get(name)) for name in value["columns"]],
            )
            for row in value["scores"]
        ],
    )


def _evaluation(text: str) -> Evaluation | None:
    if not _of_answers(value := json.loads(text)):
        return None
    return Evaluation(
        split=clean_name(value["split"]),
        data=clean_name(value["data"]),
        students=int(value["counts"]["students"]),
        answers=int(value["counts"]["answers"]),
        scores=[
            Score(name=clean_name(s["name"]), kind=clean_name(s["kind"]), **_numbers(s, Score))
            for s in value["scores"]
        ],
        by_group={
            clean_name(attribute): [
                GroupScore(
                    group=clean_name(g["group"]),
                    students=int(g["students"]),
                    answers=int(g["answers"]),
                    **_numbers(g, GroupScore),
                )
                for g in groups
            ]
            for attribute, groups in (value.get("by_group") or {}).items()
            if groups
        },
        by_history=[
            HistoryScore(
                first=int(h["from"]),
                last=None if h["to"] is None else int(h["to"]),
                answers=int(h["answers"]),
                auc=_number(h["auc"]),
                best_baseline_auc=_number(h.get("best_baseline_auc")),
            )
            for h in value.get("by_history") or []
        ],
        curves={
            clean_name(name): _curves(curves)
            for name, curves in (value.get("curves") or {}).items()
        },
    )


def _curves(value: dict[str, Any]) -> Curves:
    roc, calibration = value.get("roc") or {}, value.get("calibration") or {}
    curves = Curves(
        false_positive_rate=[_number(v) for v in roc.get("false_positive_rate") or []],
        true_positive_rate=[_number(v) for v in roc.get("true_positive_rate") or []],
        predicted=[_number(v) for v in calibration.get("predicted") or []],
        observed=[_number(v) for v in calibration.get("observed") or []],
        answers=[int(v) for v in calibration.get("answers") or []],
    )
    if len(curves.false_positive_rate) != len(curves.true_positive_rate):
        raise ValueError("a ROC curve's two rates have unequal lengths")
    if not len(curves.predicted) == len(curves.observed) == len(curves.answers):
        raise ValueError("a calibration curve's three lists have unequal lengths")
    return curves


def _mastery(text: str) -> Mastery:
    value = json.loads(text)
    found = Mastery(
        student=clean_name(value["student"]),
        definition=clean_name(value["definition"]),
        skills=[clean_name(v) for v in value["skills"]],
        mastery=[[_number(v) for v in step] for step in value["mastery"]],
        items=[clean_name(v) for v in value["items"]],
        correct=[_number(v) for v in value["correct"]],
        skills_of_items=[[clean_name(v) for v in names] for names in value["skills_of_items"]],
    )
    steps = {len(found.mastery), len(found.items), len(found.correct), len(found.skills_of_items)}
    if len(steps) > 1:
        raise ValueError(f"its lists have unequal numbers of steps ({sorted(steps)})")
    if any(len(step) != len(found.skills) for step in found.mastery):
        raise ValueError("a step does not have one mastery value a skill")
    return found


def _names(text: str) -> dict[str, int]:
    kinds = {str(kind): len(names) for kind, names in json.loads(text).items()}
    return {f"{one}s": kinds[one] for one in (ITEM, SKILL) if kinds.get(one)}

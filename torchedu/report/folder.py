"""What a run left in its folder, read and checked once for the page and its pictures."""

import csv
import math
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from torchedu.bounded import parse_json, parse_yaml
from torchedu.errors import DataError
from torchedu.run_folder import RunFolder
from torchedu.sections import Section

T = TypeVar("T")

# Overrides of direction would let one name reorder the text around it; the names of scripts that
# run from right to left need none.
_OVERRIDES = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
# What neither XML nor UTF-8 can hold.
_UNPRINTABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Score:
    """How well one model did on the whole part.

    Attributes:
        name: What it is called.
        kind: What it is, such as ``network`` or ``baseline``.
        values: Its scores, in the order of the columns; not a number where one is not defined.
    """

    name: str
    kind: str
    values: list[float]


@dataclass(frozen=True)
class Group:
    """What the audit found of a group.

    Attributes:
        attribute: What the group has in common.
        name: The group.
        size: How many are in it.
        auc: The network's AUC there; not a number where they are too few, as the next two.
        abroca: How far its ROC curve lies from that of the others.
        floor: What that would be by chance.
    """

    attribute: str
    name: str
    size: int
    auc: float
    abroca: float
    floor: float


@dataclass(frozen=True)
class Audit:
    """What the audit of groups found.

    Attributes:
        words: It, in sentences.
        noun: What is in groups.
        stratum: Within what groups were compared, where that was so.
        groups: The groups of each attribute; those of several at once are left out.
    """

    words: list[str]
    noun: str
    stratum: str
    groups: list[Group]

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Audit":
        """Read what an evaluation holds of it."""
        noun, groups = str(value.get("noun") or "students"), []
        for attribute, audited in value["attributes"].items():
            for group in audited["groups"] if "×" not in attribute else ():
                gap = (group.get("gaps") or {}).get("abroca") or {}
                gap = gap.get("within") or gap
                known = {} if group["too_few"] else {**gap, "auc": group["auc"]}
                numbers = (_number(known.get(name)) for name in ("auc", "value", "floor"))
                name, size = clean_name(group["group"]), int(group[noun])
                groups.append(Group(clean_name(attribute), name, size, *numbers))
        words = [clean_name(words) for words in value["words"]]
        return cls(words, clean_name(noun), clean_name(value.get("stratum") or ""), groups)


@dataclass(frozen=True)
class Evaluation:
    """What ``evaluation.json`` holds for every task.

    Attributes:
        data: The data's name.
        split: The part that was scored.
        task: The task's name.
        use_for: What the task is for.
        not_for: What it must not be used for.
        lead: What the network reached, in a sentence.
        surely: How surely that is known.
        next: What to do next.
        terms: What the words in headings mean.
        counts: What was scored, and what else there is, by noun.
        columns: The scores' titles by name.
        scores: The models: networks, baselines, others, bounds and oracles, the best first.
        best: Which of them have the best first score of what could be had.
        origin: The first score of a model that knows nothing.
        sections: What the task has to tell.
        fairness: What the audit of groups found; None where there was none.
    """

    data: str
    split: str
    task: str
    use_for: str
    not_for: str
    lead: str
    surely: str
    next: str
    terms: dict[str, str]
    counts: dict[str, int]
    columns: dict[str, str]
    scores: list[Score]
    best: list[str]
    origin: float
    sections: list[Section]
    fairness: Audit | None

    @property
    def network(self) -> str:
        """What the evaluated network is called."""
        return next((score.name for score in self.scores if score.kind == "network"), "network")


@dataclass(frozen=True)
class Run:
    """A run's folder; a part that the run did not leave is None or empty.

    Attributes:
        path: The folder.
        config: The text of ``config.yaml``.
        seed: The seed that the configuration names.
        metrics: For each logged quantity, its value by epoch (from 1).
        evaluation: The scores, and what else was found.
    """

    path: Path
    config: str | None
    seed: int | None
    metrics: dict[str, dict[int, float]]
    evaluation: Evaluation | None

    @property
    def epochs(self) -> int:
        """Passes of which something was logged in training: a test's row is not one more."""
        logged = (
            values for name, values in self.metrics.items() if name.startswith(("train/", "val/"))
        )
        return max((max(values) for values in logged), default=0)

    @property
    def again(self) -> str:
        """The words after ``torchedu`` that train the same again, from any folder.

        A run that was packed for others says not which data it was, nor where it stood here.
        """
        data = _section(self.config, "data")
        says_which = "path" in (data.get("init_args") or {"path": None})
        folder = self.path.resolve() if says_which else Path(self.path.name)
        return f"fit --config {shlex.quote(str(folder / RunFolder.CONFIG))}"


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
        problem = "holds none of its files" if path.is_dir() else "is not a folder"
        raise DataError(
            f"no run is here: it {problem}.",
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


def _section(config: str | None, name: str) -> dict[str, Any]:
    """Return a section of a configuration; one that is no YAML has none."""
    try:
        value = parse_yaml(config or "")
    except ValueError:
        return {}
    section = value.get(name) if isinstance(value, dict) else None
    return section if isinstance(section, dict) else {}


def _seed(config: str | None) -> int | None:
    """Find the seed in a configuration; one that is no YAML is still shown as it is."""
    try:
        value = parse_yaml(config or "")
    except ValueError:
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
            epoch: sum(values) / len(values) if name.startswith("train/") else values[-1]
            for epoch, values in sorted(by_epoch.items())
        }
        for name, by_epoch in values.items()
    }


def _evaluation(text: str) -> Evaluation:
    value = _cleaned(parse_json(text))
    if "sections" not in value:
        raise ValueError("it was written by another version of torchedu")
    columns = {str(name): clean_name(title) for name, title in value["columns"].items()}
    scores = [
        Score(
            clean_name(row["name"]), str(row["kind"]), [_number(row.get(name)) for name in columns]
        )
        for row in value["scores"]
    ]
    sign = 1 if value.get("lower") else -1
    kinds = {kind: place for place, kind in enumerate(("network", "baseline"))}
    kinds |= {"bound": 8, "oracle": 9}  # what nobody reaches stands last

    def place(score: Score) -> tuple[int, bool, float]:
        first = score.values[0] if score.values else math.nan
        unknown = math.isnan(first)
        return kinds.get(score.kind, 2), unknown, 0.0 if unknown else sign * first

    return Evaluation(
        data=clean_name(value["data"]),
        split=clean_name(value["split"]),
        task=clean_name(value.get("task", "")),
        use_for=clean_name(value.get("use_for", "")),
        not_for=clean_name(value.get("not_for", "")),
        lead=clean_name(value.get("lead", "")),
        surely=clean_name(value.get("surely", "")),
        next=clean_name(value.get("next", "")),
        terms={clean_name(k): clean_name(v) for k, v in value.get("terms", {}).items()},
        counts={
            clean_name(noun): int(number)
            for noun, number in {**value["counts"], **value.get("facts", {})}.items()
        },
        columns=columns,
        scores=sorted(scores, key=place),
        best=[clean_name(name) for name in value.get("best", ())],
        origin=float(value.get("origin", 0)),
        sections=[Section.from_json(section) for section in value["sections"]],
        fairness=Audit.from_json(value["fairness"]) if value.get("fairness") else None,
    )


def _cleaned(value: Any) -> Any:
    """Make all texts of plain values safe to stand on a page."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(part) for part in value]
    if isinstance(value, dict):
        return {clean(str(key)): _cleaned(part) for key, part in value.items()}
    return value

"""What a search ends in: its front on the test part, the best trained over seeds, and a report."""

import math
from pathlib import Path
from typing import NamedTuple

from torchedu.bounded import parse_json, parse_yaml
from torchedu.errors import MissingExtraError
from torchedu.files import write_json
from torchedu.report import write_report
from torchedu.run import RunConfig, build
from torchedu.run.training import train
from torchedu.run_folder import RunFolder
from torchedu.tune.results import Standing, standing, write_best, write_table
from torchedu.tune.sections import TITLE, sections
from torchedu.tune.study import SEEDS, Study
from torchedu.tune.tested import OnTest, on_test
from torchedu.tune.trial import QUIET

MOST_TESTED = 8
"""Trials of a front that are scored on the test part: the first ones, which span it."""


class Final(NamedTuple):
    """What a search ended in.

    Attributes:
        tested: Of the best trial and the first ones of the front, what each reached on the test
            part, by the trial's number.
        best: The configuration of the best one.
        table: All trials.
        seeds: What the best one reached on the test part, trained anew by each seed.
        report: The page; why there is none; or None where nothing was trained anew.
    """

    tested: dict[int, dict[str, OnTest]]
    best: Path
    table: Path
    seeds: dict[int, dict[str, OnTest]]
    report: Path | Exception | None


def ended(study: Study, seeds: int) -> Final:
    """Score the front on the test part, train the best one anew, and write the report.

    Args:
        study: The study, all of whose trials have ended, one of them whole.
        seeds: How many seeds the best one is trained by; the first is the recipe's.
    """
    now = standing(study)
    assert now.best is not None
    best = write_best(study, now.best)
    table = write_table(study, now)
    shown = [now.best, *(row for row in now.front if row is not now.best)][:MOST_TESTED]
    tested = {row.number: on_test(study.run_folder(row.number), now.goals) for row in shown}
    again: dict[int, dict[str, OnTest]] = {}
    page: Path | None = None
    first = int(parse_yaml(best.read_text("utf-8")).get("seed_everything") or 0)
    for seed in (number % SEEDS for number in range(first, first + seeds)):
        folder = study.folder / "best" / f"{now.best.number:04d}-seed-{seed}"
        words = ["--config", str(best), "--run", str(folder), "--seed_everything", str(seed)]
        if not RunFolder(folder).evaluation.is_file():
            train(build(RunConfig([*words, *QUIET, "--resume", "auto"])))
        again[seed] = on_test(folder, now.goals)
        page = page or folder
    report = None if page is None else _reported(study, now, tested, again, page)
    kept = {"trials": _plain(tested), "best": now.best.number, "seeds": _plain(again)}
    write_json(study.folder / "test.json", kept)
    return Final(tested, best, table, again, report)


def _reported(
    study: Study,
    now: Standing,
    tested: dict[int, dict[str, OnTest]],
    again: dict[int, dict[str, OnTest]],
    folder: Path,
) -> Path | Exception:
    """Set what the search has to tell before the sections of the best one's report."""
    file = RunFolder(folder).evaluation
    content = parse_json(file.read_text("utf-8"))
    own = [section.to_json() for section in sections(study, now, tested, again)]
    rest = [each for each in content["sections"] if not each["title"].startswith(TITLE)]
    write_json(file, {**content, "sections": [*own, *rest]})
    try:
        return write_report(folder)
    except MissingExtraError as error:
        return error


def _plain(scores: dict[int, dict[str, OnTest]]) -> dict[str, dict[str, list[float | None]]]:
    return {
        str(number): {
            name: [None if math.isnan(end) else end for end in score]
            for name, score in each.items()
        }
        for number, each in scores.items()
    }

"""``torchedu tune``: search a recipe's options for accuracy, fairness and cost."""

import inspect
import math
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from torchedu.cli.first_words import check, words_known
from torchedu.cli.terminal import Terminal
from torchedu.errors import ConfigError, MissingExtraError, worded
from torchedu.parsing import TwoLineErrors, unknown_option

if TYPE_CHECKING:
    from torchedu.tune.final import Final
    from torchedu.tune.results import Row, Standing


def main(arguments: Sequence[str]) -> None:
    """Run the command with the words after ``torchedu tune``."""
    parser = TwoLineErrors(
        prog="torchedu tune",
        description="Search a recipe's options. All other options are those of torchedu fit, such "
        "as --config and --data.path, and are every trial's.",
    )
    parser.add_function_arguments(tune, skip={"recipe"})
    names = inspect.signature(tune).parameters
    own, recipe = divided(arguments, names)
    known = [*names, *words_known("fit")["options"]]
    for word in recipe:
        name = word.partition("=")[0].removeprefix("--")
        if word.startswith("--") and "." not in name and name not in known:
            raise unknown_option(name, known, "torchedu tune")
    given = vars(parser.parse_args(own))
    check("fit", recipe)
    tune(recipe, **given)


def divided(arguments: Sequence[str], names: Collection[str]) -> tuple[list[str], list[str]]:
    """Divide words into those of options of these names, and all others.

    Args:
        arguments: The words.
        names: The names, without dashes.
    """
    own: list[str] = []
    rest: list[str] = []
    into, waiting = rest, False
    for word in arguments:
        option, equals, _ = word.partition("=")
        if not (waiting and not word.startswith("--")):
            mine = option.removeprefix("--") in names or option in ("-h", "--help")
            into = own if word.startswith("-") and mine else rest
            waiting = not equals
        else:
            waiting = False
            if into is own and word.startswith("-"):  # -val/loss is a value, and no option
                word = f"{into.pop()}={word}"
        into.append(word)
    return own, rest


def tune(
    recipe: list[str],
    space: str,
    study: str = "study",
    trials: int = 40,
    objectives: str = "",
    limits: str = "",
    sampler: str = "tpe",
    pruner: str = "asha",
    first_rung: int | None = None,
    workers: int | None = None,
    storage: str = "",
    seed: int = 0,
    seeds: int = 3,
    earlier: str | None = None,
    engine: str = "optuna",
) -> None:
    """Search a recipe's options, and report what is best.

    Args:
        recipe: The words that every trial has.
        space: File that names the options and what each may be.
        study: The study's folder; one that has begun is gone on with.
        trials: Trials of the whole study.
        objectives: What to raise or lower: logged scores (val/auc), val/abroca, cost, latency,
            parameters, separated by commas; the task's own score where none is named.
        limits: What has to be kept, such as val/abroca<=0.05.
        sampler: How trials are chosen: tpe, random, nsga2 or qmc.
        pruner: How trials are stopped early: asha, or none; of one objective median or hyperband.
        first_rung: Validations before a trial may be stopped; 1 by default, 3 where gaps matter.
        workers: Processes that work on the study here, 1 by default; of a Ray cluster trials at
            once, by default as many as it has room for.
        storage: Where its trials are kept: sqlite:///FILE or postgresql+psycopg://...; a file
            in the study's folder by default.
        seed: Of what the search draws.
        seeds: How many seeds the best trial is trained anew by.
        earlier: Folder of a study whose front is tried first, after the recipe's own values.
        engine: What runs the trials: optuna, in processes of this host; or ray, on a Ray cluster.
    """
    # Optuna and torch are loaded only when there is something to search, not for help.
    try:
        import optuna  # noqa: F401
    except ImportError:
        raise MissingExtraError("A search", "optuna", "tune") from None
    from torchedu.tune.search import search
    from torchedu.tune.study import Asked

    try:
        text = Path(space).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"⟦space⟧ {space} cannot be read ({error}).", "Name a file.") from None
    asked = Asked(tuple(recipe), text, objectives, limits, sampler, pruner, first_rung, seed)
    past = None if earlier is None else Path(earlier)
    terminal = Terminal()
    show = Progress(terminal, trials)
    now, final = search(asked, Path(study), trials, workers, storage, seeds, past, engine, show)
    show.end()
    _show(terminal, now, final, Path(study))


class Progress:
    """Tells how a study stands: a line for each trial that has ended, and one of all workers.

    Args:
        terminal: Where to.
        trials: Trials of the whole study.
    """

    def __init__(self, terminal: Terminal, trials: int) -> None:
        self._terminal, self._trials = terminal, trials
        self._shown: set[int] = set()
        self._status = terminal.status("") if terminal.is_terminal else None

    def __call__(self, now: "Standing") -> None:
        """Tell what is new."""
        for row in now.rows:
            if row.state != "running" and row.number not in self._shown:
                self._shown.add(row.number)
                self._terminal.print(f"trial {row.number}: {_outcome(row)}")
        if self._status is not None:
            going = [f"{row.number} (epoch {row.validations})" for row in now.rows
                     if row.state == "running"]  # fmt: skip
            self._status.update(f"{len(self._shown)} of {self._trials}; on: {', '.join(going)}")

    def end(self) -> None:
        """Take the line of all workers away."""
        if self._status is not None:
            self._status.stop()


def _outcome(row: "Row") -> str:
    if row.error:
        return f"failed: {row.error}"
    reached = ", ".join(f"{name} {value:.4g}" for name, value in row.reached.items())
    return f"{reached}{f', stopped after {row.validations}' if row.state == 'stopped' else ''}"


def _show(terminal: Terminal, now: "Standing", final: "Final", folder: Path) -> None:
    from torchedu.tune.tested import overlooked

    counts = [(state, now.count(state)) for state in ("whole", "stopped", "failed")]
    states = ", ".join(f"{number} {state}" for state, number in counts if number)
    table = Table(title=f"{len(now.rows)} trials: {states}; the best", title_justify="left")
    scored = [name for name in now.goals.names if any(name in at for at in final.tested.values())]
    for column in ("trial", *now.goals.names, *(f"test: {name[4:]}" for name in scored)):
        table.add_column(column, justify="left" if column == "trial" else "right")
    table.add_column("options")
    rows = {row.number: row for row in now.rows}
    for number, at in final.tested.items():
        row = rows[number]
        table.add_row(
            str(number),
            *(f"{row.reached[name]:.4g}" for name in now.goals.names),
            *(_interval(*at[name]) if name in at else "-" for name in scored),
            ", ".join(f"{name} {_value(value)}" for name, value in row.options.items()),
            style="bold" if now.best is row else "",
        )
    terminal.print_whole(table)
    if not now.keeps:
        terminal.print(f"No trial keeps {', '.join(map(str, now.goals.limits))}.")
    for number, at in final.tested.items():
        if said := overlooked(number, rows[number].reached, at):
            terminal.print(said)
    for seed, at in final.seeds.items():
        scores = ", ".join(f"{name[4:]} {_interval(*score)}" for name, score in at.items())
        terminal.print(f"best, seed {seed}, test part: {scores}")
    terminal.print(f"all trials: {final.table}")
    terminal.print(f"the best: torchedu fit --config {shlex.quote(str(final.best))}")
    if isinstance(final.report, MissingExtraError):
        terminal.print(f"No report: {worded(final.report.remedy)}")
    elif isinstance(final.report, Exception):
        raise final.report
    elif final.report is not None:
        terminal.print(f"report: {final.report}")


def _interval(value: float, low: float, high: float) -> str:
    return f"{value:.4f}" + ("" if math.isnan(low) else f" [{low:.3f}, {high:.3f}]")


def _value(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)

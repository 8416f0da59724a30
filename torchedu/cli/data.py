"""``torchedu data``: check, import and describe data, simulate a class, forget a student."""

import inspect
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from torchedu.cli.first_look import print_import, tell_data
from torchedu.cli.terminal import Terminal
from torchedu.datasets.answers import AnswerStore
from torchedu.datasets.importers import Importer, describe_data, formats, import_data
from torchedu.errors import MissingExtraError, worded
from torchedu.leaks import check
from torchedu.parsing import argument_docs, run_functions

LOOKED_AT = 1 << 18
"""Answers in which an import looks for leaks; training and ``data check`` look at all."""


def main(arguments: Sequence[str]) -> None:
    """Run a subcommand of ``torchedu data``."""
    functions: dict[str, Callable[..., None]] = {
        "check": tell_data,
        "example": example,
        "import": importing(),
        "describe": describe,
        "simulate": simulate,
        "forget": forget,
        "from-service": from_service,
    }
    run_functions(functions, arguments, "data")


def importing() -> Callable[..., None]:
    """Return ``torchedu data import``, whose options are those of the formats that there are."""
    known = formats()
    docs = {
        "format": "; ".join(f"{kind.name}: {kind.reads}" for kind in known.values()),
        "raw": "The file or folder; also a URI such as s3://bucket/answers.csv.",
        "out": "The store to make; one that stands there is replaced.",
    }
    form = inspect.Parameter.POSITIONAL_OR_KEYWORD
    words = [inspect.Parameter(name, form, annotation=str) for name in docs]
    for name in dict.fromkeys(name for kind in known.values() for name in kind.options()):
        having = [kind for kind in known.values() if name in kind.options()]
        words.append(_word(name, having))
        texts = dict.fromkeys(text for kind in having for text in _told(kind, name))
        if _is_list(having[0], name):
            texts = dict.fromkeys([f"{' or '.join(texts)}, separated by commas"])
        docs[name] = f"{'; or '.join(texts)} ({_which(having, known.values())})."

    def import_raw(format: str, raw: str, out: str, **options: Any) -> None:
        begin, terminal = time.perf_counter(), Terminal()
        given = {
            word.name: options[word.name]
            for word in words
            if options.get(word.name, word.default) != word.default
        }
        columns_shown = (
            SpinnerColumn(),
            TextColumn("reading {task.completed:,.0f} rows"),
            TimeElapsedColumn(),
        )
        quiet = not terminal.is_terminal
        with Progress(*columns_shown, console=terminal, transient=True, disable=quiet) as bar:
            task = bar.add_task("reading", total=None)
            store = import_data(
                format, raw, out, given, progress=lambda rows: bar.update(task, completed=rows)
            )
        print_import(terminal, store, f"{store.path}: ", time.perf_counter() - begin)
        if said := store.about.get("interrupted"):
            terminal.print(f"resumed   an earlier import was interrupted: {said}")
        for finding in check(store, most=LOOKED_AT):
            terminal.print(f"{'leak':9} {worded(str(finding))}")
        if isinstance(store, AnswerStore) and store.num_answers > LOOKED_AT:
            terminal.print(
                f"leaks     looked for in {LOOKED_AT:,} of {store.num_answers:,} answers, of whole "
                f"students; in all: torchedu data check {store.path}"
            )

    lines = [f"    {name}: {texts}" for name, texts in docs.items()]
    import_raw.__doc__ = "\n".join(
        ["Read raw files of any format into a store.", "", "Args:", *lines]
    )
    import_raw.__doc__ = import_raw.__doc__.replace("``", "")
    import_raw.__signature__ = inspect.Signature(words)  # type: ignore[attr-defined]
    return import_raw


def describe(store: str, picture: str | None = None) -> None:
    """Count what a store holds, and draw it.

    Args:
        store: The store's folder.
        picture: The picture to write, a .png, .svg or .pdf; STORE.describe.png beside the store.
    """
    terminal = Terminal()
    path = Path(store)
    description = describe_data(path)
    for table in _tables(path.name, description):
        terminal.print_whole(table)
    file = Path(picture) if picture else path.with_name(f"{path.name}.describe.png")
    try:
        from torchedu.report.describe import draw
    except MissingExtraError as error:
        if picture:
            raise
        terminal.print(f"No picture: {worded(error.remedy)}")
        return
    draw(description, file)
    terminal.print(f"picture   {file}")


def example(kind: str, *, out: str) -> None:
    """Write a small file of made-up data, as a file of a kind of data has to look.

    Args:
        kind: The kind: answers, enrolments, events, texts, transcripts or conversations.
        out: The file to write.
    """
    from torchedu.datasets.examples import write_example

    write_example(kind, out)
    Terminal().print(f"written   {out}; what is in it: torchedu data check {out}")


def simulate(
    out: str,
    students: int = 6000,
    skills: int = 10,
    items: int = 150,
    answers: int = 60,
    guess: float = 0.12,
    slip: float = 0.05,
    growth: float = 0.3,
    forgetting: float = 0.05,
    seed: int = 0,
    truth: bool = True,
    processes: int = 1,
) -> None:
    """Simulate a class whose best reachable score is known, and write its answers as a store.

    Args:
        out: The store to make; one that stands there is replaced.
        students: Number of students.
        skills: Number of skills in the course.
        items: Number of items, shared out evenly among the skills.
        answers: Median number of answers a student gives.
        guess: Probability of a right answer where nothing is known.
        slip: Probability of a wrong answer where all is known.
        growth: Mean probability of rising a level in a skill after an answer on it.
        forgetting: Probability of falling a level in a skill during an answer on another skill.
        seed: Decides everything that is drawn.
        truth: Whether what the hidden state says of each answer is kept, for the oracle's score.
        processes: How many processes simulate; what they write does not depend on it.
    """
    from torchedu.datasets.simulator import simulate as write

    begin = time.perf_counter()
    store = write(
        out,
        students=students,
        skills=skills,
        items=items,
        answers=answers,
        guess=guess,
        slip=slip,
        growth=growth,
        forgetting=forgetting,
        seed=seed,
        truth=truth,
        processes=processes,
    )
    print_import(Terminal(), store, f"{store.path}: ", time.perf_counter() - begin)


def forget(store: str, *, student: str, runs: str = "runs") -> None:
    """Take a student out of a store, its features and what runs say, and name runs trained on them.

    Args:
        store: The store's folder.
        student: The name; of other data that of a text, a writer, a lesson or a speaker. Of
            conversations those go in which the name stands.
        runs: Folders of runs, or that hold such, separated by commas.
    """
    from torchedu.privacy import forget as take_out

    folders = [part.strip() for part in runs.split(",") if part.strip()]
    done, terminal = take_out(store, student, folders), Terminal()
    taken = ", ".join(f"{number:,} {noun}" for noun, number in done.counts.items() if number)
    terminal.print(f"store     {store}: {taken or 'nothing'} taken out")
    for file in done.files:
        terminal.print(f"cleaned   {file}")
    for run in done.trained:
        terminal.print(f"trained   {run}: its network has learned from them; train it again")
    if done.sources:
        terminal.print(
            f"raw files {', '.join(done.sources)} still hold them, and an import brings them back"
        )


def from_service(store: str, out: str, *, run: str | None = None) -> None:
    """Write the answers that a service has taken in as JSON lines, to train on.

    Args:
        store: The file of torchedu serve, which may run meanwhile.
        out: The file to write, such as answers.jsonl.
        run: A run that it serves, by whose network items have their skills where answers name none.
    """
    try:
        from torchedu.serve.learning import write_answers
    except ModuleNotFoundError as error:
        raise MissingExtraError("torchedu data from-service", str(error.name), "serve") from None
    known = None
    if run is not None:
        from torchedu.engine import open_engine

        known = open_engine(run).companions
    number = write_answers(store, out, known)
    Terminal().print(f"{number:,} answers: {out}")


def _word(name: str, having: Sequence[type[Importer]]) -> inspect.Parameter:
    """Return an option as the command line takes it; without a value where formats differ in it."""
    kinds = {kind.options()[name] for kind in having}
    defaults = [kind.default(name) for kind in having]
    default = defaults[0] if defaults.count(defaults[0]) == len(having) else None
    annotation: Any = kinds.pop() if len(kinds) == 1 else str
    if _is_list(having[0], name):
        annotation, default = str, ""
    elif annotation == Mapping[str, str] | None:
        annotation = dict[str, str] | None
    elif default is None:
        annotation = annotation | None
    form = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, form, default=default, annotation=annotation)


def _is_list(kind: type[Importer], name: str) -> bool:
    return bool(kind.options()[name] == Sequence[str])


def _which(having: Sequence[type[Importer]], known: Iterable[type[Importer]]) -> str:
    """Say which formats have an option, those of a kind of data by what this holds."""
    kinds = []
    for store in dict.fromkeys(kind.store for kind in having):
        mine = [kind.name for kind in having if kind.store is store]
        whole = len(mine) == sum(kind.store is store for kind in known)
        kinds += [store.holds] if whole else mine
    return ", ".join(kinds)


def _told(kind: type[Importer], name: str) -> Iterator[str]:
    """Yield what a format's class, or the first above it that does, says of an option."""
    docs = (argument_docs(base) for base in kind.__mro__)
    yield from next(([doc[name]] for doc in docs if name in doc), [])


def _tables(name: str, description: dict[str, Any]) -> list[Table]:
    """Lay a description out for a terminal."""
    return [
        table
        for table in (_counts(name, description), _spreads(description), _groups(description))
        if table
    ]


def _counts(name: str, description: dict[str, Any]) -> Table:
    table = Table(title=name, show_header=False, title_justify="left")
    table.add_column()
    table.add_column(justify="right")
    for what, number in description.items():
        if isinstance(number, int):
            table.add_row(what, f"{number:,}")
    if description.get("share_correct") is not None:
        table.add_row(
            "share correct", f"{description['share_correct']:.3f} ({description['marks']})"
        )
    if "skills_per_item" in description:
        skills = ", ".join(f"{n}: {items:,}" for n, items in description["skills_per_item"].items())
        table.add_row("items by number of skills", skills)
    if span := description.get("time"):
        table.add_row("time", f"{span['days']:,.0f} days")
        if span["first"] >= "1980":  # earlier ones count from some beginning, not from 1970
            table.add_row("first and last", f"{span['first']}, {span['last']}")
    for what, said in description.get("facts", {}).items():
        table.add_row(what, said)
    for what, said in _missing(description["missing"]) if "missing" in description else ():
        table.add_row(what, said)
    return table


def _missing(missing: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [
        (name.replace("_", " "), f"{number:,}")
        for name, number in missing.items()
        if isinstance(number, int) and number
    ]
    rows += [
        (f"students without {attribute}", f"{number:,}")
        for attribute, number in missing["students_without_group"].items()
        if number
    ]
    if missing["columns"]:
        rows.append(("not in the data", ", ".join(missing["columns"])))
    return rows


def _spreads(description: dict[str, Any]) -> Table:
    table = Table("", "least", "5 %", "25 %", "median", "75 %", "95 %", "most", "mean")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, spread in description.items():
        if "_per_" in name and spread.get("quantiles"):
            values = (f"{value:,.0f}" for value in spread["quantiles"].values())
            table.add_row(name.replace("_", " "), *values, f"{spread['mean']:,.1f}")
    return table


def _groups(description: dict[str, Any]) -> Table | None:
    if not any(description["groups"].values()):
        return None
    table = Table("attribute", "group", description["unit"])
    table.columns[2].justify = "right"
    for attribute, groups in description["groups"].items():
        for group, number in groups.items():
            table.add_row(attribute, group, f"{number:,}")
    return table

"""``torchedu data``: import raw files, describe a store, simulate a class."""

import inspect
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from torchedu.datasets import Store
from torchedu.datasets.kinds import describe_data, import_data
from torchedu.errors import MissingExtraError
from torchedu.parsing import run_functions
from torchedu.schema import GROUP, RESERVED, ROLES, TAG


def main(arguments: Sequence[str]) -> None:
    """Run a subcommand of ``torchedu data``."""
    functions: dict[str, Callable[..., None]] = {
        "import": import_,
        "describe": describe,
        "simulate": simulate,
    }
    run_functions(functions, arguments, "data")


def import_(
    format: str,
    raw: str,
    out: str,
    columns: dict[str, str] | None = None,
    groups: str = "",
    traits: str = "",
    answer_id: str | None = None,
    merge_skill_rows: bool = False,
    skills: str | None = None,
    skill_separator: str = ";",
    item_skills: str | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    time_unit: Literal["auto", "s", "ms", "us", "ns", "date"] = "auto",
    response_time_unit: Literal["s", "ms"] = "s",
    on_bad_row: Literal["error", "drop"] = "error",
) -> None:
    """Read answers, enrolments, events, texts, lessons or explanations into a store.

    Args:
        format: Of answers csv, parquet, jsonl, ednet, ednet_kt1, tsv or dkt_synthetic; of
            enrolments enrolments (CSV or Parquet), user_lists, ncf or movielens;
            of events in courses oulad, events (CSV or Parquet), uci_student or xapi;
            of graded texts texts (CSV or Parquet), asap, persuade, ellipse or semeval2013;
            of lessons transcripts (CSV, Parquet or Excel) or talkmoves;
            of explanations gsm8k, mathdial, bridge or chats (JSON lines).
        raw: The file or folder; also a URI such as s3://bucket/answers.csv.
        out: The store to make; one that stands there is replaced.
        columns: The file's headings, where they are not the common ones, such as
            --columns.student=pupil --columns.correct=mark (also item, skill, time, response_time,
            attempt; of texts text, score, prompt, id, label, low, high, rater1, rater2, reference,
            question, part, fold).
        groups: Headings of student attributes, separated by commas, such as gender,school.
        traits: Headings of further scores of texts, separated by commas, such as grammar,style.
        answer_id: Heading of the answer's id, where an answer fills a row for each of its skills.
        merge_skill_rows: Take rows that differ in nothing but the skill as one answer.
        skills: Which skills to take: tags or joint (ednet, ednet_kt1), column or q_mat (tsv).
        skill_separator: What stands between several skills of an item.
        item_skills: A CSV file of items and their skills, instead of skills beside the answers.
        delimiter: What stands between the fields of a CSV file; a comma, or a tab in .tsv.
        encoding: The text's encoding; UTF-8.
        time_unit: The unit of the times; auto tells dates and numbers since 1970 by themselves.
        response_time_unit: The unit of the response times.
        on_bad_row: End at the first bad row, or drop bad rows, counted and named.
    """
    begin = time.perf_counter()
    console = Console()
    options = {
        "columns": columns,
        "groups": _listed(groups),
        "traits": _listed(traits),
        "answer_id": answer_id,
        "merge_skill_rows": merge_skill_rows,
        "skills": skills,
        "skill_separator": skill_separator,
        "item_skills": item_skills,
        "delimiter": delimiter,
        "encoding": encoding,
        "time_unit": time_unit,
        "response_time_unit": response_time_unit,
        "on_bad_row": on_bad_row,
    }
    usual = inspect.signature(import_).parameters
    given = {
        name: value for name, value in options.items() if value and value != usual[name].default
    }
    columns_shown = (
        SpinnerColumn(),
        TextColumn("reading {task.completed:,.0f} rows"),
        TimeElapsedColumn(),
    )
    quiet = not console.is_terminal
    with Progress(*columns_shown, console=console, transient=True, disable=quiet) as bar:
        task = bar.add_task("reading", total=None)
        store = import_data(format, raw, out, given, lambda rows: bar.update(task, completed=rows))
    _print_import(console, store, time.perf_counter() - begin)


def describe(store: str, picture: str | None = None) -> None:
    """Count what a store holds, and draw it.

    Args:
        store: The store's folder.
        picture: The picture to write, a .png, .svg or .pdf; STORE.describe.png beside the store.
    """
    console = Console()
    path = Path(store)
    found = describe_data(path)
    for table in _tables(path.name, found):
        console.print(table)
    file = Path(picture) if picture else path.with_name(f"{path.name}.describe.png")
    try:
        from torchedu.report.describe import draw
    except MissingExtraError as error:
        if picture:
            raise
        console.print(Text(f"No picture: {error.remedy}"))
        return
    draw(found, file)
    console.print(Text(f"picture   {file}"), soft_wrap=True)


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
    )
    _print_import(Console(), store, time.perf_counter() - begin)


def _listed(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def _print_import(console: Console, store: Store, seconds: float) -> None:
    """Print what an import made: counts, what was taken for what, what was dropped and why."""
    about, vocabulary = store.about, store.vocabulary
    lines = [("store", f"{store.path}: {store.summary}, in {seconds:.1f} s")]
    if store.parts:
        parts = (f"{name} {number:,}" for name, number in store.parts.items())
        lines.append(("parts", ", ".join(parts)))
    tags = {role: ", ".join(vocabulary[TAG + role]) for role in ROLES}
    lines += [("tags", f"{role}s': {names}") for role, names in tags.items() if names]
    if vocabulary.groups:
        groups = (
            f"{name} ({len(vocabulary[GROUP + name]) - RESERVED})" for name in vocabulary.groups
        )
        lines.append(("groups", ", ".join(groups)))
    if about.get("columns"):
        taken = (f"{name} = {heading}" for name, heading in about["columns"].items())
        lines.append(("taken", ", ".join(taken)))
    if ignored := [heading for heading in about.get("ignored_columns", ()) if heading]:
        lines.append(("ignored", ", ".join(ignored)))
    if about.get("time_unit"):
        lines.append(("time", about["time_unit"]))
    for reason, dropped in about.get("dropped", {}).items():
        counted = isinstance(dropped, int)
        rows, first = (dropped, ()) if counted else (dropped["rows"], dropped["first"])
        where = f" (first: {'; '.join(first)})" if first else ""
        lines.append(("dropped", f"{rows:,} rows: {reason}{where}"))
    lines += [("note", note) for note in about.get("notes", ())]
    if about.get("licence"):
        lines.append(("licence", about["licence"]))
    for name, text in lines:
        console.print(Text(f"{name:9} {text}"), soft_wrap=True)


def _tables(name: str, found: dict[str, Any]) -> list[Table]:
    """Lay a description out for a terminal."""
    return [table for table in (_counts(name, found), _spreads(found), _groups(found)) if table]


def _counts(name: str, found: dict[str, Any]) -> Table:
    table = Table(title=Text(name), show_header=False, title_justify="left")
    table.add_column()
    table.add_column(justify="right")
    for what, number in found.items():
        if isinstance(number, int):
            table.add_row(what, f"{number:,}")
    if found.get("share_correct") is not None:
        table.add_row("share correct", f"{found['share_correct']:.3f} ({found['marks']})")
    if "skills_per_item" in found:
        skills = ", ".join(f"{n}: {items:,}" for n, items in found["skills_per_item"].items())
        table.add_row("items by number of skills", skills)
    if span := found.get("time"):
        table.add_row("time", f"{span['days']:,.0f} days")
        if span["first"] >= "1980":  # earlier ones count from some beginning, not from 1970
            table.add_row("first and last", f"{span['first']}, {span['last']}")
    for what, said in found.get("facts", {}).items():
        table.add_row(what, Text(said))
    for what, said in _missing(found["missing"]) if "missing" in found else ():
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


def _spreads(found: dict[str, Any]) -> Table:
    table = Table("", "least", "5 %", "25 %", "median", "75 %", "95 %", "most", "mean")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, spread in found.items():
        if "_per_" in name and spread.get("quantiles"):
            values = (f"{value:,.0f}" for value in spread["quantiles"].values())
            table.add_row(name.replace("_", " "), *values, f"{spread['mean']:,.1f}")
    return table


def _groups(found: dict[str, Any]) -> Table | None:
    if not any(found["groups"].values()):
        return None
    table = Table("attribute", "group", found["unit"])
    table.columns[2].justify = "right"
    for attribute, groups in found["groups"].items():
        for group, number in groups.items():
            table.add_row(Text(attribute), Text(group), f"{number:,}")
    return table

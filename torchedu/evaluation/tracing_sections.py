"""What a report shows of answers that were predicted."""

from collections.abc import Mapping, Sequence
from typing import Any

from torchedu.sections import Dot, Dots, Form, HeatMap, Line, Lines, Section, Table

MOST_CURVES = 5
"""Curves in a picture: more would hide the network's."""
MOST_GROUPS = 12
"""Groups drawn of one attribute of students: the largest; the table has them all."""
MOST_SKILLS = 20
MOST_ANSWERS = 100
"""How much is drawn of one student: the latest answers, the skills practised most in them."""
KINDS = ("network", "baseline", "bound", "oracle")

Rows = Sequence[Mapping[str, Any]]


def ranking_and_trust(rows: Rows, curves: Mapping[str, Mapping[str, Any]]) -> Section:
    """Show how right and wrong answers are told apart, and whether chances come true.

    Args:
        rows: The scores of each model.
        curves: By model the points of both curves, ``roc`` and ``calibration``.
    """
    ordered = sorted(rows, key=lambda row: (KINDS.index(row["kind"]), -(row["auc"] or 0)))
    ranking = [
        Line(
            row["name"], curves[row["name"]]["roc"]["false_positive_rate"],
            curves[row["name"]]["roc"]["true_positive_rate"], row["kind"],
            "" if row["auc"] is None else f"{row['auc']:.3f}",
        )
        for row in ordered
        if curves[row["name"]]["roc"]["false_positive_rate"]
    ]  # fmt: skip
    trust = [
        Line(
            row["name"], curves[row["name"]]["calibration"]["predicted"],
            curves[row["name"]]["calibration"]["observed"], row["kind"],
        )
        for row in ordered
        if row["kind"] in ("network", "baseline") and curves[row["name"]]["calibration"]["answers"]
    ]  # fmt: skip
    forms: list[Form] = []
    if ranking:
        forms.append(
            Lines(
                "wrong answers predicted right", "right answers predicted right",
                ranking[:MOST_CURVES], square=True,
            )
        )  # fmt: skip
    if trust:
        counts = curves[trust[0].name]["calibration"]["answers"]
        forms.append(
            Lines(
                "predicted probability of a right answer", "observed share right",
                trust[:MOST_CURVES], counts=counts, counted="answers", square=True,
            )
        )  # fmt: skip
    return Section(
        "Ranking and trust",
        "The first picture shows how many right answers are found at the price of how many false "
        "alarms. The second shows whether answers predicted at 70 % are right 70 % of the time: on "
        "the diagonal, the probabilities can be taken at their word. Its bars count the network's "
        "predictions."
        if ranking
        else "All answers of this part are right, or all are wrong.",
        forms if ranking else (),
        lacking=not ranking,
    )


def within_students(rows: Rows) -> Section:
    """Show how well each student's own answers are told apart.

    Args:
        rows: The scores of each model.
    """
    title = "Within students"
    network = rows[0]
    if network["auc_within"] is None:
        return Section(title, "No student has both right and wrong answers here.", lacking=True)
    table = Table(
        ["model", "AUC", "AUC within student", "AUC within student and skill"],
        [
            [row["name"], *(row[key] for key in ("auc", "auc_within", "auc_within_skill"))]
            for row in rows
        ],
    )
    return Section(
        title,
        "What a student should do next is chosen among one student's answers: here a right answer "
        "is compared only with wrong ones of the same student "
        f"({network['pairs_within']:,} pairs), or of the same student at a skill that both ask for "
        f"({network['pairs_within_skill']:,} pairs). The AUC of all together also counts knowing "
        "which students are good.",
        [table],
    )


def by_length(stretches: Rows, network: str) -> Section:
    """Show how well answers are predicted early on and later.

    Args:
        stretches: ``from``, ``to``, ``answers``, ``auc`` and ``best_baseline_auc`` of each.
        network: The network's name.
    """
    title = "By length of history"
    if all(row["auc"] is None for row in stretches):
        return Section(title, "No part of the answers has a defined AUC.", lacking=True)
    labels = [
        f"{row['from']}–{row['to']}" if row["to"] > row["from"] else str(row["from"])
        for row in stretches
    ]
    place = list(range(len(labels)))
    lines = [
        Line(network, place, [row["auc"] for row in stretches], "network"),
        Line("best baseline", place, [row["best_baseline_auc"] for row in stretches], "baseline"),
    ]
    picture = Lines(
        "earlier answers of the student", "AUC",
        [line for line in lines if any(y is not None for y in line.y)],
        ticks=labels, counts=[row["answers"] for row in stretches], counted="answers",
    )  # fmt: skip
    table = Table(
        ["earlier answers", "answers", "AUC", "AUC within student", "best baseline"],
        [
            [label, *(row[key] for key in ("answers", "auc", "auc_within", "best_baseline_auc"))]
            for label, row in zip(labels, stretches, strict=True)
        ],
    )
    return Section(
        title,
        "How well answers are predicted early on, when little is known of a student, and later.",
        [picture, table],
    )


def by_groups(by_group: Mapping[str, Rows], network: str, overall: float | None) -> Section:
    """Show how well the answers of each group of students are predicted.

    Args:
        by_group: The groups' scores by attribute.
        network: The network's name.
        overall: Its AUC on all students.
    """
    dots = []
    for attribute, groups in by_group.items():
        largest = sorted(range(len(groups)), key=lambda i: -groups[i]["students"])[:MOST_GROUPS]
        dots += [
            Dot(groups[i]["group"], {network: groups[i]["auc"]}, groups[i]["students"], attribute)
            for i in sorted(largest)
        ]
    title = "By student group"
    if overall is None or all(dot.scores[network] is None for dot in dots):
        said = "The data names no groups, or none with a defined AUC."
        return Section(title, said, lacking=True)
    tables = [
        Table(
            ["group", "students", "answers", "AUC", "AUC within student", "calibration error"],
            [
                [
                    row["group"],
                    row["students"],
                    row["answers"],
                    row["auc"],
                    row["auc_within"],
                    row["calibration_error"],
                ]
                for row in groups
            ],
            f"{attribute}: {len(groups)} groups"
            + (f", of which the {MOST_GROUPS} largest are drawn" * (len(groups) > MOST_GROUPS)),
        )
        for attribute, groups in by_group.items()
    ]
    picture = Dots("AUC (dashed: all students)", network, dots, overall, wide=False)
    return Section(
        title,
        "Small groups differ by chance alone: read a gap beside its number of students (n).",
        [picture, *tables],
        private=True,
    )


def one_student(student: Mapping[str, Any]) -> Section:
    """Show one student's mastery over time.

    Args:
        student: What ``torchedu.prediction.tracing.followed`` returned.
    """
    given, first = len(student["items"]), max(len(student["items"]) - MOST_ANSWERS, 0)
    skills_of_items = student["skills_of_items"][first:]
    met: dict[str, int] = {}
    for names in skills_of_items:
        for name in dict.fromkeys(names):
            met[name] = met.get(name, 0) + 1
    place = {name: k for k, name in enumerate(student["skills"])}
    met = {name: count for name, count in met.items() if name in place}
    most = set(sorted(met, key=lambda name: -met[name])[:MOST_SKILLS])
    kept = [name for name in met if name in most]
    title = "One student's mastery over time"
    if not kept:
        return Section(title, "The student met no skill.", lacking=True)
    row_of = {name: row for row, name in enumerate(kept)}
    correct = student["correct"][first:]
    picture = HeatMap(
        "answer",
        kept,
        [[step[place[name]] for step in student["mastery"][first:]] for name in kept],
        first + 1,
        [
            (row_of[name], step, correct[step] >= 0.5)
            for step, names in enumerate(skills_of_items)
            for name in dict.fromkeys(names)
            if name in row_of
        ],
    )
    answers = Table(
        ["answer", "item", "skills", "marks"],
        [
            [str(first + 1 + step), item, ", ".join(names), f"{mark:g}"]
            for step, (item, names, mark) in enumerate(
                zip(student["items"][first:], skills_of_items, correct, strict=True)
            )
        ],
        "The answers in their order",
    )
    which = f"answers {first + 1} to {given}" if first else f"{given} answers"
    of = f", the {len(kept)} skills practised most of {len(met)}" if len(met) > len(kept) else ""
    return Section(
        title, f"A student who is not named, {which}{of}. {student['definition']}",
        [picture, answers], private=True,
    )  # fmt: skip

"""What a report shows of answers that were predicted."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from torchedu.evaluation.sections import Rows, calibration, lacking, line, roc, table
from torchedu.metrics.fairness import LEAST
from torchedu.sections import Dot, Dots, HeatMap, Lines, Section, Table

MOST_CURVES = 5
"""Curves in a picture: more would hide the network's."""
MOST_GROUPS = 12
"""Groups drawn of one attribute of students: the largest; the table has them all."""
MOST_SKILLS = 20
MOST_ANSWERS = 100
"""How much is drawn of one student: the latest answers, the skills practised most in them."""
AUCS = {"auc": "AUC", "auc_within": "AUC within student"}
KINDS = ("network", "baseline", "bound", "oracle")


def ranking_and_trust(rows: Rows, curves: Mapping[str, Mapping[str, Any]]) -> Section:
    """Show how right and wrong answers are told apart, and whether chances come true.

    Args:
        rows: The scores of each model.
        curves: By model the points of both curves, ``roc`` and ``calibration``.
    """
    title = "Ranking and trust"
    ordered = sorted(rows, key=lambda row: (KINDS.index(row["kind"]), -(row["auc"] or 0)))
    drawn = [(row["name"], row["kind"], row["auc"], curves[row["name"]]) for row in ordered]
    ranking = [
        roc(name, points["roc"], kind, "" if auc is None else f"{auc:.3f}")
        for name, kind, auc, points in drawn
        if points["roc"]["false_positive_rate"]
    ]
    if not ranking:
        return lacking(title, "All answers of this part are right, or all are wrong.")
    trust = [
        calibration(name, points["calibration"], kind)
        for name, kind, _, points in drawn
        if kind in ("network", "baseline") and points["calibration"]["answers"]
    ]
    x, y = "wrong answers predicted right", "right answers predicted right"
    forms = [Lines(x, y, ranking[:MOST_CURVES], square=True)]
    if trust:
        x, y = "predicted probability of a right answer", "observed share right"
        counts = curves[trust[0].name]["calibration"]["answers"]
        counted = {"counts": counts, "counted": "answers"}
        forms.append(Lines(x, y, trust[:MOST_CURVES], **counted, square=True))
    return Section(
        title,
        "The first picture shows how many right answers are found at the price of how many false "
        "alarms. The second shows whether answers predicted at 70 % are right 70 % of the time: on "
        "the diagonal, the probabilities can be taken at their word. Its bars count the network's "
        "predictions.",
        forms,
    )


def skill_by_skill(skills: Rows) -> Section:
    """Show how often answers on each skill are right, and how often they were to be.

    Args:
        skills: ``skill``, ``answers``, ``right`` and ``predicted`` of each.
    """
    title = "Skill by skill"
    if not skills:
        return lacking(title, "No answer asks for a skill.")
    hardest = sorted(skills, key=lambda row: row["right"])
    headings = {
        "skill": "skill", "answers": "answers", "right": "share right",
        "predicted": "chance predicted",
    }  # fmt: skip
    parts = [hardest[:MOST_SKILLS]]
    folded = [""]
    if len(hardest) > MOST_SKILLS:
        parts.append(hardest[MOST_SKILLS:])
        folded.append(f"The other {len(hardest) - MOST_SKILLS:,} skills")
    return Section(
        title,
        "The hardest first. Where the two shares agree, the network can be taken at its word.",
        [table(rows, headings, fold) for rows, fold in zip(parts, folded, strict=True)],
    )


def within_students(rows: Rows) -> Section:
    """Show how well each student's own answers are told apart.

    Args:
        rows: The scores of each model.
    """
    title = "Within students"
    network = rows[0]
    if network["auc_within"] is None:
        return lacking(title, "No student has both right and wrong answers here.")
    headings = {"name": "model", **AUCS, "auc_within_skill": "AUC within student and skill"}
    return Section(
        title,
        "What a student should do next is chosen among one student's answers: here a right answer "
        "is compared only with wrong ones of the same student "
        f"({network['pairs_within']:,} pairs), or of the same student at a skill that both ask for "
        f"({network['pairs_within_skill']:,} pairs). The AUC of all together also counts knowing "
        "which students are good.",
        [table(rows, headings)],
    )


def by_length(stretches: Rows, models: Rows, first: int) -> Section:
    """Show how well answers are predicted early on and later.

    Args:
        stretches: ``from``, ``to``, ``answers``, ``auc`` and ``best_baseline_auc`` of each.
        models: The scores of each model, the network first.
        first: How many of the answers are the first of a student.
    """
    title, network = "By length of history", models[0]["name"]
    if all(row["auc"] is None for row in stretches):
        return lacking(title, "No part of the answers has a defined AUC.")
    labelled = [
        {
            **row,
            "place": place,
            "label": f"{row['from']}–{row['to']}" if row["to"] > row["from"] else str(row["from"]),
        }
        for place, row in enumerate(stretches)
    ]
    lines = [
        line(labelled, "place", "auc", network, "network"),
        line(labelled, "place", "best_baseline_auc", "best baseline", "baseline"),
    ]
    picture = Lines(
        "earlier answers of the student", "AUC",
        [drawn for drawn in lines if any(y is not None for y in drawn.y)],
        ticks=[row["label"] for row in labelled], counts=[row["answers"] for row in labelled],
        counted="answers",
    )  # fmt: skip
    headings = {"label": "earlier answers", "answers": "answers", **AUCS}
    return Section(
        title,
        "How well answers are predicted early on, when little is known of a student, and later. Of "
        f"the answers scored {first:,} are a student's first, foretold by item and skills alone; "
        "the second table has the AUC without them.",
        [
            picture,
            table(labelled, headings | {"best_baseline_auc": "best baseline"}),
            table(
                models, {"name": "model", "auc": "AUC", "auc_later": "AUC without first answers"}
            ),
        ],
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
        enough = [i for i, group in enumerate(groups) if group["students"] >= LEAST]
        largest = sorted(enough, key=lambda i: -groups[i]["students"])[:MOST_GROUPS]
        dots += [
            Dot(groups[i]["group"], {network: groups[i]["auc"]}, groups[i]["students"], attribute)
            for i in sorted(largest)
        ]
    title = "By student group"
    if overall is None or all(group["auc"] is None for rows in by_group.values() for group in rows):
        return lacking(title, "The data names no groups, or none with a defined AUC.")
    headings = {name: name for name in ("group", "students", "answers")}
    headings |= {**AUCS, "calibration_error": "calibration error"}
    tables = [
        table(
            groups,
            headings,
            f"{attribute}: {len(groups)} groups, drawn if they have {LEAST} students or more"
            + f", the {MOST_GROUPS} largest" * (len(groups) > MOST_GROUPS),
        )
        for attribute, groups in by_group.items()
    ]
    picture = Dots("AUC (dashed: all students)", network, dots, overall, wide=False)
    return Section(
        title,
        "Small groups differ by chance alone: read a gap beside its number of students (n).",
        [*([picture] if dots else ()), *tables],
        private=True,
    )


def one_student(student: Mapping[str, Any]) -> Section:
    """Show one student's mastery over time.

    Args:
        student: What ``torchedu.prediction.tracing.followed`` returned.
    """
    given, first = len(student["items"]), max(len(student["items"]) - MOST_ANSWERS, 0)
    skills_of_items = student["skills_of_items"][first:]
    place = {name: k for k, name in enumerate(student["skills"])}
    met = Counter(n for names in skills_of_items for n in dict.fromkeys(names) if n in place)
    most = dict(met.most_common(MOST_SKILLS))
    kept = [name for name in met if name in most]
    title = "One student's mastery over time"
    if not kept:
        return lacking(title, "The student met no skill.")
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

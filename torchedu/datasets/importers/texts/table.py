"""Graded texts from CSV or Parquet files, a row a text, under any headings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torchedu.datasets.importers.reading.tables import FILES, Delimited
from torchedu.datasets.importers.texts.importer import TextImporter
from torchedu.schema import TEXT_COLUMNS

ELLIPSE_TRAITS = ("Cohesion", "Syntax", "Vocabulary", "Phraseology", "Grammar", "Conventions")
PERSON = (
    "gender", "race_ethnicity", "ell_status", "economically_disadvantaged",
    "student_disability_status",
)  # fmt: skip
"""How ASAP 2.0 and PERSUADE call what is known of their writers."""


@dataclass(kw_only=True)
class GradedTables(Delimited, TextImporter):
    """Files of graded texts under headings."""

    schema = TEXT_COLUMNS
    part = "part"
    endings = (*FILES, ".txt")


@dataclass(kw_only=True)
class TextTables(GradedTables):
    """One or more files of graded texts.

    Args:
        groups: Headings of attributes of the writers, such as ``gender``.
        traits: Headings of further scores, such as ``grammar``.
    """

    name = "texts"
    reads = "one or more CSV, Parquet or Excel files with headings, a row a text"
    suffixes = GradedTables.endings

    groups: Sequence[str] = ()
    traits: Sequence[str] = ()


class ELLIPSE(GradedTables):
    """The corpus ELLIPSE."""

    name = "ellipse"
    reads = "the CSV of ELLIPSE: an overall score and six traits"
    citation = (
        "Crossley et al., The English Language Learner Insight, Proficiency and Skills "
        "Evaluation (ELLIPSE) Corpus, IJLCR 2023"
    )
    licence = "CC BY-NC-SA 4.0"
    told_by = ("full_text overall cohesion syntax vocabulary phraseology grammar conventions",)

    traits: ClassVar[Sequence[str]] = ELLIPSE_TRAITS


class PERSUADE(GradedTables):
    """The corpora ASAP 2.0 and PERSUADE 2.0."""

    name = "persuade"
    reads = "the CSV of ASAP 2.0 or of PERSUADE 2.0, with attributes of the writers"
    citation = (
        "Crossley et al., A large-scale corpus for assessing written argumentation: "
        "PERSUADE 2.0, Assessing Writing 2024"
    )
    licence = "CC BY 4.0 (ASAP 2.0), CC BY-NC-SA 4.0 (PERSUADE 2.0)"
    told_by = ("full_text holistic_essay_score", "essay_id full_text score race_ethnicity")

    groups: ClassVar[Sequence[str]] = PERSON

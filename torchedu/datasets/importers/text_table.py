"""Graded texts from CSV or Parquet files, a row a text, under any headings."""

from collections.abc import Mapping, Sequence

from torchedu.datasets.importers.importer import Importer, Reading
from torchedu.datasets.importers.rows import BadRows
from torchedu.datasets.importers.tables import CSV, PARQUET, open_tables, read_tables
from torchedu.datasets.importers.text import files, locate
from torchedu.schema import TEXT_COLUMNS

SUFFIXES = (*CSV, ".txt", *PARQUET)
ELLIPSE_TRAITS = ("Cohesion", "Syntax", "Vocabulary", "Phraseology", "Grammar", "Conventions")
PERSON = (
    "gender", "race_ethnicity", "ell_status", "economically_disadvantaged",
    "student_disability_status",
)  # fmt: skip
"""How ASAP 2.0 and PERSUADE call what is known of their writers."""


def read(
    raw: str,
    bad: BadRows,
    *,
    columns: Mapping[str, str] | None = None,
    groups: Sequence[str] = (),
    traits: Sequence[str] = (),
    delimiter: str | None = None,
    encoding: str = "utf-8",
) -> Reading:
    """Read one or more files of graded texts.

    Args:
        raw: The file or folder; also a URI such as ``s3://bucket/essays.csv``.
        bad: What becomes of bad rows.
        columns: Headings by the schema's names, where they are not the common ones.
        groups: Headings of attributes of the writers.
        traits: Headings of further scores.
        delimiter: What stands between the fields of a CSV file.
        encoding: The text's encoding.

    Returns:
        What is read, piece by piece.

    Raises:
        DataError: A file cannot be read as it stands.
    """
    tables = open_tables(files(locate(raw), SUFFIXES), delimiter, encoding)
    return read_tables(tables, bad, TEXT_COLUMNS, columns=columns, groups=groups, traits=traits)


def _read_ellipse(
    raw: str, bad: BadRows, *, delimiter: str | None = None, encoding: str = "utf-8"
) -> Reading:
    return read(raw, bad, traits=ELLIPSE_TRAITS, delimiter=delimiter, encoding=encoding)


def _read_persuade(
    raw: str, bad: BadRows, *, delimiter: str | None = None, encoding: str = "utf-8"
) -> Reading:
    return read(raw, bad, groups=PERSON, delimiter=delimiter, encoding=encoding)


IMPORTER = Importer(
    name="texts",
    reads="one or more CSV or Parquet files with headings, a row a text",
    read=read,
    suffixes=SUFFIXES,
)
ELLIPSE = Importer(
    name="ellipse",
    reads="the CSV of ELLIPSE: an overall score and six traits",
    read=_read_ellipse,
    citation="Crossley et al., The English Language Learner Insight, Proficiency and Skills "
    "Evaluation (ELLIPSE) Corpus, IJLCR 2023",
    licence="CC BY-NC-SA 4.0",
)
PERSUADE = Importer(
    name="persuade",
    reads="the CSV of ASAP 2.0 or of PERSUADE 2.0, with attributes of the writers",
    read=_read_persuade,
    citation="Crossley et al., A large-scale corpus for assessing written argumentation: "
    "PERSUADE 2.0, Assessing Writing 2024",
    licence="CC BY 4.0 (ASAP 2.0), CC BY-NC-SA 4.0 (PERSUADE 2.0)",
)

"""A file's headings, looked at before what trains is imported: a wrong column is told at once."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pyarrow as pa

from torchedu.bounded import parse_yaml
from torchedu.datasets.importers import formats, guess_format, importer_of, untold
from torchedu.datasets.importers.reading.tables import Headed
from torchedu.datasets.importers.reading.text import files, locate
from torchedu.datasets.importers.registry import as_options_of
from torchedu.datasets.store import is_store

DATA = {
    "KnowledgeTracing": "answers",
    "CourseRecommendation": "enrolments",
    "AtRisk": "events in courses",
    "EssayGrading": "graded texts",
    "TranscriptTagging": "transcripts",
    "MathExplanation": "conversations",
}
"""What a task's store holds."""
OF_IMPORT = ("columns", "groups", "traits", "options")
"""Options of data that say how raw files are read."""


def check_columns(path: str, given: Sequence[tuple[str, str]], task: str) -> None:
    """Refuse a raw file that lacks a column, as its import would.

    What cannot be told by a first look is left to that.

    Args:
        path: The file, folder or store, which is there.
        given: The command's options with their values, in order.
        task: The name of the task's class.

    Raises:
        TorcheduError: A column is missing, or the format or an option of it is wrong.
    """
    kind = next((k.store for k in formats().values() if k.store.holds == DATA.get(task)), None)
    options = _options(given)
    if kind is None or options is None:
        return
    if is_store(path):
        kind(path)
        return
    read_as = dict(given).get("--data.format") or guess_format(path, kind)
    if read_as is None:
        raise untold(path, formats(kind), "data.format")
    with as_options_of(OF_IMPORT), suppress(OSError, UnicodeDecodeError, pa.ArrowException):
        importer = importer_of(read_as, options, kind)
        plainly = type(importer).read.__qualname__ == Headed.read.__qualname__
        if isinstance(importer, Headed) and plainly:
            first, *_ = files(locate(path), importer.endings)
            importer.match(importer.open(first))


def _options(given: Sequence[tuple[str, str]]) -> dict[str, Any] | None:
    """Return how raw files are read, as an importer takes it; None where a value is none."""
    values: dict[str, Any] = {}
    for option, text in given:
        data, _, name = option.removeprefix("--").partition(".")
        name, _, key = name.removeprefix("init_args.").partition(".")
        if data != "data" or name not in OF_IMPORT:
            continue
        try:
            value = text if key else parse_yaml(text)
        except ValueError:
            return None
        mapping = name in ("columns", "options")
        if key and mapping:
            values.setdefault(name, {})[key] = value
        elif isinstance(value, dict if mapping else list) and not key:
            values[name] = value
        else:
            return None
    texts = values.get("columns", {}).values()
    plain = all(isinstance(text, str) for text in (*texts, *values.get("groups", ())))
    more = values.pop("options", {})
    return {**values, **more} if plain else None

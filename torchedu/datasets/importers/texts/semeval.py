"""Short answers of SemEval-2013 task 7 (Beetle, SciEntsBank): one XML file a question.

Dzikovska et al., "SemEval-2013 Task 7: The Joint Student Response Analysis", *SEM 2013,
https://aclanthology.org/S13-2045. Folders whose names begin with ``test`` are test parts, each
under its own name; everything else is trained on.
"""

from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

import numpy as np

from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading, texts
from torchedu.datasets.importers.reading.text import Source, is_folder, locate, tree
from torchedu.datasets.importers.texts.importer import TextImporter
from torchedu.errors import DataError, MissingExtraError

MOST_BYTES = 16 << 20
"""A larger file holds no answers to one question."""


def _part(file: Source, root: Source) -> str:
    folders = file.path.removeprefix(root.path).strip("/").split("/")[:-1]
    tests = [name for name in folders if name.startswith("test")]
    return tests[-1].removeprefix("test-") if tests else "train"


def _piece(source: Source, part: str, bad: BadRows) -> Piece:
    question = _parsed(source)
    answers = question.findall("studentAnswers/studentAnswer")
    references = question.findall("referenceAnswers/referenceAnswer")
    best = [answer for answer in references if answer.get("category") == "BEST"] or references
    asked = "".join(question.findtext("questionText") or "").strip()
    size = len(answers)
    columns: dict[str, list[str | None]] = {
        "id": [answer.get("id") for answer in answers],
        "text": ["".join(answer.itertext()).strip() for answer in answers],
        "label": [answer.get("accuracy") for answer in answers],
        "prompt": [question.get("id")] * size,
        "question": [asked] * size,
        "reference": ["\n".join("".join(answer.itertext()).strip() for answer in best)] * size,
        "part": [part] * size,
    }
    return bad.of(source).piece(texts(columns), np.arange(1, size + 1))


def _parsed(source: Source) -> Element:
    try:
        from defusedxml import DefusedXmlException
        from defusedxml.ElementTree import fromstring
    except ImportError:
        raise MissingExtraError("Reading XML", "defusedxml", "language") from None
    remedy = "Fetch the data set again."
    if source.size() > MOST_BYTES:
        raise source.fault(f"the file is over {MOST_BYTES >> 20} MiB.", remedy)
    try:
        question: Element = fromstring(source.read())
    except DefusedXmlException as error:
        raise source.fault(
            f"the XML declares entities, which can fill the memory ({type(error).__name__}).",
            "Data has no need of them: remove the DOCTYPE, or do not trust the file.",
        ) from None
    except ParseError as error:
        problem = f"the file is no XML ({error})."
        raise source.fault(problem, remedy, error.position[0]) from None
    if question.tag != "question":
        problem = f"the XML holds <{question.tag}>, not <question>."
        raise source.fault(problem, "Name a folder of SemEval-2013 task 7.")
    return question


class SemEval2013(TextImporter):
    """The short answers of SemEval-2013 task 7."""

    name = "semeval2013"
    suffixes = (".xml",)
    reads = "the XML files of SemEval-2013 task 7: Beetle, SciEntsBank"
    citation = "Dzikovska et al., SemEval-2013 Task 7, *SEM 2013"
    licence = "CC BY-SA 3.0"

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Read the XML files of a folder and of all folders in it.

        An answer has its question's best reference answers beside it, one after the other.

        Args:
            raw: The folder, or one file.
            bad: What becomes of bad rows.

        Returns:
            What is read, question by question.

        Raises:
            DataError: There is no such file, or one is no XML of this kind.
        """
        root = locate(raw)
        sources = tree(root) if is_folder(root) else [root]
        if is_folder(root):
            sources = [source for source in sources if source.base.endswith(".xml")]
        if not sources:
            raise DataError(
                "the folder holds no .xml file.", "Name the data set's folder.", file=raw
            )

        def pieces() -> Iterator[Piece]:
            for source in sources:
                yield _piece(source, _part(source, root), bad)

        taken = {"text": "studentAnswer", "label": "accuracy", "prompt": "question/@id"}
        return Reading(pieces(), tuple(sources), taken)

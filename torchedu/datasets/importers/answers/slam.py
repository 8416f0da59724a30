"""Duolingo's shared task on second language acquisition modelling (SLAM): a line a word."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from torchedu.datasets.importers.answers.importer import AnswerImporter
from torchedu.datasets.importers.importer import KNOWN
from torchedu.datasets.importers.reading.look import Look
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading
from torchedu.datasets.importers.reading.text import Source, blocks, files, locate

_HEAD = r"^# user:(?P<student>\S+).*?\bdays:(?P<days>[\d.]+)"
_WORD = (
    r"^(?P<id>\S{12})\s+(?P<item>\S+)\s+(?P<skill>\S+)\s+\S+\s+\S+\s+\S+(?:\s+(?P<label>[01]))?\s*$"
)
_LABEL = r"^(?P<id>\S{12})\s+(?P<label>[01])\s*$"
_SECONDS = 86_400
KEY = ".key"


class SLAM(AnswerImporter):
    """The exercises of Duolingo's shared task: an item is a word, its skill the part of speech."""

    name = "slam"
    reads = "Duolingo's SLAM exercises, labels in the file or in FILE.key beside it: a line a word"
    citation = "Settles et al. (2018), Second Language Acquisition Modeling, BEA"
    licence = "CC BY-NC 4.0"
    suffixes = tuple(f".slam.20190204.{part}" for part in ("train", "dev", "test"))

    @classmethod
    def knows(cls, look: Look) -> int:
        """Say whether users stand in it as they do there; see ``Importer.knows``."""
        return KNOWN if "\n# user:" in f"\n{look.text}" else 0

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Begin to read the file, or those of a folder; see ``Importer.read``.

        Raises:
            DataError: No word has a label, and no file of labels is beside.
        """
        sources = files(locate(raw), (".train", ".dev", ".test", ".txt", ".slam"))

        def pieces() -> Iterator[Piece]:
            for source in sources:
                places, who, when = bad.of(source), pa.array([""]), pa.array(["0"])
                key = _key(source)
                for block in blocks(source):
                    lines = pa.array(block.data.splitlines(), pa.binary()).cast(pa.string())
                    heads = pc.extract_regex(lines, _HEAD)
                    is_head = heads.is_valid().to_numpy(False)
                    some = heads.filter(pa.array(is_head))
                    # Users of this block follow the last one of the block before.
                    who = pa.concat_arrays([who[-1:], some.field("student")])
                    when = pa.concat_arrays([when[-1:], some.field("days")])
                    of = np.cumsum(is_head)
                    words = pc.extract_regex(lines, _WORD)
                    there = words.is_valid().to_numpy(False)
                    plain = pc.or_(pc.equal(pc.utf8_trim_whitespace(lines), ""),
                                   pc.starts_with(lines, "#")).to_numpy(False)  # fmt: skip
                    row = block.line + np.arange(len(lines))
                    places.refuse("the line is no word of an exercise", row[~there & ~plain])
                    kept, of = words.filter(pa.array(there)), pa.array(of[there])
                    label = kept.field("label")
                    if key is not None:
                        label = key.field("label").take(
                            pc.index_in(kept.field("id"), key.field("id"))
                        )
                    days = when.take(of).cast(pa.float64())
                    right = pc.if_else(pc.equal(label, "0"), "1", "0")
                    unknown = pc.fill_null(pc.equal(label, ""), True)
                    columns = {
                        "student": who.take(of),
                        "item": pc.utf8_lower(kept.field("item")),
                        "skill": kept.field("skill"),
                        "correct": pc.if_else(unknown, pa.scalar(None, pa.string()), right),
                        "time": pc.round(pc.multiply(days, float(_SECONDS))),
                    }
                    yield places.piece(pa.RecordBatch.from_pydict(columns), row[there])

        taken = {"student": "user", "item": "the word", "skill": "its part of speech",
                 "correct": "the label", "time": "days"}  # fmt: skip
        return Reading(pieces(), tuple(sources), taken, separator="", unit="s")


def _key(source: Source) -> pa.StructArray | None:
    """Return the labels that stand apart from a file's words; None where they stand with them.

    Raises:
        DataError: They stand nowhere.
    """
    first = pa.array(next(blocks(source)).data.splitlines(), pa.binary()).cast(pa.string())
    words = pc.extract_regex(first, _WORD).drop_null()
    if not len(words) or pc.any(pc.not_equal(words.field("label"), "")).as_py():
        return None
    beside = source.sibling(source.base + KEY)
    if beside is None:
        raise source.fault(
            "its words have no labels.", f"Put {source.base}{KEY}, which holds them, beside it."
        )
    lines = pa.array(beside.read().splitlines(), pa.binary()).cast(pa.string())
    return pc.extract_regex(lines, _LABEL).drop_null()

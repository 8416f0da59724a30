"""The tables of Gervet et al.: Statics, Algebra, Bridge and ASSISTments as one kind of TSV."""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from torchedu.datasets.importers.answers.importer import AnswerImporter
from torchedu.datasets.importers.answers.tables import CSVAnswers
from torchedu.datasets.importers.reading.look import Look
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading
from torchedu.datasets.importers.reading.text import Source, locate, one_of, only
from torchedu.datasets.importers.reading.values import numbers

COLUMNS = {
    "student": "user_id",
    "item": "item_id",
    "time": "timestamp",
    "correct": "correct",
    "skill": "skill_id",
}
Q_MATRIX = "q_mat.npz"


def _with_skills(
    pieces: Iterator[Piece], texts: NDArray[np.object_], bad: BadRows
) -> Iterator[Piece]:
    table = pa.array(texts, pa.string())
    for piece in pieces:
        number, _ = numbers(piece.batch.column("item"))
        known = (number >= 0) & (number < len(texts)) & (number % 1 == 0)
        index = np.where(known, number, 0).astype(np.int64)
        skill = table.take(pa.array(index))
        without = ~known | skill.is_null().to_numpy(False)
        if without.any():
            item = piece.batch.column("item")[int(without.argmax())].as_py()
            bad.add_unread(
                f"unknown skill: the item has none in {Q_MATRIX}",
                piece.place[without],
                "Give ⟦skills⟧ column, or ⟦on_bad_row⟧ drop.",
                item,
            )
        batch = piece.batch.drop_columns(["skill"]).append_column("skill", skill)
        yield Piece(batch.filter(pa.array(~without)), piece.place[~without])


def _skill_texts(matrix: Source) -> NDArray[np.object_]:
    """Return each item's skills as one text, None where it has none; a sparse matrix by rows."""
    try:
        with np.load(io.BytesIO(matrix.read()), allow_pickle=False) as file:
            if file["format"].item() not in (b"csr", "csr"):
                raise ValueError("not in compressed sparse row format")
            bounds, index, data = (file[name] for name in ("indptr", "indices", "data"))
            index, bounds = index[data != 0], np.append(0, np.cumsum(data != 0))[bounds]
    except (ValueError, KeyError, OSError, IndexError, zipfile.BadZipFile) as error:
        problem = f"the q-matrix cannot be read ({error})."
        raise matrix.fault(problem, "Download it again.") from None
    lists = pa.ListArray.from_arrays(
        pa.array(bounds, pa.int32()), pa.array(index.astype(np.int64)).cast(pa.string())
    )
    joined = pa.compute.binary_join(lists, ";").to_pylist()
    return np.array([text or None for text in joined], object)


@dataclass(kw_only=True)
class GervetTSV(AnswerImporter):
    """The tables of Gervet et al.

    Args:
        skills: Which skills to take, ``column`` (``skill_id``, one an item) or ``q_mat`` (several
            an item). These are the item's row of ``q_mat.npz`` beside the file, named by their
            columns.
    """

    name = "tsv"
    reads = "user_id, item_id, timestamp, correct, skill_id by tabs, with q_mat.npz"
    citation = (
        "Gervet et al. (2020), When is Deep Learning the Best Approach to Knowledge Tracing?, "
        "JEDM 12(3); data: PSLC DataShop (Statics 2011), KDD Cup 2010 (Algebra 2005)"
    )
    licence = "for research, by the terms of PSLC DataShop and KDD Cup 2010"

    told_by = (" ".join(COLUMNS.values()),)

    skills: Literal["column", "q_mat"] = "column"

    @classmethod
    def knows(cls, look: Look) -> int:
        """Say whether they are divided by tabs too; see ``Importer.knows``."""
        return super().knows(look) if look.delimiter == "\t" else 0

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Read ``user_id item_id timestamp correct skill_id``, separated by tabs.

        In Statics every item has one skill and ``skill_id`` says which. In Algebra and Bridge
        ``skill_id`` numbers the combinations of skills, and ``q_mat.npz`` says which skills those
        are.

        Args:
            raw: The folder (with ``preprocessed_data.csv``, or one file of another name) or the
                file.
            bad: What becomes of bad rows.

        Returns:
            What is read, piece by piece.

        Raises:
            DataError: The file or its q-matrix cannot be read as it stands.
        """
        place = locate(raw)
        source = one_of(place, ["preprocessed_data.csv"]) or only(place, (".csv", ".tsv"), "tables")
        reading = CSVAnswers(columns=COLUMNS, delimiter="\t").of([source], bad)
        if self.skills == "column":
            return reading._replace(separator="", unit="s")
        matrix = source.sibling(Q_MATRIX)
        if matrix is None:
            raise source.fault(
                f"no {Q_MATRIX} is beside it.", "Give ⟦skills⟧ column to do without."
            )
        return reading._replace(
            pieces=_with_skills(reading.pieces, _skill_texts(matrix), bad),
            sources=(source, matrix), columns={**reading.columns, "skill": Q_MATRIX},
            unit="s", separator=";",
        )  # fmt: skip

"""The essays of the Automated Student Assessment Prize, with the folds of published work.

The competition's ``training_set_rel3.tsv``, or the same columns as Parquet, from
https://www.kaggle.com/c/asap-aes; beside it, where there is one, the folder ``nea_folds`` of
https://github.com/nusnlp/nea (Taghipour and Ng, EMNLP 2016), whose files hold essay ids.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from torchedu.datasets.importers.reading import values
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading
from torchedu.datasets.importers.reading.text import Source, files, inside, is_folder, locate
from torchedu.datasets.importers.texts.importer import TextImporter
from torchedu.datasets.importers.texts.table import TextTables
from torchedu.errors import DataError

RANGES = {
    "1": (2, 12), "2": (1, 6), "3": (0, 3), "4": (0, 3),
    "5": (0, 4), "6": (0, 4), "7": (0, 30), "8": (0, 60),
}  # fmt: skip
"""The lowest and highest score of each prompt, as the competition tells them."""
FOLDS = 5


def _folds(folder: Source | None, source: Source) -> dict[str, str]:
    """Return the fold in which each essay is tested, where folds lie beside the essays."""
    fold_of: dict[str, str] = {}
    for fold in range(FOLDS):
        name = f"nea_folds/fold_{fold}/test_ids.txt"
        file = inside(folder, name) if folder else source.sibling(name)
        if file is None:
            return {}
        for line, id in enumerate(file.read().decode("ascii", "replace").split(), 1):
            if id in fold_of:
                raise DataError(
                    f"essay {id} is in two folds.", "Fetch the folds again.", file=name, row=line
                )
            fold_of[id] = str(fold)
    return fold_of


@dataclass(kw_only=True)
class ASAP(TextImporter):
    """The essays of the Automated Student Assessment Prize.

    Args:
        encoding: The text's encoding; that of the competition's file by default, in which bytes
            without a meaning are taken as in Latin-1.
    """

    name = "asap"
    reads = "the essays of the Automated Student Assessment Prize, with nea's folds beside them"
    citation = (
        "The Hewlett Foundation: Automated Essay Scoring, Kaggle 2012; Taghipour and Ng, EMNLP 2016"
    )
    licence = "the competition's rules: research"
    told_by = ("essay_id essay_set essay rater1_domain1 domain1_score",)

    encoding: str = "cp1252"

    @classmethod
    def likeness(cls, names: Sequence[str]) -> int:
        """Say how surely names tell the format: by the competition's file, or nea's folds."""
        begins = ("training_set_rel3", "nea_folds")
        return 100 * any(name.startswith(begins) for name in names)

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Read the essays; the score is the first domain's.

        Args:
            raw: The folder, or the file in it.
            bad: What becomes of bad rows.

        Returns:
            What is read, piece by piece.

        Raises:
            DataError: A file cannot be read as it stands.
        """
        place = locate(raw)
        source = files(place, (".tsv", ".parquet"))[0]
        columns = {
            "id": "essay_id", "prompt": "essay_set", "text": "essay", "score": "domain1_score",
            "rater1": "rater1_domain1", "rater2": "rater2_domain1",
        }  # fmt: skip
        reading = TextTables(columns=columns, encoding=self.encoding).of([source], bad)
        folds = _folds(place if is_folder(place) else None, source)

        def pieces() -> Iterator[Piece]:
            for piece in reading.pieces:
                batch = piece.batch
                if folds and "fold" in batch.schema.names:
                    batch = batch.drop_columns(["fold"])
                prompts = values.names(batch.column("prompt")).to_pylist()
                for name, edge in (("low", 0), ("high", 1)):
                    known = [
                        RANGES[prompt][edge] if prompt in RANGES else None for prompt in prompts
                    ]
                    batch = batch.append_column(name, pa.array(known, pa.int64()))
                if folds:
                    ids = values.names(batch.column("id")).to_pylist()
                    batch = batch.append_column("fold", pa.array([folds.get(id) for id in ids]))
                yield Piece(batch, piece.place)

        return reading._replace(pieces=pieces())

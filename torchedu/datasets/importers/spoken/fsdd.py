"""The Free Spoken Digit Dataset: digits that six people said, and a task made of them.

Jackson et al., https://github.com/Jakobovski/free-spoken-digit-dataset. Each file is called
``digit_speaker_index.wav``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.importers.importer import KNOWN
from torchedu.datasets.importers.reading.look import Look
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading, texts
from torchedu.datasets.importers.reading.text import Source, files, locate
from torchedu.datasets.importers.spoken.importer import SpokenImporter

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_NAME = re.compile(r"(?:^|/)([0-9])_([^_/]+)_([0-9]+)\.wav$")
CONSTRUCTED = (
    "Constructed: each recording stands beside its own digit and beside another, as if that had "
    "been typed; nobody typed anything."
)
Asked = Literal["same", "digit", "both"]


@dataclass(kw_only=True)
class SpokenDigits(SpokenImporter):
    """Spoken digits.

    Args:
        asked: ``same``: a constructed task. Each recording stands twice, once beside its own digit
            as if that had been typed and once beside another, and the score is whether the two are
            the same. ``digit``: nothing is typed, and the score is the digit. ``both``: as
            ``same``, with the digit that was said as a further score.
    """

    name = "fsdd"
    reads = "the WAV files of the Free Spoken Digit Dataset, digit_speaker_index.wav"
    suffixes = (".wav",)
    in_folders = False
    citation = "Jackson et al., Free Spoken Digit Dataset"
    licence = "CC BY-SA 4.0"

    rate: float = 8_000
    asked: Asked = "same"

    @classmethod
    def knows(cls, look: Look) -> int:
        """Say whether files are called as the data set's are; see ``Importer.knows``."""
        return KNOWN if any(_NAME.search(name) for name in look.files) else 0

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Read the recordings of a folder; see ``Importer.read``.

        Args:
            raw: The folder ``recordings``, one with it, or one file.
            bad: What becomes of bad rows.

        Returns:
            What is read, recording by recording, in the order of their names.

        Raises:
            DataError: There is no recording.
        """
        sources = [source for source in files(locate(raw), (".wav",)) if _NAME.search(source.base)]
        if not sources:
            raise locate(raw).fault(
                "no file is called as digit_speaker_index.wav.", "Name the folder recordings."
            )
        pairs = self.asked != "digit"
        made = {"text": "constructed"} if pairs else {}
        notes = [CONSTRUCTED] if pairs else []
        taken = {"audio": "the file", "speaker": "the file's name", "score": "the file's name"}
        return Reading(self._pieces(sources, bad), tuple(sources), taken | made, notes=notes)

    def _pieces(self, sources: list[Source], bad: BadRows) -> Iterator[Piece]:
        for source in sources:
            digit, speaker, index = _NAME.search(source.base).groups()  # type: ignore[union-attr]
            columns = {"id": [source.base], "text": [""], "score": [digit]}
            if self.asked != "digit":
                other = str((int(digit) + 1 + int(index) % 9) % 10)
                typed = [digit, other]
                columns = {
                    "id": [f"{source.base} and {WORDS[int(each)]}" for each in typed],
                    "text": [WORDS[int(each)] for each in typed],
                    "score": ["1", "0"],
                }
            if self.asked == "both":
                columns["trait.digit"] = [digit] * 2
            size = len(columns["id"])
            columns |= {"audio": [source.base] * size, "speaker": [speaker] * size}
            place: NDArray[np.int64] = np.ones(size, np.int64)
            yield bad.of(source).piece(texts(columns), place)

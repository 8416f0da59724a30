"""speechocean762: learners of English who read sentences aloud, each scored by five experts.

Zhang et al., "speechocean762: An Open-Source Non-native English Speech Corpus For Pronunciation
Assessment", Interspeech 2021, https://arxiv.org/abs/2104.01378.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from torchedu.bounded import parse_json
from torchedu.datasets.importers.importer import KNOWN
from torchedu.datasets.importers.reading.look import Look
from torchedu.datasets.importers.reading.rows import BadRows, FileRows, Piece, Reading, texts
from torchedu.datasets.importers.reading.text import Source, is_folder, locate, tree
from torchedu.datasets.importers.spoken.importer import RATER, SpokenImporter
from torchedu.errors import DataError
from torchedu.schema import GROUP, SCORE, TRAIT

SCORES = {"total": SCORE, "accuracy": f"{TRAIT}accuracy", "fluency": f"{TRAIT}fluency",
          "prosodic": f"{TRAIT}prosody"}  # fmt: skip
"""Scores of a sentence, 0 to 10, by what the corpus calls them."""
FILES = ("scores-detail.json", "scores.tsv", "scores.json")
"""Where scores stand, what each expert gave first; ``scores.json`` has one score for all five."""
AGES = ((12, "under 12"), (18, "12 to 17"), (1000, "18 and over"))


@dataclass(kw_only=True)
class SpeechOcean(SpokenImporter):
    """speechocean762."""

    name = "speechocean762"
    reads = (
        "the folder of speechocean762: recordings, utt2spk, and scores-detail.json or scores.tsv"
    )
    suffixes = ("utt2spk",)
    citation = "Zhang et al., speechocean762, Interspeech 2021"
    licence = "CC BY 4.0"

    lowest: float | None = 0
    highest: float | None = 10

    @classmethod
    def knows(cls, look: Look) -> int:
        """Say whether files are called as the corpus's are; see ``Importer.knows``."""
        names = {name.rpartition("/")[2] for name in look.files}
        return KNOWN if "utt2spk" in names and not names.isdisjoint(FILES) else 0

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Read the sentences of the corpus; see ``Importer.read``.

        A score is the mean of what the experts gave, who are kept beside it. Parts are those of the
        folders ``train`` and ``test``, where there are such.

        Args:
            raw: The corpus's folder, or one with some of its recordings.
            bad: What becomes of bad rows.

        Returns:
            What is read, sentence by sentence, in the order of their names.

        Raises:
            DataError: Scores, speakers or recordings are not there.
        """
        root = locate(raw)
        by_base: dict[str, list[Source]] = {}
        sources = tree(root) if is_folder(root) else []
        for source in sources:
            by_base.setdefault(source.base, []).append(source)
        file = next((by_base[name][0] for name in FILES if name in by_base), None)
        if file is None or "utt2spk" not in by_base:
            raise root.fault(
                f"it holds no {' or '.join(FILES)}, or no utt2spk.",
                "Name the folder of speechocean762, unpacked.",
            )
        sounds = {source.base.rpartition(".")[0]: source for source in sources
                  if source.base.lower().endswith(".wav")}  # fmt: skip
        speaker, part = dict[str, str](), dict[str, str]()
        for source in by_base["utt2spk"]:
            own = _pairs(source)
            speaker |= own
            folder = source.folder.base
            part |= dict.fromkeys(own, folder if folder in ("train", "test") else "")
        people = {name: {k: v for source in by_base.get(f"spk2{name}", []) for k, v in
                         _pairs(source).items()} for name in ("age", "gender")}  # fmt: skip
        scores = _scores(file)
        known = sorted(name for name in scores if name in speaker)
        if not known:
            raise file.fault("no sentence has scores and a speaker.", "Unpack the corpus again.")
        there = [name for name in known if name in sounds]
        lacking = bad.of(file)

        def pieces() -> Iterator[Piece]:
            missing = [i + 1 for i, name in enumerate(known) if name not in sounds]
            if missing:
                name = known[missing[0] - 1]
                lacking.refuse("there is no such recording", missing, _MISSING, f"{name}.WAV")
            for name in there:
                own = sounds[name]
                row = _row(name, own, scores[name], speaker[name], part[name], people)
                yield _piece(bad.of(own), row)

        taken = {"audio": "the file", "text": "text", "speaker": own_name("utt2spk"),
                 **{column: name for name, column in SCORES.items()}}  # fmt: skip
        return Reading(pieces(), (file, *(sounds[name] for name in there)), taken)


_MISSING = "Unpack the recordings again, or give ⟦on_bad_row⟧ drop."


def own_name(file: str) -> str:
    """Return what an import tells of a column that a file of pairs holds."""
    return f"the file {file}"


def _piece(rows: FileRows, row: Mapping[str, str | None]) -> Piece:
    return rows.piece(texts({name: [value] for name, value in row.items()}), np.ones(1, np.int64))


def _row(
    name: str, sound: Source, scores: Mapping[str, Any], speaker: str, part: str,
    people: Mapping[str, Mapping[str, str]],
) -> dict[str, str | None]:  # fmt: skip
    """Return the columns of a sentence."""
    row: dict[str, str | None] = {
        "id": name, "audio": sound.base, "text": str(scores.get("text", "")), "speaker": speaker,
        "part": part or None,
    }  # fmt: skip
    for own, column in SCORES.items():
        given = scores.get(own)
        each = given if isinstance(given, list) else [given]
        numbers = [float(x) for x in each if isinstance(x, int | float)]
        row[column] = f"{np.mean(numbers):.4g}" if numbers else None
        plain = column.removeprefix(TRAIT)
        if len(numbers) > 1:
            row |= {f"{RATER}{plain}.{i + 1}": f"{x:g}" for i, x in enumerate(numbers)}
    age = people["age"].get(speaker, "")
    bands = [band for most, band in AGES if age.isdecimal() and int(age) < most]
    row[f"{GROUP}age"] = bands[0] if bands else None
    row[f"{GROUP}gender"] = people["gender"].get(speaker)
    return row


def _pairs(source: Source) -> dict[str, str]:
    lines = source.read().decode("utf-8-sig").splitlines()
    fields = (line.split(None, 1) for line in lines if line.strip())
    return {pair[0]: pair[1].strip() for pair in fields if len(pair) == 2}


def _scores(source: Source) -> dict[str, Mapping[str, Any]]:
    """Return what was given to each sentence: a mapping of JSON, or a line of it each."""
    text = source.read().decode("utf-8-sig")
    try:
        if source.base.endswith(".tsv"):
            lines = (line.split("\t", 1) for line in text.splitlines() if line.strip())
            given: Any = {name: parse_json(said) for name, said in lines}
        else:
            given = parse_json(text)
        if not (isinstance(given, dict) and all(isinstance(x, dict) for x in given.values())):
            raise ValueError("no scores by sentence")
    except (ValueError, json.JSONDecodeError) as error:
        raise DataError(
            f"the scores cannot be read ({error}).", "Unpack the corpus again.", file=source.name
        ) from None
    return given

"""Transcripts of recordings: WebVTT and SRT, of Zoom and Teams too, and Whisper's JSON."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from torchedu.bounded import parse_json
from torchedu.datasets.importers.importer import KNOWN
from torchedu.datasets.importers.reading.look import Look
from torchedu.datasets.importers.reading.rows import BadRows, Piece, Reading, texts
from torchedu.datasets.importers.reading.text import Source, files, locate
from torchedu.datasets.importers.transcripts.importer import TranscriptImporter

ENDINGS = (".vtt", ".srt", ".json", ".txt")
NOBODY = "(no speaker named)"
_ENDING = re.compile(r"(\.transcript)?\.(vtt|srt|json|txt)(\.(gz|bz2|zst|lz4))?$", re.IGNORECASE)
_TIMES = re.compile(r"(?:\d+:)?\d\d?:\d\d[.,]\d{3} +-->|\d\d?:\d\d:\d\d(?:[.,]\d+)? *-->")
_VOICE = re.compile(r"<v(?:\.[^ >]*)? ([^>]+)>")
_TAG = re.compile(r"</?[^>]+>")
_NAMED = re.compile(r"((?:[^\s:!?]+ ){0,3}[^\s:!?]+): +(\S.*)", re.DOTALL)


class _Said(NamedTuple):
    """What was said at once.

    Attributes:
        speaker: Who said it; empty where that is not told.
        sentence: It.
        row: The line that it begins at, or its number among segments.
    """

    speaker: str
    sentence: str
    row: int


@dataclass(kw_only=True)
class Recordings(TranscriptImporter):
    """Subtitles and transcripts of recorded lessons, a file a lesson.

    Args:
        teachers: Names of those who teach; where none are given, speakers' names tell it.
    """

    name = "recordings"
    reads = "WebVTT and SRT (of Zoom and Teams too) and Whisper's JSON, a file a lesson"
    licence = "that of the recording's owner"
    suffixes = (".vtt", ".srt")
    told_by = ("text segments language", "segments")

    teachers: Sequence[str] = ()

    @classmethod
    def knows(cls, look: Look) -> int:
        """Say whether it begins as subtitles do; see ``Importer.knows``."""
        return KNOWN if _TIMES.search(look.text[:2000]) else super().knows(look)

    def read(self, raw: str, bad: BadRows) -> Reading:
        """Begin to read the file, or those of a folder; see ``Importer.read``.

        Raises:
            DataError: A file holds no subtitles and no segments.
        """
        sources = files(locate(raw), ENDINGS)
        notes: list[str] = []
        wanted = {name.strip().casefold() for name in self.teachers}

        def pieces() -> Iterator[Piece]:
            for source in sources:
                said = list(_said(source))
                if not said:
                    raise source.fault(
                        "nothing is said in it.",
                        "Give WebVTT, SRT or Whisper's JSON with segments.",
                    )
                lesson = _ENDING.sub("", source.base)
                speakers = [cue.speaker or NOBODY for cue in said]
                columns: dict[str, list[str | None]] = {
                    "transcript": [lesson] * len(said),
                    "speaker": list(speakers),
                    "sentence": [cue.sentence for cue in said],
                }
                if wanted:
                    roles = ("student", "teacher")
                    columns["role"] = [roles[name.casefold() in wanted] for name in speakers]
                if NOBODY in speakers:
                    notes.append(
                        f"{source.base} does not tell who said {speakers.count(NOBODY):,} of "
                        f"{len(said):,} sentences: they are taken for a student's."
                    )
                places = bad.of(source)
                yield places.piece(texts(columns), np.array([cue.row for cue in said], np.int64))

        taken = {"transcript": "the file's name", "speaker": "who is named", "sentence": "the cue"}
        return Reading(pieces(), tuple(sources), taken, notes=notes)


def _said(source: Source) -> Iterator[_Said]:
    try:
        text = source.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        text = source.read().decode("utf-16" if source.read()[:1] in b"\xff\xfe" else "cp1252")
    if text.lstrip().startswith(("{", "[")):
        yield from _segments(source, text)
        return
    speaker, cue, first = "", list[str](), 0
    lines = [*text.splitlines(), ""]
    inside = False
    for number, line in enumerate(lines, 1):
        if _TIMES.match(line.strip()):
            inside, cue, first = True, [], number + 1
        elif inside and line.strip():
            cue.append(line.strip())
        elif inside:
            inside = False
            speaker, sentence = _voice(" ".join(cue))
            if sentence:
                yield _Said(speaker, sentence, first)


def _voice(cue: str) -> tuple[str, str]:
    """Return who speaks, where a cue tells it, and what is said."""
    if voice := _VOICE.search(cue):
        return voice[1].strip(), _TAG.sub("", cue).strip()
    plain = _TAG.sub("", cue).strip()
    named = _NAMED.fullmatch(plain)
    return (named[1].strip(), named[2].strip()) if named else ("", plain)


def _segments(source: Source, text: str) -> Iterator[_Said]:
    """Yield Whisper's segments, and WhisperX', which have speakers."""
    try:
        value = parse_json(text.encode())
    except ValueError as error:
        raise source.fault(f"the file is no JSON ({error}).", "Write it again.") from None
    segments = value.get("segments") if isinstance(value, dict) else value
    if not isinstance(segments, list) or not all(isinstance(segment, dict) for segment in segments):
        raise source.fault(
            "the JSON has no list of segments.", 'Whisper writes {"text", "segments", "language"}.'
        )
    for number, segment in enumerate(segments, 1):
        if sentence := str(segment.get("text") or "").strip():
            yield _Said(str(segment.get("speaker") or ""), sentence, number)

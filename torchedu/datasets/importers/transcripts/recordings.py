"""Transcripts of recordings: subtitles, Whisper's JSON, and texts that name who speaks.

Such texts have a speaker and a time above what was said (Zoom's captions, Otter, Teams), both
before it on one line (Zoom's chat), or ``Teacher: Good morning.`` as people type it.
"""

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
_NAMED = re.compile(r"((?:[^\s:：!?]+ ){0,3}[^\s:：!?]+)(?:: +|：\s*)(\S.*)", re.DOTALL)
_NAME = r"(?!\d+[-/.]\d)[^\s:,;|\t\"{}][^:,;|\t\"{}]{0,60}?"
_CLOCK = r"[\[(]?(?:\d+:)?\d\d?:\d\d(?:[.,]\d+)?(?: ?[AaPp][Mm])?[\])]?"
_ABOVE = re.compile(rf"(?:\[([^\]]+)\]|({_NAME}))[ \t]+{_CLOCK}")
_BEFORE = re.compile(
    rf"{_CLOCK}\s+(?:(?:From|Von|De|Da)\s+)?({_NAME})"
    r"(?:\s+(?:to|an|à|a|para)\s+[^:]+?)?\s?:\s*(.*)", re.IGNORECASE
)  # fmt: skip
_JSON = re.compile(r"\s*(?:\{|\[\s*[{\]])")
_MOST = 0.5
"""The share of a text's lines from which on their form is that of the text."""


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
    reads = "WebVTT, SRT, texts that name speakers (of Zoom, Teams or typed), Whisper's JSON"
    licence = "that of the recording's owner"
    suffixes = (".vtt", ".srt")
    told_by = ("text segments language", "segments")

    teachers: Sequence[str] = ()

    @classmethod
    def knows(cls, look: Look) -> int:
        """Say whether it begins as subtitles or such texts do; see ``Importer.knows``."""
        if _TIMES.search(look.text[:2000]):
            return KNOWN
        lines = [line.strip() for line in look.text.splitlines() if line.strip()]
        typed = not look.objects and _form(lines) is not None
        return super().knows(look) or KNOWN // 2 * typed

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
                        "Give WebVTT, SRT, Whisper's JSON with segments, or a text whose lines "
                        "begin as in Teacher: Good morning.",
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
    if _JSON.match(text):
        yield from _segments(source, text)
        return
    lines = [*text.splitlines(), ""]
    if not _TIMES.search(text):
        yield from _typed(lines)
        return
    speaker, cue, first = "", list[str](), 0
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


def _form(lines: Sequence[str]) -> re.Pattern[str] | None:
    """Return how lines without blank ones tell speakers; None where they do not."""
    for form, least in ((_ABOVE, 0.25), (_BEFORE, _MOST), (_NAMED, _MOST)):
        if sum(form.fullmatch(line) is not None for line in lines) > least * max(len(lines), 3):
            return form
    return None


def _typed(lines: Sequence[str]) -> Iterator[_Said]:
    """Yield what a text says, with who is named above or before it."""
    form = _form([line.strip() for line in lines if line.strip()])
    if form is None:
        return
    speaker, said, first = "", list[str](), 1
    for number, line in enumerate([line.strip() for line in lines], 1):
        named = form.fullmatch(line)
        ends = named is not None or (not line and form is not _ABOVE)
        if ends and said:
            yield _Said(speaker, " ".join(said), first)
            said = []
        if named:
            *names, words = named.groups() if form is not _ABOVE else (*named.groups(), "")
            speaker, line = next(name.strip() for name in names if name), words.strip()
        if line:
            first = first if said else number
            said.append(line)
    if said:
        yield _Said(speaker, " ".join(said), first)


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

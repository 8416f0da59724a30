"""Transcripts of lessons as a Lightning data module, their sentences as vectors."""

from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from torchedu.companions import Companions
from torchedu.datamodules.base import DataModule, Options, Seen
from torchedu.datamodules.frames import Place
from torchedu.datasets.order import Order, Windows, cut_windows
from torchedu.datasets.splits import PARTS, Part
from torchedu.datasets.transcripts import TranscriptStore, split_transcripts
from torchedu.features import Embeddings, embed
from torchedu.features.embedding import Precision, vectors_key
from torchedu.models.text_encoder import Pooling, encoder_config, encoder_sizes
from torchedu.ranges import Range
from torchedu.readers.transcripts import LessonBatches
from torchedu.schema import ENCODER, RESERVED, ROLE, ROLES, TAG, Names, Vocabulary


class Transcripts(DataModule):
    """Lessons sentence by sentence, from a store or straight from raw files.

    Each sentence is embedded once by a frozen encoder, and its vector kept beside the store.

    Args:
        path: A store, or a file or folder of transcripts; it is imported once into a store beside
            it (``lessons.csv`` into ``lessons.store``).
        format: The raw file's format, such as ``talkmoves``, where it does not tell it.
        columns: For a raw file, its headings by torchedu's names, such as ``sentence: utterance``.
        options: For a raw file, other options of ``torchedu data import``, as ``full_mark: 5``.
        out: Where the store of a raw file is made; beside it where it is None.
        encoder: The model that reads the sentences: a folder with a model of Hugging Face, or a
            name on the hub.
        pooling: How the vectors of a sentence's tokens become one: ``mean``, ``cls`` or ``last``.
        tokens: Most tokens of a sentence that the encoder sees at once; a longer one has the mean
            of its stretches.
        precision: ``32``, or ``bf16`` for an encoder of half the size.
        features: Where vectors are kept; beside the store where it is None.
        split: ``published``, ``random`` or ``fold``; see ``torchedu.datasets.transcripts``.
        val: Share of the lessons for validation.
        test: At random, the share of the lessons for test.
        folds: Number of folds.
        fold: Which of them is the test, from 0.
        batch_size: Lessons in a global batch, which is one step of the optimizer: over all ranks
            and accumulated batches. On average in training, whose batches have like numbers of
            sentences.
        window: Most sentences that the network takes at once; longer lessons are cut into
            stretches, which see a tenth of that of what was said before.
        seed: Another seed draws other parts and another order of training.
        num_workers: Processes that build batches; 0 builds them in the training process.
        seen: Whether lessons that training has used are scored: ``drop`` leaves them out,
            ``refuse`` ends with an error, ``keep`` scores them with a warning.

    Raises:
        ConfigError: A value is out of range, or there is no such encoder.
        DataError: The data cannot be read.
    """

    limits: ClassVar = {"tokens": Range(8)}
    whom = "lessons"
    batch_size: int

    def __init__(
        self,
        path: Place,
        format: str | None = None,
        columns: dict[str, str] | None = None,
        options: Options | None = None,
        out: str | None = None,
        encoder: str = "sentence-transformers/all-MiniLM-L6-v2",
        pooling: Pooling = "mean",
        tokens: int = 256,
        precision: Precision = "bf16",
        features: str | None = None,
        split: str | None = None,
        val: float = 0.1,
        test: float = 0.2,
        folds: int = 5,
        fold: int = 0,
        batch_size: int = 8,
        window: int = 2500,
        seed: int = 0,
        num_workers: int = 0,
        seen: Seen = "drop",
    ) -> None:
        super().__init__(path, seed, num_workers, seen)
        self.encoder = encoder
        self.pooling = pooling
        self.tokens = tokens
        self.precision = precision
        self.batch_size = batch_size
        self.window = window
        self._features = features
        self._raw = format, {"columns": columns, **(options or {})}, out
        self._split = partial(
            split_transcripts, by=split, val=val, test=test, seed=seed, folds=folds, fold=fold
        )

    @cached_property
    def store(self) -> TranscriptStore:
        """The lessons, made of raw files first where that was not done yet."""
        return self.stored(TranscriptStore, *self._raw)

    @cached_property
    def features(self) -> Path:
        """Where the sentences' vectors are kept."""
        return Path(self._features or self.store.path.with_suffix(".features"))

    @cached_property
    def own(self) -> Companions:
        """Its names, with who speaks, and the checksum of what reads the sentences."""
        key = vectors_key(self.encoder, self.pooling, (-1,), self.tokens, self.precision)
        more = Vocabulary({ENCODER: Names([key]), ROLE: Names(ROLES)})
        reading = {
            "encoder": self.encoder, "pooling": self.pooling, "layers": [-1],
            "window": self.tokens, "precision": self.precision, "sentences": self.window,
        }  # fmt: skip
        return Companions(self.store.vocabulary.grown(more), reading=reading)

    @property
    def num_teacher_tags(self) -> int:
        """Number of ids of teachers' tags, the reserved ones included."""
        return len(self.vocabulary[TAG + "teacher"])

    @property
    def num_student_tags(self) -> int:
        """Number of ids of students' tags, the reserved ones included."""
        return len(self.vocabulary[TAG + "student"])

    @cached_property
    def vector_dim(self) -> int:
        """Width of the sentences' vectors."""
        return encoder_sizes(encoder_config(self.encoder))[1]

    @cached_property
    def parts(self) -> Mapping[str, Part]:
        """The lessons of ``train``, ``val`` and ``test``."""
        return self._split(self.store)

    @cached_property
    def everything(self) -> Part:
        """All lessons, of whatever part."""
        lengths = np.diff(self.store.lesson_offsets)
        return Part(np.arange(len(lengths)), np.zeros_like(lengths), lengths)

    def whole(self) -> Part:
        """Return all lessons, or those that the data names as its test part."""
        test = self.store.part == PARTS.index("test")
        rows = np.flatnonzero(test) if test.any() else np.arange(len(test))
        return Part(*(column[rows] for column in self.everything))

    @cached_property
    def embeddings(self) -> Embeddings:
        """The sentences' vectors; those that are not on the disk yet are made."""
        texts = self.store.sentences(np.arange(self.store.num_sentences))
        return embed(
            texts, self.encoder, self.features, pooling=self.pooling, window=self.tokens,
            precision=self.precision,
        )  # fmt: skip

    @property
    def features_digest(self) -> str:
        """What tells the sentences' vectors from others."""
        return self.embeddings.digest

    def tag_counts(self) -> dict[str, torch.Tensor]:
        """Count the sentences of the training part by tag.

        Returns:
            For each role the number of sentences of each of its tags, by the vocabulary in use.
        """
        rows = self.sentences_of("train")
        role, tag = (self.store.column(name)[rows] for name in ("role", "tag"))
        counts = {}
        for number, name in enumerate(ROLES):
            known = self._tag_ids(name)[tag[role == number]]
            count = np.bincount(known, minlength=len(self.vocabulary[TAG + name]))
            counts[name] = torch.from_numpy(count[RESERVED:]).float()
        return counts

    def sentences_of(self, part: str) -> NDArray[np.int64]:
        """Return the sentences of a part, counted through all lessons, in order."""
        lessons, _, stop = self.parts[part]
        begin = np.repeat(self.store.lesson_offsets[lessons] - (np.cumsum(stop) - stop), stop)
        rows: NDArray[np.int64] = begin + np.arange(len(begin))
        return rows

    @property
    def steps_per_epoch(self) -> int:
        """Number of global batches in a pass over the training part; embeds nothing."""
        return len(self._order(self._windows(self.parts["train"])))

    def setup(self, stage: str) -> None:
        """Embed the sentences, all ranks together.

        Args:
            stage: ``fit``, ``validate``, ``test`` or ``predict``.
        """
        _ = self.embeddings

    def training(self) -> tuple[LessonBatches, Order]:
        """Return what builds the training batches, and their order."""
        windows = self._windows(self.parts["train"])
        return self._batches(windows), self._order(windows)

    def evaluation(self, part: str | None) -> tuple[LessonBatches, Order]:
        """Return what builds the batches of a part, or of all lessons, and their order.

        Args:
            part: ``train``, ``val`` or ``test``; all lessons where it is None.
        """
        windows = self._windows(self.everything if part is None else self.parts[part])
        return self._batches(windows), Order(windows.length, self.batch_size, shuffle=False)

    def _windows(self, part: Part) -> Windows:
        return cut_windows(part, self.window, self.window // 10)

    def _order(self, windows: Windows) -> Order:
        return Order(windows.length, self.batch_size, self.seed)

    def _batches(self, windows: Windows) -> LessonBatches:
        tag_ids = [self._tag_ids(role) for role in ROLES]
        return LessonBatches(self.store, windows, self.embeddings, tag_ids)

    def _tag_ids(self, role: str) -> NDArray[np.int64]:
        """Return the id in use of each of the store's ids of a role's tags."""
        own, known = self.store.vocabulary[TAG + role], self.vocabulary[TAG + role]
        return np.array(own.translation(known), np.int64)

"""Answers typed, spoken and photographed, for training and scoring."""

from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from torchedu.companions import Companions
from torchedu.datamodules.base import DataModule, Options, Seen
from torchedu.datamodules.frames import Place
from torchedu.datasets.order import Order
from torchedu.datasets.splits import PARTS
from torchedu.datasets.spoken import SpokenStore
from torchedu.datasets.spoken_splits import split_spoken
from torchedu.features import embed
from torchedu.features.embedding import Precision, vectors_key
from torchedu.features.log_mel import HOP, LogMel
from torchedu.features.pictures import PictureStates, Pixels
from torchedu.features.speech import SpeechStates
from torchedu.features.states import States
from torchedu.models.speech_encoder import speech_sizes
from torchedu.models.text_encoder import Pooling, encoder_config, encoder_sizes
from torchedu.ranges import COUNT, Range
from torchedu.readers.spoken import SpokenBatches, all_read, ranges_of
from torchedu.schema import ENCODER, SCORE, Names, Vocabulary

MOST_PLACES = 21
"""Places on a scale beyond which it is taken in larger steps."""


class SpokenAnswers(DataModule):
    """Answers typed, spoken and photographed, from a store or straight from raw files.

    Recordings and photographs are decoded once, when they are imported, and come as log-mel frames
    and as pixels, which are made batch by batch, or as states of frozen encoders, made once. Texts
    come as their bytes, or as vectors of a frozen encoder, made once.

    Args:
        path: A store, or a table with the paths of recordings and photographs, or a folder of a
            format that its files tell; it is imported once into a store beside it.
        format: The raw file's format, such as ``fsdd``, where it does not tell it.
        columns: For a raw file, its headings by torchedu's names, such as ``audio: file``.
        groups: For a raw file, headings of attributes of the speakers.
        traits: For a raw file, headings of further scores, such as ``fluency``.
        options: For a raw file, other options of ``torchedu data import``, as ``highest: 10``.
        out: Where the store of a raw file is made; beside it where it is None.
        encoder: The model that reads the texts: a folder with a model of Hugging Face, or a name on
            the hub; where it is None, the network reads their bytes.
        pooling: How an encoder's vectors of tokens become one: ``mean``, ``cls`` or ``last``.
        tokens: Most tokens of a text that an encoder sees at once; a longer one has the mean of its
            stretches.
        precision: ``32``, or ``bf16`` for an encoder of half the size.
        speech: The model that hears the recordings: a folder with a Whisper, wav2vec2 or HuBERT of
            Hugging Face, or a name on the hub; where it is None, the network hears log-mel frames.
        vision: The model that looks at photographs: a folder with a ViT, DeiT, DINOv2, CLIP or
            SigLIP of Hugging Face, or a name on the hub; where it is None, the network sees pixels.
        features: Where vectors and states are kept; beside the store where it is None.
        text_bytes: Bytes of a text that are read at most, from its beginning, without an encoder.
        bands: Bands of a log-mel frame.
        pixels: The network sees as many pixels of a photograph as a square of this side has, at
            most, where no encoder does.
        window: Seconds of a recording that are heard at once; a longer one has several windows.
        split: ``part``, ``speaker``, ``conversation``, ``fold`` or ``random``; see
            ``torchedu.datasets.spoken_splits.split_spoken``.
        val: Share of the speakers for validation.
        test: Share of the speakers for test.
        folds: Number of folds; as many as speakers leave one out each.
        fold: Which of them is the test, from 0.
        batch_size: Answers in a global batch, which is one step of the optimizer: over all ranks
            and accumulated batches.
        seed: Another seed draws other parts and another order of training.
        num_workers: Processes that build batches; 0 builds them in the training process.
        seen: Whether answers that training has used are scored: ``drop`` leaves them out,
            ``refuse`` ends with an error, ``keep`` scores them with a warning.

    Raises:
        ConfigError: A value is out of range, or there is no such encoder.
        DataError: The data cannot be read or divided.
    """

    limits: ClassVar = {
        "tokens": Range(8), "text_bytes": COUNT, "bands": Range(8, 256), "window": Range(1, 120),
        "pixels": Range(16, 1024),
    }  # fmt: skip
    whom = "answers"
    batch_size: int

    def __init__(
        self,
        path: Place,
        format: str | None = None,
        columns: dict[str, str] | None = None,
        groups: list[str] | None = None,
        traits: list[str] | None = None,
        options: Options | None = None,
        out: str | None = None,
        encoder: str | None = None,
        pooling: Pooling = "mean",
        tokens: int = 256,
        precision: Precision = "32",
        speech: str | None = None,
        vision: str | None = None,
        features: str | None = None,
        text_bytes: int = 512,
        bands: int = 40,
        pixels: int = 128,
        window: float = 30.0,
        split: str | None = None,
        val: float = 0.1,
        test: float = 0.2,
        folds: int = 5,
        fold: int = 0,
        batch_size: int = 32,
        seed: int = 0,
        num_workers: int = 0,
        seen: Seen = "drop",
    ) -> None:
        super().__init__(path, seed, num_workers, seen)
        self.encoder = encoder
        self.pooling = pooling
        self.tokens = tokens
        self.precision = precision
        self.speech = speech
        self.vision = vision
        self.text_bytes = text_bytes
        self.bands = bands
        self.pixels = pixels
        self.window = window
        self.batch_size = batch_size
        self._features = features
        self._asked: Names | None = None
        self._looked = False  # a network that looks at photographs is to grade these
        given = {"columns": columns, "groups": groups, "traits": traits}
        self._raw = format, {**given, **(options or {})}, out
        self._split = partial(
            split_spoken, by=split, val=val, test=test, seed=seed, folds=folds, fold=fold
        )

    @cached_property
    def store(self) -> SpokenStore:
        """The answers, made of raw files first where that was not done yet."""
        return self.stored(SpokenStore, *self._raw)

    @cached_property
    def features(self) -> Path:
        """Where vectors and states are kept."""
        return Path(self._features or self.store.path.with_suffix(".features"))

    @cached_property
    def how(self) -> LogMel:
        """What makes log-mel frames of recordings."""
        return LogMel(self.store.rate, self.bands)

    @cached_property
    def heard(self) -> LogMel | SpeechStates:
        """What makes that of recordings which the network hears."""
        if self.speech is None:
            return self.how
        return SpeechStates(self.speech, self.store.rate, self.window, self.features)

    @cached_property
    def looks(self) -> Pixels | PictureStates | None:
        """What makes that of photographs which the network sees; None where there are none."""
        if not (self._looked or (self.store.photograph >= 0).any()):
            return None
        return (
            Pixels(self.pixels)
            if self.vision is None
            else PictureStates(self.vision, self.features)
        )

    @cached_property
    def own(self) -> Companions:
        """Its scores with their ranges, and what reads texts, recordings and photographs."""
        names = [self.heard.name, "bytes"]
        if self.encoder is not None:
            how = self.encoder, self.pooling, (-1,), self.tokens, self.precision
            names[1] = vectors_key(*how)
        if self.looks is not None:
            names.insert(1, self.looks.name)
        more = {ENCODER: Names(names)} | ({} if self._asked is None else {SCORE: self._asked})
        kinds = {kind: self.store.vocabulary[kind] for kind in self.store.vocabulary.kinds}
        reading = {
            "rate": self.store.rate, "bands": self.bands, "frames": self._frames,
            "text_bytes": self.text_bytes, "encoder": self.encoder, "pooling": self.pooling,
            "layers": [-1], "window": self.tokens, "precision": self.precision,
            "speech": self.speech, "seconds": self.window, "vision": self.vision,
            "pixels": None if self.looks is None else self.pixels,
            "kept_side": self.store.side, "ocr": self.store.ocr,
        }  # fmt: skip
        ranges = np.nan_to_num(self.store.ranges) if self.store.score_names else None
        return Companions(Vocabulary({**kinds, **more}), ranges=ranges, reading=reading)

    def ask_of(self, known: Companions) -> None:
        """Take answers as ones that a network is to grade: without scores, say, or photographs.

        Args:
            known: What its weights belong to.
        """
        self._looked = known.reading.get("pixels") is not None
        if not self.store.score_names:
            self._asked = known.vocabulary[SCORE]
        for name in ("looks", "own", "companions", "batches"):
            self.__dict__.pop(name, None)

    @property
    def _frames(self) -> int:
        heard = self.heard
        return heard.window if isinstance(heard, SpeechStates) else round(self.window / HOP)

    @property
    def num_scores(self) -> int:
        """Number of scores of an answer."""
        return len(list(self.own.vocabulary[SCORE]))

    @cached_property
    def places(self) -> list[int]:
        """Places on the scale of each score: its steps and one, or ``MOST_PLACES``."""
        low, high, step = self.store.ranges[-1].T.astype(np.float64)
        steps = np.rint((high - low) / np.maximum(step, 1e-6))
        return [int(n) + 1 for n in steps.clip(1, MOST_PLACES - 1)]

    @property
    def num_places(self) -> int:
        """Places on the scale of a score, at most."""
        return max(self.places, default=2)

    @property
    def num_bands(self) -> int:
        """Numbers of a log-mel frame."""
        return self.bands

    @cached_property
    def speech_dim(self) -> int:
        """Width of an encoder's states; 0 where log-mel frames are heard."""
        return 0 if self.speech is None else speech_sizes(self.speech)[0]

    @property
    def image_dim(self) -> int:
        """Numbers of a photograph's pixel, or of an encoder's state; 0 without photographs."""
        return 0 if self.looks is None else self.looks.dim

    @cached_property
    def text_dim(self) -> int:
        """Width of the texts' vectors; 0 where bytes are read."""
        return 0 if self.encoder is None else encoder_sizes(encoder_config(self.encoder))[1]

    @cached_property
    def parts(self) -> Mapping[str, NDArray[np.int64]]:
        """Rows of the parts ``train``, ``val`` and ``test``."""
        return self._split(self.store)

    def whole(self) -> NDArray[np.int64]:
        """Return all answers, or those that the data names as its test part."""
        test = self.store.part == PARTS.index("test")
        return np.flatnonzero(test) if test.any() else np.arange(len(test))

    @property
    def steps_per_epoch(self) -> int:
        """Number of global batches in a pass over the training part; embeds nothing."""
        return -(-len(self.parts["train"]) // self.batch_size)

    def setup(self, stage: str) -> None:
        """Make the vectors of texts and the states of all files that encoders make.

        Args:
            stage: ``fit``, ``validate``, ``test`` or ``predict``.
        """
        _ = self.batches
        if isinstance(self.heard, SpeechStates):
            self.heard.keep(self.store.sounds)
        if isinstance(self.looks, PictureStates):
            self.looks.keep(self.store.pictures)

    @cached_property
    def batches(self) -> SpokenBatches:
        """What builds batches."""
        vectors = None
        if self.encoder is not None:
            vectors = embed(
                self.store.all_texts, self.encoder, self.features, pooling=self.pooling,
                window=self.tokens, precision=self.precision,
            )  # fmt: skip
        names = list(self.companions.vocabulary[SCORE])
        none = self.companions.ranges is None
        ranges = np.zeros((len(names), 2)) if none else ranges_of(self.companions)
        scores = all_read(self.store, names)
        return SpokenBatches(
            self.store, scores, ranges, self.heard, self._frames, self.text_bytes, vectors,
            self.looks,
        )  # fmt: skip

    @property
    def features_digest(self) -> str | None:
        """What tells its vectors and states from others; None without any."""
        # States go by the files, which the data's own digest tells.
        vectors = None if self.batches.vectors is None else self.batches.vectors.digest
        states = (each.name for each in (self.heard, self.looks) if isinstance(each, States))
        made = [vectors, *states]
        return " ".join(filter(None, made)) or None

    def use(self, companions: Companions) -> None:
        """Give scores in the ranges of a trained network; see ``DataModule.use``."""
        super().use(companions)
        if companions.ranges is not None:
            self.batches.rescale(ranges_of(companions))

    def training(self) -> tuple[SpokenBatches, Order]:
        """Return what builds the training batches, and their order."""
        rows = self.parts["train"]
        order = Order(self.batches.lengths(rows), self.batch_size, self.seed)
        return self.batches.of(rows), order

    def evaluation(self, part: str | None) -> tuple[SpokenBatches, Order]:
        """Return what builds the batches of a part, or of all answers, and their order.

        Args:
            part: ``train``, ``val`` or ``test``; all answers where it is None.
        """
        rows = np.arange(self.store.num_answers) if part is None else self.parts[part]
        order = Order(self.batches.lengths(rows), self.batch_size, shuffle=False)
        return self.batches.of(rows), order

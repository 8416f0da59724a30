"""Graded texts for training and scoring: essays, and short answers beside their references."""

from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from torchedu.batch import EssayBatch
from torchedu.companions import Companions
from torchedu.datamodules.base import DataModule, Options, Seen
from torchedu.datamodules.frames import Place
from torchedu.datasets.order import Order
from torchedu.datasets.texts import TextStore, named_parts, split_texts
from torchedu.errors import ConfigError, DataError, allowed
from torchedu.features import embed, tokenize
from torchedu.features.embedding import Precision, vectors_key
from torchedu.features.tokens import tokenizer_key
from torchedu.models import Grader, Network
from torchedu.models.text_encoder import Pooling, encoder_config, encoder_sizes
from torchedu.ranges import Range
from torchedu.readers.texts import EssayBatches, beside, counted, lines_beside
from torchedu.schema import ENCODER, PROMPT, SURFACE_NUMBERS, Names, Vocabulary


class Essays(DataModule):
    """Graded texts from a store or straight from raw files, as vectors or as tokens.

    Args:
        path: A store, or a file or folder of a format that its name tells; it is imported once into
            a store beside it (``essays.csv`` into ``essays.store``).
        format: The raw file's format, where its name does not tell.
        columns: For a raw file, its headings by torchedu's names, such as ``text: essay``.
        groups: For a raw file, headings of attributes of the writers.
        traits: For a raw file, headings of further scores.
        options: For a raw file, other options of ``torchedu data import``, as ``full_mark: 5``.
        out: Where the store of a raw file is made; beside it where it is None.
        encoder: The model that reads the texts: a folder with a model of Hugging Face, or a name on
            the hub.
        frozen: Whether the encoder stays as it is: texts then come as vectors that are made once;
            else as tokens.
        pooling: How the vectors of tokens become one, where the encoder is frozen.
        layers: Whose outputs are pooled: 0 is what enters the first, -1 the last; all where it is
            None. The lower ones tell words, the upper ones meaning. An encoder that is trained is
            read by its last layer, or by all.
        window: Most tokens that the encoder sees at once; a longer text has several windows.
        precision: ``32``, or ``bf16`` for a frozen encoder of half the size.
        features: Where vectors and tokens are kept; beside the store where it is None.
        batch_size: Texts in a global batch, which is one step of the optimizer: over all ranks and
            accumulated batches.
        prompts: Names of the prompts that are trained on and scored; all where it is None.
        split: ``part``, ``fold`` or ``random``; see ``torchedu.datasets.texts.split_texts``.
        val: Share for validation, where it is drawn.
        test: Share for test, where it is drawn.
        folds: Number of folds, where they are drawn.
        fold: Which of them is the test, from 0.
        seed: Another seed draws other parts and another order of training.
        num_workers: Processes that build batches; 0 builds them in the training process.
        seen: Whether texts that training has used are scored: ``drop`` leaves them out,
            ``refuse`` ends with an error, ``keep`` scores them with a warning.

    Raises:
        ConfigError: A value is out of range, or there is no such encoder.
        DataError: The data cannot be read or divided.
    """

    limits: ClassVar = {"window": Range(8)}
    whom = "texts"
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
        encoder: str = "sentence-transformers/all-MiniLM-L6-v2",
        frozen: bool = True,
        pooling: Pooling = "mean",
        layers: list[int] | None = None,
        window: int = 256,
        precision: Precision = "bf16",
        features: str | None = None,
        batch_size: int = 64,
        prompts: list[str | int] | None = None,
        split: str | None = None,
        val: float = 0.1,
        test: float = 0.2,
        folds: int = 5,
        fold: int = 0,
        seed: int = 0,
        num_workers: int = 0,
        seen: Seen = "drop",
    ) -> None:
        super().__init__(path, seed, num_workers, seen)
        self.encoder = encoder
        self.frozen = frozen
        self.pooling = pooling
        num, self._width = encoder_sizes(encoder_config(encoder))
        self.layers = layers or list(range(num + 1))
        if not frozen and self.layers not in ([-1], [num], list(range(num + 1))):
            raise ConfigError(
                f"⟦data.layers⟧ are {self.layers}, and an encoder that is trained is read by its "
                "last layer or by all.",
                "Set ⟦data.layers⟧ '[-1]', or leave it out to read all.",
                option="data.layers",
                value=self.layers,
            )
        self.window = window
        self.precision = precision
        self.batch_size = batch_size
        self.prompts = None if prompts is None else [str(prompt) for prompt in prompts]
        self._features = features
        given = {"columns": columns, "groups": groups, "traits": traits}
        self._raw = format, {**given, **(options or {})}, out
        self._split = partial(
            split_texts, by=split, val=val, test=test, seed=seed, folds=folds, fold=fold
        )

    @cached_property
    def store(self) -> TextStore:
        """The texts, made of raw files first where that was not done yet."""
        store = self.stored(TextStore, *self._raw)
        known = list(store.vocabulary[PROMPT])
        for name in self.prompts or []:
            if name not in known:
                raise ConfigError(
                    f"⟦data.prompts⟧ names {name!r}.", allowed(name, known),
                    option="data.prompts", value=name, allowed=known,
                )  # fmt: skip
        return store

    @cached_property
    def features(self) -> Path:
        """Where vectors and tokens are kept."""
        return Path(self._features or self.store.path.with_suffix(".features"))

    @property
    def num_prompts(self) -> int:
        """Number of prompt ids of the vocabulary in use, the reserved ones included."""
        return len(self.vocabulary[PROMPT])

    @property
    def num_scores(self) -> int:
        """Number of scores of a text: the overall one and the traits; a label is one."""
        return max(1, len(self.store.score_names))

    @property
    def num_labels(self) -> int:
        """Number of labels; 0 where texts have scores."""
        return 0 if self.store.score_names else len(self.store.label_names)

    @property
    def num_steps(self) -> int:
        """Most steps between a prompt's lowest and highest score, or between labels."""
        if self.num_labels:
            return self.num_labels - 1
        low, high, step = np.moveaxis(self.store.ranges, -1, 0)
        return max(1, round(float(np.nanmax((high - low) / step))))

    @property
    def num_roles(self) -> int:
        """Number of texts read at once: 2 where answers have references."""
        return 1 + (self._beside is not None)

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return self._width * len(self.layers)

    @cached_property
    def own(self) -> Companions:
        """Its names, with the checksum of what reads the texts, columns, and scores' ranges."""
        key = (
            vectors_key(self.encoder, self.pooling, self.layers, self.window, self.precision)
            if self.frozen
            else tokenizer_key(self.encoder)
        )
        return Companions(
            self.store.vocabulary.grown(Vocabulary({ENCODER: Names([key])})),
            columns={"surface": SURFACE_NUMBERS},
            ranges=np.nan_to_num(self.store.ranges) if self.store.score_names else None,
            reading={
                "encoder": self.encoder, "frozen": self.frozen, "pooling": self.pooling,
                "layers": self.layers, "window": self.window, "precision": self.precision,
            },
        )  # fmt: skip

    @property
    def num_surface_columns(self) -> int:
        """Numbers of what is counted on the surface of a text, as batches have them."""
        return len(self.companions.columns["surface"])

    @cached_property
    def parts(self) -> Mapping[str, NDArray[np.int64]]:
        """Rows of the parts ``train``, ``val`` and ``test``."""
        parts = self._split(self.store)
        return {name: rows[self._wanted(rows)] for name, rows in parts.items()}

    def whole(self) -> NDArray[np.int64]:
        """Return all texts, or those that the data names as neither training nor validation."""
        rows = np.arange(self.store.num_texts)
        test = named_parts(self.store)["test"]
        return rows[self._wanted(rows) & (test if test.any() else True)]

    def _wanted(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        ids = self.store.vocabulary[PROMPT].ids(self.prompts or self.store.vocabulary[PROMPT])
        return np.isin(self.store.prompt[rows], ids)

    @property
    def _beside(self) -> list[str] | None:
        """What each answer is held against: its references, else its question."""
        return beside(self.store)

    @property
    def steps_per_epoch(self) -> int:
        """Number of global batches in a pass over the training part; embeds nothing."""
        return -(-len(self.parts["train"]) // self.batch_size)

    def setup(self, stage: str) -> None:
        """Make the vectors or tokens of all texts, unless they are there already.

        Args:
            stage: ``fit``, ``validate``, ``test`` or ``predict``.
        """
        _ = self.batches

    @cached_property
    def surface(self) -> NDArray[np.float32]:
        """What is counted on the surface of each text, and of a pair; shape (texts, F)."""
        return counted(self.store)

    @cached_property
    def batches(self) -> EssayBatches:
        """What builds batches, in the ids of the store."""
        texts, pairs = self.store.all_texts, self._beside
        if not self.frozen:
            tokens = tokenize(texts, self.encoder, self.features, pairs=pairs, window=self.window)
            return EssayBatches(self.store, self.surface, tokens=tokens)
        lines = lines_beside(pairs)
        vectors = embed(
            [*texts, *(line for beside in lines for line in beside)], self.encoder, self.features,
            pooling=self.pooling, layers=self.layers, window=self.window, precision=self.precision,
        )  # fmt: skip
        return EssayBatches(
            self.store,
            self.surface,
            vectors=vectors,
            lines=[len(beside) for beside in lines],
        )

    @property
    def features_digest(self) -> str | None:
        """What tells the vectors of its texts from others; None where the encoder is trained."""
        return None if self.batches.vectors is None else self.batches.vectors.digest

    def use(self, companions: Companions) -> None:
        """Give batches in the ids and ranges of a trained network; see ``DataModule.use``.

        Raises:
            DataError: A prompt is not known, or a score is outside of the known prompt's range.
        """
        own, vocabulary = self.store.vocabulary, companions.vocabulary
        if not self.num_labels:
            known = np.isin(own[PROMPT].translation(vocabulary[PROMPT]), (0, 1), invert=True)
            new = np.flatnonzero(~known[self.store.prompt])
            if len(new):
                first = int(new[0])
                prompt, text = own[PROMPT].name(self.store.prompt[first]), self.store.names([first])
                raise DataError(
                    f"the prompt {prompt!r} of text {text[0]!r} is not known "
                    "to the network, nor the range of its scores.",
                    f"Train on it too, or leave it out. Known: {', '.join(vocabulary[PROMPT])}.",
                    file=self.path,
                    row=first + 1,
                )
        super().use(companions)
        self.batches.use(companions, companions.places("surface", self.own))

    def facts(self, net: Network) -> EssayBatch:
        """Return the training part's texts as a grader learns from them before training."""
        assert isinstance(net, Grader)
        return self.training_texts(net.start)

    def training_texts(self, pooling: Pooling | None = None) -> EssayBatch:
        """Return the texts of the training part as one batch, without their tokens.

        Args:
            pooling: Pools vectors of the encoder as it is before it is trained; texts that come as
                tokens have none where it is None.
        """
        texts = self.batches.of(self.parts["train"]).everything()
        if self.frozen or pooling is None or self._beside is not None:  # a pair is no one text
            return texts
        rows = self.parts["train"].tolist()
        vectors = embed(
            [self.store.all_texts[i] for i in rows], self.encoder, self.features,
            pooling=pooling, layers=self.layers, window=self.window, precision=self.precision,
        )  # fmt: skip
        return texts._replace(vector_BRD=torch.from_numpy(vectors[:]).unsqueeze(1))

    def training(self) -> tuple[EssayBatches, Order]:
        """Return what builds the training batches, and their order."""
        rows = self.parts["train"]
        order = Order(self.batches.lengths(rows), self.batch_size, self.seed)
        return self.batches.of(rows), order

    def evaluation(self, part: str | None) -> tuple[EssayBatches, Order]:
        """Return what builds the batches of a part, or of all texts, and their order.

        Args:
            part: ``train``, ``val`` or ``test``; all texts where it is None.
        """
        rows = self._rows(part)
        order = Order(self.batches.lengths(rows), 4 * self.batch_size, shuffle=False)
        return self.batches.of(rows), order

    def _rows(self, part: str | None) -> NDArray[np.int64]:
        everything = np.arange(self.store.num_texts)
        return everything[self._wanted(everything)] if part is None else self.parts[part]

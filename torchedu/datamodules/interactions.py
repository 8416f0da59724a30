"""Students' answers as a Lightning data module."""

import os
from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from shutil import rmtree
from tempfile import gettempdir, mkdtemp
from typing import Any
from weakref import finalize

import numpy as np
import torch
from lightning.pytorch.trainer.states import TrainerFn
from numpy.typing import NDArray

from torchedu.baselines import StreamingLR
from torchedu.baselines.streaming_lr import Weights
from torchedu.baselines.tracing import drawn
from torchedu.batch import UNKNOWN_VALUES, TracingFacts
from torchedu.companions import Companions
from torchedu.datamodules.base import DataModule, Options, Seen
from torchedu.datamodules.frames import Place
from torchedu.datamodules.stream import EpochLoader
from torchedu.datasets import AnswerStore, splits
from torchedu.datasets.answers import Answers, stretch_index
from torchedu.datasets.order import Order, Windows, cut_windows
from torchedu.datasets.simulator import simulate
from torchedu.datasets.splits import Part
from torchedu.errors import ConfigError, DataError, allowed
from torchedu.features.item_words import KEY, WORDS, ItemWords, judge
from torchedu.files import remove_left
from torchedu.models import KTModel, Network
from torchedu.models.kt_model import BuildsOnRegression
from torchedu.readers.answers import AnswerBatches, Moved, pad_lists
from torchedu.readers.histories import Past, answers_in
from torchedu.schema import ITEM, SKILL, UNKNOWN, Vocabulary

MOST_WINDOWS = 64
"""Windows in a batch whose size nobody said."""
CHOOSING = 250_000
"""Validation answers, of whole students, that are enough to choose the best epoch by."""
HELD = 1 << 30
"""Bytes that what came before all answers may take; of more it is found for each batch."""
COUNTED, ANSWERS = 50_000, 500_000
"""Students whose answers are counted at a time, and about as many of these answers."""


class Interactions(DataModule):
    """Answers of students, from a store, straight from a raw file, or of a simulated class.

    Args:
        path: A store, or a CSV, Parquet or JSON-lines file of answers; such a file is imported once
            into a store beside it (``answers.csv`` into ``answers.store``). Without a path, a class
            is simulated, for which the best score that any model can reach is known.
        format: The raw file's format, where it does not tell it.
        columns: For a raw file, its headings by torchedu's names, such as ``student: user_id``;
            common headings are found without.
        groups: For a raw file, headings of student attributes.
        options: For a raw file, other options of ``torchedu data import``, as ``full_mark: 5``.
        out: Where the store of a raw file is made; beside it where it is None.
        batch_size: Windows in a global batch, which is one step of the optimizer: over all ranks
            and accumulated batches, whose numbers so change no result. On average in training,
            since training batches have like numbers of answers. Where it is None, a sixteenth of
            the training windows, but 8 at least and 64 at most: a small class needs many steps too.
        window: Most answers that the network takes at once; longer histories are cut.
        context: In evaluation, how many answers before a window's first scored one are seen with
            it; below ``window``. A network that takes ``window`` answers sees at least so many of
            the history that there is.
        split: ``student``, ``time``, ``fold`` or ``column``; see ``torchedu.datasets.splits``.
        val: Share for validation.
        test: Share for test.
        folds: Number of folds.
        fold: Which of them is the test, from 0.
        split_column: The student attribute that says ``train``, ``val`` or ``test``.
        seed: Another seed draws other parts and another order of training.
        encoder: What reads the texts of items, where the data has some: ``words``, which counts
            words and pieces of them and needs no model, or a frozen model of Hugging Face, a folder
            or a name on the hub. None leaves the texts unread.
        features: Where the vectors of a model are kept; beside the store where it is None.
        num_workers: Processes that build batches; 0 builds them in the training process.
        seen: Whether students that training has used are scored: ``drop`` leaves them out,
            ``refuse`` ends with an error, ``keep`` scores them with a warning.

    Raises:
        ConfigError: A value is out of range.
        DataError: The data cannot be read or divided.
    """

    longest = "window"
    reads: tuple[str, ...] = ()
    past = False
    _asks = False
    words: ItemWords | None = None
    """What judges items by their words: the network's in use, or the one that it then takes."""
    _moved: Moved | None = None  # once a network has asked for a regression

    def __init__(
        self,
        path: Place | None = None,
        format: str | None = None,
        columns: dict[str, str] | None = None,
        groups: list[str] | None = None,
        options: Options | None = None,
        out: str | None = None,
        batch_size: int | None = None,
        window: int = 200,
        context: int = 100,
        split: str = "student",
        val: float = 0.1,
        test: float = 0.2,
        folds: int = 5,
        fold: int = 0,
        split_column: str | None = None,
        seed: int = 0,
        encoder: str | None = WORDS,
        features: str | None = None,
        num_workers: int = 0,
        seen: Seen = "drop",
    ) -> None:
        super().__init__(path, seed, num_workers, seen)
        if context >= window:
            raise ConfigError(
                f"⟦data.context⟧ {context} leaves no answer to score in a window of {window}.",
                "⟦data.context⟧ is below ⟦data.window⟧.",
                option="data.context",
                value=context,
            )
        self.batch_size = batch_size
        self.window = window
        self.context = context
        self.encoder = encoder
        self._features = features
        if path is None:
            self.name = "simulated class"
        given = {"columns": columns, "groups": groups, "unmarked": None, **(options or {})}
        self._raw = format, given, out
        self._split = partial(
            splits.split, by=split, val=val, test=test, seed=seed,
            folds=folds, fold=fold, column=split_column,
        )  # fmt: skip

    @cached_property
    def store(self) -> AnswerStore:
        """The answers, made of a raw file first where that was not done yet."""
        if self.path is None:
            return self._simulated()
        try:
            return self.stored(AnswerStore, *self._raw)
        except DataError as error:
            if not (self._asks and any(name.endswith("unmarked") for name in error.options())):
                raise
        # A row has no mark: one that is imported so has no other use than to be asked.
        format, options, out = self._raw
        return self.stored(AnswerStore, format, {**options, "unmarked": "ask"}, out)

    def ask(self) -> None:
        """Take rows without a mark as questions, which are no history; see ``Questions``."""
        self._asks = True

    @cached_property
    def own(self) -> Companions:
        """Its names, and the skills of items."""
        skills = pad_lists(self.store.skill_offsets, np.asarray(self.store.skill))
        return Companions(self.store.vocabulary, item_skills=skills)

    @property
    def num_items(self) -> int:
        """Number of item ids of the vocabulary in use, the reserved ones included."""
        return len(self.vocabulary[ITEM])

    @property
    def num_skills(self) -> int:
        """Number of skill ids of the vocabulary in use, the reserved ones included."""
        return len(self.vocabulary[SKILL])

    @cached_property
    def parts(self) -> Mapping[str, Part]:
        """The parts ``train``, ``val`` and ``test``."""
        return self._split(self.store)

    @property
    def answered(self) -> NDArray[np.float32]:
        """How often each item was answered in the training part; shape (items,)."""
        train, offsets = self.parts["train"], self.store.history_offsets
        names = self.store.vocabulary[ITEM]
        times = np.zeros(len(names), np.int64)
        for first in range(0, len(train.student), COUNTED):
            stop = train.stop[first : first + COUNTED]
            begin = offsets[train.student[first : first + COUNTED]]
            for some in np.array_split(np.arange(len(stop)), 1 + int(stop.sum()) // ANSWERS):
                index, _ = stretch_index(begin[some], stop[some])
                times += np.bincount(self.store.item[index], minlength=len(times))
        mine = np.zeros(self.num_items, np.float32)
        np.add.at(mine, names.translation(self.vocabulary[ITEM]), times)
        return mine

    def suit(self, net: Network) -> None:
        """Carry what a network reads of an answer beside item, skills and mark.

        Raises:
            ConfigError: It reads something that answers do not have.
        """
        for column in (reads := net.reads if isinstance(net, KTModel) else ()):
            if column not in UNKNOWN_VALUES:
                raise ConfigError(
                    f"{type(net).__name__} reads {column!r} of an answer.",
                    allowed(column, UNKNOWN_VALUES),
                )
        self.reads = reads
        self.past = isinstance(net, KTModel) and net.past

    def facts(self, net: Network) -> TracingFacts | None:
        """Return a logistic regression of the training part, where a network builds on one.

        One that has met other data before goes on from what that has taught.
        """
        if not isinstance(net, BuildsOnRegression):
            return None
        taught, known = self._taught, None
        if net.regression is not None:
            item, skill, shared = (x.detach().double().cpu().numpy() for x in net.regression[:3])
            known = Weights(item, skill, shared[:-1], float(shared[-1]))
        if known is None and self.companions is self.own:
            learned, model = self.store.answers(taught.student, taught.stop), self.regression
        else:
            learned = answers_in(self.store, self.vocabulary, taught)
            model = StreamingLR(known=known, most_answers=int(taught.stop.sum())).fit(learned)
        weights, order = model.weights, np.argsort(taught.student)
        item_N2 = weights.item.copy()
        item_N2[:, 0] = self._by_words(model, learned)
        begins = np.cumsum(taught.stop) - taught.stop
        self._moved = Moved(taught.student[order], begins[order], model.moved(learned))
        return TracingFacts(
            torch.from_numpy(item_N2).float(),
            torch.from_numpy(weights.skill).float(),
            torch.from_numpy(np.append(weights.shared, weights.bias)).float(),
            int(self.parts["train"].stop.sum()),
        )

    def _by_words(self, model: StreamingLR, learned: Answers) -> NDArray[np.float64]:
        """Return a regression's weights of items, as they are where words say what is expected.

        A network that has learned to judge words goes on as it does, with items that are new to it.
        """
        texts, known = self.store.item_texts, model.known
        if texts is None or self.encoder is None:
            return model.weights.item[:, 0]
        id = np.array(self.store.vocabulary[ITEM].translation(self.vocabulary[ITEM]), np.int64)
        worded = np.flatnonzero([bool(text) for text in texts])
        evidence = model.evidence(learned)
        if self.words is None:
            weight, information, variance = evidence.of(id[worded])
            # Beside what answers leave open of an item, items of the same words differ.
            counts = information / (1 + variance * information)
            folder = self._features or self.store.path.with_suffix(".features")
            asked = [texts[i] for i in worded.tolist()]
            judged = judge(asked, weight, counts, self.encoder, folder)
            if judged is None:
                return model.weights.item[:, 0]
            self.words, easy = judged
        else:
            easy = self.words([texts[i] for i in worded.tolist()]).astype(np.float64)
        centre = np.full(self.num_items, np.nan)
        centre[id[worded]] = easy
        if known is not None:
            centre[known.item[:, 0] != 0] = np.nan
        return model.expecting(centre, evidence)

    @property
    def judged_by(self) -> dict[str, Any]:
        """What judges items by their words, as ``Companions.reading`` holds it; empty without."""
        return {} if self.words is None else {KEY: self.words.plain()}

    @cached_property
    def judged(self) -> NDArray[np.float32] | None:
        """How easy items that the network does not know are by their words, by the store's ids.

        0 for all others, and where an item has no text; None where no words are judged.
        """
        texts = self.store.item_texts
        if self.words is None or texts is None:
            return None
        id = self.store.vocabulary[ITEM].translation(self.vocabulary[ITEM])
        unknown = [text if i == UNKNOWN else None for text, i in zip(texts, id, strict=True)]
        return self.words(unknown) if any(unknown) else None

    def answers(self, vocabulary: Vocabulary, part: Part) -> Answers:
        """Return a part's histories, for baselines, in the ids of a vocabulary with all names."""
        return answers_in(self.store, vocabulary, part)

    @cached_property
    def regression(self) -> StreamingLR:
        """The baseline that networks build on, fitted once to the training part, in its own ids."""
        taught = self._taught
        learned = self.store.answers(taught.student, taught.stop)
        return StreamingLR(most_answers=len(learned.item)).fit(learned)

    @cached_property
    def _taught(self) -> Part:
        """The training students whom the regression is fitted to; see ``StreamingLR``."""
        train, usual = self.parts["train"], StreamingLR()
        some = drawn(train.stop, usual.most_answers, usual.seed)
        return Part(*(column[some] for column in train))

    @cached_property
    def _past(self) -> NDArray[np.float16] | Past | None:
        """What came before each answer, or of more than fit what finds it; None where none asks."""
        if not self.past:
            return None
        past = Past(self.store, self.vocabulary)
        return past.of_all() if past.bytes <= HELD else past

    def use(self, companions: Companions) -> None:
        """Give batches in the ids of a trained network; see ``DataModule.use``."""
        super().use(companions)
        self.words = ItemWords.of(companions.reading)
        for made in ("_past", "judged"):
            self.__dict__.pop(made, None)

    def whole(self) -> Part:
        """Return everyone's answers, or those of the students that a column names as the test."""
        test = splits.named_test(self.store)
        everyone = self._everyone
        return Part(*(column[test[everyone.student]] for column in everyone))

    def training(self) -> tuple[AnswerBatches, Order]:
        """Return what builds the training batches, and their order."""
        windows = cut_windows(self.parts["train"], self.window)
        some = min(max(len(windows.student) // 16, 8), MOST_WINDOWS)
        order = Order(windows.length, self.batch_size or some, self.seed)
        return self._batches(windows, self._moved), order

    def evaluation(self, part: str | None) -> tuple[AnswerBatches, Order]:
        """Return what builds the batches of a part, or of everyone, and their order.

        Args:
            part: ``train``, ``val`` or ``test``; everyone where it is None.
        """
        return self._scored(self._everyone if part is None else self.parts[part])

    def val_dataloader(self) -> EpochLoader:
        """Return the validation batches; beside training of about ``CHOOSING`` answers at most."""
        val = self.parts["val"]
        if self.trainer is None or self.trainer.state.fn != TrainerFn.FITTING:
            return super().val_dataloader()
        some = drawn(val.stop - val.first, CHOOSING, self.seed)
        return self.loader(*self._scored(Part(*(column[some] for column in val))))

    def _scored(self, part: Part) -> tuple[AnswerBatches, Order]:
        windows = cut_windows(part, self.window, self.context)
        order = Order(windows.length, self.batch_size or MOST_WINDOWS, shuffle=False)
        return self._batches(windows), order

    def _batches(self, windows: Windows, moved: Moved | None = None) -> AnswerBatches:
        known = self.store, windows, self.vocabulary, self.reads, self._past
        return AnswerBatches(*known, moved, self.judged)

    @property
    def _everyone(self) -> Part:
        offsets = self.store.history_offsets
        return splits.whole_histories(offsets, np.diff(offsets) > 0)

    def _simulated(self) -> AnswerStore:
        remove_left(Path(gettempdir()), "torchedu")
        folder = mkdtemp(prefix=f"torchedu-{os.getpid()}-")
        finalize(self, rmtree, folder, ignore_errors=True)  # it goes with this object
        return simulate(Path(folder) / "class.store", seed=self.seed)

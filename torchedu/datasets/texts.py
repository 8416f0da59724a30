"""Graded texts in a store: essays and short answers, their prompts, scores and labels."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import compress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from torchedu.datasets.draws import random_places
from torchedu.datasets.memory import Memory
from torchedu.datasets.splits import MORE, check_split
from torchedu.datasets.store import Store, kept
from torchedu.datasets.writer import StoreWriter, encode_texts
from torchedu.errors import ConfigError
from torchedu.schema import FOLD, LABEL, PART, PROMPT, RESERVED, SCORE, Vocabulary

EDGES = ("low", "high", "step")
KINDS = ("part", "fold", "random")
TRAIN, VAL = ("train", "training"), ("val", "dev", "validation")
"""What a part that is trained on, or that chooses, is called; every other one is a test part."""


class Graded(NamedTuple):
    """Some texts with what people gave them, as plain lists and arrays, for baselines.

    Attributes:
        text: The texts.
        prompt: The prompt of each, an id; shape (texts,).
        target: Scores in 0..1 of the prompt's range, NaN where missing; shape (texts, scores).
        label: Labels from 0, -1 where missing; shape (texts,).
        num_labels: How many labels there are.
        surface: What is counted on the surface of each; shape (texts, F).
    """

    text: list[str]
    prompt: NDArray[np.int64]
    target: NDArray[np.float64]
    label: NDArray[np.int64]
    num_labels: int
    surface: NDArray[np.float32]

    def where(self, mask: NDArray[np.bool_]) -> "Graded":
        """Return some of the texts."""
        return Graded(
            list(compress(self.text, mask.tolist())), self.prompt[mask], self.target[mask],
            self.label[mask], self.num_labels, self.surface[mask],
        )  # fmt: skip


class TextStore(Store):
    """A store of graded texts: a row a text, and a row a prompt with the range of its scores.

    Args:
        path: The store's folder.

    Raises:
        DataError: The folder is no store, or one of something else.
    """

    holds, made_by, mark = "graded texts", "texts", ("texts", "text.utf8")

    num_texts = kept(Store.num_rows, "texts")
    """Number of texts."""
    prompt = kept(Store.values, "texts", PROMPT)
    """The prompt of each text, an id; shape (texts,)."""

    @property
    def counts(self) -> dict[str, int]:
        """How many texts and prompts it holds."""
        return {"texts": self.num_texts, "prompts": len(self.vocabulary[PROMPT]) - RESERVED}

    @property
    def score_names(self) -> tuple[str, ...]:
        """What is scored: the overall score, then the traits; nothing where labels are given."""
        return tuple(self.vocabulary[SCORE])

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels, in order; none where scores are given."""
        return tuple(self.vocabulary[LABEL])

    @cached_property
    def label(self) -> NDArray[np.int64]:
        """The label of each text from 0, -1 where there is none; shape (texts,)."""
        if LABEL not in self.columns("texts"):
            return np.full(self.num_texts, -1)
        ids = self.values("texts", LABEL).astype(np.int64)
        return np.where(ids < RESERVED, -1, ids - RESERVED)

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """The scores of each text, NaN where one is missing; shape (texts, scores)."""
        return self._table_of(f"{SCORE}.", "texts")

    @cached_property
    def ranges(self) -> NDArray[np.float32]:
        """Lowest and highest score and step of each prompt id; shape (prompts, scores, 3)."""
        table = np.stack([self._table_of(f"{edge}.", "prompts") for edge in EDGES], -1)
        return np.concatenate([np.full((RESERVED, *table.shape[1:]), np.nan, np.float32), table])

    @property
    def raters(self) -> NDArray[np.float32] | None:
        """What two human raters gave, NaN where unknown; shape (texts, 2)."""
        if "rater.1" not in self.columns("texts"):
            return None
        return np.stack([self.values("texts", f"rater.{i}") for i in (1, 2)], 1)

    @cached_property
    def target(self) -> NDArray[np.float64]:
        """The scores in 0..1 of their prompts' ranges, NaN where missing; (texts, scores).

        A label is the one score, from 0 for the first to 1 for the last.
        """
        if not self.score_names:
            label = self.label.astype(np.float64)[:, None]
            return np.where(label < 0, np.nan, label / max(1, len(self.label_names) - 1))
        low, high = np.moveaxis(self.ranges[self.prompt], -1, 0)[:2].astype(np.float64)
        share = np.where(high > low, (self.scores - low) / np.maximum(high - low, 1e-9), 0.5)
        return np.where(np.isnan(self.scores), np.nan, share)

    def graded(self, rows: NDArray[np.int64], surface: NDArray[np.float32]) -> Graded:
        """Return some texts with what people gave them.

        Args:
            rows: Which; shape (rows,).
            surface: What is counted on the surface of all texts; see ``features.surface``.
        """
        return Graded(
            [self.all_texts[i] for i in rows.tolist()], self.prompt[rows].astype(np.int64),
            self.target[rows], self.label[rows], len(self.label_names), surface[rows],
        )  # fmt: skip

    def part_of(self, kind: str) -> NDArray[np.int32]:
        """Return each text's published ``part`` or ``fold``, an id; 0 where there is none."""
        return self.values("texts", kind)

    @cached_property
    def all_texts(self) -> list[str]:
        """Every text, in order."""
        return self.texts("texts", "text", range(self.num_texts))

    @cached_property
    def references(self) -> list[str] | None:
        """What a right answer says, or else the question, beside each text; None without."""
        return self._beside("reference")

    @cached_property
    def questions(self) -> list[str] | None:
        """What was asked, beside each text; None where the data does not say."""
        return self._beside("question")

    def _beside(self, column: str) -> list[str] | None:
        there = f"{column}.utf8" in self.columns("texts")
        return self.texts("texts", column, range(self.num_texts)) if there else None

    def names(self, rows: ArrayLike) -> list[str]:
        """Return the names of some texts."""
        return self.texts("texts", "name", rows)

    def known_as(self, rows: NDArray[np.int64]) -> list[str]:
        """Return the names of some texts, each with the text: a name may be a mere number."""
        texts = self.texts("texts", "text", rows)
        return [f"{name}\n{text}" for name, text in zip(self.names(rows), texts, strict=True)]

    def _table_of(self, prefix: str, table: str) -> NDArray[np.float32]:
        columns = [self.values(table, prefix + name) for name in self.score_names]
        none = np.zeros((self.num_rows(table), 0), np.float32)
        return np.stack(columns, 1) if columns else none


def write_texts(
    path: str | Path | Memory,
    vocabulary: Vocabulary,
    names: Sequence[str],
    columns: Mapping[str, Sequence[str]],
    values: Mapping[str, ArrayLike],
    ranges: NDArray[np.floating[Any]],
    about: Mapping[str, Any] | None = None,
) -> TextStore:
    """Write a store of graded texts.

    Args:
        path: The store to make or replace.
        vocabulary: Names of prompts, scores, labels, parts, folds and groups.
        names: The texts' names.
        columns: ``text``, and where there are some ``reference`` and ``question``; a text each.
        values: ``prompt`` and ``label``, ``part``, ``fold``, ``group.<attribute>`` (ids), each
            ``score.<name>``, ``rater.1`` and ``rater.2``; shape (texts,) each.
        ranges: Lowest and highest score and step of each prompt; shape (prompts, scores, 3).
        about: Where the data came from and what was dropped; plain JSON.

    Returns:
        The store.
    """
    is_number = (f"{SCORE}.", "rater.")
    flat = {name: "float32" if name.startswith(is_number) else "int32" for name in values}
    scores = list(vocabulary[SCORE])
    edges = {
        f"{edge}.{name}": ranges[:, i, j]
        for i, name in enumerate(scores)
        for j, edge in enumerate(EDGES)
    }
    with StoreWriter(path) as writer:
        writer.vocabulary, writer.about = vocabulary, dict(about or {})
        ragged = {name: {"utf8": "uint8"} for name in ("name", *columns)}
        texts = writer.table("texts", flat, ragged)
        encoded = {name: encode_texts(column) for name, column in columns.items()}
        texts.append(len(names), values, {"name": encode_texts(names), **encoded})
        prompts = writer.table("prompts", dict.fromkeys(edges, "float32"))
        prompts.append(len(ranges), edges, {})
    return TextStore(path)


def named_parts(store: TextStore) -> dict[str, NDArray[np.bool_]]:
    """Say which texts are of each part as the data says: test is what is neither of the others."""
    names = store.vocabulary[PART]
    has = PART in store.columns("texts")
    part = store.part_of(PART) if has else np.zeros(store.num_texts, np.int32)
    train, val = (
        np.isin(part, names.ids(name for name in names if name.lower() in some))
        for some in (TRAIN, VAL)
    )
    return {"train": train, "val": val, "test": ~train & ~val}


def split_texts(
    store: TextStore,
    by: str | None = None,
    *,
    val: float = 0.1,
    test: float = 0.2,
    seed: int = 0,
    folds: int = 5,
    fold: int = 0,
) -> dict[str, NDArray[np.int64]]:
    """Divide texts into train, val and test.

    Args:
        store: The texts.
        by: ``part``: as the data says; where it names no validation part, a share ``val`` of the
            training texts chooses. ``fold``: fold number ``fold`` is the test and the one before it
            chooses, as in published work; the data's folds, or ``folds`` drawn at random.
            ``random``. Where it is None, ``part`` if the data tells parts, else ``random``.
        val: Share of the texts for validation, where they are drawn.
        test: Share of the texts for test, where they are drawn.
        seed: Another seed draws other texts.
        folds: Number of folds, where they are drawn.
        fold: Which of them is the test, from 0.

    Returns:
        Rows of ``train``, ``val`` and ``test``.

    Raises:
        ConfigError: A share, fold or kind of split is not possible.
        DataError: A part is empty.
    """
    by = by or ("part" if len(store.vocabulary[PART]) > RESERVED else "random")
    check_split(by, KINDS, val, test)
    place, num = random_places(store, seed, "texts", "text"), store.num_texts
    published = len(store.vocabulary[FOLD]) - RESERVED
    folds = published if by == "fold" and published else folds
    if by == "fold" and (folds < 3 or not 0 <= fold < folds):
        raise ConfigError(
            f"fold {fold} of {folds} folds does not exist.",
            "There are at least 3 folds: one tests, the one before it chooses; fold counts from 0.",
        )
    if by == "part":
        in_train, in_val, in_test = named_parts(store).values()
        if not in_val.any():
            edge = np.quantile(place[in_train], val) if in_train.any() else 0
            in_val = in_train & (place <= edge)
            in_train &= ~in_val
    elif by == "fold":
        number = store.part_of(FOLD) - RESERVED if published else place * folds // max(num, 1)
        in_test, in_val = number == fold, number == (fold - 1) % folds
        in_train = ~in_test & ~in_val & (number >= 0)
    else:
        in_test = place < round(num * test)
        in_val = ~in_test & (place < round(num * (test + val)))
        in_train = ~in_test & ~in_val
    parts = {"train": in_train, "val": in_val, "test": in_test}
    for name, where in parts.items():
        if not where.any():
            problem = f"the part {name!r} of a split by {by} holds no texts"
            raise store.fault(f"{problem} ({store.num_texts} in all).", MORE)
    return {name: np.flatnonzero(where) for name, where in parts.items()}

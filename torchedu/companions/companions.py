"""What weights belong to, and data has to agree with: one value, known by name everywhere.

The ids, the columns and the scales of a network's input are mere numbers to its weights. What each
number stands for is said here, once, and travels with the weights: in a checkpoint under the key
``companions``, and in a run's folder and an export as ``companions.json``. Data says the same of
itself, and the two are compared by name in ``Companions.agree`` alone.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from torchedu.bounded import parse_json
from torchedu.companions.form import companions
from torchedu.companions.tables import each_once, named, same_rows, wide
from torchedu.companions.words import plural, told_apart
from torchedu.errors import CheckpointError
from torchedu.files import write_whole
from torchedu.run_folder import RunFolder
from torchedu.schema import ITEM, PROMPT, RESERVED, SKILL, Vocabulary
from torchedu.strict import check

KEY = "companions"
"""The key under which they stand in a checkpoint."""
REMEDY = f"Give data with the same, read as the run's {RunFolder.CONFIG} has it, or train anew."


@dataclass(frozen=True, eq=False)
class Companions:
    """Everything that a network's weights belong to.

    A further kind of companion is one field more: a table whose rows are ids of a kind of names
    says so by its metadata (``rows``, and ``values`` where what it holds are ids too), and is then
    mapped and grown with these names; anything else is plain and stays as it is.

    Attributes:
        vocabulary: The names whose ids the network knows.
        fixed: Kinds of these names that data has to have exactly, in this order.
        columns: Names of the columns of tables of numbers that the network reads, by table: of
            ``event``, ``moment``, ``surface``.
        item_skills: The skills of each item or course, filled up with 0; shape (items, S); None
            where the data has none.
        ranges: Lowest and highest score and the step between two, of each prompt and score; shape
            (prompts, scores, 3); zero where nothing is known; None where nothing is scored.
        tokenizer: The files of a language model's tokenizer, by name; None without one.
        thresholds: Thresholds of risks that were chosen after training, plain JSON; None where
            none were.
        base: Checksum of the model that low-rank additions were trained on; None without.
        answered: How often each item was answered in what the network was last trained on; shape
            (items,). Data that it is scored on has another mix, so it is not compared.
        reading: How raw rows were read, plain JSON: the model that reads texts, say, or after how
            many days marks are known. Rows that a network is asked about in use are read alike; it
            is not compared, since the same may stand elsewhere.
    """

    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    fixed: tuple[str, ...] = ()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    item_skills: NDArray[Any] | None = field(
        default=None, metadata={"rows": ITEM, "values": SKILL, "newest": True}
    )
    ranges: NDArray[Any] | None = field(default=None, metadata={"rows": PROMPT})
    tokenizer: Mapping[str, str] | None = None
    thresholds: Sequence[Mapping[str, Any]] | None = None
    base: str | None = None
    answered: NDArray[Any] | None = field(default=None, compare=False, metadata={"rows": ITEM})
    reading: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __eq__(self, other: object) -> bool:
        """Compare everything."""
        return isinstance(other, Companions) and self.difference(other) is None

    __hash__ = None  # type: ignore[assignment]

    # Comparing

    def difference(self, other: "Companions") -> str | None:
        """Say the first thing in which others differ, with both; None where they are equal."""
        for column in (column for column in fields(self) if column.compare):
            mine, theirs = vars(self)[column.name], vars(other)[column.name]
            if column.metadata:
                equal = same_rows(mine, theirs)
            else:
                equal = mine == theirs
            if not equal:
                return told_apart(column.name, mine, theirs)
        return None

    def agree(self, own: "Companions", unknown: Mapping[str, str] | None = None) -> list[str]:
        """Compare with what data says of itself, whose batches are then put in these terms.

        Names may come in another order, and be more or fewer: each finds its own. What data has in
        other names is unknown to the network, and is told.

        Args:
            own: What the data says.
            unknown: What data does with names that the network lacks, by kind, in words.

        Returns:
            What its user has to know.

        Raises:
            CheckpointError: The data lacks what the network reads, or means something else by it.
        """
        for kind in self.fixed:
            mine, theirs = list(self.vocabulary[kind]), list(own.vocabulary[kind])
            if mine != theirs:
                raise CheckpointError(
                    f"the data has the {kind} {', '.join(theirs) or 'of nobody'}, the network was "
                    f"trained with {', '.join(mine) or 'none'}.",
                    REMEDY,
                )
        for table in self.columns:
            self.places(table, own)
        self._check_ranges(own)
        if None not in (self.base, own.base) and self.base != own.base:
            raise CheckpointError(
                f"the additions were trained on other weights ({self.base}) than those that are "
                f"here ({own.base}).",
                "Put the model that they belong to there, or name it: ⟦model.net.source⟧ FOLDER.",
            )
        return [*self._unknown(own, unknown or {}), *self._moved(own)]

    def _check_ranges(self, own: "Companions") -> None:
        """Refuse scores that go beyond what the network has learned to give."""
        mine, theirs = self.ranges, own.to(self.vocabulary).ranges
        if mine is None or theirs is None:
            return
        beyond = (theirs[..., 0] < mine[..., 0]) | (theirs[..., 1] > mine[..., 1])
        for prompt, score in np.argwhere(beyond & mine.any(-1) & theirs.any(-1)).tolist():
            (low, high), (least, most) = (
                ranges[prompt, score, :2].tolist() for ranges in (theirs, mine)
            )
            name = self.vocabulary[PROMPT].name(prompt)
            raise CheckpointError(
                f"the scores of the prompt {name!r} go from {low:g} to {high:g} in the data, "
                f"and went from {least:g} to {most:g} in training.",
                REMEDY,
            )

    def places(self, table: str, own: "Companions") -> NDArray[np.int64]:
        """Return where each column that the network reads stands among those of data.

        Args:
            table: The table of numbers.
            own: What the data says of itself.

        Returns:
            Shape (columns of the network,); columns that only the data has are left out.

        Raises:
            CheckpointError: The data has no column of a name.
        """
        mine, theirs = self.columns[table], own.columns.get(table, ())
        lacking = [name for name in mine if name not in theirs]
        if lacking:
            others = [name for name in theirs if name not in mine]
            instead = f"; it has {others[0]!r}, which the network never saw" if others else ""
            raise CheckpointError(
                f"the network reads the column {lacking[0]!r} of each {table}, and the data has "
                f"none of that name{instead}.",
                REMEDY,
            )
        return np.array([theirs.index(name) for name in mine], np.int64)

    def _unknown(self, own: "Companions", unknown: Mapping[str, str]) -> Iterator[str]:
        for kind in self.vocabulary.kinds:
            names = list(own.vocabulary[kind])
            new = [name for name in names if name not in self.vocabulary[kind]]
            if new and kind not in self.fixed:
                then = f": {unknown[kind]}." if kind in unknown else "."
                yield (
                    f"{len(new)} of {len(names)} {plural(kind)} are unknown to the network, such "
                    f"as {new[0]!r}{then}"
                )

    def _moved(self, own: "Companions") -> Iterator[str]:
        """Say of tables of ids where the data has others for names that both know."""
        for column in (column for column in fields(self) if "values" in column.metadata):
            kinds = column.metadata["rows"], column.metadata["values"]
            mine, theirs = (
                named(vars(some)[column.name], *(some.vocabulary[kind] for kind in kinds))
                for some in (self, own)
            )
            moved = [name for name in mine if name in theirs and mine[name] != theirs[name]]
            if moved:
                name, values = moved[0], plural(column.metadata["values"])
                yield (
                    f"{len(moved)} {plural(column.metadata['rows'])} have other {values} in the "
                    f"data than the network was trained with, such as {name!r}: "
                    f"{', '.join(sorted(theirs[name])) or 'none'}; then "
                    f"{', '.join(sorted(mine[name])) or 'none'}."
                )

    # Mapping

    def to(self, vocabulary: Vocabulary) -> Self:
        """Return the same in the ids of another vocabulary; what it has no name for is left out."""
        changed: dict[str, Any] = {}
        for column in (column for column in fields(self) if column.metadata):
            table = vars(self)[column.name]
            if table is None:
                continue
            if "values" in column.metadata:
                kind = column.metadata["values"]
                table = each_once(self._ids(vocabulary, kind)[table])
            rows = column.metadata["rows"]
            size = len(vocabulary[rows])
            moved = np.zeros((max(size, RESERVED), *table.shape[1:]), table.dtype)
            moved[self._ids(vocabulary, rows)[RESERVED : len(table)]] = table[RESERVED:]
            moved[:RESERVED] = 0  # all that is unknown was put there
            changed[column.name] = moved
        return replace(self, vocabulary=vocabulary, **changed)

    def _ids(self, vocabulary: Vocabulary, kind: str) -> NDArray[np.int64]:
        return np.array(self.vocabulary[kind].translation(vocabulary[kind]), np.int64)

    def grown(self, vocabulary: Vocabulary) -> Self:
        """Return these with new names at the end of each kind, of which nothing else is known.

        Thresholds go: they were chosen for the weights from which training goes on.
        """
        return replace(self.to(self.vocabulary.grown(vocabulary)), thresholds=None)

    def learnt(self, own: "Companions") -> Self:
        """Return these with what data says of names that they know but nothing more of.

        Args:
            own: What the data says of itself, which the network is trained on.
        """
        theirs = own.to(self.vocabulary)
        changed: dict[str, Any] = {"reading": own.reading or self.reading}
        for column in (column for column in fields(self) if column.metadata):
            old, new = vars(self)[column.name], vars(theirs)[column.name]
            if old is None or new is None:
                changed[column.name] = new if old is None else old
                continue
            first, second = (new, old) if "newest" in column.metadata else (old, new)
            if "values" in column.metadata:
                width = max(first.shape[1], second.shape[1])
                first, second = (wide(table, width) for table in (first, second))
            learnt = (first != 0).any(tuple(range(1, first.ndim)))
            learnt = learnt.reshape(-1, *[1] * (first.ndim - 1))
            changed[column.name] = np.where(learnt, first, second)
        return replace(self, **changed)

    def bound(self, kinds: Sequence[str], fixed: tuple[str, ...]) -> Self:
        """Return what of these belongs to names of some kinds, and what to none.

        Args:
            kinds: The kinds; one that ends in ``.`` stands for all that begin with it.
            fixed: Those of them that have to be the same.
        """
        known = self.vocabulary
        held = {kind for some in (*kinds, *fixed) for kind in known.family(some)} | {None}
        names = Vocabulary({kind: known[kind] for kind in known.kinds if kind in held})
        without: dict[str, Any] = {
            column.name: None
            for column in fields(self)
            if column.metadata
            and not {column.metadata["rows"], column.metadata.get("values")} <= held
        }
        return replace(self, vocabulary=names, fixed=fixed, **without)

    # Keeping

    def content(self) -> dict[str, Any]:
        """Return what a checkpoint holds of them: dicts, lists, texts, numbers and tensors.

        By field, without those that say nothing: ``vocabulary`` lists names by kind, ``columns`` by
        table; ``item_skills`` is an int64 tensor, ``ranges`` a float32 one; the rest is plain.
        """
        plain: dict[str, Any] = {}
        for column in fields(self)[1:]:
            value = vars(self)[column.name]
            if column.metadata:
                plain[column.name] = None if value is None else torch.tensor(value)
            elif isinstance(value, Mapping):
                plain[column.name] = {
                    key: list(each) if isinstance(each, tuple) else each
                    for key, each in value.items()
                }
            else:
                plain[column.name] = list(value) if isinstance(value, tuple) else value
        kinds = (torch.Tensor, str)
        said = {key: value for key, value in plain.items() if isinstance(value, kinds) or value}
        return {"vocabulary": self.vocabulary.to_json(), **said}

    def to_json(self) -> dict[str, Any]:
        """Return ``content`` as JSON has it, tables as lists of lists."""
        return {
            key: value.tolist() if isinstance(value, torch.Tensor) else value
            for key, value in self.content().items()
        }

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """Read what ``content`` or ``to_json`` returned.

        Raises:
            CheckpointError: It is none of these, or of a newer torchedu.
        """
        known = {column.name: column for column in fields(cls)}
        strange = [key for key in content if key not in known]
        if strange or "vocabulary" not in content:
            problem = f"unknown companions {strange[0]!r}" if strange else "no names of ids"
            raise CheckpointError(
                f"the weights stand with {problem}.",
                f"This torchedu knows {', '.join(known)}: upgrade it, or use a file of its own.",
            )
        check(content, companions)
        values: dict[str, Any] = dict(content)
        values["vocabulary"] = Vocabulary.from_json(content["vocabulary"])
        values["fixed"] = tuple(content.get("fixed", ()))
        values["columns"] = {k: tuple(names) for k, names in content.get("columns", {}).items()}
        for name in (column.name for column in known.values() if column.metadata):
            if name in content:
                kind = torch.int64 if "values" in known[name].metadata else torch.float32
                values[name] = torch.as_tensor(content[name], dtype=kind).cpu().numpy().copy()
        return cls(**values)

    def write(self, file: Path) -> None:
        """Write them to a file of JSON, whole or not at all: a field a line."""
        lines = (
            f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
            for key, value in self.to_json().items()
        )
        write_whole(file, ("{\n" + ",\n".join(lines) + "\n}\n").encode())

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read what ``write`` wrote.

        Raises:
            CheckpointError: It is damaged, or of a newer torchedu.
        """
        try:
            return cls.of(parse_json(file.read_text("utf-8")))
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise CheckpointError(
                f"{file}, which says what the weights belong to, cannot be read: {error}.",
                "Take it from a copy, or remove it from a run: its checkpoints hold the same.",
            ) from None

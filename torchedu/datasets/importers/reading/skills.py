"""Skills of items: several to a text, united over an item's rows, checked against a table."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from torchedu.datasets.answers import item_skill_lists, ragged_index
from torchedu.datasets.importers.reading.numbering import Numbering
from torchedu.datasets.importers.reading.rows import Sieve
from torchedu.datasets.importers.reading.values import JOINT, Encoded, encoded_skills
from torchedu.datasets.natural import natural_order
from torchedu.schema import RESERVED

ItemSkills = tuple[NDArray[np.int64], NDArray[np.int32]]


class Skills:
    """Collects which items need which skills.

    Args:
        separator: What stands between the skills of a text.
        table: Each item's skills by name, where they are known apart from the answers; then an
            item or a skill that the table lacks is an error.
    """

    kept = ("_texts", "_latest", "_pairs")

    def __init__(
        self, separator: str = ";", table: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self.separator = separator
        self._table = table
        self._known = {skill for skills in (table or {}).values() for skill in skills}
        self._texts = Numbering()
        self._latest = np.full(0, -2, np.int32)  # each item's, of the last of its rows
        self._pairs: set[tuple[int, int]] = set()
        self._united = 0

    def check(self, sieve: Sieve, item: Encoded) -> None:
        """Refuse rows whose item or skill the table lacks; none where there is no table."""
        if self._table is None:
            return
        remedy = "Add it to the table of ⟦item_skills⟧, or give ⟦on_bad_row⟧ drop."
        lacking = [not self._table.get(str(name)) for name in item.names]
        without = np.array([*lacking, False])[item.code]
        sieve.refuse(
            "unknown skill: the table has none for the item", without, column="item", remedy=remedy
        )
        if "skill" in sieve.piece.batch.schema.names:
            text = encoded_skills(sieve.piece.batch.column("skill"))
            foreign = [not self._known.issuperset(self._split(name or "")) for name in text.names]
            unknown = np.array([*foreign, False])[text.code]
            sieve.refuse("unknown skill", unknown, column="skill", remedy=remedy)

    def take(self, item: NDArray[np.int32], column: pa.Array) -> NDArray[np.int32]:
        """Take up some rows' skills and return a number for each row's text, -1 where empty."""
        text = self._texts.encode(encoded_skills(column))
        most = int(item.max(initial=-1)) + 1
        if most > len(self._latest):
            room = max(most, 2 * len(self._latest)) - len(self._latest)
            self._latest = np.append(self._latest, np.full(room, -2, np.int32))
        # Most items have on each row the skills of the last one: others alone are put in order.
        new = np.flatnonzero(self._latest[item] != text)
        if not len(new):
            return text
        self._latest[item[new]] = text[new]
        pairs = np.unique(item[new].astype(np.int64) << 32 | (text[new].astype(np.int64) + 1))
        self._pairs.update(zip((pairs >> 32).tolist(), (pairs & 0xFFFFFFFF).tolist(), strict=True))
        return text

    def finish(self, items: Numbering, item_ids: NDArray[np.int32]) -> tuple[list[str], ItemSkills]:
        """Return the skills' names in natural order, and each item's skill ids by item id.

        Args:
            items: The items by number.
            item_ids: The id of each item's number; shape (items,).
        """
        texts: list[Sequence[str]] = [self._split(text) for text in self._texts.numbers]
        pairs: NDArray[np.int64] = np.array(sorted(self._pairs), np.int64).reshape(-1, 2)
        pairs = pairs[pairs[:, 1] > 0] - np.array([0, 1])  # 0 was the row without a skill
        if self._table is not None:
            texts = [self._table.get(name, ()) for name in items.numbers]
            pairs = np.repeat(np.arange(len(texts), dtype=np.int64)[:, None], 2, axis=1)
        names = sorted({skill for text in texts for skill in text})
        names = [names[i] for i in natural_order(names).tolist()]
        ids = {name: RESERVED + i for i, name in enumerate(names)}
        lengths = np.array([len(text) for text in texts], np.int64)
        values = np.array([ids[skill] for text in texts for skill in text], np.int32)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        index, _ = ragged_index(offsets, pairs[:, 1])
        owners = np.repeat(item_ids[pairs[:, 0]], lengths[pairs[:, 1]])
        lists: ItemSkills = item_skill_lists(RESERVED + len(item_ids), owners, values[index])
        most = np.zeros(len(lists[0]), np.int64)
        np.maximum.at(most, item_ids[pairs[:, 0]], lengths[pairs[:, 1]])
        self._united = int((lists[0] > most).sum())
        return names, lists

    def notes(self) -> list[str]:
        """Say how many items have other skills on other rows."""
        if not self._united:
            return []
        return [f"{self._united} items have different skills on different rows: they have all."]

    def _split(self, text: str) -> tuple[str, ...]:
        mark = JOINT if text.startswith(JOINT) else self.separator
        parts = text.split(mark) if mark else [text]
        return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))

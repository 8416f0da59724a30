"""What names and attributes of people, or of texts, give away."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.splits import attributes
from torchedu.leaks.copies import Ids
from torchedu.leaks.finding import Finding
from torchedu.leaks.tells import FEW, SURE, Tell, extremes, pieces, ranks, tells, touched
from torchedu.schema import GROUP, RESERVED, Vocabulary

REMEDY = "Leave it out where it was set after the fact; names need not tell anything."


def told_by_people(
    names: Sequence[str],
    vocabulary: Vocabulary,
    groups: dict[str, Ids],
    number: NDArray[np.float64] | None,
    target: Ids | None,
    noun: str,
) -> Iterator[Finding]:
    """Yield the names and attributes that alone tell what is to be predicted.

    Args:
        names: The name of each row.
        vocabulary: The names of groups.
        groups: The group of each row by attribute, 0 where there is none.
        number: What is to be predicted of each, NaN where that is not known; None without.
        target: Or its class from 0, negative where that is not known; None without.
        noun: What a row is, in the plural.
    """
    piece, row, known = pieces(names)
    giving, count = _found(piece, row, number, target)
    if giving:
        share, shown = count / len(names), [known[tell.value] for tell in giving[:3]]
        sentence = f"the names of {count:,} of {len(names):,} {noun} tell what is to be predicted"
        yield Finding("name", f"names of {noun}", count, share, sentence, REMEDY, shown)
    for name in attributes(vocabulary):
        group = groups[name]
        row = np.flatnonzero(group >= RESERVED)
        giving, count = _found(group[row], row, number, target)
        if not giving and number is not None and _follows(vocabulary[GROUP + name], group, number):
            giving, count = [Tell(int(group[row[0]]), 1, len(row))], len(row)
        if giving:
            shown = [f"{name} {vocabulary[GROUP + name].name(tell.value)}" for tell in giving[:3]]
            sentence = (
                f"the attribute {name} alone tells what is to be predicted of {count:,} of "
                f"{len(names):,} {noun}"
            )
            yield Finding("tell", name, count, count / len(names), sentence, REMEDY, shown)


def _found(
    value: Ids, row: Ids, number: NDArray[np.float64] | None, target: Ids | None
) -> tuple[list[Tell], int]:
    giving: list[Tell] = []
    if number is not None:
        giving += extremes(value, row, number)
    if target is not None:
        known = target[row] >= 0
        giving += tells(value[known], target[row[known]])
    return giving, touched(value, row, giving)


def _follows(names: Iterable[str], group: Ids, number: NDArray[np.float64]) -> bool:
    """Say whether an attribute's values are numbers that rise or fall with another one."""
    try:
        values = np.array([*[np.nan] * RESERVED, *map(float, names)])
    except ValueError:
        return False
    x = values[group]
    known = ~np.isnan(x) & ~np.isnan(number)
    if known.sum() < FEW or np.ptp(x[known]) == 0 or np.ptp(number[known]) == 0:
        return False
    alike = np.corrcoef(ranks(x[known]), ranks(number[known]))[0, 1]
    return bool(abs(alike) >= SURE)

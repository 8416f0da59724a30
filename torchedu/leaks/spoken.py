"""Leaks in answers typed, spoken and photographed."""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchedu.datasets.attached import PHOTOGRAPH, RECORDING, Attached
from torchedu.datasets.spoken import SpokenStore
from torchedu.leaks.finding import Finding
from torchedu.leaks.sides import crossing, sides


def spoken_leaks(store: SpokenStore, parts: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what spoken answers give away; see ``check``.

    Voices and microphones tell people: who is tested must not be learnt from. Answers that choose
    while training goes on may be of speakers who are, as where one is left out of a few.
    """
    tested = {name: part for name, part in parts.items() if name != "val"}
    split = sides(tested, store.num_answers)
    for noun, names in (("speaker", store.speakers), ("conversation", store.conversations)):
        known = np.array([bool(name) for name in names])
        yield from crossing(np.where(known, store.owners(noun) + 1, 0), split, noun, "answers")
    for kind, files in ((RECORDING, store.sounds), (PHOTOGRAPH, store.pictures)):
        yield from _copies(store, kind, files, split.train, split.scored)


def _copies(
    store: SpokenStore, kind: Attached, files: Iterable[NDArray[Any]], train: Any, scored: Any
) -> Iterator[Finding]:
    """Tell what stands in several files, number by number, on both sides."""
    digests = [blake2b(file.tobytes(), digest_size=16).digest() for file in files]
    numbers = {digest: i for i, digest in enumerate(dict.fromkeys(digests))}
    content = np.array([0, *(numbers[digest] + 1 for digest in digests)])
    of_answer = content[np.asarray(store.attached(kind)) + 1]
    met = scored & (of_answer > 0) & np.isin(of_answer, of_answer[train])
    count, number = int(met.sum()), int(scored.sum())
    if count:
        sentence = f"{count:,} of {number:,} answers that are scored have a {kind.noun} of training"
        remedy = "Keep one of each, or put both in one part."
        examples = store.names(np.flatnonzero(met)[:2])
        yield Finding("copies", kind.table, count, count / number, sentence, remedy, examples)

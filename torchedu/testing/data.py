"""Does a data module keep its contract? For torchedu's own and for anyone's."""

import itertools
from collections import Counter
from typing import Any

import numpy as np
import torch

from torchedu.companions import Companions
from torchedu.schema import RESERVED, UNKNOWN, Names, Vocabulary
from torchedu.testing.batches import carried, letters, same
from torchedu.testing.contract import keep, named

PARTS = ("train", "val", "test")
Slot = tuple[int, ...]


def check_data(data: Any, companions: Companions | None = None) -> None:
    """Check that a data module gives what it says, once, in an order that is exact.

    Small data does; afterwards the data is in the ids of other names, and of no further use::

        from torchedu.testing import check_data

        check_data(MyData("some.store"))

    Args:
        data: A ``torchedu.datamodules.DataModule``.
        companions: What a trained network with other names brings, where it takes more than
            names; where it is None, the data's own names the other way round, the last one of each
            kind left out.

    Raises:
        ContractError: The data breaks a contract; ``contract`` names the first one broken and the
            message says how. The contracts are the functions in ``DATA_CONTRACTS``.
    """
    keep(DataSubject(data, companions), DATA_CONTRACTS)


class DataSubject:
    """Data under test.

    Args:
        data: As ``check_data`` takes it.
        companions: As ``check_data`` takes them.
    """

    def __init__(self, data: Any, companions: Companions | None = None) -> None:
        data.prepare_data()
        data.setup("fit")
        self.data = data
        self.companions = companions

    def built(self, part: str) -> tuple[Any, Any]:
        """Return what builds the batches of a part, and their order."""
        pair: tuple[Any, Any] = (
            self.data.training() if part == "train" else self.data.evaluation(part)
        )
        return pair

    def streams(self, part: str, ranks: int, accumulate: int = 1) -> list[Any]:
        """Return the batches of a part as each of several ranks takes them."""
        # Lightning comes with it, which takes seconds.
        from torchedu.datamodules.stream import BatchStream

        return [
            BatchStream(*self.built(part), rank, ranks, accumulate if part == "train" else 1)
            for rank in range(ranks)
        ]

    def whole(self, part: str) -> Any:
        """Return a part as one batch."""
        batches, order = self.built(part)
        return batches(np.arange(len(order.lengths)))


def slots(batch: Any) -> list[Slot]:
    """Name the slots of a batch that count, by whose they are and where they stand."""
    columns = carried(batch)
    (scored,) = [name for name in columns if name.startswith("scored_")]
    where = columns[scored].nonzero(as_tuple=True)
    row, place = where[0], where[1]
    if "start_B" in columns:
        place = place + columns["start_B"][row]
    if "place_BL" in columns and columns["place_BL"].numel():  # several texts share a row
        place = columns["place_BL"][where]
    owners = [
        column[row] if letters(name) == "B" else column[where]
        for name, column in columns.items()
        if column.dtype == torch.int64
        and (name == "text_BL" or (letters(name) == "B" and name != "start_B"))
    ]
    return [tuple(slot) for slot in torch.stack([*owners, place], 1).tolist()]


def sizes(subject: DataSubject) -> str:
    """Sizes are plain numbers, and no id of a batch lies outside of them."""
    data = subject.data
    known = {name: getattr(data, name) for name in dir(type(data)) if name.startswith("num_")}
    known = {name: size for name, size in known.items() if not callable(size)}
    for name, size in known.items():
        if type(size) is not int or size < 0:
            return f"{name} is {size!r}, a {type(size).__name__} and no plain number"
    for part in PARTS:
        for name, column in carried(subject.whole(part)).items():
            size = known.get(f"num_{name.rpartition('_')[0]}s")
            if size is not None and column.dtype == torch.int64 and column.numel():
                low, high = int(column.min()), int(column.max())
                if low < 0 or high >= size:
                    return f"{name} of the part {part} holds {low} to {high}, of {size} ids"
    return ""


def longest(subject: DataSubject) -> str:
    """No row is longer than the option says that ``longest`` names."""
    data = subject.data
    if not data.longest:
        return ""
    most = getattr(data, data.longest)
    for part in PARTS:
        for name, column in carried(subject.whole(part)).items():
            if "L" in letters(name) and column.shape[letters(name).index("L")] > most:
                return f"{name} of the part {part} is longer than {data.longest}, {most}"
    return ""


def parts(subject: DataSubject) -> str:
    """Each part holds something, and what counts in one counts in no other."""
    slots_of = {part: set(slots(subject.whole(part))) for part in PARTS}
    for part, held in slots_of.items():
        if not held:
            return f"nothing counts in the part {part}"
    for first, other in itertools.combinations(PARTS, 2):
        if both := slots_of[first] & slots_of[other]:
            return f"{len(both)} slots count in {first} and in {other}"
    return ""


def once(subject: DataSubject) -> str:
    """What counts in a part counts once in an epoch, over 1, 2 or 3 ranks."""
    for part in PARTS:
        wanted = Counter(slots(subject.whole(part)))
        for ranks, accumulate in ((1, 1), (2, 1), (3, 2)):
            streams = subject.streams(part, ranks, accumulate)
            seen = Counter(slot for stream in streams for batch in stream for slot in slots(batch))
            if more := seen - Counter(set(wanted)):
                return f"{more.total()} slots of {part} count too often over {ranks} ranks"
            if less := wanted - seen:
                return f"{less.total()} slots of {part} do not count over {ranks} ranks"
            if len({sum(1 for _ in stream) for stream in streams}) > 1:
                return f"the {ranks} ranks take unlike numbers of batches of {part}"
    return ""


def mean_over(subject: DataSubject) -> str:
    """A step's loss is divided by what counts in it, over however many ranks and batches."""
    (stream,) = subject.streams("train", 1)
    wanted = [float(batch.mean_over_B[0]) for batch in stream]
    for ranks, accumulate in ((1, 1), (1, 2), (2, 1)):
        batches = zip(*subject.streams("train", ranks, accumulate), strict=True)
        for step, whole in enumerate(wanted):
            taken = [batch for turn in itertools.islice(batches, accumulate) for batch in turn]
            shares = torch.cat([batch.mean_over_B for batch in taken]) * ranks * accumulate
            if (shares - whole).abs().max() > 1e-3 * whole:
                return f"step {step} is a mean over {shares.unique().tolist()}, and over {whole}"
            counted = sum(len(slots(batch)) for batch in taken)
            if counted > whole or not whole:
                return f"step {step} is a mean over {whole}, and {counted} slots count in it"
    return ""


def exact_order(subject: DataSubject) -> str:
    """The order of training goes by seed and epoch alone, and changes from epoch to epoch."""
    orders = []
    for draw in range(2):
        np.random.seed(draw)  # noqa: NPY002  # what must not count
        torch.manual_seed(draw)
        _, order = subject.built("train")
        orders.append([[index.tolist() for index in order.epoch(epoch)] for epoch in range(2)])
    if orders[0] != orders[1]:
        return "the order of an epoch changes from call to call"
    first, second = orders[0]
    if first == second and len(first) > 1:
        return "every epoch has the same order"
    return ""


def still_evaluation(subject: DataSubject) -> str:
    """Evaluation has one order, whatever the epoch."""
    for part in ("val", "test"):
        _, order = subject.built(part)
        epochs = [[index.tolist() for index in order.epoch(epoch)] for epoch in (0, 1, 0)]
        if order.shuffle or epochs[0] != epochs[1] or epochs[0] != epochs[2]:
            return f"the part {part} comes in another order from epoch to epoch"
    return ""


def steps(subject: DataSubject) -> str:
    """``steps_per_epoch`` is the number of batches that come."""
    said, come = subject.data.steps_per_epoch, sum(1 for _ in subject.data.train_dataloader())
    return "" if said == come else f"steps_per_epoch is {said}, and {come} batches come"


def resumes(subject: DataSubject) -> str:
    """Training that broke off goes on with the batches that are left of the epoch."""
    wanted = list(subject.data.train_dataloader())
    before = subject.data.train_dataloader()
    for _ in zip(range(len(wanted) // 2), before, strict=False):
        pass
    state = before.state_dict()
    after = subject.data.train_dataloader()
    after.load_state_dict(state)
    left = wanted[state["batches"] :]
    slots_after = list(after)
    if len(slots_after) != len(left) or not all(map(same, left, slots_after)):
        return f"after {state['batches']} of {len(wanted)} batches, others follow than were left"
    return ""


def unshared(subject: DataSubject) -> str:
    """A batch is the caller's own: what is written into it is in no other."""
    for part in ("train", "val"):
        batches, order = subject.built(part)
        index = order.epoch(0)[0]
        first = batches(index)
        kept = first._replace(**{name: x.clone() for name, x in carried(first).items()})
        for column in carried(first).values():
            column.zero_()
        if not same(kept, batches(index)):
            return f"a batch of {part} changes when an earlier one is written into"
    return ""


def other_names(subject: DataSubject) -> str:
    """Batches for a network with other names are in its ids, unknown where it lacks one."""
    data, own = subject.data, subject.data.vocabulary
    before = {part: subject.whole(part) for part in PARTS}
    given = subject.companions
    if given is None:
        bound = [kind for kind in own.kinds if _column(before["train"], kind)]
        turned = {kind: Names(list(own[kind])[-2::-1]) for kind in bound}
        names = Vocabulary({kind: turned.get(kind, own[kind]) for kind in own.kinds})
        given = data.own.to(names)
    data.use(given)
    known = given.vocabulary
    for part, was in before.items():
        now = subject.whole(part)
        for kind in known.kinds:
            name = _column(was, kind)
            if name is None:
                continue
            size = getattr(data, f"num_{kind}s", len(known[kind]))
            if size != len(known[kind]):
                return f"num_{kind}s is {size}, and the network knows {len(known[kind])}"
            ids = torch.tensor([0, UNKNOWN, *known[kind].ids(own[kind])])
            wanted = ids[getattr(was, name)]
            if not torch.equal(wanted, getattr(now, name)):
                return f"{name} of the part {part} is not in the ids of the network's names"
    return ""


def _column(batch: Any, kind: str) -> str | None:
    """Return the column that holds ids of a kind of names; None where there is none."""
    for name, column in carried(batch).items():
        if name.rpartition("_")[0] == kind and column.dtype == torch.int64:
            return name if int(column.max()) >= RESERVED else None
    return None


DATA_CONTRACTS = named(
    sizes,
    longest,
    parts,
    exact_order,
    still_evaluation,
    once,
    mean_over,
    steps,
    resumes,
    unshared,
    other_names,
)
"""What every data module keeps, in the order in which it is checked."""

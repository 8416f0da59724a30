"""Does a task keep its contract? For torchedu's own and for anyone's."""

import inspect
import io
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from torchedu.companions import KEY, Agreeing, Companions
from torchedu.domains import Domain
from torchedu.domains.building import class_by_path
from torchedu.errors import CheckpointError, TorcheduError
from torchedu.layers import VocabularyTable
from torchedu.models import Network
from torchedu.schema import Names, Vocabulary
from torchedu.testing.batches import rows
from torchedu.testing.contract import TOLERANCE, apart, keep, moved, named, seeded
from torchedu.testing.devices import KINDS
from torchedu.testing.steps import syncs


def check_task(task: Callable[..., Domain], data: Agreeing) -> None:
    """Check that a task can be trained, scored, saved and opened by torchedu, without a trainer.

    Small data does::

        from functools import partial
        from torchedu.testing import check_task

        check_task(partial(MyTask, MyNetwork), MyData("some.store"))

    Args:
        task: A class of tasks, which is built with its usual network; or a ``functools.partial``
            of one, which says with which; sizes are those of the data.
        data: A data module of the task, with a training and a validation part.

    Raises:
        ContractError: The task breaks a contract; ``contract`` names the first one broken and the
            message says how. The contracts are the functions in ``TASK_CONTRACTS``.
    """
    keep(TaskSubject(task, data), TASK_CONTRACTS)


class TaskSubject:
    """A task under test, and the data that it agrees with.

    Args:
        task: As ``check_task`` takes it.
        data: As ``check_task`` takes it.
    """

    def __init__(self, task: Callable[..., Domain], data: Any) -> None:
        self.build = task
        self.data = data

    def fresh(self, **sizes: Any) -> Domain:
        """Return the task as it is built for the data.

        Args:
            **sizes: Take the place of the data's.
        """
        made: Any = self.build
        while isinstance(made, partial):
            made = made.func
        given = {size: getattr(self.data, size) for size in made.sizes} | sizes
        net = inspect.signature(self.build).parameters.get("net")
        if net is not None and net.default is net.empty:
            given["net"] = class_by_path(made.usual["net"], Network, "network")
        with seeded(0):
            return self.build(**given).eval()

    def task(self) -> Domain:
        """Return the task once it agrees with the data, with parameters moved off their start."""
        task = self.fresh()
        task.agree(self.data, training=True)
        with seeded(1):
            moved(task.net)
        return task

    def again(self, task: Domain, **arguments: Any) -> Domain:
        """Return a task built from another one's arguments."""
        return type(task)(**{**task.arguments(), **arguments}).eval()

    def batch(self, part: str = "train", size: int = 6, scored: bool = True) -> Any:
        """Return the first rows of a part.

        Args:
            part: ``train`` or ``val``.
            size: How many rows.
            scored: Whether they count.
        """
        batches, order = self.data.training() if part == "train" else self.data.evaluation(part)
        return batches(order.epoch(0)[0][:size], scored)


def arguments(subject: TaskSubject) -> str:
    """What ``arguments`` returns is plain JSON that builds the task again, its network too."""
    task: object = subject.fresh()
    if not isinstance(task, Domain):
        return f"{type(task).__name__} is no subclass of Domain"
    plain = task.arguments()
    if json.loads(json.dumps(plain)) != plain:
        return f"what arguments() returns is not plain JSON: {plain}"
    again = subject.again(task)
    if again.arguments() != plain:
        return f"a task built from {plain} says it has {again.arguments()}"
    shapes, others = ({k: v.shape for k, v in t.state_dict().items()} for t in (task, again))
    return "" if shapes == others else f"a task built from {plain} has other weights"


def declared(subject: TaskSubject) -> str:
    """What the class says of itself holds: sizes, names, networks, and the score to watch."""
    task = subject.fresh()
    known = inspect.signature(type(task).__init__).parameters
    if strange := [name for name in task.sizes if name not in known]:
        return f"sizes names {', '.join(strange)}, which its arguments do not"
    if strange := [size for size in task.binds.values() if size and size not in task.sizes]:
        return f"binds names {', '.join(strange)}, which sizes does not"
    if not isinstance(task.net, task.nets):
        return f"the network is no {task.nets.__name__}, as nets says"
    if not task.monitor.startswith("val/"):
        return f"monitor is {task.monitor!r}, no score of the validation part (val/...)"
    if not task.counts:
        return "counts does not say what the loss is a mean over"
    return ""


def domain_half(subject: TaskSubject) -> str:
    """The half that needs no trainer imports none: an engine answers without Lightning.

    Nothing is asked of a class that has no such half, but stands on ``torchedu.tasks.Task`` alone.
    """
    halves = [
        kind
        for kind in type(subject.fresh()).__mro__
        if issubclass(kind, Domain) and kind is not Domain and not _trains(kind)
    ]
    for half in halves:
        for name, value in vars(inspect.getmodule(half)).items():
            if _trains(value):
                return f"{half.__name__} needs no trainer, and its module imports {name}"
    return ""


def _trains(value: Any) -> bool:
    """Say whether something is Lightning's, or a class that stands on it."""
    owners = value.__mro__ if isinstance(value, type) else [value]
    names = (getattr(owner, "__module__", getattr(owner, "__name__", "")) for owner in owners)
    return any(str(name).split(".")[0] in ("lightning", "pytorch_lightning") for name in names)


def summed_loss(subject: TaskSubject) -> str:
    """The loss is a finite sum for each row, beside how much it is a sum of, and can be learned."""
    task, batch = subject.task(), subject.batch()
    size = len(batch[0])
    with torch.enable_grad():
        loss_B, count_B = task.loss(batch)
        if loss_B.shape != (size,) or count_B.shape != (size,):
            shapes = f"{tuple(loss_B.shape)} and {tuple(count_B.shape)}"
            return f"shapes {shapes} for {size} rows"
        if not loss_B.isfinite().all():
            return "losses that are not finite"
        loss_B.sum().backward()
    if (count_B < 0).any() or (count_B != count_B.round()).any() or not count_B.any():
        return f"{count_B.tolist()} is no number of {task.counts} for each row"
    if not any(p.grad is not None and p.grad.any() for p in task.net.parameters()):
        return "no gradient of the loss reaches the network"
    return ""


def rows_apart(subject: TaskSubject) -> str:
    """A row's loss and predictions do not depend on what else is in the batch."""
    task, batch = subject.task(), subject.batch("val")
    alone = [rows(batch, slice(i, i + 1)) for i in range(len(batch[0]))]
    for number, what in enumerate(("loss", "count")):
        each_B = torch.cat([task.loss(row)[number] for row in alone])
        if apart(task.loss(batch)[number], each_B):
            return f"the {what} of a row depends on what else is in the batch"
    together, each = task.predict(batch), [task.predict(row) for row in alone]
    for name, column in together._asdict().items():
        if isinstance(column, Tensor):
            joined = torch.cat([getattr(row, name) for row in each])
            if apart(column, joined):
                return f"{name} of a row depends on what else is in the batch"
    return ""


def nothing_counts(subject: TaskSubject) -> str:
    """A batch that keeps a rank in step costs nothing, and no score sees it."""
    task, batch = subject.task(), subject.batch("val")
    filler = subject.batch(scored=False)
    loss_B, count_B = task.loss(filler)
    if loss_B.any() or count_B.any():
        return f"losses of {loss_B.tolist()}, counted {count_B.tolist()}, where nothing counts"
    alone = _scores(task, [batch])
    return _differ(alone, _scores(task, [batch, filler]), "what counts for nothing moves")


def penalty_apart(subject: TaskSubject) -> str:
    """What the network adds to the mean loss of a step stands in no row's loss."""
    task, batch = subject.task(), subject.batch()
    penalty = torch.as_tensor(task.penalty())
    if penalty.dim() or not penalty.isfinite():
        return f"the penalty is {penalty.tolist()}, no finite number"
    before = task.loss(batch)[0]
    task.net.penalty = lambda: 7.0  # type: ignore[method-assign]
    return "the penalty is part of rows' losses" if apart(before, task.loss(batch)[0]) else ""


def outcome(subject: TaskSubject) -> str:
    """What ``outcome`` returns fits ``metrics``, and scores do not depend on how it is cut."""
    task, batch = subject.task(), subject.batch("val")
    scores = _scores(task, [batch])
    if strange := [name for name, value in scores.items() if not _is_number(value)]:
        return f"the scores {', '.join(strange)} are no numbers"
    if task.monitor.removeprefix("val/") not in scores:
        return f"monitor is {task.monitor!r}, and the scores are {', '.join(scores)}"
    if broken := _differ(scores, _scores(task, [batch]), "what was scored before moves"):
        return broken
    alone = [rows(batch, slice(i, i + 1)) for i in range(len(batch[0]))]
    return _differ(scores, _scores(task, alone), "how outcomes are cut into batches moves")


def _scores(task: Domain, batches: list[Any]) -> dict[str, Any]:
    for batch in batches:
        task.metrics.update(*task.outcome(batch))
    return task.computed(fitting=False)


def _is_number(value: Any) -> bool:
    return value is None or torch.as_tensor(value).numel() == 1


def _differ(ours: dict[str, Any], theirs: dict[str, Any], why: str) -> str:
    for name, value in ours.items():
        pair = [float("nan" if score is None else score) for score in (value, theirs.get(name))]
        if abs(pair[0] - pair[1]) > TOLERANCE or (pair[0] == pair[0]) != (pair[1] == pair[1]):
            return f"{why} the score {name} from {pair[0]} to {pair[1]}"
    return ""


def predictions(subject: TaskSubject) -> str:
    """``predict`` returns a named tuple of columns of equal length."""
    task, batch = subject.task(), subject.batch("val")
    said = task.predict(batch)
    if not hasattr(said, "_asdict"):
        return f"{type(said).__name__} is no named tuple"
    lengths = {name: len(column) for name, column in said._asdict().items()}
    return "" if len(set(lengths.values())) == 1 else f"columns of the lengths {lengths}"


def other_device(subject: TaskSubject) -> str:
    """Loss, scores and predictions are computed where the batch is, in what GPUs have and allow."""
    for kind in KINDS:
        syncs(subject.task(), subject.batch(), subject.batch("val"), kind)
    return ""


def pseudonyms(subject: TaskSubject) -> str:
    """Each row of a batch has a text that leads its owner to it."""
    task, batch = subject.task(), subject.batch("val")
    names = task.pseudonyms(batch)
    if len(names) != len(batch[0]):
        return f"{len(names)} texts for {len(batch[0])} rows"
    if not all(names):
        return "a row has no text"
    return "" if len(set(names)) == len(names) else f"several rows are called alike: {names}"


def checkpoint(subject: TaskSubject) -> str:
    """Arguments, state dict and companions are all that the task is."""
    task, batch = subject.task(), subject.batch("val")
    file = io.BytesIO()
    assert task.companions is not None
    torch.save({"state_dict": task.state_dict(), KEY: task.companions.content()}, file)
    file.seek(0)
    content = torch.load(file, weights_only=True)
    again = subject.again(task)
    again.take(Companions.of(content[KEY]))
    again.load_state_dict(content["state_dict"])
    if again.companions != task.companions:
        return "the companions are others once it is opened"
    for ours, theirs in zip(task.outcome(batch), again.outcome(batch), strict=True):
        if apart(ours, theirs):
            return "a task opened from its checkpoint predicts otherwise"
    other = replace(task.companions, thresholds=[{"at": 0.5}])
    try:
        again.take(other)
    except CheckpointError:
        return ""
    return "a checkpoint with other companions is taken"


def agreement(subject: TaskSubject) -> str:
    """Agreeing with the same data again changes nothing, and other sizes are refused."""
    task = subject.task()
    before = {name: value.clone() for name, value in task.state_dict().items()}
    task.agree(subject.data, training=False)
    changed = [name for name, value in task.state_dict().items() if apart(value, before[name])]
    if changed:
        return f"agreeing with the same data again changes {', '.join(changed)}"
    known = task.arguments()
    for size in task.sizes:
        less = known[size] - 1 if isinstance(known[size], int) else 0
        if less < 1:
            continue
        try:
            other = subject.again(task, **{size: less})
            shapes = [value.shape for value in other.state_dict().values()]
            if shapes != [value.shape for value in before.values()]:  # the weights depend on it
                other.agree(subject.data, training=False)
                return f"a network with {size} {less} agrees with data with {known[size]}"
        except TorcheduError:
            pass
    return ""


def grown(subject: TaskSubject) -> str:
    """With new names, those that are known keep their parameters, and the task stays as it was."""
    task = subject.task()
    if not task.binds:
        return ""
    assert task.vocabulary is not None
    before, was = task.vocabulary, {k: v.clone() for k, v in task.state_dict().items()}
    bound = [kind for some in task.binds for kind in before.family(some)]
    new = task.grown(Vocabulary({kind: Names(["a name that nobody has"]) for kind in bound}))
    if new.vocabulary is None or any(
        list(new.vocabulary[kind]) != [*before[kind], "a name that nobody has"] for kind in bound
    ):
        return "the names are not the known ones with the new ones at their end"
    if task.vocabulary != before or any(apart(v, was[k]) for k, v in task.state_dict().items()):
        return "the task that grew has changed"
    for name, module in task.named_modules():
        if isinstance(module, VocabularyTable):
            table = new.get_submodule(name)
            assert isinstance(table, VocabularyTable)
            places: Any = range(len(module.weight))
            if module.kind.endswith("."):  # where one kind has grown, the next ones' rows moved
                places = before.family_rows(new.vocabulary, module.kind)
            if apart(module.weight, table.weight[list(places)]):
                return f"known names have other parameters in {name}"
    return ""


TASK_CONTRACTS = named(
    arguments,
    declared,
    domain_half,
    summed_loss,
    penalty_apart,
    outcome,
    predictions,
    pseudonyms,
    rows_apart,
    nothing_counts,
    checkpoint,
    agreement,
    grown,
    other_device,
)
"""What every task keeps, in the order in which it is checked."""

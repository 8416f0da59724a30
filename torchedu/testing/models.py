"""Does a network keep the contract of ``KTModel``? For torchedu's own and for anyone's."""

import inspect
import io
import json
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from torchedu.batch import UNKNOWN_VALUES, AnswerBatch
from torchedu.models import KTModel
from torchedu.schema import UNKNOWN
from torchedu.testing.contract import ContractError, Subject, apart, rows, seeded


def check_model(
    net: Callable[[int, int], KTModel], num_items: int = 20, num_skills: int = 9
) -> None:
    """Check that a network can be trained, saved, served and trusted by torchedu.

    Small sizes do; a check takes about a second on a CPU::

        from functools import partial
        from torchedu.testing import check_model

        check_model(partial(MyNetwork, dim=16))

    Args:
        net: A subclass of ``KTModel``, or anything else that gives the network when it is called
            with the numbers of items and skills.
        num_items: Number of item ids to build it for, the two reserved ones included.
        num_skills: Number of skill ids, the two reserved ones included; at least 5.

    Raises:
        ContractError: The network breaks a contract; ``contract`` names the first one broken and
            the message says how. The contracts are the functions in ``CONTRACTS``.
    """
    subject = Subject(net, num_items, num_skills)
    for name, check in CONTRACTS.items():
        try:
            with torch.no_grad(), seeded(1):
                breach = check(subject)
        except Exception as error:
            raise ContractError(name, f"{type(error).__name__}: {error}") from error
        if breach:
            raise ContractError(name, breach)


def arguments(subject: Subject) -> str:
    """Sizes come first, and what ``arguments`` returns is plain JSON that builds the network."""
    net: object = subject.net()
    if not isinstance(net, KTModel):
        return f"{type(net).__name__} is no subclass of KTModel"
    first = list(inspect.signature(type(net)).parameters)[:2]
    if first != ["num_items", "num_skills"]:
        return f"the first two arguments are {first} instead of num_items and num_skills"
    if (net.num_items, net.num_skills) != (subject.num_items, subject.num_skills):
        return "the attributes num_items and num_skills are not what was given"
    plain = net.arguments()
    if json.loads(json.dumps(plain)) != plain:
        return f"what arguments() returns is not plain JSON: {plain}"
    again = type(net)(subject.num_items, subject.num_skills, **plain)
    if again.arguments() != plain:
        return f"a network built from {plain} says it has {again.arguments()}"
    shapes, others = ({k: v.shape for k, v in n.state_dict().items()} for n in (net, again))
    return "" if shapes == others else f"a network built from {plain} has other weights"


def meta_device(subject: Subject) -> str:
    """It can be built without memory for its parameters, as large networks are."""
    with torch.device("meta"):
        net = subject.build(subject.num_items, subject.num_skills)
    real = [name for name, parameter in net.named_parameters() if not parameter.is_meta]
    return f"parameters that were not built on the meta device: {real}" if real else ""


def output(subject: Subject) -> str:
    """One finite number an answer comes out, also for one student and for one answer."""
    net = subject.net()
    most = net.max_steps or 40
    for size, steps, skills in ((6, 12, 3), (1, 12, 3), (6, 1, 3), (1, 1, 1), (2, most, 2)):
        logit_BL = net(subject.batch(size, steps, skills))
        if logit_BL.shape != (size, steps):
            return f"shape {tuple(logit_BL.shape)} for {size} students with {steps} answers"
        if not logit_BL.isfinite().all():
            return f"numbers that are not finite for {size} students with {steps} answers"
    return ""


def deterministic(subject: Subject) -> str:
    """In evaluation mode the same batch gives the same predictions."""
    net, batch = subject.net(), subject.batch()
    return "two calls predict differently" if not torch.equal(net(batch), net(batch)) else ""


def causal(subject: Subject) -> str:
    """A prediction sees the item and skills asked, and nothing else from its own answer on."""
    net, batch, other = subject.net(), subject.batch(), subject.batch(seed=1)
    before_BL = net(batch)
    for t in range(batch.item_BL.shape[1]):
        marks_BL = torch.cat([batch.correct_BL[:, :t], 1 - batch.correct_BL[:, t:]], dim=1)
        answered = _changed(batch, other, t, "response_time_BL")._replace(correct_BL=marks_BL)
        if apart(before_BL[:, : t + 1], net(answered)[:, : t + 1]):
            return (
                f"a prediction up to answer {t} depends on the mark or the response time of answer "
                f"{t} or a later one"
            )
        later = _changed(batch, other, t + 1, "item_BL", "skill_BLS", "time_BL", "attempt_BL")
        if apart(before_BL[:, : t + 1], net(later)[:, : t + 1]):
            return f"a prediction up to answer {t} depends on what is asked after it"
    return ""


def _changed(batch: AnswerBatch, other: AnswerBatch, first: int, *names: str) -> AnswerBatch:
    """Return a batch whose answers from some step on are another's, in some columns."""
    pairs = {name: (getattr(batch, name), getattr(other, name)) for name in names}
    return batch._replace(
        **{name: torch.cat([x[:, :first], y[:, first:]], 1) for name, (x, y) in pairs.items()}
    )


def students_apart(subject: Subject) -> str:
    """A prediction depends on what it reads of its student's answers, not on others or on names."""
    net, batch = subject.net(), subject.batch()
    together_BL = net(batch)
    if apart(together_BL[:1], net(rows(batch, slice(1)))):
        return "a student's predictions depend on who else is in the batch"
    renamed = batch._replace(
        scored_BL=~batch.scored_BL,
        student_B=batch.student_B + 5,
        start_B=batch.start_B + 7,
        mean_over_B=batch.mean_over_B * 3,
    )
    if apart(together_BL, net(renamed)):
        return "predictions depend on scored_BL, student_B, start_B or mean_over_B"
    unread: dict[str, Any] = {f"{name}_BL": None for name in UNKNOWN_VALUES.keys() - set(net.reads)}
    if apart(together_BL, net(batch._replace(**unread))):
        return f"predictions depend on one of {', '.join(unread)}, and it reads {net.reads}"
    return ""


def padding(subject: Subject) -> str:
    """What padded slots hold, and how many there are, changes nothing."""
    net, batch, other = subject.net(), subject.batch(), subject.batch(seed=1)
    length_B = torch.arange(len(batch.item_BL)) * 2 + 1
    seen_BL = torch.arange(batch.item_BL.shape[1]) < length_B[:, None]
    padded = batch._replace(
        item_BL=batch.item_BL * seen_BL,
        skill_BLS=batch.skill_BLS * seen_BL[..., None],
        correct_BL=batch.correct_BL * seen_BL,
        scored_BL=seen_BL,
        **{
            f"{column}_BL": torch.where(seen_BL, getattr(batch, f"{column}_BL"), unknown)
            for column, (_, unknown) in UNKNOWN_VALUES.items()
        },
    )
    filled = padded._replace(
        time_BL=batch.time_BL,
        response_time_BL=batch.response_time_BL,
        attempt_BL=batch.attempt_BL,
        skill_BLS=torch.where(seen_BL[..., None], batch.skill_BLS, other.skill_BLS),
        correct_BL=torch.where(seen_BL, batch.correct_BL, 1 - other.correct_BL),
    )
    logit_BL = net(padded)
    if apart(logit_BL[seen_BL], net(filled)[seen_BL]):
        return "predictions depend on what padded slots hold"
    for i, length in enumerate(length_B.tolist()):
        one = rows(padded, slice(i, i + 1))
        short = {
            name: column[:, :length]
            for name, column in one._asdict().items()
            if "BL" in name and column is not None
        }
        alone = one._replace(**short)
        if apart(logit_BL[i : i + 1, :length], net(alone)):
            return "predictions depend on how many padded slots follow"
    return ""


def skills(subject: Subject) -> str:
    """An item's skills are a set: their order and the padding after them change nothing."""
    net, batch = subject.net(), subject.batch()
    logit_BL = net(batch)
    if apart(logit_BL, net(batch._replace(skill_BLS=F.pad(batch.skill_BLS, (0, 2))))):
        return "predictions depend on how many padded skills follow"
    turned_BLS = batch.skill_BLS.sort(-1, descending=True).values  # padding stays at the end
    if apart(logit_BL, net(batch._replace(skill_BLS=turned_BLS))):
        return "predictions depend on the order of an item's skills"
    if not net(batch._replace(skill_BLS=batch.skill_BLS * 0)).isfinite().all():
        return "items without a skill give numbers that are not finite"
    return ""


def unknown_names(subject: Subject) -> str:
    """Items and skills that the vocabulary lacks have id 1, and predictions stay finite."""
    net, batch = subject.net(), subject.batch()
    item_BL = torch.full_like(batch.item_BL, UNKNOWN)
    skill_BLS = batch.skill_BLS.clamp(max=UNKNOWN)
    for unknown in ({"item_BL": item_BL}, {"item_BL": item_BL, "skill_BLS": skill_BLS}):
        if not net(batch._replace(**unknown)).isfinite().all():
            return f"numbers that are not finite where {' and '.join(unknown)} is unknown"
    return ""


def partial_credit(subject: Subject) -> str:
    """A mark between 0 and 1 is taken in, and three quarters of the marks are not none."""
    net, batch = subject.net(), subject.batch()

    def after(mark: float) -> Tensor:
        return net(batch._replace(correct_BL=torch.full_like(batch.correct_BL, mark)))

    none, most, full = after(0.0), after(0.75), after(1.0)
    if not most.isfinite().all():
        return "numbers that are not finite after a mark of 0.75"
    if apart(none, full) and not apart(none, most):
        return "a mark of 0.75 counts as 0"
    return ""


def steps(subject: Subject) -> str:
    """``predict`` and ``step`` after ``initial_state`` equal ``forward`` at every answer."""
    net, batch = subject.net(), subject.batch()
    batch = batch._replace(correct_BL=torch.where(batch.item_BL % 3 == 0, 0.5, batch.correct_BL))
    logit_BL = net(batch)
    size, length = batch.item_BL.shape
    state = net.initial_state(size)
    order_B = torch.arange(size)
    for t in range(length):
        if any(tensor.shape[:1] != (size,) for tensor in state):
            return f"states of shape {[tuple(tensor.shape) for tensor in state]} for B = {size}"
        answered = batch.answered(t, order_B)
        was = [tensor.clone() for tensor in state]
        logit_B = net.predict(state, answered.asked)
        if apart(logit_BL[order_B, t], logit_B):
            return f"predict differs from forward at answer {t}"
        after = net.step(state, answered)
        if not all(map(torch.equal, was, state)):
            return "predict or step changes the state that it was given"
        if [tensor.shape for tensor in after] != [tensor.shape for tensor in state]:
            return f"a step makes states of shape {[tuple(tensor.shape) for tensor in after]}"
        turn_B = torch.arange(size).roll(1)  # states are picked and put together by row
        state, order_B = tuple(tensor[turn_B] for tensor in after), order_B[turn_B]
    for t in range(length, (net.max_steps or length) + 2):
        answered = batch.answered(t % length, order_B)
        state = net.step(state, answered)
    if not net.predict(state, answered.asked).isfinite().all():
        return "numbers that are not finite after more than max_steps answers"
    return ""


def state_dict(subject: Subject) -> str:
    """Its arguments and its state dict, which opens without running code, are all that it is."""
    net, batch = subject.net(), subject.batch()
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    file.seek(0)
    again = type(net)(subject.num_items, subject.num_skills, **net.arguments()).eval()
    again.load_state_dict(torch.load(file, weights_only=True))
    if apart(net(batch), again(batch)):
        return "a network built from the same arguments and state dict predicts otherwise"
    return ""


def gradients(subject: Subject) -> str:
    """The loss moves every parameter that is to be trained."""
    net = subject.net().train()
    batch = subject.batch(size=16)
    with torch.enable_grad():
        logit_BL = net(batch)
        loss = F.binary_cross_entropy_with_logits(logit_BL, batch.correct_BL) + net.penalty()
        own_B = loss.new_zeros(len(logit_BL)) + net.own_loss(batch, logit_BL)
        loss = loss + own_B.mean()
        loss.backward()
    if not loss.isfinite():
        return f"the loss, its own terms included, is {loss.item()}"
    still = [
        name
        for name, parameter in net.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.any())
    ]
    if still:
        return f"no gradient reaches {', '.join(still)}"
    return ""


CONTRACTS: dict[str, Callable[[Subject], str]] = {
    check.__name__: check
    for check in (
        arguments,
        meta_device,
        output,
        deterministic,
        causal,
        students_apart,
        padding,
        skills,
        unknown_names,
        partial_credit,
        steps,
        state_dict,
        gradients,
    )
}
"""The contracts in the order they are checked; each returns how it is broken, or nothing."""

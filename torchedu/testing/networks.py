"""Does a network keep its contract? For torchedu's own and for anyone's, of any kind."""

import inspect
import io
import json
from collections.abc import Callable, Mapping
from typing import Any
from weakref import ref

import torch

from torchedu.models import Network
from torchedu.testing.batches import carried, padded, rows, same, trimmed
from torchedu.testing.contract import apart, keep, named
from torchedu.testing.devices import KINDS, Pretended, there
from torchedu.testing.kinds.kind import Kind, NetworkSubject


def check_network(
    net: Callable[..., Network],
    sizes: Mapping[str, Any] | None = None,
    kind: Kind | None = None,
) -> None:
    """Check that a network can be trained, saved, served and trusted by torchedu.

    Small sizes do; a check takes about a second on a CPU::

        from functools import partial
        from torchedu.testing import check_network

        check_network(partial(MyNetwork, dim=16))

    Args:
        net: A subclass of ``KTModel``, ``Recommender``, ``EventModel``, ``Grader``,
            ``LessonModel``, ``SpokenGrader`` or ``CausalLM``, or of a class whose ``Kind`` a
            package of one's own tells; or a ``functools.partial`` of one; or, with ``kind``,
            anything that gives the network when it is called with the sizes.
        sizes: Sizes to build it for, by name, where they are not the usual ones of its kind.
        kind: What it is shown, where its class does not say.

    Raises:
        ContractError: The network breaks a contract; ``contract`` names the first one broken and
            the message says how. The contracts are the functions in ``NETWORK_CONTRACTS``, then
            those of the kind.
    """
    subject = NetworkSubject(net, sizes, kind)
    keep(subject, {**NETWORK_CONTRACTS, **subject.kind.contracts})


def arguments(subject: NetworkSubject) -> str:
    """Sizes come first, and what ``arguments`` returns is plain JSON that builds the network."""
    net = subject.build()
    wanted = subject.kind.network
    if not isinstance(net, wanted):
        return f"{type(net).__name__} is no subclass of {wanted.__name__}"
    sizes = list(subject.sizes)
    first = list(inspect.signature(type(net)).parameters)[: len(sizes)]
    if first != sizes:
        return f"the first arguments are {first} instead of {sizes}"
    if [getattr(net, name, None) for name in sizes] != list(subject.sizes.values()):
        return f"the attributes {', '.join(sizes)} are not what was given"
    plain = net.arguments()
    if json.loads(json.dumps(plain)) != plain:
        return f"what arguments() returns is not plain JSON: {plain}"
    again = type(net)(*subject.sizes.values(), **plain)
    if again.arguments() != plain:
        return f"a network built from {plain} says it has {again.arguments()}"
    shapes, others = ({k: v.shape for k, v in n.state_dict().items()} for n in (net, again))
    return "" if shapes == others else f"a network built from {plain} has other weights"


def meta_device(subject: NetworkSubject) -> str:
    """It can be built without memory for its parameters, as large networks are."""
    with torch.device("meta"):
        net = subject.build()
    real = [name for name, parameter in net.named_parameters() if not parameter.is_meta]
    return f"parameters that were not built on the meta device: {real}" if real else ""


def output(subject: NetworkSubject) -> str:
    """Finite numbers for each row and step come out, also for one of each, and for max_history."""
    net = subject.net()
    most = net.max_history or 40
    for size, steps, width in ((6, 12, 3), (1, 12, 3), (6, 1, 3), (1, 1, 1), (2, most, 2)):
        batch = subject.batch(size, steps, width)
        said, real = subject.kind.said(net, batch), subject.kind.real(batch)
        if said.shape[: real.dim()] != real.shape:
            return f"shape {tuple(said.shape)} for {size} rows of {steps} steps"
        if not said.isfinite().all():
            return f"numbers that are not finite for {size} rows of {steps} steps"
    return ""


def deterministic(subject: NetworkSubject) -> str:
    """In evaluation mode the same batch gives the same predictions."""
    net, batch = subject.net(), subject.batch()
    equal = torch.equal(subject.said(net, batch), subject.said(net, batch))
    return "" if equal else "two calls predict differently"


def batch_untouched(subject: NetworkSubject) -> str:
    """A batch stays as it was, and nobody keeps it once it is used."""
    net, batch = subject.net(), subject.batch()
    before = {name: column.clone() for name, column in carried(batch).items()}
    subject.said(net, batch)
    changed = [
        name for name, was in before.items() if not same(batch, batch._replace(**{name: was}))
    ]
    if changed:
        return f"it changes {', '.join(changed)} of the batch"
    columns = {name: ref(column) for name, column in carried(batch).items()}
    del batch
    kept = [name for name, column in columns.items() if column() is not None]
    return f"it keeps {', '.join(kept)} of the batch" if kept else ""


def causal(subject: NetworkSubject) -> str:
    """A prediction sees what is asked, and nothing else from its own step on.

    Where its kind looks both ways, as in lessons, nothing is asked here.
    """
    kind, net, batch, other = subject.kind, subject.net(), subject.batch(), subject.batch(seed=1)
    before = subject.said(net, batch)
    steps_L = torch.arange(before.shape[1])
    for t in range(before.shape[1]) if kind.asked + kind.answered else ():
        from_BL = (steps_L >= t).expand(before.shape[:2])
        answered = subject.mixed(batch, other, from_BL, kind.answered)
        if apart(before[:, : t + 1], subject.said(net, answered)[:, : t + 1]):
            names = ", ".join(kind.answered)
            return f"a prediction up to step {t} depends on {names} of step {t} or a later one"
        after_BL = (steps_L > t).expand(before.shape[:2])
        later = subject.mixed(batch, other, after_BL, kind.asked)
        if apart(before[:, : t + 1], subject.said(net, later)[:, : t + 1]):
            return f"a prediction up to step {t} depends on what is asked after it"
    return ""


def rows_apart(subject: NetworkSubject) -> str:
    """A prediction depends on its own row, not on others, nor on who it is and what counts."""
    kind, net, batch = subject.kind, subject.net(), subject.batch()
    together = subject.said(net, batch)
    if apart(together[:1], subject.said(net, rows(batch, slice(1)))):
        return "what is said of a row depends on what else is in the batch"
    for name in kind.unread(net):
        column = getattr(batch, name)
        other = ~column if column.dtype == torch.bool else column + 5
        if name in batch._field_defaults:
            other = None  # 5 more may show nowhere, as in milliseconds or in NaN
        changed = batch._replace(**{name: other})
        if apart(together, subject.blank(kind.said(net, changed), kind.real(batch))):
            return f"predictions depend on {name}"
    return ""


def padding(subject: NetworkSubject) -> str:
    """What padded slots hold, and how many there are, changes nothing."""
    kind, net = subject.kind, subject.net()
    batch, other = subject.batch(), subject.batch(seed=1)
    length_B = torch.arange(6) * 2 + 1
    short = padded(batch, length_B, kind.fill, kind.step_dims)
    said = subject.said(net, short)
    past_BL = torch.arange(12) >= length_B.unsqueeze(1)
    filled = subject.mixed(short, other, past_BL, kind.loose)
    if apart(said, subject.blank(kind.said(net, filled), kind.real(short))):
        return "predictions depend on what padded slots hold"
    for i, length in enumerate(length_B.tolist()):
        alone = subject.said(net, trimmed(rows(short, slice(i, i + 1)), length, kind.step_dims))
        places = slice(length) if kind.real(short).dim() > 1 else slice(None)
        if apart(said[i : i + 1][:, places], alone):
            return "predictions depend on how many padded slots follow"
    return ""


def low_precision(subject: NetworkSubject) -> str:
    """Numbers stay finite where layers compute in bfloat16."""
    net, batch = subject.net(), subject.batch()
    with torch.autocast("cpu", torch.bfloat16):
        finite = subject.said(net, batch).isfinite().all()
    return "" if finite else "numbers that are not finite in bfloat16"


def other_device(subject: NetworkSubject) -> str:
    """It computes where its weights and its batch are, in what GPUs have and allow."""
    for name in KINDS:
        with Pretended(name) as device, torch.enable_grad():
            net = subject.net().to(device.name).train()
            batch = there(subject.batch(), device)
            with torch.autocast(name, torch.bfloat16):
                said = subject.kind.said(net, batch).float()
                own_B = said.new_zeros(len(said)) + net.own_loss(batch, net(batch))
                loss = said.mean() + own_B.mean() + net.penalty()
            loss.backward()
    return ""


def state_dict(subject: NetworkSubject) -> str:
    """Its arguments and its state dict, which opens without running code, are all that it is."""
    net, batch = subject.net(), subject.batch()
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    file.seek(0)
    again = type(net)(*subject.sizes.values(), **net.arguments()).eval()
    again = subject.kind.prepare(again, subject.sizes)
    again.load_state_dict(torch.load(file, weights_only=True))
    if apart(subject.said(net, batch), subject.said(again, batch)):
        return "a network built from the same arguments and state dict predicts otherwise"
    return ""


def gradients(subject: NetworkSubject) -> str:
    """What is said, and a loss of its own on it, moves every parameter that is to be trained."""
    net = subject.net().train()
    batch = subject.batch(rows=16)
    with torch.enable_grad():
        said = subject.said(net, batch).float()
        own_B = said.new_zeros(len(said)) + net.own_loss(batch, net(batch))
        loss = (said * torch.randn_like(said)).mean() + own_B.mean() + net.penalty()
        loss.backward()
    if not loss.isfinite():
        return f"the loss, its own terms included, is {loss.item()}"
    still = [
        name
        for name, parameter in net.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.any())
    ]
    return f"no gradient reaches {', '.join(still)}" if still else ""


NETWORK_CONTRACTS = named(
    arguments,
    meta_device,
    output,
    deterministic,
    batch_untouched,
    causal,
    rows_apart,
    padding,
    low_precision,
    state_dict,
    gradients,
    other_device,
)
"""What networks of every kind keep, in the order in which it is checked."""

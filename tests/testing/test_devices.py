"""A device that is not there refuses what a GPU would, and tells what a GPU is waited for."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.networks import KNOWN, built, data_for
from tests.testing.examples import Examples
from torchedu.domains import Domain
from torchedu.testing import Pretended, syncs
from torchedu.testing.devices import BACKWARD, KINDS, Kind
from torchedu.testing.tasks import TaskSubject

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
BEGIN, END = "<!-- written by tests/testing/test_devices.py -->\n", "<!-- end -->"
STEPS = ("train", "score", "predict")


def test_tensors_are_where_they_were_put_and_computed() -> None:
    with Pretended() as device:
        x = torch.rand(3, 4, device="cuda")
        net = nn.Sequential(nn.Linear(4, 5), nn.GRU(5, 5, batch_first=True)).to(device.name)
        y = net(x.unsqueeze(0))[0]
        y.square().sum().backward()
        gradient = net[0].weight.grad
        assert gradient is not None
        for tensor in (x, y, x[0], x.T, x + torch.tensor(1.0), torch.zeros_like(x), gradient):
            assert tensor.device == device.name
            assert tensor.is_cuda
        assert x.cpu().device.type == torch.ones(2).device.type == "cpu"
        assert torch.rand(3).to(x).device == device.name
        torch.optim.AdamW(net.parameters()).step()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        index = torch.zeros(2, 3, dtype=torch.int64, device=x.device)
        assert F.embedding_bag(index, x).device == device.name
        assert F.scaled_dot_product_attention(x[None], x[None], x[None], is_causal=True).is_cuda
        generator = torch.Generator(x.device).manual_seed(1)
        assert torch.multinomial(x[0], 2, generator=generator).is_cuda
    assert x.device.type == "cpu"
    assert not x.is_cuda


REFUSED: dict[str, tuple[Kind, Callable[[Tensor], Any], str]] = {
    "host and device": ("cuda", lambda x: x + torch.rand(3, 4), "same device"),
    "an index of the host": ("cuda", lambda x: x.index_select(0, torch.arange(2)), "same device"),
    "numpy": ("cuda", lambda x: x.numpy(), "numpy"),
    "cross-entropy of chances": (
        "cuda", lambda x: F.binary_cross_entropy(x, x.round()), "within autocast",
    ),
    "a running sum": ("cuda", lambda x: x.cumsum(0), "no deterministic form"),
    "a median's place": ("cuda", lambda x: x.median(0), "no deterministic form"),
    "weighted counts": (
        "cuda", lambda x: x.long().flatten().bincount(x.flatten()), "no deterministic form",
    ),
    "doubles": ("mps", lambda x: x.double(), "float64"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_gpu_would_refuse_is_refused(case: str) -> None:
    kind, function, said = REFUSED[case]
    with Pretended(kind, deterministic=True) as device, torch.autocast(kind, torch.bfloat16):
        x = torch.rand(3, 4).to(device.name)
        with pytest.raises((RuntimeError, TypeError), match=said):
            function(x)


def test_what_has_a_deterministic_form_passes_and_so_does_all_where_none_is_asked_for() -> None:
    for deterministic in (True, False):
        with Pretended(deterministic=deterministic):
            x = torch.rand(3, 4, device="cuda")
            x.long().cumsum(0)
            torch.zeros(3, 4, device="cuda").index_add(0, x[:, 0].long(), x)
            F.cross_entropy(x, x[:, 0].long())
            assert deterministic or x.cumsum(0).is_cuda


WAITS: dict[str, Callable[[Tensor], Any]] = {
    "_local_scalar_dense": lambda x: float(x.sum()),
    "nonzero": lambda x: x.nonzero(),
    "index": lambda x: x[x > 0.5],
    "copy to the host": lambda x: x.cpu(),
    "copy to the device": lambda x: torch.zeros(3).to(x.device),
    "tolist": lambda x: x.tolist(),
    "tensor of numbers of the host": lambda x: torch.tensor([1, 2], device=x.device),
    "_unique2": lambda x: x.unique(),
}
QUIET: dict[str, Callable[[Tensor], Any]] = {
    "chosen": lambda x: torch.where(x > 0.5, x, 0.0),
    "filled": lambda x: x.masked_fill(x > 0.5, 0.0),
    "later": lambda x: torch.zeros(3).to(x.device, non_blocking=True),
    "made there": lambda x: torch.arange(3, device=x.device),
    "index": lambda x: x[torch.zeros(2, dtype=torch.int64, device=x.device)],
    "moved to where it is": lambda x: x.to("cuda"),
}


@pytest.mark.parametrize("what", [*WAITS, *QUIET])
def test_waiting_is_counted_and_nothing_else(what: str) -> None:
    for cases, waits in ((WAITS, True), (QUIET, False)):
        with Pretended() as device:
            x = torch.rand(3, 4, device="cuda")
            if what in cases:
                cases[what](x)
                names = [name.partition(" (")[0] for name in device.syncs]
                assert names == [what] * waits, device.syncs
                assert all("(test_devices.py:" in name for name in device.syncs)


FOUND: dict[str, dict[str, dict[str, int]]] = {}


@pytest.mark.parametrize("name", KNOWN)
def test_every_network_steps_on_a_gpu_that_is_not_there(name: str, examples: Examples) -> None:
    data = data_for(name, examples)

    class Subject(TaskSubject):
        def fresh(self, **sizes: Any) -> Domain:
            return built(name, data).eval()

    subject = Subject(KNOWN[name][1], data)
    for kind in KINDS:
        waits = syncs(subject.task(), subject.batch(), subject.batch("val"), kind, True)
        if kind == "cuda":
            FOUND[name] = {step: dict(_counts(waits[step])) for step in STEPS}


def _counts(waits: list[str]) -> Counter[str]:
    """Count what is waited for by file: lines move."""
    return Counter(re.sub(r" \((\w+)\.py:\d+\)", r" (\1)", wait) for wait in waits)


def test_the_page_names_what_a_step_waits_for() -> None:
    if len(FOUND) < len(KNOWN):
        pytest.skip("not all of it was tried")
    rows: dict[tuple[str, ...], list[str]] = {}
    for name, waits in FOUND.items():
        rows.setdefault(tuple(_told(waits[step]) for step in STEPS), []).append(name)
    lines = ["| networks | a step of training | of scoring | of predicting |", "|---|---|---|---|"]
    lines += [f"| {', '.join(names)} | {' | '.join(cells)} |" for cells, names in rows.items()]
    text = "\n".join(lines) + "\n"
    page = PAGE.read_text("utf-8")
    there_now = page.partition(BEGIN)[2].partition(END)[0]
    if text != there_now:
        PAGE.write_text(page.replace(BEGIN + there_now, BEGIN + text), "utf-8")
    assert text == there_now, f"{PAGE} said otherwise, and now says what was found"


def _told(waits: Mapping[str, int]) -> str:
    """Return how often is waited, and in which files."""
    if not waits:
        return "0"
    files = sorted({name.rpartition(" (")[2].rstrip(")") for name in waits})
    places = [file if file == BACKWARD else f"`{file}.py`" for file in files]
    return f"{sum(waits.values())}: {', '.join(places)}"

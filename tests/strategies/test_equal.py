"""Every strategy computes what one process does, and goes on from any other's checkpoint.

The table in ``docs/strategies.md`` is what these tests find.
"""

import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.strategies.page import before, written
from tests.strategies.runs import SAVED, STEPS, Run, Seen, apart, losses_apart, train_each
from torchedu.strategies.named import AUTO, STRATEGIES
from torchedu.testing.launch import Launch, LaunchServer

pytestmark = pytest.mark.timeout(400)

SECONDS = 100.0
BF16 = {"gradients": 3e-2, "losses": 5e-3, "weights": 5e-3}
"""Share that bf16-mixed may differ by: it rounds to 8 bits, and each strategy rounds elsewhere."""
FP32 = {"gradients": 1e-6, "losses": 1e-5, "weights": 1e-6}
PRECISIONS = {"32-true": FP32, "bf16-mixed": BF16}
TEST = "test_equal"


class Way(NamedTuple):
    """How a strategy is launched here.

    Attributes:
        nets: What it serves.
        ranks: Processes.
        devices: Of each process; as many as there are processes where it is None.
        needs: The package without which it cannot be tried.
    """

    nets: tuple[str, ...] = ("DKT", "SAKT", "LM")
    ranks: int = 2
    devices: int | None = None
    needs: str | None = None


BLOCKS = ("SAKT", "LM")
PORTED = ("DKT", "SAKT")
WAYS = {
    AUTO: Way(ranks=1, devices=1),
    "tensor": Way(BLOCKS),
    "pipeline": Way(BLOCKS),
    "deepspeed": Way(needs="deepspeed"),
    "horovod": Way(needs="horovod"),
    "dp": Way(ranks=1, devices=2),
}
NAMES = [AUTO, *STRATEGIES]
OTHERS: dict[str, tuple[int, str, dict[str, Any]]] = {
    "fsdp that saves memory": (
        2,
        "fsdp",
        {"activation_checkpointing": True, "cpu_offload": True},
    ),
    "fsdp in two copies": (4, "fsdp", {"replicas": 2}),
    "tensor with ddp": (4, "tensor", {"tensor_size": 2, "data": "ddp"}),
    "tensor with fsdp": (4, "tensor", {"tensor_size": 2, "data": "fsdp"}),
}
"""Further ways to use them: processes, name, options."""


def way(name: str) -> Way:
    return WAYS.get(name, Way())


def there(name: str) -> bool:
    needs = way(name).needs
    return needs is None or find_spec(needs) is not None


Started = dict[str, tuple[list[Run], Launch]]


def start(
    launch: LaunchServer, store: Path, name: str, runs: list[Run]
) -> tuple[list[Run], Launch]:
    ranks = max(OTHERS[name][0] if name in OTHERS else way(name).ranks, 1)
    return runs, launch.start(train_each, store, runs, ranks=ranks)


def results(started: tuple[list[Run], Launch]) -> list[tuple[Run, Seen]]:
    runs, launched = started
    codes = launched.wait(SECONDS)
    assert not any(codes), launched.output(codes.index(next(filter(None, codes))))
    return list(zip(runs, launched.result(0), strict=True))


Finder = Callable[[str], list[tuple[Run, Seen]]]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of the checkpoints that each strategy saves."""
    return tmp_path_factory.mktemp("saved")


@pytest.fixture(scope="module")
def first(class_store: Path, launch: LaunchServer, saved: Path) -> Finder:
    """Give what strategies come to, and let each save: by AdamW, whose state has to come along."""
    found: dict[str, list[tuple[Run, Seen]]] = {}

    def of(name: str) -> list[tuple[Run, Seen]]:
        if name not in found:
            if not there(name):
                pytest.skip(f"{name} needs the package {way(name).needs}")
            _, strategy, options = OTHERS.get(name, (0, name, {}))
            # A language model has the blocks of SAKT: further ways are tried on that alone.
            nets = ("SAKT",) if name in OTHERS else way(name).nets
            runs = [
                Run(net, strategy, options, way(name).devices, precision, sgd=True)
                for net in nets
                for precision in (PRECISIONS if name not in OTHERS else ["32-true"])
            ]
            if name not in OTHERS:
                runs += [
                    Run(net, strategy, devices=way(name).devices, save=saved / f"{name}-{net}.ckpt")
                    for net in nets
                    if net in PORTED
                ]
            found[name] = results(start(launch, class_store, name, runs))
        return found[name]

    return of


@pytest.mark.parametrize("name", [*STRATEGIES, *OTHERS])
def test_a_strategy_computes_what_one_process_does(name: str, first: Finder) -> None:
    one = {(run.net, run.precision, run.sgd): seen for run, seen in first(AUTO)}
    for run, seen in first(name):
        told = f"{name}, {run.net}, {run.precision}"
        wanted, most = one[run.net, run.precision, run.sgd], PRECISIONS[run.precision]
        assert list(seen.losses) == list(wanted.losses) == list(range(1, STEPS + 1)), told
        assert apart(seen.gradients, wanted.gradients) <= most["gradients"], told
        assert apart(seen.norms, wanted.norms) <= most["gradients"], told
        assert losses_apart(seen.losses, wanted.losses) <= most["losses"], told
        if most is FP32:
            assert seen.scores == pytest.approx(wanted.scores, abs=1e-5), told
        if run.sgd:
            assert apart(seen.weights, wanted.weights) <= most["weights"], told


@pytest.fixture(scope="module")
def table(class_store: Path, launch: LaunchServer, saved: Path, first: Finder) -> dict[Any, str]:
    """Give how far the curve differs by what a checkpoint was saved under and goes on under."""
    whole = {run.net: seen for run, seen in first(AUTO) if not run.sgd}
    known = [name for name in NAMES if there(name)]
    for name in known:
        first(name)
    cells: dict[Any, str] = {}
    for onto in known:
        pairs = [
            (under, net)
            for under in known
            for net in PORTED
            if net in way(under).nets and net in way(onto).nets
        ]
        runs = [
            Run(net, onto, devices=way(onto).devices, go_on=saved / f"{under}-{net}.ckpt")
            for under, net in pairs
        ]
        for (under, net), (_, seen) in zip(
            pairs, results(start(launch, class_store, onto, runs)), strict=True
        ):
            far = losses_apart(seen.losses, whole[net].losses)
            exact = list(seen.losses) == list(range(SAVED + 1, STEPS + 1)) and far <= 1e-5
            nets = cells.get((under, onto))
            cells[under, onto] = f"{nets}, {net}" if nets else net
            if not exact:
                cells[under, onto] += f" differs by {far:.0e}"
    return cells


def test_any_strategy_goes_on_from_any_other_and_the_page_says_so(table: dict[Any, str]) -> None:
    assert not [cell for cell in table.values() if "differs" in cell], table
    rows = [re.findall(r"[^|]+(?=\|)", line) for line in before(TEST).splitlines()]
    kept = {row[0].strip(" `"): [cell.strip() for cell in row[1:]] for row in rows if row}
    head = [cell.strip("` ") for cell in kept.get("saved under", [])]
    old = {
        (under, onto): cell
        for under, cells in kept.items()
        for onto, cell in zip(head, cells, strict=False)
    }
    # What cannot be tried here, for want of a package, stays as it was found elsewhere.
    cells = {
        (under, onto): table.get((under, onto), old.get((under, onto), "not tried"))
        for under in NAMES
        for onto in NAMES
    }
    lines = ["| saved under | " + " | ".join(f"`{name}`" for name in NAMES) + " |"]
    lines.append("|---" * (len(NAMES) + 1) + "|")
    lines += [
        f"| `{under}` | " + " | ".join(cells[under, onto] for onto in NAMES) + " |"
        for under in NAMES
    ]
    written(TEST, lines)

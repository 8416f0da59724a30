"""Every network under every strategy works in every precision, or is refused before it starts.

``make test`` holds which cells are refused, ``make test-services`` that each two of network,
precision, strategy and action work together, and ``benchmarks/devices.py`` that all do.
"""

import itertools
import os
import re
from pathlib import Path

import pytest

from tests.networks import KNOWN, built, data_for
from tests.strategies.cells import ACTIONS, WORKS, Asked, Cell, cover, outcomes, refusal
from tests.strategies.page import grouped, plain, written
from tests.strategies.test_equal import there, way
from tests.testing.examples import Examples, examples
from torchedu.strategies import deepspeed, horovod
from torchedu.strategies.limits import PRECISIONS
from torchedu.strategies.named import STRATEGIES
from torchedu.testing.launch import LaunchServer

__all__ = ["examples"]

KEPT = os.environ.get("TORCHEDU_CELLS")
"""A folder that keeps what comes of all cells, which then are tried: what it has is not again."""
SECONDS = 36_000.0 if KEPT else 1_800.0
"""What the cells of a strategy may take on a busy machine; half a minute of one with free cores."""
ONE_DEVICE = ("16-mixed", "16-true", "64-true")
"""What a CPU refuses whatever the strategy; see ``test_precisions.py``."""


@pytest.fixture(scope="module")
def reasons(examples: Examples) -> dict[Cell, str | None]:
    """Give of every cell why it is refused, if it is, whatever packages are here."""
    found: dict[Cell, str | None] = {}
    with pytest.MonkeyPatch.context() as patch:
        for module in (deepspeed, horovod):
            patch.setattr(module, "find_spec", lambda name: name)
        for network in KNOWN:
            task = built(network, data_for(network, examples))
            for cell in itertools.starmap(
                Cell, itertools.product([network], PRECISIONS, STRATEGIES)
            ):
                refused = refusal(cell, task)
                assert refused is None or len(str(refused).splitlines()) == 2, cell
                found[cell] = None if refused is None else refused.problem
    return found


def test_a_cell_is_refused_before_a_process_starts_for_a_reason_that_the_page_gives(
    reasons: dict[Cell, str | None],
) -> None:
    precisions = [name for name in PRECISIONS if name not in ONE_DEVICE]
    cells: dict[str, dict[str, str]] = {network: {} for network in KNOWN}
    for network, strategy in itertools.product(KNOWN, STRATEGIES):
        left = [x for x in precisions if reasons[Cell(network, x, strategy)] is None]
        works = WORKS if left == precisions else ", ".join(left)
        cells[network][strategy] = works or "refused"
    said = {
        (cell.strategy, re.sub(rf"\b{cell.network}\b", "this network", reason))
        for cell, reason in reasons.items()
        if reason is not None and cell.precision in precisions
    }
    lines = [f"- `{strategy}`: {plain(reason)}" for strategy, reason in sorted(said)]
    written("test_matrix", [*grouped("network", [*STRATEGIES], cells), "", *lines])


@pytest.fixture(scope="module")
def asked(reasons: dict[Cell, str | None]) -> list[Asked]:
    """Give what is to be tried: all that is not refused, or each two things together once."""
    works = [cell for cell, reason in reasons.items() if reason is None]
    if KEPT:
        return [(cell, ACTIONS) for cell in works]
    rows = cover([(*cell, action) for cell in works for action in ACTIONS])
    actions: dict[Cell, tuple[str, ...]] = {}
    for *cell, action in rows:
        actions[Cell(*cell)] = (*actions.get(Cell(*cell), ()), action)
    return list(actions.items())


@pytest.mark.service
@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_is_not_refused_works(
    strategy: str, asked: list[Asked], examples: Examples, launch: LaunchServer, tmp_path: Path
) -> None:
    if not there(strategy):
        pytest.skip(f"{strategy} needs the package {way(strategy).needs}")
    ours = [(cell, actions) for cell, actions in asked if cell.strategy == strategy]
    data = {network: data_for(network, examples) for network in {cell.network for cell, _ in ours}}
    folder = Path(KEPT or tmp_path) / strategy
    folder.mkdir(parents=True, exist_ok=True)
    found = outcomes(ours, data, launch, folder, SECONDS)
    wrong = {what: said for what, said in found.items() if said != WORKS}
    assert not wrong, "\n".join(f"{what}\n{said}" for what, said in wrong.items())
    assert {(cell, action) for cell, actions in ours for action in actions} <= found.keys()

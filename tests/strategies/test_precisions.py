"""Every network, in every precision, does all that a trainer asks of it; or is refused before."""

from pathlib import Path

import pytest

from tests.networks import KNOWN, built, data_for
from tests.strategies.cells import ACTIONS, WORKS, Cell, act, refusal
from tests.strategies.page import grouped, plain, written
from tests.testing.examples import Examples, examples
from torchedu.strategies.limits import PRECISIONS

__all__ = ["examples"]

REASONS: dict[str, str] = {}
CELLS: dict[str, dict[str, str]] = {name: {} for name in KNOWN}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_a_network_works_in_a_precision_or_is_refused_before(
    name: str, precision: str, examples: Examples, tmp_path: Path
) -> None:
    data, cell = data_for(name, examples), Cell(name, precision)
    task = built(name, data)
    if refused := refusal(cell, task):
        assert len(str(refused).splitlines()) == 2
        CELLS[name][precision] = "refused"
        REASONS[precision] = refused.problem
        return
    for action in ACTIONS:
        task = act(action, cell, data, task, tmp_path)
    CELLS[name][precision] = WORKS


def test_the_page_has_the_table() -> None:
    if any(len(cells) < len(PRECISIONS) for cells in CELLS.values()):
        pytest.skip("not all of it was tried")
    reasons = [f"- `{name}`: {plain(reason)}" for name, reason in REASONS.items()]
    written("test_precisions", [*grouped("network", PRECISIONS, CELLS), "", *reasons])

"""Every network of every task says of rows in Python what it says of a store's batch."""

from pathlib import Path

import pytest

from tests.engine.plain_rows import difference, networks
from tests.models.own_network import TimedGRU
from torchedu.domains import Domain, Tracing
from torchedu.models import Network


@pytest.mark.parametrize(
    ("domain", "net"),
    [*networks(), (Tracing, TimedGRU)],
    ids=lambda kind: kind.__name__,
)
def test_rows_in_python_are_read_as_a_store_is(
    domain: type[Domain], net: type[Network], tmp_path: Path
) -> None:
    assert difference(domain, net, 12, tmp_path) <= 1e-6

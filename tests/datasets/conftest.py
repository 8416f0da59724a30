"""What tests of data share."""

import tracemalloc
from collections.abc import Callable

import pytest


@pytest.fixture
def grown() -> Callable[[Callable[[], object]], int]:
    """Return what tells the most bytes that work holds at once, beside what is mapped."""

    def most(work: Callable[[], object]) -> int:
        tracemalloc.start()
        try:
            work()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return most

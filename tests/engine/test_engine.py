import copy

import pytest

from torchedu.companions import Companions
from torchedu.domains import Tracing
from torchedu.engine import Engine, TracingEngine
from torchedu.engine.engine import UnknownVerb, engine_of
from torchedu.errors import CheckpointError
from torchedu.models import DKT


class Own(Tracing):
    """Knowledge tracing of a package of one's own."""


class Counting(Own):
    """The same, which an engine of its own serves."""


class CountingEngine(Engine[Counting], serves=Counting):
    def count(self) -> int:
        """Return how many items there are."""
        return self.domain.num_items


def domain_of(kind: type[Tracing]) -> Tracing:
    domain = kind(DKT, 5, 4)
    domain.take(Companions())
    return domain


def test_what_is_made_of_a_task_is_served_as_it_is_or_by_its_own() -> None:
    assert type(engine_of(domain_of(Own))) is TracingEngine
    own = engine_of(domain_of(Counting))
    assert own.count() == 5
    assert own.verbs == ("count",)


def test_a_verb_that_it_has_not_is_no_attribute_either() -> None:
    engine = engine_of(domain_of(Counting))
    assert not hasattr(engine, "answer")
    with pytest.raises(UnknownVerb, match=r"no 'answer'\.\nIt has count\."):
        engine.answer("ann", "q1", 1)
    assert copy.copy(engine).count() == 5


def test_weights_of_nothing_are_refused() -> None:
    with pytest.raises(CheckpointError, match="does not say what its weights belong to"):
        engine_of(Own(DKT, 5, 4))

"""Rows of states: they grow, and a place that is free again is another student's."""

import torch

from torchedu.engine.states import States, digest_of
from torchedu.models import DKT


def put(states: States, students: list[str], value: float) -> None:
    state, time = states.get(students)
    states.set(students, tuple(torch.full_like(x, value) for x in state), time)


def test_many_students_keep_what_is_theirs() -> None:
    states = States(DKT(5, 4, dim=3).initial_state(1), "00" * 32, "DKT")
    for i in range(200):
        put(states, [f"s{i}", f"t{i}"], float(i))
    assert len(states) == 400
    state, _ = states.get(["t7", "new", "s199"])
    assert [x.unique().tolist() for x in state[0]] == [[7.0], [0.0], [199.0]]


def test_a_place_that_is_free_again_begins_anew() -> None:
    states = States(DKT(5, 4, dim=3).initial_state(1), "00" * 32, "DKT")
    put(states, ["ann", "bo"], 1.0)
    states.forget("ann")
    states.forget("nobody")
    assert not states.get(["ann"])[0][0].any()
    put(states, ["cy"], 2.0)
    assert states.get(["bo"])[0][0].eq(1).all()
    assert states.get(["cy"])[0][0].eq(2).all()
    assert sorted(states) == ["bo", "cy"]
    assert "cy" in states


def test_a_digest_tells_weights_names_and_shapes_apart() -> None:
    given = [("a", torch.tensor([1.0, 2.0])), ("b", torch.tensor(3))]
    digest = digest_of(["x"], given)
    assert digest == digest_of(["x"], given)
    assert digest != digest_of(["y"], given)
    assert digest != digest_of(["x"], [("c", given[0][1]), given[1]])
    assert digest != digest_of(["x"], [("a", torch.tensor([1.0, 2.5])), given[1]])

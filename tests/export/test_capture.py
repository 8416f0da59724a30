"""Graphs hold for other sizes than those that were traced."""

import logging
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import ModuleType

import pytest
import torch

from tests.export.networks import Deciding, Gated, Remembering, task_of
from torchedu.domains import Domain, Grading, Lessons, Recommendation, Risk, Spoken, Tracing
from torchedu.export import onnx, torch_export
from torchedu.export.capture import capture
from torchedu.export.check import check
from torchedu.export.entries import Run, entries, initial_state
from torchedu.models import (
    AKT,
    BKT,
    DKT,
    DKVMN,
    GMF,
    IRT,
    MF,
    MLP,
    PFA,
    SAKT,
    EventGRU,
    FrozenGrader,
    GRU4Rec,
    ItemDKT,
    KTModel,
    NeuMF,
    Recommender,
    ReKT,
    SASRec,
    SpokenGrader,
    TurnContext,
    TwoTower,
)
from torchedu.testing import check_network
from torchedu.testing.kinds import NetworkSubject

SMALL = {"num_items": 14, "num_skills": 6}

FORMS = [pytest.param(torch_export, id="torch_export"), pytest.param(onnx, id="onnx")]
TRACED = (ItemDKT, SAKT, AKT, Remembering, Gated, DKVMN, ReKT, BKT, PFA)
NETWORKS = [pytest.param(kind, id=kind.__name__) for kind in TRACED]
"""Bags, counts and an LSTM; attention of two kinds; a mean over a ring; a GRU whose state begins
learned; loops over a state, wide and long; the classical ones, which have no width."""


@cache
def small(kind: type[KTModel]) -> Tracing:
    build = kind if kind in (BKT, IRT, PFA) else partial(kind, dim=8)
    return task_of(NetworkSubject(build, SMALL).net())


graphs = cache(capture)
"""The graphs of a task, traced once for both forms."""


def written(task: Domain, form: ModuleType, folder: Path) -> dict[str, Run]:
    for package in form.PACKAGES:
        pytest.importorskip(package)
    form.write(graphs(task), folder)
    return form.read(folder, entries(task))  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", [Remembering, Gated])
def test_the_networks_of_these_tests_keep_the_contract(kind: type[KTModel]) -> None:
    check_network(kind)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", NETWORKS)
def test_files_predict_what_the_network_does(
    kind: type[KTModel], form: ModuleType, tmp_path: Path
) -> None:
    task = small(kind)
    runs = written(task, form, tmp_path)
    files = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert files.keys() == {name + form.SUFFIX for name in entries(task)}
    # They tell nothing of the machine that wrote them.
    assert not any(str(Path.cwd()).encode() in content for content in files.values())
    assert not any(sys.prefix.encode() in content for content in files.values())
    found = check(task, runs, initial_state(task), "graphs", form.TOLERANCE)
    assert found.answers > 20
    # What only a longer history, more students or more skills than the check's would show.
    batch = NetworkSubject(kind, SMALL).batch(9, task.net.max_history or 130, 4)
    columns = (batch.item_BL, batch.skill_BLS, batch.correct_BL)
    torch.testing.assert_close(runs["forward"](*columns)[0], task.net(batch), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_large_log_odds_stay_finite_in_other_runtimes(form: ModuleType, tmp_path: Path) -> None:
    task = small(IRT)
    runs = written(task, form, tmp_path)
    assert check(task, runs, initial_state(task), "graphs", form.TOLERANCE).answers > 20


def test_sizes_that_disagree_are_refused(tmp_path: Path) -> None:
    forward = written(small(ItemDKT), torch_export, tmp_path)["forward"]
    batch = NetworkSubject(ItemDKT, SMALL).batch(2, 5)
    with pytest.raises(Exception, match=r"(?i)guard|size|shape|assert"):
        forward(batch.item_BL, batch.skill_BLS[:, :4], batch.correct_BL)


def test_a_network_that_decides_by_its_data_has_no_graph_and_nothing_is_left_changed() -> None:
    task = small(Deciding)
    before = logging.root.manager.disable
    with pytest.raises(Exception, match=r"data-dependent|Could not"):
        capture(task)
    assert logging.root.manager.disable == before


def test_tracing_leaves_the_network_as_it_is() -> None:
    task = small(DKT)
    batch = NetworkSubject(DKT, SMALL).batch()
    before = task(batch)
    capture(task)
    assert torch.equal(task(batch), before)


OTHERS: dict[str, Callable[[], Domain]] = {
    "risk": partial(Risk, partial(EventGRU, dim=4, members=2), 5, 6),
    "grading": partial(
        Grading, partial(FrozenGrader, hidden=4, members=2), 5, 2, 0, 6, 1, 8, "an encoder"
    ),
    "lessons": partial(Lessons, partial(TurnContext, dim=8), 5, 4, 8),
    "spoken": partial(Spoken, partial(SpokenGrader, dim=8, heads=2, blocks=1), 2, 5, 6),
    "recommendation": partial(Recommendation, partial(GRU4Rec, dim=8), 14, 16, 6),
}


@cache
def other(name: str) -> Domain:
    torch.manual_seed(0)
    return OTHERS[name]().eval()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", OTHERS)
def test_every_other_task_has_graphs_too(name: str, form: ModuleType, tmp_path: Path) -> None:
    task = other(name)
    runs = written(task, form, tmp_path)
    found = check(task, runs, initial_state(task), "graphs", form.TOLERANCE)
    assert found.batches >= 4
    assert found.answers > 20


@pytest.mark.parametrize("net", [TwoTower, SASRec, MF, GMF, MLP, NeuMF])
def test_every_recommender_can_be_traced(net: type[Recommender]) -> None:
    graph = capture(Recommendation(net, 14, 16, 6).eval())["forward"]
    assert graph.outputs == ("logit",)
    assert ("student" in graph.inputs) == net.knows_students

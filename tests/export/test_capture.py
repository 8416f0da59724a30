"""Graphs hold for other sizes than those that were traced."""

import logging
import sys
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
import torch

from tests.export.networks import Deciding, Gated, Remembering
from torchedu.export import onnx, torch_export
from torchedu.export.capture import capture
from torchedu.export.check import check
from torchedu.export.entries import ENTRIES
from torchedu.models import DKT, SAKT, ItemDKT, KTModel
from torchedu.testing import check_network
from torchedu.testing.kinds import NetworkSubject

SMALL = {"num_items": 14, "num_skills": 6}

FORMS = [pytest.param(torch_export, id="torch_export"), pytest.param(onnx, id="onnx")]
NETWORKS = [pytest.param(kind, id=kind.__name__) for kind in (ItemDKT, SAKT, Remembering, Gated)]
"""Bags, counts and an LSTM; attention; a mean over a ring; a GRU whose state begins learned."""


def small(kind: type[KTModel]) -> KTModel:
    return NetworkSubject(partial(kind, dim=8), SMALL).net()


def written(net: KTModel, form: ModuleType, folder: Path) -> Path:
    for package in form.PACKAGES:
        pytest.importorskip(package)
    form.write(capture(net), folder)
    return folder


@pytest.mark.parametrize("kind", [Remembering, Gated])
def test_the_networks_of_these_tests_keep_the_contract(kind: type[KTModel]) -> None:
    check_network(kind)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", NETWORKS)
def test_files_predict_what_the_network_does(
    kind: type[KTModel], form: ModuleType, tmp_path: Path
) -> None:
    net = small(kind)
    runs = form.read(written(net, form, tmp_path))
    files = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert files.keys() == {name + form.SUFFIX for name in ENTRIES}
    # They tell nothing of the machine that wrote them.
    assert not any(str(Path.cwd()).encode() in content for content in files.values())
    assert not any(sys.prefix.encode() in content for content in files.values())
    found = check(net, runs, net.initial_state(1), "graphs", form.TOLERANCE)
    assert found.answers > 20
    # What only a longer history, more students or more skills than the check's would show.
    batch = NetworkSubject(kind, SMALL).batch(9, net.max_history or 130, 4)
    columns = (batch.item_BL, batch.skill_BLS, batch.correct_BL)
    torch.testing.assert_close(runs["forward"](*columns)[0], net(batch), atol=1e-5, rtol=1e-5)


def test_sizes_that_disagree_are_refused(tmp_path: Path) -> None:
    net = small(ItemDKT)
    forward = torch_export.read(written(net, torch_export, tmp_path))["forward"]
    batch = NetworkSubject(ItemDKT, SMALL).batch(2, 5)
    with pytest.raises(Exception, match=r"(?i)guard|size|shape|assert"):
        forward(batch.item_BL, batch.skill_BLS[:, :4], batch.correct_BL)


def test_a_network_that_decides_by_its_data_has_no_graph_and_nothing_is_left_changed() -> None:
    net = small(Deciding)
    before = logging.root.manager.disable
    with pytest.raises(Exception, match=r"data-dependent|Could not"):
        capture(net)
    assert logging.root.manager.disable == before


def test_tracing_leaves_the_network_as_it_is() -> None:
    net = small(DKT)
    batch = NetworkSubject(DKT, SMALL).batch()
    before = net(batch)
    capture(net)
    assert torch.equal(net(batch), before)

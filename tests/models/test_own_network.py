"""A network from outside the library that reads times and has a loss of its own (rows.lpkt)."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import torchedu
from tests.export.networks import task_of
from tests.models import own_network
from tests.models.own_network import TimedGRU
from torchedu.datamodules import Interactions
from torchedu.datasets import AnswerStore, AnswerWriter
from torchedu.engine.mastery import mastery
from torchedu.errors import ConfigError
from torchedu.export import export_network, onnx, torch_export
from torchedu.export.capture import capture
from torchedu.export.check import check
from torchedu.export.entries import entries, initial_state
from torchedu.parallel.stages import rows_of
from torchedu.prediction.tables import write_table
from torchedu.prediction.tracing import masteries
from torchedu.schema import ITEM, SKILL, Names, Vocabulary
from torchedu.tasks import KnowledgeTracing
from torchedu.testing import check_network
from torchedu.testing.kinds import NetworkSubject


@pytest.fixture(scope="module")
def second_tries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give answers that are right at the second attempt and wrong at the first."""
    folder = tmp_path_factory.mktemp("tries") / "tries.store"
    names = Vocabulary({ITEM: Names(["a", "b"]), SKILL: Names(["k"])})
    columns = ("time", "response_time", "attempt")
    random = np.random.default_rng(0)
    with AnswerWriter(folder, names, ([0, 0, 1, 1], [2, 2]), columns=columns) as writer:
        attempt = random.integers(1, 3, 40 * 8)
        answers = {
            "item": random.integers(2, 4, 40 * 8),
            "correct": attempt - 1,
            "time": np.tile(np.arange(8) * 60_000 + 10**12, 40),
            "response_time": random.random(40 * 8) * 20,
            "attempt": attempt,
        }
        writer.append([f"s{i}" for i in range(40)], [8] * 40, answers)
    return AnswerStore(folder).path


def test_it_is_one_short_file() -> None:
    assert own_network.__file__ is not None
    assert len(Path(own_network.__file__).read_text("utf-8").splitlines()) <= 150


def test_it_keeps_the_contract() -> None:
    check_network(TimedGRU)


@pytest.mark.parametrize("form", [onnx, torch_export], ids=["onnx", "torch_export"])
def test_graphs_take_what_it_reads(form: ModuleType, tmp_path: Path) -> None:
    for package in form.PACKAGES:
        pytest.importorskip(package)
    task = task_of(NetworkSubject(TimedGRU, {"num_items": 14, "num_skills": 6}).net())
    graphs = capture(task)
    assert graphs["predict"].inputs == ("item", "skill", "time", "attempt", "state_0", "state_1")
    assert graphs["step"].inputs[:6] == (
        "item", "skill", "correct", "time", "response_time", "attempt",
    )  # fmt: skip
    form.write(graphs, tmp_path)
    found = check(
        task, form.read(tmp_path, entries(task)), initial_state(task), "graphs", form.TOLERANCE
    )
    assert found.answers > 20


def test_it_is_trained_reported_and_exported_by_its_import_path(
    second_tries: Path, tmp_path: Path
) -> None:
    words = ["--data.path", str(second_tries), "--run", str(tmp_path / "run")]
    words += ["--model.net", "tests.models.own_network.TimedGRU", "--model.lr", "0.1"]
    words += ["--data.batch_size", "8", "--trainer.max_epochs", "3", "--trainer.accelerator", "cpu"]
    run = torchedu.build(torchedu.RunConfig(words))
    result = torchedu.train(run)
    network = result.evaluation["scores"][0]
    assert network["auc"] > 0.99  # who reads no attempt has .5
    assert isinstance(run.data, Interactions)
    assert isinstance(result.task, KnowledgeTracing)
    write_table(tmp_path / "mastery.csv", masteries(result.task, run.data))
    assert len((tmp_path / "mastery.csv").read_text("utf-8").splitlines()) == 1 + 40
    exported = export_network(tmp_path / "run", tmp_path / "out", "torch_export")
    assert all(found.difference <= found.tolerance for found in exported.checked)


def test_batches_carry_what_it_reads_and_another_network_pays_nothing(second_tries: Path) -> None:
    data = Interactions(path=str(second_tries))
    task = KnowledgeTracing(TimedGRU, data.num_items, data.num_skills)
    task.agree(data, training=True)
    batch = next(iter(data.train_dataloader()))
    assert None not in (batch.time_BL, batch.response_time_BL, batch.attempt_BL)
    task = KnowledgeTracing(torchedu.DKT, data.num_items, data.num_skills)
    task.agree(data, training=True)
    assert {*next(iter(data.train_dataloader()))[7:]} == {None}


class ReadsTheWeather(TimedGRU):
    reads = ("time", "response_tim")


def test_a_column_that_answers_do_not_have_is_refused(second_tries: Path) -> None:
    data = Interactions(path=str(second_tries))
    task = KnowledgeTracing(ReadsTheWeather, data.num_items, data.num_skills)
    with pytest.raises(ConfigError, match=r"Weather reads 'response_tim'[\s\S]*response_time"):
        task.agree(data, training=True)


def test_a_loss_of_its_own_weighs_the_same_however_a_step_is_divided() -> None:
    subject = NetworkSubject(TimedGRU)
    task = KnowledgeTracing(TimedGRU, 20, 9)
    task.net = subject.net()
    batch = subject.batch(rows=6)
    batch = batch._replace(
        scored_BL=torch.arange(12) < torch.tensor([[2], [4], [6], [8], [10], [12]])
    )
    counted = float(batch.scored_BL.sum())
    whole = batch._replace(mean_over_B=torch.full((6,), counted))
    loss = task.training_step(whole, 0)
    shares = []
    for rows in (slice(2), slice(2, 6)):  # of two ranks, whose gradients are averaged
        part = rows_of(whole._replace(mean_over_B=whole.mean_over_B / 2), rows)
        shares.append(task.training_step(part, 0))
    torch.testing.assert_close(torch.stack(shares).mean(), loss)
    logit_BL = task.net(batch)
    scored_BL = batch.scored_BL
    plain = F.binary_cross_entropy_with_logits(logit_BL[scored_BL], batch.correct_BL[scored_BL])
    wave = (logit_BL.diff(dim=1).square() * scored_BL[:, 1:]).sum() / counted
    torch.testing.assert_close(loss, plain + task.net.waviness * wave)


def test_mastery_asks_without_a_time() -> None:
    net = NetworkSubject(TimedGRU).net()
    assert mastery(net, net.initial_state(3)).isfinite().all()

from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback, Trainer, seed_everything

from torchedu import GMF, MF, MLP, CourseRecommendation, Enrolments, NeuMF, SASRec, TwoTower
from torchedu.datamodules.stream import BatchStream
from torchedu.domains.recommendation import LOSSES
from torchedu.errors import ConfigError
from torchedu.run import trainer
from torchedu.schema import ITEM, SKILL, Names, Vocabulary
from torchedu.strategies.named import named_strategy
from torchedu.tasks import open_task
from torchedu.testing.launch import LaunchServer

TOWER = partial(TwoTower, dim=8)


def a_task(data: Enrolments, net: object = TOWER, **options: object) -> CourseRecommendation:
    sizes = data.num_items, data.num_students, data.num_groups
    return CourseRecommendation(net, *sizes, **options)  # type: ignore[arg-type]


def runs(folder: Path, epochs: int = 1) -> Trainer:
    monitor = CourseRecommendation.monitor
    return trainer(str(folder), epochs, 99, accelerator="cpu", monitor=monitor)


@pytest.fixture
def data(enrolment_store: Path) -> Enrolments:
    return Enrolments(str(enrolment_store), batch_size=32, window=12)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_learns(loss: str, data: Enrolments, tmp_path: Path) -> None:
    torch.manual_seed(0)
    task = a_task(data, loss=loss, negatives=8, lr=0.02)
    run = runs(tmp_path / "run", 12)
    run.fit(task, datamodule=data)
    (found,) = run.test(task, datamodule=data, verbose=False)
    test = data.parts["test"]
    target = data.store.item[data.store.history_offsets[test.student] + test.first]
    popular = task.popularity.topk(10).indices
    floor = torch.isin(torch.from_numpy(target).long(), popular).float().mean()
    assert found["test/hr10"] > floor + 0.1  # most courses lead on to one nearby


def test_ranks_are_those_of_the_scores_without_the_courses_taken(data: Enrolments) -> None:
    torch.manual_seed(0)
    task = a_task(data).eval()
    batch = next(iter(data.test_dataloader()))
    found, state = task.recommend(batch), task.net(batch)
    for case, (row, step) in enumerate(batch.scored_BL.nonzero().tolist()):
        score = task.net.logits(state[row, step].unsqueeze(0))[0]
        taken = {*batch.before_BM[row].tolist(), *batch.item_BL[row, :step].tolist(), 0, 1}
        left = [i for i in score.argsort(descending=True).tolist() if i not in taken]
        assert left.index(int(batch.item_BL[row, step])) == found.rank[case]
        assert left[:10] == found.top[case].tolist()


@pytest.mark.parametrize("net", [MF, GMF, partial(MLP, dim=8), partial(NeuMF, dim=8)])
def test_networks_of_students_train_with_sparse_tables(
    net: object, data: Enrolments, tmp_path: Path
) -> None:
    task = a_task(data, net, loss="bpr", sparse=True, lr=0.1)
    before = {name: value.clone() for name, value in task.net.state_dict().items()}
    runs(tmp_path / "run").fit(task, datamodule=data)
    after = task.net.state_dict()
    tables = [name for name in before if "student.weight" in name]
    assert tables
    assert all(not torch.equal(before[name], after[name]) for name in tables)


def test_a_checkpoint_gives_the_task_back(data: Enrolments, tmp_path: Path) -> None:
    run = runs(tmp_path / "run")
    task = a_task(data, partial(SASRec, dim=8, max_history=12), loss="in_batch")
    run.fit(task, datamodule=data)
    again = open_task(tmp_path / "run" / "checkpoints" / "best.ckpt")
    assert isinstance(again, CourseRecommendation)
    assert (again.kind, again.vocabulary) == ("in_batch", data.vocabulary)
    assert torch.equal(again.popularity, data.popularity)


def test_neumf_starts_from_its_halves(data: Enrolments, tmp_path: Path) -> None:
    for net in (GMF, MLP):
        task = a_task(data, partial(net, dim=4), loss="bce")
        runs(tmp_path / net.__name__).fit(task, datamodule=data)
    halves = [str(tmp_path / name) for name in ("GMF", "MLP")]
    task = a_task(data, partial(NeuMF, dim=4), loss="bce", start_from=halves)
    gmf = open_task(tmp_path / "GMF" / "checkpoints" / "best.ckpt")
    assert torch.equal(task.net.gmf.student.weight, gmf.net.student.weight)
    with pytest.raises(ConfigError, match="nothing of the GMF"):
        a_task(data, start_from=halves)


def test_it_grows_by_new_courses(data: Enrolments, tmp_path: Path) -> None:
    task = a_task(data)
    runs(tmp_path / "run").fit(task, datamodule=data)
    grown = task.grown(Vocabulary({ITEM: Names(["a new one"])}))
    assert grown.net.num_items == data.num_items + 1
    assert torch.equal(grown.net.course.weight[:-1], task.net.course.weight)


def test_what_courses_teach_joins_their_vectors(tmp_path: Path) -> None:
    taught = ["", "algebra", "algebra; proofs", "poetry"]
    rows = [f"s{i},c{(i + k) % 8},{taught[(i + k) % 4]}" for i in range(40) for k in range(4)]
    (tmp_path / "a.csv").write_text("\n".join(["student,course,subject", *rows]))
    data = Enrolments(str(tmp_path / "a.csv"), batch_size=8)
    names = [data.vocabulary[SKILL].name(id) for id in range(data.num_skills)]
    assert names[2:] == ["algebra", "poetry", "proofs"]
    assert data.skills[2:6].tolist() == [[0, 0], [2, 0], [2, 4], [3, 0]]
    task = a_task(data, num_skills=data.num_skills, lr=0.05)
    runs(tmp_path / "run", 2).fit(task, datamodule=data)
    net = task.net
    assert isinstance(net, TwoTower)
    assert net.skill is not None
    own, algebra, proofs = net.course.weight[4], net.skill.weight[2], net.skill.weight[4]
    assert algebra.abs().max() > 0
    assert torch.allclose(net.vectors()[4], own + (algebra + proofs) / 2)
    again = open_task(tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert torch.equal(again.net.vectors(), net.vectors())
    grown = again.grown(Vocabulary({ITEM: Names(["new"]), SKILL: Names(["prose"])}))
    assert torch.equal(grown.net.vectors()[:-1], net.vectors())
    with pytest.raises(ConfigError, match="the network has num_skills 2, the data 5"):
        runs(tmp_path / "other").fit(a_task(data), datamodule=data)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"loss": "hinge"}, "loss is 'hinge'"),
        ({"negatives": 0}, "negatives is 0"),
        ({"sparse": True}, "touches every row"),
    ],
)
def test_values_that_cannot_work(data: Enrolments, options: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        a_task(data, **options)


def test_sizes_and_windows_that_do_not_fit_are_said(data: Enrolments, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="window of 12 is longer than the network's 5"):
        runs(tmp_path / "a").fit(a_task(data, partial(SASRec, max_history=5)), datamodule=data)
    few = CourseRecommendation(MF, data.num_items, 3, data.num_groups)
    with pytest.raises(ConfigError, match="knows the 3 students"):
        runs(tmp_path / "b").fit(few, datamodule=data)


@pytest.mark.parametrize(
    ("net", "asked", "window"),
    [
        (TOWER, None, 50),
        (partial(SASRec, dim=8, max_history=12), None, 12),
        (partial(NeuMF, dim=4), None, 2),
        (partial(NeuMF, dim=4), 7, 7),
    ],
)
def test_windows_suit_the_network_unless_asked_for(
    net: object, asked: int | None, window: int, enrolment_store: Path, tmp_path: Path
) -> None:
    data = Enrolments(str(enrolment_store), window=asked, batch_size=64)
    runs(tmp_path / "run").validate(a_task(data, net), datamodule=data, verbose=False)
    assert data.window == window
    assert max(batch.item_BL.shape[1] for batch in data.train_dataloader()) <= window


@pytest.mark.parametrize("loss", [one for one in LOSSES if one != "in_batch"])
def test_a_step_s_gradient_is_the_same_however_it_is_divided(loss: str, data: Enrolments) -> None:
    task = a_task(data, loss=loss, negatives=8).eval()  # without dropout
    task.agree(data, training=True)

    def gradient(accumulate: int) -> torch.Tensor:
        task.zero_grad()
        stream = BatchStream(*data.training(), accumulate=accumulate)
        for batch in islice(stream, accumulate):
            (task.share(batch, task.loss(batch)[0]) / accumulate).backward()
        return torch.cat([x.grad.flatten() for x in task.parameters() if x.grad is not None])

    whole = gradient(1)
    assert not task.by_batch
    assert float((gradient(2) - whole).norm() / whole.norm()) < 5e-6


def test_a_loss_that_is_another_one_when_divided_says_so(
    data: Enrolments, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    said = "sets each course against those of its batch"
    for loss, accumulate in (("in_batch", 2), ("in_batch", 1), ("softmax", 2)):
        caplog.clear()
        run = runs(tmp_path / f"{loss}{accumulate}")
        run.accumulate_grad_batches = accumulate
        with caplog.at_level("INFO"):
            run.fit(a_task(data, loss=loss), datamodule=data)
        assert (said in caplog.text) == (loss == "in_batch" and accumulate == 2)


class FirstGradient(Callback):
    """Keeps the gradient of the first step, as ranks have agreed on it."""

    def on_before_optimizer_step(self, trainer: Trainer, task: Any, optimizer: Any) -> None:
        known = [x.grad.flatten() for x in task.parameters() if x.grad is not None]
        self.found = torch.cat(known).double()


def first_step(store: str, loss: str, ranks: int) -> tuple[torch.Tensor, list[str]]:
    """Take one step; the gradient, and what was told before. Every rank calls this."""
    seed_everything(0)
    data, kept = Enrolments(store, batch_size=64, window=12), FirstGradient()
    task = a_task(data, partial(TOWER, dropout=0.0), loss=loss, negatives=8)
    notes: list[str] = []
    task.tell = notes.append  # type: ignore[method-assign]
    quiet = {"enable_progress_bar": False, "enable_model_summary": False}
    Trainer(
        accelerator="cpu", devices=ranks, strategy=named_strategy("ddp" if ranks > 1 else "auto"),
        max_steps=1, limit_val_batches=0, precision="64-true", callbacks=[kept], logger=False,
        enable_checkpointing=False, **quiet,
    ).fit(task, datamodule=data)  # fmt: skip
    return kept.found, notes


def test_two_ranks_take_the_step_of_one_or_say_that_they_do_not(
    enrolment_store: Path, launch: LaunchServer
) -> None:
    for loss in ("bpr", "in_batch"):
        whole, told_whole = first_step(str(enrolment_store), loss, 1)
        started = launch.start(first_step, str(enrolment_store), loss, 2, ranks=2)
        assert started.wait(timeout=600) == [0, 0]
        shared, told = started.result()
        assert not told_whole
        if loss == "in_batch":
            assert "divided by 2" in told[0]
        else:
            assert not told
            assert float((shared - whole).norm() / whole.norm()) < 1e-9

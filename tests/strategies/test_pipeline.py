"""A pipeline of real processes trains as one process does, whatever the schedule."""

import math
import os
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
import torch
from lightning import LightningDataModule, LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.plugins import MixedPrecision
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.utils.data import DataLoader
from torchmetrics import MeanMetric, MetricCollection

from torchedu import DKT, SAKT, Interactions, KnowledgeTracing
from torchedu.batch import AnswerBatch, TokenBatch
from torchedu.checkpoints import VerifiedCheckpointIO
from torchedu.datamodules import Enrolments
from torchedu.errors import ConfigError, TrainingError
from torchedu.layers import seconds_between
from torchedu.models.causal_lm import CausalLM
from torchedu.models.sasrec import SASRec
from torchedu.run import RunConfig, build
from torchedu.strategies.pipeline import Pipeline, Schedule
from torchedu.tasks import CourseRecommendation
from torchedu.tasks.task import Task
from torchedu.testing.launch import LaunchServer

SECONDS = 110.0
STEPS = 8
SAVED = 3
"""Step after which a checkpoint is written."""
ROUNDED = {"bf16": 5e-3, "true": 2e-2, "scaled": 2e-3}
"""Relative: a micro-batch's gradients have 8 bits; in bf16-true their sum and the weights too."""
LLAMA = {
    "model_type": "llama",
    "vocab_size": 40,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 32,
    "bos_token_id": None,
    "eos_token_id": None,
}


class Wavy(SAKT):
    """A network that reads times and holds successive predictions together by a loss of its own."""

    reads = ("time",)

    def own_loss(self, batch: AnswerBatch, output: Tensor) -> Tensor:
        assert batch.time_BL is not None
        near_BL = seconds_between(batch.time_BL[:, :-1], batch.time_BL[:, 1:]) < 3600
        return (output.diff(dim=1).square() * near_BL * batch.scored_BL[:, 1:]).sum(1)


class Texts(LightningDataModule):
    """Counting texts, in batches of unequal numbers of rows."""

    def _loader(self, seed: int) -> DataLoader[TokenBatch]:
        draw = torch.Generator().manual_seed(seed)
        batches = []
        for rows in (7, 4, 8, 5):
            start_B1 = torch.randint(40, (rows, 1), generator=draw)
            token_BL = (start_B1 + torch.arange(9)) % 40
            scored_BL = torch.rand(rows, 9, generator=draw) < 0.8
            scored_BL[:, 0] = False
            mean_B = scored_BL.sum().float().expand(rows)
            text_BL = torch.arange(rows).unsqueeze(1).expand(rows, 9)
            batches.append(TokenBatch(token_BL, scored_BL, text_BL, token_BL[:, :0], mean_B))
        return DataLoader(batches, batch_size=None)  # type: ignore[arg-type]

    def train_dataloader(self) -> DataLoader[TokenBatch]:
        return self._loader(0)

    def val_dataloader(self) -> DataLoader[TokenBatch]:
        return self._loader(1)


class Telling(Task):
    """Predicts each token of a text."""

    def __init__(self, tied: bool) -> None:
        super().__init__(0.1, 0.0, "constant")
        self.tied = tied
        self.net = CausalLM(40, {**LLAMA, "tie_word_embeddings": tied})
        self.metrics = MetricCollection({"loss": MeanMetric()})

    def loss(self, batch: TokenBatch) -> tuple[Tensor, Tensor]:
        return self.net(batch).sum(1), batch.scored_BL.sum(1)

    def outcome(self, batch: TokenBatch) -> tuple[Tensor, ...]:
        loss_B, count_B = self.loss(batch)
        return loss_B / count_B, count_B

    def pseudonyms(self, batch: TokenBatch) -> list[str]:
        return [f"text {row}" for row in range(len(batch.token_BL))]

    def predict(self, batch: TokenBatch) -> Tensor:
        return self.loss(batch)[0]


class Watch(Callback):
    """Notes the first step's gradients and every step's loss; may save, or spoil a batch."""

    def __init__(self, save: Path | None, spoil: int | None) -> None:
        self.save = save
        self.spoil = spoil
        self.cause = ""
        self.losses: list[float] = []
        self.gradients: dict[str, Tensor] = {}

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self.spoil:
            batch.correct_BL[1, 0] = torch.nan
            self.cause = pl_module.pseudonyms(batch)[1]

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Any
    ) -> None:
        if not self.gradients:
            grads = ((name, p.grad) for name, p in pl_module.named_parameters())
            self.gradients = {n: grad.float().clone() for n, grad in grads if grad is not None}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *_: Any
    ) -> None:
        self.losses.append(float(outputs["loss"]))
        if self.save is not None and trainer.global_step == SAVED:
            trainer.save_checkpoint(self.save)


class Run(NamedTuple):
    """What training and scoring came to on a rank; ``scale`` is that of float16 at the end."""

    losses: list[float]
    gradients: dict[str, Tensor]
    weights: dict[str, Tensor]
    scores: dict[str, float]
    told: str
    scale: float


def built(kind: str, store: Path) -> tuple[Task, LightningDataModule]:
    """Return a task of repeated blocks and its data."""
    seed_everything(3, verbose=False)
    if kind in ("tied", "untied"):
        return Telling(kind == "tied"), Texts()
    data = Interactions(str(store), batch_size=16, window=20, context=4)
    dropout = 0.2 if kind == "dropout" else 0.0
    network = Wavy if kind == "wavy" else SAKT
    net = partial(network, dim=16, heads=2, blocks=4, dropout=dropout)
    return KnowledgeTracing(net, data.num_items, data.num_skills, lr=0.01), data


def train(
    kind: str,
    store: Path,
    pipeline: dict[str, Any] | None,
    optimizer: str = "sgd",
    save: Path | None = None,
    go_on: Path | None = None,
    spoil: int | None = None,
    scale: float | None = None,
    **more: Any,
) -> Run:
    """Train and score in this process, one of as many as the environment says."""
    task, data = built(kind, store)
    watch = Watch(save, spoil)
    if optimizer == "sgd":

        def sgd() -> OptimizerLRScheduler:
            return torch.optim.SGD(task.parameters(), 0.3)

        task.configure_optimizers = sgd  # type: ignore[method-assign]
    scaler = None if scale is None else torch.amp.GradScaler("cpu", init_scale=scale)
    precision = [] if scaler is None else [MixedPrecision("16-mixed", "cpu", scaler)]
    options: dict[str, Any] = {"max_steps": STEPS, "limit_val_batches": 3, **more}
    trainer = Trainer(
        accelerator="cpu",
        devices=int(os.environ.get("WORLD_SIZE", "1")),
        strategy="auto" if pipeline is None else Pipeline(**pipeline),
        max_epochs=-1,
        callbacks=[watch],
        plugins=[VerifiedCheckpointIO(), *precision],
        use_distributed_sampler=False,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )
    told = ""
    try:
        trainer.fit(task, data, ckpt_path=go_on, weights_only=True)
    except TrainingError as error:
        told = f"{error} | {watch.cause}"
    scores = {name: float(value) for name, value in trainer.callback_metrics.items()}
    weights = {} if told else {name: one.clone() for name, one in task.state_dict().items()}
    last: Any = getattr(trainer.precision_plugin, "scaler", None)
    return Run(
        watch.losses, watch.gradients, weights, scores, told, last.get_scale() if last else 1.0
    )


def train_each(cases: Mapping[str, Mapping[str, Any]], store: Path) -> dict[str, Run]:
    return {name: train(store=store, **case) for name, case in cases.items()}


def apart(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    """Return the norm of the difference, relative to the second."""
    assert one.keys() == other.keys()
    gap = math.hypot(*(float((one[k].float() - other[k].float()).norm()) for k in one))
    return gap / math.hypot(*(float(other[k].float().norm()) for k in other))


def gathered(ranks: list[Run]) -> dict[str, Tensor]:
    """Return the gradients of all stages, of which no two ranks disagree on a shared one."""
    whole: dict[str, Tensor] = {}
    for run in ranks:
        for name, gradient in run.gradients.items():
            torch.testing.assert_close(whole.setdefault(name, gradient), gradient)
    return whole


def equal(ranks: list[Run], one: Run, most: float = 1e-6, loss: float = 1e-5) -> None:
    assert [run.losses for run in ranks] == [ranks[0].losses] * len(ranks)
    assert len(ranks[0].losses) == len(one.losses)
    assert ranks[0].losses == pytest.approx(one.losses, rel=loss, abs=0)
    assert apart(gathered(ranks), one.gradients) <= most
    for run in ranks:  # whole again on every rank
        assert apart(run.weights, one.weights) <= most


ACCUMULATED: dict[str, Any] = {
    "kind": "SAKT",
    "max_steps": 3,
    "accumulate_grad_batches": 2,
    "gradient_clip_val": 0.05,
}
PRECISE: dict[str, dict[str, Any]] = {
    **{kind: {"kind": kind} for kind in ("SAKT", "tied", "untied")},
    **{f"{k} bf16": {"kind": k, "precision": "bf16-mixed"} for k in ("SAKT", "tied")},
    "true": {"kind": "SAKT", "precision": "bf16-true"},
    "accumulated": ACCUMULATED,
    "scaled": {"kind": "SAKT", "scale": 2.0**12},
    "wavy": {"kind": "wavy", "max_steps": 3},
}
SCHEDULES = {schedule: {"schedule": schedule, "microbatches": 4} for schedule in get_args(Schedule)}
CASES: dict[str, dict[str, Any]] = {
    **{f"SAKT {s}": {"kind": "SAKT", "pipeline": SCHEDULES[s]} for s in SCHEDULES},
    **{f"tied {s}": {"kind": "tied", "pipeline": SCHEDULES[s]} for s in SCHEDULES},
    "untied 1F1B": {"kind": "untied", "pipeline": SCHEDULES["1F1B"]},
    "SAKT bf16 1F1B": {**PRECISE["SAKT bf16"], "pipeline": SCHEDULES["1F1B"]},
    "tied bf16 ZBVZeroBubble": {**PRECISE["tied bf16"], "pipeline": SCHEDULES["ZBVZeroBubble"]},
    "true GPipe": {**PRECISE["true"], "pipeline": SCHEDULES["GPipe"]},
    "accumulated 1F1B": {**ACCUMULATED, "pipeline": SCHEDULES["1F1B"]},
    "scaled 1F1B": {**PRECISE["scaled"], "pipeline": SCHEDULES["1F1B"]},
    "wavy 1F1B": {**PRECISE["wavy"], "pipeline": SCHEDULES["1F1B"]},
    "too large": {"kind": "SAKT", "scale": 2.0**24, "pipeline": SCHEDULES["1F1B"]},
    "spoilt": {"kind": "SAKT", "spoil": 2, "pipeline": SCHEDULES["1F1B"]},
}
needs_transformers = pytest.mark.skipif(
    find_spec("transformers") is None, reason="needs the package transformers"
)


def with_mark(case: str) -> Any:
    marks = needs_transformers if "tied" in case else ()
    return pytest.param(case, marks=marks)


def those_that_run(cases: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {n: case for n, case in cases.items() if find_spec("transformers") or "tied" not in n}


@pytest.fixture(scope="module")
def one(class_store: Path, launch: LaunchServer) -> dict[str, Run]:
    """Give what one process comes to."""
    cases = {name: {**case, "pipeline": None} for name, case in those_that_run(PRECISE).items()}
    started = launch.start(train_each, cases, class_store)
    assert started.wait(SECONDS) == [0], started.output()
    found: dict[str, Run] = started.result()
    return found


@pytest.fixture(scope="module")
def two(class_store: Path, launch: LaunchServer) -> list[dict[str, Run]]:
    """Give what the two ranks of a pipeline come to."""
    started = launch.start(train_each, those_that_run(CASES), class_store, ranks=2)
    assert started.wait(SECONDS) == [0, 0], started.output() + started.output(1)
    return [started.result(0), started.result(1)]


@pytest.mark.parametrize("case", [with_mark(c) for c in CASES if c not in ("spoilt", "too large")])
def test_it_trains_as_one_process_does(
    case: str, one: dict[str, Run], two: list[dict[str, Run]]
) -> None:
    name = case.rpartition(" ")[0]
    ranks = [rank[case] for rank in two]
    most = ROUNDED.get(name.split()[-1])
    if most:
        equal(ranks, one[name], most, most)
    else:
        equal(ranks, one[name])
        assert ranks[0].scores == pytest.approx(one[name].scores, rel=1e-5)


def test_each_stage_holds_its_own_parameters(two: list[dict[str, Run]]) -> None:
    first, second = (set(rank["SAKT 1F1B"].gradients) for rank in two)
    assert not first & second
    assert {"net.asked.weight", "net.attention.1.out.weight"} < first
    assert {"net.attention.2.out.weight", "net.out.weight"} < second


@needs_transformers
def test_both_ends_hold_tied_parameters(two: list[dict[str, Run]]) -> None:
    first, second = (set(rank["tied 1F1B"].gradients) for rank in two)
    assert first & second == {"net.lm.model.embed_tokens.weight"}


def test_a_sample_that_is_not_finite_is_named_on_every_rank(two: list[dict[str, Run]]) -> None:
    told, also_told = (rank["spoilt"].told for rank in two)
    assert told == also_told
    message, _, cause = told.partition(" | ")
    assert "step 3: loss or gradients are not finite" in message
    assert f"because of {cause};" in message


class Scored(NamedTuple):
    """What a network of courses came to, whose table both ends of a pipeline use."""

    losses: list[float]
    scores: dict[str, float]
    predictions: int


def recommend(store: Path, pipeline: dict[str, Any] | None) -> Scored:
    seed_everything(3, verbose=False)
    data = Enrolments(str(store), batch_size=32)
    net = partial(SASRec, dim=8, blocks=2, dropout=0.0)
    sizes = {size: getattr(data, size) for size in CourseRecommendation.sizes}
    task = CourseRecommendation(net, **sizes, lr=0.01)
    watch = Watch(None, None)
    trainer = Trainer(
        accelerator="cpu",
        devices=int(os.environ.get("WORLD_SIZE", "1")),
        strategy="auto" if pipeline is None else Pipeline(**pipeline),
        max_epochs=2,
        callbacks=[watch],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(task, data)
    scores = trainer.test(task, data, verbose=False)
    predicted: Any = trainer.predict(task, data)
    return Scored(watch.losses, dict(scores[0]), sum(len(one.rank) for one in predicted))


def test_a_loss_may_use_what_the_entrance_has(enrolment_store: Path, launch: LaunchServer) -> None:
    options = {"schedule": "GPipe", "microbatches": 3}
    alone = launch.start(recommend, enrolment_store, None)
    divided = launch.start(recommend, enrolment_store, options, ranks=2)
    assert alone.wait(SECONDS) == [0], alone.output()
    assert divided.wait(SECONDS) == [0, 0], divided.output() + divided.output(1)
    wanted = alone.result()
    first, second = divided.result(0), divided.result(1)
    assert first.losses == second.losses == pytest.approx(wanted.losses, rel=1e-5)
    assert first.scores == second.scores == pytest.approx(wanted.scores, rel=1e-5)
    assert (first.predictions, second.predictions) == (wanted.predictions, 0)


def test_stages_agree_on_a_step_that_is_too_large_for_float16(two: list[dict[str, Run]]) -> None:
    first, second = (rank["too large"] for rank in two)
    assert first.scale == second.scale < 2.0**24
    assert first.losses == second.losses
    assert all(torch.equal(second.weights[name], one) for name, one in first.weights.items())


COPIES: dict[str, dict[str, Any]] = {
    "SAKT": {
        "kind": "SAKT",
        "pipeline": {"schedule": "Interleaved1F1B", "microbatches": 2, "size": 2},
    },
    "accumulated": {**ACCUMULATED, "pipeline": {"microbatches": 2, "size": 2}},
}
FOUR_STAGES = {"tied": {"kind": "tied", "pipeline": {"schedule": "1F1B", "microbatches": 5}}}


@pytest.fixture(scope="module")
def four(class_store: Path, launch: LaunchServer) -> list[dict[str, Run]]:
    """Give what four ranks come to, of two pipelines and of one."""
    cases = those_that_run({**COPIES, **FOUR_STAGES})
    started = launch.start(train_each, cases, class_store, ranks=4)
    assert started.wait(SECONDS) == [0] * 4, "".join(map(started.output, range(4)))
    return [started.result(rank) for rank in range(4)]


@pytest.mark.parametrize("case", COPIES)
def test_copies_of_a_pipeline_share_the_batches(
    case: str, four: list[dict[str, Run]], one: dict[str, Run]
) -> None:
    pairs = [[rank[case] for rank in four[first : first + 2]] for first in (0, 2)]
    for pair in pairs:
        assert apart(gathered(pair), one[case].gradients) <= 1e-6
        assert apart(pair[1].weights, one[case].weights) <= 1e-6
    # A copy's losses are those of its own rows.
    turns = COPIES[case].get("accumulate_grad_batches", 1)
    copies = torch.tensor([pair[0].losses for pair in pairs]).mean(0).view(-1, turns)
    wanted = torch.tensor(one[case].losses).view(-1, turns)
    torch.testing.assert_close(copies.mean(1), wanted.mean(1), rtol=1e-5, atol=0)
    assert four[0][case].scores == pytest.approx(one[case].scores, rel=1e-5)


@needs_transformers
def test_ranks_between_the_ends_hold_blocks_alone(
    four: list[dict[str, Run]], one: dict[str, Run]
) -> None:
    ranks = [rank["tied"] for rank in four]
    equal(ranks, one["tied"])
    for number in (1, 2):
        assert {".".join(n.split(".")[:5]) for n in ranks[number].gradients} == {
            f"net.lm.model.layers.{number}"
        }


def test_a_checkpoint_is_that_of_one_process(
    class_store: Path, tmp_path: Path, launch: LaunchServer
) -> None:
    alone: dict[str, Any] = {"kind": "SAKT", "optimizer": "adam", "pipeline": None}
    divided = {**alone, "pipeline": {"schedule": "ZBVZeroBubble", "microbatches": 4}}
    dropped = {**divided, "kind": "dropout"}
    first, second, third = (tmp_path / f"{name}.ckpt" for name in ("alone", "divided", "dropped"))

    started = launch.start(train_each, {"": {**alone, "save": first}}, class_store)
    assert started.wait(SECONDS) == [0], started.output()
    whole = started.result()[""]
    cases = {
        "from one": {**divided, "go_on": first, "save": None},
        "saved": {**divided, "save": second},
        "straight": {**dropped, "save": third},
        "resumed": {**dropped, "go_on": third},
    }
    started = launch.start(train_each, cases, class_store, ranks=2)
    assert started.wait(SECONDS) == [0, 0], started.output()
    found = started.result()
    assert found["from one"].losses == pytest.approx(whole.losses[SAVED:], rel=1e-5)
    assert found["resumed"].losses == found["straight"].losses[SAVED:]
    assert found["resumed"].scores["train/loss"] == found["straight"].scores["train/loss"]
    for name, weights in found["straight"].weights.items():
        assert torch.equal(found["resumed"].weights[name], weights)
    started = launch.start(train_each, {"": {**alone, "go_on": second}}, class_store)
    assert started.wait(SECONDS) == [0], started.output()
    assert started.result()[""].losses == pytest.approx(whole.losses[SAVED:], rel=1e-5)

    mine, theirs = (
        torch.load(tmp_path / f"{n}.ckpt", weights_only=True) for n in ("divided", "alone")
    )
    assert list(mine["state_dict"]) == list(theirs["state_dict"])
    (state,), (wanted,) = mine["optimizer_states"], theirs["optimizer_states"]
    assert state["param_groups"] == wanted["param_groups"]
    assert list(state["state"]) == list(wanted["state"])
    for number, known in wanted["state"].items():
        for name, value in known.items():
            torch.testing.assert_close(state["state"][number][name], value, rtol=1e-3, atol=1e-4)
    assert mine["loss_sums"] == pytest.approx(theirs["loss_sums"])


def refusal(module: LightningModule, devices: int = 2, **options: Any) -> str:
    strategy = Pipeline(**options)
    strategy.parallel_devices = [torch.device("cpu")] * devices
    with pytest.raises(ConfigError) as error:
        strategy.check(module)
    assert str(error.value).count("\n") == 1
    return str(error.value)


class Prior(SAKT):
    """A network with a penalty on its parameters."""

    def penalty(self) -> Tensor | float:
        return self.position.square().sum()


def test_what_cannot_be_divided_is_refused() -> None:
    def task(net: Any, **more: Any) -> KnowledgeTracing:
        return KnowledgeTracing(partial(net, dim=8, **more), 9, 5)

    sakt = task(SAKT, heads=2, blocks=4)
    assert "DKT is none" in refusal(task(DKT))
    assert "Prior adds a penalty" in refusal(task(Prior, heads=2, blocks=4))
    assert "4 blocks for 3 stages" in refusal(sakt, devices=3)
    assert "4 blocks for 6 stages, 3 on each" in refusal(
        sakt, schedule="LoopedBFS", stages_per_rank=3
    )
    assert "size is 2, of 3 ranks" in refusal(sakt, devices=3, size=2)
    assert "microbatches is 1, for 2 ranks" in refusal(sakt, microbatches=1)
    assert "microbatches is 5, for 2 rounds" in refusal(
        sakt, schedule="Interleaved1F1B", microbatches=5
    )
    for block in sakt.net.attention:  # type: ignore[union-attr]
        block.forward = torch.compile(block.forward, backend="eager")
    assert "compiled blocks" in refusal(sakt, schedule="ZBVZeroBubble")


def test_values_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"(?s)schedule '1F1' is not known.*Did you mean 1F1B"):
        Pipeline("1F1")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="microbatches is 0"):
        Pipeline(microbatches=0)
    with pytest.raises(ConfigError, match="GPipe takes 1 a rank"):
        Pipeline("GPipe", stages_per_rank=2)


def test_words_name_the_schedule_and_are_checked_before_any_process_starts(
    class_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--data.path", str(class_store), "--trainer.accelerator", "cpu"]
    words += ["--trainer.devices", "2", "--trainer.strategy", "pipeline"]
    options = ["--trainer.strategy.schedule", "GPipe", "--trainer.strategy.microbatches", "3"]
    net = ["--model.net", "SAKT", "--model.net.blocks", "4"]
    strategy = build(RunConfig([*words, *options, *net])).trainer.strategy
    assert isinstance(strategy, Pipeline)
    assert (strategy.schedule, strategy.microbatches) == ("GPipe", 3)
    with pytest.raises(ConfigError, match="LogisticDKT is none"):
        build(RunConfig([*words, *options]))
    with pytest.raises(ConfigError, match="SAKT has 3 blocks for 2 stages"):
        build(RunConfig([*words, *options, *net[:-1], "3"]))

from functools import partial
from pathlib import Path

import pytest
import torch
from lightning import LightningModule, Trainer, seed_everything

from torchedu import SAKT, Interactions, KnowledgeTracing
from torchedu.callbacks import Compile
from torchedu.errors import ConfigError
from torchedu.strategies.tensor import Tensor


def train(store: Path, compiled: bool) -> KnowledgeTracing:
    seed_everything(1, verbose=False)
    data = Interactions(str(store), batch_size=8)
    net = partial(SAKT, dim=8, heads=2, blocks=2, dropout=0.0)
    task = KnowledgeTracing(net, data.num_items, data.num_skills)
    Trainer(
        max_steps=4,
        accelerator="cpu",
        callbacks=[Compile()] if compiled else [],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
    ).fit(task, data)
    return task


@pytest.mark.filterwarnings("ignore")  # torch's compiler speaks of its own parts
def test_compiled_blocks_train_as_others_do(
    class_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Captured and guarded as ever, and then run as they are: kernels take a minute to be made.
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    own, wanted = train(class_store, True), train(class_store, False)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > before
    for (name, one), other in zip(own.named_parameters(), wanted.parameters(), strict=True):
        assert "_orig_mod" not in name
        torch.testing.assert_close(one, other)
    assert all("forward" not in module.__dict__ for module in own.net.modules())


def test_what_cannot_be_compiled_is_told() -> None:
    class Other(LightningModule):
        pass

    with pytest.raises(ConfigError, match="no network"):
        Compile().setup(Trainer(accelerator="cpu", logger=False), Other(), "fit")
    task = KnowledgeTracing(partial(SAKT, dim=8, heads=2), 9, 9)
    shared = Trainer(accelerator="cpu", devices=1, logger=False)
    shared._accelerator_connector.strategy = Tensor(tensor_size=2)
    with pytest.raises(ConfigError, match="devices share"):
        Compile().setup(shared, task, "fit")

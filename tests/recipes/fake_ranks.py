"""The 13B recipe on one of 8 devices that are not there: all shapes, no numbers."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed._tools.fsdp2_mem_tracker import FSDPMemTracker
from torch.distributed._tools.mem_tracker import MemTracker
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.pipelining import PipelineStage
from torch.testing._internal.distributed.fake_pg import FakeStore

from torchedu.batch import TokenBatch
from torchedu.parallel.stages import on_meta, rows_of
from torchedu.run import Run, RunConfig, build
from torchedu.strategies import pipeline

DEVICES = 8
LLAMA_2_13B = {
    "model_type": "llama",
    "vocab_size": 32000,
    "hidden_size": 5120,
    "intermediate_size": 13824,
    "num_hidden_layers": 40,
    "num_attention_heads": 40,
    "num_key_value_heads": 40,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": False,
}


def measure(
    folder: Path, tokenizer: Path, chats: Path, words: Sequence[str], rank: int
) -> dict[str, Any]:
    """Return the bytes of one device at the recipe's peak, by kind, and its parameters.

    Args:
        folder: Where the model's configuration and the run go.
        tokenizer: A tokenizer, of any size.
        chats: Conversations, any.
        words: What follows the recipe on the command line.
        rank: Which of the devices.
    """
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA_2_13B))
    words = ["--config", "math_llama13b_fsdp", *words, "--model.net.source", str(folder)]
    words += ["--data.path", str(chats), "--data.tokenizer", str(tokenizer)]
    # Flex attention runs on GPUs; the other one keeps no more.
    words += ["--model.net.attention", "sdpa"]
    words += ["--trainer.accelerator", "cpu", "--run", str(folder / "run")]
    run = build(RunConfig(words), meta=True)
    distributed.init_process_group("fake", store=FakeStore(), rank=rank, world_size=DEVICES)
    measured = _in_stages if hasattr(run.trainer.strategy, "microbatches") else _divided
    try:
        return {"tokens": run.data.max_tokens, **measured(run)}
    finally:
        distributed.destroy_process_group()


def _divided(run: Run) -> dict[str, Any]:
    """Take a step under a strategy that divides every block."""
    task: Any = run.task
    strategy: Any = run.trainer.strategy
    shards = DEVICES // (strategy.replicas * strategy.tensor_size)
    sizes = (strategy.replicas, shards, strategy.tensor_size)
    strategy.mesh = init_device_mesh("cpu", sizes, mesh_dim_names=("replicate", "shard", "tensor"))
    strategy.divide(task.net)
    with FakeTensorMode(allow_non_fake_inputs=True):
        task.net.to_empty(device="cpu")
        parameters = list(task.net.parameters())
        optimizer = _stepped(parameters)
        tracker = FSDPMemTracker(task.net, optimizer)
        tracker.track_external(optimizer)
        batch = _batch(run)
        with tracker:
            with strategy.precision_plugin.forward_context():
                loss = task.share(batch, task.loss(batch)[0])
            loss.backward()
            after = _by_name(tracker.get_tracker_snapshot("current"))
            optimizer.step()
        peak = _by_name(tracker.get_tracker_snapshot("peak"))
    return {
        "parameters": sum(one.to_local().numel() for one in parameters),
        "kept": peak["Sharded Param"],
        "gradients": after["Sharded Grad"],
        "adam": peak["OptState"],
        "peak": peak["Total"],
    }


def _in_stages(run: Run) -> dict[str, Any]:
    """Take a step through one stage of a pipeline."""
    task: Any = run.task
    strategy: Any = run.trainer.strategy
    strategy._lightning_module = task
    strategy._pipe = distributed.group.WORLD
    # Among fake tensors none can be read, and those that are none cannot be copied.
    strategy._mesh = SimpleNamespace(mesh=np.arange(DEVICES)[None])
    shadow = on_meta(task)
    pipeline.on_meta = lambda task: shadow
    # Its neighbours, which are not there, would be asked whether they know their shapes.
    PipelineStage._warmup_forward_vote = lambda self, *given, **more: None
    PipelineStage._warmup_backward_result = lambda self, **given: SimpleNamespace(item=lambda: 1)
    with FakeTensorMode(allow_non_fake_inputs=True):
        strategy.model_to_device()
        parameters = strategy._holdings.parameters
        optimizer = _stepped(parameters)
        tracker = _Total()
        tracker.track_external(task.net, optimizer)
        batch = _batch(run)

        def loss(output: Tensor, row: Tensor) -> Tensor:
            part = rows_of(batch, row)
            sums = strategy._relay.of_output(output, strategy._methods["loss"], part)
            return task.share(part, sums[0])

        with tracker:
            strategy._relay.train(batch, loss)
            gradients = sum(one.grad.nbytes for one in parameters)
            optimizer.step()
        peak = _by_name(tracker.get_tracker_snapshot("peak"))
    return {
        "parameters": sum(one.numel() for one in parameters),
        "kept": peak["Parameter"],
        "gradients": gradients,
        "adam": peak["Optstate"],
        "peak": peak["Total"],
    }


class _Total(MemTracker):
    """Counts what there is, of modules too that are called for one micro-batch after the other."""

    def _nothing(self, *given: Any) -> None:
        """Keep nothing of a module's own."""

    _pre_fw_hook = _post_fw_hook = _pre_bw_hook = _post_bw_hook = _nothing


def _stepped(parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
    """Return an optimizer that knows what it knows after a first step."""
    # Steps of several parameters at once make copies that no device needs to keep.
    optimizer = torch.optim.AdamW(parameters, 1e-5, foreach=False)
    for one in parameters:
        one.grad = torch.zeros_like(one)
    optimizer.step()
    optimizer.zero_grad()
    return optimizer


def _batch(run: Run) -> TokenBatch:
    """Return what a device takes at once of the recipe's step."""
    data: Any = run.data
    trainer: Any = run.trainer
    parts = trainer.accumulate_grad_batches * trainer.distributed_sampler_kwargs["num_replicas"]
    rows = data.batch_tokens // (data.max_tokens * parts)
    token_BL = torch.zeros(rows, data.max_tokens, dtype=torch.int64)
    return TokenBatch(token_BL, token_BL == 0, token_BL, token_BL[:, :0], torch.ones(rows))


def _by_name(snapshots: dict[torch.device, dict[Any, int]]) -> dict[str, int]:
    snapshot = snapshots[torch.device("cpu")]
    return {str(getattr(kind, "value", kind)): size for kind, size in snapshot.items()}

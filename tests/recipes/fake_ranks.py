"""The 13B recipe on one of 8 devices that are not there: all shapes, no numbers."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import distributed
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed._tools.fsdp2_mem_tracker import FSDPMemTracker
from torch.distributed.device_mesh import init_device_mesh
from torch.testing._internal.distributed.fake_pg import FakeStore

from torchedu.batch import TokenBatch
from torchedu.models.causal_lm import CausalLM
from torchedu.run import RunCLI

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


def measure(folder: Path, tokenizer: Path, chats: Path, steps: int) -> dict[str, Any]:
    """Return the bytes of one device at the recipe's peak, by kind, and its parameters."""
    (folder / "config.json").write_text(json.dumps(LLAMA_2_13B))
    words = ["--config", "math_llama13b_fsdp", "--model.net.source", str(folder)]
    words += ["--data.path", str(chats), "--data.tokenizer", str(tokenizer)]
    # Flex attention runs on GPUs; the other one keeps no more.
    words += ["--model.net.attention", "sdpa"]
    words += ["--trainer.accelerator", "cpu", "--run", str(folder / "run")]
    cli = RunCLI(words, "fit")
    task, strategy = cli.model, cli.trainer.strategy
    tokens = cli.datamodule.max_tokens
    distributed.init_process_group("fake", store=FakeStore(), rank=0, world_size=DEVICES)
    CausalLM.stored = lambda self: iter(())  # type: ignore[method-assign]  # no weights are here
    strategy.mesh = init_device_mesh(
        "cpu", (1, DEVICES, 1), mesh_dim_names=("replicate", "shard", "tensor")
    )
    with FakeTensorMode():
        strategy._divide(task)
        net = task.net
        local = {name: one.to_local().numel() for name, one in net.named_parameters()}
        # Steps of several parameters at once make copies that no device needs to keep.
        optimizer = torch.optim.AdamW(net.parameters(), 1e-5, foreach=False)
        token_BL = torch.zeros(1, tokens, dtype=torch.int64)
        batch = TokenBatch(token_BL, token_BL == 0, token_BL, token_BL[:, :0], torch.ones(1))
        tracker = FSDPMemTracker(net, optimizer)
        with tracker:
            for _ in range(steps):
                with strategy.precision_plugin.forward_context():
                    loss = task.share(batch, task.loss(batch)[0])
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
        (peak,) = tracker.get_tracker_snapshot("peak").values()
    distributed.destroy_process_group()
    return {
        "parameters": sum(local.values()),
        "tokens": tokens,
        "peak": {str(getattr(kind, "value", kind)): size for kind, size in peak.items()},
    }

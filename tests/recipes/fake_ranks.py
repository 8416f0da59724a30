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

from torchedu import run
from torchedu.batch import TokenBatch
from torchedu.models.causal_lm import CausalLM

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


def measure(folder: Path, tokenizer: Path, chats: Path) -> dict[str, Any]:
    """Return the bytes of one device at the recipe's peak, by kind, and its parameters."""
    (folder / "config.json").write_text(json.dumps(LLAMA_2_13B))
    words = ["--config", "math_llama13b_fsdp", "--model.net.source", str(folder)]
    words += ["--data.path", str(chats), "--data.tokenizer", str(tokenizer)]
    # Flex attention runs on GPUs; the other one keeps no more.
    words += ["--model.net.attention", "sdpa"]
    words += ["--trainer.accelerator", "cpu", "--run", str(folder / "run")]
    run.check_memory = lambda *given: None  # of devices that are not there
    cli = run.RunCLI(words, "fit")
    task, strategy = cli.model, cli.trainer.strategy
    tokens = cli.datamodule.max_tokens
    distributed.init_process_group("fake", store=FakeStore(), rank=0, world_size=DEVICES)
    # The recipe's network is divided as it stands; there are no weights to read into it.
    CausalLM.stored = lambda self: iter(())  # type: ignore[method-assign]
    CausalLM.empty = lambda self, device: None  # type: ignore[method-assign]
    strategy.mesh = init_device_mesh(
        "cpu", (1, DEVICES, 1), mesh_dim_names=("replicate", "shard", "tensor")
    )
    strategy._divide(task)
    net = task.net
    with FakeTensorMode(allow_non_fake_inputs=True):
        net.to_empty(device="cpu")
        local = {name: one.to_local().numel() for name, one in net.named_parameters()}
        # Steps of several parameters at once make copies that no device needs to keep.
        optimizer = torch.optim.AdamW(net.parameters(), 1e-5, foreach=False)
        token_BL = torch.zeros(1, tokens, dtype=torch.int64)
        batch = TokenBatch(token_BL, token_BL == 0, token_BL, token_BL[:, :0], torch.ones(1))
        for one in net.parameters():  # a later step finds what the optimizer knows of the first
            one.grad = torch.zeros_like(one)
        optimizer.step()
        optimizer.zero_grad()
        tracker = FSDPMemTracker(net, optimizer)
        tracker.track_external(optimizer)
        with tracker:
            with strategy.precision_plugin.forward_context():
                loss = task.share(batch, task.loss(batch)[0])
            loss.backward()
            (after,) = tracker.get_tracker_snapshot("current").values()
            optimizer.step()
        (peak,) = tracker.get_tracker_snapshot("peak").values()
    distributed.destroy_process_group()
    return {
        "parameters": sum(local.values()),
        "tokens": tokens,
        "gradients": _by_name(after)["Sharded Grad"],
        "peak": _by_name(peak),
    }


def _by_name(snapshot: dict[Any, int]) -> dict[str, int]:
    return {str(getattr(kind, "value", kind)): size for kind, size in snapshot.items()}

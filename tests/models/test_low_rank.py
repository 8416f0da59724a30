from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from tests.models.test_causal_lm import SMALL, a_batch
from tests.tasks.explaining import write_model
from torchedu.errors import ConfigError, MissingExtraError
from torchedu.models import low_rank
from torchedu.models.causal_lm import CausalLM
from torchedu.models.low_rank import LowRank, merge
from torchedu.readers.chat_tokenizer import ChatTokenizer

pytest.importorskip("peft", reason="needs the package peft")


def test_additions_that_are_merged_say_the_same_without_them() -> None:
    torch.manual_seed(0)
    net = CausalLM(30, {"model_type": "llama", **SMALL}, lora_rank=2).eval()
    for name, one in net.named_parameters():
        assert one.requires_grad == (".lora_" in name)
        if ".lora_B." in name:
            one.data.normal_()
    before = net.logits(a_batch())
    merge(net.lm)
    assert not any(".lora_" in name for name, _ in net.named_parameters())
    assert torch.allclose(net.logits(a_batch()), before, atol=1e-5)


@pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="needs the package bitsandbytes")
def test_weights_of_four_bits_stay_close_to_whole_ones(
    tokenizer: ChatTokenizer, tmp_path: Path
) -> None:
    source = str(write_model(tmp_path / "model", tokenizer, hidden_size=64))
    nets = [CausalLM(300, source=source, lora_rank=2, four_bits=bits) for bits in (False, True)]
    whole, narrow = nets
    for net in nets:
        net.eval().load(torch.device("cpu"))
    layer = "lm.model.layers.0.mlp.up_proj.base_layer"
    held = narrow.get_submodule(layer).weight
    assert held.numel() * held.element_size() == whole.get_submodule(layer).weight.numel() // 2
    expected, found = (net.logits(a_batch()) for net in nets)
    apart = (found - expected).norm() / expected.norm()
    assert 0 < apart < 0.2
    narrow(a_batch()).sum().backward()
    assert {name for name, one in narrow.named_parameters() if one.grad is not None} == {
        name for name, _ in whole.named_parameters() if ".lora_" in name
    }
    assert narrow.arguments() == whole.arguments()  # what is trained opens on whole weights


@pytest.mark.parametrize(
    ("low", "told"),
    [
        (LowRank(0, 16, 0, True), "there are none that stay"),
        (LowRank(4, 16, 0, True), "needs the package bitsandbytes"),
        (LowRank(4, 16, 0, False), "needs the package peft"),
    ],
)
def test_what_cannot_be_is_told(low: LowRank, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = told.rpartition(" ")[2]
    monkeypatch.setattr(low_rank, "find_spec", lambda name: None if name == missing else name)
    with pytest.raises((ConfigError, MissingExtraError), match=told):
        low.check("folder" if missing == "bitsandbytes" else None)

"""A language model's files are what plain transformers and peft open."""

from functools import partial
from pathlib import Path

import pytest
import torch
from lightning import Trainer

from tests.tasks.explaining import SMALL, write_model
from torchedu import CausalLM, Explanations, MathExplanation
from torchedu.companions import Companions
from torchedu.errors import CheckpointError, ConfigError
from torchedu.export import export_network
from torchedu.export.language import export_language
from torchedu.readers.chat_tokenizer import ChatTokenizer
from torchedu.tasks import open_task

pytest.importorskip("peft", reason="needs the package peft")


@pytest.fixture(scope="module")
def model(tokenizer: ChatTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "small", tokenizer)


@pytest.fixture(scope="module")
def checkpoint(model: Path, chat_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = Explanations(str(chat_store), str(model), max_tokens=128, batch_tokens=600)
    net = partial(CausalLM, source=str(model), lora_rank=4)
    task = MathExplanation(net, data.num_tokens, lr=1e-2)
    trainer = Trainer(
        accelerator="cpu", max_steps=5, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0,
    )  # fmt: skip
    trainer.fit(task, data)
    file = tmp_path_factory.mktemp("lora") / "best.ckpt"
    trainer.save_checkpoint(file)
    return file


@pytest.mark.parametrize("format", ["safetensors", "adapter"])
def test_low_rank_additions_are_written_merged_or_alone(
    checkpoint: Path, model: Path, tmp_path: Path, format: str
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    exported = export_network(checkpoint, tmp_path / "out", format)
    (checked,) = exported.checked
    assert checked.difference <= 1e-5
    base = AutoModelForCausalLM.from_pretrained(model)
    lm = (
        PeftModel.from_pretrained(base, str(exported.folder))
        if format == "adapter"
        else AutoModelForCausalLM.from_pretrained(exported.folder)
    )
    task = open_task(checkpoint)
    token_BL = torch.randint(300, (2, 20), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = task.net.lm(input_ids=token_BL).logits
        assert torch.allclose(lm.eval()(input_ids=token_BL).logits, expected, atol=1e-5)
        untouched = AutoModelForCausalLM.from_pretrained(model)(input_ids=token_BL).logits
    assert not torch.allclose(untouched, expected, atol=1e-3)
    again = AutoTokenizer.from_pretrained(exported.folder)
    assert again.decode(again.encode("7 + 8")) == "7 + 8"
    assert (exported.folder / "adapter_config.json").is_file() == (format == "adapter")


def test_an_export_ends_answers_as_the_chat_template_does(
    tokenizer: ChatTokenizer, tmp_path: Path
) -> None:
    from transformers import GenerationConfig

    net = CausalLM(len(tokenizer), {**SMALL, "eos_token_id": [7, 9]})
    task = MathExplanation(lambda num_tokens: net, len(tokenizer))
    template = "{% for m in messages %}{{ m['content'] }}<|user|>{% endfor %}"
    task.take(Companions(tokenizer={**tokenizer.files, "chat_template.jinja": template}))
    (turn_end,) = tokenizer._ids(["<|user|>"])[0]
    export_language(task, tmp_path / "out", "safetensors")
    ends = GenerationConfig.from_pretrained(tmp_path / "out").eos_token_id
    assert ends == [turn_end, *tokenizer.ends, 7, 9]


def test_an_export_is_compared_with_what_was_trained(
    tokenizer: ChatTokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = CausalLM(len(tokenizer), SMALL)
    task = MathExplanation(lambda num_tokens: net, len(tokenizer))
    own = net.logits
    monkeypatch.setattr(net, "logits", lambda batch: own(batch) * 1.01)
    with pytest.raises(CheckpointError, match="differs from the checkpoint"):
        export_language(task, tmp_path / "out", "safetensors")
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_written_is_told(
    checkpoint: Path, explaining_run: Path, trained_run: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="'onnx' is none of a language model"):
        export_network(checkpoint, tmp_path / "out", "onnx")
    with pytest.raises(ConfigError, match="'adapter' is for language models"):
        export_network(trained_run, tmp_path / "out", "adapter")
    with pytest.raises(CheckpointError, match="all of its weights were trained"):
        export_network(explaining_run, tmp_path / "out", "adapter")
    assert not (tmp_path / "out").exists()

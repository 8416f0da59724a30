"""A trained language model as files that plain transformers and peft open."""

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from torchedu.batch import TokenBatch
from torchedu.errors import CheckpointError, ConfigError, allowed
from torchedu.export.check import Checked
from torchedu.export.folder import WEIGHTS, whole_folder, write_tensors
from torchedu.models.causal_lm import CausalLM
from torchedu.models.low_rank import merge
from torchedu.readers.chat_tokenizer import ChatTokenizer
from torchedu.tasks import MathExplanation

LANGUAGE_FORMATS = ("safetensors", "adapter")
TOLERANCE = 1e-5
ADAPTER = "adapter_model.safetensors"
ROWS, LENGTH = 2, 32
"""The random texts on which what was written is compared with what was trained."""


def export_language(task: MathExplanation, out: str | Path, format: str) -> list[Checked]:
    """Write a language model with its tokenizer, and check what transformers makes of it.

    Args:
        task: A task just opened; low-rank additions become part of its weights.
        out: The folder to make.
        format: ``safetensors``, the whole model, additions merged into it; or ``adapter``, the
            additions alone, as peft keeps them.

    Returns:
        How the files were found equal.

    Raises:
        ConfigError: The folder exists, or the format is not known for such a model.
        CheckpointError: What was written says something else, or there are no additions to write.
    """
    if format not in LANGUAGE_FORMATS:
        raise ConfigError(
            f"⟦format⟧ {format!r} is none of a language model.", allowed(format, LANGUAGE_FORMATS)
        )
    net = task.net
    token_BL = torch.randint(
        net.num_tokens,
        (ROWS, min(LENGTH, net.max_history)),
        generator=torch.Generator().manual_seed(0),
    )
    with torch.inference_mode():
        expected = net.logits(_texts(token_BL))
    with whole_folder(out) as folder:
        if format == "adapter":
            _write_adapter(net, folder)
        else:
            merge(net.lm)
            _write_whole(task, folder)
        if task.tokenizer is not None:
            tokenizer = ChatTokenizer(task.tokenizer)
            tokenizer.write(folder)
            net.lm.generation_config.eos_token_id = net.all_ends(tokenizer.ends)
            net.lm.generation_config.save_pretrained(folder)
        logits = _logits(net, folder, format, token_BL)
        difference = float((logits - expected).abs().max())
        if difference > TOLERANCE:
            raise CheckpointError(
                f"what was written differs from the checkpoint by {difference:.1e}.",
                "Report it, with the versions of transformers and peft; nothing was kept.",
            )
    name = ADAPTER if format == "adapter" else WEIGHTS
    return [Checked(name, 1, token_BL.numel(), difference, TOLERANCE)]


def _texts(token_BL: Tensor) -> TokenBatch:
    """Return random texts as they are trained on."""
    scored_BL, text_BL = torch.ones_like(token_BL, dtype=torch.bool), torch.zeros_like(token_BL)
    return TokenBatch(token_BL, scored_BL, text_BL, token_BL[:, :0], torch.ones(len(token_BL)))


def _write_whole(task: MathExplanation, folder: Path) -> None:
    lm = task.net.lm
    lm.config.use_cache = True
    lm.save_pretrained(folder)


def _write_adapter(net: CausalLM, folder: Path) -> None:
    additions = {name: tensor for name, tensor in net.lm.named_parameters() if ".lora_" in name}
    if not additions:
        raise CheckpointError(
            "the checkpoint has no low-rank additions: all of its weights were trained.",
            "Export it whole: ⟦format⟧ safetensors.",
        )
    if net.source is None:
        raise CheckpointError(
            "the additions belong to weights that began at random, and that no folder holds.",
            "Export it whole: ⟦format⟧ safetensors.",
        )
    named = {
        f"base_model.model.{name.replace('.default.', '.')}": tensor
        for name, tensor in additions.items()
    }
    write_tensors(named, folder / ADAPTER)
    net.lora_config.save_pretrained(str(folder))


def _logits(net: CausalLM, folder: Path, format: str, token_BL: Tensor) -> Tensor:
    """Return what plain transformers, with peft for additions, says to tokens."""
    from transformers import AutoModelForCausalLM

    source = str(net.source if format == "adapter" else folder)
    lm: Any = AutoModelForCausalLM.from_pretrained(
        source, dtype=torch.float32, local_files_only=True, trust_remote_code=False
    )
    if format == "adapter":
        from peft import PeftModel

        with warnings.catch_warnings():  # peft asks transformers by a name that it means to drop
            warnings.simplefilter("ignore", FutureWarning)
            lm = PeftModel.from_pretrained(lm, str(folder))
    with torch.inference_mode():
        logits: Tensor = lm.eval()(input_ids=token_BL).logits
    return logits

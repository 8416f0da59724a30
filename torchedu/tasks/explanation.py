"""Explaining mathematics: a language model that goes on where a tutor would."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor

from torchedu.batch import TokenBatch
from torchedu.errors import CheckpointError, ConfigError
from torchedu.metrics.token_scores import TokenScores
from torchedu.models.causal_lm import CausalLM
from torchedu.schema import Vocabulary
from torchedu.tasks.base import Schedule, Task, class_path
from torchedu.tasks.named import builder


class Explained(NamedTuple):
    """What a model says to prompts.

    Attributes:
        text: Row of the conversation in the store; shape (prompts,).
        tokens: The answer to its first prompt, as token ids, -1 after its end; shape (prompts,
            most new tokens).
    """

    text: Tensor
    tokens: Tensor


class MathExplanation(Task):
    """Learns to say what a tutor says, token by token.

    The loss is the mean cross-entropy of the tutor's tokens of a step; prompts are read and not
    learned. Each token counts alike, however a step is divided among ranks and accumulated batches.

    Checkpoints hold the tokenizer beside the weights. Those of a model that is trained by LoRA hold
    the additions alone, and tell which weights they belong to.

    Args:
        net: Called with the number of tokens, gives the network: ``functools.partial(CausalLM,
            source="folder")``.
        num_tokens: Number of token ids.
        max_new_tokens: Most tokens of an answer that ``predict`` gives.
        lr: Learning rate of AdamW.
        weight_decay: Its weight decay.
        schedule: ``constant`` keeps the learning rate; ``one_cycle`` raises it to ``lr`` over the
            first tenth of all steps and lowers it to nothing by the last.
    """

    net: CausalLM
    metrics: TokenScores
    keys = ("text",)
    use_for = (
        "To explain mathematics to a student beside a teacher who checks it: it may be wrong, "
        "and sound sure."
    )
    not_for = "To mark a student."
    monitor = "val/log_likelihood"
    counts = "tokens"
    sizes = ("num_tokens",)
    nets = CausalLM
    usual: ClassVar = {
        "net": "torchedu.models.CausalLM",
        "data": "torchedu.datamodules.Explanations",
        "init_args": {"lr": 2e-3, "weight_decay": 0.1, "schedule": "one_cycle"},
    }

    def __init__(
        self,
        net: Callable[[int], CausalLM],
        num_tokens: int,
        max_new_tokens: int = 256,
        lr: float = 1e-4,
        weight_decay: float = 0.0,
        schedule: Schedule = "constant",
    ) -> None:
        super().__init__(lr, weight_decay, schedule)
        self.net = builder(net, CausalLM)(num_tokens)
        self.max_new_tokens = max_new_tokens
        self.metrics = TokenScores()
        self.tokenizer: dict[str, str] | None = None
        self._base: str | None = None
        self.save_hyperparameters(
            {
                "net": {
                    "class_path": class_path(type(self.net)),
                    "init_args": self.net.arguments(),
                },
                "num_tokens": num_tokens,
                "max_new_tokens": max_new_tokens,
                "lr": lr,
                "weight_decay": weight_decay,
                "schedule": schedule,
            }
        )

    def setup(self, stage: str) -> None:
        """Agree with the data on tokens and lengths.

        Args:
            stage: ``fit``, ``validate``, ``test`` or ``predict``.

        Raises:
            ConfigError: The data has another tokenizer's number of tokens, or longer texts than the
                network reads.
        """
        data = getattr(self.trainer, "datamodule", None)
        if data is None:
            return
        if self.tokenizer is not None:
            data.use(self.tokenizer)
        if data.num_tokens > self.net.num_tokens:
            raise ConfigError(
                f"the network has {self.net.num_tokens:,} tokens, the data {data.num_tokens:,}.",
                "Build it with the data's num_tokens.",
            )
        if data.max_tokens > self.net.max_steps:
            raise ConfigError(
                f"data.max_tokens is {data.max_tokens:,}, and the network reads "
                f"{self.net.max_steps:,} tokens.",
                f"Set --data.max_tokens to at most {self.net.max_steps}.",
            )
        self.tokenizer = dict(data.tokenizer.files)

    def configure_model(self) -> None:
        """Read a trained model's weights, unless the strategy does once it has divided them."""
        strategy = None if self._trainer is None else self._trainer.strategy
        if self.net.deferred and not getattr(strategy, "fills", False):
            self.net.load(getattr(strategy, "root_device", None))

    def forward(self, batch: TokenBatch) -> Tensor:
        """Return what each token of a batch costs; see ``CausalLM.forward``."""
        cost_BL: Tensor = self.net(batch)
        return cost_BL

    def loss(self, batch: TokenBatch) -> tuple[Tensor, Tensor]:
        """Return the summed cost of each row's scored tokens, and their number."""
        return self(batch).sum(1), batch.scored_BL.sum(1)

    def pseudonyms(self, batch: TokenBatch) -> list[str]:
        """Name each row by the conversations in it, as rows of the store."""
        rows = [sorted(set(row) - {-1}) for row in batch.text_BL.tolist()]
        return [f"conversation {', '.join(map(str, row))}" for row in rows]

    def outcome(self, batch: TokenBatch) -> tuple[Tensor, Tensor]:
        """Return what each token costs, and whether it counts."""
        return self(batch), batch.scored_BL

    def predict_step(self, batch: TokenBatch, batch_idx: int) -> Explained:
        """Answer the first prompt of each conversation of a batch."""
        texts, prompts = [], []
        kept = zip(batch.text_BL.tolist(), batch.token_BL.tolist(), batch.scored_BL.tolist(),
                   strict=True)  # fmt: skip
        for text, token, scored in kept:
            if True in scored:
                texts.append(text[0])
                prompts.append(token[: scored.index(True)])
        tokens = torch.full((len(prompts), self.max_new_tokens), -1)
        if prompts:
            end = self.trainer.datamodule.tokenizer.end  # type: ignore[attr-defined]
            for row, said in enumerate(self.net.generate(prompts, end, self.max_new_tokens)):
                tokens[row, : len(said)] = torch.tensor(said)
        return Explained(torch.tensor(texts, dtype=torch.int64), tokens)

    def grown(self, names: Vocabulary) -> Self:
        """Return this task, to go on with other conversations; its tokens stay as they are."""
        return self.train()

    def cpu(self) -> Self:
        """Come to the CPU, as a trainer asks at the end; what was never read has no place."""
        return self if self.net.deferred else super().cpu()

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        """Return what is trained: the additions alone, where there are some."""
        whole: dict[str, Any] = super().state_dict(*args, **kwargs)
        frozen = {name for name, one in self.named_parameters() if not one.requires_grad}
        parts = tuple(f"{name}." for name in frozen)  # weights of 4 bits have their scales beside
        for name in [one for one in whole if one in frozen or one.startswith(parts)]:
            del whole[name]
        return whole

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Take what ``state_dict`` returned."""
        complete = set(state_dict) == set(self.state_dict())
        return super().load_state_dict(state_dict, strict and not complete, assign)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the tokenizer beside the weights, and say which weights additions belong to."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["tokenizer"] = self.tokenizer
        if self.net.source is not None and any(not p.requires_grad for p in self.parameters()):
            self._base = self._base or self.net.checksum()
            checkpoint["base"] = self._base

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the tokenizer that the weights belong to.

        Raises:
            CheckpointError: The checkpoint is of another model.
        """
        super().on_load_checkpoint(checkpoint)
        self.tokenizer = checkpoint.get("tokenizer")
        base = checkpoint.get("base")
        if base is not None and self.net.source is not None and base != self.net.checksum():
            raise CheckpointError(
                f"the additions were trained on other weights than those of {self.net.source}.",
                "Put the model that they belong to there, or name it: --model.net.source FOLDER.",
            )

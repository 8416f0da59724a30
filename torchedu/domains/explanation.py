"""Explaining mathematics: a language model that goes on where a tutor would."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor

from torchedu.batch import TokenBatch
from torchedu.companions import Companions
from torchedu.domains.domain import Domain, Schedule
from torchedu.domains.rows import finite_of
from torchedu.errors import ConfigError
from torchedu.models.causal_lm import CausalLM
from torchedu.ranges import COUNT
from torchedu.schema import Vocabulary

if TYPE_CHECKING:
    from torchedu.metrics.token_scores import TokenScores


class Explained(NamedTuple):
    """What a model says to prompts.

    Attributes:
        text: Row of the conversation in the store; shape (prompts,).
        tokens: The answer to its first prompt, as token ids, -1 after its end; shape (prompts,
            most new tokens).
    """

    text: Tensor
    tokens: Tensor


class Explanation(Domain):
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

    limits: ClassVar = {"max_new_tokens": COUNT}
    net: CausalLM
    monitor = "val/log_likelihood"
    counts = "tokens"
    sizes = ("num_tokens",)
    nets = CausalLM
    keys = ("text",)
    use_for = (
        "To explain mathematics to a student beside a teacher who checks it: it may be wrong, "
        "and sound sure."
    )
    not_for = "To mark a student."
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
        self.net = self.built(net, CausalLM, num_tokens)
        self.num_tokens = num_tokens
        self.max_new_tokens = max_new_tokens
        self.ends: tuple[int, ...] = ()  # of an answer; the tokenizer says which tokens

    @property
    def tokenizer(self) -> Mapping[str, str] | None:
        """The files of the tokenizer that the weights belong to."""
        return None if self.companions is None else self.companions.tokenizer

    def agree(self, data: Any, training: bool) -> None:
        """Agree with the data, and take the tokens that end an answer; see ``Domain.agree``."""
        super().agree(data, training)
        self.ends = data.tokenizer.ends

    def take_facts(self, data: Any, fresh: bool) -> None:
        """Note which weights additions belong to."""
        assert self.companions is not None
        if self.companions.base is None and any(not p.requires_grad for p in self.parameters()):
            self.companions = replace(self.companions, base=self._base())

    def check_size(self, size: str, known: int, given: int) -> None:
        """Refuse more tokens than the network has."""
        if given > known:
            raise ConfigError(
                f"the network has {known:,} tokens, the data {given:,}.",
                "Build it with the data's num_tokens.",
            )

    def scoring(self) -> "TokenScores":
        """Return what the scores are computed by; see ``Domain.metrics``."""
        from torchedu.metrics.token_scores import TokenScores

        return TokenScores()

    def loss(self, batch: TokenBatch) -> tuple[Tensor, Tensor]:
        """Return the summed cost of each row's scored tokens, and their number."""
        cost_BL = self(batch)
        loss_B = cost_BL.sum(1) + self.net.own_loss(batch, cost_BL)
        return loss_B, batch.scored_BL.sum(1)

    def finite_rows(self, batch: TokenBatch, given: Tensor) -> Tensor:
        """Say of each row whether its scored tokens cost something finite; see ``Domain``."""
        return super().finite_rows(batch, given.where(batch.scored_BL, 0))  # others may be infinite

    def pseudonyms(self, batch: TokenBatch) -> list[str]:
        """Name each row by the conversations in it, as rows of the store."""
        rows = [sorted(set(row) - {-1}) for row in batch.text_BL.tolist()]
        return [f"conversation {', '.join(map(str, row))}" for row in rows]

    def outcome(self, batch: TokenBatch) -> tuple[Tensor, Tensor]:
        """Return what each token costs, and whether it counts."""
        return self(batch), batch.scored_BL

    def predict(self, batch: TokenBatch) -> Explained:
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
            asked_B = batch.scored_BL.any(1)

            def look(token_PL: Tensor, logit_PV: Tensor) -> Tensor:
                """Note whether what each prompt's next token is chosen by is finite."""
                if self.finite is not None:
                    self.finite.append((~asked_B).masked_scatter(asked_B, finite_of(logit_PV)))
                return logit_PV

            answers = self.net.generate(prompts, self.ends, self.max_new_tokens, look=look)
            for row, answer in enumerate(answers):
                tokens[row, : len(answer)] = torch.tensor(answer)
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
        frozen = {
            name for name, parameter in self.named_parameters() if not parameter.requires_grad
        }
        parts = tuple(f"{name}." for name in frozen)  # weights of 4 bits have their scales beside
        for name in [key for key in whole if key in frozen or key.startswith(parts)]:
            del whole[name]
        return whole

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Take what ``state_dict`` returned."""
        complete = set(state_dict) == set(self.state_dict())
        return super().load_state_dict(state_dict, strict and not complete, assign)

    def check_companions(self, companions: Companions) -> None:
        """Refuse those of additions to other weights than those that are here.

        Raises:
            CheckpointError: They are such.
        """
        if companions.base is not None:
            companions.agree(replace(companions, base=self._base()))

    def take(self, companions: Companions) -> None:
        """Take the tokenizer that the weights belong to; see ``Domain.take``."""
        self.check_companions(companions)
        super().take(companions)

    def _base(self) -> str | None:
        return None if self.net.source is None else self.net.checksum()

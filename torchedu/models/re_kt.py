"""ReKT: what a student knows of each item, of each skill and in all, and what is forgotten since.

Shen and others, "Revisiting Knowledge Tracing: A Simple and Powerful Model", ACM Multimedia 2024,
https://doi.org/10.1145/3664647.3681205.
"""

import torch
from torch import Tensor, nn

from torchedu.batch import AnswerBatch, Answered, Asked
from torchedu.layers import Dropout, along
from torchedu.layers.history_attention import keep
from torchedu.layers.rasch import RaschCodes
from torchedu.layers.runs import Runs
from torchedu.layers.table import VocabularyTable
from torchedu.models.kt_model import KTModel, State
from torchedu.schema import ITEM, PADDING


class Memory(nn.Module):
    """One state of ReKT: some of it is forgotten with time, then an answer adds to it.

    Args:
        dim: Width D.
        gaps: Numbers of answers since the last that are told apart; the last of them is never.
        dropout: Share of what a layer sees that is left out in training.
    """

    def __init__(self, dim: int, gaps: int, dropout: float) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.rand(dim) * 0.1)
        self.gap = nn.Embedding(gaps, dim)
        self.forget = nn.Linear(2 * dim, dim)
        self.learn = nn.Linear(2 * dim, dim)
        self.drop = Dropout(dropout)

    def read(self, state: Tensor, gap: Tensor) -> Tensor:
        """Return what is left of states after so many answers."""
        seen = self.drop(torch.cat([state, self.gap(gap).to(state.dtype)], dim=-1))
        return state * self.forget(seen).sigmoid().to(state.dtype)

    def write(self, read: Tensor, answer: Tensor) -> Tensor:
        """Return what was read with what an answer adds."""
        seen = self.drop(torch.cat([read, answer.to(read.dtype)], dim=-1))
        return read + self.learn(seen).tanh().to(read.dtype)


class ReKT(KTModel):
    """Keeps three states, of the item, of its skills and of all, by forgetting and learning alone.

    Deviations from the paper: what was never met begins from a learned state and a gap of its own;
    of several skills each has its state, which the answer changes in full, and they are read by
    their mean; part of the marks enters as the point that far between the codes for wrong and
    right; the difficulties carry a penalty. Step by step, items are found among the last
    ``max_history`` answers.

    Args:
        num_items: Number of item ids, the reserved ones included.
        num_skills: Number of skill ids, the reserved ones included.
        dim: Width.
        dropout: Share left out in training of what each layer sees.
        item_penalty: Weight in the loss of the sum of squares of the items' own parameters.
        max_history: Longest history taken at once.
    """

    def __init__(
        self,
        num_items: int,
        num_skills: int,
        dim: int = 64,
        dropout: float = 0.3,
        item_penalty: float = 1e-5,
        max_history: int = 200,
    ) -> None:
        super().__init__()
        self.num_items = num_items
        self.num_skills = num_skills
        self.dim = dim
        self.dropout = dropout
        self.item_penalty = item_penalty
        self.max_history: int = max_history
        self.codes = RaschCodes(num_items, num_skills, dim, difficulties=1, moves_marks=False)
        self.item = VocabularyTable(ITEM, num_items, dim, std=0.01, unknown_is_zero=True)
        self.of_item = Memory(dim, max_history + 1, dropout)
        self.of_skill = Memory(dim, max_history + 1, dropout)
        self.of_all = Memory(dim, 1, dropout)
        self.drop = Dropout(dropout)
        self.out = nn.Sequential(
            nn.Linear(4 * dim, dim), nn.ReLU(), Dropout(dropout), nn.Linear(dim, 1)
        )

    def forward(self, batch: AnswerBatch) -> Tensor:
        """Predict every answer of a batch; see ``KTModel.forward``."""
        item_BL, skill_BLS, correct_BL = batch.item_BL, batch.skill_BLS, batch.correct_BL
        asked_BLD, answer_BLD = self._codes(item_BL, skill_BLS, correct_BL)
        if torch.compiler.is_exporting():  # runs are as long as the data has them
            inputs = (item_BL, skill_BLS, asked_BLD, answer_BLD)
            return along(self._one, self.initial_state(item_BL.shape[0]), inputs)
        size, steps, names = skill_BLS.shape
        row_B1 = torch.arange(size, device=item_BL.device).unsqueeze(1)
        on_item_BLD = self._along(self.of_item, row_B1 * self.num_items + item_BL, answer_BLD)
        in_all_BLD = self._along(self.of_all, row_B1.expand(-1, steps), answer_BLD)
        key_BLS = row_B1.unsqueeze(2) * self.num_skills + skill_BLS
        # Slots of skills in the order of time, padding left out.
        real_BLS = _once(skill_BLS)
        slot = real_BLS.flatten().nonzero().squeeze(1)
        read = self._along(
            self.of_skill,
            key_BLS.flatten()[slot],
            answer_BLD.flatten(0, 1)[slot // names],
            slot // names % steps,
        )
        each = read.new_zeros(size * steps * names, self.dim).index_copy(0, slot, read)
        on_skill_BLD = _mean(each.view(size, steps, names, -1), real_BLS)
        return self._logit(in_all_BLD, on_item_BLD, on_skill_BLD, asked_BLD)

    def initial_state(self, batch_size: int) -> State:
        """Return what is known of the last items, of each skill, in all, and the answers' number.

        Items and skills have, beside their state, the number of the answer that they were last in.
        """
        new, whole = self.of_all.start.new_zeros, torch.int64
        item_BM = new(batch_size, self.max_history, dtype=whole)
        item_BMD = new(batch_size, self.max_history, self.dim)
        skill_BKD = self.of_skill.start.repeat(batch_size, self.num_skills, 1)
        last_BK = new(batch_size, self.num_skills, dtype=whole)
        all_BD = self.of_all.start.repeat(batch_size, 1)
        return item_BM, item_BMD, skill_BKD, last_BK, all_BD, new(batch_size, dtype=whole)

    def predict(self, state: State, asked: Asked) -> Tensor:
        """Predict one answer of each student; see ``KTModel.predict``."""
        item_B, skill_BS, *_ = asked
        asked_BD = self.codes.asked(item_B, skill_BS) + self.item(item_B)
        return self._said(self._read(state, item_B, skill_BS), skill_BS, asked_BD)

    def step(self, state: State, answered: Answered) -> State:
        """Take in one answer of each student; see ``KTModel.step``."""
        item_B, skill_BS, correct_B, *_ = answered
        _, answer_BD = self._codes(item_B, skill_BS, correct_B)
        return self._taken_in(
            state, self._read(state, item_B, skill_BS), item_B, skill_BS, answer_BD
        )

    def penalty(self) -> Tensor:
        """Return the penalty of items that lie far from their skills."""
        return self.item_penalty * (self.codes.penalty() + self.item.weight.square().sum())

    def _codes(self, item: Tensor, skill: Tensor, correct: Tensor) -> tuple[Tensor, Tensor]:
        own = self.item(item)
        return self.codes.asked(item, skill) + own, self.codes.answered(item, skill, correct) + own

    def _along(
        self, memory: Memory, key: Tensor, answer: Tensor, place: Tensor | None = None
    ) -> Tensor:
        """Return what a memory holds at each slot, once it is asked for there."""
        if place is None:
            place = torch.arange(key.shape[1], device=key.device).expand_as(key).flatten()
        runs = Runs(key.flatten())
        order_T, never = runs.order_T, memory.gap.num_embeddings - 1
        gap_T = (place - place[runs.before_T] - 1).clamp(max=never)
        gap_T = gap_T.masked_fill(runs.before_T < 0, never)[order_T]
        answer_TD = answer.flatten(0, -2)[order_T]

        def turn(state: Tensor, some: slice) -> tuple[Tensor, Tensor]:
            read = memory.read(state, gap_T[some])
            return read, memory.write(read, answer_TD[some])

        return runs.along(turn, memory.start).view(*key.shape, self.dim)

    def _read(self, state: State, item_B: Tensor, skill_BS: Tensor) -> tuple[Tensor, ...]:
        item_BM, item_BMD, skill_BKD, last_BK, all_BD, count_B = state
        place_M = torch.arange(1, self.max_history + 1, device=item_B.device)
        last_B = ((item_BM == item_B.unsqueeze(1)) * place_M).amax(1)  # 0: it is not there
        row_B1D = (last_B - 1).clamp(min=0).view(-1, 1, 1).expand(-1, 1, self.dim)
        met_B1 = (last_B > 0).unsqueeze(1)
        item_BD = item_BMD.gather(1, row_B1D).squeeze(1).where(met_B1, self.of_item.start)
        gap_B = (self.max_history - last_B).where(last_B > 0, self.max_history)
        skill_BSD = skill_BKD.gather(1, skill_BS.unsqueeze(-1).expand(-1, -1, self.dim))
        last_BS = last_BK.gather(1, skill_BS)
        gap_BS = (count_B.unsqueeze(1) - last_BS).clamp(max=self.max_history)
        gap_BS = gap_BS.where(last_BS > 0, self.max_history)
        return (
            self.of_item.read(item_BD, gap_B),
            self.of_skill.read(skill_BSD, gap_BS),
            self.of_all.read(all_BD, torch.zeros_like(count_B)),
        )

    def _taken_in(
        self,
        state: State,
        read: tuple[Tensor, ...],
        item_B: Tensor,
        skill_BS: Tensor,
        answer_BD: Tensor,
    ) -> State:
        item_BM, item_BMD, skill_BKD, last_BK, _, count_B = state
        on_item_BD, on_skill_BSD, in_all_BD = read
        answer_BSD = answer_BD.unsqueeze(1).expand_as(on_skill_BSD)
        skill_BSD = self.of_skill.write(on_skill_BSD, answer_BSD)
        count_B1 = (count_B + 1).unsqueeze(1)
        return (
            torch.cat([item_BM[:, 1:], item_B.unsqueeze(1)], dim=1),
            keep(item_BMD, self.of_item.write(on_item_BD, answer_BD)),
            skill_BKD.scatter(1, skill_BS.unsqueeze(-1).expand_as(skill_BSD), skill_BSD),
            last_BK.scatter(1, skill_BS, count_B1.expand_as(skill_BS)),
            self.of_all.write(in_all_BD, answer_BD),
            count_B + 1,
        )

    def _said(self, read: tuple[Tensor, ...], skill_BS: Tensor, asked_BD: Tensor) -> Tensor:
        on_item_BD, on_skill_BSD, in_all_BD = read
        on_skill_BD = _mean(on_skill_BSD, _once(skill_BS))
        return self._logit(in_all_BD, on_item_BD, on_skill_BD, asked_BD)

    def _one(self, state: State, now: tuple[Tensor, ...]) -> tuple[State, Tensor]:
        """Predict an answer and take it in, where a graph goes along histories."""
        item_B, skill_BS, asked_BD, answer_BD = now
        read = self._read(state, item_B, skill_BS)
        after = self._taken_in(state, read, item_B, skill_BS, answer_BD)
        return after, self._said(read, skill_BS, asked_BD)

    def _logit(self, *parts: Tensor) -> Tensor:
        logit: Tensor = self.out(self.drop(torch.cat(parts, dim=-1))).squeeze(-1)
        return logit


def _once(skill: Tensor) -> Tensor:
    """Say which skills count: each once, as several that are not known have one id."""
    earlier = (skill.unsqueeze(-1) == skill.unsqueeze(-2)).tril(-1).any(-1)
    return (skill != PADDING) & ~earlier


def _mean(each: Tensor, real: Tensor) -> Tensor:
    return (each * real.unsqueeze(-1)).sum(-2) / real.sum(-1, keepdim=True).clamp(min=1)

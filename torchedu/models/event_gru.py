"""A small ensemble of recurrent networks over what a student did."""

from typing import cast

import torch
from torch import Tensor, nn

from torchedu.batch import RiskBatch
from torchedu.layers import VocabularyTable
from torchedu.models.event_model import EventModel, State
from torchedu.schema import ATTRIBUTE, EVENT_NUMBERS, MODULE, MOMENT_NUMBERS


class EventGRU(EventModel):
    """Reads events with gated recurrent units, and judges each moment from the state before it.

    No one paper's network. A GRU (Cho et al., EMNLP 2014, https://arxiv.org/abs/1406.1078) reads
    the events; a moment's numbers, among them the days since the last event and where the student
    stands in the course, go with its state through two layers to the risk, and straight to it too.
    Members start apart, learn from the same batches and are averaged.

    Args:
        num_modules: Number of module ids, the reserved ones included.
        num_attributes: Number of ids of what is told of students, the reserved ones included.
        num_event_columns: Numbers of an event.
        num_moment_columns: Numbers of a moment.
        dim: Width of each member's state.
        members: Members of the ensemble.
        dropout: Share of entries left out in training before each layer of the judgement, the
            moment's numbers among them.
    """

    def __init__(
        self,
        num_modules: int,
        num_attributes: int,
        num_event_columns: int = len(EVENT_NUMBERS),
        num_moment_columns: int = len(MOMENT_NUMBERS),
        dim: int = 32,
        members: int = 4,
        dropout: float = 0.25,
    ) -> None:
        super().__init__()
        self.num_modules = num_modules
        self.num_attributes = num_attributes
        self.num_event_columns = num_event_columns
        self.num_moment_columns = num_moment_columns
        self.dim = dim
        self.members = members
        self.dropout = dropout
        self.each = nn.ModuleList(
            _Member(
                num_modules, num_attributes, num_event_columns, num_moment_columns, dim, dropout
            )
            for _ in range(members)
        )

    def _members(self) -> "list[_Member]":
        return cast("list[_Member]", list(self.each))

    def forward(self, batch: RiskBatch) -> Tensor:
        """Give the risks at a batch's moments; see ``EventModel.forward``."""
        place_BQD = batch.seen_BQ.unsqueeze(-1).expand(-1, -1, self.dim)
        logits = []
        for member in self._members():
            h_BLD, _ = member.gru(member.read(batch.event_BLE))
            known_BLD = torch.cat([torch.zeros_like(h_BLD[:, :1]), h_BLD], dim=1)
            about_B1D = member.about(batch.module_B, batch.attribute_BA).unsqueeze(1)
            logits.append(member.judge(known_BLD.gather(1, place_BQD), about_B1D, batch.moment_BQF))
        return torch.stack(logits, dim=-2)

    def initial_state(self, batch_size: int) -> State:
        """Return the members' states, zero."""
        return (self._members()[0].join.weight.new_zeros(batch_size, self.members, self.dim),)

    def predict(
        self, state: State, module_B: Tensor, attribute_BA: Tensor, moment_BF: Tensor
    ) -> Tensor:
        """Give the risk of each student at one moment; see ``EventModel.predict``."""
        (h_BMD,) = state
        judged = [
            member.judge(h_BD, member.about(module_B, attribute_BA), moment_BF)
            for member, h_BD in zip(self._members(), h_BMD.unbind(1), strict=True)
        ]
        return torch.stack(judged, dim=-2)

    def step(self, state: State, event_BE: Tensor) -> State:
        """Take in one event of each student; see ``EventModel.step``."""
        (h_BMD,) = state
        after = [
            member.gru(member.read(event_BE).unsqueeze(1), h_BD.unsqueeze(0).contiguous())[1][0]
            for member, h_BD in zip(self._members(), h_BMD.unbind(1), strict=True)
        ]
        return (torch.stack(after, dim=1),)


class _Member(nn.Module):
    def __init__(
        self, num_modules: int, num_attributes: int, events: int, moments: int, dim: int,
        dropout: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self.read = nn.Sequential(nn.Linear(events, dim), nn.ReLU())
        self.gru = nn.GRU(dim, dim, batch_first=True)
        self.module = VocabularyTable(MODULE, num_modules, 2 * dim, std=0.1)
        self.attribute = VocabularyTable(ATTRIBUTE, num_attributes, 2 * dim, std=0.1)
        self.join = nn.Linear(dim + moments, 2 * dim)
        self.straight = nn.Linear(moments, 2)
        self.drop = nn.Dropout(dropout)
        self.rest = nn.Sequential(
            nn.ReLU(), self.drop, nn.Linear(2 * dim, 2 * dim), nn.ReLU(), self.drop,
            nn.Linear(2 * dim, 2),
        )  # fmt: skip

    def about(self, module_B: Tensor, attribute_BA: Tensor) -> Tensor:
        """Return what is known of students before any event; shape (B, 2 D)."""
        about: Tensor = self.module(module_B) + self.attribute(attribute_BA).sum(1)
        return about

    def judge(self, h: Tensor, about: Tensor, moment: Tensor) -> Tensor:
        """Return the two log odds of a state at a moment."""
        joined = self.join(torch.cat([self.drop(h), self.drop(moment)], dim=-1))
        logit: Tensor = self.rest(joined + about) + self.straight(moment)
        return logit

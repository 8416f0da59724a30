"""What every network of at-risk students is: events so far in, a risk at any moment out."""

from abc import abstractmethod

import torch
from torch import Tensor

from torchedu.batch import RiskBatch
from torchedu.models.network import Network
from torchedu.schema import UNKNOWN

State = tuple[Tensor, ...]
"""What a network knows of B students; each tensor has B as its first dimension."""


class EventModel(Network):
    """A network that gives a risk at any moment from the events before it.

    A subclass takes ``num_modules`` and ``num_attributes`` (reserved ids included),
    ``num_event_columns`` and ``num_moment_columns`` (numbers of an event and of a moment) as its
    first arguments; see ``Network``.
    """

    sizes = ("num_modules", "num_attributes", "num_event_columns", "num_moment_columns")
    num_modules: int
    num_attributes: int
    num_event_columns: int
    num_moment_columns: int

    @abstractmethod
    def forward(self, batch: RiskBatch) -> Tensor:
        """Give the risks at a batch's moments, each from the events known by then.

        Args:
            batch: Events and moments; see ``RiskBatch``. Padding changes nothing.

        Returns:
            logit_BQM2: Log odds of a bad outcome, and of leaving within a week, by each of M
            members.
        """

    def example(self, rows: int, steps: int, width: int) -> RiskBatch:
        """Draw events, and as many moments between them; see ``Network.example``."""
        zero_BQ = torch.zeros(rows, steps)
        return RiskBatch(
            torch.randn(rows, steps, self.num_event_columns),
            torch.randint(UNKNOWN, self.num_modules, (rows,)),
            torch.randint(self.num_attributes, (rows, width)),
            torch.randn(rows, steps, self.num_moment_columns),
            torch.arange(steps).repeat(rows, 1),
            torch.zeros(rows),
            zero_BQ,
            zero_BQ == 0,
            torch.arange(rows),
            zero_BQ,
            torch.ones(rows),
            torch.full((rows,), -1),
            torch.full((rows,), float(rows * steps)),
        )

    @abstractmethod
    def initial_state(self, batch_size: int) -> State:
        """Return what is known of students before any event.

        Args:
            batch_size: How many students.

        Returns:
            Tensors on the network's device.
        """

    @abstractmethod
    def predict(
        self, state: State, module_B: Tensor, attribute_BA: Tensor, moment_BF: Tensor
    ) -> Tensor:
        """Give the risk of each student at one moment.

        Args:
            state: What is known of each.
            module_B: The module.
            attribute_BA: What is told of each student.
            moment_BF: The numbers of the moment.

        Returns:
            logit_BM2: Equal to ``forward`` after the same events.
        """

    @abstractmethod
    def step(self, state: State, event_BE: Tensor) -> State:
        """Take in one event of each student, without going through the earlier ones again.

        Args:
            state: What is known of each.
            event_BE: The numbers of the event.

        Returns:
            What is known after it.
        """

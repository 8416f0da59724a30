"""What every network of knowledge tracing is: answers so far in, the chance of the next one out."""

from abc import abstractmethod
from typing import ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor

from torchedu.batch import UNKNOWN_VALUES, AnswerBatch, Answered, Asked, TracingFacts
from torchedu.models.network import Network
from torchedu.schema import UNKNOWN

State = tuple[Tensor, ...]
"""What a network knows of B students; each tensor has B as its first dimension, and one student's
part the same shape after any number of answers, so that states of any students can be stacked."""


class KTModel(Network):
    """A network that predicts each answer from the answers before it.

    A subclass takes ``num_items`` and ``num_skills`` (reserved ids included) as its first two
    arguments; see ``Network``. ``torchedu.testing.check_network`` checks the contract of both on
    any subclass.

    Attributes:
        reads: What it reads of an answer beside item, skills and mark: any of ``time``,
            ``response_time`` and ``attempt``. Batches, questions and answers carry those alone.
        past: Whether batches of data modules carry what came before each answer in the whole
            history; see ``AnswerBatch``. ``step`` keeps it along.
    """

    reads: ClassVar[tuple[str, ...]] = ()
    past: ClassVar[bool] = False
    sizes = ("num_items", "num_skills")

    num_items: int
    num_skills: int

    @abstractmethod
    def forward(self, batch: AnswerBatch) -> Tensor:
        """Predict every answer of a batch from those before it in the same window.

        Args:
            batch: Histories; see ``AnswerBatch``. What its padded slots hold changes nothing.

        Returns:
            logit_BL: Log odds that the answer is correct; slot t has seen the answers before t, the
            question of t (see ``Asked``), and nothing of ``correct_BL[:, t:]``.
        """

    @abstractmethod
    def initial_state(self, batch_size: int) -> State:
        """Return what is known of students who have answered nothing.

        Args:
            batch_size: How many students.

        Returns:
            Tensors on the network's device.
        """

    @abstractmethod
    def predict(self, state: State, asked: Asked) -> Tensor:
        """Predict one answer of each student.

        Args:
            state: What is known of each.
            asked: The question.

        Returns:
            logit_B: Log odds of a correct answer, equal to ``forward`` after the same history.
        """

    @abstractmethod
    def step(self, state: State, answered: Answered) -> State:
        """Take in one answer of each student, without going through the history again.

        Args:
            state: What is known of each; it stays as it is.
            answered: The answer.

        Returns:
            What is known after it, in tensors of the same shapes.
        """

    def example(self, rows: int, steps: int, width: int) -> AnswerBatch:
        """Draw histories of unequal length, in which some values are not known; see ``Network``."""
        item_BL = torch.randint(UNKNOWN, self.num_items, (rows, steps))
        first_BL1 = torch.randint(self.num_skills - 1, (rows, steps, 1))
        each_S = torch.arange(width)
        skill_BLS = UNKNOWN + (first_BL1 + each_S) % (self.num_skills - 1)
        few = min(width, self.num_skills - 1)  # each once
        number_BL1 = torch.randint(few + 1, (rows, steps, 1))
        length_B1 = torch.randint(1, steps + 1, (rows, 1))
        length_B1[0] = steps
        real_BL = torch.arange(steps) < length_B1
        known_BL = real_BL & (torch.rand(rows, steps) < 0.8)
        drawn = {
            "time": torch.randint(10**9, (rows, steps)).cumsum(1) + 10**12,
            "response_time": torch.rand(rows, steps) * 60,
            "attempt": torch.randint(1, 5, (rows, steps)),
        }
        return AnswerBatch(
            item_BL * real_BL,
            skill_BLS * (each_S < number_BL1) * real_BL[..., None],
            torch.randint(5, (rows, steps)) / 4 * real_BL,
            real_BL,
            torch.arange(rows),
            torch.zeros(rows, dtype=torch.int64),
            torch.full((rows,), float(real_BL.sum())),
            **{
                f"{name}_BL": torch.where(known_BL, drawn[name], UNKNOWN_VALUES[name][1])
                for name in self.reads
            },
        )

    @property
    def state_bytes(self) -> int:
        """How large the state of one student is."""
        return sum(tensor.nbytes for tensor in self.initial_state(1))


@runtime_checkable
class BuildsOnRegression(Protocol):
    """A network that builds on a logistic regression, which data fits for it before training.

    Attributes:
        regression: What it has taken over of one; None before it has met data.
    """

    @property
    def regression(self) -> TracingFacts | None:
        """What it has taken over of a regression."""

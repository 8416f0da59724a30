"""What every network of knowledge tracing is: answers so far in, the chance of the next one out."""

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor

from torchedu.batch import AnswerBatch, Answered, Asked
from torchedu.models.network import Network

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
    """

    reads: ClassVar[tuple[str, ...]] = ()

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

    @property
    def state_bytes(self) -> int:
        """How large the state of one student is."""
        return sum(tensor.nbytes for tensor in self.initial_state(1))

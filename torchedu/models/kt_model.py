"""What every network of knowledge tracing is: answers so far in, the chance of the next one out."""

from abc import abstractmethod

from torch import Tensor

from torchedu.batch import AnswerBatch
from torchedu.models.network import Network

State = tuple[Tensor, ...]
"""What a network knows of B students; each tensor has B as its first dimension."""


class KTModel(Network):
    """A network that predicts each answer from the answers before it.

    A subclass takes ``num_items`` and ``num_skills`` (reserved ids included) as its first two
    arguments; see ``Network``. ``torchedu.testing.check_network`` checks the contract of both on
    any subclass.
    """

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
            item and skills of t, and nothing of ``correct_BL[:, t:]``.
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
    def predict(self, state: State, item_B: Tensor, skill_BS: Tensor) -> Tensor:
        """Predict one answer of each student.

        Args:
            state: What is known of each.
            item_B: The item asked.
            skill_BS: Its skills, 0 where it has fewer than S.

        Returns:
            logit_B: Log odds of a correct answer, equal to ``forward`` after the same history.
        """

    @abstractmethod
    def step(self, state: State, item_B: Tensor, skill_BS: Tensor, correct_B: Tensor) -> State:
        """Take in one answer of each student, without going through the history again.

        Args:
            state: What is known of each.
            item_B: The item answered.
            skill_BS: Its skills, 0 where it has fewer than S.
            correct_B: 0, 1 or a share of the marks.

        Returns:
            What is known after it.
        """

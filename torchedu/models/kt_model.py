"""What every network of knowledge tracing is: answers so far in, the chance of the next one out."""

import inspect
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Tensor, nn

from torchedu.batch import AnswerBatch

State = tuple[Tensor, ...]
"""What a network knows of B students; each tensor has B as its first dimension."""


class KTModel(nn.Module, ABC):
    """A network that predicts each answer from the answers before it.

    A subclass takes ``num_items`` and ``num_skills`` (reserved ids included) as its first two
    arguments and keeps every argument as an attribute of the same name, plain JSON values all; a
    checkpoint stores them and builds the network again from them. ``torchedu.testing.check_model``
    checks this contract on any subclass.
    """

    max_steps: int | None = None
    """The longest history that the network takes at once; None where any length will do."""

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

    def penalty(self) -> Tensor | float:
        """Return a term of the network's own to add to the mean loss; none by default."""
        return 0.0

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that build this network again, sizes left out.

        Returns:
            Plain JSON values by the argument's name.
        """
        names = list(inspect.signature(type(self).__init__).parameters)[1:]
        return {name: getattr(self, name) for name in names if name not in self._sizes}

    _sizes: ClassVar = ("num_items", "num_skills")

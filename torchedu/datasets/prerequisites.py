"""Which courses, or skills, require which."""

import numpy as np
from numpy.typing import NDArray


class Prerequisites:
    """What each course or skill requires.

    Args:
        pairs: Ids of a course and of one it requires; shape (pairs, 2).
        num_items: Number of ids, the reserved ones included.
    """

    def __init__(self, pairs: NDArray[np.int64], num_items: int) -> None:
        self.pairs = np.unique(pairs, axis=0) if len(pairs) else pairs.reshape(0, 2)
        self.num_items = num_items

    def closed(
        self, student: NDArray[np.int64], item: NDArray[np.int64], num_students: int
    ) -> NDArray[np.bool_]:
        """Say which courses a student may not take yet.

        Args:
            student: The student of each enrolment, from 0; shape (enrolments,).
            item: Its course; shape (enrolments,).
            num_students: How many students there are.

        Returns:
            Where something required is missing; shape (num_students, num_items).
        """
        taken = np.zeros((num_students, self.num_items), bool)
        taken[student, item] = True
        return self.missing(taken)

    def missing(self, has: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Say of what something required is missing.

        Args:
            has: What each student has taken or mastered; shape (students, num_items).

        Returns:
            The same shape.
        """
        closed = np.zeros_like(has)
        for wanted, required in self.pairs.tolist():
            closed[:, wanted] |= ~has[:, required]
        return closed

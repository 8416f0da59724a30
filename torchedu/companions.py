"""What weights belong to, and data has to agree with."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchedu.schema import Vocabulary


class Companions(NamedTuple):
    """What a trained network's weights belong to, which data takes before it is read for them.

    Attributes:
        vocabulary: The names whose ids the network knows.
        ranges: Lowest and highest score and the step between two, of each prompt and score; shape
            (prompts, scores, 3); None where nothing is scored.
        tokenizer: The files of a language model's tokenizer, by name; None without one.
    """

    vocabulary: Vocabulary
    ranges: NDArray[np.float32] | None = None
    tokenizer: Mapping[str, str] | None = None

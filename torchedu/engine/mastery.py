"""How well does a student master each skill, by any network?"""

from collections.abc import Iterator

import torch
from torch import Tensor

from torchedu.batch import AnswerBatch, Asked, as_read
from torchedu.models.kt_model import KTModel, State
from torchedu.schema import PADDING, RESERVED, UNKNOWN

DEFINITION = (
    "Mastery of a skill is the chance, after the answers so far, of answering correctly a question "
    "on that skill alone that nobody has seen before."
)
ASKED_BYTES = 2**26
"""Copies of states that are asked about at once hold so much, or are those of one question."""


@torch.inference_mode()
def mastery(net: KTModel, state: State) -> Tensor:
    """Return the mastery of every skill; see ``DEFINITION``.

    Args:
        net: The network, in evaluation mode.
        state: What it knows of B students.

    Returns:
        mastery_BK: In 0..1, for skill ids from 2 (the reserved ids have none).
    """
    size = len(state[0])
    skill_K = torch.arange(RESERVED, net.num_skills, device=state[0].device)
    if not len(skill_K):
        return state[0].new_zeros(size, 0)
    row = torch.arange(size, device=skill_K.device).repeat_interleave(len(skill_K))
    most = max(1, ASKED_BYTES // net.state_bytes)
    logits = []
    for row_B, skill_B in zip(row.split(most), skill_K.repeat(size).split(most), strict=True):
        asked = Asked(torch.full_like(skill_B, UNKNOWN), skill_B.unsqueeze(1))
        copied = tuple(tensor[row_B] for tensor in state)
        logits.append(net.predict(copied, as_read(asked, net.reads)).float())
    return torch.cat(logits).sigmoid().view(size, len(skill_K))


@torch.inference_mode()
def follow(net: KTModel, batch: AnswerBatch) -> Iterator[State]:
    """Yield what a network knows after each step of a batch.

    Args:
        net: The network, in evaluation mode.
        batch: Histories.

    Yields:
        L states; what they say of a student counts up to the end of the student's window.
    """
    state = net.initial_state(len(batch.item_BL))
    for t in range(batch.item_BL.shape[1]):
        state = net.step(state, batch.answered(t))
        yield state


@torch.inference_mode()
def final_mastery(net: KTModel, batch: AnswerBatch) -> Tensor:
    """Return the mastery of every skill after the last answer of each window.

    Args:
        net: The network, in evaluation mode.
        batch: Histories.

    Returns:
        mastery_BK: In 0..1, for skill ids from 2.
    """
    length_B = (batch.item_BL != PADDING).sum(1)
    mastery_BK = batch.correct_BL.new_zeros(len(length_B), max(0, net.num_skills - RESERVED))
    # Longest first, so that those who go on are always the first rows, and the others cost nothing.
    row_B = length_B.argsort(descending=True, stable=True)
    state = net.initial_state(len(row_B))
    for t in range(batch.item_BL.shape[1]):
        going = int((length_B > t).sum())
        row_B = row_B[:going]
        state = net.step(tuple(tensor[:going] for tensor in state), batch.answered(t, row_B))
        after = int((length_B > t + 1).sum())
        if after < going:
            ended = tuple(tensor[after:] for tensor in state)
            mastery_BK[row_B[after:]] = mastery(net, ended)
    return mastery_BK

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
TOGETHER = 32
"""Rows of which a multiple is computed at once: each then comes out the same to the last bit
whatever stands beside it, since kernels treat a single row and the rest of a vector otherwise."""
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
    unseen = Asked(torch.full_like(skill_K, UNKNOWN), skill_K.unsqueeze(1))
    row_P, question_P = crossed(size, len(skill_K), skill_K.device)
    return chances(net, state, row_P, unseen, question_P).view(size, len(skill_K))


def crossed(rows: int, columns: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Return row and column of each place of a table, row by row."""
    place = torch.arange(rows * columns, device=device)
    return place // columns, place % columns


@torch.inference_mode()
def chances(net: KTModel, state: State, row_P: Tensor, asked: Asked, question_P: Tensor) -> Tensor:
    """Return how likely students answer questions right.

    Args:
        net: The network, in evaluation mode.
        state: What it knows of students.
        row_P: Which of them is asked.
        asked: Questions.
        question_P: Which of these each is asked.

    Returns:
        chance_P: In 0..1.
    """
    asked, size = as_read(asked, net.reads), len(row_P)
    most = TOGETHER * max(1, ASKED_BYTES // (TOGETHER * net.state_bytes))
    filled = torch.arange(size + -size % TOGETHER, device=row_P.device).clamp(max=max(0, size - 1))
    row_P, question_P = row_P[filled], question_P[filled]
    logits = [state[0].new_zeros(0)]
    for row_B, question_B in zip(row_P.split(most), question_P.split(most), strict=True):
        put = Asked(*(None if x is None else x[question_B] for x in asked))  # type: ignore[arg-type]
        logits.append(net.predict(tuple(x[row_B] for x in state), put).float())
    return torch.cat(logits).sigmoid()[:size]


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
    size = len(batch.item_BL)
    mastery_BK = batch.correct_BL.new_zeros(size, max(0, net.num_skills - RESERVED))
    for row_B, state in final_states(net, batch):
        mastery_BK[row_B] = mastery(net, state)
    return mastery_BK


@torch.inference_mode()
def final_states(net: KTModel, batch: AnswerBatch) -> Iterator[tuple[Tensor, State]]:
    """Yield what a network knows after the last answer of each window.

    Args:
        net: The network, in evaluation mode.
        batch: Histories; one without an answer ends where it begins.

    Yields:
        Some rows of the batch, each once, and the state of each.
    """
    length_B = (batch.item_BL != PADDING).sum(1)
    # Longest first, so that those who go on are always the first rows, and the others cost nothing.
    row_B = length_B.argsort(descending=True, stable=True)
    state = net.initial_state(len(row_B))
    for t in range(batch.item_BL.shape[1] + 1):
        going = int((length_B > t).sum())
        if going < len(row_B):
            yield row_B[going:], tuple(tensor[going:] for tensor in state)
            row_B, state = row_B[:going], tuple(tensor[:going] for tensor in state)
        if going:
            state = net.step(state, batch.answered(t, row_B))

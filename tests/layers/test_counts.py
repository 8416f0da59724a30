import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from torchedu.layers import add_marks, counts_before, look_up


def by_hand(id_BLS: NDArray[np.int64], correct_BL: NDArray[np.float32]) -> NDArray[np.float64]:
    """Count with loops: the mean over an answer's names of marks won and lost before it."""
    out = np.zeros((*correct_BL.shape, 2))
    for b, (ids, marks) in enumerate(zip(id_BLS, correct_BL, strict=True)):
        won: dict[int, float] = {}
        lost: dict[int, float] = {}
        for t, (names, mark) in enumerate(zip(ids, marks, strict=True)):
            real = [name for name in names.tolist() if name]
            if real:
                out[b, t] = (
                    sum(won.get(name, 0) for name in real) / len(real),
                    sum(lost.get(name, 0) for name in real) / len(real),
                )
            for name in real:
                won[name] = won.get(name, 0) + float(mark)
                lost[name] = lost.get(name, 0) + 1 - float(mark)
    return out


@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(1, 9), st.integers(1, 3))
def test_counts_equal_those_of_a_loop(seed: int, size: int, steps: int, names: int) -> None:
    rng = np.random.default_rng(seed)
    num = 6
    ids = np.stack([rng.permutation(num)[:names] for _ in range(size * steps)])
    ids = ids.reshape(size, steps, names)  # an answer's names differ; 0 is padding
    correct = rng.choice([0, 0.25, 0.5, 1], (size, steps)).astype(np.float32)
    wanted = by_hand(ids, correct)
    counts = counts_before(torch.from_numpy(ids), torch.from_numpy(correct), num)
    assert counts.dtype == torch.float32
    np.testing.assert_allclose(counts.numpy(), wanted, atol=1e-5)
    kept = torch.zeros(size, num, 2)
    for t in range(steps):
        id_BS, correct_B = torch.from_numpy(ids[:, t]), torch.from_numpy(correct[:, t])
        np.testing.assert_allclose(look_up(kept, id_BS).numpy(), wanted[:, t], atol=1e-5)
        kept = add_marks(kept, id_BS, correct_B)


def test_long_histories_lose_no_mark() -> None:
    steps = 3000
    ids = torch.full((1, steps, 1), 2)
    counts = counts_before(ids, torch.ones(1, steps), 3)
    assert counts[0, :, 0].tolist() == list(range(steps))
    assert not counts[0, :, 1].any()

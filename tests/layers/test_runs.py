import torch
from torch import Tensor

from torchedu.layers.runs import Runs


def test_each_slot_goes_on_from_the_last_of_its_name() -> None:
    key_T = torch.randint(6, (40,), generator=torch.Generator().manual_seed(0))
    runs = Runs(key_T)
    value_T = torch.arange(1.0, 41.0)[runs.order_T].unsqueeze(1)

    def turn(state: Tensor, some: slice) -> tuple[Tensor, Tensor]:
        return state, state + value_T[some]

    read_T = runs.along(turn, torch.zeros(1)).squeeze(1)
    for t, key in enumerate(key_T.tolist()):
        before = [u for u in range(t) if key_T[u] == key]
        assert read_T[t] == sum(u + 1 for u in before)
        assert runs.before_T[t] == (before[-1] if before else -1)


def test_no_slots_give_nothing() -> None:
    runs = Runs(torch.zeros(0, dtype=torch.int64))
    assert runs.along(lambda state, some: (state, state), torch.zeros(3)).shape == (0, 3)

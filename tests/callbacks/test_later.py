import torch

from torchedu.callbacks.later import Later
from torchedu.testing import Pretended


def test_numbers_of_a_device_are_read_without_waiting_for_what_came_after() -> None:
    numbers = [1.5, float("inf"), -2.0]
    assert Later(torch.tensor(numbers)).tolist() == numbers
    with Pretended() as device:
        norm_G = torch.zeros(3, device=device.name)
        later = Later(norm_G)
        assert later.tolist() == [0.0, 0.0, 0.0]
        assert not device.syncs

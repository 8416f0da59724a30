import torch
from torch import Tensor, nn
from torch.export import Dim

from torchedu.layers import along
from torchedu.layers.recurrence import State


class Sums(nn.Module):
    def forward(self, x_BL: Tensor) -> Tensor:
        def step(state: State, now: tuple[Tensor, ...]) -> tuple[State, Tensor]:
            return (state[0] + now[0],), state[0]

        return along(step, (torch.zeros_like(x_BL[:, 0]),), (x_BL,))


def test_each_step_goes_on_from_the_one_before() -> None:
    x_BL = torch.rand(3, 9)
    torch.testing.assert_close(Sums()(x_BL), x_BL.cumsum(1) - x_BL)


def test_a_graph_of_it_holds_for_any_length() -> None:
    sizes = {0: Dim("B", min=1), 1: Dim("L", min=1)}
    graph = torch.export.export(Sums(), (torch.rand(3, 9),), dynamic_shapes=(sizes,)).module()
    x_BL = torch.rand(2, 30)
    torch.testing.assert_close(graph(x_BL), x_BL.cumsum(1) - x_BL)

import torch
from torch import nn

from torchedu.optimizers import RowAdagrad


def trained(sparse: bool) -> nn.Embedding:
    torch.manual_seed(0)
    table = nn.Embedding(10, 4, sparse=sparse)
    optimizer = RowAdagrad(table.parameters(), lr=0.1)
    for rows in ([1, 2, 2], [2, 5], [1]):
        optimizer.zero_grad()
        table(torch.tensor(rows)).square().sum().backward()
        optimizer.step()
    return table


def test_sparse_and_dense_gradients_take_the_same_steps() -> None:
    assert torch.allclose(trained(True).weight, trained(False).weight, atol=1e-7)


def test_rows_out_of_use_rest_and_the_state_is_one_number_a_row() -> None:
    torch.manual_seed(0)
    table = nn.Embedding(10, 4, sparse=True)
    before = table.weight.detach().clone()
    optimizer = RowAdagrad(table.parameters(), lr=0.1, weight_decay=0.1)
    table(torch.tensor([3])).sum().backward()
    optimizer.step()
    moved = (table.weight.detach() != before).any(1)
    assert moved.nonzero().flatten().tolist() == [3]
    assert optimizer.state[table.weight]["sum"].shape == (10,)


def test_a_step_of_known_size() -> None:
    parameter = nn.Parameter(torch.tensor([[1.0, 1.0]]))
    optimizer = RowAdagrad([parameter], lr=0.5)
    parameter.grad = torch.tensor([[3.0, 4.0]])
    optimizer.step()
    root = (25 / 2) ** 0.5
    assert torch.allclose(parameter, torch.tensor([[1 - 1.5 / root, 1 - 2 / root]]))


def test_it_finds_a_minimum_with_a_vector_and_a_closure() -> None:
    vector = nn.Parameter(torch.tensor([3.0, -2.0]))
    optimizer = RowAdagrad([vector], lr=0.5)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = (vector - 1).square().sum()
        loss.backward()
        return loss

    for _ in range(200):
        last = optimizer.step(closure)
    assert last < 1e-3

import torch

from torchedu.layers import together


def test_it_spans_the_leading_directions_of_what_is_taken_together() -> None:
    torch.manual_seed(0)
    first = torch.randint(2, 22, (300, 1))
    name_SL = torch.cat([first, 22 + (first - 2) // 5, torch.zeros_like(first)], 1)
    vector_ND = together(name_SL, 30, 4)
    bag_SN = torch.zeros(300, 30).scatter_(1, name_SL, 1.0)[:, 2:].double()
    weighed_SN = bag_SN * bag_SN.sum(0).clamp(min=1) ** -0.25
    leading_ND = torch.linalg.eigh(weighed_SN.T @ weighed_SN).eigenvectors[:, -4:]
    overlap = torch.linalg.svdvals(leading_ND.T @ vector_ND[2:].double())
    torch.testing.assert_close(overlap, torch.ones(4).double(), atol=1e-3, rtol=0)
    torch.testing.assert_close(vector_ND.T @ vector_ND, torch.eye(4), atol=1e-5, rtol=0)
    assert torch.equal(vector_ND, together(name_SL, 30, 4))


def test_names_in_no_list_are_zero_and_few_lists_give_few_columns() -> None:
    vector_ND = together(torch.tensor([[2, 3, 0], [4, 2, 1]]), 9, 8)
    assert vector_ND.shape == (9, 2)
    assert not vector_ND[[0, 1, 5, 6, 7, 8]].any()
    assert together(torch.zeros(3, 2, dtype=torch.int64), 9, 8).shape == (9, 0)

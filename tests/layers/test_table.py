import subprocess
import sys

import pytest
import torch

from torchedu.layers import VocabularyTable
from torchedu.schema import PADDING, UNKNOWN


def test_padding_is_zero_and_stays_so() -> None:
    table = VocabularyTable("skill", 5, 3, std=1.0)
    assert not table.weight[PADDING].any()
    assert table.weight[UNKNOWN].any()
    ids = torch.tensor([[0, 2], [1, 0]])
    (table(ids).sum() + table.mean(ids).sum()).backward()
    assert table.weight.grad is not None
    assert not table.weight.grad[PADDING].any()


def test_an_unknown_name_can_be_kept_at_zero() -> None:
    table = VocabularyTable("item", 5, 3, std=1.0, unknown_is_zero=True)
    assert not table.weight[UNKNOWN].any()
    table(torch.tensor([1, 2])).sum().backward()
    assert table.weight.grad is not None
    assert not table.weight.grad[UNKNOWN].any()
    with torch.no_grad():
        table.weight[UNKNOWN] = 7.0  # as a decay or a careless load might
    assert not table(torch.tensor([UNKNOWN])).any()


def test_the_mean_leaves_padding_out() -> None:
    table = VocabularyTable("skill", 6, 2, std=1.0)
    ids = torch.tensor([[[2, 0, 0], [2, 3, 5]], [[4, 3, 0], [0, 0, 0]]])
    rows = table.weight
    wanted = torch.stack(
        [rows[2], (rows[2] + rows[3] + rows[5]) / 3, (rows[4] + rows[3]) / 2, torch.zeros(2)]
    )
    torch.testing.assert_close(table.mean(ids).flatten(0, 1), wanted)
    torch.testing.assert_close(table.mean(ids[..., :1]), table(ids[..., 0]))


def test_rows_start_with_the_spread_asked_for() -> None:
    torch.manual_seed(0)
    table = VocabularyTable("skill", 2000, 10, std=0.3)
    assert abs(table.weight[1:].std().item() - 0.3) < 0.01


@pytest.mark.parametrize("unknown_is_zero", [False, True])
@pytest.mark.parametrize("skills", [1, 3])
def test_sparse_gradients_equal_dense_ones(unknown_is_zero: bool, skills: int) -> None:
    table = VocabularyTable("item", 9, 4, std=1.0, unknown_is_zero=unknown_is_zero)
    id = torch.randint(0, 9, (5, 7, skills), generator=torch.Generator().manual_seed(0))
    found = []
    for table.sparse in (False, True):
        table.weight.grad = None
        (table.mean(id).square().sum() + table(id[..., 0]).exp().sum()).backward()
        assert table.weight.grad is not None
        assert table.weight.grad.is_sparse == table.sparse
        found.append(table.weight.grad.to_dense())
    torch.testing.assert_close(*found)


def test_what_is_made_elsewhere_is_known_before_a_library_puts_its_own_in_place() -> None:
    code = (
        "import torch, torchedu.layers\n"
        "own = torch.linspace\n"
        "torch.linspace = lambda *words, **named: own(*words, **{'device': 'cpu', **named})\n"
        "with torch.device('meta'): torch.empty(1)\n"
        "torch.linspace = own\n"
        "with torch.device('meta'): print(torch.linspace(0, 1, 3).device)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "meta\n"


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_products_with_rows_are_those_of_looking_all_up(kind: torch.dtype) -> None:
    torch.manual_seed(0)
    table = VocabularyTable("skill", 40, 8, std=1.0)
    x = torch.randn(3, 900, 8).to(kind).requires_grad_()
    id = torch.randint(40, (3, 900, 1))
    slope = torch.randn(3, 900)
    wanted = (x.to(table.weight.dtype) * table.mean(id)).sum(-1)
    dots = table.dot(x, id)
    torch.testing.assert_close(dots, wanted)
    parts = [torch.autograd.grad((y * slope).sum(), [x, table.weight]) for y in (dots, wanted)]
    torch.testing.assert_close(*parts)
    assert not parts[0][1][PADDING].any()


def test_products_with_the_mean_of_several_rows() -> None:
    table = VocabularyTable("skill", 5, 4, std=1.0)
    x, id = torch.randn(2, 4), torch.tensor([[2, 3], [4, 0]])
    torch.testing.assert_close(table.dot(x, id), (x * table.mean(id)).sum(-1))

import pytest
import torch
from torch import Tensor

from torchedu.layers import AttentionBlock

SEEN = torch.tensor([[True, False, True, True, False], [False, False, True, False, False]])


def by_hand(
    block: AttentionBlock, query: Tensor, memory: Tensor, seen_M: Tensor | None = None
) -> Tensor:
    """Attention as in Vaswani et al. (2017), one query and one head at a time."""
    dim = query.shape[-1]
    width = dim // block.heads
    q = block.query(query)
    k, v = block.key(memory), block.value(memory)
    rows = []
    for t in range(len(query)):
        seen = torch.arange(len(memory)) <= t if seen_M is None else seen_M
        heads = []
        for h in range(block.heads):
            at = slice(h * width, (h + 1) * width)
            weight = (k[seen, at] @ q[t, at] / width**0.5).softmax(0)
            heads.append(weight @ v[seen, at])
        rows.append(torch.cat(heads))
    x = block.norm_attention(query + block.out(torch.stack(rows)))
    return block.norm_feed(x + block.down(torch.relu(block.up(x))))


@pytest.mark.parametrize("seen", [None, SEEN])
def test_a_block_attends_as_the_formula_says(seen: Tensor | None) -> None:
    torch.manual_seed(0)
    block = AttentionBlock(dim=8, heads=2, dropout=0.5).eval()
    query, memory = torch.randn(2, 5, 8), torch.randn(2, 5, 8)
    masks = [None, None] if seen is None else seen
    wanted = torch.stack([by_hand(block, *row) for row in zip(query, memory, masks, strict=True)])
    torch.testing.assert_close(block(query, memory, seen), wanted, atol=1e-5, rtol=1e-4)


def test_dropout_is_for_training_alone() -> None:
    torch.manual_seed(0)
    block = AttentionBlock(dim=8, heads=2, dropout=0.5)
    x = torch.randn(1, 5, 8)
    assert not torch.equal(block.train()(x, x), block(x, x))
    assert torch.equal(block.eval()(x, x), block(x, x))


@pytest.mark.parametrize("seen", [None, SEEN])
def test_training_without_luck_equals_evaluation(seen: Tensor | None) -> None:
    torch.manual_seed(0)
    block = AttentionBlock(dim=8, heads=2, dropout=1e-9)  # too little for any entry
    query, memory = torch.randn(2, 5, 8), torch.randn(2, 5, 8)
    found = block.train()(query, memory, seen)
    torch.testing.assert_close(found, block.eval()(query, memory, seen))

import pytest
import torch

from torchedu.layers.history_attention import HistoryAttention, answers_ago, answers_kept, keep


@pytest.mark.parametrize("itself", [True, False])
@pytest.mark.parametrize("decay", [True, False])
def test_what_is_kept_is_attended_to_as_a_whole_window_is(itself: bool, decay: bool) -> None:
    torch.manual_seed(0)
    net = HistoryAttention(8, 2, 0.0, decay).eval()
    x_BLD, y_BLD = torch.randn(2, 3, 6, 8)
    with torch.no_grad():
        whole_BLD = net(x_BLD, x_BLD, y_BLD, answers_ago(x_BLD[..., 0], itself))
        x_BMD, y_BMD = torch.zeros(2, 3, 7, 8)
        for t in range(6):
            now = (x_BMD, y_BMD)
            ago_B1M = answers_kept(torch.full((3,), t), 7, itself)
            if itself:
                now = (
                    torch.cat([x, new[:, t : t + 1]], 1)
                    for x, new in ((x_BMD, x_BLD), (y_BMD, y_BLD))
                )
            torch.testing.assert_close(
                net(x_BLD[:, t : t + 1], *now, ago_B1M)[:, 0], whole_BLD[:, t]
            )
            x_BMD, y_BMD = keep(x_BMD, x_BLD[:, t]), keep(y_BMD, y_BLD[:, t])


def test_far_answers_count_less_where_attention_decays() -> None:
    torch.manual_seed(0)
    net = HistoryAttention(8, 2, 0.0, feed=False).eval()
    same_BLD = torch.randn(8).expand(1, 5, 8)

    def pull(answer: int) -> float:
        moved = torch.zeros(1, 5, 8)
        moved[0, answer] = 1
        with torch.no_grad():
            ago = answers_ago(moved[..., 0], itself=False)
            plain, other = (net(same_BLD, same_BLD, y, ago)[0, 4] for y in (0 * moved, moved))
        return float((plain - other).abs().sum())

    with torch.no_grad():
        net.key.bias.fill_(3)  # what is alike pulls, and the distance weakens it
    assert pull(0) < pull(3)

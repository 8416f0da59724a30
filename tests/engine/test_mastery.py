import pytest
import torch

from torchedu.batch import Asked
from torchedu.engine.mastery import chances, crossed, final_mastery, final_states, follow, mastery
from torchedu.models import DKT, SAKT, ItemDKT, KTModel
from torchedu.schema import RESERVED, UNKNOWN
from torchedu.testing.kinds import NetworkSubject


@pytest.mark.parametrize("kind", [DKT, ItemDKT, SAKT])
def test_mastery_is_the_chance_on_an_unseen_question_of_that_skill_alone(
    kind: type[KTModel],
) -> None:
    subject = NetworkSubject(kind)
    net, batch = subject.net(), subject.batch(rows=3, steps=4)
    *_, state = follow(net, batch)
    level_BK = mastery(net, state)
    assert level_BK.shape == (3, 9 - RESERVED)
    for k in range(RESERVED, 9):
        with torch.inference_mode():
            asked = Asked(torch.full((3,), UNKNOWN), torch.full((3, 1), k))
            logit_B = net.predict(state, asked)
        torch.testing.assert_close(level_BK[:, k - RESERVED], logit_B.sigmoid())
    torch.testing.assert_close(final_mastery(net, batch), level_BK)


def test_final_mastery_stops_at_the_end_of_each_window() -> None:
    subject = NetworkSubject(ItemDKT)
    net, batch = subject.net(), subject.batch(rows=3, steps=6)
    seen_BL = torch.arange(6) < torch.tensor([[2], [6], [4]])
    padded = batch._replace(
        item_BL=batch.item_BL * seen_BL, skill_BLS=batch.skill_BLS * seen_BL[..., None]
    )
    final_BK = final_mastery(net, padded)
    for i, length in enumerate((2, 6, 4)):
        rows = {name: x[i : i + 1] for name, x in batch._asdict().items() if x is not None}
        cut = {name: x[:, :length] if x.dim() > 1 else x for name, x in rows.items()}
        one = batch._replace(**cut)
        torch.testing.assert_close(final_BK[i : i + 1], final_mastery(net, one))


@pytest.mark.parametrize("most", [2**26, 1, 3000])
def test_many_skills_are_asked_for_in_parts(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchedu.engine.mastery.ASKED_BYTES", most)
    net = DKT(4, 70, dim=3).eval()
    state = tuple(torch.stack([x[0], x[0] + 1]) for x in net.initial_state(2))
    level_BK = mastery(net, state)
    weight = net.prior.weight[RESERVED:, 0].detach()
    moved = net.asked.weight[RESERVED:].detach().sum(1)
    torch.testing.assert_close(level_BK, torch.stack([weight, weight + moved]).sigmoid())


def test_chances_are_what_the_network_says_of_each() -> None:
    subject = NetworkSubject(ItemDKT)
    net, batch = subject.net(), subject.batch(rows=3, steps=4)
    *_, state = follow(net, batch)
    asked = batch.answered(0).asked
    row_P, question_P = crossed(3, 2)
    assert row_P.tolist() == [0, 0, 1, 1, 2, 2]
    said_BM = chances(net, state, row_P, asked, question_P).view(3, 2)
    for m in range(2):
        of_all = Asked(asked.item_B[m].expand(3), asked.skill_BS[m].expand(3, -1))
        with torch.inference_mode():
            torch.testing.assert_close(said_BM[:, m], net.predict(state, of_all).sigmoid())


def test_a_window_without_an_answer_ends_where_it_begins() -> None:
    subject = NetworkSubject(DKT)
    net, batch = subject.net(), subject.batch(rows=3, steps=4)
    seen_BL = torch.arange(4) < torch.tensor([[0], [4], [0]])
    batch = batch._replace(item_BL=batch.item_BL * seen_BL)
    ended = {tuple(row_B.tolist()): state for row_B, state in final_states(net, batch)}
    assert set(ended) == {(0, 2), (1,)}
    for known, begun in zip(ended[0, 2], net.initial_state(2), strict=True):
        torch.testing.assert_close(known, begun)


def test_without_skills_there_is_no_mastery() -> None:
    net = DKT(4, RESERVED, dim=3).eval()
    assert mastery(net, net.initial_state(2)).shape == (2, 0)

import torch

from torchedu.batch import RiskBatch
from torchedu.models import EventGRU
from torchedu.schema import EVENT_NUMBERS, MOMENT_NUMBERS


def drawn(students: int = 4, events: int = 7, moments: int = 5) -> RiskBatch:
    torch.manual_seed(0)
    seen_BQ = torch.randint(0, events + 1, (students, moments)).sort(1).values
    zero_BQ, zero_B = torch.zeros(students, moments), torch.zeros(students)
    return RiskBatch(
        torch.randn(students, events, len(EVENT_NUMBERS)),
        torch.randint(2, 5, (students,)),
        torch.randint(0, 6, (students, 2)),
        torch.randn(students, moments, len(MOMENT_NUMBERS)),
        seen_BQ, zero_B, zero_BQ, torch.ones(students, moments, dtype=torch.bool),
        zero_B.long(), zero_BQ, zero_B + 1, zero_B.long(), zero_B + 1,
    )  # fmt: skip


def built() -> EventGRU:
    return EventGRU(5, 6, dim=8, members=2, dropout=0.3).eval()


def test_a_risk_sees_no_event_after_its_moment() -> None:
    net, batch = built(), drawn()
    before = net(batch)
    events = batch.event_BLE.clone()
    events[:, 3:] = 9
    after = net(batch._replace(event_BLE=events))
    unmoved = batch.seen_BQ <= 3
    assert torch.equal(before[unmoved], after[unmoved])
    assert not torch.equal(before[~unmoved], after[~unmoved])


def test_padding_changes_nothing() -> None:
    net, batch = built(), drawn()
    wide = torch.cat([batch.event_BLE, torch.full_like(batch.event_BLE, 3)], 1)
    assert torch.allclose(net(batch), net(batch._replace(event_BLE=wide)), atol=1e-6)


def test_event_by_event_gives_the_same_risks() -> None:
    net, batch = built(), drawn()
    whole = net(batch)
    for b in range(4):
        for q, seen in enumerate(batch.seen_BQ[b].tolist()):
            state = net.initial_state(1)
            for event_E in batch.event_BLE[b, :seen]:
                state = net.step(state, event_E[None])
            row = slice(b, b + 1)
            about = batch.module_B[row], batch.attribute_BA[row]
            one = net.predict(state, *about, batch.moment_BQF[row, q])
            assert torch.allclose(one[0], whole[b, q], atol=1e-5)


def test_members_differ_and_arguments_build_the_same_network() -> None:
    net, batch = built(), drawn()
    logit_BQM2 = net(batch)
    assert logit_BQM2.shape == (4, 5, 2, 2)
    assert not torch.allclose(logit_BQM2[:, :, 0], logit_BQM2[:, :, 1])
    again = EventGRU(5, 6, **net.arguments()).eval()
    again.load_state_dict(net.state_dict())
    assert torch.equal(again(batch), logit_BQM2)


def test_it_goes_by_what_it_is_told_of_students_and_by_nothing_it_is_not_told() -> None:
    net, batch = built(), drawn()
    other = batch._replace(attribute_BA=(batch.attribute_BA + 1) % 6)
    assert not torch.allclose(net(batch), net(other))
    untold = [batch.attribute_BA[:, :0], torch.zeros_like(batch.attribute_BA)]  # ids of padding
    first, second = (net(batch._replace(attribute_BA=one)) for one in untold)
    assert torch.equal(first, second)

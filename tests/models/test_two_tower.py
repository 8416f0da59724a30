import pytest
import torch

from torchedu.batch import CourseFacts, EnrolmentBatch
from torchedu.models import TwoTower

NUM = 12


def begun(
    taken_SL: torch.Tensor, fresh: bool = True, dtype: torch.dtype = torch.float32
) -> TwoTower:
    torch.manual_seed(0)
    net = TwoTower(NUM, 5, 0, 0, dim=16).to(dtype)
    popularity_N = torch.bincount(taken_SL.flatten(), minlength=NUM).float()
    net.learn(CourseFacts(popularity_N, torch.zeros(NUM, 0).long(), taken_SL), fresh)
    return net.eval()


def in_order(students: int) -> torch.Tensor:
    """Students who take three courses, each the one after the one before; they begin anywhere."""
    torch.manual_seed(1)
    return 2 + (torch.randint(NUM - 2, (students, 1)) + torch.arange(3)) % (NUM - 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_knows_what_follows_what_before_any_step(dtype: torch.dtype) -> None:
    taken_SL = in_order(60)
    net = begun(taken_SL, dtype=dtype)
    batch = net.example(60, 3, 0)._replace(item_BL=taken_SL)
    logit_BN = net.logits(net(batch)[:, 1]).detach()
    logit_BN[:, :2] = -torch.inf
    logit_BN.scatter_(1, taken_SL[:, :1], -torch.inf)
    assert torch.equal(logit_BN.argmax(1), taken_SL[:, 1])


def test_only_a_fresh_network_and_only_of_enough_students_begins_so() -> None:
    drawn = {name: value.clone() for name, value in begun(in_order(3)).state_dict().items()}
    trained = begun(in_order(60), fresh=False).state_dict()
    for name in ("course.weight", "linear.weight"):
        assert torch.equal(trained[name], drawn[name])
        assert not torch.equal(begun(in_order(60)).state_dict()[name], drawn[name])


def test_students_of_a_single_course_tell_nothing_and_break_nothing() -> None:
    for taken_SL in (torch.randint(2, NUM, (20, 1)), torch.ones(20, 3, dtype=torch.int64)):
        net = begun(taken_SL)
        batch: EnrolmentBatch = net.example(4, 5, 0)
        assert net.logits(net(batch)).isfinite().all()

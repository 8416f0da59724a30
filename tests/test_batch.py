import torch

from torchedu.batch import AnswerBatch, Answered, Asked, as_read
from torchedu.models import DKT
from torchedu.schema import NO_TIME
from torchedu.testing.kinds import NetworkSubject


def batch() -> AnswerBatch:
    return NetworkSubject(DKT).batch(rows=3, steps=7)


def test_an_answer_is_what_the_batch_holds_at_its_step() -> None:
    everyone = batch()
    answered = everyone.answered(4)
    assert answered.item_B.equal(everyone.item_BL[:, 4])
    assert answered.attempt_B is not None
    assert everyone.attempt_BL is not None
    assert answered.attempt_B.equal(everyone.attempt_BL[:, 4])
    some = everyone.answered(torch.tensor([1, 5]), torch.tensor([2, 0]))
    assert some.item_B.tolist() == [int(everyone.item_BL[2, 1]), int(everyone.item_BL[0, 5])]
    assert everyone._replace(time_BL=None).answered(4).time_B is None


def test_a_question_has_no_mark_and_no_response_time() -> None:
    answered = batch().answered(0)
    asked = answered.asked
    assert isinstance(asked, Asked)
    assert asked._fields == ("item_B", "skill_BS", "time_B", "attempt_B", "judged_B")
    assert all(getattr(asked, name) is getattr(answered, name) for name in asked._fields)


def test_what_a_network_reads_is_there_and_nothing_else() -> None:
    plain = Answered(torch.tensor([2, 3]), torch.tensor([[2], [3]]), torch.ones(2))
    full = as_read(plain, ("time", "response_time", "attempt"))
    assert full.time_B is not None
    assert full.response_time_B is not None
    assert full.attempt_B is not None
    assert full.time_B.tolist() == [NO_TIME, NO_TIME]
    assert full.response_time_B.isnan().all()
    assert full.attempt_B.tolist() == [0, 0]
    known = full._replace(attempt_B=torch.tensor([1, 2]))
    assert as_read(known, ("attempt",)) == plain._replace(attempt_B=known.attempt_B)
    assert as_read(known.asked, ("response_time",))[2:] == (None, None, None)

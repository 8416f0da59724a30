"""The loss of tags, weighed by how rare they are, and names that travel with the network."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from tests.models.test_lesson_models import drawn
from torchedu.companions import Companions
from torchedu.errors import CheckpointError, ConfigError
from torchedu.schema import ENCODER, TAG, Names, Vocabulary
from torchedu.tasks import TranscriptTagging

NET = {"class_path": "torchedu.models.TurnContext", "init_args": {"dim": 8, "dropout": 0.0}}


def names(teacher: str = "abc", student: str = "def", encoder: str = "x") -> Vocabulary:
    return Vocabulary(
        {TAG + "teacher": Names(teacher), TAG + "student": Names(student), ENCODER: Names(encoder)}
    )


def task(**arguments: float) -> TranscriptTagging:
    torch.manual_seed(0)
    return TranscriptTagging(NET, 5, 5, 5, **arguments)


def with_data(one: TranscriptTagging, **of_data: object) -> TranscriptTagging:
    data = SimpleNamespace(
        own=Companions(names()), vector_dim=5, num_teacher_tags=5, num_student_tags=5,
        tag_counts=lambda: {"teacher": torch.tensor([90.0, 9, 1]), "student": torch.zeros(3)},
        used=[], longest="", facts=lambda net: None, people=lambda before: None,
        leave_out=lambda people, part: None, suit=lambda net: None,
    )  # fmt: skip
    data.use = data.used.append
    vars(data).update(of_data)
    one._trainer = SimpleNamespace(datamodule=data)  # type: ignore[assignment]
    return one


def test_the_loss_is_that_of_each_sentences_own_role() -> None:
    one, batch = task(), drawn()
    scored_BL = batch.scored_BL & (torch.rand(batch.scored_BL.shape) < 0.7)
    loss_B, count_B = one.loss(batch._replace(scored_BL=scored_BL))
    logits = torch.stack(one(batch))
    for row in range(3):
        each = [
            F.cross_entropy(logits[batch.role_BL[row, at], row, at], batch.tag_BL[row, at] - 2)
            for at in scored_BL[row].nonzero().flatten()
        ]
        assert loss_B[row].item() == pytest.approx(sum(one.item() for one in each), abs=1e-4)
        assert count_B[row] == len(each)


def test_rare_tags_count_for_more_and_all_together_as_before() -> None:
    one = with_data(task(balance=1.0))
    one.setup("fit")
    assert one.teacher_weight[2] / one.teacher_weight[0] == pytest.approx(90)
    counts = torch.tensor([90.0, 9, 1])
    assert (one.teacher_weight * counts).sum() == pytest.approx(100)
    assert one.student_weight.isfinite().all()
    flat = with_data(task(balance=0.0))
    flat.setup("fit")
    assert flat.teacher_weight.tolist() == [1, 1, 1]


@pytest.mark.parametrize("balance", [0.0, 0.3, 1.0])
def test_the_fewer_sentences_there_are_the_more_rare_tags_count(balance: float) -> None:
    powers = []
    for times in (0.1, 100.0, 1e6):  # ten sentences, FEW, and very many
        counts = {"teacher": times * torch.tensor([90.0, 9, 1]), "student": torch.zeros(3)}
        one = with_data(task(balance=balance), tag_counts=lambda counts=counts: counts)
        one.setup("fit")
        at = counts["teacher"].clamp(min=1)
        weight = one.teacher_weight
        powers.append((weight[2] / weight[0]).log().item() / (at[0] / at[2]).log().item())
    assert powers == pytest.approx([balance**0.001, balance**0.5, balance], abs=1e-3)


def test_the_data_must_fit_the_network() -> None:
    with pytest.raises(ConfigError, match="has vector_dim 5, the data 384"):
        with_data(task(), vector_dim=384).setup("fit")
    with pytest.raises(ConfigError, match="has num_student_tags 5, the data 6"):
        with_data(task(), num_student_tags=6).setup("fit")
    with pytest.raises(ConfigError, match="balance is 2"):
        task(balance=2)


def test_a_trained_network_gives_its_names_to_the_data() -> None:
    one = task()
    one.companions = Companions(names("cab"), fixed=one.fixed)
    one = with_data(one)
    one.setup("test")
    assert one.trainer.datamodule.used == [one.companions]
    one.companions = Companions(names(encoder="y"), fixed=one.fixed)
    with pytest.raises(CheckpointError, match="the network was trained with y"):
        one.setup("test")


def test_new_tags_get_rows_of_their_own() -> None:
    one = task()
    one.companions = Companions(names())
    grown = one.grown(names("xa", "d"))
    assert list(grown.vocabulary[TAG + "teacher"]) == ["a", "b", "c", "x"]
    before, after = one.eval()(drawn()), grown.eval()(drawn())
    assert after[0].shape[-1] == 4
    assert torch.allclose(after[0][..., :3], before[0], atol=1e-6)
    assert torch.allclose(after[1], before[1], atol=1e-6)


def test_a_role_without_tags_is_left_out() -> None:
    torch.manual_seed(0)
    one, batch = TranscriptTagging(NET, 2, 5, 5), drawn()
    scored_BL = batch.scored_BL & (batch.role_BL == 1)
    loss_B, _ = one.loss(batch._replace(scored_BL=scored_BL))
    assert loss_B.isfinite().all()
    tag_BL, probability_BL = one.likeliest(batch)
    assert not tag_BL[batch.role_BL == 0].any()
    assert (probability_BL[batch.role_BL == 1] > 0.3).all()


def test_predictions_are_of_what_is_asked_for_alone() -> None:
    one, batch = task(), drawn()
    asked_BL = batch.seen_BL.clone()
    asked_BL[:, 0] = False
    found = one.predict_step(batch._replace(asked_BL=asked_BL, start_B=batch.start_B + 10), 0)
    assert len(found.tag) == asked_BL.sum()
    assert found.position.min() == 11
    assert (found.tag >= 2).all()
    assert one.pseudonyms(batch) == ["lesson row 0", "lesson row 1", "lesson row 2"]

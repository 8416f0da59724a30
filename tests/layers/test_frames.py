"""Frames are normalised as one batch however it is divided, and varied in training alone."""

import torch
from torch import distributed, nn

from torchedu.layers.frames import FrameNorm, Varied, centred, normed
from torchedu.strategies.sync_batch_norm import SyncBatchNorm
from torchedu.testing.launch import LaunchServer

SEEN = torch.tensor([[True] * 5, [True, True, False, False, False], [False] * 5])


def drawn() -> torch.Tensor:
    return torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0)) * 3 + 2


def test_it_is_batch_normalisation_of_what_is_heard() -> None:
    ours, theirs, x = FrameNorm(4), nn.BatchNorm1d(4), drawn()
    junk = torch.where(SEEN.unsqueeze(-1), x, 1e3)
    said = normed(ours, junk, SEEN)
    torch.testing.assert_close(said[SEEN], theirs(x[SEEN]))
    assert not said[~SEEN].any()
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    ours.eval()
    torch.testing.assert_close(normed(ours, junk[1:2], SEEN[1:2]), normed(ours, junk, SEEN)[1:2])


def test_a_batch_in_which_hardly_anything_is_heard_is_no_harm() -> None:
    norm = FrameNorm(4)
    for heard in (torch.zeros(3, 5, dtype=torch.bool), SEEN & (torch.arange(15).view(3, 5) == 0)):
        assert normed(norm, drawn(), heard).isfinite().all()
    assert norm.running_mean.tolist() == [0, 0, 0, 0]


def numbers(rows: slice, norm: nn.Module) -> tuple[list[float], list[float]]:
    """Return the running spread and the gradient of some rows of a batch."""
    weight_4 = torch.arange(1.0, 5.0)
    (normed(norm, drawn()[rows], SEEN[rows]).pow(3) * weight_4).sum().backward()
    gradient = norm.get_parameter("weight").grad
    assert gradient is not None
    return norm.get_buffer("running_var").tolist(), gradient.tolist()


def of_a_rank() -> tuple[list[float], list[float]]:
    distributed.init_process_group("gloo")
    norm, first = FrameNorm(4), distributed.get_rank() == 0
    SyncBatchNorm().apply(norm)
    found = numbers(slice(0, 1) if first else slice(1, 3), norm)
    distributed.destroy_process_group()
    return found


def test_two_ranks_that_meet_are_one_batch(launch: LaunchServer) -> None:
    started = launch.start(of_a_rank, ranks=2)
    assert started.wait(90) == [0, 0], started.output()
    variance, gradient = numbers(slice(None), FrameNorm(4))
    ranks = [started.result(rank) for rank in (0, 1)]
    for own, _ in ranks:
        torch.testing.assert_close(torch.tensor(own), torch.tensor(variance))
    summed = torch.tensor([own for _, own in ranks]).sum(0)
    torch.testing.assert_close(summed, torch.tensor(gradient), atol=1e-4, rtol=1e-4)


def test_frames_are_varied_in_training_alone() -> None:
    torch.manual_seed(0)
    vary, x = Varied(0.2), drawn()
    assert torch.equal(vary.eval()(x, SEEN), x)
    assert not torch.equal(vary.train()(x, SEEN), x)
    assert torch.equal(Varied(0.0).train()(x, SEEN), x)
    assert (vary(torch.ones(64, 50, 20), torch.ones(64, 50, dtype=torch.bool)) == 0).any()


def test_the_room_is_taken_out() -> None:
    x = drawn()
    torch.testing.assert_close(centred(x + torch.arange(4.0), SEEN), centred(x, SEEN))
    assert centred(x, SEEN)[SEEN].mean().abs() < 1e-6

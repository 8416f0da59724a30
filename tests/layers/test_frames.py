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
    for still in (vary.eval(), Varied(0.0).train()):
        assert torch.equal(still(x, SEEN)[0], x)
        assert torch.equal(still(x, SEEN)[1], SEEN)
    varied, heard = vary.train()(x, SEEN)
    assert varied.shape == (3, 6, 4)
    assert heard.shape == (3, 6)
    assert heard.sum(1).tolist()[2] == 0


def waves() -> tuple[torch.Tensor, torch.Tensor]:
    """Return recordings of 80, 40 and 1 frames whose frames tell their time and their band."""
    heard = torch.arange(80) < torch.tensor([80, 40, 1]).unsqueeze(1)
    time, band = torch.arange(80.0).view(1, 80, 1), torch.arange(20.0)
    return ((time + band / 100) * heard.unsqueeze(-1)).repeat(50, 1, 1), heard.repeat(50, 1)


def test_time_is_stretched_from_the_first_frame_to_the_last() -> None:
    torch.manual_seed(0)
    x, heard = waves()
    varied, now = Varied(0.2)._paced(x, heard, torch.rand(150, 1))
    share = now.sum(1) / heard.sum(1)
    assert share.min() > 0.77
    assert share[::3].max() > 1.15
    assert 0.95 < share[::3].mean() < 1.05
    last = varied[torch.arange(150), now.sum(1) - 1, 0]
    assert (last[::3] - 79).abs().max() < 1.3
    steps = varied[:, 1:] - varied[:, :-1]
    assert steps[now[:, 1:]].min() >= 0


def test_some_recordings_get_noise_that_hides_what_is_quieter() -> None:
    torch.manual_seed(0)
    silence = torch.full((400, 30, 20), -20.0)
    noisy = Varied(0.2)._noisy(silence)
    chosen = (noisy != silence).flatten(1).any(1)
    assert 0.3 < chosen.float().mean() < 0.5
    assert noisy[chosen].mean() > -8
    loud = torch.full((400, 30, 20), 8.0)
    torch.testing.assert_close(Varied(0.2)._noisy(loud), loud, atol=0.1, rtol=0)


def test_numbers_that_are_no_bands_stay_in_their_places() -> None:
    torch.manual_seed(0)
    x, heard = waves()
    same = torch.stack([x[..., 0]] * 3, -1)  # whatever is done to time
    moved, still = Varied(0.2), Varied(0.2, bands=False)
    ramp = torch.arange(20.0).expand(150, 80, 20)
    torch.testing.assert_close(moved._moved(ramp, torch.full((150, 2), 0.5)), ramp)
    assert not torch.equal(moved._moved(ramp, torch.rand(150, 2)), ramp)
    hidden = still._hidden(torch.randn(150, 80, 20) + 3, heard, torch.rand(150, 4))
    spread = hidden[::3].std(1)
    assert (spread == 0).any(1).float().mean() > 0.5  # a band that holds its mean alone
    varied, now = still(same, heard)
    assert varied.isfinite().all()
    assert now.any(1).all()


def test_how_loud_a_recording_is_is_taken_out() -> None:
    x, seen = drawn(), SEEN.unsqueeze(-1)
    loud = torch.tensor([1.0, -5.0, 2.0]).view(3, 1, 1)
    torch.testing.assert_close(centred(x + loud, SEEN), centred(x, SEEN))
    junk = torch.where(seen, x, 1e3)
    torch.testing.assert_close(centred(junk, SEEN), centred(x, SEEN))
    assert centred(x, SEEN)[SEEN].mean().abs() < 1e-6
    assert not centred(x, SEEN)[~SEEN].any()


def test_the_room_is_taken_out_of_what_is_long() -> None:
    room = torch.arange(4.0) - 1.5

    def left(frames: int) -> float:
        heard = torch.ones(1, frames, dtype=torch.bool)
        return float(centred(room.expand(1, frames, 4), heard)[0, 0, 3] / room[3])

    assert left(30) > 0.9
    assert left(300) == 0.5
    assert left(30_000) < 0.02

"""Frames of recordings made alike, and varied in training as speakers and rooms vary them."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WORD = 300.0
"""Frames of a recording whose mean by band tells as much of what was said as of the room."""
COLOURS = 4
"""Waves over the bands of which the colour of a room is made."""


class FrameNorm(nn.BatchNorm1d):
    """Batch normalisation (Ioffe and Szegedy, ICML 2015) of frames, of those that are no padding.

    Ranks normalise what each has; ``sync_batchnorm`` lets them be one batch.
    """

    def forward(self, x_MF: Tensor) -> Tensor:
        """Return frames about zero; of less than two by what earlier batches were like.

        Args:
            x_MF: Frames that are heard.
        """
        if self.training and len(x_MF) < 2:
            return F.batch_norm(
                x_MF, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(x_MF)


def normed(norm: nn.Module, frame_NIF: Tensor, heard_NI: Tensor) -> Tensor:
    """Return frames normalised by the mean and spread of all that are heard; zero where none is.

    Args:
        norm: ``FrameNorm``, or what takes its place where ranks meet.
        frame_NIF: The frames.
        heard_NI: Which are no padding.
    """
    heard_NI1 = heard_NI.unsqueeze(-1)
    if norm.training:
        real_MF: Tensor = norm(frame_NIF[heard_NI])
        blank_NIF = real_MF.new_zeros(frame_NIF.shape)
        return blank_NIF.masked_scatter(heard_NI1, real_MF)
    said_MF: Tensor = norm(frame_NIF.flatten(0, 1))
    return said_MF.unflatten(0, heard_NI.shape).masked_fill(~heard_NI1, 0)


def centred(frame_BIF: Tensor, heard_BI: Tensor) -> Tensor:
    """Return frames less how loud a recording is, and less its mean by band the longer it is.

    The mean of each band tells the microphone and the room, and of a single word what was said
    too: without it a linear model tells digits of new speakers worse, AUC .902 instead of .943.

    Args:
        frame_BIF: The frames of a recording, all windows.
        heard_BI: Which are no padding.
    """
    weight_BI1 = heard_BI.unsqueeze(-1).to(frame_BIF.dtype)
    number_B11 = weight_BI1.sum(1, keepdim=True)
    band_B1F = (frame_BIF * weight_BI1).sum(1, keepdim=True) / number_B11.clamp(min=1)
    loud_B11 = band_B1F.mean(2, keepdim=True)
    known_B11 = number_B11 / (number_B11 + WORD)
    return (frame_BIF - torch.lerp(loud_B11, band_B1F, known_B11)) * weight_BI1


class Varied(nn.Module):
    """Varies frames in training; outside training they stay.

    Recordings are spoken faster or more slowly (Ko et al., Interspeech 2015), their bands are moved
    and stretched, as voices of other lengths of the throat do (Jaitly and Hinton, ICML workshop
    2013), they get the colour of another room, or its noise, and stretches of bands and of time
    are hidden (SpecAugment, Park et al., https://arxiv.org/abs/1904.08779).

    Args:
        share: How much: time is stretched and bands move by so large a share at most, twice it is
            the spread of each wave of a colour, in the frames' logarithms, and the chance of
            noise, and twice it of bands and once of frames is hidden at most.
        bands: Whether the numbers of a frame are bands of pitch; others are neither moved nor
            coloured, and get no noise.
    """

    def __init__(self, share: float, bands: bool = True) -> None:
        super().__init__()
        self.share, self.bands = share, bands

    def forward(self, frame_BIF: Tensor, heard_BI: Tensor) -> tuple[Tensor, Tensor]:
        """Return frames, varied recording by recording, and which of them are no padding.

        Args:
            frame_BIF: The frames; there are more afterwards, for those that are spoken slowly.
            heard_BI: Which are no padding.
        """
        if not (self.training and self.share):
            return frame_BIF, heard_BI
        drawn_B7 = torch.rand(len(frame_BIF), 7, device=frame_BIF.device)
        frame_BIF, heard_BI = self._paced(frame_BIF, heard_BI, drawn_B7[:, 6:])
        if self.bands:
            frame_BIF = self._noisy(self._coloured(self._moved(frame_BIF, drawn_B7[:, :2])))
        return self._hidden(frame_BIF, heard_BI, drawn_B7[:, 2:6]), heard_BI

    def _paced(
        self, frame_BIF: Tensor, heard_BI: Tensor, drawn_B1: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Stretch time."""
        slots = heard_BI.shape[1] + int(self.share * heard_BI.shape[1])
        slower_B1 = 1 + self.share * (2 * drawn_B1 - 1)
        length_B1 = heard_BI.sum(1, keepdim=True)
        slot_I = torch.arange(slots, device=frame_BIF.device)
        heard_BI = slot_I < (length_B1 * slower_B1).floor().clamp(min=1) * (length_B1 > 0)
        return _between(frame_BIF, slot_I / slower_B1, length_B1, 1), heard_BI

    def _moved(self, frame_BIF: Tensor, drawn_B2: Tensor) -> Tensor:
        """Stretch bands, and move them all."""
        bands = frame_BIF.shape[-1]
        scale_B1, move_B1 = (1 + self.share * (2 * drawn_B2 - 1)).chunk(2, 1)
        band_F = torch.arange(bands, device=frame_BIF.device)
        place_BF = band_F * scale_B1 + bands * (move_B1 - 1) / 4
        return _between(frame_BIF, place_BF, torch.full_like(scale_B1, bands), 2)

    def _coloured(self, frame_BIF: Tensor) -> Tensor:
        """Add a smooth curve over the bands, one to a recording."""
        rows, _, bands = frame_BIF.shape
        band_F = torch.arange(bands, device=frame_BIF.device) * (math.pi / bands)
        wave_C = torch.arange(1, COLOURS + 1, device=frame_BIF.device)
        wave_CF = (wave_C.unsqueeze(1) * band_F).cos()
        high_BC = torch.randn(rows, COLOURS, device=frame_BIF.device) * (2 * self.share)
        return frame_BIF + (high_BC @ wave_CF).to(frame_BIF.dtype).unsqueeze(1)

    def _noisy(self, frame_BIF: Tensor) -> Tensor:
        """Add noise to some recordings, some three below how loud they are or less."""
        noise_BIF = torch.randn_like(frame_BIF) / 2 + torch.randn_like(frame_BIF[:, :1]) / 2
        drawn_B3 = torch.rand(len(frame_BIF), 3, device=frame_BIF.device, dtype=frame_BIF.dtype)
        below_B, quiet_B, chosen_B = drawn_B3.unbind(1)
        loud_B = 3 * below_B - 3 + 1.5 * quiet_B.clamp(min=1e-6).log()
        noise_BIF = torch.logaddexp(frame_BIF, noise_BIF + loud_B.view(-1, 1, 1))
        return torch.where((chosen_B < 2 * self.share).view(-1, 1, 1), noise_BIF, frame_BIF)

    def _hidden(self, frame_BIF: Tensor, heard_BI: Tensor, drawn_B4: Tensor) -> Tensor:
        """Put the mean of a recording in the place of some bands and some frames."""
        band_F = torch.arange(frame_BIF.shape[-1], device=frame_BIF.device) / frame_BIF.shape[-1]
        length_B1 = heard_BI.sum(1, keepdim=True).clamp(min=1)
        when_BI = (heard_BI.cumsum(1) - 1) / length_B1
        hidden_BF = _within(band_F, 2 * self.share * drawn_B4[:, :1], drawn_B4[:, 1:2])
        hidden_BI = _within(when_BI, self.share * drawn_B4[:, 2:3], drawn_B4[:, 3:])
        mean_BF = torch.einsum("bif,bi->bf", frame_BIF, heard_BI.to(frame_BIF.dtype)) / length_B1
        hidden_BIF = hidden_BF.unsqueeze(1) | hidden_BI.unsqueeze(-1)
        return torch.where(hidden_BIF, mean_BF.unsqueeze(1), frame_BIF)


def _between(x_BIF: Tensor, place_BN: Tensor, size_B1: Tensor, dim: int) -> Tensor:
    """Return what stands at places between the slots of an axis, up to its size in each row."""
    last_B1 = (size_B1 - 1).clamp(min=0)
    place_BN = place_BN.clamp(min=0).minimum(last_B1.to(place_BN.dtype))
    low_BN = place_BN.floor().long()
    high_BN = (low_BN + 1).minimum(last_B1.long())
    above_BN = (place_BN - low_BN).to(x_BIF.dtype)
    other = 3 - dim  # the axis that stays
    index = [n.unsqueeze(other) for n in (low_BN, high_BN)]
    shape = list(x_BIF.shape)
    shape[dim] = place_BN.shape[1]
    low, high = (x_BIF.gather(dim, n.expand(shape)) for n in index)
    return torch.lerp(low, high, above_BN.unsqueeze(other))


def _within(place_BN: Tensor, wide_B1: Tensor, drawn_B1: Tensor) -> Tensor:
    """Say which places of 0 to 1 lie in a stretch so wide, which begins where it is drawn."""
    first_B1 = drawn_B1 * (1 - wide_B1)
    return (place_BN >= first_B1) & (place_BN < first_B1 + wide_B1)


def positions(steps: int, dim: int, like: Tensor) -> Tensor:
    """Return sines and cosines that tell places (Vaswani et al., 2017); shape (steps, dim)."""
    place_I1 = torch.arange(steps, device=like.device).unsqueeze(1)
    rate_D = torch.exp(torch.arange(0, dim, 2, device=like.device) * (-9.2103 / dim))
    angle_ID = place_I1 * rate_D
    both_ID = torch.cat([angle_ID.sin(), angle_ID.cos()], 1)[:, :dim]
    return F.pad(both_ID, (0, dim - both_ID.shape[1])).to(like.dtype)

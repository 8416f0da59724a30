"""Frames of recordings made alike, and varied in training as speakers and rooms vary them."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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
    """Return frames less their mean over a recording, which tells the microphone and the room.

    Args:
        frame_BIF: The frames of a recording, all windows.
        heard_BI: Which are no padding.
    """
    weight_BI1 = heard_BI.unsqueeze(-1).to(frame_BIF.dtype)
    number_B11 = weight_BI1.sum(1, keepdim=True).clamp(min=1)
    return (frame_BIF - (frame_BIF * weight_BI1).sum(1, keepdim=True) / number_B11) * weight_BI1


class Varied(nn.Module):
    """Varies frames in training; outside training they stay.

    Bands are moved and stretched, as voices of other lengths of the throat do (Jaitly and Hinton,
    ICML workshop 2013), and stretches of bands and of time are hidden (SpecAugment, Park et al.,
    https://arxiv.org/abs/1904.08779).

    Args:
        share: How much: bands move by so large a share of themselves at most, and twice it of bands
            and once of frames is hidden at most.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, frame_BIF: Tensor, heard_BI: Tensor) -> Tensor:
        """Return the frames, varied recording by recording.

        Args:
            frame_BIF: Frames about zero.
            heard_BI: Which are no padding.
        """
        if not (self.training and self.share):
            return frame_BIF
        bands, device = frame_BIF.shape[-1], frame_BIF.device
        rows = len(frame_BIF)
        drawn_B4 = torch.rand(rows, 6, device=device)
        scale_B1 = 1 + self.share * (2 * drawn_B4[:, :1] - 1)
        place_BF = torch.arange(bands, device=device) * scale_B1
        place_BF = (place_BF + self.share * bands * (2 * drawn_B4[:, 1:2] - 1) / 4).clamp(
            0, bands - 1
        )
        low_BF = place_BF.floor().long()
        above_BF = (place_BF - low_BF).to(frame_BIF.dtype)
        high_BF = (low_BF + 1).clamp(max=bands - 1)

        def at(index_BF: Tensor) -> Tensor:
            return frame_BIF.gather(2, index_BF.unsqueeze(1).expand_as(frame_BIF))

        moved_BIF = at(low_BF) * (1 - above_BF).unsqueeze(1) + at(high_BF) * above_BF.unsqueeze(1)
        band_F = torch.arange(bands, device=device) / bands
        wide_B1 = 2 * self.share * drawn_B4[:, 2:3]
        first_B1 = drawn_B4[:, 3:4] * (1 - wide_B1)
        hidden_BF = (band_F >= first_B1) & (band_F < first_B1 + wide_B1)
        length_B1 = heard_BI.sum(1, keepdim=True)
        when_BI = (heard_BI.cumsum(1) - 1) / length_B1.clamp(min=1)
        long_B1 = self.share * drawn_B4[:, 4:5]
        start_B1 = drawn_B4[:, 5:6] * (1 - long_B1)
        hidden_BI = (when_BI >= start_B1) & (when_BI < start_B1 + long_B1)
        return moved_BIF.masked_fill(hidden_BF.unsqueeze(1) | hidden_BI.unsqueeze(-1), 0)


def positions(steps: int, dim: int, like: Tensor) -> Tensor:
    """Return sines and cosines that tell places (Vaswani et al., 2017); shape (steps, dim)."""
    place_I1 = torch.arange(steps, device=like.device).unsqueeze(1)
    rate_D = torch.exp(torch.arange(0, dim, 2, device=like.device) * (-9.2103 / dim))
    angle_ID = place_I1 * rate_D
    both_ID = torch.cat([angle_ID.sin(), angle_ID.cos()], 1)[:, :dim]
    return F.pad(both_ID, (0, dim - both_ID.shape[1])).to(like.dtype)

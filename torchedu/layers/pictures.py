"""Photographs made alike, and varied in training as hands, paper and light vary them."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FAINT = 0.05
"""Spread of darkness below which a photograph is not made stronger."""


def levelled(pixel_BCHW: Tensor, seen_BHW: Tensor) -> Tensor:
    """Return pixels less how dark a photograph is, in terms of how much that varies in it.

    Args:
        pixel_BCHW: How dark each pixel is, by colour.
        seen_BHW: Which are no padding.
    """
    weight_B1HW = seen_BHW.unsqueeze(1).to(pixel_BCHW.dtype)
    number_B111 = weight_B1HW.sum((2, 3), keepdim=True).clamp(min=1) * pixel_BCHW.shape[1]
    mean_B111 = (pixel_BCHW * weight_B1HW).sum((1, 2, 3), keepdim=True) / number_B111
    off_BCHW = (pixel_BCHW - mean_B111) * weight_B1HW
    spread_B111 = (off_BCHW.square().sum((1, 2, 3), keepdim=True) / number_B111).sqrt()
    return off_BCHW / spread_B111.clamp(min=FAINT)


class VariedPictures(nn.Module):
    """Varies photographs in training; outside training they stay.

    Paper lies askew, nearer or farther off, and slanted as hands slant what they write (Simard et
    al., ICDAR 2003); light is stronger and weaker, and there is some noise.

    Args:
        share: How much: angles in radians, sizes, slants and light change by so large a share at
            most, places by half of it.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, pixel_BCHW: Tensor, seen_BHW: Tensor) -> Tensor:
        """Return photographs, each varied for itself about its own middle.

        Args:
            pixel_BCHW: How dark each pixel is, by colour; 0 for white paper.
            seen_BHW: Which are no padding; these stay.
        """
        if not (self.training and self.share):
            return pixel_BCHW
        rows, _, height, width = pixel_BCHW.shape
        drawn_B8 = self.share * (2 * torch.rand(rows, 8, device=pixel_BCHW.device) - 1)
        angle_B, slant_B, larger_B, wider_B, down_B, right_B, light_B, noise_B = drawn_B8.unbind(1)
        cos_B, sin_B = angle_B.cos(), angle_B.sin()
        aspect = height / width
        # From where in the photograph each place takes its pixel, in -1..1 of both sides.
        map_B22 = torch.stack([
            torch.stack([cos_B * (1 + wider_B), (slant_B - sin_B) * aspect], 1),
            torch.stack([sin_B / aspect, cos_B], 1),
        ], 1) * (1 + larger_B).view(-1, 1, 1)  # fmt: skip
        size_B2 = torch.stack([seen_BHW.any(1).sum(1) / width, seen_BHW.any(2).sum(1) / height], 1)
        middle_B2 = size_B2 - 1
        away_B2 = torch.stack([right_B, down_B], 1) * size_B2 / 2
        offset_B2 = middle_B2 + away_B2 - torch.einsum("bij,bj->bi", map_B22, middle_B2)
        theta_B23 = torch.cat([map_B22, offset_B2.unsqueeze(2)], 2).to(pixel_BCHW.dtype)
        grid_BHW2 = F.affine_grid(theta_B23, list(pixel_BCHW.shape), align_corners=False)
        moved_BCHW = F.grid_sample(pixel_BCHW, grid_BHW2, align_corners=False)
        strong_B111 = (1 + 2 * light_B).view(-1, 1, 1, 1)
        noise_BCHW = torch.randn_like(moved_BCHW) * noise_B.abs().view(-1, 1, 1, 1) / 4
        varied_BCHW: Tensor = moved_BCHW * strong_B111.to(moved_BCHW.dtype) + noise_BCHW
        return varied_BCHW * seen_BHW.unsqueeze(1)

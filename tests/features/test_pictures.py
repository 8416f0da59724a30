"""Photographs are made small, or seen by an encoder once, whole and in the middle of white."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.encoders import write_vision
from tests.picture_files import drawn
from torchedu.features.pictures import PictureStates, Pixels
from torchedu.features.states import leave_out, state_key
from torchedu.models.picture_encoder import PictureEncoder

WIDE = np.asarray(drawn("1+1=2", size=(64, 32)))


def test_pixels_say_how_dark_paper_is() -> None:
    whole, small = Pixels(64)(WIDE), Pixels(32)(WIDE)
    assert whole.shape == (32, 64, 3)
    np.testing.assert_allclose(whole, 1 - WIDE / 255, atol=1e-6)
    assert small.shape == (*map(int, Pixels(32).shape(32, 64)), 3)
    assert abs(small.mean() - whole.mean()) < 0.02
    assert Pixels(32).name != Pixels(64).name


def test_an_encoder_sees_all_of_a_photograph(tmp_path: Path) -> None:
    name = str(write_vision(tmp_path / "model"))
    states = PictureStates(name)
    square = np.full((32, 32, 3), 255, np.uint8)
    tall = np.ascontiguousarray(WIDE[:, :16])  # as high as the square, and half as wide
    square[:, 8:24] = tall
    with torch.no_grad():
        seen = PictureEncoder(name)(torch.from_numpy(square).permute(2, 0, 1) / 255)
    assert states(tall).shape == (1, 5, 16)
    np.testing.assert_allclose(states(tall)[0], seen, atol=2e-3)
    height, width = states.shape(np.array([9, 99]), np.array([99, 9]))
    assert (height.tolist(), width.tolist()) == ([1, 1], [5, 5])


def test_states_are_made_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, made = str(write_vision(tmp_path / "model")), []
    make = PictureStates._made
    monkeypatch.setattr(
        PictureStates, "_made", lambda own, seen: (made.append(seen.shape), make(own, seen))[1]
    )
    turned = np.ascontiguousarray(WIDE.reshape(64, 32, 3))  # the same bytes in another shape
    states = PictureStates(name, tmp_path)
    states.keep([WIDE, turned])
    again = PictureStates(name, tmp_path)
    for pixels in (WIDE, turned):
        np.testing.assert_array_equal(states(pixels), again(pixels))
    assert made == [WIDE.shape, turned.shape]
    assert state_key(WIDE) != state_key(turned)
    assert len(leave_out(tmp_path, [WIDE])) == 1
    assert len([*tmp_path.glob("vision-*/*/*.npy")]) == 1
    write_vision(tmp_path / "model", seed=1)
    assert PictureStates(name, tmp_path).name != states.name

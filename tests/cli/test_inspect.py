"""``torchedu inspect``: what a file is, said without building anything of it."""

import sys
from pathlib import Path

import pytest
import torch

from tests.checkpoints.conftest import content
from torchedu.cli import main


def test_a_run_says_what_it_holds_and_needs(
    trained_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(trained_run)]) == 0
    said = capsys.readouterr().out
    for part in ("best.ckpt", "whole: its content", "12 item", "ItemDKT (of torchedu)", "config"):
        assert part in said


def test_a_file_of_somebody_s_own_names_what_would_have_to_be_trusted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = {"class_path": "never_met.nets.Net", "init_args": {}}
    torch.save(
        content() | {"task": "never_met.Task", "hyper_parameters": {"net": net}},
        tmp_path / "theirs.ckpt",
    )
    assert main(["inspect", str(tmp_path / "theirs.ckpt")]) == 0
    said = capsys.readouterr().out
    assert "never_met.Task (to be named: --trust never_met)" in said
    assert "never_met.nets.Net (to be named: --trust never_met.nets)" in said
    assert "none: no torchedu wrote it as it is" in said
    assert "never_met" not in sys.modules


def test_an_export_is_verified_and_told(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(trained_run), str(tmp_path / "out")]) == 0
    assert main(["inspect", str(tmp_path / "out")]) == 0
    assert "model.safetensors" in capsys.readouterr().out
    (tmp_path / "out" / "model.safetensors").write_bytes(b"")
    assert main(["inspect", str(tmp_path / "out")]) == 2


def test_sealed_only_refuses_what_was_not_sealed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(content(), tmp_path / "theirs.ckpt")
    assert main(["inspect", str(tmp_path / "theirs.ckpt"), "--sealed_only"]) == 2
    assert "carries no seal of torchedu, and --sealed_only is given" in capsys.readouterr().err


def test_a_language_model_is_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "lla\\u001b[31mma"}')
    (tmp_path / "model.safetensors").touch()
    assert main(["inspect", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "a language model as transformers keeps it" in said
    assert f"--model.net.source {tmp_path}" in said
    assert "\x1b" not in said
    (tmp_path / "config.json").write_text("[")
    assert main(["inspect", str(tmp_path)]) == 2

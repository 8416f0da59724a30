import os
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from torchedu.cli import main
from torchedu.errors import ConfigError
from torchedu.run import trainer
from torchedu.strategies import deepspeed, limits
from torchedu.strategies.ddp import DDP
from torchedu.strategies.dp import DP
from torchedu.strategies.limits import check_batch, check_machine


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--trainer.devices", "99"], "devices is 99"),
        (["--trainer.precision", "16-mixed"], "16-mixed computes in float16"),
        (["--trainer.precision", "64-true"], "64-true computes in float64"),
        (["--trainer.strategy", "dp", "--trainer.num_nodes", "2"], "dp is one process"),
        (["--data.batch_size", "3", "--trainer.accumulate_grad_batches", "4"], "batch_size is 3"),
        (["--data.batch_size", "1", "--trainer.devices", "2"], "batch_size is 1"),
        (["--trainer.strategy", "deepspeed"], "needs the package deepspeed"),
        (["--trainer.strategy", "deepspeeed"], "'deepspeeed' is not known"),
        (["--trainer.precision", "12-mixed"], "12-mixed"),
    ],
)
def test_bad_input_is_told_in_two_lines_before_anything_starts(
    words: list[str],
    told: str,
    class_store: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(deepspeed, "find_spec", lambda name: None)
    begin = ["fit", "--data.path", str(class_store), "--trainer.accelerator", "cpu"]
    assert main([*begin, *words]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert len(said.strip().splitlines()) == 2
    assert not any(Path("runs").rglob("*"))


@pytest.mark.parametrize("precision", ["32", "32-true", "bf16-mixed", "bf16-true", None])
def test_what_a_cpu_can_do_passes(precision: str | None) -> None:
    check_machine("cpu", 2, precision)
    check_machine("cpu", "auto", precision, strategy=DP())
    check_machine("cpu", len(os.sched_getaffinity(0)), precision)


def test_a_job_whose_tasks_nothing_has_started_does_not_wait_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLURM_NTASKS", "2")
    with pytest.raises(ConfigError, match=r"(?s)2 tasks, and nothing has started.*srun"):
        check_machine("cpu", 2)
    monkeypatch.setenv("SLURM_STEP_ID", "0")
    check_machine("cpu", 2)


def test_a_gpu_without_bfloat16_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits.CUDAAccelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla T4")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    check_machine("gpu", 4, "16-mixed")
    check_machine("cpu", 1, "bf16-mixed")
    with pytest.raises(ConfigError, match="Tesla T4"):
        check_machine("auto", 4, "bf16-mixed")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    check_machine("auto", 4, "bf16-mixed")


def test_gloo_takes_the_place_of_nccl_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits.CUDAAccelerator, "is_available", lambda: True)
    for there, backend in ((True, None), (False, "gloo")):
        monkeypatch.setattr(torch.distributed, "is_nccl_available", lambda there=there: there)
        strategy = DDP()
        with nullcontext() if there else pytest.warns(UserWarning, match="without NCCL"):
            check_machine("gpu", 2, strategy=strategy)
        assert strategy._process_group_backend == backend
        check_machine("cpu", 2, strategy=DDP())


def test_batches_are_as_large_as_what_divides_them() -> None:
    built = trainer("mine", accelerator="cpu")
    built.accumulate_grad_batches = 4
    check_batch(4, built)
    check_batch(None, built)
    with pytest.raises(ConfigError, match="are 4"):
        check_batch(3, built)


def test_python_is_told_too() -> None:
    with pytest.raises(ConfigError, match="16-mixed"):
        trainer("mine", accelerator="cpu", precision="16-mixed")
    assert not Path("mine").exists()


def test_a_run_without_a_log_has_a_folder_all_the_same(class_store: Path) -> None:
    words = ["fit", "--data.path", str(class_store), "--trainer.accelerator", "cpu"]
    words += ["--model.net", "ItemDKT", "--model.net.dim", "8", "--trainer.max_epochs", "1"]
    assert main([*words, "--trainer.logger", "false"]) == 0
    assert {file.name for file in Path().iterdir()} == {"runs"}
    assert Path("runs/version_0/checkpoints/best.ckpt").is_file()
    assert main([*words, "--trainer.logger", "false", "--run", "named"]) == 0
    assert Path("named/checkpoints/best.ckpt").is_file()
    assert not Path("named/metrics.csv").exists()

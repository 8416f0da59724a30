"""What this machine cannot do, said before any process starts."""

import os
import re

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.accelerators import CUDAAccelerator, MPSAccelerator
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy, Strategy
from lightning.pytorch.utilities.rank_zero import rank_zero_warn
from torch import distributed, nn

from torchedu.errors import ConfigError, allowed
from torchedu.machine import affinity, memory
from torchedu.models.network import Network
from torchedu.parallel import network_of, traits_of
from torchedu.strategies.ddp import DDP
from torchedu.strategies.dp import DP

_STARTED = frozenset(
    ["SLURM_STEP_ID", "SLURM_STEPID", "TORCHELASTIC_RUN_ID", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE"]
)
"""One of these is set where something has started a process for each task."""
PRECISIONS = ("32-true", "bf16-mixed", "bf16-true", "16-mixed", "16-true", "64-true")
"""What ``--trainer.precision`` may be."""
ACCELERATORS = {
    "auto": None,
    "cpu": None,
    "gpu": (CUDAAccelerator, MPSAccelerator),
    "cuda": (CUDAAccelerator,),
    "mps": (MPSAccelerator,),
}
"""What ``--trainer.accelerator`` may be, and what has to be there, one of several."""
SEVERAL = re.compile(r"-1|\d+,(\s*\d+,?)*|\[\d+(, *\d+)*\]")
"""How several GPUs are named: all of them, or those of these numbers."""
PROCESSES = 8
"""Processes that a CPU may be divided among for a try, however few its cores are."""


def check_machine(
    accelerator: object = "auto",
    devices: object = "auto",
    precision: object = None,
    num_nodes: int = 1,
    strategy: object = "auto",
) -> None:
    """Refuse what Lightning would replace by something else, or start and never end.

    Where torch has no NCCL, the strategy takes Gloo in its place, with a warning.

    Args:
        accelerator: As the trainer has it.
        devices: As the trainer has it.
        precision: As the trainer has it.
        num_nodes: As the trainer has it.
        strategy: As the trainer has it.

    Raises:
        ConfigError: The machine cannot do it.
    """
    where = _there(accelerator, devices)
    cores = len(affinity())
    most = max(PROCESSES, cores)
    asked = int(str(devices)) if str(devices).isdigit() else 1
    if where == "cpu" and asked > most:
        raise ConfigError(
            f"⟦trainer.devices⟧ is {asked}, and this machine's CPU has {cores} cores.",
            f"Each device of a CPU is a process: give at most {most}.",
        )
    if isinstance(strategy, DP) and num_nodes > 1:
        raise ConfigError(
            f"⟦trainer.num_nodes⟧ is {num_nodes}, and dp is one process on one machine.",
            "Use ⟦trainer.strategy⟧ ddp.",
        )
    wanted = str(precision or "32-true")
    if wanted.startswith("transformer-engine"):
        raise ConfigError(
            f"⟦trainer.precision⟧ is {wanted}, in which no network of torchedu was tried.",
            allowed(wanted, PRECISIONS),
        )
    if where == "cpu" and wanted in ("16-mixed", "16", "16-true"):
        raise ConfigError(
            f"⟦trainer.precision⟧ {wanted} computes in float16, for whose narrow range only GPUs "
            "scale losses; this run is on a CPU.",
            "Use bf16-mixed, which needs no scaling, or 32-true.",
        )
    if wanted in ("64-true", "64"):
        raise ConfigError(
            f"⟦trainer.precision⟧ {wanted} computes in float64, and batches hold float32.",
            "Use 32-true.",
        )
    tasks = os.environ.get("SLURM_NTASKS", "1")
    if tasks != "1" and not _STARTED & os.environ.keys() and not _is_interactive():
        raise ConfigError(
            f"SLURM gives this job {tasks} tasks, and nothing has started the others.",
            "Begin the command with srun, or ask for one task: sbatch --ntasks=1.",
        )
    new = where != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)
    if wanted.startswith("bf16") and not new:
        raise ConfigError(
            f"⟦trainer.precision⟧ {wanted} needs a GPU that computes in bfloat16 (of NVIDIA's, "
            f"Ampere or newer); this one is {torch.cuda.get_device_name()}.",
            "Use 16-mixed or 32-true.",
        )
    unsaid = isinstance(strategy, DDPStrategy) and strategy.process_group_backend is None
    if where == "cuda" and unsaid and not distributed.is_nccl_available():
        rank_zero_warn("This torch comes without NCCL: GPUs meet through Gloo, which is slower.")
        strategy._process_group_backend = "gloo"  # type: ignore[attr-defined]


def _there(accelerator: object, devices: object) -> str:
    """Return the kind of device that is asked for, of which there are some.

    Raises:
        ConfigError: There is no such kind, none of it is here, or it cannot be so many.
    """
    where = device_kind(accelerator)
    if isinstance(accelerator, str):
        if accelerator not in ACCELERATORS:
            raise ConfigError(
                f"⟦trainer.accelerator⟧ is {accelerator!r}.", allowed(accelerator, ACCELERATORS)
            )
        kinds = ACCELERATORS[accelerator]
        if kinds and not any(kind.is_available() for kind in kinds):
            raise ConfigError(
                f"⟦trainer.accelerator⟧ is {accelerator}, and torch finds none on this machine.",
                "Use cpu; or auto, which takes what there is.",
            )
    text = str(devices)
    whole = text == "auto" or (text.isdigit() and int(text) > 0)
    if not whole and (where == "cpu" or not SEVERAL.fullmatch(text)):
        more = "" if where == "cpu" else ", -1 for all, or the numbers of some, such as [0, 1]"
        raise ConfigError(
            f"⟦trainer.devices⟧ is {'null' if devices is None else text}.",
            f"Give how many: 1 or more, or auto{more}.",
        )
    return where


def _is_interactive() -> bool:
    """Say whether SLURM's tasks are not meant to be used, as Lightning has it."""
    return os.environ.get("SLURM_JOB_NAME") in ("bash", "interactive")


def check_batch(batch_size: object, trainer: Trainer) -> None:
    """Refuse batches that leave a device without work in every step.

    Args:
        batch_size: The data's, over all devices and accumulated batches, if it has one.
        trainer: What divides it.

    Raises:
        ConfigError: There are more parts than the batch has windows.
    """
    parts = traits_of(trainer).shares * trainer.accumulate_grad_batches
    if isinstance(batch_size, int) and batch_size < parts:
        raise ConfigError(
            f"⟦data.batch_size⟧ is {batch_size}; devices times accumulated batches are {parts}.",
            "It is the size of a whole step, divided among them: give at least as many.",
        )


def check_memory(module: LightningModule, trainer: Trainer) -> None:
    """Refuse a trained model that is larger than the devices, before anything of it is read.

    Counted are parameters, gradients and what AdamW knows, in float32, and half a byte of weights
    that are kept in 4 bits; activations come on top.

    Args:
        module: A task whose network may still have to read its weights.
        trainer: Trains it.

    Raises:
        ConfigError: They do not fit.
    """
    if not is_deferred(module):
        return
    check_narrow(module, trainer.strategy)
    traits = traits_of(trainer)
    if traits.offloads:
        return

    def held_by(name: str, parameter: nn.Parameter) -> float:
        if parameter.requires_grad:
            return 16 * parameter.numel()
        added_to = name.endswith(".base_layer.weight")  # as peft names them
        return (0.5 if added_to and in_four_bits(module) else 4) * parameter.numel()

    parameters = list(module.named_parameters())
    held = sum(held_by(*named) for named in parameters) // traits.parts
    if isinstance(trainer.accelerator, CUDAAccelerator):
        there = torch.cuda.get_device_properties(trainer.strategy.root_device).total_memory
    else:
        there = memory() // trainer.num_devices
    if held > there:
        billions = sum(parameter.numel() for _, parameter in parameters) / 1e9
        raise ConfigError(
            f"the model's {billions:.2f} billion parameters take {held / 1e9:,.1f} GB on each "
            f"device to train, and there are {there / 1e9:,.1f}.",
            "Use more devices and ⟦trainer.strategy⟧ fsdp, ⟦model.net.lora_rank⟧ 16, or a smaller "
            "model.",
        )


def check_narrow(module: LightningModule, strategy: Strategy) -> None:
    """Refuse to keep weights in 4 bits under a strategy that would read them whole.

    Args:
        module: A task whose network may still have to read its weights.
        strategy: Trains it.

    Raises:
        ConfigError: It does not go together.
    """
    if in_four_bits(module) and type(strategy) not in (SingleDeviceStrategy, DDPStrategy, DDP):
        raise ConfigError(
            f"{type(strategy).__name__} trains no weights of 4 bits.",
            "Use ⟦trainer.strategy⟧ auto or ddp, or leave ⟦model.net.four_bits⟧ out.",
        )


def in_four_bits(module: LightningModule) -> bool:
    """Say whether a task's network keeps the weights that additions belong to in 4 bits."""
    net = network_of(module)
    return isinstance(net, Network) and net.four_bits


def is_deferred(module: LightningModule) -> bool:
    """Return whether a task's network still has to read its weights."""
    net = network_of(module)
    return isinstance(net, Network) and net.deferred


def device_kind(accelerator: object) -> str:
    """Return the kind of device, such as ``cuda``, that an accelerator stands for here."""
    name = accelerator if isinstance(accelerator, str) else type(accelerator).__name__.lower()
    if name in ("auto", "gpu"):
        if CUDAAccelerator.is_available():
            return "cuda"
        return "mps" if MPSAccelerator.is_available() else "cpu"
    return next((kind for kind in ("cuda", "mps", "cpu") if kind in name), name)

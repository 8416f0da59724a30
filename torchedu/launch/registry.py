"""Which launchers there are, by the name that the command line gives them."""

from torchedu.launch.cloud import Cloud
from torchedu.launch.kubernetes import Kubernetes
from torchedu.launch.launcher import Launcher
from torchedu.launch.ray import Ray
from torchedu.launch.slurm import Slurm
from torchedu.launch.torchrun import Torchrun

LAUNCHERS: dict[str, type[Launcher]] = {
    "torchrun": Torchrun,
    "slurm": Slurm,
    "kubernetes": Kubernetes,
    "ray": Ray,
    "cloud": Cloud,
}

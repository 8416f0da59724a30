"""Horovod: a copy of the network on each device, whose gradients its library averages."""

import os
import socket
import sys
from importlib.util import find_spec
from typing import Any

import torch
from lightning import LightningModule
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, distributed, nn

from torchedu.errors import ConfigError
from torchedu.parallel import has_sparse
from torchedu.ranks import on_all


class Horovod(DDPStrategy):
    """Trains a copy of the network on each device; Horovod averages gradients as they come.

    Sergeev and Del Balso, "Horovod: fast and easy distributed deep learning in TensorFlow", 2018,
    https://arxiv.org/abs/1802.05799. Its last release is of 2023: this is for clusters that are
    built around ``horovodrun``; elsewhere ``ddp`` does the same and is maintained. Processes are
    started by ``horovodrun``, by ``torchrun`` or by the trainer. Scores, checkpoints and signals
    go through torch's own process group, as in every strategy.

    Raises:
        ConfigError: Horovod is not installed.
    """

    def __init__(self) -> None:
        if find_spec("horovod") is None:
            raise ConfigError(
                "The strategy horovod needs Horovod, which is not installed, and whose release on "
                "PyPI does not build against this torch.",
                "Build and install it with scripts/build_horovod.sh, or use ddp, which computes "
                "the same.",
            )
        super().__init__()
        self._names: dict[nn.Parameter, str] = {}
        self._handles: dict[nn.Parameter, int] = {}
        self._hooks: list[Any] = []
        self._due = False
        if "HOROVOD_RANK" in os.environ and "RANK" not in os.environ:
            _tell_torch()

    def check(self, module: LightningModule) -> None:
        """Raise ``ConfigError`` where it cannot train this task."""
        if has_sparse(module):
            raise ConfigError(
                "Horovod averages dense gradients here, and this network's tables have sparse "
                "ones.",
                "Set the tables to dense, or use ⟦trainer.strategy⟧ ddp.",
            )

    def setup_environment(self) -> None:
        """Begin torch's process group, and Horovod beside it."""
        super().setup_environment()
        import horovod.torch as hvd

        if hvd.is_initialized():
            return
        if "HOROVOD_RANK" not in os.environ:
            self._tell_horovod()
        hvd.init()

    def _tell_horovod(self) -> None:
        """Set what ``horovodrun`` would have set; the first rank holds the place to meet."""
        assert self.cluster_environment is not None
        from horovod.runner.common.util.hosts import SlotInfo
        from horovod.runner.http.http_server import RendezvousServer

        nodes = on_all(self.node_rank)
        local = nodes.count(self.node_rank)
        own = SlotInfo(
            f"node-{self.node_rank}",
            self.global_rank,
            self.local_rank,
            self.node_rank,
            self.world_size,
            local,
            len(set(nodes)),
        )
        slots = on_all(own)
        port = [0]
        if self.is_global_zero:
            server = RendezvousServer()
            port = [server.start()]
            server.init(slots)
        distributed.broadcast_object_list(port)
        loopback = "lo0" if sys.platform == "darwin" else "lo"
        interface = os.environ.get("GLOO_SOCKET_IFNAME", loopback if own.cross_size == 1 else "")
        os.environ |= {
            "HOROVOD_HOSTNAME": own.hostname,
            "HOROVOD_RANK": str(own.rank),
            "HOROVOD_SIZE": str(own.size),
            "HOROVOD_LOCAL_RANK": str(own.local_rank),
            "HOROVOD_LOCAL_SIZE": str(own.local_size),
            "HOROVOD_CROSS_RANK": str(own.cross_rank),
            "HOROVOD_CROSS_SIZE": str(own.cross_size),
            "HOROVOD_CONTROLLER": "gloo",
            "HOROVOD_CPU_OPERATIONS": "gloo",
            "HOROVOD_GLOO_RENDEZVOUS_ADDR": socket.gethostbyname(
                self.cluster_environment.main_address
            ),
            "HOROVOD_GLOO_RENDEZVOUS_PORT": str(port[0]),
            **({"HOROVOD_GLOO_IFACE": interface} if interface else {}),
        }

    def configure_ddp(self) -> None:
        """Give every rank the first one's weights, and send each gradient when it is ready."""
        import horovod.torch as hvd

        assert self.lightning_module is not None
        state = self.lightning_module.state_dict()
        known = {name: _known(x) for name, x in state.items() if isinstance(x, Tensor)}
        hvd.broadcast_parameters(known, root_rank=0)
        for name, first in known.items():
            state[name].copy_(first)
        for name, parameter in self.lightning_module.named_parameters():
            if parameter.requires_grad:
                self._names[parameter] = name
                self._hooks.append(parameter.register_post_accumulate_grad_hook(self._send))

    def _send(self, parameter: Tensor) -> None:
        import horovod.torch as hvd

        if self._due and isinstance(parameter, nn.Parameter):
            if parameter.grad is None:  # other ranks may have used it
                parameter.grad = torch.zeros_like(parameter)
            self._handles[parameter] = hvd.allreduce_async_(
                _known(parameter.grad), name=self._names[parameter], op=hvd.Average
            )

    def pre_backward(self, closure_loss: Tensor) -> None:
        """Note whether a step is due after this, and ranks are to meet."""
        assert self.lightning_module is not None
        self._due = not self.lightning_module.trainer.fit_loop._should_accumulate()

    def post_backward(self, closure_loss: Tensor) -> None:
        """Wait until all gradients are averaged."""
        import horovod.torch as hvd

        if self._due:
            for parameter in self._names:
                if parameter not in self._handles:
                    self._send(parameter)
            for parameter, handle in self._handles.items():
                averaged = hvd.synchronize(handle)
                assert parameter.grad is not None
                if averaged.dtype != parameter.grad.dtype:
                    parameter.grad.copy_(averaged)
            self._handles.clear()

    def teardown(self) -> None:
        """Send nothing any more."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()
        self._names.clear()
        super().teardown()


def _known(tensor: Tensor) -> Tensor:
    """Return a tensor of a type that Horovod has: it has no bfloat16."""
    return tensor.float() if tensor.dtype == torch.bfloat16 else tensor


def _tell_torch() -> None:
    """Set for torch what ``torchrun`` would have set, from what ``horovodrun`` has told."""
    import horovod.torch as hvd

    hvd.init()
    place = ("", 0)
    if hvd.rank() == 0:
        with socket.socket() as free:
            free.bind(("", 0))
            one_host = hvd.local_size() == hvd.size()
            place = ("127.0.0.1" if one_host else socket.gethostname(), free.getsockname()[1])
    address, port = hvd.broadcast_object(place)
    os.environ |= {
        "RANK": str(hvd.rank()),
        "WORLD_SIZE": str(hvd.size()),
        "LOCAL_RANK": str(hvd.local_rank()),
        "LOCAL_WORLD_SIZE": str(hvd.local_size()),
        "GROUP_RANK": str(hvd.cross_rank()),
        "MASTER_ADDR": address,
        "MASTER_PORT": str(port),
    }

"""ZeRO of DeepSpeed: optimizer state, gradients and weights divided among the ranks."""

import logging
import os
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from importlib.util import find_spec
from itertools import chain
from typing import Any, Literal

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.trainer import call
from lightning.pytorch.trainer.states import TrainerFn, TrainerStatus
from torch import Tensor, nn
from torch.optim import Optimizer

from torchedu.errors import ConfigError, MissingExtraError, allowed
from torchedu.parallel import HasTraits, StrategyTraits, has_sparse

AUTOCAST = {"bf16-mixed": "bfloat16", "16-mixed": "float16"}
HALF = {"bf16-true": "bf16", "16-true": "fp16"}


class DeepSpeed(HasTraits, DDPStrategy):
    """Trains with DeepSpeed's ZeRO, on GPUs and on CPUs.

    Rajbhandari et al., "ZeRO: Memory Optimizations Toward Training Trillion Parameter Models", SC
    2020, https://arxiv.org/abs/1910.02054. The optimizer and its schedule are the task's own, each
    element's update one that depends on that element alone; losses, accumulation, clipping and
    checkpoints are those of one process, and a checkpoint is the file that one process writes.
    With ``bf16-true`` and ``16-true`` DeepSpeed keeps 32-bit weights beside those of 16 bits, and
    the checkpoint holds these.

    Args:
        stage: What is divided: 1 the optimizer's state, 2 gradients too, 3 weights too.
        offload: Whether the optimizer's state and step, and under stage 3 the weights at rest, are
            in the host's memory.
        bucket: Numbers that are reduced at once; fewer take less memory.
        persist: Under stage 3, tensors of fewer numbers stay whole on every rank.

    Raises:
        MissingExtraError: DeepSpeed is not installed.
        ConfigError: A value is not allowed.
    """

    def __init__(
        self,
        stage: Literal[1, 2, 3] = 2,
        offload: bool = False,
        bucket: int = 200_000_000,
        persist: int = 100_000,
    ) -> None:
        if find_spec("deepspeed") is None:
            raise MissingExtraError("The strategy deepspeed", "deepspeed", "deepspeed")
        if stage not in (1, 2, 3):
            raise ConfigError(f"⟦trainer.strategy.stage⟧ is {stage!r}.", allowed(str(stage), "123"))
        if bucket < 1 or persist < 0:
            raise ConfigError(
                f"⟦trainer.strategy.bucket⟧ is {bucket}, ⟦trainer.strategy.persist⟧ {persist}.",
                "The one is at least 1, the other at least 0.",
            )
        super().__init__()
        self.stage = stage
        self.offload = offload
        self.bucket = bucket
        self.persist = persist
        self._engine: Any = None
        self._groups: list[list[nn.Parameter]] = []
        self._left: dict[str, Any] = {}  # the optimizer's state, once training is over

    def check(self, module: LightningModule) -> None:
        """Raise ``ConfigError`` where it cannot train this task."""
        if has_sparse(module):
            raise ConfigError(
                "DeepSpeed divides dense gradients, and this network's tables have sparse ones.",
                "Set the tables to dense, or use ⟦trainer.strategy⟧ ddp.",
            )
        if self.root_device.type == "cpu" and str(self.precision_plugin.precision) == "16-true":
            raise ConfigError(
                "DeepSpeed computes in ⟦trainer.precision⟧ 16-true on GPUs alone.",
                "Use bf16-true, bf16-mixed or 32-true.",
            )

    @property
    def traits(self) -> StrategyTraits:
        """What it tells of this rank: in 16 bits DeepSpeed itself scales losses."""
        return StrategyTraits(
            share=self.global_rank,
            shares=self.num_nodes * self.num_processes,
            scales=str(self.precision_plugin.precision).startswith("16-"),
            norms=self.norms,
        )

    def setup_environment(self) -> None:
        """Begin the process group, and tell DeepSpeed of it."""
        # Read when DeepSpeed is imported first; else it takes any GPU that is there.
        os.environ["DS_ACCELERATOR"] = self.root_device.type
        super().setup_environment()
        assert self.cluster_environment is not None
        os.environ["LOCAL_RANK"] = str(self.local_rank)
        # DeepSpeed's use of torch, not the user's, and told again at every step.
        warnings.filterwarnings("ignore", r".*torch\.distributed\..* is deprecated", FutureWarning)
        import deepspeed

        deepspeed.utils.logging.logger.setLevel(logging.ERROR)
        # It would be compiled at the first run, and serves ranks of one host alone.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
        deepspeed.init_distributed(
            torch.distributed.get_backend(), auto_mpi_discovery=False, verbose=False
        )

    def setup(self, trainer: Trainer) -> None:
        """Divide the network and its optimizer among the ranks."""
        assert self.accelerator is not None
        assert self.model is not None
        self.accelerator.setup(trainer)
        if self._layer_sync is not None and trainer.state.fn == TrainerFn.FITTING:
            self.model = self._layer_sync.apply(self.model)
        self.model = self.precision_plugin.convert_module(self.model)
        self.model_to_device()
        if trainer.state.fn == TrainerFn.FITTING:
            self.setup_optimizers(trainer)
            self._divide(trainer)
        self.setup_precision_plugin()

    def _divide(self, trainer: Trainer) -> None:
        import deepspeed

        self.check(self.task)
        if len(self.optimizers) != 1:
            raise ConfigError(
                f"DeepSpeed steps one optimizer, and the task has {len(self.optimizers)}.",
                "Use ⟦trainer.strategy⟧ ddp.",
            )
        if trainer.gradient_clip_val and trainer.gradient_clip_algorithm == "value":
            raise ConfigError(
                "DeepSpeed clips gradients by their norm, not by value.",
                "Set ⟦trainer.gradient_clip_algorithm⟧ norm.",
            )
        optimizer = self.optimizers[0]
        self._groups = [list(group["params"]) for group in optimizer.param_groups]
        self._engine, zero, _, _ = deepspeed.initialize(
            model=self.task,
            optimizer=optimizer,
            config=self._configuration(trainer),
            dist_init_required=False,
        )
        if zero.optimizer is not optimizer:
            raise ConfigError(
                f"DeepSpeed puts one of its own in the place of {type(optimizer).__name__}.",
                "Use AdamW, or ⟦trainer.strategy⟧ ddp.",
            )
        self.optimizers = [zero]
        self.model = self._engine

    def _configuration(self, trainer: Trainer) -> dict[str, Any]:
        precision = str(trainer.precision)
        cpu = {"device": "cpu", "pin_memory": self.root_device.type == "cuda"}
        zero: dict[str, Any] = {
            "stage": self.stage,
            "reduce_bucket_size": self.bucket,
            "allgather_bucket_size": self.bucket,
            "stage3_param_persistence_threshold": self.persist,
        }
        if self.offload:
            zero["offload_optimizer"] = cpu
            if self.stage == 3:
                zero["offload_param"] = cpu
        return {
            # Lightning divides the loss by the accumulated batches, and tells when a step is due.
            "train_micro_batch_size_per_gpu": 1,
            "gradient_accumulation_steps": 1,
            "gradient_clipping": float(trainer.gradient_clip_val or 0.0),
            "zero_optimization": zero,
            "zero_allow_untested_optimizer": True,
            "zero_force_ds_cpu_optimizer": False,
            "steps_per_print": None,
            "torch_autocast": {
                "enabled": precision in AUTOCAST,
                "dtype": AUTOCAST.get(precision, "bfloat16"),
                "lower_precision_safe_modules": [],  # gradients are added up in 32 bits
            },
            **({HALF[precision]: {"enabled": True}} if precision in HALF else {}),
        }

    def backward(
        self, closure_loss: Tensor, optimizer: Optimizer | None, *args: Any, **kwargs: Any
    ) -> Tensor:
        """Compute gradients, and add up those of all ranks where a step is due."""
        trainer = self.task.trainer
        self._engine.set_gradient_accumulation_boundary(not trainer.fit_loop._should_accumulate())
        call._call_callback_hooks(trainer, "on_before_backward", closure_loss)
        call._call_lightning_module_hook(trainer, "on_before_backward", closure_loss)
        self._engine.backward(closure_loss, *args, **kwargs)
        call._call_callback_hooks(trainer, "on_after_backward")
        call._call_lightning_module_hook(trainer, "on_after_backward")
        return closure_loss.detach()

    @contextmanager
    def block_backward_sync(self) -> Generator[None, None, None]:
        """Do nothing: ``backward`` tells the engine whether ranks are to meet."""
        yield

    def optimizer_step(
        self, optimizer: Optimizer, closure: Any, model: Any = None, **kwargs: Any
    ) -> Any:
        """Compute the gradients and take the step; one that is not finite is passed over."""
        trainer, loss = self.task.trainer, closure()
        call._call_callback_hooks(trainer, "on_before_optimizer_step", optimizer)
        call._call_lightning_module_hook(trainer, "on_before_optimizer_step", optimizer)
        self._engine.step()
        return loss

    def full_gradient(self, parameter: nn.Parameter) -> Tensor | None:
        """Return a parameter's whole gradient of the step to be taken; every rank has to ask."""
        from deepspeed.utils import safe_get_full_grad

        gradient: Tensor | None = safe_get_full_grad(parameter)
        return gradient

    def norms(self, groups: Sequence[Sequence[nn.Parameter]]) -> Tensor:
        """Return the norm of the gradients of each group of parameters; every rank has to ask.

        Args:
            groups: Parameters that are trained.

        Returns:
            Shape (groups,).
        """
        squares = [
            sum((own.float().square().sum() for own in map(self._own_gradient, group)), start)
            for group in groups
            for start in [torch.zeros((), device=self.root_device)]
        ]
        total = self.reduce(torch.stack(squares), reduce_op="sum")
        zero: Any = self.optimizers[0]
        return total.sqrt() / zero.loss_scale

    def _own_gradient(self, parameter: Any) -> Tensor:
        """Return what this rank has of a parameter's gradient."""
        if self.stage == 3:
            from deepspeed.utils import safe_get_local_grad

            local: Tensor = safe_get_local_grad(parameter)
            return local
        part: Any = parameter._hp_mapping
        if part is None:
            return torch.zeros((), device=self.root_device)
        own: Tensor = part.get_lp_grad_fragment(parameter._index_in_param_group).flatten()
        where = part.lp_fragment_address
        return own.narrow(0, where.start, where.numel) if own.numel() > where.numel else own

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """Return the whole weights, as one process has them, on the first rank."""
        saved: dict[str, Any] = self.task.state_dict()  # all but what is not trained, say
        if self._engine is None:
            return saved
        whole = self._whole_state(self.is_global_zero)
        return {name: weights for name, weights in whole.items() if name in saved}

    def _whole_state(self, keep: bool) -> dict[str, Any]:
        """Gather the whole weights, of 32 bits where they are trained; all ranks have to."""
        import deepspeed

        state: dict[str, Any] = self.task.state_dict() if keep else {}
        names: dict[nn.Parameter, list[str]] = {}
        for name, parameter in self.task.named_parameters(remove_duplicate=False):
            names.setdefault(parameter, []).append(name)
        for parameter, known_as in names.items():
            if parameter.requires_grad:
                whole = deepspeed.utils.safe_get_full_fp32_param(parameter)
            else:
                with deepspeed.zero.GatheredParameters([parameter], enabled=self.stage == 3):
                    whole = parameter.detach().clone()
            if keep:
                state.update(dict.fromkeys(known_as, whole.cpu()))
        return state

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        """Return the state of the task's optimizer as one process has it, on the first rank."""
        if self._engine is None:
            return self._left
        from deepspeed.utils import safe_get_full_optimizer_state

        zero: Any = self.optimizers[0]
        part, *_ = self._masters()
        flat = zero.optimizer.state.get(part, {})
        if flat and self.stage < 3:
            self._link()
        states: dict[int, dict[str, Any]] = {}
        for number, parameter in enumerate(chain(*self._groups)) if flat else ():
            states[number] = {
                key: safe_get_full_optimizer_state(parameter, key).cpu()
                if isinstance(value, Tensor) and value.shape == part.shape
                else deepcopy(value)  # a count of steps, which each parameter counts for itself
                for key, value in flat.items()
            }
        groups, first = [], 0
        for params, group in zip(self._groups, zero.optimizer.param_groups, strict=True):
            groups.append({**group, "params": list(range(first, first + len(params)))})
            first += len(params)
        return {"state": states, "param_groups": groups} if self.is_global_zero else {}

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        """Give each rank its part of the state that one process would go on with."""
        zero: Any = self.optimizers[0]
        saved = checkpoint["optimizer_states"][0]
        for group, known in zip(zero.optimizer.param_groups, saved["param_groups"], strict=True):
            group.update({key: value for key, value in known.items() if key != "params"})
        states: dict[int, dict[str, Any]] = saved["state"]
        for part in self._masters() if states else ():
            zero.optimizer.state[part] = {
                key: torch.zeros_like(part) if _is_whole(value) else deepcopy(value)
                for key, value in next(iter(states.values())).items()
            }
        if states and self.stage < 3:
            self._link()
        parameters = list(chain(*self._groups))
        for number, state in states.items():
            for key, value in state.items():
                if _is_whole(value):
                    self._put(parameters[number], value, key)
        # The network, whose weights were loaded before, may hold them in 16 bits.
        for name, parameter in self.task.named_parameters():
            if parameter.requires_grad:
                self._put(parameter, checkpoint["state_dict"][name], None)

    def _link(self) -> None:
        """Let DeepSpeed know the state of every group: by itself it asks once the first has one."""
        zero: Any = self.optimizers[0]
        zero._hp_optimizer_states_linked = False
        zero._lazy_init_hp_params_optimizer_state()

    def _put(self, parameter: Any, whole: Tensor, key: str | None) -> None:
        """Take this rank's part of a parameter's 32-bit weights, or of a state of its optimizer."""
        from deepspeed import utils

        if self.stage < 3:
            named = (key,) if key else ()
            put = utils.safe_set_full_optimizer_state if key else utils.safe_set_full_fp32_param
            put(parameter, whole.to(self.root_device), *named)
            return
        size = parameter.partition_numel()
        padded = torch.zeros(size * self.world_size, device=self.root_device)
        padded[: whole.numel()] = whole.flatten()
        own = padded.narrow(0, size * self.global_rank, size)
        if key:
            utils.safe_set_local_optimizer_state(parameter, own, key)
        else:
            utils.safe_set_local_fp32_param(parameter, own)

    def _masters(self) -> list[Tensor]:
        """Return what this rank's optimizer steps: its parts of the weights, laid out flat."""
        zero: Any = self.optimizers[0]
        if self.stage < 3:
            return list(zero.single_partition_of_fp32_groups)
        return list(zero.fp32_partitioned_groups_flat)

    def teardown(self) -> None:
        """Put the network together again."""
        module = self.lightning_module
        if self._engine is not None and module is not None:
            finished = module.trainer.state.status != TrainerStatus.INTERRUPTED
            base: Optimizer = self.optimizers[0].optimizer  # type: ignore[attr-defined]
            # Where training broke off, other ranks may not be there to ask.
            whole = self._whole_state(keep=True) if finished else None
            self._left = self.optimizer_state(base) if finished else {}
            self._engine.destroy()
            self._engine, self.model, self.optimizers = None, module, [base]
            base.state.clear()
            if whole is not None:
                _restore(module, whole)
        super().teardown()


def _is_whole(value: Any) -> bool:
    """Tell a state of each number of a parameter from one of the parameter as a whole."""
    return isinstance(value, Tensor) and value.dim() > 0


def _restore(module: nn.Module, whole: Mapping[str, Tensor]) -> None:
    """Give a network parameters that belong to nobody else, with these weights."""
    anew: dict[int, nn.Parameter] = {}
    for prefix, part in module.named_modules():
        own: dict[str, Any] = {}
        for name, old in part._parameters.items():
            if old is not None and id(old) not in anew:
                weights = whole[f"{prefix}.{name}" if prefix else name]
                anew[id(old)] = nn.Parameter(weights.to(old.dtype), old.requires_grad)
            own[name] = None if old is None else anew[id(old)]
        part._parameters = own

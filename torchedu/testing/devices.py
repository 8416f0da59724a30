"""A device that is not there: what a GPU would refuse or wait for, found out on a CPU.

Torch has tensors without numbers (``meta``) and fakes of a GPU's, but neither goes on where a shape
or a branch depends on a number, and a build without CUDA has no backward pass of a fake. Here
tensors are a CPU's, with their numbers, and account is kept of which of them a program has put on
the device.
"""

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal, Self
from unittest.mock import patch

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._device import _device_constructors
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from torchedu.testing.batches import carried

Kind = Literal["cuda", "mps"]
KINDS: tuple[Kind, ...] = ("cuda", "mps")
"""Devices that can be pretended: NVIDIA's and Apple's GPUs."""
aten = torch.ops.aten

BACKWARD = "backward"
"""Where waiting is told to be that no line of a network or task asks for."""
WAITS = {
    *("_local_scalar_dense", "nonzero", "masked_select", "equal", "_unique", "_unique2"),
    *("unique_dim", "unique_consecutive", "unique_dim_consecutive", "bincount", "is_nonzero"),
}
"""Operators whose result the host waits for, since it is a number or a shape."""
MIXES = {"copy_", "index", "index_put", "index_put_", "_index_put_impl_", "_to_copy"}
"""Operators that take tensors of the host beside the device's, and copy them."""


class Pretended(TorchDispatchMode):
    """Computes on the CPU, and refuses what the device that it stands for would refuse.

    While it is entered, ``.to("cuda")``, ``device="cuda"`` and the like put a tensor on that
    device, what is computed of it is there too, and ``tensor.device`` says so::

        with Pretended() as device:
            task.to(device.name)
            ...
        device.syncs

    Refused are operators on tensors of both places; on ``cuda``, what autocast forbids there and,
    where that is asked for, what has no deterministic form; on ``mps``, float64.

    Args:
        kind: The device.
        deterministic: Whether a trainer's ``deterministic`` is on.

    Attributes:
        name: What ``.to`` takes.
        syncs: Where the host waited for the device: each an operator and the line that called it.
        inside: How many functions of torch's own run that were given tensors of the device: what
            they make besides is there too.
    """

    def __init__(self, kind: Kind = "cuda", deterministic: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kind = kind
        self.deterministic = deterministic
        self.name = torch.device(kind, 0)
        self.syncs: list[str] = []
        self.inside = 0
        self._there: set[StorageWeakRef] = set()
        self._api = _Api(self)
        self._around = ExitStack()

    def __enter__(self) -> Self:
        """Begin to pretend."""
        with ExitStack() as around:
            around.enter_context(_in_place(self.kind, self.deterministic))
            around.enter_context(self._api)
            super().__enter__()  # type: ignore[no-untyped-call]
            self._around = around.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        """Leave tensors as they are: a CPU's."""
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        self._around.close()

    def holds(self, tensor: object) -> bool:
        """Say whether something is a tensor that is on the device."""
        return isinstance(tensor, Tensor) and StorageWeakRef(_storage(tensor)) in self._there

    def put(self, tensor: Tensor) -> Tensor:
        """Take a tensor as one of the device's."""
        if self.kind == "mps" and tensor.dtype in (torch.float64, torch.complex128):
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype: MPS has no float64.")
        self._there.add(StorageWeakRef(_storage(tensor)))
        return tensor

    def waited(self, what: str) -> None:
        """Note that the host waits for the device."""
        self.syncs.append(f"{what} ({_caller()})")

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Run an operator, and keep account of where its results are."""
        given = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
        there = [self.holds(x) for x in given]
        name = func.overloadpacket.__name__
        if any(there):
            self._check(func, name, args, [x for x, on in zip(given, there, strict=True) if not on])
        results = func(*args, **(kwargs or {}))
        if (any(there) or (self.inside and not given)) and name != "copy_":
            for result in tree_leaves(results):
                if isinstance(result, Tensor):
                    self.put(result)
        return results

    def _check(self, func: Any, name: str, args: Sequence[Any], hosts: Sequence[Tensor]) -> None:
        """Refuse what the device would, and note what it would be waited for."""
        wide = [x for x in hosts if x.dim()]
        if wide and name not in MIXES:
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but {func} is given some of "
                f"{self.name} and one of shape {tuple(wide[0].shape)} of the CPU ({_caller()})."
            )
        forbids = _NOT_DETERMINISTIC.get(name) if self.deterministic else None
        if self.kind == "cuda" and forbids is not None and forbids(*args):
            raise RuntimeError(f"{func} has no deterministic form on CUDA ({_caller()}).")
        masked = name in MIXES and any(
            x.dtype in (torch.bool, torch.uint8)
            for x in tree_leaves(args[1:2])
            if isinstance(x, Tensor) and name != "copy_"
        )
        fills = masked and name != "index" and isinstance(args[2], Tensor) and not args[2].dim()
        if name in WAITS or (masked and not fills) or (wide and name in MIXES):
            self.waited(name)


class _Api(TorchFunctionMode):
    """What Python is told of tensors, and where it has them made."""

    def __init__(self, place: Pretended) -> None:
        super().__init__()
        self._place = place
        # Not those that torch has kept: libraries that load models put others in their places, and
        # who asked meanwhile was given these for good.
        self._made = _device_constructors.__wrapped__()

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Answer for the device, or let the function run."""
        place, given = self._place, kwargs or {}
        first = args[0] if args else None
        if func.__name__ == "__get__" and place.holds(first):
            answers = {"device": place.name, "is_cuda": place.kind == "cuda", "is_cpu": False,
                       "is_mps": place.kind == "mps"}  # fmt: skip
            name = func.__self__.__name__
            return answers[name] if name in answers else func(*args, **given)
        if func in (Tensor.to, Tensor.cpu, Tensor.cuda, Tensor.type):
            return self._moved(func, args, given)
        if func in (Tensor.numpy, Tensor.__array__, Tensor.tolist) and place.holds(first):
            if func is not Tensor.tolist:
                raise TypeError(f"can't convert {place.name} device type tensor to numpy.")
            place.waited("tolist")
            with _unseen(place):
                return func(*args, **given)
        mixed = torch.is_autocast_enabled("cpu")
        if func is F.binary_cross_entropy and place.kind == "cuda" and mixed:
            raise RuntimeError("CUDA forbids binary_cross_entropy within autocast.")
        where = given.get("device")
        if where is None or not (func in self._made or isinstance(first, Tensor)):
            ours = any(place.holds(x) for x in tree_leaves((args, given)))
            place.inside += ours
            try:
                return func(*args, **given)
            finally:
                place.inside -= ours
        made = func(*args, **{**given, "device": "cpu"})
        if torch.device(where).type != place.kind:
            return made.clone() if place.holds(made) else made
        if func in (torch.tensor, torch.as_tensor, torch.asarray):
            place.waited(f"{func.__name__} of numbers of the host")
        return place.put(made)

    def _moved(self, func: Any, args: Sequence[Any], given: Mapping[str, Any]) -> Any:
        """Move a tensor to where it is asked for, or give it another type."""
        place, x = self._place, args[0]
        if func is Tensor.type:  # of a type alone
            return func(*args, **given)
        target = {Tensor.cpu: torch.device("cpu"), Tensor.cuda: place.name}.get(func)
        flags = []
        dtype = given.get("dtype")
        for word in (*args[1:], given.get("device")):
            if isinstance(word, bool):
                flags.append(word)
            elif isinstance(word, torch.dtype):
                dtype = word
            elif isinstance(word, Tensor):
                target, dtype = place.name if place.holds(word) else word.device, word.dtype
            elif word is not None:
                target = torch.device(word)
        before = place.holds(x)
        if target is not None and target.type == "cpu" and _is_torchs(sys._getframe(2)):
            target = None  # it was told so by its own groups of tensors, which know no pretence
        after = before if target is None else target.type == place.kind
        if before != after and not (given.get("non_blocking") or flags[:1] == [True]):
            place.waited("copy to the host" if before else "copy to the device")
        with _unseen(place):
            moved = x if dtype is None else Tensor.to(x, dtype)
            if moved is x and (before != after or given.get("copy") or flags[1:] == [True]):
                moved = x.clone()
        return place.put(moved) if after else moved


def there(batch: Any, device: Pretended) -> Any:
    """Return a batch on a device."""
    columns = carried(batch).items()
    return batch._replace(**{name: column.to(device.name) for name, column in columns})


@contextmanager
def _unseen(place: Pretended) -> Iterator[None]:
    """Compute outside of the pretence; gradients still flow."""
    there, place._there = place._there, set()
    try:
        yield
    finally:
        place._there = there


def _storage(tensor: Tensor) -> Any:
    return tensor.untyped_storage()


@contextmanager
def _in_place(kind: Kind, deterministic: bool) -> Iterator[None]:
    """Let autocast and random states of the device be the CPU's."""
    real = torch.autocast

    def autocast(device_type: str, *args: Any, **kwargs: Any) -> Any:
        return real("cpu" if device_type == kind else device_type, *args, **kwargs)

    class Generator(torch.Generator):
        def __new__(cls, device: Any = "cpu") -> Any:
            made: Any = super().__new__
            return made(cls, "cpu")

    class Event:
        """What is over as soon as it is asked for."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.record = self.wait = self.synchronize = lambda *args: None
            self.query = lambda: True

    with (
        patch.object(torch, "autocast", autocast),
        patch.object(torch, "Generator", Generator),
        patch.object(torch, "Event", Event),
        patch.object(torch, "are_deterministic_algorithms_enabled", lambda: deterministic),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", ".*compiled without cuDNN.*")
        yield


def _caller() -> str:
    """Return the line of a program that called torch: the nearest one that is not torch's own."""
    frame: Any = sys._getframe(1)
    here = {__file__, *(sys.modules[name].__file__ for name in ("contextlib", "unittest.mock"))}
    torchs = str(Path(torch.__file__).parent)
    while frame is not None:
        file = frame.f_code.co_filename
        if file not in here and not file.startswith((torchs, "<")):
            own = Path(file).parent == Path(__file__).parent  # who steps a task there
            return BACKWARD if own else f"{Path(file).name}:{frame.f_lineno}"
        frame = frame.f_back
    return "torch"


def _is_torchs(frame: Any) -> bool:
    """Say whether code is torch's own, and not what moves a module for its user."""
    file = Path(frame.f_code.co_filename)
    return Path(torch.__file__).parent in file.parents and file.name != "module.py"


def _floats(x: Tensor, *args: Any) -> bool:
    return x.is_floating_point()


_NOT_DETERMINISTIC: Mapping[str, Callable[..., bool]] = {
    **dict.fromkeys(("cumsum", "cumsum_"), _floats),
    **dict.fromkeys(("histc", "kthvalue", "put_", "nll_loss2d_forward"), lambda *args: True),
    "bincount": lambda x, weights=None, *args: weights is not None,
    "median": lambda x, *args: bool(args),  # with the place where it stands
}
"""Operators that raise on CUDA under ``deterministic``, and with which arguments."""

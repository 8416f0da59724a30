"""Steps of training and of scoring on a device that is not there."""

from typing import Any

import torch

from torchedu.domains import Domain
from torchedu.testing.devices import Kind, Pretended, there

STEPS = ("train", "score", "predict")


def syncs(
    task: Domain,
    batch: Any,
    scored: Any = None,
    kind: Kind = "cuda",
    deterministic: bool = False,
) -> dict[str, list[str]]:
    """Say where a task's steps wait for a GPU, and find what a GPU would refuse of them.

    Steps run in mixed precision of bfloat16, as training on a GPU does, and with AdamW. The task's
    numbers are a CPU's again afterwards, one step further::

        from torchedu.testing import syncs

        assert not syncs(task, batch)["train"]

    Args:
        task: The task, which has met data.
        batch: A batch of the training part.
        scored: One of the validation part; the same where it is None.
        kind: The device.
        deterministic: Whether what has no deterministic form there is refused too.

    Returns:
        For ``train``, ``score`` and ``predict`` what each step waits for: operators, each with the
        line that called it.

    Raises:
        RuntimeError: Something is left on the host, or is an operator that the device refuses.
        TypeError: Something is of a type that the device has not.
    """
    waited: dict[str, list[str]] = {}
    _ = task.metrics  # built before it moves, as under a trainer
    with Pretended(kind, deterministic) as device, torch.enable_grad():
        task.to(device.name)
        groups = [group for group in task.parameter_groups() if group["params"]]
        optimizer = torch.optim.AdamW(groups, lr=1e-3) if groups else None
        train, score = (there(x, device) for x in (batch, batch if scored is None else scored))
        for step in STEPS:
            device.syncs.clear()
            task.train(step == "train")
            with torch.autocast(kind, torch.bfloat16), torch.set_grad_enabled(step == "train"):
                if step == "train":
                    loss_B, count_B = task.loss(train)
                    loss = loss_B.sum() / count_B.sum() + task.penalty()
                elif step == "score":
                    task.metrics.update(*task.outcome(score))
                else:
                    task.predict(score)
            if step == "train" and loss.requires_grad:
                loss.backward()
                if optimizer is not None:
                    optimizer.step()
                    optimizer.zero_grad()
            waited[step] = [*device.syncs]
        task.computed(fitting=False)
        task.to("cpu")
    return waited

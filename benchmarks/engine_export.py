"""What an exported network says after a thousand answers, and how large its files are."""

import inspect
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import torch
from harness import Goal, Job

from torchedu import models
from torchedu.companions import Companions
from torchedu.domains import Tracing
from torchedu.export import onnx
from torchedu.export.capture import capture
from torchedu.export.entries import entries, initial_state
from torchedu.export.folder import write_task
from torchedu.layers import VocabularyTable
from torchedu.models import KTModel
from torchedu.schema import ITEM, PADDING, RESERVED, SKILL, Names, Vocabulary

ITEMS, SKILLS, ANSWERS = 1_000, 50, 1_000
MEGABYTE = 1_000_000


def tracing(kind: type[KTModel]) -> Tracing:
    """Return a class's task with a network of its usual size, parameters moved off their start."""
    torch.manual_seed(0)
    task = Tracing(kind, ITEMS + RESERVED, SKILLS + RESERVED).eval()
    with torch.no_grad():
        for parameter in task.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
        for table in task.modules():
            if isinstance(table, VocabularyTable):
                table.weight[PADDING] = 0  # as training leaves it
    names = {ITEM: Names(f"question {i}" for i in range(ITEMS)),
             SKILL: Names(f"skill {i}" for i in range(SKILLS))}  # fmt: skip
    skills = torch.randint(RESERVED, SKILLS + RESERVED, (ITEMS + RESERVED, 1))
    skills[:RESERVED] = 0
    task.take(Companions(Vocabulary(names), item_skills=skills.numpy()))
    return task


@torch.inference_mode()
def walked(task: Tracing, folder: Path) -> float:
    """Return how far ONNX Runtime and the network are apart, answer after answer, at most."""
    own, found = entries(task), onnx.read(folder, ("predict", "step"))
    state = other = initial_state(task) or ()
    batch = task.net.example(1, ANSWERS, 1)
    largest = 0.0
    for t in range(ANSWERS):
        asked, answered = own["predict"].at(batch, t), own["step"].at(batch, t)
        (one,), (two,) = own["predict"](*asked, *state), found["predict"](*asked, *other)
        largest = max(largest, float(((one - two).abs() / (1 + one.abs())).max()))
        state, other = own["step"](*answered, *state), found["step"](*answered, *other)
    return largest


def exported(goal: str) -> tuple[list[Goal], Any]:
    """Export every network of knowledge tracing for a class, and let it step."""
    found: dict[str, Any] = {}
    for kind in (getattr(models, name) for name in models.__all__):
        if not (isinstance(kind, type) and issubclass(kind, KTModel)) or inspect.isabstract(kind):
            continue
        task = tracing(kind)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_task(task, folder)
            onnx.write(capture(task), folder)
            sizes = {file.name: file.stat().st_size for file in sorted(folder.iterdir())}
            found[kind.__name__] = {"difference": walked(task, folder), "bytes": sizes}
    apart = max(one["difference"] for one in found.values())
    size = max(one["bytes"]["step.onnx"] for one in found.values()) / MEGABYTE
    must = (
        f"at most 1e-5 from the network after each of {ANSWERS:,} answers in ONNX Runtime, with a "
        f"step.onnx under 2 MB ({size:.2f}), for each of {', '.join(found)} on a class of "
        f"{ITEMS:,} items"
    )
    return [Goal(goal, apart, must, apart <= 1e-5 and size < 2)], found


def jobs() -> list[Job]:
    """Return the job."""
    return [Job(("rows.onnx",), partial(exported, "rows.onnx"))]

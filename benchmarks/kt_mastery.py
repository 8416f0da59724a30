"""How each network's mastery moves: with marks, without practice, and as real questions do.

    python benchmarks/kt_mastery.py             # about five CPU-minutes
    python benchmarks/kt_mastery.py dkt pfa     # these recipes alone

Every network of knowledge tracing is trained by its recipe, but in smaller batches and for fifteen
passes at most, on a simulated class of 300 students; then the mastery of the students of the test
part is followed answer by answer. The table is that of docs/models.md.
"""

import argparse
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import kt_scores
import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from torchedu import Interactions
from torchedu.batch import Asked
from torchedu.datasets.simulator import simulate
from torchedu.engine.mastery import chances, crossed, final_states, follow, mastery
from torchedu.models import KTModel
from torchedu.prediction.tracing import histories
from torchedu.schema import PADDING, RESERVED
from torchedu.tasks import KnowledgeTracing

RECIPES = (
    *("logistic_dkt", "item_dkt", "dkt", "sakt", "dkvmn", "akt", "simple_kt", "re_kt"),
    *("irt", "pfa", "bkt"),
)
FEW = ("--data.batch_size", 16, "--trainer.max_epochs", 15)
"""What suits so small a class, in place of the recipes' words."""


class Moves(NamedTuple):
    """How the mastery of one network moves.

    Attributes:
        with_mark: Of the answers the share after which the mastery of the skill asked is higher if
            the answer was right, and lower if it was wrong; half where it stays.
        after_right: How far it moves after a right answer, on average.
        after_wrong: How far after a wrong one.
        elsewhere: How far that of a skill practised before moves during an answer on another one:
            below 0 is forgetting.
        as_median: Spearman's correlation, over students, of the last mastery of a skill and the
            chance of a right answer to the skill's median item; on average of skills.
    """

    with_mark: float
    after_right: float
    after_wrong: float
    elsewhere: float
    as_median: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", default=[*RECIPES])
    given = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message=".*GPU available.*")
    with TemporaryDirectory(prefix="kt-mastery-") as scratch:
        folder = Path(scratch)
        simulate(folder / "class.store", students=300)
        for recipe in given.recipes:
            words = ["--config", recipe, "--data.path", folder / "class.store", *FEW]
            run, _ = kt_scores.trained(*words, "--run", folder / recipe)
            assert isinstance(run.task, KnowledgeTracing)
            assert isinstance(run.data, Interactions)
            moves = moves_of(run.task, run.data)
            shown = " | ".join(f"{value:+.3f}" for value in moves)
            print(f"| {type(run.task.net).__name__} | {shown} |", flush=True)


@torch.inference_mode()
def moves_of(task: KnowledgeTracing, data: Interactions) -> Moves:
    """Follow the mastery of the test part's students."""
    net, part = task.net.cpu().eval(), data.parts["test"]
    batches = histories(task, data, part.student, np.minimum(part.stop, data.window))
    batch = batches(np.arange(len(part.student)))
    before_BK = mastery(net, net.initial_state(len(part.student)))
    met_BK = torch.zeros_like(before_BK, dtype=torch.bool)
    own: list[tuple[Tensor, Tensor]] = []
    elsewhere: list[Tensor] = []
    for t, state in enumerate(follow(net, batch)):
        real_B = batch.item_BL[:, t] != PADDING
        after_BK = mastery(net, state)
        moved_BK = after_BK - before_BK
        skill_B = (batch.skill_BLS[:, t, 0] - RESERVED).clamp(min=0)
        asked_BK = torch.nn.functional.one_hot(skill_B, before_BK.shape[1]).bool()
        own.append((moved_BK[asked_BK][real_B], batch.correct_BL[real_B, t]))
        elsewhere.append(moved_BK[met_BK & ~asked_BK & real_B.unsqueeze(1)])
        met_BK |= asked_BK & real_B.unsqueeze(1)
        before_BK = after_BK
    moved, mark = (torch.cat(columns) for columns in zip(*own, strict=True))
    with_mark = torch.where(mark > 0.5, moved > 0, moved < 0).float()
    with_mark[moved == 0] = 0.5
    levels, real = [], []
    median = medians(net, batches._item_skill_NS[:, :1])
    for _, state in final_states(net, batch):
        row_P, question_P = crossed(len(state[0]), len(median.item_B))
        real.append(chances(net, state, row_P, median, question_P).view(len(state[0]), -1))
        levels.append(mastery(net, state))
    pairs = zip(torch.cat(levels).T.numpy(), torch.cat(real).T.numpy(), strict=True)
    return Moves(
        float(with_mark.mean()),
        float(moved[mark > 0.5].mean()),
        float(moved[mark <= 0.5].mean()),
        float(torch.cat(elsewhere).mean()),
        float(np.mean([spearmanr(*pair).statistic for pair in pairs])),
    )


def medians(net: KTModel, skill_N1: np.ndarray) -> Asked:
    """Return the item of each skill whose chance, for a new student, is the middle one."""
    item_N, skill_NS = torch.arange(len(skill_N1)), torch.from_numpy(skill_N1)
    asked = Asked(item_N, skill_NS)
    chance_N = chances(net, net.initial_state(1), torch.zeros_like(item_N), asked, item_N)
    middle = []
    for skill in range(RESERVED, net.num_skills):
        mine = item_N[skill_NS[:, 0] == skill]
        middle.append(mine[chance_N[mine].argsort()[len(mine) // 2]])
    item_K = torch.stack(middle)
    return Asked(item_K, skill_NS[item_K])


if __name__ == "__main__":
    main()

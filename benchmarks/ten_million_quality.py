"""How near DKT of a class of simulated students comes to what anyone could foretell of them.

    python benchmarks/ten_million.py --only ten.quality --keep

The network is DKT whose input and output are the questions themselves, as in the paper where no
skills are written down: over skills alone it would not see how hard a question is. It is trained by
the plain loop of ``ten_million_epoch.train`` on whole histories; each call of ``part`` takes a part
of the steps, in a process of its own, and goes on to the bit where the last one stood.
"""

import json
import time
import warnings
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import torchedu
from torchedu import models
from torchedu.baselines import BestLR
from torchedu.batch import AnswerBatch
from torchedu.datasets import exact_filter
from torchedu.layers import VocabularyTable
from torchedu.metrics import scores
from torchedu.metrics.within import within
from torchedu.schema import ITEM

HELD_OUT = 20_000
"""Students that are scored, or a fifth where there are fewer than five times as many; as many again
are there to be looked at on the way, of which so many are."""
LOOKED_AT = 1_000
SAMPLE = 5_000
"""Training students to whom Best-LR is fitted: half a million answers, where more do not help."""
WINDOW = 1_000
"""Answers of the longest history that enters whole."""


class Settings(NamedTuple):
    """How it is trained.

    Attributes:
        dim: Width.
        step: Answers of a step.
        epochs: Passes.
        lr: Highest learning rate.
    """

    dim: int
    step: int
    epochs: int
    lr: float


class QuestionDKT(models.DKT):
    """DKT over questions."""

    def __init__(self, num_items: int, num_skills: int, dim: int = 200) -> None:
        super().__init__(num_items, num_items, dim)
        for table in self.modules():
            if isinstance(table, VocabularyTable):
                table.kind = ITEM

    def forward(self, batch: AnswerBatch) -> torch.Tensor:
        """Predict every answer of a batch, by questions."""
        return super().forward(batch._replace(skill_BLS=batch.item_BL.unsqueeze(-1)))


class Training:
    """A training that goes on where the last process left it.

    Args:
        store: The class.
        run: Folder of its state.
        settings: How it is trained.
    """

    def __init__(self, store: Path, run: Path, settings: Settings) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(0)
        warnings.filterwarnings("ignore")
        self.state, self.settings = run / "state.pt", settings
        run.mkdir(exist_ok=True)
        students = torchedu.datasets.AnswerStore(store).num_students
        share = min(0.2, HELD_OUT / students)
        self.data = torchedu.Interactions(
            store, batch_size=1, window=WINDOW, context=0, val=share, test=share
        )
        answers = int(self.data.parts["train"].stop.sum())
        self.data.batch_size = max(1, round(settings.step / answers * self.data.steps_per_epoch))
        self.task = torchedu.KnowledgeTracing(
            partial(QuestionDKT, dim=settings.dim), self.data.num_items, self.data.num_skills
        )
        self.task.agree(self.data, training=True)
        self.stream = self.data.train_dataloader().stream
        self.optimizer = torch.optim.AdamW(self.task.parameters(), settings.lr, weight_decay=0.01)
        self.steps = settings.epochs * len(self.stream)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, settings.lr, total_steps=self.steps + 1, pct_start=0.1
        )
        self.step, self.cpu_seconds = 0, 0.0
        if self.state.exists():
            kept = torch.load(self.state, weights_only=True)
            self.task.load_state_dict(kept["task"])
            self.optimizer.load_state_dict(kept["optimizer"])
            self.schedule.load_state_dict(kept["schedule"])
            torch.set_rng_state(kept["random"])
            self.step, self.cpu_seconds = kept["step"], kept["cpu_seconds"]

    def go_on(self, steps: int) -> dict[str, Any]:
        """Train so many steps more, keep the state, and return what there is to tell."""
        begin, last, answers = time.process_time(), min(self.steps, self.step + steps), 0
        self.task.train()
        while self.step < last:
            self.stream.epoch, self.stream.first = divmod(self.step, len(self.stream))
            for batch in self.stream:
                self.optimizer.zero_grad()
                with torch.autocast("cpu", torch.bfloat16):
                    loss = self.task.training_step(batch, self.step)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.task.parameters(), 1.0)
                self.optimizer.step()
                self.schedule.step()
                self.step += 1
                answers += int(batch.scored_BL.sum())
                if self.step == last:
                    break
        cpu = time.process_time() - begin
        self.cpu_seconds += cpu
        whole = self.state.with_suffix(".new")
        kept = {
            "task": self.task.state_dict(), "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(), "random": torch.get_rng_state(),
            "step": self.step, "cpu_seconds": self.cpu_seconds,
        }  # fmt: skip
        torch.save(kept, whole)
        whole.replace(self.state)
        return {
            "step": self.step, "of": self.steps, "cpu_seconds": round(self.cpu_seconds, 1),
            "answers_a_cpu_second": round(answers / cpu) if answers else None,
        }  # fmt: skip

    def students(self, part: str, most: int) -> Any:
        """Return the histories of some students of a part, in the order of the store."""
        store, rows = self.data.store, np.sort(self.data.parts[part].student)[:most]
        lengths = np.diff(store.history_offsets)[rows]
        return store.answers(rows[lengths <= WINDOW])

    @torch.no_grad()
    def predict(self, answers: Any) -> np.ndarray[Any, Any]:
        """Return the network's probabilities."""
        self.task.eval()
        item, mark = torch.from_numpy(answers.item).long(), torch.from_numpy(answers.correct)
        starts, said = answers.offsets[:-1], np.empty(len(item), np.float32)
        lengths = np.diff(answers.offsets)
        order = np.argsort(lengths, kind="stable")
        for rows in np.array_split(order, max(1, len(item) // self.settings.step)):
            step_L = np.arange(lengths[rows].max(initial=1))
            seen_BL = step_L < lengths[rows][:, None]
            place_BL = torch.from_numpy(np.where(seen_BL, starts[rows][:, None] + step_L, 0))
            seen = torch.from_numpy(seen_BL)
            none_B = torch.zeros(len(rows), dtype=torch.int64)
            batch = AnswerBatch(
                item[place_BL] * seen, item[place_BL].unsqueeze(-1), mark[place_BL] * seen, seen,
                none_B, none_B, none_B.float(),
            )  # fmt: skip
            with torch.autocast("cpu", torch.bfloat16):
                logit_BL = self.task(batch).float()
            said[place_BL[seen].numpy()] = logit_BL.sigmoid()[seen].numpy()
        return said

    def judged(self, part: str, names: tuple[str, ...]) -> dict[str, dict[str, float]]:
        """Score the network, the exact filter and Best-LR on the same answers of a part."""
        answers = self.students(part, LOOKED_AT if part == "val" else HELD_OUT)
        who = np.repeat(np.arange(len(answers.offsets) - 1), np.diff(answers.offsets))
        say = {
            "DKT": self.predict,
            "best reachable": partial(exact_filter.predict, self.data.store.about),
            "Best-LR": lambda some: BestLR().fit(self.students("train", SAMPLE)).predict(some),
        }
        each = {}
        for name in names or say:
            p = say[name](answers)
            auc, inside = scores(p, answers.correct)["auc"], within(p, answers.correct, who).auc()
            each[name] = {"auc": round(auc or 0, 5), "auc_within": round(inside or 0, 5)}
        return each


def part(store: str, run: str, settings: tuple[int, int, int, float], steps: int) -> None:
    """Train so many steps more; print what it took, and what it is worth on a few students."""
    training = Training(Path(store), Path(run), Settings(*settings))
    told = training.go_on(steps)
    print(json.dumps({**told, "val": training.judged("val", ("DKT",))}))


def score(
    store: str, run: str, settings: tuple[int, int, int, float], part: str, *names: str
) -> None:
    """Print the scores of all models, or of some, on a part's students."""
    training = Training(Path(store), Path(run), Settings(*settings))
    print(json.dumps(training.judged(part, names)))


def repeated(store: str, run: str, settings: tuple[int, int, int, float], steps: int) -> None:
    """Print whether two parts, each by an object of its own, come to the weights of one."""
    ends = []
    for name, parts in (("one", (2 * steps,)), ("two", (steps, steps))):
        for count in parts:
            training = Training(Path(store), Path(run) / name, Settings(*settings))
            training.go_on(count)
        ends.append(training.task.state_dict())
    same = all(torch.equal(x, y) for x, y in zip(*(end.values() for end in ends), strict=True))
    print(json.dumps({"same": same}))

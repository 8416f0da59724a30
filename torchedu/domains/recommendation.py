"""Course recommendation: which course will this student take next?"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from torchedu.batch import CourseFacts, EnrolmentBatch
from torchedu.companions import Companions
from torchedu.domains.domain import Domain, Schedule
from torchedu.domains.opening import open_domain
from torchedu.domains.rows import finite_of, windows_named
from torchedu.errors import ConfigError
from torchedu.layers import at_least_single, in_single
from torchedu.metrics.ranking import TOP, hide, rank_of
from torchedu.models.recommender import Recommender
from torchedu.ranges import COUNT, DROPPED, NOT_NEGATIVE
from torchedu.schema import GROUP, ITEM, PADDING, RESERVED, SKILL, UNKNOWN

if TYPE_CHECKING:
    from torchedu.metrics.ranking_scores import RankingScores

Loss = Literal["softmax", "sampled_softmax", "in_batch", "bce", "bpr"]
LOSSES = ("softmax", "sampled_softmax", "in_batch", "bce", "bpr")
BLOCK = 1 << 24
"""Numbers of scores, and of what they are made of, that are in memory at once in ranking."""
LOOKED_AT = 5
"""How many of a student's last courses may be a reason."""


class Recommended(NamedTuple):
    """Cases and their recommendations.

    Attributes:
        student: Row in the store; shape (cases,).
        position: Position in the student's history of the course that is looked for.
        rank: Its place among all courses not yet taken, from 0.
        top: The courses recommended, best first; shape (cases, k).
        score: Their scores; shape (cases, k).
        state: What the network knows of the student, which ``Recommender.logits`` scores any course
            by; shape (cases, D).
        because: Two courses that each recommendation leans on, the stronger first; shape (cases, k,
            2). 0 for none, and wherever the course that is looked for is known.
    """

    student: Tensor
    position: Tensor
    rank: Tensor
    top: Tensor
    score: Tensor
    state: Tensor
    because: Tensor


class Recommendation(Domain):
    """Recommends the courses that a student is likeliest to take next.

    Evaluation ranks the whole catalogue, without the courses that the student has taken; nothing is
    sampled there. Training takes every course of the training part as the one to come, given those
    before it.

    Args:
        net: Called with the numbers of courses, students and groups, gives the network: a class
            such as ``GRU4Rec`` or ``functools.partial(GRU4Rec, dim=64)``.
        num_items: Number of course ids, the reserved ones included.
        num_students: Number of students.
        num_groups: Number of ids of all student attributes.
        num_skills: Number of ids of what courses teach, the reserved ones included.
        loss: ``softmax`` over all courses; ``sampled_softmax`` over ``negatives`` courses drawn by
            popularity, corrected for it; ``in_batch`` over the batch's own courses, corrected
            likewise; ``bce`` (binary cross-entropy) or ``bpr`` (pairwise) with ``negatives`` drawn
            a course.
        negatives: How many courses are drawn, where the loss draws some.
        power: Negatives are drawn by popularity to this power; 0 draws all alike.
        smoothing: Label smoothing of the softmax over all courses, 0..1.
        sparse: Give the tables of students and courses sparse gradients, and step with row-wise
            Adagrad in place of AdamW: for tables of which a batch touches little. Not with
            ``softmax``, which touches all courses.
        start_from: Runs or checkpoints whose networks this one takes over what fits of, such as a
            ``GMF`` and an ``MLP`` for ``NeuMF``.
        lr: Learning rate of AdamW.
        weight_decay: Its weight decay.
        schedule: ``constant`` keeps the learning rate; ``one_cycle`` raises it to ``lr`` over the
            first tenth of all steps and lowers it to nothing by the last.

    Raises:
        ConfigError: A value is out of range, or nothing of ``start_from`` fits.
    """

    net: Recommender
    popularity: Tensor
    negative_sampler: Callable[[Tensor, Tensor, int, int], Tensor]
    monitor = "val/ndcg10"
    counts = "courses"
    limits: ClassVar = {"negatives": COUNT, "power": NOT_NEGATIVE, "smoothing": DROPPED}
    sizes = ("num_items", "num_students", "num_groups", "num_skills")
    binds: ClassVar = {ITEM: "num_items", GROUP: "num_groups", SKILL: "num_skills"}
    unknown: ClassVar = {ITEM: "they are never recommended"}
    nets = Recommender
    keys = ("student", "position")
    use_for = "To order courses that a student may want next."
    not_for = "To keep anyone out of one."
    usual: ClassVar = {
        "net": "torchedu.models.TwoTower",
        "data": "torchedu.datamodules.Enrolments",
        "init_args": {"lr": 2e-3, "weight_decay": 0.05, "schedule": "one_cycle"},
    }

    def __init__(
        self,
        net: Callable[[int, int, int, int], Recommender],
        num_items: int,
        num_students: int,
        num_groups: int,
        num_skills: int = RESERVED,
        loss: Loss = "softmax",
        negatives: int = 4,
        power: float = 0.0,
        smoothing: float = 0.0,
        sparse: bool = False,
        start_from: list[str] | None = None,
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        schedule: Schedule = "constant",
    ) -> None:
        super().__init__(lr, weight_decay, schedule, sparse)
        if loss not in LOSSES:
            raise ConfigError(f"⟦model.loss⟧ is {loss!r}.", f"Allowed: {', '.join(LOSSES)}.")
        if sparse and loss == "softmax":
            raise ConfigError(
                "⟦model.sparse⟧ tables and a softmax over all courses, which touches every row.",
                "Give ⟦model.loss⟧ in_batch, sampled_softmax, bce or bpr.",
            )
        sizes = (num_items, num_students, num_groups, num_skills)
        self.net = self.built(net, Recommender, *sizes)
        self.num_items = num_items
        self.num_students = num_students
        self.num_groups = num_groups
        self.num_skills = num_skills
        self.kind = loss
        self.negatives = negatives
        self.power = power
        self.smoothing = smoothing
        self.register_buffer("popularity", torch.ones(num_items))
        self.start_from = start_from
        for run in start_from or []:
            self._start_from(run)

    def _start_from(self, run: str) -> None:
        other = open_domain(run).net
        if not (isinstance(other, Recommender) and self.net.start_from(other)):
            raise ConfigError(
                f"nothing of the {type(other).__name__} in {run} fits {type(self.net).__name__}.",
                "A NeuMF starts from a GMF and an MLP of its own sizes, trained on the same data.",
            )
        self.started = True

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that build this task again; what it started from is its own now."""
        return super().arguments() | {"loss": self.kind, "start_from": None}

    def agree(self, data: Any, training: bool) -> None:
        """Agree with the data, and learn how popular each course is; see ``Domain.agree``."""
        super().agree(data, training)
        cast("RankingScores", self.metrics).popularity.copy_(self.popularity)
        if training and self.kind in ("bce", "bpr"):
            self.negative_sampler = data.negative_sampler(self.power)

    def check_size(self, size: str, known: Any, given: Any) -> None:
        """Refuse other sizes, but for students where the network goes by courses."""
        if size != "num_students":
            super().check_size(size, known, given)
        elif self.net.knows_students and known != given:
            raise ConfigError(
                f"{type(self.net).__name__} knows the {known:,} students that it was trained on, "
                f"the data has {given:,}.",
                "Train it on this data, or take a network that goes by courses, such as TwoTower.",
            )

    def take_facts(self, data: Any, fresh: bool) -> None:
        """Learn how popular each course is."""
        if fresh:
            self.popularity.copy_(data.popularity)

    def scoring(self) -> "RankingScores":
        """Return what the scores are computed by; see ``Domain.metrics``."""
        from torchedu.metrics.ranking_scores import RankingScores

        return RankingScores(self.num_items)

    def loss(self, batch: EnrolmentBatch) -> tuple[Tensor, Tensor]:
        """Return the summed loss of each window's scored courses, and their number."""
        scored_BL = batch.scored_BL & (batch.item_BL > UNKNOWN)
        row_M, step_M = scored_BL.nonzero(as_tuple=True)
        state_BLD = self(batch)
        state_MD, target_M = state_BLD[row_M, step_M], batch.item_BL[row_M, step_M]
        kinds = {
            "softmax": self._softmax, "sampled_softmax": self._sampled_softmax,
            "in_batch": self._in_batch, "bce": self._bce, "bpr": self._bpr,
        }  # fmt: skip
        each_M = kinds[self.kind](state_MD, target_M, batch, row_M, step_M)
        loss_B = each_M.new_zeros(len(batch.item_BL)).index_add(0, row_M, each_M)
        return loss_B + self.net.own_loss(batch, state_BLD), scored_BL.sum(1)

    @property
    def by_batch(self) -> str:
        """Courses of other students in a batch are what ``in_batch`` sets each course against."""
        compared = "⟦model.loss⟧ in_batch sets each course against those of its batch"
        return compared if self.kind == "in_batch" else ""

    def _softmax(self, state_MD: Tensor, target_M: Tensor, *_: Any) -> Tensor:
        logit_MN = at_least_single(self.net.logits(state_MD))
        return F.cross_entropy(
            logit_MN[:, 2:], target_M - 2, reduction="none", label_smoothing=self.smoothing
        )

    def _sampled_softmax(self, state_MD: Tensor, target_M: Tensor, *_: Any) -> Tensor:
        # By step: whoever shares one, among ranks or accumulated batches, draws the same.
        by_step = torch.Generator(self.popularity.device).manual_seed(self.step)
        drawn_K = torch.multinomial(self._odds(), self.negatives, True, generator=by_step)
        return self._corrected(state_MD, target_M, drawn_K, self._odds())

    def _in_batch(self, state_MD: Tensor, target_M: Tensor, *_: Any) -> Tensor:
        return self._corrected(state_MD, target_M, target_M, self.popularity + 1e-9)

    def _odds(self) -> Tensor:
        odds_N = self.popularity.clamp(min=1e-9) ** self.power
        odds_N[:2] = 0
        return odds_N

    def _corrected(
        self, state_MD: Tensor, target_M: Tensor, drawn_K: Tensor, odds_N: Tensor
    ) -> Tensor:
        """Return the softmax over drawn courses, less the log odds of being drawn (Bengio 2008)."""
        log_N = (odds_N / odds_N.sum()).clamp(min=1e-12).log()
        own_M1 = at_least_single(self.net.logits(state_MD, target_M.unsqueeze(1)))
        other_MK = at_least_single(self.net.logits(state_MD, drawn_K.unsqueeze(0))) - log_N[drawn_K]
        other_MK = other_MK.masked_fill(drawn_K == target_M.unsqueeze(1), -torch.inf)
        logit = torch.cat([own_M1 - log_N[target_M].unsqueeze(1), other_MK], 1)
        return -F.log_softmax(logit, 1)[:, 0]

    def _pairs(
        self,
        state_MD: Tensor,
        target_M: Tensor,
        batch: EnrolmentBatch,
        row_M: Tensor,
        step_M: Tensor,
    ) -> Tensor:
        """Return the log odds of each course and of the courses drawn against it."""
        student_M = batch.student_B[row_M]
        position_M = batch.start_B[row_M] + step_M
        drawn_MK = self.negative_sampler(student_M, position_M, self.negatives, self.epoch)
        item_MK = torch.cat([target_M.unsqueeze(1), drawn_MK], 1)
        return at_least_single(self.net.logits(state_MD, item_MK))

    def _bce(self, *case: Any) -> Tensor:
        logit_MK = self._pairs(*case)
        return F.softplus(-logit_MK[:, 0]) + F.softplus(logit_MK[:, 1:]).sum(1)

    def _bpr(self, *case: Any) -> Tensor:
        logit_MK = self._pairs(*case)
        return F.softplus(logit_MK[:, 1:] - logit_MK[:, :1]).mean(1)

    def pseudonyms(self, batch: EnrolmentBatch) -> list[str]:
        """Name each window by the student's row in the store and the courses' positions."""
        return windows_named(batch, "courses")

    def output(self, batch: EnrolmentBatch) -> dict[str, Tensor]:
        """Return the score of every course as the next one; see ``Domain.output``."""
        state_BLD = self(batch._replace(item_BL=F.pad(batch.item_BL, (0, 1))))
        next_B11 = (batch.item_BL != PADDING).sum(1)[:, None, None]
        state_BD = state_BLD.gather(1, next_B11.expand(-1, 1, state_BLD.shape[2])).squeeze(1)
        return {"logit": self.net.logits(state_BD)}

    @property
    def rows_at_once(self) -> int:
        """How many cases' scores of every course fit in memory at once."""
        return max(1, BLOCK // (self.net.num_items * self.net.pair_width))

    def _logits(self, state_MD: Tensor, item_MK: Tensor | None = None) -> Tensor:
        with torch.autocast(self.popularity.device.type, enabled=False):  # bf16 would tie many
            return in_single(self.net, self.net.logits, state_MD.float(), item_MK)

    def recommend(self, batch: EnrolmentBatch, top: int = TOP) -> Recommended:
        """Rank all courses for the scored slots of a batch.

        Where a slot holds no course, since what comes next is asked for, reasons are given too:
        courses without which the score would be lower, of the last ``LOOKED_AT`` that the student
        took.

        Args:
            batch: With the courses before each window, or those would be recommended again.
            top: How many to recommend.

        Returns:
            The cases.
        """
        row_A, step_A = (batch.scored_BL & (batch.item_BL == PADDING)).nonzero(as_tuple=True)
        # All in one pass: ranks of a sharded network run it equally often.
        state_BLD = self(_with_fewer(batch, row_A, step_A))
        rows, steps = batch.scored_BL.nonzero(as_tuple=True)
        places_L = torch.arange(batch.item_BL.shape[1], device=rows.device)
        blocks = []
        for row_M, step_M in zip(
            rows.split(self.rows_at_once), steps.split(self.rows_at_once), strict=True
        ):
            state_MD = state_BLD[row_M, step_M].float()
            earlier_ML = batch.item_BL[row_M] * (places_L < step_M.unsqueeze(1))
            score_MN = self._logits(state_MD)
            if self.finite is not None:
                wrong_M = (~finite_of(score_MN[:, RESERVED:])).long()
                none_B = wrong_M.new_zeros(len(batch.item_BL))
                self.finite.append(none_B.index_add(0, row_M, wrong_M) == 0)
            score_MN = hide(hide(score_MN, earlier_ML), batch.before_BM[row_M])
            best = score_MN.topk(min(top, score_MN.shape[1]))
            rank_M = rank_of(score_MN, batch.item_BL[row_M, step_M])
            because_MK2 = best.indices.new_zeros(*best.indices.shape, 2)
            case = batch.student_B[row_M], batch.start_B[row_M] + step_M, rank_M
            blocks.append(Recommended(*case, best.indices, best.values, state_MD, because_MK2))
        if not blocks:
            none, number = batch.student_B[:0], state_BLD[:0, 0].float()
            lists = none.new_zeros(0, top), number.new_zeros(0, top)
            return Recommended(none, none, none, *lists, number, none.new_zeros(0, top, 2))
        whole = Recommended(*(torch.cat(column) for column in zip(*blocks, strict=True)))
        if len(row_A) and len(state_BLD) > len(batch.item_BL):  # not of a pipeline's last stage
            asked_M = batch.item_BL[rows, steps] == PADDING
            fewer_ALD = state_BLD[len(batch.item_BL) :]
            whole.because[asked_M] = self._reasons(
                batch.item_BL[row_A], step_A, whole.state[asked_M], fewer_ALD, whole.top[asked_M]
            )
        return whole

    def _reasons(
        self,
        item_AL: Tensor,
        step_A: Tensor,
        state_AD: Tensor,
        fewer_ALD: Tensor,
        top_AK: Tensor,
    ) -> Tensor:
        """Return two courses without which recommendations score less; shape (A, K, 2)."""
        lag_R1 = torch.arange(1, LOOKED_AT + 1, device=step_A.device).unsqueeze(1)
        at_RA = (step_A - lag_R1).clamp(min=0)
        again = torch.arange(len(fewer_ALD), device=step_A.device)
        fewer_AD = fewer_ALD[again, (step_A - 1).clamp(min=0).repeat(LOOKED_AT)].float()
        # At once, so that what a network passes over changes no bit.
        logit_XK = self._logits(torch.cat([state_AD, fewer_AD]), top_AK.repeat(1 + LOOKED_AT, 1))
        logit_RAK = logit_XK.unflatten(0, (1 + LOOKED_AT, len(step_A)))
        fall_RAK = logit_RAK[:1] - logit_RAK[1:]
        fall_RAK = fall_RAK.masked_fill((step_A < lag_R1).unsqueeze(-1), 0.0)
        most = fall_RAK.topk(2, 0)
        course_RAK = item_AL.gather(1, at_RA.T).T.unsqueeze(-1).expand_as(fall_RAK)
        found_2AK = course_RAK.gather(0, most.indices).masked_fill(most.values <= 0, PADDING)
        return found_2AK.movedim(0, -1)

    def outcome(self, batch: EnrolmentBatch) -> tuple[Tensor, Tensor]:
        """Return the rank of each scored course of a batch, and what was recommended."""
        recommended = self.recommend(batch)
        return recommended.rank, recommended.top

    def predict(self, batch: EnrolmentBatch) -> Recommended:
        """Return the ranks and recommendations of a batch."""
        return self.recommend(batch)

    def take(self, companions: Companions) -> None:
        """Let the network know what the courses of its weights teach; see ``Domain.take``."""
        super().take(companions)
        if companions.item_skills is not None:
            skill_NS = torch.from_numpy(companions.item_skills)
            self.net.learn(CourseFacts(self.popularity, skill_NS), fresh=False)


def _with_fewer(batch: EnrolmentBatch, row_A: Tensor, step_A: Tensor) -> EnrolmentBatch:
    """Add students again without their last course, without the last but one, and so on.

    Args:
        batch: The students.
        row_A: Their rows.
        step_A: How many courses of each the batch holds.
    """
    item_AL, place_L = (
        batch.item_BL[row_A],
        torch.arange(batch.item_BL.shape[1], device=row_A.device),
    )
    lag_R11 = torch.arange(1, LOOKED_AT + 1, device=row_A.device)[:, None, None]
    at_RA1 = (step_A.unsqueeze(1) - lag_R11).clamp(min=0)
    later_RAL = (place_L + (place_L >= at_RA1)).clamp(max=len(place_L) - 1)
    fewer_RAL = item_AL.expand_as(later_RAL).gather(2, later_RAL)
    fewer_RAL = fewer_RAL.masked_fill(place_L >= step_A.unsqueeze(1) - 1, PADDING)
    again = [torch.cat([column, column[row_A.repeat(LOOKED_AT)]]) for column in batch]
    item_BL = torch.cat([batch.item_BL, fewer_RAL.flatten(0, 1)])
    return EnrolmentBatch(*again)._replace(item_BL=item_BL)

"""The batches that models see, with their shapes.

The legend of shape letters, for the whole library: a name such as ``item_BL`` has one dimension a
letter.

====== ==========================================
letter dimension
====== ==========================================
B      histories (or windows of them) in a batch
L      steps: answers in a history
N      items, reserved ids included (courses, where those are recommended)
K      skills, reserved ids included
S      skills of one item, padded
D      width of a layer
H      attention heads; height of a photograph
V      vocabulary of tokens
M      cases: slots of a batch that are predicted; in ``before_BM``, courses before a window
G      student attributes
E      numbers of an event
Q      moments at which a risk is asked for
F      numbers of a moment, of a text's surface, or of an answer's past
W      windows of a text; width of a photograph
Y      scores of a text: the overall one, then traits
R      roles of a text in a pair: the answer, what it is held against
T      tags of a role's sentences
U      bytes of a text
I      frames of a recording
C      channels of an answer: what was typed, what was spoken, what was photographed
====== ==========================================
"""

import math
from collections.abc import Collection
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from torchedu.schema import NO_TIME

UNKNOWN_VALUES: dict[str, tuple[torch.dtype, float]] = {
    "time": (torch.int64, NO_TIME),
    "response_time": (torch.float32, math.nan),
    "attempt": (torch.int64, 0),
}
"""What a network may read of an answer beside item, skills and mark, with its type and the value
that stands where it is not known, as in padded slots. Times are whole milliseconds, since no
precision that a network is trained in keeps those of a day apart; ``layers.seconds_between`` makes
numbers of them."""


class AnswerBatch(NamedTuple):
    """Windows of students' histories, padded at the end to the longest.

    What few networks read is carried where the network ``reads`` it, and is None otherwise.

    Attributes:
        item_BL: Item ids, int64; 0 in padded slots, 1 for an item that the vocabulary lacks.
        skill_BLS: Skill ids of each item, each once, int64; 0 where an item has fewer than S.
        correct_BL: 0, 1 or a share of the marks, float32; 0 in padded slots.
        scored_BL: Which answers count in loss and metrics, bool; never a padded slot, and not an
            answer that is there as history alone.
        student_B: Row of the student in the store, int64.
        start_B: Position in the student's history of the window's first answer, int64.
        mean_over_B: The number of answers that a training loss is divided by, float32: those of the
            whole optimizer step, over all ranks and accumulated batches, shared out evenly among
            them; the same in each row.
        time_BL: When each answer was given, as ``Asked`` has it.
        response_time_BL: How long it took, as ``Answered`` has it.
        attempt_BL: Which attempt it was, as ``Asked`` has it.
        past_BLF: What came before each answer in the whole history, float16, in the columns of
            ``layers.past.PastNumbers``: in all, on the item, then on each of its S skills. None
            where the network asks for none, or where a window is all the history there is.
        judged_BL: As ``Asked`` has it.
        moved_BL: How far the student's own answers have moved the weight that a regression has of
            the item, float32; see ``baselines.StreamingLR.moved``. None but in training.
    """

    item_BL: Tensor
    skill_BLS: Tensor
    correct_BL: Tensor
    scored_BL: Tensor
    student_B: Tensor
    start_B: Tensor
    mean_over_B: Tensor
    time_BL: Tensor | None = None
    response_time_BL: Tensor | None = None
    attempt_BL: Tensor | None = None
    past_BLF: Tensor | None = None
    judged_BL: Tensor | None = None
    moved_BL: Tensor | None = None

    def answered(self, step: int | Tensor, rows: Tensor | slice = slice(None)) -> "Answered":
        """Return the answers at a step.

        Args:
            step: Which, from 0; one for all, or with ``rows`` as a tensor one of each.
            rows: Of which windows; of all by default.
        """
        known = (self.time_BL, self.response_time_BL, self.attempt_BL, self.judged_BL)
        columns = (self.item_BL, self.skill_BLS, self.correct_BL, *known)
        return Answered(*(None if x is None else x[rows, step] for x in columns))  # type: ignore[arg-type]


class Asked(NamedTuple):
    """One question put to each of B students, as it stands before the answer.

    Attributes:
        item_B: The item, int64; 1 for one that the vocabulary lacks.
        skill_BS: Its skills, each once, int64; 0 where it has fewer than S.
        time_B: When it is put, in milliseconds since 1970, int64; ``schema.NO_TIME`` where that is
            not known. Like what follows it is None where the network does not read it.
        attempt_B: Which of the student's attempts at the item it is, from 1, int64; 0 where that is
            not known.
        judged_B: How easy the item is by its words, in log odds, float32; 0 for one that the
            vocabulary has, or that has no text. None where no text was judged.
    """

    item_B: Tensor
    skill_BS: Tensor
    time_B: Tensor | None = None
    attempt_B: Tensor | None = None
    judged_B: Tensor | None = None


class Answered(NamedTuple):
    """One answer of each of B students.

    Attributes:
        item_B: As ``Asked`` has it.
        skill_BS: The same.
        correct_B: 0, 1 or a share of the marks, float32.
        time_B: As ``Asked`` has it.
        response_time_B: How long the answer took, in seconds, float32; NaN where that is not known,
            None where the network does not read it. No question has one before it is answered.
        attempt_B: As ``Asked`` has it.
        judged_B: The same.
    """

    item_B: Tensor
    skill_BS: Tensor
    correct_B: Tensor
    time_B: Tensor | None = None
    response_time_B: Tensor | None = None
    attempt_B: Tensor | None = None
    judged_B: Tensor | None = None

    @property
    def asked(self) -> Asked:
        """The question that was answered."""
        return Asked(self.item_B, self.skill_BS, self.time_B, self.attempt_B, self.judged_B)


Question = TypeVar("Question", Asked, Answered)


def as_read(given: Question, reads: Collection[str]) -> Question:
    """Return a question or an answer with what a network reads of it, and nothing else.

    Args:
        given: It; what is None is not known.
        reads: The columns that the network reads; see ``KTModel``.
    """
    changed: dict[str, Any] = {}
    for field, value in given._asdict().items():
        column = field.rpartition("_")[0]
        if column in UNKNOWN_VALUES and column not in reads:
            changed[field] = None
        elif column in UNKNOWN_VALUES and value is None:
            dtype, unknown = UNKNOWN_VALUES[column]
            changed[field] = torch.full_like(given.item_B, unknown, dtype=dtype)
    return given._replace(**changed)


class TracingFacts(NamedTuple):
    """What is learnt of the training part's answers before training: a logistic regression.

    Attributes:
        item_N2: Its weights of each item, as ``baselines.streaming_lr.Weights`` has them, float32.
        skill_K7: Those of each skill.
        shared_F: Those of the numbers that all answers share, the bias last.
        answers: How many answers the training part has.
    """

    item_N2: Tensor
    skill_K7: Tensor
    shared_F: Tensor
    answers: int


class EnrolmentBatch(NamedTuple):
    """Windows of students' courses in order of enrolment, padded at the end to the longest.

    Attributes:
        item_BL: Course ids, int64; 0 in padded slots, 1 for a course that the vocabulary lacks.
        scored_BL: Which courses are to be predicted from those before them, bool. Of the padded
            slots at most the first: the course that comes after the student's last.
        before_BM: What is not to be recommended besides: the student's courses before the window,
            int64, filled up with 0; M is 0 where they are not asked for, as in training.
        group_BG: The student's group by each attribute, int64; ids of all attributes share one
            range.
        student_B: Row of the student in the store, int64.
        start_B: Position in the student's history of the window's first course, int64.
        mean_over_B: As ``AnswerBatch`` has it, of courses.
    """

    item_BL: Tensor
    scored_BL: Tensor
    before_BM: Tensor
    group_BG: Tensor
    student_B: Tensor
    start_B: Tensor
    mean_over_B: Tensor


class CourseFacts(NamedTuple):
    """What the data says of courses, before training.

    Attributes:
        popularity_N: How many students of the training part took each course, float32.
        skill_NS: The skills that each course teaches, filled up with 0; S is 0 where the data does
            not say.
        taken_SL: The courses of students of the training part in order, filled up with 0; of some
            drawn where they are many, None where only courses are meant.
    """

    popularity_N: Tensor
    skill_NS: Tensor
    taken_SL: Tensor | None = None


class RiskBatch(NamedTuple):
    """Students of courses: what each did, and the moments at which a risk is asked for.

    Attributes:
        event_BLE: The numbers of each event, float32; see ``features.course_view.EVENT_NUMBERS``.
        module_B: The module, an id of the vocabulary, int64.
        attribute_BA: What the network is told of the student, an id of each attribute, int64; no
            column where it is told nothing.
        moment_BQF: The numbers of each moment, float32; see ``MOMENT_NUMBERS`` there.
        seen_BQ: How many of the events are known at each moment, int64.
        at_risk_B: 1 for a bad outcome, 0 for another, float32.
        leaving_BQ: Whether the student leaves within a week of the moment, float32.
        scored_BQ: Which moments count in loss and metrics, bool; never a padded one.
        enrolment_B: Row of the enrolment in the store, int64.
        day_BQ: The day of each moment, float32.
        weight_B: How much each student counts in the loss, float32.
        group_B: The student's group, where groups are to fare alike; -1 where unknown, int64.
        mean_over_B: As in ``AnswerBatch``, with moments for answers.
    """

    event_BLE: Tensor
    module_B: Tensor
    attribute_BA: Tensor
    moment_BQF: Tensor
    seen_BQ: Tensor
    at_risk_B: Tensor
    leaving_BQ: Tensor
    scored_BQ: Tensor
    enrolment_B: Tensor
    day_BQ: Tensor
    weight_B: Tensor
    group_B: Tensor
    mean_over_B: Tensor


class EssayBatch(NamedTuple):
    """Graded texts: essays, or short answers beside what they are held against.

    Attributes:
        token_BWL: Token ids of each text's windows, int64; W is 0 where texts come as vectors.
        seen_BWL: Which of them are no padding, bool.
        vector_BRD: Frozen vectors of the text, and of its references, float32; R is 0 where texts
            come as tokens.
        surface_BF: What is counted on the surface, float32; see ``schema.SURFACE_NUMBERS``.
        prompt_B: The prompt, an id of the vocabulary, int64.
        target_BY: Scores in 0..1 of the prompt's range, float32; 0 where missing. A label is the
            one score, from 0 for the first to 1 for the last.
        scored_BY: Which scores count in loss and metrics, bool.
        text_B: Row of the text in the store, int64.
        mean_over_B: As ``AnswerBatch`` has it, of scores.
    """

    token_BWL: Tensor
    seen_BWL: Tensor
    vector_BRD: Tensor
    surface_BF: Tensor
    prompt_B: Tensor
    target_BY: Tensor
    scored_BY: Tensor
    text_B: Tensor
    mean_over_B: Tensor


class SpokenBatch(NamedTuple):
    """Answers typed, spoken and photographed.

    Attributes:
        byte_BU: Each text's bytes in UTF-8, plus 1, int64; 0 in padded slots.
        vector_BD: A frozen encoder's vector of each text, float32; D is 0 where bytes are read.
        frame_BWIF: What is heard in each frame of each window of a recording, float32.
        heard_BWI: Which of them are no padding, bool.
        pixel_BHWF: How dark each pixel of a photograph is by colour, 0 for white, float32; or an
            encoder's states, all in one row; F is 0 where no photographs are looked at.
        seen_BHW: Which of them are no padding, bool.
        has_BC: Whether there is a text, a recording, and a photograph, bool.
        target_BY: Scores in 0..1 of their ranges, float32; 0 where missing.
        scored_BY: Which scores count in loss and metrics, bool.
        answer_B: Row of the answer in the store, int64.
        mean_over_B: As ``AnswerBatch`` has it, of scores.
    """

    byte_BU: Tensor
    vector_BD: Tensor
    frame_BWIF: Tensor
    heard_BWI: Tensor
    pixel_BHWF: Tensor
    seen_BHW: Tensor
    has_BC: Tensor
    target_BY: Tensor
    scored_BY: Tensor
    answer_B: Tensor
    mean_over_B: Tensor


class LessonBatch(NamedTuple):
    """Lessons, or stretches of them, sentence by sentence, padded at the end to the longest.

    Attributes:
        vector_BLD: Each sentence's vector from a frozen encoder, float32; 0 in padded slots.
        role_BL: Whose sentence it is, an index of ``schema.ROLES``, int64; 0 in padded slots.
        speaker_BL: Who says it, int64: equal for the same person; -1 in padded slots.
        turn_BL: Number of its turn in the lesson, int64; -1 in padded slots.
        words_BL: How many words it has, float32; 0 in padded slots.
        tag_BL: Its tag, an id among those of its role, int64; 0 where it has none, 1 where the
            vocabulary lacks it.
        seen_BL: Which slots hold a sentence, bool.
        asked_BL: Which sentences are to be tagged, bool; others are there as context.
        scored_BL: Which of these count in loss and metrics, bool: such as have a known tag.
        lesson_B: Row of the lesson in the store, int64.
        start_B: Position in the lesson of the stretch's first sentence, int64.
        mean_over_B: As ``AnswerBatch`` has it, of sentences, tagged or not.
    """

    vector_BLD: Tensor
    role_BL: Tensor
    speaker_BL: Tensor
    turn_BL: Tensor
    words_BL: Tensor
    tag_BL: Tensor
    seen_BL: Tensor
    asked_BL: Tensor
    scored_BL: Tensor
    lesson_B: Tensor
    start_B: Tensor
    mean_over_B: Tensor


class TokenBatch(NamedTuple):
    """Texts as tokens, one a row or packed, padded at the end to the longest row.

    Attributes:
        token_BL: Token ids, int64.
        scored_BL: Which tokens are to be predicted from those before them, bool; never the first
            of a text or a padded one.
        text_BL: Row of the text in the store that each token belongs to, int64; -1 where padded.
        place_BL: Position of each token in its text, int64, where a row holds several texts, none
            of which sees another; where each row is one text, L is 0 here.
        mean_over_B: As ``AnswerBatch`` has it, of tokens.
    """

    token_BL: Tensor
    scored_BL: Tensor
    text_BL: Tensor
    place_BL: Tensor
    mean_over_B: Tensor

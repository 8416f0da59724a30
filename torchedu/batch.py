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
H      attention heads
V      vocabulary of tokens
M      cases: slots of a batch that are predicted; in ``before_BM``, courses before a window
G      student attributes
E      numbers of an event
Q      moments at which a risk is asked for
F      numbers of a moment
====== ==========================================
"""

from typing import NamedTuple

from torch import Tensor


class AnswerBatch(NamedTuple):
    """Windows of students' histories, padded at the end to the longest.

    Attributes:
        item_BL: Item ids, int64; 0 in padded slots, 1 for an item that the vocabulary lacks.
        skill_BLS: Skill ids of each item, int64; 0 where an item has fewer than S skills.
        correct_BL: 0, 1 or a share of the marks, float32; 0 in padded slots.
        scored_BL: Which answers count in loss and metrics, bool; never a padded slot, and not an
            answer that is there as history alone.
        student_B: Row of the student in the store, int64.
        start_B: Position in the student's history of the window's first answer, int64.
        mean_over_B: The number of answers that a training loss is divided by, float32: those of the
            whole optimizer step, over all ranks and accumulated batches, shared out evenly among
            them; the same in each row.
    """

    item_BL: Tensor
    skill_BLS: Tensor
    correct_BL: Tensor
    scored_BL: Tensor
    student_B: Tensor
    start_B: Tensor
    mean_over_B: Tensor


class EnrolmentBatch(NamedTuple):
    """Windows of students' courses in order of enrolment, padded at the end to the longest.

    Attributes:
        item_BL: Course ids, int64; 0 in padded slots, 1 for a course that the vocabulary lacks.
        scored_BL: Which courses are to be predicted from those before them, bool; never a padded
            slot.
        before_BM: The student's courses before the window, int64, filled up with 0; M is 0 where
            they are not asked for, as in training.
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


class RiskBatch(NamedTuple):
    """Students of courses: what each did, and the moments at which a risk is asked for.

    Attributes:
        event_BLE: The numbers of each event, float32; see ``datasets.course_view.EVENT_NUMBERS``.
        module_B: The module, an id of the vocabulary, int64.
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

"""What is kept up to date event by event is what is counted from all events at once."""

import numpy as np
import pytest

from tests.features.courses_at_random import Drawn, courses_at_random, live
from torchedu.features.course_view import Moments, view
from torchedu.features.live_courses import LiveCourses

DAYS = [10.0, 33.5, 60.0, 88.0]


def assert_alike(drawn: Drawn, courses: LiveCourses, delay: float) -> None:
    """Compare what is told of every student with the whole, to the last bit."""
    size = len(drawn.enrolments)
    moments = Moments(np.repeat(np.arange(size), len(DAYS)), np.tile(DAYS, size))
    whole = view(drawn.store, moments, delay)
    for row, (student, course, *_) in enumerate(drawn.enrolments):
        mine = courses.view(student, "abc"[course], DAYS)
        events = slice(*whole.event_offsets[row : row + 2])
        asked = slice(row * len(DAYS), (row + 1) * len(DAYS))
        for name in ("event", "event_kind", "event_day"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(whole, name)[events], name)
        for name in ("moment", "seen", "registered", "leaving"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(whole, name)[asked], name)


@pytest.mark.parametrize("seed", range(12))
def test_late_repeated_and_corrected_events_come_to_the_whole(seed: int) -> None:
    drawn, delay = courses_at_random(seed), float(seed % 3 * 7)
    order = np.random.default_rng(seed).permutation(len(drawn.enrolments))
    assert_alike(drawn, live(drawn, delay, order), delay)

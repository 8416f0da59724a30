"""Is every number so? Baselines of any size of data, scores within students, people seen, leaks.

python benchmarks/honest.py            # everything
python benchmarks/honest.py --short    # smaller goals of its own, in minutes
python benchmarks/honest.py --only honest.baselines
"""

import sys
from functools import partial

import honest_audit
import honest_baselines
import honest_cases
import honest_divided
import honest_families
import honest_finite
import honest_leaks
import honest_rows
import honest_seen
import honest_small
import honest_within
from harness import Job, main

COURSES = {
    "a school's electives": (300, 120, 8, 0.2),
    "few students, many courses": (3000, 2600, 6, 0.3),
    "long histories": (2000, 600, 80, 0.0),
    "an ordered curriculum": (1500, 300, 10, 0.7),
    "many students": (20_000, 400, 8, 0.2),
    "hardly any data": (100, 60, 5, 0.2),
}
"""Sets of enrolments: students, courses, courses a student, and how ordered they are."""
SHORT = ("a school's electives",)

JOBS = [
    Job(
        ("honest.baselines",),
        partial(honest_baselines.measure, COURSES, (100, 1000, 4000), 2),
    ),
    Job(
        ("honest.baselines",),
        partial(honest_baselines.measure, {name: COURSES[name] for name in SHORT}, (200,), 4),
        short=True,
    ),
    Job(("honest.audit",), partial(honest_audit.measure, 10, 50, 1000)),
    Job(("honest.audit",), partial(honest_audit.measure, 4, 5), short=True),
    Job(("honest.finite",), partial(honest_finite.measure, None)),
    Job(("honest.finite",), partial(honest_finite.measure, 4), short=True),
    Job(("honest.rows",), partial(honest_rows.measure, 400)),
    Job(("honest.rows",), partial(honest_rows.measure, 48), short=True),
    Job(("honest.seen",), partial(honest_seen.measure, 2000)),
    Job(("honest.seen",), partial(honest_seen.measure, 300), short=True),
    Job(("honest.divided",), partial(honest_divided.measure, None, 48)),
    Job(("honest.divided",), partial(honest_divided.measure, 3, 16), short=True),
    Job(("honest.leaks",), partial(honest_leaks.measure, 40, honest_leaks.SHARES, True)),
    Job(("honest.leaks",), partial(honest_leaks.measure, 6, (1.0,), False), short=True),
    Job(
        ("honest.small",),
        partial(honest_small.measure, honest_small.SHARES, honest_small.DRAWS, go_on=True),
    ),
    Job(
        ("honest.small",),
        partial(honest_small.measure, (0.02,), 2, ("logistic_dkt", "short_answer")),
        short=True,
    ),
    Job(("honest.families",), honest_families.measure),
    Job(("honest.cases",), honest_cases.measure),
    Job(("honest.within",), partial(honest_within.measure, 200, 100_000_000)),
    Job(("honest.within",), partial(honest_within.measure, 50, 1_000_000), short=True),
]

if __name__ == "__main__":
    sys.exit(main("honest", JOBS, __doc__.splitlines()[0]))

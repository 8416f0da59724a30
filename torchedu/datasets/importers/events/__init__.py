"""Events in courses: a module a format, which is known once it is imported."""

from torchedu.datasets.importers.events import (
    log,
    moodle_log,
    oulad,
    students,
    uci_student,
    xapi,
)

__all__ = ["log", "moodle_log", "oulad", "students", "uci_student", "xapi"]

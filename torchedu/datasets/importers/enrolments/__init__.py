"""Students' enrolments: a module a format, which is known once it is imported."""

from torchedu.datasets.importers.enrolments import movielens, ncf, table, user_lists

__all__ = ["movielens", "ncf", "table", "user_lists"]

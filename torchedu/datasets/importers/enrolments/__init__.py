"""Students' enrolments, and the formats that they are read from."""

from torchedu.datasets.importers.enrolments.importer import EnrolmentImporter
from torchedu.datasets.importers.enrolments.movielens import MovieLens
from torchedu.datasets.importers.enrolments.ncf import NeuralCF
from torchedu.datasets.importers.enrolments.table import EnrolmentTables
from torchedu.datasets.importers.enrolments.user_lists import UserLists

__all__ = [
    "EnrolmentImporter",
    "EnrolmentTables",
    "MovieLens",
    "NeuralCF",
    "UserLists",
]

"""A store of a few rows in memory: what one is asked now, read as what lies on a disk is."""

from io import BytesIO
from typing import Any

from torchedu.schema import Vocabulary


class Memory:
    """A place in memory for a store of a few rows, which a writer fills as it would a folder.

    Attributes:
        columns: The bytes of each column, by the name of the file that would hold them.
        manifest: As a folder has it.
        vocabulary: The same.
    """

    def __init__(self) -> None:
        self.columns: dict[str, bytes] = {}
        self.manifest: dict[str, Any] = {}
        self.vocabulary = Vocabulary()

    def begin(self, name: str) -> "Column":
        """Begin a column by the name of its file."""
        return Column(self, name)


class Column(BytesIO):
    """The bytes of a column, kept when it is closed."""

    def __init__(self, memory: Memory, name: str) -> None:
        super().__init__()
        self._memory, self._name = memory, name

    def close(self) -> None:
        """Keep what was written."""
        if not self.closed:
            self._memory.columns[self._name] = self.getvalue()
        super().close()

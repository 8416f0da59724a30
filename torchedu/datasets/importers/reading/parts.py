"""Which part of the data a file is by its name: files come as train and test pairs."""

import re

PARTS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val",
    "dev": "val", "test": "test", "testing": "test",
}  # fmt: skip
"""What stands in names of files, by the words of ``splits.PARTS``."""
_WORD = re.compile(rf"(?:^|[^a-z])({'|'.join(PARTS)})\d*(?=[^a-z]|$)")


def part_of(base: str) -> str | None:
    """Return the part that a file's name tells, such as ``builder_train1.csv``; None without any.

    Args:
        base: Its name.
    """
    word = _WORD.search(base.lower())
    return PARTS[word[1]] if word else None

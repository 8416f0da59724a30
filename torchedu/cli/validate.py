"""``torchedu validate``: score a trained network on the validation part."""

from collections.abc import Sequence

from torchedu.cli.trained import score_part


def main(words: Sequence[str]) -> None:
    """Run the command.

    Args:
        words: The words after ``validate``.
    """
    score_part(words, "validate", "val")

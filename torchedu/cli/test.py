"""``torchedu test``: score a trained network on the test part, beside the baselines."""

from collections.abc import Sequence

from torchedu.cli.trained import score_part


def main(words: Sequence[str]) -> None:
    """Run the command.

    Args:
        words: The words after ``test``.
    """
    score_part(words, "test", "test")

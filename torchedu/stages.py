"""One line that says what is going on, where somebody looks and no bar can be drawn yet."""

import os
import sys

WIDTH = 70
"""Letters of it, so that it fits a terminal of 80."""


def stage(text: str = "") -> None:
    """Say what is going on, in place of what was said before; nothing where nobody looks.

    It is one line of a terminal's, which whatever is printed next is written over. In a pipe, a
    file or a job of a cluster nothing is said, nor by other ranks than a machine's first.

    Args:
        text: What goes on; nothing any more where it is empty.
    """
    seen = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    if seen and os.environ.get("LOCAL_RANK", "0") == "0":
        shown = "".join(letter for letter in text if letter.isprintable())[:WIDTH]
        # Back at the line's begin, so that a log's line does not come after it.
        sys.stderr.write(f"\r\x1b[2K{shown}{'…' * bool(shown)}\r")
        sys.stderr.flush()

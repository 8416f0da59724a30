"""A line of a notebook that is written over while a network trains."""

import sys
import time
from collections.abc import Mapping
from html import escape
from typing import Any, Self

OFTEN = 0.2
"""Seconds after which it is written again."""


class NotebookLine:
    """A bar with a text beside it, in the output of the cell that runs.

    Args:
        display: ``IPython.display.display``.
    """

    def __init__(self, display: Any) -> None:
        self._display = display
        self._handle: Any = None
        self._last = -OFTEN

    @classmethod
    def here(cls) -> Self | None:
        """Return one where this process is a notebook's; else None."""
        ipython = sys.modules.get("IPython")  # a notebook has imported it
        shell = None if ipython is None else ipython.get_ipython()
        if ipython is None or type(shell).__name__ != "ZMQInteractiveShell":
            return None
        return cls(ipython.display.display)

    def show(
        self, what: str, done: float, of: float, beside: Mapping[str, Any], now: bool = False
    ) -> None:
        """Say how far it is.

        Args:
            what: What goes on.
            done: How much is done.
            of: Of how much; infinite where that is not known.
            beside: What else to tell, by name.
            now: Though it was said a moment ago.
        """
        if not now and time.perf_counter() - self._last < OFTEN:
            return
        self._last = time.perf_counter()
        text = ": ".join(filter(None, [what, ", ".join(f"{k} {v}" for k, v in beside.items())]))
        share = f' value="{done:g}" max="{of:g}"' if 0 < of < float("inf") else ""
        data = {
            "text/plain": text,
            "text/html": f'<progress aria-label="{escape(what)}"{share}></progress> {escape(text)}',
        }
        if self._handle is None:
            self._handle = self._display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)

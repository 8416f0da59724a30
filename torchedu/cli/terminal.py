"""The terminal, which shows a name, a path or a network's words as they stand."""

from typing import Any

from rich.console import Console
from rich.text import Text

from torchedu.errors import printable


class Terminal(Console):
    """Prints texts without reading anything out of them: no markup, no emoji, no control codes.

    Lines are not folded, so that a path can be copied; tables are.
    """

    def __init__(self) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, soft_wrap=True)

    def on_broken_pipe(self) -> None:
        """Hand on that nobody reads any more, which ends the command and not the library."""
        raise BrokenPipeError

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a text, a cell or a title as it is shown."""
        return super().render_str(printable(text), **options)

"""``torchedu explain``: a tutoring session in the terminal."""

import sys
from collections.abc import Sequence
from typing import Literal

from torchedu.cli.terminal import Terminal
from torchedu.parsing import run_functions


def main(arguments: Sequence[str]) -> None:
    """Run the command with the words after ``torchedu explain``."""
    run_functions(explain, arguments, "explain")


def explain(
    checkpoint: str,
    problem: str | None = None,
    intent: Literal["hint", "step", "explanation"] = "explanation",
    work: str = "",
    confusion: str = "",
    mastery: str | None = None,
    student: str | None = None,
    max_new_tokens: int = 256,
    temperature: float = 0.0,
    seed: int = 0,
) -> None:
    """Let a trained model explain a problem to a student, who may ask back line by line.

    Args:
        checkpoint: A run's folder, whose best checkpoint is meant, or a checkpoint.
        problem: The problem; the first line of the input where it is not given.
        intent: What is wanted: a hint, the next step, or an explanation of it all.
        work: What the student has written so far.
        confusion: What the student confuses, in a teacher's words.
        mastery: The table of mastery that torchedu predict wrote for a tracing run.
        student: Whose row of it is meant.
        max_new_tokens: Most tokens of an answer.
        temperature: 0 says the likeliest word each time; up to 1, others too.
        seed: Decides what is drawn.
    """
    # torch is loaded only when there is something to explain, not for help.
    from torchedu.datasets.prompts import Profile
    from torchedu.engine import open_engine
    from torchedu.prediction.mastery import mastery_of

    known = mastery_of(mastery, student) if mastery is not None else {}
    tutor = open_engine(checkpoint).tutor(max_new_tokens, temperature, seed)
    terminal = Terminal()
    asks = sys.stdin.isatty()

    def line(mark: str) -> str:
        if asks:
            terminal.print(mark, end="")
        return sys.stdin.readline().strip()

    asked = problem or line("Problem: ")
    if not asked:
        return
    tutor.begin(asked, intent, Profile(known, work, confusion))
    if asks:
        terminal.print("Ask back line by line; an empty line ends the session.", style="dim")
    while True:
        tutor.speak(lambda text: terminal.print(text, end=""))
        terminal.print()
        said = line("> ")
        if not said:
            return
        tutor.hear(said)

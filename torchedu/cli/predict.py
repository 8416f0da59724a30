"""``torchedu predict``: what a trained network says of students, in the user's own names."""

from collections.abc import Sequence
from dataclasses import fields

from torchedu.cli.terminal import Terminal
from torchedu.cli.trained import results_alone, results_folder, trained
from torchedu.prediction import predict
from torchedu.prediction.any_task import Asks, check_format
from torchedu.prediction.pages import pages
from torchedu.report import write_pages
from torchedu.report.extras import need_extras
from torchedu.run.start import meeting


def main(words: Sequence[str]) -> None:
    """Run the command.

    Args:
        words: The words after ``predict``.
    """
    run = trained(words, "predict")
    check_format(run.config.format)
    if run.config.pages:
        need_extras("A page a student")
    run.data.ask()
    asks = Asks(**{field.name: run.config[field.name] for field in fields(Asks)})
    folder = results_folder(run, "predict")
    terminal = Terminal()
    with results_alone(run, folder), meeting(run.trainer, run.start_timeout):
        written = predict(run.task, run.data, run.trainer, folder, run.config.format, asks)
    for file, what in written.items():
        terminal.print(f"{file}: {what}")
    if run.config.pages and run.trainer.is_global_zero:
        said = pages(folder)
        page = write_pages(folder, said.noun, said.classes, said.people)
        few = f", of the first ones; {said.left_out:,} have none" if said.left_out else ""
        terminal.print(
            f"{page}: a page a class and {len(said.people):,} pages of {said.noun}s{few}"
        )

"""``torchedu predict``: what a trained network says of students, in the user's own names."""

from collections.abc import Sequence
from dataclasses import fields

from torchedu.cli.terminal import Terminal
from torchedu.cli.trained import results_alone, results_folder, trained
from torchedu.prediction import predict
from torchedu.prediction.any_task import Asks, check_format
from torchedu.run.start import meeting


def main(words: Sequence[str]) -> None:
    """Run the command.

    Args:
        words: The words after ``predict``.
    """
    run = trained(words, "predict")
    check_format(run.config.format)
    run.data.ask()
    asks = Asks(**{field.name: run.config[field.name] for field in fields(Asks)})
    folder = results_folder(run, "predict")
    terminal = Terminal()
    with results_alone(run, folder), meeting(run.trainer, run.start_timeout):
        written = predict(run.task, run.data, run.trainer, folder, run.config.format, asks)
    for file, what in written.items():
        terminal.print(f"{file}: {what}")

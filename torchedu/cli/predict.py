"""``torchedu predict``: what a trained network says of students, in the user's own names."""

from collections.abc import Sequence

from rich.console import Console

from torchedu.cli.trained import results_folder, trained
from torchedu.prediction import check_format, predict_part, write_mastery, write_predictions


def main(words: Sequence[str]) -> None:
    """Run the command.

    Args:
        words: The words after ``predict``.
    """
    cli = trained(words, "predict")
    form = cli.config.format
    check_format(form)
    task, data, trainer = cli.model, cli.datamodule, cli.trainer
    predicted = predict_part(task, data, trainer, None)
    if not trainer.is_global_zero:
        return
    folder = results_folder(cli, "predict")
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(soft_wrap=True, highlight=False)
    file = folder / f"predictions.{form}"
    write_predictions(file, data, predicted)
    console.print(f"{file}: the chance of each answer")
    file = folder / f"mastery.{form}"
    write_mastery(file, task, data)
    console.print(f"{file}: each student's mastery of each skill")

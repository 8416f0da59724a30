"""``torchedu fit``: train, then score on students that training has not seen."""

from collections.abc import Sequence

from lightning.pytorch.tuner import Tuner
from rich.console import Console

from torchedu.cli.results import show
from torchedu.evaluation import evaluate
from torchedu.run import RunCLI, find_checkpoint, open_task, run_folder
from torchedu.tasks import KnowledgeTracing


def main(words: Sequence[str]) -> None:
    """Run the command.

    Args:
        words: The words after ``fit``.
    """
    cli = RunCLI(words, "fit")
    task, data, trainer = cli.model, cli.datamodule, cli.trainer
    console = Console(soft_wrap=True)
    if cli.config.lr_find:
        finder = Tuner(trainer).lr_find(task, datamodule=data)
        assert finder is not None
        console.print(f"learning rate found: {finder.suggestion():.2g}")
    resume = cli.config.ckpt_path
    trainer.fit(
        task,
        datamodule=data,
        ckpt_path=None if resume is None else find_checkpoint(resume, "last.ckpt"),
        weights_only=True,
    )
    if trainer.fast_dev_run:  # type: ignore[attr-defined]
        return
    best = trainer.checkpoint_callback.best_model_path  # type: ignore[union-attr]
    folder = run_folder(trainer)
    trained = open_task(best) if best else task
    if not isinstance(trained, KnowledgeTracing):  # a task of one's own has no baselines here
        trainer.test(trained, datamodule=data)
        return
    evaluation = evaluate(trained, data, trainer, folder=folder)
    if trainer.is_global_zero:
        show(console, evaluation, folder)

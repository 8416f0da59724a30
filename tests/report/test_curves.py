from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from torchedu.report.curves import best_epoch, draw_gradients, draw_loss, draw_score
from torchedu.report.folder import Run, read_run
from torchedu.report.style import drawing


@pytest.fixture
def run(write_run: Callable[..., Path]) -> Run:
    return read_run(write_run())


def test_the_best_epoch_is_the_first_of_the_highest_auc(run: Run) -> None:
    assert best_epoch(run) == 3
    assert best_epoch(replace(run, metrics={"val/auc": {1: 0.7, 2: 0.8, 3: 0.8}})) == 2
    assert best_epoch(replace(run, metrics={"val/loss": {1: 0.7, 2: 0.5, 3: 0.5}})) == 2
    assert best_epoch(replace(run, metrics={})) is None


def test_the_score_that_was_monitored_is_the_one_drawn(run: Run) -> None:
    assert run.evaluation
    told = replace(run.evaluation, columns={"ndcg10": "NDCG@10"})
    metrics = {"val/ndcg10": {1: 0.1, 2: 0.3, 3: 0.2}, "val/hr10": {1: 0.4, 2: 0.3, 3: 0.5}}
    config = "early_stopping: {monitor: val/ndcg10}"
    of_courses = replace(run, config=config, metrics=metrics, evaluation=told)
    assert best_epoch(of_courses) == 2
    with drawing():
        picture = draw_score(of_courses)
        assert picture
        assert picture.alt.startswith("Lines of NDCG@10 over 3 epochs: validation from 0.100")
        likely = {"val/log_likelihood": {1: -2.0, 2: -1.5}}
        of_tokens = replace(of_courses, config=config.replace("ndcg10", "log_likelihood"))
        assert draw_score(replace(of_tokens, metrics=likely)) is None  # the loss is drawn


def test_learning_curves_mark_the_best_epoch(run: Run) -> None:
    with drawing():
        loss, auc = draw_loss(run), draw_score(run)
    assert loss
    assert auc
    for picture in (loss, auc):
        labels = [text.get_text() for text in picture.figure.axes[0].get_legend().get_texts()]
        assert labels[0] == "best epoch, 3"
        assert picture.figure.axes[0].lines[-1].get_xdata().tolist() == [3]
    assert "training from 0.600 to 0.540; validation from 0.600 to 0.570" in loss.alt


def test_gradients_are_drawn_for_the_largest_layers(run: Run) -> None:
    assert draw_gradients(run) is None
    norms = {f"grad/layer {n}": {1: 10.0**-n, 2: 10.0 ** -(n + 1)} for n in range(6)}
    norms["grad/frozen"] = {1: 0.0, 2: 0.0}
    with drawing():
        picture = draw_gradients(replace(run, metrics=norms))
        assert picture
        assert picture.png()
    axes = picture.figure.axes[0]
    assert axes.get_yscale() == "log"
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == [f"layer {n}" for n in range(4)]
    assert "layer 0 from 1 to 0.1;" in picture.alt


def test_one_epoch_is_enough_to_draw(run: Run) -> None:
    with drawing():
        picture = draw_loss(replace(run, metrics={"val/loss": {1: 0.6}}))
        assert picture
        assert picture.png()


def test_differences_that_mean_nothing_stay_small(run: Run) -> None:
    with drawing():
        picture = draw_score(replace(run, metrics={"val/auc": {1: 0.79866, 2: 0.79845}}))
    assert picture
    low, high = picture.figure.axes[0].get_ylim()
    assert high - low > 0.01
    assert low < 0.79845 < 0.79866 < high


def test_no_values_are_no_picture(run: Run) -> None:
    with drawing():
        assert draw_loss(replace(run, metrics={"val/auc": {1: 0.7}})) is None
        assert draw_score(replace(run, metrics={"val/loss": {1: 0.7}})) is None

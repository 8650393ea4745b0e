from xml.etree import ElementTree as ET

import polars as pl
import pytest

from fauxto.report.train_figures import training_curves, training_curves_file


def history(val_losses):
    return pl.DataFrame(
        {
            "epoch": range(1, len(val_losses) + 1),
            "train_loss": [0.7] * len(val_losses),
            "val_loss": val_losses,
            "train_accuracy": [0.5] * len(val_losses),
            "val_accuracy": [0.6] * len(val_losses),
        }
    )


@pytest.mark.parametrize("val_losses", [[0.6], [0.6, 0.4, 0.4, 0.5]])
def test_curves_are_a_complete_picture(val_losses):
    text = training_curves_file(history(val_losses))
    ET.fromstring(text.encode())
    for word in ("Loss", "Accuracy", "training", "validation", "epoch", "cross entropy", "%"):
        assert word in text


def test_best_epoch_is_the_first_with_the_lowest_validation_loss():
    table = history([0.6, 0.4, 0.4, 0.5])
    assert "best epoch (2)" in training_curves_file(table)
    assert "lowest in epoch 2" in training_curves(table)


def test_same_history_gives_the_same_text():
    table = history([0.6, 0.4])
    assert training_curves(table) == training_curves(table)

"""Accuracy, log loss and macro F1: one formula for all peers, so that no library's own idea of them is compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Keeps the log loss finite when a class was given no chance and came true.
_SMALLEST = 1e-15


@dataclass(frozen=True)
class Quality:
    """How good the predictions of held-out rows are."""

    accuracy: float
    log_loss: float
    macro_f1: float


def quality_of(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> Quality:
    """Compares the likeliest class, and the probability of the true one, with the truth."""
    classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    # Row: the true class; column: the predicted one.
    confusion = np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)
    right = np.diag(confusion)
    # F1 = 2 right / (truly of the class + predicted as it); a class that is neither counts as 0.
    f1 = 2 * right / np.maximum(confusion.sum(axis=0) + confusion.sum(axis=1), 1)
    of_truth = probabilities[np.arange(len(labels)), labels]
    return Quality(
        accuracy=float(right.sum() / len(labels)),
        log_loss=float(-np.log(np.clip(of_truth, _SMALLEST, 1.0)).mean()),
        macro_f1=float(f1.mean()),
    )

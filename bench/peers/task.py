"""The one task that every contender is given: which rows, which features, which label, which forest.

Everything a peer must agree on stands here and nowhere else. Nothing here reads a file or knows a library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

NUMERIC: Final = ("DepDelay", "Distance", "DayOfMonth", "DayOfWeek", "DayOfYear")
CATEGORICAL: Final = ("Carrier", "Origin", "Dest", "Route")
FEATURES: Final = NUMERIC + CATEGORICAL

DELAY: Final = "ArrDelay"
# Bucket bounds in minutes: a bucket is closed below and open above.
SPLITS: Final = (-15.0, 0.0, 30.0)
CLASSES: Final = len(SPLITS) + 1

# Columns that the data must have; Route is made from Origin and Dest.
COLUMNS: Final = (DELAY, *(name for name in FEATURES if name != "Route"))

# What a bootstrap sample holds of the distinct rows, for libraries that only sample without replacement.
BAG_SHARE: Final = 0.632

_TRAIN_SHARE: Final = 0.8


@dataclass(frozen=True)
class Forest:
    """How many trees, how many decisions deep (a lone root has depth 0), how many features are tried at a node, and by which
    impurity splits are judged where that can be told (YDF knows entropy alone, and what grows by gradients none)."""

    trees: int = 20
    depth: int = 5
    features: int = 3
    impurity: str = "gini"


def labels_of(delays: NDArray[np.float64]) -> NDArray[np.int64]:
    """The class of each arrival delay."""
    return np.searchsorted(SPLITS, delays, side="right")


def is_train(rows: int) -> NDArray[np.bool_]:
    """Which of `rows` rows, in file order, are trained on; the rest are held out.

    A multiplicative hash of the row's index rather than a random draw, so that a program in any language can
    make the same split.
    """
    hashed = np.arange(rows, dtype=np.uint64) * np.uint64(2_654_435_761) % np.uint64(2**32)
    return hashed < _TRAIN_SHARE * 2**32

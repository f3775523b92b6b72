"""LightGBM in `rf` mode: histogram splits, categories natively.

Not quite the same forest: a tree answers for one class only, so 20 rounds are 80 trees of 4 classes, and a leaf
holds a Newton step on the log loss, not the share of each class.
"""

from __future__ import annotations

import lightgbm
import numpy as np

import rows
import task
from fitted import Fitted, train_and_predict
from worker import Job, serve, timed

# What LightGBM allows: full trees down to depth 17, of deeper ones the leaves that gain most.
_MOST_LEAVES = 131_072


def fit(train: rows.Rows, job: Job) -> Fitted:
    encoder = rows.Encoder.of(train)
    parameters = {
        "boosting": "rf",
        "objective": "multiclass",
        "num_class": task.CLASSES,
        "max_depth": job.forest.depth,
        "num_leaves": min(2**job.forest.depth, _MOST_LEAVES),
        "feature_fraction_bynode": job.forest.features / len(task.FEATURES),
        "bagging_fraction": task.BAG_SHARE,
        "bagging_freq": 1,
        "num_threads": job.threads,
        "seed": job.seed,
        "verbosity": -1,
    }
    dataset = lightgbm.Dataset(
        encoder.matrix(train),
        train.labels,
        feature_name=list(task.FEATURES),
        categorical_feature=list(task.CATEGORICAL),
        params=parameters,
    )
    # Binning is preparation, as it is for us; without this it would happen inside `train`.
    dataset.construct()
    booster, fit_seconds = timed(lambda: lightgbm.train(parameters, dataset, num_boost_round=job.forest.trees))
    return Fitted(fit_seconds, encoder.matrix, lambda matrix: np.asarray(booster.predict(matrix)))


if __name__ == "__main__":
    serve(train_and_predict(fit))

"""XGBoost as a random forest: one round of parallel trees, histogram splits, categories natively.

Not quite the same forest: a tree answers for one class only, so 20 parallel trees are 80 trees of 4 classes, and a
leaf holds a Newton step on the log loss, not the share of each class.
"""

from __future__ import annotations

import xgboost

import rows
import task
from worker import Answer, Job, serve, timed


def train_and_predict(job: Job) -> Answer:
    train, test = rows.read(job.train), rows.read(job.test)
    encoder = rows.Encoder.of(train)
    feature_types = ["q"] * len(task.NUMERIC) + ["c"] * len(task.CATEGORICAL)
    parameters = {
        "objective": "multi:softprob",
        "num_class": task.CLASSES,
        "num_parallel_tree": task.TREES,
        "learning_rate": 1.0,
        # What XGBoost's own random-forest class sets: the default shrinks leaves, for boosting's sake.
        "reg_lambda": 1e-5,
        "max_depth": task.DEPTH,
        "colsample_bynode": task.FEATURES_PER_NODE / len(task.FEATURES),
        "subsample": task.BAG_SHARE,
        "tree_method": "hist",
        "nthread": job.threads,
        "seed": job.seed,
    }
    # A QuantileDMatrix is binned when it is made, so that binning is preparation, as it is for us.
    dataset = xgboost.QuantileDMatrix(
        encoder.matrix(train),
        train.labels,
        feature_types=feature_types,
        enable_categorical=True,
        nthread=job.threads,
    )
    booster, fit_seconds = timed(lambda: xgboost.train(parameters, dataset, num_boost_round=1))
    held_out = xgboost.DMatrix(
        encoder.matrix(test), feature_types=feature_types, enable_categorical=True, nthread=job.threads
    )
    return Answer(fit_seconds, test.labels, booster.predict(held_out))


if __name__ == "__main__":
    serve(train_and_predict)

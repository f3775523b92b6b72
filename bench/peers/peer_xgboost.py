"""XGBoost as a random forest: one round of parallel trees, histogram splits, categories natively.

Not quite the same forest: a tree answers for one class only, so 20 parallel trees are 80 trees of 4 classes, and a
leaf holds a Newton step on the log loss, not the share of each class.
"""

from __future__ import annotations

import xgboost

import rows
import task
from fitted import Fitted, train_and_predict
from worker import Job, serve, timed


def fit(train: rows.Rows, job: Job) -> Fitted:
    encoder = rows.Encoder.of(train)
    feature_types = ["q"] * len(task.NUMERIC) + ["c"] * len(task.CATEGORICAL)
    parameters = {
        "objective": "multi:softprob",
        "num_class": task.CLASSES,
        "num_parallel_tree": job.forest.trees,
        "learning_rate": 1.0,
        # What XGBoost's own random-forest class sets: the default shrinks leaves, for boosting's sake.
        "reg_lambda": 1e-5,
        "max_depth": job.forest.depth,
        "colsample_bynode": job.forest.features / len(task.FEATURES),
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
    # Without a DMatrix of its own, which costs a lone row more than its answer.
    return Fitted(fit_seconds, encoder.matrix, booster.inplace_predict)


if __name__ == "__main__":
    serve(train_and_predict(fit))

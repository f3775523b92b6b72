"""scikit-learn's random forest: exact splits, categories as ordinal codes (it splits them by code, as numbers)."""

from __future__ import annotations

from sklearn.ensemble import RandomForestClassifier

import rows
import task
from fitted import Fitted, train_and_predict
from worker import Job, serve, timed


def fit(train: rows.Rows, job: Job) -> Fitted:
    encoder = rows.Encoder.of(train)
    matrix = encoder.matrix(train)
    forest = RandomForestClassifier(
        n_estimators=job.forest.trees,
        max_depth=job.forest.depth,
        max_features=job.forest.features,
        criterion=job.forest.impurity,
        n_jobs=job.threads,
        random_state=job.seed,
    )
    _, fit_seconds = timed(lambda: forest.fit(matrix, train.labels))
    return Fitted(fit_seconds, encoder.matrix, forest.predict_proba)


if __name__ == "__main__":
    serve(train_and_predict(fit))

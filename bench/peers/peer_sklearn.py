"""scikit-learn's random forest: exact splits, categories as ordinal codes (it splits them by code, as numbers)."""

from __future__ import annotations

from sklearn.ensemble import RandomForestClassifier

import rows
import task
from worker import Answer, Job, serve, timed


def train_and_predict(job: Job) -> Answer:
    train, test = rows.read(job.train), rows.read(job.test)
    encoder = rows.Encoder.of(train)
    matrix = encoder.matrix(train)
    forest = RandomForestClassifier(
        n_estimators=task.TREES,
        max_depth=task.DEPTH,
        max_features=task.FEATURES_PER_NODE,
        n_jobs=job.threads,
        random_state=job.seed,
    )
    _, fit_seconds = timed(lambda: forest.fit(matrix, train.labels))
    return Answer(fit_seconds, test.labels, forest.predict_proba(encoder.matrix(test)))


if __name__ == "__main__":
    serve(train_and_predict)

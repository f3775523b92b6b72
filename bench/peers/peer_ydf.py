"""YDF's (Yggdrasil's) random forest: exact splits, categories natively from their strings."""

from __future__ import annotations

from typing import Any

import numpy as np
import ydf

import rows
import task
from fitted import Fitted, train_and_predict
from worker import Job, serve, timed

_LABEL = "Label"


def fit(train: rows.Rows, job: Job) -> Fitted:
    learner = ydf.RandomForestLearner(
        label=_LABEL,
        num_trees=job.forest.trees,
        # YDF counts the levels of nodes: 1 is a lone root.
        max_depth=job.forest.depth + 1,
        num_candidate_attributes=job.forest.features,
        # The others average the leaves' shares; YDF's default counts one vote a tree, which ruins the log loss.
        winner_take_all=False,
        # On by default, and no other peer does this extra work.
        compute_oob_performances=False,
        num_threads=job.threads,
        random_seed=job.seed,
    )
    dataset = ydf.create_vertical_dataset(_columns(train), label=_LABEL, columns=_semantics())
    model, fit_seconds = timed(lambda: learner.train(dataset, verbose=0))
    return Fitted(fit_seconds, _columns, lambda columns: model.predict(columns, num_threads=job.threads))


def _semantics() -> list[ydf.Column]:
    numeric = [ydf.Column(name, ydf.Semantic.NUMERICAL) for name in task.NUMERIC]
    # Every category counts, as for the others; by default the rare ones are merged.
    categorical = [
        ydf.Column(name, ydf.Semantic.CATEGORICAL, min_vocab_frequency=1, max_vocab_count=-1)
        for name in task.CATEGORICAL
    ]
    return [*numeric, *categorical, ydf.Column(_LABEL, ydf.Semantic.CATEGORICAL)]


def _columns(of: rows.Rows) -> dict[str, Any]:
    strings = {name: column.to_numpy().astype(np.bytes_) for name, column in of.categorical.items()}
    return {**of.numeric, **strings, _LABEL: of.labels}


if __name__ == "__main__":
    serve(train_and_predict(fit))

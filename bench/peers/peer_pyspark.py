"""PySpark's random forest, in the classic pipeline: string indexers, a vector assembler, the forest.

Local mode: one JVM, no cluster, which is Spark at its quickest on one machine. The JVM has Spark's default heap of 1 GB,
unless PYSPARK_SUBMIT_ARGS says another (`--spark-heap` of `run`).
"""

from __future__ import annotations

import os
import time

import numpy as np
from pyspark.ml import Pipeline
from pyspark.ml.classification import RandomForestClassifier
from pyspark.ml.feature import Bucketizer, StringIndexer, VectorAssembler
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sql

import task
from worker import Answer, Job, serve, timed

# As in the script that this pipeline is known from. Spark refuses a feature of more categories than bins.
_MAX_BINS = 4_657
# From there too: with less, Spark takes more passes over the rows for a level of the trees.
_MAX_MEMORY_MB = 1_024


def train_and_predict(job: Job) -> Answer:
    spark = _session(job.threads)
    # A file this small is one partition, and one partition is one busy core.
    train = _read(spark, job.train).repartition(job.threads)
    encoder = _encoder().fit(train)
    encoded = encoder.transform(train).select("features", "label").cache()
    # Spark is lazy: without an action here, reading and encoding would be counted as fitting.
    encoded.count()
    forest = RandomForestClassifier(
        numTrees=job.forest.trees,
        maxDepth=job.forest.depth,
        featureSubsetStrategy=str(job.forest.features),
        impurity=job.forest.impurity,
        maxBins=_MAX_BINS,
        maxMemoryInMB=_MAX_MEMORY_MB,
        seed=job.seed,
    )
    model, fit_seconds = timed(lambda: forest.fit(encoded))
    # In the folder of this run.
    encoder.save(os.path.abspath("encoder"))
    model.save(os.path.abspath("forest"))
    model_at = time.monotonic()
    predicted = model.transform(encoder.transform(_read(spark, job.test)))
    labels, probabilities = _collect(predicted)
    spark.stop()
    return Answer(fit_seconds, model_at, labels, probabilities)


def _session(threads: int) -> SparkSession:
    # Keeps Spark off the network and from asking for the host's name.
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    builder = SparkSession.builder.master(f"local[{threads}]").appName("peers")
    quiet = builder.config("spark.ui.enabled", False).config("spark.ui.showConsoleProgress", False)
    return quiet.getOrCreate()


def _read(spark: SparkSession, path: os.PathLike[str]) -> DataFrame:
    frame = spark.read.parquet(str(path)).withColumn("Route", sql.concat_ws("-", "Origin", "Dest"))
    bounds = [-float("inf"), *task.SPLITS, float("inf")]
    frame = Bucketizer(splits=bounds, inputCol=task.DELAY, outputCol="label").transform(frame)
    return frame.select("label", *task.FEATURES)


def _encoder() -> Pipeline:
    indexed = {name: f"{name}_index" for name in task.CATEGORICAL}
    indexers = [StringIndexer(inputCol=name, outputCol=index, handleInvalid="keep") for name, index in indexed.items()]
    assembler = VectorAssembler(inputCols=[*task.NUMERIC, *indexed.values()], outputCol="features")
    return Pipeline(stages=[*indexers, assembler])


def _collect(predicted: DataFrame) -> tuple[np.ndarray, np.ndarray]:
    table = predicted.select("label", vector_to_array(sql.col("probability")).alias("probability")).toArrow()
    labels = table["label"].to_numpy().astype(np.int64)
    probabilities = table["probability"].combine_chunks().flatten().to_numpy()
    return labels, probabilities.reshape(len(labels), task.CLASSES)


if __name__ == "__main__":
    serve(train_and_predict)

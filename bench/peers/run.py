"""Trains the same random forest with five well-known libraries and with Flightline, and prints one table.

Start it with the script `run` beside it, which makes the Python environment first. This module reads the command
line, decides who runs when, and shows the result. README.md says how to read the table.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import report
import task
from contenders import PEERS, Contender, FailedError, Ours, Run, Settings
from split import BadDataError, Split, write_split

_ROOT: Final = Path(__file__).resolve().parents[2]
_DEEPEST: Final = 30


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    data: Path
    contenders: tuple[Contender, ...]
    runs: int
    seeds: tuple[int, ...]
    settings: Settings
    json: Path | None


def main() -> int:
    options = _options()
    _require(options)
    with tempfile.TemporaryDirectory(prefix="peers-") as name:
        folder = Path(name)
        try:
            split = write_split(options.data, folder)
        except BadDataError as error:
            _refuse(str(error))
        runs, failed = _run_all(options, split, folder)
    _show(options, split, runs, failed)
    return 1 if failed else 0


def _run_all(options: Options, split: Split, folder: Path) -> tuple[list[Run], set[str]]:
    """Every round runs every contender once. Who failed once is left out from then on."""
    runs: list[Run] = []
    failed: set[str] = set()
    for turn in range(options.runs):
        seed = options.seeds[turn % len(options.seeds)]
        for contender in _rotated(options.contenders, turn):
            if contender.name in failed:
                continue
            _say(f"run {turn + 1} of {options.runs}, seed {seed}: {contender.title} ...", end=" ")
            with tempfile.TemporaryDirectory(dir=folder) as own:
                try:
                    run = contender.train(split, options.settings, seed, Path(own))
                except FailedError as error:
                    failed.add(contender.name)
                    _say(f"failed\n{error}")
                    continue
            _say(f"{run.wall_seconds:.2f} s")
            runs.append(run)
    return runs, failed


def _rotated(contenders: Sequence[Contender], turn: int) -> list[Contender]:
    """Each round starts with another contender, so that none always runs on a machine warmed by the same one."""
    start = turn % len(contenders)
    return [*contenders[start:], *contenders[:start]]


def _show(options: Options, split: Split, runs: Sequence[Run], failed: set[str]) -> None:
    rows = [report.summarize(one, runs) for one in options.contenders if one.name not in failed]
    ours = next((row for row in rows if row.contender == Ours.name), None)
    settings = options.settings
    heap = f"; Spark's heap {settings.spark_heap}" if settings.spark_heap else ""
    print(
        f"{split.train_rows:,} rows to train on, {split.test_rows:,} held out; "
        f"{settings.forest.trees} trees of depth {settings.forest.depth}, {settings.forest.features} features a node, {settings.forest.impurity}; "
        f"{settings.threads} threads each; "
        f"medians of runs: {options.runs}{heap}.\n"
        f"Always answering the most frequent class: accuracy {split.majority_accuracy:.4f}.\n"
    )
    print(report.table(rows, ours))
    for name in sorted(failed):
        print(f"{name} failed and is left out; standard error says why.")
    if options.json:
        about = _about(options, split, failed)
        text = json.dumps({"about": about, **report.figures(rows, ours, runs)}, indent=2)
        options.json.write_text(text + "\n")


def _about(options: Options, split: Split, failed: set[str]) -> dict[str, Any]:
    return {
        "data": options.data.name,
        "train_rows": split.train_rows,
        "test_rows": split.test_rows,
        "majority_accuracy": split.majority_accuracy,
        "runs": options.runs,
        "trees": options.settings.forest.trees,
        "depth": options.settings.forest.depth,
        "features": options.settings.forest.features,
        "impurity": options.settings.forest.impurity,
        "threads": options.settings.threads,
        "spark_heap": options.settings.spark_heap,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "failed": sorted(failed),
    }


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="bench/peers/run", description=__doc__.splitlines()[0])
    names = [peer.name for peer in PEERS]
    parser.add_argument("--data", type=Path, default=_ROOT / "data/flights.parquet", help="flights as Parquet: a file, or a folder of them")
    parser.add_argument("--trees", type=int, default=task.Forest.trees, help="trees of each forest (default: 20)")
    parser.add_argument("--depth", type=int, default=task.Forest.depth, help="most decisions of a tree (default: 5)")
    parser.add_argument(
        "--features", type=int, default=task.Forest.features, help="features that are tried at a node (default: 3)"
    )
    parser.add_argument(
        "--impurity",
        choices=("gini", "entropy"),
        default=task.Forest.impurity,
        help="what splits are judged by: ours, scikit-learn's and Spark's; the others have one way (default: gini)",
    )
    parser.add_argument("--peers", default=",".join(names), help=f"some of {','.join(names)} (default: all)")
    parser.add_argument("--no-ours", action="store_true", help="run the peers only")
    parser.add_argument(
        "--train-binary",
        type=Path,
        default=_ROOT / "target/release/train",
        help="our train (default: target/release/train)",
    )
    parser.add_argument("--runs", type=int, default=3, help="how often each is run (default: 3)")
    parser.add_argument("--seeds", default="1,2,3", help="seeds, one a run, in turn (default: 1,2,3)")
    parser.add_argument("--threads", type=int, default=2, help="threads of each (default: 2)")
    parser.add_argument("--spark-heap", metavar="SIZE", help="heap of PySpark's JVM, such as 12g (default: Spark's 1g)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures to FILE")
    given = parser.parse_args()

    chosen = [name.strip() for name in given.peers.split(",")]
    if unknown := [name for name in chosen if name not in names]:
        parser.error(f"--peers: there is no peer {unknown[0]!r}; there are {', '.join(names)}.")
    try:
        seeds = tuple(int(seed) for seed in given.seeds.split(","))
    except ValueError:
        parser.error(f"--seeds: {given.seeds!r} is not a list of whole numbers such as 1,2,3.")
    if min(given.runs, given.threads, given.trees, given.depth, given.features) < 1:
        parser.error("--runs, --threads, --trees, --depth and --features must be at least 1.")
    if "pyspark" in chosen and given.depth > _DEEPEST:
        parser.error(f"--depth: Spark takes no trees deeper than {_DEEPEST}; leave pyspark out of --peers.")
    if given.spark_heap and not re.fullmatch(r"[1-9][0-9]*[mgMG]", given.spark_heap):
        parser.error(f"--spark-heap: {given.spark_heap!r} is no size such as 800m or 12g.")
    forest = task.Forest(given.trees, given.depth, given.features, given.impurity)
    settings = Settings(forest, given.threads, given.spark_heap)
    ours: list[Contender] = [] if given.no_ours else [Ours(given.train_binary.resolve())]
    peers = [peer for peer in PEERS if peer.name in chosen]
    return Options(given.data, (*ours, *peers), given.runs, seeds, settings, given.json)


def _require(options: Options) -> None:
    """Refuses before the first run what would fail in the middle of one."""
    if not options.data.exists():
        _refuse(f"there is no data at {options.data}; name a Parquet file of flights, or a folder of them, with --data.")
    for contender in options.contenders:
        if isinstance(contender, Ours) and not contender.binary.is_file():
            _refuse(
                f"there is no train binary at {contender.binary}. "
                "Build it with `cargo build --release --bin train`, name another with --train-binary, "
                "or run the peers only with --no-ours."
            )
        if contender.name == "pyspark" and not (os.environ.get("JAVA_HOME") or shutil.which("java")):
            _refuse("PySpark needs Java 17 or 21, and there is no `java`: install it, or leave pyspark out of --peers.")
    if options.json and not options.json.resolve().parent.is_dir():
        _refuse(f"--json: there is no folder {options.json.parent} to write into.")


def _say(text: str, end: str = "\n") -> None:
    """Progress goes to standard error, so that standard output holds the table alone."""
    print(text, end=end, file=sys.stderr, flush=True)


def _refuse(why: str) -> NoReturn:
    _say(f"peers: {why}")
    sys.exit(2)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

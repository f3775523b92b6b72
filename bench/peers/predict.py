"""Predicts the same flights with four well-known libraries and with Flightline, and prints one table.

Start it with the script `predict` beside it, which makes the Python environment first. Every program has a forest of its
own, trained on the same rows (see README.md). docs/benchmarks/predicting.md says how to read the table.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import report
from contenders import PEERS
from split import Split, write_split

_HERE: Final = Path(__file__).resolve().parent
_ROOT: Final = _HERE.parents[1]
# Spark answers a lone row in milliseconds and a batch by a job: neither is what the others are asked for.
_ASKED: Final = tuple(peer for peer in PEERS if peer.name != "pyspark")


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/peers/predict", description=__doc__.splitlines()[0])
    names = [peer.name for peer in _ASKED]
    parser.add_argument("--data", type=Path, default=_ROOT / "data/flights.parquet", help="flights as Parquet")
    parser.add_argument("--peers", default=",".join(names), help=f"some of {','.join(names)} (default: all)")
    parser.add_argument("--binaries", type=Path, default=_ROOT / "target/release", help="where train and bench-predict are")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures to FILE")
    given = parser.parse_args()
    chosen = given.peers.split(",")
    if unknown := [name for name in chosen if name not in names]:
        parser.error(f"--peers: there is no peer {unknown[0]!r}; there are {', '.join(names)}.")
    if missing := [name for name in ("train", "bench-predict") if not (given.binaries / name).is_file()]:
        parser.error(f"there is no {missing[0]} in {given.binaries}: see docs/benchmarks/predicting.md.")
    with tempfile.TemporaryDirectory(prefix="peers-") as name:
        split = write_split(given.data, Path(name))
        found = {"flightline": _ours(given.binaries.resolve(), split, Path(name))}
        for peer in _ASKED:
            if peer.name in chosen:
                found[peer.name] = _peer(peer.name, split)
    titles = {peer.name: f"{peer.name} {version(peer.package)}" for peer in _ASKED} | {"flightline": "flightline (ours)"}
    _show(found, titles)
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0


def _ours(binaries: Path, split: Split, folder: Path) -> dict[str, Any]:
    models = folder / "models"
    _run([binaries / "train", "--input", split.train, "--test", split.test, "--models", models, "--preset", "seed",
          "--seed", "1", "-w", "2"])
    return dict(json.loads(_run([binaries / "bench-predict", models, split.test])))


def _peer(name: str, split: Split) -> dict[str, Any]:
    """With one thread, which a lone row has, and with two."""
    one, two = (
        json.loads(
            _run(
                [sys.executable, _HERE / "predict_worker.py", f"--peer={name}", f"--threads={threads}"]
                + [f"--train={split.train}", f"--test={split.test}"],
                {"OMP_NUM_THREADS": str(threads)},
            )
        )
        for threads in (1, 2)
    )
    rates = {key: [one[key], two[key]] for key in ("encoded_rows_per_second", "raw_rows_per_second")}
    return {"rows": one["rows"], **rates, "one_microseconds": one["one_microseconds"]}


def _run(command: Sequence[str | Path], environment: dict[str, str] | None = None) -> str:
    words = [str(word) for word in command]
    print(f"predict: {Path(words[0]).name} {' '.join(words[1:3])} ...", file=sys.stderr, flush=True)
    # OpenMP's threads spin while they wait, which slows down whoever shares the machine.
    passive = {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE")}
    done = subprocess.run(
        words, env=os.environ | passive | (environment or {}), stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def _show(found: dict[str, dict[str, Any]], titles: dict[str, str]) -> None:
    ours = found["flightline"]
    lines = [["", "encoded, 1", "encoded, 2", "raw, 1", "raw, 2", "one row us", "raw 2 ours/theirs", "one theirs/ours"]]
    for name, figures in found.items():
        encoded = figures.get("encoded_rows_per_second") or figures["binned_rows_per_second"]
        raw = figures["raw_rows_per_second"]
        lines.append(
            [
                titles[name],
                *(f"{rate / 1e6:.2f}" for rate in (*encoded, *raw)),
                f"{figures['one_microseconds']:.2f}",
                f"{ours['raw_rows_per_second'][1] / raw[1]:.1f}x",
                f"{figures['one_microseconds'] / ours['one_microseconds']:.0f}x",
            ]
        )
    print(f"{ours['rows']:,} rows; millions of rows a second with 1 and with 2 threads.\n")
    print(report.aligned(lines))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except subprocess.CalledProcessError as error:
        sys.exit(f"predict: {error}")

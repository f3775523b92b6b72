"""A real master, real workers and a real page, in a folder of their own on this machine.

`FLIGHTLINE_BIN` names the folder of the binaries; without it, it is `target/release` of this project.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymongo

import flightline

PROJECT = Path(__file__).resolve().parents[3]
DATA = PROJECT / "data"
#: Seconds until something that must come is given up.
DEADLINE = 180.0
_MESH = 8


def binaries() -> Path:
    """The folder of the binaries."""
    folder = Path(os.environ.get("FLIGHTLINE_BIN") or PROJECT / "target/release").resolve()
    missing = [name for name in ("master", "worker", "web", "train", "predict") if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{folder} has no {', '.join(missing)}: build them, or set FLIGHTLINE_BIN to their folder"
        )
    return folder


def wait_until(what: str, is_so: Callable[[], bool]) -> None:
    """Waits until it is so."""
    ends = time.monotonic() + DEADLINE
    while not is_so():
        if time.monotonic() > ends:
            raise TimeoutError(f"{what}: not within {DEADLINE:g} s")
        time.sleep(0.02)


class _Ports:
    """A block of ports for this process, in the manner of `tests/src/network.rs`, beside whose programs this may run:
    the port below the block is listened on as long as the process lives, and ports are given out in turn, none a second
    time before all others."""

    BLOCKS = range(10_000, 20_000, 1_000)
    _next: int

    def __init__(self) -> None:
        self._claim, first = self._claimed()
        self._block = range(first + 1, first + self.BLOCKS.step)
        self._next = self._block.start

    def take(self, number: int) -> int:
        """The first of so many free ones in a row: the next ones, or from the start again where that was the end."""
        start, stop = self._block.start, self._block.stop
        last = stop - number + 1
        for first in itertools.chain(range(self._next, last), range(start, min(self._next, last))):
            if all(_is_free(port) for port in range(first, first + number)):
                self._next = first + number
                return first
        raise OSError(f"there are no {number} free ports in a row in {self._block}")

    def _claimed(self) -> tuple[socket.socket, int]:
        for first in self.BLOCKS:
            with contextlib.suppress(OSError):
                return socket.create_server(("127.0.0.1", first)), first
        raise OSError(f"others listen on each of {list(self.BLOCKS)}: do so many test programs run?")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@functools.cache
def _ports() -> _Ports:
    return _Ports()


def free_ports(number: int) -> int:
    """The first of so many ports in a row that nobody has, and that nobody else is given."""
    return _ports().take(number)


@dataclass
class Running:
    """A process, and what it says. It is killed when it is not stopped."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        """What it has said on standard error."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, text: str) -> None:
        """Waits until it says this."""

        def says_it() -> bool:
            if text in self.said():
                return True
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended before it said {text!r}\n{self.said()}")
            return False

        wait_until(f"{self.name} says {text!r}", says_it)

    def stop(self) -> None:
        """Asks it to end, and kills it if it doesn't."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@dataclass
class World:
    """A folder with data, and what runs in it."""

    folder: Path
    master: str = ""
    processes: list[Running] = field(default_factory=list)

    def start(self, program: str, *args: str, name: str = "") -> Running:
        """Starts a program of ours in the folder."""
        name = name or program
        log = self.folder / f"{name}.log"
        # Whoever runs the tests may have set a cluster of his own.
        env = {key: value for key, value in os.environ.items() if not key.startswith("FLIGHTLINE_")}
        with log.open("wb") as told:
            process = subprocess.Popen(
                [binaries() / program, *args], cwd=self.folder, env=env, stdout=subprocess.DEVNULL, stderr=told
            )
        running = Running(name, process, log)
        self.processes.append(running)
        return running

    def start_cluster(self, workers: int, *master_args: str) -> None:
        """Starts a master, and workers of 2 cores and 2 GiB that it knows."""
        rpc = free_ports(2)
        scheme = "https" if "--tls-cert" in master_args else "http"
        self.master = f"{scheme}://localhost:{rpc + 1}"
        self.start("master", "--rpc", f"127.0.0.1:{rpc}", "--ui", f"127.0.0.1:{rpc + 1}", *master_args).wait_for(
            "master: calls at"
        )
        for number in range(workers):
            row = free_ports(_MESH + 2)
            name = f"worker-{number}"
            places = ("--rpc-port", str(row), "--ui", f"127.0.0.1:{row + 1}", "--work", name, "--name", name)
            mesh = ("--mesh-ports", f"{row + 2}-{row + 1 + _MESH}")
            size = ("--cores", "2", "--memory", "2G", "--allow-root")
            self.start("worker", "--master", f"127.0.0.1:{rpc}", *places, *mesh, *size, name=name)
        if workers:
            with self.cluster() as cluster:
                wait_until("all workers have come", lambda: _alive(cluster) == workers)

    def cluster(self) -> flightline.Cluster:
        """The client of the master."""
        return flightline.Cluster(self.master, token_file=self.token_file)

    @property
    def token_file(self) -> Path:
        """The token that the master made."""
        return self.folder / "flightline-cluster/token"

    def start_page(self, config: Path, job: str) -> str:
        """Starts the page before a job, and gives its address."""
        address = f"127.0.0.1:{free_ports(1)}"
        self.start("web", "--listen", address, "--config", str(config), "--job", job).wait_for("the page is at")
        return f"http://{address}"

    def stop(self) -> None:
        """Stops all that runs, the master last."""
        for running in reversed(self.processes):
            running.stop()

    def story(self) -> str:
        """What all have said, for who looks for a fault."""
        return "\n".join(f"=== {one.name}\n{one.said()[-4000:]}" for one in self.processes)


def _alive(cluster: flightline.Cluster) -> int:
    return sum(worker.state == "alive" for worker in cluster.view().workers)


@contextlib.contextmanager
def world(folder: Path) -> Iterator[World]:
    """A folder with the bundled data. Everything that was started in it has ended afterwards."""
    (folder / "data").mkdir(parents=True)
    for name in ("flights.parquet", "origin_dest_distances.jsonl"):
        shutil.copy(DATA / name, folder / "data" / name)
    made = World(folder)
    try:
        yield made
    except BaseException:
        print(made.story())
        raise
    finally:
        made.stop()


def mongodb() -> str:
    """The URL of the FerretDB of `tests/services`."""
    file = PROJECT / "target/services/addresses.env"
    with contextlib.suppress(OSError):
        for line in file.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition("=")
            if key == "MONGODB_URL":
                return value
    raise FileNotFoundError(f"{file} names no MONGODB_URL: start one with tests/services up ferretdb")


@contextlib.contextmanager
def collection() -> Iterator[str]:
    """A collection that nobody else has. Its database is gone afterwards."""
    database = f"python_{uuid.uuid4().hex[:12]}"
    try:
        yield f"{database}.flight_delay_ml_response"
    finally:
        with pymongo.MongoClient[dict[str, Any]](mongodb()) as client:
            client.drop_database(database)


def mongodb_config(port: int, collection: str) -> str:
    """Another stream beside that of `stream_config`, with its answers in MongoDB."""
    return f"""\
[job]
state = "file:flightline-state/with-mongodb/state"

[embedded]
folder = "flightline-state/with-mongodb/embedded"
partitions = 2

[mongodb]
url = "{mongodb()}"

[sinks.collection]
url = "mongodb:collection/{collection}"

[sinks.files]
url = "file:flightline-state/with-mongodb/predictions"

[http]
listen = "127.0.0.1:{port}"
"""


def stream_config(port: int) -> str:
    """A stream that needs no server, answers to be seen in files at once. All paths are below the worker's folder."""
    return f"""\
[embedded]
partitions = 2

[sinks.files]
roll_every = "200ms"

[sinks.columns]
url = "file:flightline-state/columns"
format = "parquet"
roll_every = "200ms"

[http]
listen = "127.0.0.1:{port}"
"""

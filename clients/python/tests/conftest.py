"""A cluster for all tests that need one, with a trained model, and a stream with its page."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import real

from flightline import CarriedFile, Cluster, Job, JobSpec, Lines, Page


@dataclass
class Trained:
    """A training that is over, and what was shown of it."""

    job: Job
    shown: str


@dataclass
class Stream:
    """A stream that answers."""

    job: Job
    page: Page
    answers: Path


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[real.World]:
    """A master and two workers."""
    with real.world(tmp_path_factory.mktemp("cluster") / "world") as world:
        world.start_cluster(2)
        yield world


@pytest.fixture(scope="session")
def cluster(world: real.World) -> Iterator[Cluster]:
    """Their client."""
    with world.cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def trained(cluster: Cluster) -> Trained:
    """A forest on the bundled flights, grown by two processes."""
    out = io.StringIO()
    job = cluster.submit(JobSpec("train", ("--trees", "10"), processes=2, name="first forest"))
    job.wait(timeout=real.DEADLINE, shows=Lines(out))
    return Trained(job, out.getvalue())


@pytest.fixture(scope="session")
def stream(world: real.World, cluster: Cluster, trained: Trained) -> Iterator[Stream]:
    """A stream in the embedded stores, and the page before it."""
    assert trained.job.view().line.exit == 0
    port = real.free_ports(1)
    config = CarriedFile("job.toml", real.stream_config(port))
    job = cluster.submit(JobSpec("predict", supervise=True, name="delays").with_config(config))
    job.wait_until_running(timeout=real.DEADLINE)
    path = world.folder / config.name
    path.write_text(config.text, encoding="utf-8")
    page = Page(world.start_page(path, f"http://127.0.0.1:{port}"))
    page.wait_until_ready(timeout=real.DEADLINE)
    yield Stream(job, page, world.folder / "flightline-state/predictions")
    page.close()
    job.stop()
    assert job.wait(timeout=real.DEADLINE, shows=Lines(io.StringIO()), check=False).line.state.state == "stopped"

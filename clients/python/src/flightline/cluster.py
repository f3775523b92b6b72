"""A cluster, by way of its master: what it looks like, its jobs, and its models."""

from __future__ import annotations

import os
import time
from types import TracebackType

from .connection import Connection, JsonRefusedError, find_token
from .errors import ConflictError, NoSuchJobError, RefusedJobError, ShapeError, TooSlowError
from .job import LOOK_EVERY, Job
from .models import Model, Models, model_of
from .shape import read
from .spec import JobSpec
from .view import ClusterView, JobLine, ModelView

#: Where a master has its pages when nobody says something else.
ADDRESS = "http://127.0.0.1:8080"


class Cluster:
    """A cluster. `Cluster()` is the one on this machine, if this is the folder in which its master was started."""

    def __init__(
        self,
        address: str = ADDRESS,
        *,
        token: str | None = None,
        token_file: str | os.PathLike[str] | None = None,
        verify: bool | str | os.PathLike[str] = True,
    ) -> None:
        """`address` is that of the master's pages; `verify` a file of authorities (PEM) for a certificate of one's own.

        Raises:
            NoTokenError: there is no token; see `find_token`.
        """
        self.connection = Connection(address, token=find_token(token, token_file), verify=verify)

    def view(self) -> ClusterView:
        """Workers and jobs."""
        return read(ClusterView, self.connection.get("/api/cluster"), "/api/cluster")

    def jobs(self) -> list[JobLine]:
        """All jobs, the newest first."""
        return read(list[JobLine], self.connection.get("/api/jobs"), "/api/jobs")

    def job(self, number: int) -> Job:
        """The job of this number, whether there is one or not."""
        return Job(self.connection, number)

    def job_named(self, name: str) -> Job:
        """The job of this name that is not over; the newest, if there are several.

        Raises:
            NoSuchJobError: there is none; says which there are.
        """
        alive = [job for job in self.view().jobs if not job.state.is_over]
        for job in alive:
            if job.name == name:
                return Job(self.connection, job.id)
        others = ", ".join(sorted({job.name for job in alive})) or "none"
        raise NoSuchJobError(f"at {self.connection.address} no job named {name} is alive; alive are: {others}")

    def submit(self, spec: JobSpec, *, unless_running: bool = False, timeout: float | None = None) -> Job:
        """Submits a job. With `unless_running` it is the job of that name that is at work already, if there is one; one
        that is ending is waited for, `timeout` seconds at most. Without it, when no answer comes (`UnreachableError`),
        look whether it is there before you do it again.

        Raises:
            RefusedJobError: the master doesn't take it; has all mistakes.
            TooSlowError: the job of that name hasn't ended within so many seconds. Nothing was submitted.
        """
        path = "/api/jobs?unless_running=true" if unless_running else "/api/jobs"
        ends = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                told = self.connection.post(path, spec.json())
                break
            except ConflictError as error:
                if ends is not None and time.monotonic() > ends:
                    raise TooSlowError(f"{spec.name} was not submitted within {timeout:g} s: {error}") from error
                time.sleep(LOOK_EVERY)
            except JsonRefusedError as error:
                mistakes = error.value.get("errors")
                raise RefusedJobError(
                    [str(one) for one in mistakes] if isinstance(mistakes, list) else [str(error)]
                ) from None
        number = told.get("id") if isinstance(told, dict) else None
        if not isinstance(number, int):
            raise ShapeError(f"/api/jobs answers {told!r} instead of the job's number")
        return Job(self.connection, number)

    def models(self) -> Models:
        """The models of the registry, the newest first."""
        told = read(list[ModelView], self.connection.get("/api/models"), "/api/models")
        return Models(Model(self.connection, view) for view in told)

    def model(self, model: str) -> Model:
        """The model of this id."""
        return model_of(self.connection, model)

    def metrics(self) -> str:
        """The cluster's figures as Prometheus reads them."""
        return self.connection.page("/metrics")

    def close(self) -> None:
        """Closes the connection."""
        self.connection.close()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

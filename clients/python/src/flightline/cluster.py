"""A cluster, by way of its master: what it looks like, its jobs, and its models."""

from __future__ import annotations

import os
from types import TracebackType

from .connection import Connection, JsonRefusedError, find_token
from .errors import NoSuchJobError, RefusedJobError, ShapeError
from .job import Job
from .models import Model, Models
from .shape import read
from .spec import JobSpec
from .view import ClusterView, ModelView

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

    def submit(self, spec: JobSpec) -> Job:
        """Submits a job. When no answer comes (`UnreachableError`), look whether it is there before you do it again.

        Raises:
            RefusedJobError: the master doesn't take it; has all mistakes.
        """
        try:
            told = self.connection.post("/api/jobs", spec.json())
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

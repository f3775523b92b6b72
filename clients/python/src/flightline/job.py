"""A job that was submitted: where it stands, waiting for it, ending it, its logs and its live dataflow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .connection import Connection
from .errors import (
    FlightlineError,
    JobFailedError,
    NotFoundError,
    NotNowError,
    TooSlowError,
    UnreachableError,
)
from .graph import Graph
from .logs import ProcessLog, Stream
from .models import Model, model_of
from .progress import Shows, fitting
from .shape import read
from .view import JobView

#: Seconds between two looks at a job.
LOOK_EVERY = 0.2
#: Seconds for which a master that is away is waited for: a job goes on without it.
PATIENCE = 600.0


@dataclass(frozen=True)
class Job:
    """A job of the cluster."""

    connection: Connection
    id: int

    @property
    def _path(self) -> str:
        return f"/api/jobs/{self.id}"

    def view(self) -> JobView:
        """Where it stands."""
        return read(JobView, self.connection.get(self._path), self._path)

    def wait(
        self,
        *,
        timeout: float | None = None,
        shows: Shows | None = None,
        check: bool = True,
    ) -> JobView:
        """Waits until it is over, shows its stages, and gives how it ended.

        Raises:
            JobFailedError: it has failed, or somebody ended it; not with `check=False`.
            TooSlowError: it wasn't over within so many seconds. It goes on.
        """
        view = self.wait_until(lambda view: view.line.state.is_over, "be over", timeout=timeout, shows=shows)
        if check and view.line.state.state != "completed":
            raise JobFailedError(_story(view))
        return view

    def wait_until_running(self, *, timeout: float | None = None) -> JobView:
        """Waits until all of its processes are at work.

        Raises:
            JobFailedError: it is over.
        """
        view = self.wait_until(
            lambda view: view.line.state.is_over or view.line.state.state == "running", "run", timeout=timeout
        )
        if view.line.state.is_over:
            raise JobFailedError(_story(view))
        return view

    def wait_until(
        self,
        is_so: Callable[[JobView], bool],
        what: str = "be as it is waited for",
        *,
        timeout: float | None = None,
        shows: Shows | None = None,
    ) -> JobView:
        """Waits until it is so, and gives what was seen. A master that is away for a while is waited for."""
        shows = shows or fitting()
        ends = None if timeout is None else time.monotonic() + timeout
        heard = time.monotonic()
        stands = "it could not be looked at"
        try:
            while True:
                try:
                    view = self.view()
                    heard = time.monotonic()
                except (UnreachableError, NotNowError):
                    if time.monotonic() - heard > PATIENCE:
                        raise
                else:
                    shows.show(view.line)
                    stands = f"it is {view.line.state}"
                    if is_so(view):
                        return view
                if ends is not None and time.monotonic() > ends:
                    raise TooSlowError(f"job {self.id} didn't come to {what} within {timeout:g} s: {stands}")
                time.sleep(LOOK_EVERY)
        finally:
            shows.close()

    def stop(self) -> None:
        """Asks it to finish what it has begun, and to end; and with it the schedule that it is a run of."""
        self.connection.post(f"{self._path}/stop")

    def kill(self) -> None:
        """Ends it at once. Nothing is lost or doubled by that either."""
        self.connection.post(f"{self._path}/kill")

    def model(self) -> Model:
        """The model that it has made.

        Raises:
            NotFoundError: it has made none, or not yet; or the master's folder of models doesn't have it.
        """
        made = self.view().model
        if made is None:
            raise NotFoundError(404, f"job {self.id} has made no model")
        return model_of(self.connection, made)

    def log(self, process: int = 0, generation: int | None = None, stream: Stream = "stderr") -> ProcessLog:
        """A log of one of its processes; of its present or last life, unless a generation says which."""
        if generation is None:
            generation = self.view().line.generation
        if generation is None:
            raise FlightlineError(f"job {self.id} has not begun yet, so it has no log")
        return ProcessLog(self.connection, self.id, generation, process, stream)

    def follow(self, process: int = 0, stream: Stream = "stderr") -> Iterator[str]:
        """A log of a process through all lives of the job, until it is over. Of a life that is over, a log that can't
        be had, since its worker is gone, is left out."""
        told, start = 0, 0
        while True:
            view = self.view()
            life = next((life for life in reversed(view.generations) if life.number > told), None)
            if life is not None:
                try:
                    for piece in self.log(process, life.number, stream).pieces(start):
                        yield piece.text
                        start = piece.next
                except (NotFoundError, NotNowError):
                    # Not there yet, or out of reach for now; or for good, if that life is over.
                    pass
                if life.ended is not None:
                    told, start = life.number, 0
                    continue
            elif view.line.state.is_over:
                return
            time.sleep(LOOK_EVERY)

    def graph(self) -> Graph:
        """Its dataflow as it is now.

        Raises:
            ConflictError: it runs none.
            NotNowError: its workers can't be asked, or have not told yet.
        """
        path = f"{self._path}/graph"
        return read(Graph, self.connection.get(path), path)


def _story(view: JobView) -> str:
    line = view.line
    story = [f"job {line.id} ({line.name}) {line.state}" + ("" if line.exit is None else f", exit code {line.exit}")]
    for process in view.generations[0].processes if view.generations else []:
        story += [f"process {process.process}: {said}" for said in process.last_lines[-5:]]
    return "\n".join(story)

"""A process's logs, piece by piece, and followed until it has ended: what it says to people, and what it prints."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .connection import Connection
from .shape import read
from .view import LogPiece

#: Standard error has what a process says to people, standard output its reports and JSON.
Stream = Literal["stderr", "stdout"]
#: Seconds between two looks at a log that has nothing new.
LOOK_EVERY = 0.5


@dataclass(frozen=True)
class ProcessLog:
    """A log of one process of one life of a job: its standard error, or its standard output."""

    connection: Connection
    job: int
    generation: int
    process: int
    stream: Stream = "stderr"

    def piece(self, start: int | None = None) -> LogPiece:
        """A piece from a place on, in bytes; without one, the end of the log."""
        path = f"/api/jobs/{self.job}/logs/{self.generation}/{self.process}"
        query = {"stream": self.stream} | ({} if start is None else {"from": str(start)})
        return read(LogPiece, self.connection.get(path, query), path)

    def pieces(self, start: int = 0) -> Iterator[LogPiece]:
        """All that there is by now, from a place on."""
        while (piece := self.piece(start)).text:
            yield piece
            start = piece.next

    def text(self) -> str:
        """All that there is by now."""
        return "".join(piece.text for piece in self.pieces())

    def follow(self) -> Iterator[str]:
        """Text as it comes, until the process has ended and all was read."""
        start = 0
        while True:
            piece = self.piece(start)
            if piece.text:
                yield piece.text
            elif not piece.more:
                return
            else:
                time.sleep(LOOK_EVERY)
            start = piece.next

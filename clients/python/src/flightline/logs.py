"""A process's log, piece by piece, and followed until its process has ended.

REST gives what a process said on standard error; what it printed on standard output only `submit logs --stdout` has.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from .connection import Connection
from .shape import read
from .view import LogPiece

#: Seconds between two looks at a log that has nothing new.
LOOK_EVERY = 0.5


@dataclass(frozen=True)
class ProcessLog:
    """The log of one process of one life of a job."""

    connection: Connection
    job: int
    generation: int
    process: int

    def piece(self, start: int | None = None) -> LogPiece:
        """A piece from a place on, in bytes; without one, the end of the log."""
        path = f"/api/jobs/{self.job}/logs/{self.generation}/{self.process}"
        query = None if start is None else {"from": str(start)}
        return read(LogPiece, self.connection.get(path, query), path)

    def pieces(self) -> Iterator[LogPiece]:
        """All that there is by now, from the start on."""
        start = 0
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

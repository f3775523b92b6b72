"""What can go wrong, as exceptions. Each says what it was in a sentence: the server's, where it said one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class FlightlineError(Exception):
    """Anything that this package raises by itself."""


class NoTokenError(FlightlineError):
    """No token was given, and none was found."""


class UnreachableError(FlightlineError):
    """Nobody answers at the address, or not in time."""


class ServerError(FlightlineError):
    """The server refused. `status` is the HTTP status, and the text is the server's own sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class NotAllowedError(ServerError):
    """The token is missing or wrong (401), or isn't enough for that (403)."""


class NotFoundError(ServerError):
    """There is no such thing, or it is forgotten (404)."""


class ConflictError(ServerError):
    """It can't be as things stand, such as ending a job that is over, or the dataflow of one that waits (409)."""


class NotNowError(ServerError):
    """Too much at once, or who has it can't be reached: ask again (429, 502, 503)."""


class RefusedJobError(ServerError):
    """The master doesn't take the job (422). `mistakes` has all that is wrong with it, a sentence each."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__(422, "\n".join(mistakes))
        self.mistakes = tuple(mistakes)


class RefusedFlightError(ServerError):
    """The page doesn't take a flight (400). `fields` says what is wrong with each field."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(400, "\n".join(f"{name}: {why}" for name, why in fields.items()))
        self.fields = dict(fields)


class ShapeError(FlightlineError):
    """The JSON of a server isn't what this version of the package knows. The text says where it differs."""


class NoSuchJobError(FlightlineError):
    """No job of that name is alive."""


class JobFailedError(FlightlineError):
    """A job that was waited for ended otherwise than well."""


class TooSlowError(FlightlineError):
    """What was waited for didn't come in time. It may still come."""


class MissingExtraError(FlightlineError):
    """A package is needed that is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"this needs {package}: pip install 'flightline[{extra}]'")

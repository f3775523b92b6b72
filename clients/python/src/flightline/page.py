"""The traveller's page as programs use it: send a flight, then look until its answer is stored."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .connection import Connection, JsonRefusedError
from .errors import NotNowError, RefusedFlightError, ShapeError, TooSlowError

#: Where `web` serves the page when nobody says something else.
ADDRESS = "http://127.0.0.1:5000"
#: Seconds between two looks for an answer.
LOOK_EVERY = 0.1
#: Seconds in which an answer should have come.
PATIENCE = 30.0

_ASK = "/flights/delays/predict/classify_realtime"
_RESPONSE = f"{_ASK}/response/"


@dataclass(frozen=True)
class Flight:
    """What a traveller knows of a flight. The rest is derived, and the distance is looked up."""

    origin: str
    dest: str
    carrier: str
    date: datetime.date | str
    #: Minutes; below 0 is early.
    dep_delay: float
    number: str | None = None

    def form(self) -> dict[str, str]:
        """As the page's form sends it."""
        fields = {
            "DepDelay": str(self.dep_delay),
            "Carrier": self.carrier,
            "FlightDate": str(self.date),
            "Origin": self.origin,
            "Dest": self.dest,
        }
        return fields if self.number is None else {**fields, "FlightNum": self.number}


class Page:
    """The page of a stream."""

    def __init__(self, address: str = ADDRESS, *, verify: bool | str | os.PathLike[str] = True) -> None:
        self.connection = Connection(address, verify=verify)

    def send(self, flight: Flight) -> str:
        """Sends a request, and gives its id.

        Raises:
            RefusedFlightError: fields are wrong; says which.
            NotNowError: the request topic can't be reached.
        """
        try:
            told = self.connection.send(_ASK, flight.form())
        except JsonRefusedError as error:
            fields = error.value.get("errors")
            raise RefusedFlightError(fields if isinstance(fields, dict) else {"flight": str(error)}) from None
        return str(_field(told, "id"))

    def look(self, request: str) -> dict[str, Any] | None:
        """The answer to a request; None while there is none."""
        told = self.connection.get(_RESPONSE + request, tries=1)
        if _field(told, "status") == "WAIT":
            return None
        answer = _field(told, "prediction")
        if not isinstance(answer, dict):
            raise ShapeError(f"the answer to {request} is {answer!r}")
        return answer

    def wait(self, request: str, *, timeout: float = PATIENCE) -> dict[str, Any]:
        """The answer to a request, as soon as it is stored. It may say `"Status": "ERROR"`, and why.

        Raises:
            TooSlowError: it didn't come in time.
        """
        ends = time.monotonic() + timeout
        while True:
            try:
                answer = self.look(request)
            except NotNowError:
                # The collection is away; it says so, and comes back by itself.
                answer = None
            if answer is not None:
                return answer
            if time.monotonic() > ends:
                raise TooSlowError(f"no answer to {request} came within {timeout:g} s")
            time.sleep(LOOK_EVERY)

    def ask(self, flight: Flight, *, timeout: float = PATIENCE) -> dict[str, Any]:
        """Sends a request, and waits for its answer."""
        return self.wait(self.send(flight), timeout=timeout)

    def ask_all(self, flights: Iterable[Flight], *, timeout: float = PATIENCE) -> list[dict[str, Any]]:
        """Sends all requests, and then waits for their answers, in the same order."""
        requests = [self.send(flight) for flight in flights]
        return [self.wait(request, timeout=timeout) for request in requests]

    def wait_until_ready(self, *, timeout: float = PATIENCE) -> None:
        """Waits until it reaches the stream, with all that it needs.

        Raises:
            TooSlowError: it doesn't in time; says what it waits for.
        """
        ends = time.monotonic() + timeout
        while True:
            try:
                told = self.health()
                lacks = str(told)
                if told == {"status": "OK"}:
                    return
            except NotNowError as error:
                lacks = str(error)
            if time.monotonic() > ends:
                raise TooSlowError(f"the page doesn't reach its stream within {timeout:g} s: {lacks}")
            time.sleep(LOOK_EVERY)

    def health(self) -> dict[str, Any]:
        """`{"status": "OK"}`, perhaps with what it waits for.

        Raises:
            NotNowError: requests can't be sent, or answers not be heard.
        """
        told = self.connection.get("/health", tries=1)
        _field(told, "status")
        assert isinstance(told, dict)
        return told

    def close(self) -> None:
        """Closes the connection."""
        self.connection.close()


def _field(told: object, name: str) -> object:
    if not isinstance(told, dict) or name not in told:
        raise ShapeError(f"the page says {told!r}, without {name}")
    return told[name]

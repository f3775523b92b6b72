"""A way to one server: its address, the token, TLS, and errors as exceptions. It knows nothing of what is asked."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from .errors import (
    ConflictError,
    NotAllowedError,
    NotFoundError,
    NotNowError,
    NoTokenError,
    ServerError,
    ShapeError,
    UnreachableError,
)

#: Seconds to connect, and between two pieces of an answer.
TIMEOUT = 30.0
#: How often a look that can't be had at the moment is tried in all.
TRIES = 4


def find_token(token: str | None = None, token_file: str | os.PathLike[str] | None = None) -> str:
    """The token: the argument, else the file, else FLIGHTLINE_TOKEN, else the file that FLIGHTLINE_TOKEN_FILE names,
    else `flightline-cluster/token` as a master makes it in its folder.

    Raises:
        NoTokenError: there is none; or a file can't be read, which is then named.
    """
    if token is not None:
        return token.strip()
    if token_file is None:
        if said := os.environ.get("FLIGHTLINE_TOKEN"):
            return said.strip()
        token_file = os.environ.get("FLIGHTLINE_TOKEN_FILE") or "flightline-cluster/token"
    try:
        return Path(token_file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise NoTokenError(
            f"there is no token: {token_file} can't be read ({error.strerror}). Give token= or token_file=, or set "
            "FLIGHTLINE_TOKEN; the master makes one at its first start, in its state folder"
        ) from error


class Connection:
    """A way to a server. Looks are tried again while the server is busy; actions are made once, never twice."""

    def __init__(
        self,
        address: str,
        *,
        token: str | None = None,
        verify: bool | str | os.PathLike[str] = True,
        timeout: float = TIMEOUT,
    ) -> None:
        """`verify` is as in requests: a file of authorities, PEM, for a certificate that the system doesn't know."""
        self.address = (address if "://" in address else f"http://{address}").rstrip("/")
        self.timeout = timeout
        self._session = requests.Session()
        self._verify = verify if isinstance(verify, bool) else os.fspath(verify)
        # A .netrc for this host would silently take the token's place.
        self._session.auth = _Bearer(token)

    def get(self, path: str, query: Mapping[str, str] | None = None, tries: int = TRIES) -> object:
        """The JSON at a path. What can't be had at this moment is asked for again, so many times in all."""
        for tried in range(1, tries + 1):
            try:
                return _json(self._call("GET", path, params=query))
            except NotNowError:
                if tried == tries:
                    raise
                time.sleep(0.5 * tried)
        raise AssertionError("the loop returns or raises")

    def page(self, path: str) -> str:
        """The text at a path."""
        return self._checked(self._call("GET", path)).text

    def post(self, path: str, value: object = None) -> object:
        """Sends JSON, and gives the JSON of the answer."""
        return _json(self._call("POST", path, json=value))

    def send(self, path: str, form: Mapping[str, str]) -> object:
        """Sends a form, and gives the JSON of the answer."""
        return _json(self._call("POST", path, data=form))

    def close(self) -> None:
        """Closes it."""
        self._session.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Connection({self.address!r})"

    def _call(self, method: str, path: str, **more: Any) -> requests.Response:  # noqa: ANN401
        url = self.address + path
        headers = {"Accept": "application/json"}
        # Said of the session only, REQUESTS_CA_BUNDLE in the environment would silently take its place.
        more |= {"headers": headers, "verify": self._verify, "timeout": self.timeout, "allow_redirects": False}
        try:
            return self._session.request(method, url, **more)
        except requests.exceptions.SSLError as error:
            raise UnreachableError(
                f"{self.address} can't be trusted: {_deepest(error)}; verify=FILE names an authority of one's own"
            ) from error
        except requests.exceptions.Timeout as error:
            raise UnreachableError(f"{self.address} doesn't answer within {self.timeout:g} s") from error
        except requests.exceptions.RequestException as error:
            raise UnreachableError(
                f"nobody answers at {self.address} ({_deepest(error)}): does it run, and is that its address?"
            ) from error

    @staticmethod
    def _checked(answer: requests.Response) -> requests.Response:
        if answer.status_code >= 300:
            raise refused(answer.status_code, answer.reason)
        return answer


def _deepest(error: BaseException) -> BaseException:
    """What all the others only wrap."""
    while error.__context__ is not None:
        error = error.__context__
    return error


class _Bearer(requests.auth.AuthBase):
    def __init__(self, token: str | None) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.token is not None:
            request.headers["Authorization"] = f"Bearer {self.token}"
        return request


class JsonRefusedError(ServerError):
    """A refusal with more than a sentence, for whoever asked to make his own error of it."""

    def __init__(self, status: int, value: dict[str, object]) -> None:
        super().__init__(status, str(value))
        self.value = value


def refused(status: int, sentence: str) -> ServerError:
    """The exception for a status."""
    kinds: dict[int, type[ServerError]] = {
        401: NotAllowedError,
        403: NotAllowedError,
        404: NotFoundError,
        409: ConflictError,
        429: NotNowError,
        502: NotNowError,
        503: NotNowError,
    }
    return kinds.get(status, ServerError)(status, sentence)


def _json(answer: requests.Response) -> object:
    try:
        value: object = answer.json()
    except requests.exceptions.JSONDecodeError:
        value = None
    if answer.status_code < 300:
        if value is None:
            raise ShapeError(f"{answer.url} doesn't answer with JSON: is this address a Flightline server's?")
        return value
    if isinstance(value, dict):
        if isinstance(error := value.get("error"), str):
            raise refused(answer.status_code, error)
        if isinstance(value.get("errors"), list | dict):
            raise JsonRefusedError(answer.status_code, value)
    said = answer.text[:200] if value is not None else answer.reason
    raise refused(answer.status_code, f"{answer.url} answers with {answer.status_code}: {said}")

"""Packages that only some need."""

from __future__ import annotations

import importlib
from typing import Any

from .errors import MissingExtraError


def extra(package: str, name: str) -> Any:  # noqa: ANN401
    """A package that is not always installed.

    Raises:
        MissingExtraError: it is not there; says how to get it.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise MissingExtraError(package.partition(".")[0], name) from error

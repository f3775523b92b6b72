"""From JSON to dataclasses. What a server tells beyond the fields that are known here is ignored, so that an older
client reads a newer server; what is missing or of another kind is an error that says where."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Hashable, Mapping
from functools import cache
from typing import Any, TypeVar, cast

from .errors import ShapeError

T = TypeVar("T")


def read(kind: type[T], value: object, where: str = "the answer") -> T:
    """Reads a value of a dataclass, a list, a dict, a tuple, an optional, a number or a text.

    Raises:
        ShapeError: the value is of another kind; says where.
    """
    return cast("T", _read(kind, value, where))


def _read(kind: Any, value: object, where: str) -> object:  # noqa: ANN401
    if kind is Any or kind is object:
        return value
    if dataclasses.is_dataclass(kind):
        return _record(cast("type[Any]", kind), value, where)
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in inner:
            return None
        return _read(next(one for one in inner if one is not type(None)), value, where)
    if origin is list:
        return [_read(inner[0], one, f"{where}[{at}]") for at, one in enumerate(_a(list, value, where))]
    if origin is tuple:
        return _tuple(inner, _a(list, value, where), where)
    if origin is dict:
        # The keys of JSON are texts, also where they are numbers.
        pairs = _a(dict, value, where).items()
        return {_key(inner[0], key, where): _read(inner[1], one, f"{where}.{key}") for key, one in pairs}
    return _plain(kind, value, where)


def _record(kind: type[Any], value: object, where: str) -> object:
    given = _a(dict, value, where)
    hints = _hints(cast("Hashable", kind))
    known: dict[str, object] = {}
    for field in dataclasses.fields(kind):
        # `from` can't be a field's name in Python.
        name = field.name.rstrip("_")
        if name in given:
            known[field.name] = _read(hints[field.name], given[name], f"{where}.{name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ShapeError(f"{where} has no {name}: the server is of another version than this package")
    return kind(**known)


def _key(kind: Callable[[str], object], key: str, where: str) -> object:
    try:
        return kind(key)
    except ValueError:
        raise ShapeError(f"{where} has the key {key!r} where {getattr(kind, '__name__', kind)} was expected") from None


def _tuple(kinds: tuple[Any, ...], values: list[object], where: str) -> tuple[object, ...]:
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(values)
    if len(kinds) != len(values):
        raise ShapeError(f"{where} has {len(values)} parts instead of {len(kinds)}")
    return tuple(_read(kind, one, f"{where}[{at}]") for at, (kind, one) in enumerate(zip(kinds, values, strict=True)))


def _plain(kind: type[Any], value: object, where: str) -> object:
    if kind is float and type(value) is int:
        return float(value)
    # True is an int in Python, and none in JSON.
    if type(value) is kind:
        return value
    raise ShapeError(f"{where} is {_called(value)} where {kind.__name__} was expected")


def _a(kind: type[T], value: object, where: str) -> T:
    if isinstance(value, kind):
        return value
    raise ShapeError(f"{where} is {_called(value)} where {kind.__name__} was expected")


def _called(value: object) -> str:
    return "nothing" if value is None else type(value).__name__


@cache
def _hints(kind: Hashable) -> Mapping[str, Any]:
    return typing.get_type_hints(kind)

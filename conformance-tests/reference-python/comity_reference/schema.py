"""The members of objects (JWS-14, JWS-16), read by the schemas in spec/schemas, which are part of the text.

A JSON value is given back as read, or refused. What is absent, or null where that may be, is left out, and so is what an
open object does not know. Names that chapter 1 defines are read by `identifiers`, which knows more than a pattern says; a
date comes out as a date.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from . import identifiers
from .strict import Refused, require

_FOLDER = Path(__file__).resolve().parents[3] / "spec" / "schemas"
_TYPES = {"string": str, "boolean": bool, "integer": int, "array": list, "object": dict, "null": type(None)}
_WRONG = "shape"
_NAMED: dict[str, Callable[[Any], Any]] = {
    "EntityId": identifiers.entity_id,
    "CitizenNumber": identifiers.citizen_number,
    "LocalDate": identifiers.date,
    "TraceNumber": identifiers.trace_number,
    "Jwk": lambda value: value,  # keys.read_jwk says what is wrong with it
}
Schema = dict[str, Any]


def read(name: str, value: Any, rule: str = "jws.claims", only: Iterable[str] = ()) -> dict[str, Any]:
    """An object as the schema `name` has it; with `only`, some members of it, all of them required."""
    schema = _schema(name)
    if only:
        known = {one: schema["properties"][one] for one in only}
        schema = {"type": "object", "properties": known, "required": known.keys(), "$defs": schema.get("$defs", {})}
    try:
        read: dict[str, Any] = _read(value, schema, schema.get("$defs", {}))
        return read
    except Refused as error:
        raise Refused(rule, str(error)) from error


def members(name: str) -> tuple[str, ...]:
    return tuple(_schema(name)["properties"])


def plain(value: Any) -> Any:
    """What was read, as JSON again: dates become text."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


@cache
def _schema(name: str) -> Schema:
    schema: Schema = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return schema


def _read(value: Any, schema: Schema, defined: Schema) -> Any:
    """The keywords that the schemas use; every pattern in them is of the whole text."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return _NAMED[name](value) if name in _NAMED else _read(value, defined[name], defined)
    if "oneOf" in schema or "anyOf" in schema:
        return _first(value, schema.get("oneOf") or schema["anyOf"], defined)
    types = schema.get("type", list(_TYPES))
    require(any(type(value) is _TYPES[one] for one in ([types] if isinstance(types, str) else types)), _WRONG)
    require(value in schema.get("enum", [schema.get("const", value)]), _WRONG)
    match value:
        case str():
            require("pattern" not in schema or re.fullmatch(schema["pattern"], value), _WRONG)
        case list() if "items" in schema:
            return [_read(item, schema["items"], defined) for item in value]
        case dict():
            return _members(value, schema, defined)
        case int():
            width = schema.get("format", "int64")
            require(value < 2 ** int(width.strip("uint") if width[0] == "u" else "63"), _WRONG)
            require(schema.get("minimum", value) <= value <= schema.get("maximum", value), _WRONG)
    return value


def _first(value: Any, schemas: list[Schema], defined: Schema) -> Any:
    refused = Refused(_WRONG)
    for schema in schemas:
        try:
            return _read(value, schema, defined)
        except Refused as error:
            refused = error
    raise refused


def _members(value: dict[str, Any], schema: Schema, defined: Schema) -> dict[str, Any]:
    known, named = schema.get("properties", {}), schema.get("patternProperties", {})
    others = schema.get("additionalProperties", None if known else True)
    require(set(schema.get("required", ())) <= value.keys(), _WRONG, "a member is missing")
    read = {}
    for name, item in value.items():
        inner = known.get(name, next((named[form] for form in named if re.fullmatch(form, name)), others))
        require(inner is not False, _WRONG, "unknown member")
        got = item if inner is True else None if inner is None else _read(item, inner, defined)
        if got is not None:
            read[name] = got
    return read

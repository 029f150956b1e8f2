"""The members of objects (JWS-14, JWS-16), read from the schemas in spec/schemas, which are part of the text.

A schema becomes a reader: it takes a JSON value and gives it back as read, or raises `Refused`. What is absent or null where
that may be is left out. Names that chapter 1 defines are read by `identifiers`, which knows more than a pattern says; a
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

Reader = Callable[[Any], Any]
_FOLDER = Path(__file__).resolve().parents[3] / "spec" / "schemas"
_TYPES = {"string": str, "boolean": bool, "integer": int, "array": list, "object": dict, "null": type(None)}
_WRONG = "shape"
_NAMED: dict[str, Reader] = {
    "EntityId": identifiers.entity_id,
    "CitizenNumber": identifiers.citizen_number,
    "LocalDate": identifiers.date,
    "TraceNumber": identifiers.trace_number,
    "Jwk": lambda value: value,  # keys.read_jwk says what is wrong with it
}


def read(name: str, value: Any, rule: str = "jws.claims", only: Iterable[str] = ()) -> dict[str, Any]:
    """An object as the schema `name` has it; with `only`, some members of it, all of them required."""
    try:
        return _reader(name, tuple(only))(value)
    except Refused as error:
        raise Refused(rule, str(error)) from error


@cache
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
def _schema(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return schema


@cache
def _reader(name: str, only: tuple[str, ...]) -> Reader:
    schema = _schema(name)
    defined = _Definitions(schema.get("$defs", {}))
    if only:
        schema = {"type": "object", "properties": {one: schema["properties"][one] for one in only}, "required": only}
    return defined.reader(schema)


class _Definitions:
    """Turns schemas into readers; `$defs` once each, and when first needed, since a condition contains conditions."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        self._schemas = schemas
        self._readers: dict[str, Reader] = dict(_NAMED)

    def reader(self, schema: dict[str, Any]) -> Reader:
        if "$ref" in schema:
            return self._named(schema["$ref"].removeprefix("#/$defs/"))
        if "oneOf" in schema or "anyOf" in schema:
            return self._alternatives(schema.get("oneOf") or schema["anyOf"])
        types = schema.get("type", [])
        types = [types] if isinstance(types, str) else types
        inner: dict[str, Reader] = {
            "string": self._string(schema),
            "integer": self._integer(schema),
            "array": self._array(schema),
            "object": self._object(schema),
        }

        def checked(value: Any) -> Any:
            found = next((one for one in types if type(value) is _TYPES[one]), None)
            require(found or not types, _WRONG)
            return inner[found](value) if found in inner else value

        return checked

    def _named(self, name: str) -> Reader:
        def later(value: Any) -> Any:
            if name not in self._readers:
                self._readers[name] = self.reader(self._schemas[name])
            return self._readers[name](value)

        return later

    def _alternatives(self, schemas: list[dict[str, Any]]) -> Reader:
        if all("const" in one for one in schemas):
            return self.reader({"type": "string", "enum": [one["const"] for one in schemas]})
        readers = [self.reader(one) for one in schemas]

        def first(value: Any) -> Any:
            refused = Refused(_WRONG)
            for reader in readers:
                try:
                    return reader(value)
                except Refused as error:
                    refused = error
            raise refused

        return first

    def _string(self, schema: dict[str, Any]) -> Reader:
        allowed = [schema["const"]] if "const" in schema else schema.get("enum")
        pattern = re.compile(schema.get("pattern", "").removesuffix("$") + (r"\Z" if "pattern" in schema else ""))

        def text(value: str) -> str:
            require((allowed is None or value in allowed) and pattern.search(value), _WRONG)
            return value

        return text

    def _integer(self, schema: dict[str, Any]) -> Reader:
        form = schema.get("format", "int64")
        low, high = (0, 2 ** int(form[4:])) if form.startswith("uint") else (-(2**63), 2**63)

        def integer(value: int) -> int:
            require(low <= value < high, _WRONG)
            require(schema.get("minimum", value) <= value <= schema.get("maximum", value), _WRONG)
            return value

        return integer

    def _array(self, schema: dict[str, Any]) -> Reader:
        item = self.reader(schema.get("items", {})) if "items" in schema else None
        return lambda value: [item(one) for one in value] if item else value

    def _object(self, schema: dict[str, Any]) -> Reader:
        known = {name: self.reader(one) for name, one in schema.get("properties", {}).items()}
        required = frozenset(schema.get("required", ()))
        named = [(re.compile(form), self.reader(one)) for form, one in schema.get("patternProperties", {}).items()]
        more = schema.get("additionalProperties", not known or None)
        other = self.reader(more) if isinstance(more, dict) else None

        def of_unknown(name: str) -> Reader | None:
            """Keeps what may have any name, leaves out what an open object does not know."""
            found = next((reader for form, reader in named if form.search(name) and not name.endswith("\n")), other)
            require(found or more is not False, _WRONG, "unknown member")
            return found or ((lambda value: value) if more else None)

        def members(value: dict[str, Any]) -> dict[str, Any]:
            require(required <= value.keys(), _WRONG, "a member is missing")
            read = {}
            for name, item in value.items():
                reader = known.get(name) or of_unknown(name)
                if reader is not None and (got := reader(item)) is not None:
                    read[name] = got
            return read

        return members

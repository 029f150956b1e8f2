"""Strict JSON, base64url and the one kind of error (chapter 2.3, JWS-10 to JWS-13).

Whatever is refused is refused by the name of a rule, as the test vectors call it.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

MAX_DEPTH = 32
_I64_MIN, _I64_MAX = -(2**63), 2**63 - 1
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*\Z")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


class Refused(Exception):
    """Something was refused; `rule` is the vectors' name of the rule, `detail` never quotes personal data."""

    def __init__(self, rule: str, detail: str = "") -> None:
        super().__init__(f"{rule}: {detail}" if detail else rule)
        self.rule = rule
        self.detail = detail


def b64url(data: bytes) -> str:
    """Unpadded base64url (RFC 4648)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64url(text: str, rule: str = "jws.base64url") -> bytes:
    """Canonical, unpadded base64url; another alphabet, padding or unused bits are refused."""
    if not _BASE64URL.match(text) or len(text) % 4 == 1:
        raise Refused(rule)
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if b64url(data) != text:
        raise Refused(rule)
    return data


def parse(data: bytes, prefix: str = "jws") -> Any:
    """JSON of the strict profile; refusals are `<prefix>.utf8`, `.depth`, `.duplicate-name`, `.number`, `.json`."""
    if data.startswith(b"\xef\xbb\xbf"):
        raise Refused(f"{prefix}.utf8", "byte order mark")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(f"{prefix}.utf8") from error
    _bound_depth(text, prefix)

    def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
        read = dict(members)
        if len(read) != len(members):
            raise Refused(f"{prefix}.duplicate-name")
        return read

    def integer(digits: str) -> int:
        if digits == "-0" or len(digits) > 20 or not _I64_MIN <= int(digits) <= _I64_MAX:
            raise Refused(f"{prefix}.number")
        return int(digits)

    def other_number(_: str) -> Any:
        raise Refused(f"{prefix}.number")

    def constant(_: str) -> Any:
        raise Refused(f"{prefix}.json")

    try:
        value = json.loads(
            text, object_pairs_hook=pairs, parse_int=integer, parse_float=other_number, parse_constant=constant
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # half of a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise Refused(f"{prefix}.json") from error
    return value


def write(value: Any) -> bytes:
    """JSON as this implementation writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def _bound_depth(text: str, prefix: str) -> None:
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if bracket.group() in "[{" else -1
        if depth > MAX_DEPTH:
            raise Refused(f"{prefix}.depth")

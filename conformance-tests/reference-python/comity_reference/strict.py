"""Strict JSON, base64url and the one kind of error (chapter 2.3, JWS-10 to JWS-13).

Whatever is refused is refused by the name of a rule (chapter 16).
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

MAX_DEPTH = 32
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)


class Refused(Exception):
    """Something was refused; `rule` is its name in chapter 16, `detail` never quotes personal data."""

    def __init__(self, rule: str, detail: str = "") -> None:
        super().__init__(f"{rule}: {detail}" if detail else rule)
        self.rule = rule
        self.detail = detail


class ChainRefused(Refused):
    """It is the issuer's chain that does not hold, by that rule: nothing is known to be wrong with what the issuer signed."""


def require(holds: object, rule: str, detail: str = "") -> None:
    if not holds:
        raise Refused(rule, detail)


def b64url(data: bytes) -> str:
    """Unpadded base64url (RFC 4648)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64url(text: str, rule: str = "jws.base64url") -> bytes:
    """Canonical, unpadded base64url; another alphabet, padding or unused bits are refused."""
    require(re.fullmatch(r"[A-Za-z0-9_-]*", text) and len(text) % 4 != 1, rule)
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    require(b64url(data) == text, rule)
    return data


def parse(data: bytes, prefix: str = "jws", fractions: bool = False) -> Any:
    """JSON of the strict profile; refusals are `<prefix>.utf8`, `.depth`, `.duplicate-name`, `.number`, `.json`. A wallet's
    numbers may have `fractions`."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(f"{prefix}.utf8") from error
    require(not text.startswith("\ufeff"), f"{prefix}.utf8", "byte order mark")
    depth = 0
    for bracket in re.findall(r"[\[\]{}]", _STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        require(depth <= MAX_DEPTH, f"{prefix}.depth")

    def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
        read = dict(members)
        require(len(read) == len(members), f"{prefix}.duplicate-name")
        return read

    def integer(digits: str) -> int:
        require(digits != "-0" and len(digits) <= 20 and -(2**63) <= int(digits) < 2**63, f"{prefix}.number")
        return int(digits)

    def refused_as(rule: str) -> Any:
        return lambda _: require(False, f"{prefix}.{rule}")

    real = float if fractions else refused_as("number")
    hooks = {"parse_int": integer, "parse_float": real, "parse_constant": refused_as("json")}
    try:
        value = json.loads(text, object_pairs_hook=pairs, **hooks)
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # half of a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise Refused(f"{prefix}.json") from error
    return value


def write(value: Any) -> bytes:
    """JSON as this implementation writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")

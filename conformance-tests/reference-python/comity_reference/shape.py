"""Shapes of objects (JWS-14, JWS-16): which members there are, of which type, and whether others are refused.

A `Check` takes a JSON value and returns it as read, or raises `Refused`; the caller turns that into the rule of its
object (`jws.claims` in what Comity signs).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import catalogue, identifiers
from .strict import Refused

Check = Callable[[Any], Any]
_WRONG = "shape"


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise Refused(_WRONG)
    return value


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Refused(_WRONG)
    return value


def integer(low: int = -(2**63), high: int = 2**63 - 1) -> Check:
    def read(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise Refused(_WRONG)
        return value

    return read


def one_of(*values: str) -> Check:
    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in values:
            raise Refused(_WRONG)
        return value

    return read


def list_of(check: Check) -> Check:
    def read(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise Refused(_WRONG)
        return [check(item) for item in value]

    return read


def map_of(key: Check, check: Check) -> Check:
    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Refused(_WRONG)
        return {key(name): check(item) for name, item in value.items()}

    return read


def anything(value: Any) -> Any:
    return value


class Shape:
    """An object. A member whose name ends in `?` may be missing or null, in `=` missing but not null."""

    def __init__(self, members: Mapping[str, Check], closed: bool = True) -> None:
        self.members = {name.rstrip("?="): (check, name[-1]) for name, check in members.items()}
        self.closed = closed

    def __call__(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Refused(_WRONG)
        if self.closed and not self.members.keys() >= value.keys():
            raise Refused(_WRONG, "unknown member")
        read: dict[str, Any] = {}
        for name, (check, mark) in self.members.items():
            if name not in value or (mark == "?" and value[name] is None):
                if mark not in "?=":
                    raise Refused(_WRONG, f"{name} is missing")
                continue
            try:
                read[name] = check(value[name])
            except Refused as error:
                raise Refused(_WRONG, f"{name}: {error}") from error
        return read

    def read(self, value: Any, rule: str) -> dict[str, Any]:
        try:
            return self(value)
        except Refused as error:
            raise Refused(rule, error.detail) from error


def mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused(_WRONG)
    return value


UINT32 = integer(0, 2**32 - 1)
BILINGUAL = Shape({"zh": text, "en": text})
ENVIRONMENT = one_of("SANDBOX", "PRODUCTION")
MEMBER_STATE = one_of("active", "suspended", "removed")
DATE = identifiers.date
CLAIM_NAME = one_of(*catalogue.CLAIMS)
BASIS = one_of("EMPLOYMENT", "DWELLING", "STUDY")
AGREEMENT_REF = Shape({"id": identifiers.agreement_id, "version": UINT32, "digest": identifiers.digest})

PERMIT_CLAIMS: dict[str, Check] = {
    "name": text,
    "sex": one_of("MALE", "FEMALE"),
    "ethnicity": text,
    "birth_date": DATE,
    "id_number": identifiers.citizen_number,
    "hukou_address": text,
    "residence_address": text,
    "issuing_authority": text,
    "issue_date": DATE,
    "permit_number": identifiers.permit_number,
    "tier": identifiers.tier,
    "basis": BASIS,
    "residence_since": DATE,
    "residence_periods": list_of(Shape({"from": DATE, "until?": DATE})),
    "insured_months": Shape({"n": UINT32, "as_of": DATE}),
    "points_standard_met": Shape({"met": boolean, "as_of": DATE}),
    "residence_region": identifiers.region,
    "credential_class": one_of("DECREE663", "LEGACY_LOCAL", "TEMPORARY", "TALENT"),
    "id_type": one_of("CITIZEN_ID", "HK_MO_TW_PERMIT"),
    "previous_ids": list_of(text),
    "card_valid_until": DATE,
    "elc_id": text,
}
CLAIMS_CLOSED = Shape({f"{name}?": check for name, check in PERMIT_CLAIMS.items()})
CLAIMS_OPEN = Shape({f"{name}?": check for name, check in PERMIT_CLAIMS.items()}, closed=False)


def plain(value: Any) -> Any:
    """What was read, as JSON again: dates become text."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value

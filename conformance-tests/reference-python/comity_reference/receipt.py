"""Receipts (chapter 9): the recogniser's signed word on a decision, and whose it is."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import identifiers, jws, schema, strict, symbol
from .keys import SigningKey
from .strict import Refused, b64url, require, unb64url
from .trust import Federation

TYP = "comity-receipt+jwt"


@dataclass(frozen=True)
class Receipt:
    claims: Mapping[str, Any]
    salt: bytes | None


def binding(salt: bytes, name: str, number: str) -> str:
    """RCP-3."""
    encoded = name.encode("utf-8")
    octets = salt + len(encoded).to_bytes(4, "big") + encoded + number.upper().encode("utf-8")
    return b64url(hashlib.sha256(octets).digest())


def read(printed: str, federation: Federation) -> Receipt:
    """RCP-1, RCP-2, RCP-7: from digits, a document, or the bare receipt."""
    token, salt = _parts(printed.strip())
    one = jws.read(token, TYP)
    claims = one.claims("receipt")
    one.verify(federation.county(claims["iss"]).ring, "receipt")
    require(claims["environment"] == federation.anchor.environment, "receipt.environment")
    require(claims["exp"] > claims["iat"], "receipt.times")
    require(claims["iat"] <= federation.now + jws.CLOCK_SKEW, "receipt.iat-future")
    require(claims["exp"] > federation.now, "receipt.expired")
    return Receipt(claims, salt)


def _parts(printed: str) -> tuple[str, bytes | None]:
    if printed.startswith("{"):
        document = schema.read("receipt-printed", strict.parse(printed.encode("utf-8"), "json"), "json.shape")
        return document["receipt"], unb64url(document["salt"]) if "salt" in document else None
    try:
        printed = symbol.decode(printed) if symbol.is_digits(printed) else printed
    except Refused as error:
        raise Refused("receipt.symbol", error.rule) from error
    token, tilde, salt = printed.partition("~")
    try:
        return token, unb64url(identifiers.jti(salt)) if tilde else None
    except Refused as error:
        raise Refused("receipt.salt") from error


def about(receipt: Receipt, name: str, number: str) -> str:
    """RCP-5."""
    bound = receipt.claims.get("holder_binding")
    if bound is None or receipt.salt is None:
        return "cannot-tell"
    return "same" if binding(receipt.salt, name, number) == bound else "different"


def evidence(kind: str, octets: bytes) -> dict[str, str]:
    """SHA-256(salt and bytes); the salt stays in the record."""
    return {"kind": kind, "digest": b64url(hashlib.sha256(secrets.token_bytes(16) + octets).digest())}


def sign(key: SigningKey, claims: dict[str, Any], person: tuple[str, str] | None) -> dict[str, str]:
    """RCP-4: the salt goes beside the receipt, never into it."""
    if person is None:
        return {"receipt": jws.sign(key, TYP, claims)}
    salt = secrets.token_bytes(16)
    claims = {**claims, "holder_binding": binding(salt, *person)}
    return {"receipt": jws.sign(key, TYP, claims), "salt": b64url(salt)}

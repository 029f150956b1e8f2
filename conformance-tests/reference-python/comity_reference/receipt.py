"""Receipts (chapter 9): the recogniser's signed word on a decision, and whose it is."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import catalogue, identifiers, jws, strict, symbol
from .keys import SigningKey
from .shape import AGREEMENT_REF, BILINGUAL, DATE, ENVIRONMENT, Shape, integer, list_of, one_of, text
from .strict import Refused, b64url, unb64url
from .trust import Federation

TYP = "comity-receipt+jwt"
DAY = 86400


def _outcome(value: Any) -> str:
    return one_of(*catalogue.outcomes())(value)


_DECISION = Shape(
    {
        "outcome": _outcome,
        "confirmation": one_of("pending", "confirmed", "mismatch"),
        "channel": one_of("presented", "looked_up"),
        "decided_at": identifiers.seconds,
        "service": identifiers.service_code,
        "provider?": identifiers.provider_id,
        "recogniser": identifiers.region,
        "issuer?": identifiers.entity_id,
        "issuer_region?": identifiers.region,
        "agreement?": AGREEMENT_REF,
        "tier?": Shape({"issuer": identifiers.tier, "local?": identifiers.tier}),
        "endorsed_until?": DATE,
        "date?": DATE,
        "status_age_seconds?": integer(),
        "cause?": text,
        "missing=": list_of(
            Shape(
                {
                    "code": text,
                    "truth": one_of("met", "not_met", "unknown"),
                    "text": BILINGUAL,
                    "owner?": BILINGUAL,
                    "rule?": text,
                    "url?": text,
                }
            )
        ),
        "advisories=": list_of(Shape({"code": text, "text": BILINGUAL})),
        "text": BILINGUAL,
        "next_step": BILINGUAL,
    }
)
_RECEIPT = Shape(
    {
        "iss": identifiers.entity_id,
        "iat": identifiers.seconds,
        "exp": identifiers.seconds,
        "trace": identifiers.trace_number,
        "decision": _DECISION,
        "decided_by": identifiers.officer_id,
        "evidence": list_of(Shape({"kind": text, "digest": identifiers.digest})),
        "holder_binding?": identifiers.digest,
        "follow_up?": Shape({"due": identifiers.seconds, "how": BILINGUAL}),
        "environment": ENVIRONMENT,
    }
)
_PRINTED = Shape({"receipt": text, "salt?": identifiers.jti})


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
    claims = _RECEIPT.read(one.payload, "jws.claims")
    county = federation.county(claims["iss"])
    one.verify(county.ring, "receipt")
    if claims["environment"] != federation.anchor.environment:
        raise Refused("receipt.environment")
    if claims["exp"] <= claims["iat"]:
        raise Refused("receipt.times")
    if claims["iat"] > federation.now + jws.CLOCK_SKEW:
        raise Refused("receipt.iat-future")
    if claims["exp"] <= federation.now:
        raise Refused("receipt.expired")
    return Receipt(claims, salt)


def _parts(printed: str) -> tuple[str, bytes | None]:
    if printed.startswith("{"):
        document = _PRINTED.read(strict.parse(printed.encode("utf-8"), "json"), "json.shape")
        return document["receipt"], unb64url(document["salt"]) if "salt" in document else None
    if symbol.is_digits(printed):
        try:
            printed = symbol.decode(printed)
        except Refused as error:
            raise Refused("receipt.symbol", error.rule) from error
    token, tilde, salt = printed.partition("~")
    if tilde:
        try:
            identifiers.jti(salt)
        except Refused as error:
            raise Refused("receipt.salt") from error
    return token, unb64url(salt) if tilde else None


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

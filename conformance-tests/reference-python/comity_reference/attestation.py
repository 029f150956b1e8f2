"""The permit as a signed object (chapter 5): what was scanned becomes an attestation that its issuer signed."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import identifiers, jws, sdjwt, symbol
from .keys import SigningKey
from .sdjwt import Challenge
from .shape import CLAIMS_OPEN, ENVIRONMENT, Shape, integer, plain, text
from .strict import Refused
from .trust import County, Federation

VCT = "urn:comity:vct:residence-permit:1"
MAX_PRESENTED = 256 * 1024
CARD = ("name", "id_number", "tier", "basis", "residence_since")
CARD_DIGESTS, FULL_DIGESTS = 6, 32

_FIRST = Shape({"iss": identifiers.entity_id, "vct": text}, closed=False)
_ENVIRONMENT = Shape({"environment": ENVIRONMENT}, closed=False)
_REFERENCE = Shape({"idx": integer(0, 2**64 - 1), "uri": text}, closed=False)
_OPEN = Shape(
    {
        "iss": identifiers.entity_id,
        "vct": text,
        "iat": identifiers.seconds,
        "nbf": identifiers.seconds,
        "exp": identifiers.seconds,
        "status": Shape({"status_list": _REFERENCE}, closed=False),
        "source_as_of": identifiers.seconds,
        "region": identifiers.region,
    },
    closed=False,
)


@dataclass(frozen=True)
class Attestation:
    """An attestation that an active county signed, with what of it was disclosed."""

    presented: str
    issuer: str
    region: str
    iat: int
    nbf: int
    exp: int
    uri: str
    index: int
    claims: Mapping[str, Any]

    @property
    def endorsed_until(self) -> datetime.date:
        """ATT-5."""
        return identifiers.day_of(self.exp)


def read_typed(scanned: str) -> str:
    """The token in what was scanned: digits of a code or an SD-JWT as text (7.1, step 1)."""
    if len(scanned) > MAX_PRESENTED:
        raise Refused("presentation.size")
    if not scanned.strip():
        raise Refused("presentation.not-text")
    return symbol.decode(scanned) if symbol.is_digits(scanned) else scanned.strip()


def issuer_of(scanned: str) -> str | None:
    """Who a presentation says that it is from; nothing of it is verified."""
    try:
        return identifiers.entity_id(jws.peek(read_typed(scanned)).get("iss"))
    except (Refused, ValueError, IndexError):
        return None


def open_presented(scanned: str, federation: Federation, challenge: Challenge | None) -> Attestation:
    """The steps of 7.1 up to the agreement, in their order."""
    token = read_typed(scanned)
    parts = sdjwt.Presentation.split(token)
    unverified = jws.read(parts.issuer_token, sdjwt.TYP)
    first = _FIRST.read(unverified.payload, "jws.claims")
    if first["vct"] != VCT:
        raise Refused("attestation.vct")
    environment = _ENVIRONMENT.read(unverified.payload, "jws.claims")["environment"]
    if environment != federation.anchor.environment:
        raise Refused("attestation.environment")
    county = federation.county(first["iss"])
    disclosed = sdjwt.open_presented(token, county.ring, challenge)
    return _checked(token, disclosed.claims, county, federation.now)


def _checked(token: str, claims: Mapping[str, Any], county: County, now: int) -> Attestation:
    """ATT-2, ATT-9 and the disclosed claims (5.2)."""
    read = _OPEN.read(claims, "attestation.claims")
    held = CLAIMS_OPEN.read(
        {name: claims[name] for name in CLAIMS_OPEN.members if name in claims}, "attestation.claims"
    )
    if read["nbf"] >= read["exp"]:
        raise Refused("attestation.times")
    if read["iat"] > now + jws.CLOCK_SKEW:
        raise Refused("attestation.iat-future")
    if read["region"] != county.region:
        raise Refused("attestation.region")
    reference = read["status"]["status_list"]
    if not county.lies_here(reference["uri"]):
        raise Refused("attestation.status-uri")
    return Attestation(
        presented=token,
        issuer=county.entity,
        region=county.region,
        iat=read["iat"],
        nbf=read["nbf"],
        exp=read["exp"],
        uri=reference["uri"],
        index=reference["idx"],
        claims=held,
    )


@dataclass(frozen=True)
class Issue:
    """What an issuer puts into an attestation."""

    issuer: str
    region: str
    environment: str
    uri: str
    index: int
    iat: int
    valid_from: datetime.date
    endorsed_until: datetime.date
    source_as_of: int
    claims: Mapping[str, Any]


def sign(key: SigningKey, what: Issue, form: str) -> str:
    """ATT-6: the card form or the full form."""
    known = {name: value for name, value in plain(dict(what.claims)).items() if value not in (None, [])}
    hidden = {name: known[name] for name in CARD} if form == "card" else known
    claims = {
        "iss": what.issuer,
        "vct": VCT,
        "iat": what.iat,
        "nbf": identifiers.first_second(what.valid_from),
        "exp": identifiers.last_second(what.endorsed_until),
        "status": {"status_list": {"idx": what.index, "uri": what.uri}},
        "source_as_of": what.source_as_of,
        "region": what.region,
        "environment": what.environment,
    }
    return sdjwt.issue(key, claims, hidden, CARD_DIGESTS if form == "card" else FULL_DIGESTS)

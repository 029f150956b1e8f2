"""The permit as a signed object (chapter 5): what was scanned becomes an attestation that its issuer signed."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import identifiers, jws, schema, sdjwt, symbol
from .keys import SigningKey
from .sdjwt import Challenge
from .strict import Refused, require
from .trust import Federation

VCT = "urn:comity:vct:residence-permit:1"
MAX_PRESENTED = 256 * 1024
CARD = ("name", "id_number", "tier", "basis", "residence_since")
CARD_DIGESTS, FULL_DIGESTS = 6, 32
_OPEN = ("iss", "vct", "iat", "nbf", "exp", "status", "source_as_of", "region")


@dataclass(frozen=True)
class Attestation:
    """An attestation that an active county signed, with what of it was disclosed."""

    presented: str
    issuer: str
    region: str
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
    require(len(scanned) <= MAX_PRESENTED, "presentation.size")
    scanned = scanned.lstrip("\ufeff").strip()
    require(scanned, "presentation.not-text")
    return symbol.decode(scanned) if symbol.is_digits(scanned) else scanned


def issuer_of(scanned: str) -> str | None:
    """Who a presentation says that it is from; nothing of it is verified."""
    try:
        return identifiers.entity_id(jws.peek(read_typed(scanned)).get("iss"))
    except Refused:
        return None


def open_presented(scanned: str, federation: Federation, challenge: Challenge | None) -> Attestation:
    """The steps of 7.1 up to the agreement, in their order; then ATT-2, ATT-9 and the disclosed claims (5.2)."""
    token = read_typed(scanned)
    payload = jws.read(sdjwt.Presentation.split(token).issuer_token, sdjwt.TYP).payload
    first = schema.read("attestation", payload, only=("iss", "vct"))
    require(first["vct"] == VCT, "attestation.vct")
    environment = schema.read("attestation", payload, only=("environment",))["environment"]
    require(environment == federation.anchor.environment, "attestation.environment")
    county = federation.county(first["iss"])
    claims = sdjwt.open_presented(token, county.ring, challenge).claims

    read = schema.read("attestation", claims, "attestation.claims", only=_OPEN)
    known = {name: claims[name] for name in schema.members("attestation-disclosed") if name in claims}
    disclosed = schema.read("attestation-disclosed", known, "attestation.claims")
    require(read["nbf"] < read["exp"], "attestation.times")
    require(read["iat"] <= federation.now + jws.CLOCK_SKEW, "attestation.iat-future")
    require(read["region"] == county.region, "attestation.region")
    reference = read["status"]["status_list"]
    require(county.lies_here(reference["uri"]), "attestation.status-uri")
    return Attestation(
        token, county.entity, county.region, read["nbf"], read["exp"], reference["uri"], reference["idx"], disclosed
    )


def sign(key: SigningKey, open_claims: Mapping[str, Any], claims: Mapping[str, Any], form: str) -> str:
    """ATT-6: the card form or the full form."""
    known = {name: value for name, value in schema.plain(dict(claims)).items() if value not in (None, [])}
    if form == "card":
        return sdjwt.issue(key, {"vct": VCT, **open_claims}, {name: known[name] for name in CARD}, CARD_DIGESTS)
    return sdjwt.issue(key, {"vct": VCT, **open_claims}, known, FULL_DIGESTS)

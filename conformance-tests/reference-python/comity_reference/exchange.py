"""Look-ups and hints (chapter 7.2 to 7.5): requests at the asked side, answers at the asking side."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import identifiers, jws
from .agreement import Agreement, Book
from .strict import Refused, b64url, require
from .trust import County, Federation

REQUEST = "comity-verification-request+jwt"
RESPONSE = "comity-verification-response+jwt"
HINT = "comity-hint+jwt"
_OUR_OWN_DOUBT = ("trust.clock-doubt", "trust.chain-expired", "trust.incomplete", "trust.no-current-member-list")
REQUEST_LIFE, ANSWER_LIFE, HINT_LIFE = 60, 900, 900
PADDED = 4096
MAX_NAMED = 256
_SEPARATORS = "·•‧・･∙⋅．."


class Problem(Exception):
    """A call that is refused with a problem document (chapter 10)."""

    def __init__(self, slug: str, detail: str = "", **members: Any) -> None:
        super().__init__(f"{slug}: {detail}" if detail else slug)
        self.slug = slug
        self.detail = detail
        self.members = members


def demand(holds: object, slug: str, detail: str = "") -> None:
    if not holds:
        raise Problem(slug, detail)


def folded(name: str) -> str:
    """ATT-16: for finding a record and for nothing else."""
    name = re.sub(f"[{re.escape(_SEPARATORS)}]", "·", unicodedata.normalize("NFC", name))
    return re.sub(r"\s*·\s*", "·", name.strip())


# --- the asked side ---


@dataclass(frozen=True)
class Asked:
    """A request that may be answered."""

    claims: Mapping[str, Any]
    agreement: Agreement


def judge_request(token: str, me: str, channel: str | None, federation: Federation, book: Book) -> Asked:
    """VER-4 to VER-8: nobody is looked up before all of it holds."""
    claims, county = _judge(token, REQUEST, me, channel, federation, REQUEST_LIFE)
    agreement = _agreement(claims["agreement"], me, county, federation, book)
    region = (agreement.party(me) or {}).get("region", "")
    try:
        row = agreement.covering_row(region, county.region, claims["service"], claims.get("provider"))
    except Refused as error:
        raise Problem("service-not-covered", rule=error.rule) from error
    demand(set(claims["claims"]) <= set(row["claims"]), "claims-not-allowed")
    return Asked(claims, agreement)


def judge_hint(token: str, me: str, channel: str | None, federation: Federation) -> tuple[Mapping[str, Any], County]:
    """VER-16 to VER-18."""
    claims, county = _judge(token, HINT, me, channel, federation, HINT_LIFE)
    lists, withdrawals = claims.get("status_lists", []), claims.get("withdrawals", [])
    demand(max(len(lists), len(withdrawals)) <= MAX_NAMED, "malformed-request", "too many are named")
    demand(all(county.lies_here(url) for url in lists), "hint-refused", "an address is not the sender's")
    return claims, county


def _judge(token: str, typ: str, me: str, channel: str | None, federation: Federation, life: int) -> Any:
    """VER-4 and VER-5 for requests and hints alike."""
    try:
        one = jws.read(token, typ)
        claims = one.claims("verification-request" if typ == REQUEST else "hint")
    except Refused as error:
        raise Problem("malformed-request", rule=error.rule) from error
    demand(channel in (None, claims["iss"]), "pin-mismatch")
    try:
        county = federation.county(claims["iss"])
    except Refused as error:
        raise Problem("not-ready" if error.rule in _OUR_OWN_DOUBT else "not-a-member", rule=error.rule) from error
    try:
        one.verify(county.ring, "exchange")
    except Refused as error:
        raise Problem("signature-invalid", rule=error.rule) from error
    demand(claims["aud"] == me, "wrong-audience")
    demand(claims["environment"] == federation.anchor.environment, "wrong-environment")
    demand(0 < claims["exp"] - claims["iat"] <= life, "malformed-request", "lifetime")
    demand(claims["iat"] <= federation.now + jws.CLOCK_SKEW, "clock-skew")
    demand(federation.now < claims["exp"] + jws.CLOCK_SKEW, "request-expired")
    return claims, county


def _agreement(reference: Mapping[str, Any], me: str, other: County, federation: Federation, book: Book) -> Agreement:
    """VER-6, AGR-12."""
    demand(reference["id"] in book.ids(me, other.entity), "agreement-unknown")
    try:
        rules = book.in_force(reference["id"], me, other.entity, identifiers.day_of(federation.now))
    except Refused as error:
        raise Problem("agreement-not-in-force", rule=error.rule) from error
    if rules.reference != reference:
        raise Problem("agreement-version-mismatch", current_agreement=rules.reference)
    party = rules.party(other.entity) or {}
    demand(federation.vouched(other, party["federation_keys"]), "signature-invalid")
    return rules


def padded(sign: Callable[[dict[str, Any]], str], payload: dict[str, Any]) -> str:
    """VER-15: an answer of 4,096 octets, or of the next multiple."""
    token = sign({**payload, "pad": ""})
    target = -(-len(token) // PADDED) * PADDED
    while True:
        guess = max(0, (target - len(token)) * 3 // 4 - 2)
        for length in range(guess, guess + 8):
            token_padded = sign({**payload, "pad": "0" * length})
            if len(token_padded) == target:
                return token_padded
        target += PADDED


# --- the asking side ---


@dataclass(frozen=True)
class Answer:
    """An answer that passed."""

    state: Mapping[str, Any] | None
    claims: Mapping[str, Any]
    as_of: int


def digest_of(token: str) -> str:
    return b64url(hashlib.sha256(token.encode("ascii")).digest())


def read_answer(request: str, response: str, federation: Federation) -> Answer:
    """VER-10 to VER-13."""
    asked = jws.read(request, REQUEST).claims("verification-request")
    one = jws.read(response, RESPONSE)
    claims = one.claims("verification-response")
    require(claims["iss"] == asked["aud"], "response.iss")
    one.verify(federation.county(claims["iss"]).ring, "exchange")
    require(claims["aud"] == asked["iss"], "response.aud")
    require(claims["in_reply_to"] == digest_of(request), "response.in-reply-to")
    require(claims["environment"] == asked["environment"], "response.environment")
    require(claims["agreement"] == asked["agreement"], "response.agreement")
    require(0 < claims["exp"] - claims["iat"] <= ANSWER_LIFE, "response.times")
    latest = max(claims["iat"], claims["source_as_of"])
    require(latest <= federation.now + jws.CLOCK_SKEW, "response.iat-future")
    require(federation.now < claims["exp"] + jws.CLOCK_SKEW, "response.expired")
    match, told = claims["result"] == "match", claims.get("claims", {})
    require(match == ("permit_state" in claims) and (match or "claims" not in claims), "response.content")
    require(told.keys() <= set(asked["claims"]), "response.excess-claims")
    subject = asked["subject"]
    require(folded(told.get("name", subject["name"])) == folded(subject["name"]), "response.other-person")
    for name, number in subject["number"].items():
        require(number in (told.get(name, number), *told.get("previous_ids", [])), "response.other-person")
    return Answer(claims.get("permit_state"), told, min(claims["iat"], claims["source_as_of"]))

"""Look-ups and hints (chapter 7.2 to 7.5): requests at the asked side, answers at the asking side."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import identifiers, jws
from .agreement import Agreement, Book, covering_row
from .shape import (
    AGREEMENT_REF,
    CLAIM_NAME,
    CLAIMS_CLOSED,
    DATE,
    ENVIRONMENT,
    Shape,
    boolean,
    list_of,
    mapping,
    one_of,
    text,
)
from .strict import Refused, b64url
from .trust import County, Federation

REQUEST = "comity-verification-request+jwt"
RESPONSE = "comity-verification-response+jwt"
HINT = "comity-hint+jwt"
_OUR_OWN_DOUBT = ("trust.clock-doubt", "trust.chain-expired", "trust.incomplete", "trust.no-current-member-list")
REQUEST_LIFE, ANSWER_LIFE, HINT_LIFE = 60, 900, 900
PADDED = 4096
MAX_NAMED = 256
_SEPARATORS = "·•‧・･∙⋅．."


def _one_number(value: Any) -> dict[str, str]:
    number = Shape({"id_number=": identifiers.citizen_number, "permit_number=": identifiers.permit_number})(value)
    if len(number) != 1:
        raise Refused("number")
    return number


def _beneficiary(value: Any) -> Any:
    return value if value == "holder" else Shape({"child": text})(value)


_REQUEST = Shape(
    {
        "iss": identifiers.entity_id,
        "aud": identifiers.entity_id,
        "iat": identifiers.seconds,
        "exp": identifiers.seconds,
        "jti": identifiers.jti,
        "purpose": one_of("RESIDENCE_PROOF", "SERVICE", "HUKOU_APPLICATION"),
        "service": identifiers.service_code,
        "provider?": identifiers.provider_id,
        "legal_basis": one_of("STATUTORY_DUTY", "CONSENT", "SEPARATE_CONSENT"),
        "agreement": AGREEMENT_REF,
        "claims": list_of(CLAIM_NAME),
        "case_ref": identifiers.jti,
        "subject": Shape({"number": _one_number, "name": text}),
        "presented_by=": one_of("self", "agent", "guardian"),
        "beneficiary=": _beneficiary,
        "environment": ENVIRONMENT,
        "ext?": mapping,
    }
)
_STATE = Shape(
    {
        "status": one_of("valid", "cancelled", "suspended", "reported_lost", "superseded"),
        "valid_from": DATE,
        "endorsed_until": DATE,
        "card_valid_until?": DATE,
    }
)
_RESPONSE = Shape(
    {
        "iss": identifiers.entity_id,
        "aud": identifiers.entity_id,
        "iat": identifiers.seconds,
        "exp": identifiers.seconds,
        "in_reply_to": identifiers.digest,
        "result": one_of("match", "no_match"),
        "permit_state?": _STATE,
        "claims?": CLAIMS_CLOSED,
        "agreement": AGREEMENT_REF,
        "source_as_of": identifiers.seconds,
        "environment": ENVIRONMENT,
        "pad": text,
        "ext?": mapping,
    }
)
_HINT = Shape(
    {
        "iss": identifiers.entity_id,
        "aud": identifiers.entity_id,
        "iat": identifiers.seconds,
        "exp": identifiers.seconds,
        "jti": identifiers.jti,
        "status_lists=": list_of(text),
        "configuration=": boolean,
        "withdrawals=": list_of(text),
        "environment": ENVIRONMENT,
    }
)


class Problem(Exception):
    """A call that is refused with a problem document (chapter 10)."""

    def __init__(self, slug: str, detail: str = "", **members: Any) -> None:
        super().__init__(f"{slug}: {detail}" if detail else slug)
        self.slug = slug
        self.detail = detail
        self.members = members


# --- names (5.5) ---


def folded(name: str) -> str:
    """ATT-16: for finding a record and for nothing else."""
    name = re.sub(f"[{re.escape(_SEPARATORS)}]", "·", unicodedata.normalize("NFC", name))
    return re.sub(r"\s*·\s*", "·", name.strip())


# --- the asked side ---


def _judge(token: str, typ: str, shape: Shape, me: str, channel: str | None, federation: Federation, life: int) -> Any:
    """VER-4 and VER-5 for requests and hints alike."""
    try:
        one = jws.read(token, typ)
        claims = shape.read(one.payload, "jws.claims")
    except Refused as error:
        raise Problem("malformed-request", rule=error.rule) from error
    if channel is not None and claims["iss"] != channel:
        raise Problem("pin-mismatch")
    try:
        county = federation.county(claims["iss"])
    except Refused as error:
        slug = "not-ready" if error.rule in _OUR_OWN_DOUBT else "not-a-member"
        raise Problem(slug, rule=error.rule) from error
    try:
        one.verify(county.ring, "exchange")
    except Refused as error:
        raise Problem("signature-invalid", rule=error.rule) from error
    if claims["aud"] != me:
        raise Problem("wrong-audience")
    if claims["environment"] != federation.anchor.environment:
        raise Problem("wrong-environment")
    if not 0 < claims["exp"] - claims["iat"] <= life:
        raise Problem("malformed-request", "lifetime")
    if claims["iat"] > federation.now + jws.CLOCK_SKEW:
        raise Problem("clock-skew")
    if claims["exp"] + jws.CLOCK_SKEW <= federation.now:
        raise Problem("request-expired")
    return claims, county


@dataclass(frozen=True)
class Asked:
    """A request that may be answered."""

    claims: Mapping[str, Any]
    county: County
    agreement: Agreement


def judge_request(token: str, me: str, channel: str | None, federation: Federation, book: Book) -> Asked:
    """VER-4 to VER-8: nobody is looked up before all of it holds."""
    claims, county = _judge(token, REQUEST, _REQUEST, me, channel, federation, REQUEST_LIFE)
    agreement = _agreement(claims["agreement"], me, county.entity, federation.now, book)
    own = agreement.party(me)
    try:
        row = covering_row(
            agreement, own["region"] if own else "", county.region, claims["service"], claims.get("provider")
        )
    except Refused as error:
        raise Problem("service-not-covered", rule=error.rule) from error
    if not set(claims["claims"]) <= set(row["claims"]):
        raise Problem("claims-not-allowed")
    return Asked(claims, county, agreement)


def _agreement(reference: Mapping[str, Any], me: str, other: str, now: int, book: Book) -> Agreement:
    """VER-6."""
    if reference["id"] not in book.ids(me, other):
        raise Problem("agreement-unknown")
    try:
        rules = book.in_force(reference["id"], me, other, identifiers.day_of(now))
    except Refused as error:
        raise Problem("agreement-not-in-force", rule=error.rule) from error
    if rules.reference != reference:
        raise Problem("agreement-version-mismatch", current_agreement=rules.reference)
    party = rules.party(other)
    if party is None:
        raise Problem("agreement-unknown")
    return rules


def judge_hint(token: str, me: str, channel: str | None, federation: Federation) -> tuple[Mapping[str, Any], County]:
    """VER-16 to VER-18."""
    claims, county = _judge(token, HINT, _HINT, me, channel, federation, HINT_LIFE)
    lists, withdrawals = claims.get("status_lists", []), claims.get("withdrawals", [])
    if len(lists) > MAX_NAMED or len(withdrawals) > MAX_NAMED:
        raise Problem("malformed-request", "too many are named")
    if not all(county.lies_here(url) for url in lists):
        raise Problem("hint-refused", "an address is not the sender's")
    return claims, county


def padded(sign: Any, payload: dict[str, Any]) -> str:
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
    """An answer that passed; `digest` is of the octets received."""

    token: str
    result: str
    state: Mapping[str, Any] | None
    claims: Mapping[str, Any]
    iat: int
    source_as_of: int

    @property
    def as_of(self) -> int:
        return min(self.iat, self.source_as_of)


def digest_of(token: str) -> str:
    return b64url(hashlib.sha256(token.encode("ascii")).digest())


def read_answer(request: str, response: str, federation: Federation) -> Answer:
    """VER-10 to VER-13."""
    asked = _REQUEST.read(jws.read(request, REQUEST).payload, "jws.claims")
    one = jws.read(response, RESPONSE)
    claims = _RESPONSE.read(one.payload, "jws.claims")
    if claims["iss"] != asked["aud"]:
        raise Refused("response.iss")
    county = federation.county(claims["iss"])
    one.verify(county.ring, "exchange")
    if claims["aud"] != asked["iss"]:
        raise Refused("response.aud")
    if claims["in_reply_to"] != digest_of(request):
        raise Refused("response.in-reply-to")
    if claims["environment"] != asked["environment"]:
        raise Refused("response.environment")
    if claims["agreement"] != asked["agreement"]:
        raise Refused("response.agreement")
    if not 0 < claims["exp"] - claims["iat"] <= ANSWER_LIFE:
        raise Refused("response.times")
    if max(claims["iat"], claims["source_as_of"]) > federation.now + jws.CLOCK_SKEW:
        raise Refused("response.iat-future")
    if claims["exp"] + jws.CLOCK_SKEW <= federation.now:
        raise Refused("response.expired")
    match = claims["result"] == "match"
    told = claims.get("claims", {})
    if match != ("permit_state" in claims) or (not match and "claims" in claims):
        raise Refused("response.content")
    if not told.keys() <= set(asked["claims"]):
        raise Refused("response.excess-claims")
    _same_person(asked["subject"], told)
    return Answer(response, claims["result"], claims.get("permit_state"), told, claims["iat"], claims["source_as_of"])


def _same_person(subject: Mapping[str, Any], told: Mapping[str, Any]) -> None:
    """VER-13."""
    if "name" in told and folded(told["name"]) != folded(subject["name"]):
        raise Refused("response.other-person")
    for name, number in subject["number"].items():
        if name in told and told[name] != number and number not in told.get("previous_ids", []):
            raise Refused("response.other-person")

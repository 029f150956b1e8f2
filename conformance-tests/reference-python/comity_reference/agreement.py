"""Agreements between counties (chapter 4): contents, adoption, force, withdrawal, coverage."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import conditions, identifiers, jws
from .keys import KeyRing
from .shape import (
    AGREEMENT_REF,
    BILINGUAL,
    CLAIM_NAME,
    DATE,
    ENVIRONMENT,
    UINT32,
    Shape,
    boolean,
    integer,
    list_of,
    map_of,
    mapping,
    plain,
    text,
)
from .strict import Refused, b64url
from .trust import County, Federation

TYP = "comity-agreement+jwt"
WITHDRAWAL = "comity-withdrawal+jwt"
FRESH, USABLE = 86_400, 259_200

_PARTY = Shape(
    {
        "entity": identifiers.entity_id,
        "region": identifiers.region,
        "name": BILINGUAL,
        "federation_keys": list_of(identifiers.digest),
    }
)
_DIRECTION = Shape({"issuer": identifiers.region, "recogniser": identifiers.region})
_PROVIDER = Shape({"id": identifiers.provider_id, "region": identifiers.region, "name": BILINGUAL})
_SERVICE = Shape(
    {
        "code": identifiers.service_code,
        "direction?": _DIRECTION,
        "providers=": list_of(_PROVIDER),
        "claims": list_of(CLAIM_NAME),
        "conditions=": list_of(conditions.read),
        "owner": BILINGUAL,
        "retention_days": UINT32,
        "amber_status=": boolean,
    }
)
_TIER_ROW = Shape(
    {
        "issuer": identifiers.region,
        "recogniser": identifiers.region,
        "map": map_of(identifiers.tier, identifiers.tier),
    }
)
_AGREEMENT = Shape(
    {
        "id": identifiers.agreement_id,
        "version": UINT32,
        "prev?": identifiers.digest,
        "title": BILINGUAL,
        "environment": ENVIRONMENT,
        "parties": list_of(_PARTY),
        "effective_from": DATE,
        "effective_until?": DATE,
        "reciprocal=": boolean,
        "services": list_of(_SERVICE),
        "tier_map=": list_of(_TIER_ROW),
        "freshness=": Shape({"fresh_seconds": integer(), "usable_seconds": integer()}),
        "legal_basis": BILINGUAL,
        "impact_assessment": text,
        "signatories=": list_of(Shape({"region": identifiers.region, "office": BILINGUAL})),
        "approvals=": list_of(Shape({"office": BILINGUAL, "document_number": text})),
        "notice_days=": UINT32,
        "continuation": BILINGUAL,
        "ext?": mapping,
    }
)
_WITHDRAWAL = Shape(
    {
        "iss": identifiers.entity_id,
        "iat": identifiers.seconds,
        "agreement": AGREEMENT_REF,
        "effective_from": DATE,
        "reason": BILINGUAL,
    }
)


@dataclass(frozen=True)
class Agreement:
    """The contents of an agreement, with the digest of its octets."""

    digest: str
    contents: Mapping[str, Any]

    @property
    def id(self) -> str:
        return self.contents["id"]

    @property
    def version(self) -> int:
        return self.contents["version"]

    @property
    def parties(self) -> list[Mapping[str, Any]]:
        return self.contents["parties"]

    @property
    def reciprocal(self) -> bool:
        return self.contents.get("reciprocal", True)

    @property
    def fresh_seconds(self) -> int:
        return self.contents.get("freshness", {}).get("fresh_seconds", FRESH)

    @property
    def usable_seconds(self) -> int:
        return self.contents.get("freshness", {}).get("usable_seconds", USABLE)

    @property
    def reference(self) -> dict[str, Any]:
        return {"id": self.id, "version": self.version, "digest": self.digest}

    def party(self, entity: str) -> Mapping[str, Any] | None:
        return next((party for party in self.parties if party["entity"] == entity), None)

    def between(self, one: str, other: str) -> bool:
        return one != other and self.party(one) is not None and self.party(other) is not None

    def local_tier(self, issuer: str, recogniser: str, tier: str) -> str | None:
        for row in self.contents.get("tier_map", []):
            if (row["issuer"], row["recogniser"]) == (issuer, recogniser):
                return row["map"].get(tier)
        return None


@dataclass(frozen=True)
class Adopted:
    """An agreement with the keys that signed it, by party (AGR-13)."""

    agreement: Agreement
    signers: Mapping[str, str]
    document: str


# --- contents (4.3) ---


def read_contents(octets: bytes, payload: Any) -> Agreement:
    contents = _AGREEMENT.read(payload, "jws.claims")
    return Agreement(b64url(hashlib.sha256(octets).digest()), contents)


def defects(agreement: Agreement) -> list[str]:
    """AGR-4 to AGR-11, every defect at once and in the order of the text."""
    found: list[str] = []
    contents, version = agreement.contents, agreement.version

    def expect(holds: bool, rule: str) -> None:
        if not holds and f"agreement.{rule}" not in found:
            found.append(f"agreement.{rule}")

    expect(version >= 1 and ("prev" in contents) == (version > 1), "version")
    parties = agreement.parties
    regions = [party["region"] for party in parties]
    expect(2 <= len(parties) <= 16, "party-count")
    expect(len(set(regions)) == len(parties) == len({party["entity"] for party in parties}), "party-twice")
    expect(all(party["federation_keys"] for party in parties), "party-without-key")
    pinned = [kid for party in parties for kid in party["federation_keys"]]
    expect(len(pinned) == len(set(pinned)), "key-twice")
    expect(contents.get("effective_until", contents["effective_from"]) >= contents["effective_from"], "dates")
    expect(1 <= len(contents["services"]) <= 512, "service-count")
    held: set[tuple[str, str, str]] = set()
    for row in contents["services"]:
        expect(identifiers.is_catalogued(row["code"]), "unknown-service")
        direction = row.get("direction")
        if direction is None:
            expect(agreement.reciprocal, "direction-missing")
            pairs = [(one, other) for one in regions for other in regions if one != other]
        else:
            pairs = [(direction["issuer"], direction["recogniser"])]
            expect(pairs[0][0] != pairs[0][1] and set(pairs[0]) <= set(regions), "direction")
        cells = {(row["code"], *pair) for pair in pairs}
        expect(not cells & held, "service-twice")
        held |= cells
        if "providers" in row:
            ids = [provider["id"] for provider in row["providers"]]
            expect(bool(ids) and len(ids) == len(set(ids)), "providers")
            recognising = {recogniser for _, recogniser in pairs}
            expect(all(one["region"] in recognising for one in row["providers"]), "provider-region")
        expect(len(row["claims"]) == len(set(row["claims"])), "claim-twice")
        expect(row["retention_days"] >= 1, "retention")
        names = {one["id"] for one in row["providers"]} if "providers" in row else None
        for rule in conditions.defects(row.get("conditions", []), names):
            expect(False, rule)
    mapped = [(row["issuer"], row["recogniser"]) for row in contents.get("tier_map", [])]
    sound = all(one != other and {one, other} <= set(regions) for one, other in mapped)
    expect(
        sound and len(mapped) == len(set(mapped)) and all(row["map"] for row in contents.get("tier_map", [])),
        "tier-row",
    )
    expect(0 < agreement.fresh_seconds <= min(agreement.usable_seconds, FRESH), "freshness")
    expect(agreement.usable_seconds <= USABLE, "freshness")
    expect(all(one["region"] in regions for one in contents.get("signatories", [])), "signatory")
    texts = [contents[name]["zh"] for name in ("title", "legal_basis", "continuation")]
    expect(all(one.strip() for one in [*texts, contents["impact_assessment"]]), "empty-text")
    return found


# --- adoption (AGR-2, AGR-3) ---


def adopt(document: str, federation: Federation) -> Adopted:
    """Verifies an agreement that every party has signed."""
    several = jws.read_several(document, TYP)
    agreement = _proposed(several, federation)
    signers = _verified_signers(several, agreement, federation)
    if len(several.signatures) != len(agreement.parties):
        raise Refused("jws.signature-count")
    return Adopted(agreement, signers, document)


def read_proposal(document: str, federation: Federation) -> tuple[Agreement, dict[str, str]]:
    """AGR-21: contents hold, and so does every signature already there; parties may be missing."""
    several = jws.read_several(document, TYP)
    agreement = _proposed(several, federation)
    return agreement, _verified_signers(several, agreement, federation)


def _proposed(several: jws.Several, federation: Federation) -> Agreement:
    agreement = read_contents(several.octets, several.payload)
    wrong = defects(agreement)
    if wrong:
        raise Refused(wrong[0], ", ".join(wrong))
    if agreement.contents["environment"] != federation.anchor.environment:
        raise Refused("agreement.environment")
    for signature in several.signatures:
        if (signature.header.signed_at or 0) > federation.now + jws.CLOCK_SKEW:
            raise Refused("agreement.clock-doubt")
    return agreement


def _verified_signers(several: jws.Several, agreement: Agreement, federation: Federation) -> dict[str, str]:
    counties: dict[str, County] = {}
    for party in agreement.parties:
        try:
            counties[party["entity"]] = federation.county(party["entity"])
        except Refused as error:
            raise Refused("agreement.party-not-active", error.rule) from error
        if counties[party["entity"]].region != party["region"]:
            raise Refused("agreement.region")
    signers: dict[str, str] = {}
    for signature in several.signatures:
        kid = signature.header.kid
        pinning = [one for one in agreement.parties if kid in one["federation_keys"]]
        owner = next((one for one, county in counties.items() if kid in county.federation_keys), None)
        if not pinning:
            raise Refused("agreement.key-not-pinned" if owner else "jws.unknown-key")
        party = pinning[0]
        key = counties[party["entity"]].federation_keys.get(kid)
        if key is None:
            raise Refused("agreement.key-not-in-chain")
        if not key.verify(signature.header.alg, signature.signature, signature.signed):
            raise Refused("jws.signature")
        if party["entity"] in signers:
            raise Refused("jws.party-signed-twice")
        signers[party["entity"]] = kid
    return signers


# --- withdrawal (4.6) ---


@dataclass(frozen=True)
class Withdrawal:
    token: str
    iss: str
    agreement: Mapping[str, Any]
    effective_from: datetime.date


def read_withdrawal(token: str, agreement: Agreement, federation: Federation) -> Withdrawal:
    """AGR-17 and AGR-18."""
    one = jws.read(token, WITHDRAWAL)
    claims = _WITHDRAWAL.read(one.payload, "jws.claims")
    party = agreement.party(claims["iss"])
    if party is None:
        raise Refused("withdrawal.not-a-party")
    if claims["agreement"] != agreement.reference:
        raise Refused("withdrawal.other-agreement")
    county = federation.county(claims["iss"])
    one.verify(KeyRing({"federation": county.federation_keys}), "federation")
    if not federation.vouched(county, frozenset(party["federation_keys"])):
        raise Refused("agreement.keys-not-vouched")
    if claims["iat"] > federation.now + jws.CLOCK_SKEW:
        raise Refused("withdrawal.clock-doubt")
    notice = datetime.timedelta(days=agreement.contents.get("notice_days", 30))
    if claims["effective_from"] - identifiers.day_of(claims["iat"]) < notice:
        raise Refused("withdrawal.notice-too-short")
    return Withdrawal(token, claims["iss"], claims["agreement"], claims["effective_from"])


# --- in force (4.5) ---


@dataclass
class Book:
    """The agreements that a node has adopted, and the withdrawals it has seen."""

    adopted: list[Adopted] = field(default_factory=list)
    withdrawals: list[Withdrawal] = field(default_factory=list)

    def ids(self, one: str, other: str) -> list[str]:
        return sorted({held.agreement.id for held in self.adopted if held.agreement.between(one, other)})

    def knows(self, reference: Mapping[str, Any]) -> bool:
        return any(held.agreement.reference == reference for held in self.adopted)

    def void(self, agreement_id: str) -> set[str]:
        """AGR-16: digests of versions that are void."""
        versions: dict[int, dict[str, Adopted]] = {}
        for held in self.adopted:
            if held.agreement.id == agreement_id:
                versions.setdefault(held.agreement.version, {})[held.agreement.digest] = held
        void: set[str] = set()
        before: set[str] = set()
        for version in sorted(versions):
            found = versions[version]
            for digest, held in found.items():
                rivals = [other for name, other in found.items() if name != digest]
                if (
                    any(held.signers.keys() & rival.signers.keys() for rival in rivals)
                    or version > 1
                    and before
                    and held.agreement.contents["prev"] not in before - void
                ):
                    void.add(digest)
            before |= found.keys()
        return void

    def in_force(self, agreement_id: str, one: str, other: str, on: datetime.date) -> Agreement:
        """The version that rules between two parties on a day, or `Refused` with the reason why none does."""
        void = self.void(agreement_id)
        ours = [held.agreement for held in self.adopted if held.agreement.id == agreement_id]
        ours = [agreement for agreement in ours if agreement.between(one, other)]
        if not ours:
            raise Refused("agreement.none")
        standing = [agreement for agreement in ours if agreement.digest not in void]
        if not standing:
            raise Refused("agreement.void")
        begun = [agreement for agreement in standing if agreement.contents["effective_from"] <= on]
        if not begun:
            raise Refused("agreement.not-yet")
        rules = max(begun, key=lambda agreement: agreement.version)
        for withdrawal in self.withdrawals:
            if withdrawal.agreement == rules.reference and withdrawal.effective_from <= on:
                raise Refused("agreement.withdrawn")
        if "effective_until" in rules.contents and rules.contents["effective_until"] < on:
            raise Refused("agreement.ended")
        return rules

    def between(self, one: str, other: str, on: datetime.date) -> list[Agreement]:
        """Every agreement in force between two, by id; `Refused` where there is none."""
        found, refused = [], Refused("agreement.none")
        for agreement_id in self.ids(one, other):
            try:
                found.append(self.in_force(agreement_id, one, other, on))
            except Refused as error:
                refused = error
        if not found:
            raise refused
        return found


# --- coverage (4.7) ---


def covering_row(
    agreement: Agreement, issuer: str, recogniser: str, service: str, provider: str | None
) -> Mapping[str, Any]:
    """AGR-19; both sides judge by this. `issuer` and `recogniser` are regions."""
    rows = [row for row in agreement.contents["services"] if row["code"] == service]
    if not rows:
        raise Refused("service.not-listed")
    wanted = {"issuer": issuer, "recogniser": recogniser}
    rows = [row for row in rows if row.get("direction", wanted) == wanted]
    if not rows:
        raise Refused("service.direction")
    row = rows[0]
    if "providers" in row:
        if provider is None:
            raise Refused("service.provider-needed")
        if not any(one["id"] == provider and one["region"] == recogniser for one in row["providers"]):
            raise Refused("service.provider")
    return row


def payload_octets(contents: Mapping[str, Any]) -> bytes:
    from .strict import write

    return write(plain(dict(contents)))


def adopted_of(documents: Iterable[str], federation_of: Any) -> list[Adopted]:
    """Agreements adopted each in its own day: `federation_of` gives the picture of a second. What fails is left out."""
    adopted = []
    for document in documents:
        try:
            several = jws.read_several(document, TYP)
            day = max((one.header.signed_at or 0 for one in several.signatures), default=0)
            adopted.append(adopt(document, federation_of(day)))
        except Refused:
            continue
    return adopted

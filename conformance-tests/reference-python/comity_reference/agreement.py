"""Agreements between counties (chapter 4): contents, adoption, force, withdrawal, coverage."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import conditions, identifiers, jws, schema
from .jws import Several
from .keys import KeyRing
from .strict import Refused, b64url, require
from .trust import Federation

TYP = "comity-agreement+jwt"
WITHDRAWAL = "comity-withdrawal+jwt"
FRESH, USABLE = 86_400, 259_200


@dataclass(frozen=True)
class Agreement:
    """The contents of an agreement, with the digest of its octets."""

    digest: str
    contents: Mapping[str, Any]

    @classmethod
    def of(cls, octets: bytes, payload: Any) -> Agreement:
        return cls(b64url(hashlib.sha256(octets).digest()), schema.read("agreement", payload))

    @property
    def id(self) -> str:
        return str(self.contents["id"])

    @property
    def version(self) -> int:
        return int(self.contents["version"])

    @property
    def parties(self) -> list[Mapping[str, Any]]:
        return list(self.contents["parties"])

    @property
    def fresh_seconds(self) -> int:
        return int(self.contents.get("freshness", {}).get("fresh_seconds", FRESH))

    @property
    def usable_seconds(self) -> int:
        return int(self.contents.get("freshness", {}).get("usable_seconds", USABLE))

    @property
    def notice(self) -> datetime.timedelta:
        return datetime.timedelta(days=self.contents.get("notice_days", 30))

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

    def covering_row(self, issuer: str, recogniser: str, service: str, provider: str | None) -> Mapping[str, Any]:
        """AGR-19; both sides judge by this. `issuer` and `recogniser` are regions."""
        wanted, why_not = {"issuer": issuer, "recogniser": recogniser}, "service.not-listed"
        for row in self.contents["services"]:
            if row["code"] != service:
                continue
            here = {one["id"] for one in row.get("providers", []) if one["region"] == recogniser}
            if row.get("direction", wanted) != wanted:
                why_not = "service.direction"
            elif "providers" in row and provider not in here:
                why_not = "service.provider-needed" if provider is None else "service.provider"
            else:
                return dict(row)
        raise Refused(why_not)  # 16.14: the last row that names it tells


@dataclass(frozen=True)
class Adopted:
    """An agreement with the keys that signed it, by party (AGR-13)."""

    agreement: Agreement
    signers: Mapping[str, str]
    document: str


# --- contents (4.3) ---


def defects(agreement: Agreement) -> list[str]:
    """AGR-4 to AGR-11, every defect at once."""
    found: list[str] = []

    def expect(holds: object, rule: str) -> None:
        if not holds and f"agreement.{rule}" not in found:
            found.append(f"agreement.{rule}")

    contents, parties = agreement.contents, agreement.parties
    regions = [party["region"] for party in parties]
    pinned = [kid for party in parties for kid in party["federation_keys"]]
    expect(agreement.version >= 1 and ("prev" in contents) == (agreement.version > 1), "version")
    tiers, freshness = contents.get("tier_map", []), (agreement.fresh_seconds, agreement.usable_seconds)
    expect(0 < freshness[0] <= min(freshness[1], FRESH) and freshness[1] <= USABLE, "freshness")
    texts = [contents[name]["zh"] for name in ("title", "legal_basis", "continuation")]
    expect(all(one.strip() for one in [*texts, contents["impact_assessment"]]), "empty-text")
    expect(contents.get("effective_until", contents["effective_from"]) >= contents["effective_from"], "dates")
    if not 2 <= len(parties) <= 16:  # beyond these bounds nothing more is read
        return [*found, "agreement.party-count"]
    expect(len(set(regions)) == len(parties) == len({party["entity"] for party in parties}), "party-twice")
    expect(all(party["federation_keys"] for party in parties), "party-without-key")
    expect(len(pinned) == len(set(pinned)), "key-twice")
    if not 1 <= len(contents["services"]) <= 512 or len(tiers) > 512:
        return [*found, "agreement.service-count"]
    held: set[tuple[str, str, str]] = set()
    for row in contents["services"]:
        expect(identifiers.is_catalogued(row["code"]), "unknown-service")
        if "direction" in row:
            pairs = [(row["direction"]["issuer"], row["direction"]["recogniser"])]
            expect(pairs[0][0] != pairs[0][1] and set(pairs[0]) <= set(regions), "direction")
        else:
            expect(contents.get("reciprocal", True), "direction-missing")
            pairs = [(one, other) for one in regions for other in regions if one != other]
        cells = {(row["code"], *pair) for pair in pairs}
        expect(not cells & held, "service-twice")
        held |= cells
        providers = {one["id"] for one in row.get("providers", [])}
        expect(len(providers) == len(row.get("providers", [])) and ("providers" not in row or providers), "providers")
        recognising = {recogniser for _, recogniser in pairs}
        expect(all(one["region"] in recognising for one in row.get("providers", [])), "provider-region")
        expect(len(row["claims"]) == len(set(row["claims"])), "claim-twice")
        expect(row["retention_days"] >= 1, "retention")
        shallow, sound = conditions.bounded(row.get("conditions", [])), conditions.sound
        expect(shallow, "condition-depth")
        expect(not shallow or all(sound(one, providers) for one in row.get("conditions", [])), "condition")
    mapped = [(row["issuer"], row["recogniser"]) for row in tiers]
    expect(all(one != other and {one, other} <= set(regions) for one, other in mapped), "tier-row")
    expect(len(mapped) == len(set(mapped)) and all(row["map"] for row in tiers), "tier-row")
    expect(all(one["region"] in regions for one in contents.get("signatories", [])), "signatory")
    return found


# --- adoption (AGR-2, AGR-3) ---


def adopt(document: str, federation: Federation) -> Adopted:
    """Verifies an agreement that every party has signed."""
    several, agreement, signers = read_proposal(document, federation)
    require(len(several.signatures) == len(agreement.parties), "jws.signature-count")
    return Adopted(agreement, signers, document)


def read_proposal(document: str, federation: Federation) -> tuple[Several, Agreement, dict[str, str]]:
    """AGR-21: contents hold, and so does every signature already there; parties may be missing."""
    several = jws.read_several(document, TYP)
    agreement = Agreement.of(several.octets, several.payload)
    wrong = defects(agreement)
    require(not wrong, wrong[0] if len(wrong) == 1 else "agreement.contents", ", ".join(wrong))
    require(agreement.contents["environment"] == federation.anchor.environment, "agreement.environment")
    latest = max((one.header.signed_at for one, _ in several.signatures), default=0)
    require(latest <= federation.now + jws.CLOCK_SKEW, "agreement.clock-doubt")
    counties = {}
    for party in agreement.parties:
        try:
            county = counties[party["entity"]] = federation.county(party["entity"])
        except Refused as error:
            raise Refused("agreement.party-not-active", error.rule) from error
        require(county.region == party["region"], "agreement.region")
    signers: dict[str, str] = {}
    for signature, _ in several.signatures:
        kid = signature.header.kid
        entity = next((one["entity"] for one in agreement.parties if kid in one["federation_keys"]), None)
        if entity is None:
            known = any(kid in county.federation_keys for county in counties.values())
            raise Refused("agreement.key-not-pinned" if known else "jws.unknown-key")
        keys = counties[entity].federation_keys
        require(kid in keys, "agreement.key-not-in-chain")
        signature.verify(KeyRing({"federation": keys}), "federation")
        require(entity not in signers, "jws.party-signed-twice")
        signers[entity] = kid
    return several, agreement, signers


# --- withdrawal (4.6) ---


@dataclass(frozen=True)
class Withdrawal:
    token: str
    iss: str
    agreement: Mapping[str, Any]
    effective_from: datetime.date


def read_withdrawal(token: str, agreement: Agreement | None, federation: Federation) -> Withdrawal:
    """AGR-17 and AGR-18; `agreement` is the one that the withdrawal names, where it is known."""
    one = jws.read(token, WITHDRAWAL)
    claims = one.claims("withdrawal")
    if agreement is None or claims["agreement"] != agreement.reference:
        raise Refused("withdrawal.other-agreement")
    party = agreement.party(claims["iss"])
    if party is None:
        raise Refused("withdrawal.not-a-party")
    try:
        county = federation.county(claims["iss"])
    except Refused as error:
        raise Refused("withdrawal.party-not-active", error.rule) from error
    trusted = federation.trusted(county, party["federation_keys"])
    counting = {kid: key for kid, key in county.federation_keys.items() if kid in trusted}
    require(counting, "withdrawal.no-counting-key")
    one.verify(KeyRing({"federation": counting}), "federation")
    require(claims["iat"] <= federation.now + jws.CLOCK_SKEW, "withdrawal.clock-doubt")
    given = claims["effective_from"] - identifiers.day_of(claims["iat"])
    require(given >= agreement.notice, "withdrawal.notice-too-short")
    return Withdrawal(token, claims["iss"], claims["agreement"], claims["effective_from"])


def ends_from(stated: datetime.date, iat: int, notice: datetime.timedelta, received_at: int | None) -> datetime.date:
    """AGR-22: whoever dates a withdrawal back gains nothing, the notice counts from the day on which it came."""
    came = identifiers.day_of(received_at - jws.CLOCK_SKEW) if received_at is not None else datetime.date.min
    return max(stated, came + notice) if came > identifiers.day_of(iat) else stated


# --- in force (4.5) ---


@dataclass
class Book:
    """The agreements that a node has adopted, and the withdrawals it has seen."""

    adopted: list[Adopted] = field(default_factory=list)
    withdrawals: list[Withdrawal] = field(default_factory=list)

    def named(self, reference: Any) -> Agreement | None:
        return next((held.agreement for held in self.adopted if held.agreement.reference == reference), None)

    def of_id(self, agreement_id: str) -> list[Agreement]:
        """Its versions, by number."""
        found = [held.agreement for held in self.adopted if held.agreement.id == agreement_id]
        return sorted(found, key=lambda one: one.version)

    def ids(self, one: str, other: str) -> list[str]:
        return sorted({held.agreement.id for held in self.adopted if held.agreement.between(one, other)})

    def void(self, agreement_id: str) -> set[str]:
        """AGR-16: digests of versions that are void."""
        versions, void = self.of_id(agreement_id), set()
        for one in versions:
            prev = one.contents.get("prev")
            for other in versions:
                rivals = one.digest != other.digest and (
                    one.version == other.version or prev == other.contents.get("prev")
                )
                if rivals and any(other.party(party["entity"]) for party in one.parties):
                    void.add(one.digest)
        for one in versions:  # a predecessor is judged before its successor
            before = {other.digest for other in versions if other.version == one.version - 1}
            if before and one.contents.get("prev") not in before - void:
                void.add(one.digest)
        return void

    def in_force(self, agreement_id: str, one: str, other: str, on: datetime.date) -> Agreement:
        """The version that rules between two parties on a day, or `Refused` with the reason why none does."""
        void = self.void(agreement_id)
        standing = [agreement for agreement in self.of_id(agreement_id) if agreement.digest not in void]
        begun = [agreement for agreement in standing if agreement.contents["effective_from"] <= on]
        if begun and begun[-1].between(one, other):  # AGR-15: the highest rules, with these two or without
            rules = begun[-1]
            if on <= rules.contents.get("effective_until", on) and all(on < day for day in self._ends(rules)):
                return rules
        told = self._told(agreement_id, one, other)
        require(told.digest not in void, "agreement.void")
        begins = told.contents["effective_from"]
        # One that ends before it takes effect is withdrawn already (16.13).
        require(all(max(on, begins) < day for day in self._ends(told)), "agreement.withdrawn")
        raise Refused("agreement.not-yet" if on < begins else "agreement.ended")

    def _ends(self, agreement: Agreement) -> list[datetime.date]:
        return [gone.effective_from for gone in self.withdrawals if gone.agreement == agreement.reference]

    def _told(self, agreement_id: str, one: str, other: str) -> Agreement:
        """The version of which it is told why none is in force: the highest between the two, void only where all are."""
        ours = [agreement for agreement in self.of_id(agreement_id) if agreement.between(one, other)]
        require(ours, "agreement.none")
        void = self.void(agreement_id)
        return ([agreement for agreement in ours if agreement.digest not in void] or ours)[-1]

    def between(self, one: str, other: str, on: datetime.date) -> list[Agreement]:
        """Every agreement in force between two: first the one that took effect last, then by id; `Refused` where there is none."""
        found: list[Agreement] = []
        reasons = [(datetime.date.min, "agreement.none")]
        for agreement_id in self.ids(one, other):
            try:
                found.append(self.in_force(agreement_id, one, other, on))
            except Refused as error:
                begins = self._told(agreement_id, one, other).contents["effective_from"]
                reasons.append((begins, error.rule))
        if not found:
            raise Refused(max(reversed(reasons), key=lambda reason: reason[0])[1])
        last = max(found, key=lambda held: (held.contents["effective_from"], held.id))
        return [last, *(held for held in found if held is not last)]


def adopted_of(documents: Iterable[str], federation_of: Any) -> list[Adopted]:
    """Agreements adopted each in its own day: `federation_of` gives the picture of a second. What fails is left out."""
    adopted = []
    for document in documents:
        try:
            several = jws.read_several(document, TYP)
            day = max((one.header.signed_at for one, _ in several.signatures), default=0)
            adopted.append(adopt(document, federation_of(day)))
        except Refused:
            continue
    return adopted

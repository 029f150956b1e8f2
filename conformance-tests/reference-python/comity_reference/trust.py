"""Trust (chapter 3): from an anchor, statements and member lists to the standing of each entity.

`Federation` is a picture: what was handed over is verified once, and every question is answered at one second. What is
refused is left out and remembered, so that a missing link can be explained by the first refusal on its way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import identifiers, jws
from .keys import PURPOSES, KeyRing, PublicKey, read_jwk
from .shape import (
    BILINGUAL,
    ENVIRONMENT,
    MEMBER_STATE,
    Shape,
    anything,
    integer,
    list_of,
    map_of,
    mapping,
    one_of,
    text,
)
from .strict import Refused

STATEMENT = "entity-statement+jwt"
MEMBER_LIST = "comity-member-list+jwt"
DAY = 86400
CLOCK_BEHIND = 120
_RANK = {"active": 0, "suspended": 1, "removed": 2}

_JWKS = Shape({"keys": list_of(mapping)}, closed=False)
_ANCHOR = Shape({"entity": identifiers.entity_id, "jwks": _JWKS, "environment": ENVIRONMENT})
_ENDPOINTS = Shape({"public": identifiers.entity_id, "federation": identifiers.entity_id})
_NODE = Shape(
    {
        "region": identifiers.region,
        "name": BILINGUAL,
        "environment": ENVIRONMENT,
        "endpoints": _ENDPOINTS,
        "keys": map_of(one_of(*PURPOSES), _JWKS),
        "tls_pins": list_of(identifiers.digest),
        "contact?": BILINGUAL,
        "ext?": mapping,
    }
)
_FEDERATION_ENTITY = Shape(
    {
        "federation_fetch_endpoint?": text,
        "federation_list_endpoint?": text,
        "comity_member_list_endpoint?": text,
        "comity_bundle_endpoint?": text,
        "organization_name?": text,
    },
    closed=False,
)
_METADATA = Shape({"comity_node?": _NODE, "federation_entity?": _FEDERATION_ENTITY}, closed=False)
_STATEMENT = Shape(
    {
        "iss": identifiers.entity_id,
        "sub": identifiers.entity_id,
        "iat": identifiers.seconds,
        "exp": identifiers.seconds,
        "jwks": _JWKS,
        "authority_hints?": list_of(identifiers.entity_id),
        "metadata?": _METADATA,
        "crit?": list_of(text),
        "comity_region_prefix?": identifiers.region_prefix,
        "comity_state?": MEMBER_STATE,
        "metadata_policy?": anything,
        "constraints?": anything,
    },
    closed=False,
)
_MEMBER = Shape(
    {
        "entity": identifiers.entity_id,
        "region?": identifiers.region,
        "region_prefix?": identifiers.region_prefix,
        "name": BILINGUAL,
        "state": MEMBER_STATE,
    }
)
_MEMBER_LIST = Shape(
    {
        "iss": identifiers.entity_id,
        "iat": identifiers.seconds,
        "exp": identifiers.seconds,
        "seq": integer(0, 2**64 - 1),
        "members": list_of(_MEMBER),
        "ext?": mapping,
    }
)


@dataclass(frozen=True)
class Anchor:
    """The anchor file (TRU-27)."""

    entity: str
    keys: Mapping[str, PublicKey]
    environment: str

    @classmethod
    def read(cls, value: Any) -> Anchor:
        read = _ANCHOR.read(value, "json.shape")
        if not read["jwks"]["keys"]:
            raise Refused("anchor.no-keys")
        return cls(read["entity"], _keys(read["jwks"]), read["environment"])


@dataclass(frozen=True)
class Statement:
    """A verified entity statement."""

    token: str
    kid: str
    iss: str
    sub: str
    iat: int
    exp: int
    keys: Mapping[str, PublicKey]
    claims: Mapping[str, Any]

    @property
    def node(self) -> Mapping[str, Any] | None:
        return self.claims.get("metadata", {}).get("comity_node")

    @property
    def authority(self) -> Mapping[str, Any]:
        return self.claims.get("metadata", {}).get("federation_entity", {})

    @property
    def prefix(self) -> str | None:
        return self.claims.get("comity_region_prefix")

    @property
    def state(self) -> str:
        return self.claims.get("comity_state", "active")


@dataclass(frozen=True)
class MemberList:
    token: str
    iss: str
    iat: int
    exp: int
    seq: int
    lines: Sequence[Mapping[str, Any]]
    members: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class County:
    """An active county, as its superior and itself state it."""

    entity: str
    region: str
    environment: str
    name: Mapping[str, str]
    federation_endpoint: str
    ring: KeyRing
    federation_keys: Mapping[str, PublicKey]
    signer: str
    pins: frozenset[str]
    valid_until: int

    def lies_here(self, url: str) -> bool:
        """Whether an address lies under this county's public base URL (ATT-9, STA-6, VER-17)."""
        path = url.removeprefix(self.entity + "/")
        plain = all(character.isascii() and (character.isalnum() or character in "-._~/") for character in path)
        return path != url and plain and not {"", ".", ".."} & set(path.split("/"))


@dataclass
class _Refusals:
    """What was left out, in order, and what it was about."""

    noted: list[tuple[str, str, str]] = field(default_factory=list)

    def note(self, iss: str, sub: str, rule: str) -> None:
        self.noted.append((iss, sub, rule))

    def first(self, iss: str | None = None, sub: str | None = None, other_than: str | None = None) -> str | None:
        for one_iss, one_sub, rule in self.noted:
            if (iss in (None, one_iss)) and (sub in (None, one_sub)) and (other_than is None or one_iss != other_than):
                return rule
        return None


class Federation:
    """The picture of a federation at one second."""

    def __init__(
        self,
        anchor: Anchor,
        statements: Iterable[str],
        member_lists: Iterable[str],
        now: int,
        floors: Mapping[tuple[str, str], int] | None = None,
        newest_iat: int | None = None,
    ) -> None:
        self.anchor = anchor
        self.now = now
        self.clock_behind = newest_iat is not None and newest_iat - now > CLOCK_BEHIND
        self.refusals = _Refusals()
        self._floors = dict(floors or {})
        self.statements: dict[tuple[str, str], Statement] = {}
        self.evidence: dict[str, list[Statement]] = {}
        self.lists: dict[str, MemberList] = {}
        unread = self._read_all(statements)
        self._settle(unread, lambda one: one.payload["iss"] == anchor.entity)
        self._settle(unread, lambda one: one.payload["iss"] != one.payload["sub"])
        self._settle(unread, lambda one: one.payload["iss"] == one.payload["sub"])
        self._read_lists(member_lists)
        self._standings = self._resolve()

    # --- questions ---

    def county(self, entity: str) -> County:
        """The active county of that name, or `Refused` with the rule that stands in the way."""
        if self.clock_behind:
            raise Refused("trust.clock-doubt")
        standing = self._standings.get(entity) or self._stranger(entity)
        if isinstance(standing, Refused):
            raise standing
        return standing

    def active(self) -> list[County]:
        if self.clock_behind:
            return []
        return [standing for standing in self._standings.values() if isinstance(standing, County)]

    def by_pin(self, pin: str) -> County | None:
        """TRN-2: the one active county to which a TLS key belongs."""
        return next((county for county in self.active() if pin in county.pins), None)

    def vouched(self, county: County, pinned: frozenset[str]) -> bool:
        """AGR-12: a pinned key signed the configuration, or vouched, rotation by rotation, for the key that did."""
        trusted = set(pinned)
        evidence = list(self.evidence.get(county.entity, []))
        grown = True
        while grown and county.signer not in trusted:
            grown = False
            for statement in evidence:
                if statement.kid in trusted and not statement.keys.keys() <= trusted:
                    trusted |= statement.keys.keys()
                    grown = True
        return county.signer in trusted

    def provinces(self) -> dict[str, Statement]:
        """Statements of the anchor on provinces."""
        return {
            sub: statement
            for (iss, sub), statement in self.statements.items()
            if iss == self.anchor.entity and statement.prefix is not None
        }

    # --- statements ---

    def _read_all(self, tokens: Iterable[str]) -> list[tuple[str, jws.Unverified]]:
        read = []
        for token in tokens:
            try:
                one = jws.read(token, STATEMENT)
                if not isinstance(one.payload, dict):
                    raise Refused("jws.claims")
                identifiers.entity_id(one.payload.get("iss"))
                identifiers.entity_id(one.payload.get("sub"))
            except Refused as error:
                self.refusals.note("", "", error.rule)
                continue
            read.append((token, one))
        return read

    def _settle(self, unread: list[tuple[str, jws.Unverified]], which: Any) -> None:
        """Verifies those of one level; what counts of an issuer on a subject is the newest (TRU-20, TRU-21)."""
        accepted: dict[tuple[str, str], list[Statement]] = {}
        said: dict[tuple[str, str, int], set[bytes]] = {}  # TRU-21: what is refused for its contents makes a fork too
        refused: list[tuple[str, str, str]] = []
        for token, one in [pair for pair in unread if which(pair[1])]:
            unread.remove((token, one))
            iss, sub = one.payload["iss"], one.payload["sub"]
            self._keep_evidence(token, one)
            try:
                statement = self._verify(token, one)
                said.setdefault((iss, sub, statement.iat), set()).add(token.split(".")[1].encode())
                self._check_contents(statement)
            except Refused as error:
                refused.append((iss, sub, error.rule))
                continue
            accepted.setdefault((iss, sub), []).append(statement)
        for (iss, sub), found in accepted.items():
            newest = max(statement.iat for statement in found)
            if len(said[iss, sub, newest]) > 1:
                self.refusals.note(iss, sub, "trust.fork")
            elif newest < self._floors.get((iss, sub), 0):
                self.refusals.note(iss, sub, "trust.rolled-back")
            else:
                self.statements[iss, sub] = next(statement for statement in found if statement.iat == newest)
        for iss, sub, rule in refused:
            self.refusals.note(iss, sub, rule)

    def _issuer_keys(self, iss: str, sub: str) -> list[Mapping[str, PublicKey]]:
        """TRU-1: the federation keys that the level above states for the issuer."""
        if iss == self.anchor.entity:
            return [self.anchor.keys]
        if iss != sub:
            province = self.provinces().get(iss)
            return [province.keys] if province else []
        return [one.keys for (other, about), one in self.statements.items() if about == sub and other != sub]

    def _verify(self, token: str, one: jws.Unverified) -> Statement:
        iss, sub = one.payload["iss"], one.payload["sub"]
        keys: dict[str, PublicKey] = {}
        for found in self._issuer_keys(iss, sub):
            keys |= found
        one.verify(KeyRing({"federation": keys}), "federation")
        claims = _STATEMENT.read(one.payload, "jws.claims")
        return Statement(
            token, one.header.kid, iss, sub, claims["iat"], claims["exp"], _keys(claims["jwks"]), claims
        )

    def _check_contents(self, one: Statement) -> None:
        claims, own = one.claims, one.iss == one.sub
        province = one.sub in self.provinces() if own else one.prefix is not None
        if "crit" in claims and (claims["crit"] != ["comity_region_prefix"] or one.prefix is None):
            raise Refused("trust.crit")
        if one.prefix is not None and "crit" not in claims:
            raise Refused("trust.prefix-not-critical")
        if "metadata_policy" in one.claims:
            raise Refused("trust.metadata-policy")
        if "constraints" in one.claims:
            raise Refused("trust.constraints")
        if own and one.sub != self.anchor.entity:
            if "comity_state" in claims or (one.prefix is not None and not province):
                raise Refused("trust.own-standing")
        if not own:
            if one.prefix is not None and one.iss != self.anchor.entity:
                raise Refused("trust.depth")
            if (one.prefix is None) == (one.node is None):
                raise Refused("trust.role")
            if "comity_state" not in claims:
                raise Refused("trust.state-missing")
        days = 400 if one.sub == self.anchor.entity else 35 if province else 10
        if not 0 < one.exp - one.iat <= days * DAY:
            raise Refused("trust.lifetime")
        if one.iat > self.now + jws.CLOCK_SKEW:
            raise Refused("trust.clock-doubt")
        if one.node is not None:
            _check_purposes(one)

    def _keep_evidence(self, token: str, one: jws.Unverified) -> None:
        """TRU-29: a configuration whose own keys contain the one that signed it; its age is no matter."""
        iss = one.payload["iss"]
        if iss != one.payload["sub"]:
            return
        try:
            claims = _STATEMENT.read(one.payload, "jws.claims")
            keys = _keys(claims["jwks"])
            one.verify(KeyRing({"federation": keys}), "federation")
        except Refused:
            return
        kept = Statement(token, one.header.kid, iss, iss, claims["iat"], claims["exp"], keys, claims)
        self.evidence.setdefault(iss, []).append(kept)

    # --- member lists ---

    def _read_lists(self, tokens: Iterable[str]) -> None:
        accepted: dict[str, list[MemberList]] = {}
        said: dict[tuple[str, int], set[bytes]] = {}
        for token in tokens:
            iss = ""
            try:
                one = jws.read(token, MEMBER_LIST)
                iss = identifiers.entity_id(jws.peek(token).get("iss"))
                found = self._verify_list(token, iss, one)
                said.setdefault((iss, found.seq), set()).add(token.split(".")[1].encode())
                self._check_list(found)
                accepted.setdefault(iss, []).append(found)
            except Refused as error:
                self.refusals.note(iss, MEMBER_LIST, error.rule)
        for iss, several in accepted.items():
            newest = max(one.seq for one in several)
            if len(said[iss, newest]) > 1:
                self.refusals.note(iss, MEMBER_LIST, "trust.fork")
            elif newest < self._floors.get((iss, MEMBER_LIST), 0):
                self.refusals.note(iss, MEMBER_LIST, "trust.rolled-back")
            else:
                self.lists[iss] = next(one for one in several if one.seq == newest)

    def _verify_list(self, token: str, iss: str, one: jws.Unverified) -> MemberList:
        keys = self.anchor.keys
        if iss != self.anchor.entity:
            province = self.provinces().get(iss)
            keys = province.keys if province else {}
        one.verify(KeyRing({"federation": keys}), "federation")
        claims = _MEMBER_LIST.read(one.payload, "jws.claims")
        lines = claims["members"]
        return MemberList(
            token, iss, claims["iat"], claims["exp"], claims["seq"], lines, {line["entity"]: line for line in lines}
        )

    def _check_list(self, found: MemberList) -> None:
        if not 0 < found.exp - found.iat <= 35 * DAY:
            raise Refused("trust.lifetime")
        if found.iat > self.now + jws.CLOCK_SKEW:
            raise Refused("trust.clock-doubt")
        for line in found.lines:
            if ("region" in line) == ("region_prefix" in line):
                raise Refused("trust.member-line")
            if "region_prefix" in line and found.iss != self.anchor.entity:
                raise Refused("trust.member-line")
        if len(found.members) != len(found.lines) or found.iss in found.members:
            raise Refused("trust.member-line")

    def _current(self, iss: str) -> MemberList | None:
        found = self.lists.get(iss)
        return found if found and found.exp > self.now else None

    # --- standing ---

    def _resolve(self) -> dict[str, County | Refused]:
        subjects = {sub for iss, sub in self.statements if iss != sub}
        standings: dict[str, County | Refused] = {}
        for entity in sorted(subjects - self.provinces().keys()):
            try:
                standings[entity] = self._county(entity)
            except Refused as error:
                standings[entity] = error
        active = [one for one in standings.values() if isinstance(one, County)]
        for county in active:
            others = [one for one in active if one is not county]
            if any(one.region == county.region for one in others):
                standings[county.entity] = Refused("trust.duplicate-region")
            elif any(one.pins & county.pins for one in others):
                standings[county.entity] = Refused("trust.duplicate-pin")
        return standings

    def _county(self, entity: str) -> County:
        by = {iss: one for (iss, sub), one in self.statements.items() if sub == entity and iss != sub}
        configuration = self.statements.get((entity, entity))
        hints = configuration.claims.get("authority_hints", []) if configuration else list(by)
        named = [iss for iss in by if iss in hints]
        states = [self._state(iss, one) for iss, one in by.items() if iss in named or iss == self.anchor.entity]
        worst = max(states, key=_RANK.__getitem__, default="active")
        if worst != "active":
            raise Refused(f"trust.{worst}")
        if configuration is None:
            raise Refused(self.refusals.first(entity, entity) or "trust.incomplete")
        if not named:
            raise Refused("trust.authority-hints")
        vouching = [iss for iss in named if by[iss].exp > self.now]
        if len(vouching) > 1:
            raise Refused("trust.two-superiors")
        statement = by[(vouching or named)[0]]
        links = [statement, configuration, *self._links(statement.iss)]
        if any(link.exp <= self.now for link in links):
            raise Refused("trust.chain-expired")
        newer = self._current(statement.iss)
        if newer and newer.iat > statement.iat and entity not in newer.members:
            raise Refused("trust.not-listed")
        return self._agreed(statement, configuration, min(link.exp for link in links))

    def _links(self, authority: str) -> list[Statement]:
        """TRU-22: what stands above a county: configurations of the authorities, and the anchor's word on the province."""
        top = self.statements.get((self.anchor.entity, self.anchor.entity))
        if top is None:
            raise Refused(self.refusals.first(self.anchor.entity, self.anchor.entity) or "trust.incomplete")
        _common_keys(self.anchor.keys, top)
        if authority == self.anchor.entity:
            return [top]
        own = self.statements.get((authority, authority))
        if own is None:
            raise Refused(self.refusals.first(authority, authority) or "trust.incomplete")
        if self.anchor.entity not in own.claims.get("authority_hints", []):
            raise Refused("trust.authority-hints")
        _common_keys(self.provinces()[authority].keys, own)
        return [top, self.provinces()[authority], own]

    def _state(self, iss: str, statement: Statement) -> str:
        """TRU-18: the more restrictive of statement, list and the province's own standing."""
        states = [statement.state if statement.exp > self.now else "active"]
        listed = self._current(iss)
        if listed and listed.iat >= statement.iat and statement.sub in listed.members:
            states.append(listed.members[statement.sub]["state"])
        if iss != self.anchor.entity:
            states.append(self._state(self.anchor.entity, self.provinces()[iss]))
        return max(states, key=_RANK.__getitem__)

    def _agreed(self, statement: Statement, configuration: Statement, valid_until: int) -> County:
        """What superior and county state alike (TRU-7 to TRU-13)."""
        theirs, own = statement.node, configuration.node
        if theirs is None or own is None:
            raise Refused("trust.role")
        common = _common_keys(statement.keys, configuration)
        if any(theirs[name] != own[name] for name in ("region", "environment", "endpoints")):
            raise Refused("trust.double-assertion")
        prefix = "" if statement.iss == self.anchor.entity else self.provinces()[statement.iss].prefix or ""
        if not own["region"].startswith(prefix):
            raise Refused("trust.region-outside-prefix")
        if own["endpoints"]["public"] != configuration.sub:
            raise Refused("trust.public-endpoint")
        if own["environment"] != self.anchor.environment:
            raise Refused("trust.environment")
        stated, listed = _ring(theirs), _ring(own)
        both = {
            purpose: {kid: key for kid, key in keys.items() if kid in stated.of_purpose(purpose)}
            for purpose, keys in listed.by_purpose.items()
        }
        return County(
            entity=configuration.sub,
            region=own["region"],
            environment=own["environment"],
            name=own["name"],
            federation_endpoint=own["endpoints"]["federation"],
            ring=KeyRing(both),
            federation_keys=common,
            signer=configuration.kid,
            pins=frozenset(own["tls_pins"]) & frozenset(theirs["tls_pins"]),
            valid_until=valid_until,
        )

    def _stranger(self, entity: str) -> Refused:
        """The standing of an entity on which no statement counts (TRU-17)."""
        if entity == self.anchor.entity or entity in self.provinces():
            return Refused("trust.authority")
        authorities = self._authorities()
        listed = [(iss, self._current(iss)) for iss in authorities]
        states = [one.members[entity]["state"] for _, one in listed if one and entity in one.members]
        worst = max(states, key=_RANK.__getitem__, default=None)
        if worst in ("suspended", "removed"):
            return Refused(f"trust.{worst}")
        explained = self.refusals.first(sub=entity, other_than=entity)
        if explained:
            return Refused(explained)
        if worst == "active":
            return Refused("trust.no-path")
        for iss in authorities:
            try:
                if any(link.exp <= self.now for link in self._links(iss)):
                    return Refused("trust.member-list-expired")
            except (Refused, KeyError) as error:
                return error if isinstance(error, Refused) else Refused("trust.no-path")
        for iss, one in listed:
            if one is None:
                refused = self.refusals.first(iss, MEMBER_LIST) or self.refusals.first(sub=iss)
                ended = "trust.member-list-expired" if iss in self.lists else "trust.no-current-member-list"
                return Refused(refused or ended)
        return Refused("trust.not-a-member")

    def _authorities(self) -> list[str]:
        """The anchor and every province that has not left."""
        listed = self._current(self.anchor.entity)
        states = {sub: one.state for sub, one in self.provinces().items()}
        for entity, line in listed.members.items() if listed else ():
            if "region_prefix" in line:
                states[entity] = max(states.get(entity, "active"), line["state"], key=_RANK.__getitem__)
        return [self.anchor.entity, *(entity for entity, state in sorted(states.items()) if state != "removed")]


def _keys(jwks: Mapping[str, Any]) -> dict[str, PublicKey]:
    read = [read_jwk(jwk) for jwk in jwks["keys"]]
    return {key.kid: key for key in read}


def _common_keys(above: Mapping[str, PublicKey], configuration: Statement) -> dict[str, PublicKey]:
    """TRU-8: the federation keys that level above and configuration both list; one of them signed the configuration."""
    common = {kid: key for kid, key in configuration.keys.items() if kid in above}
    if not common:
        raise Refused("trust.no-common-key")
    if configuration.kid not in common:
        raise Refused("trust.signer-dropped")
    return common


def _ring(node: Mapping[str, Any]) -> KeyRing:
    return KeyRing.of({purpose: jwks["keys"] for purpose, jwks in node["keys"].items()})


def _check_purposes(one: Statement) -> None:
    """TRU-12."""
    assert one.node is not None
    seen = set(one.keys)
    if "federation" in one.node["keys"]:
        raise Refused("trust.key-two-purposes")
    for purpose, jwks in one.node["keys"].items():
        curves = ("X25519",) if purpose == "encryption" else ("Ed25519",)
        kids = {read_jwk(jwk, curves).kid for jwk in jwks["keys"]}
        if kids & seen:
            raise Refused("trust.key-two-purposes")
        seen |= kids

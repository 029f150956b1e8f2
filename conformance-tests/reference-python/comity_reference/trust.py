"""Trust (chapter 3): from an anchor, statements and member lists to the standing of each entity.

`Federation` is a picture: what was handed over is verified once, and every question is answered at one second. What is
refused is left out and remembered, so that a missing link can be explained by the first refusal on its way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from . import identifiers, jws, schema
from .keys import PURPOSES, KeyRing, PublicKey, read_keys
from .strict import ChainRefused, Refused, require

STATEMENT = "entity-statement+jwt"
MEMBER_LIST = "comity-member-list+jwt"
DAY = 86400
CLOCK_BEHIND = 120
_RANK = {"active": 0, "suspended": 1, "removed": 2}
Keys = Mapping[str, PublicKey]


def _worst(states: Iterable[str]) -> str:
    return max(states, key=_RANK.__getitem__, default="active")


@dataclass(frozen=True)
class Anchor:
    """The anchor file (TRU-27)."""

    entity: str
    keys: Keys
    environment: str

    @classmethod
    def read(cls, value: Any) -> Anchor:
        try:
            entity, jwks = identifiers.entity_id(value["entity"]), value["jwks"]["keys"]
            require(len(value) == 3 and isinstance(jwks, list), "shape")
            require(value["environment"] in ("SANDBOX", "PRODUCTION"), "shape")
        except (Refused, KeyError, TypeError) as error:
            raise Refused("json.shape") from error
        require(jwks, "anchor.no-keys")
        return cls(entity, read_keys(jwks), value["environment"])


@dataclass(frozen=True)
class Stated:
    """What `iss` says of `sub`, verified: an entity statement; or a member list, which is said of MEMBER_LIST."""

    token: str
    kid: str
    iss: str
    sub: str
    claims: Mapping[str, Any]
    keys: Keys

    @property
    def iat(self) -> int:
        return int(self.claims["iat"])

    @property
    def exp(self) -> int:
        return int(self.claims["exp"])

    @property
    def rank(self) -> int:
        """Of two, the one of the higher rank counts (TRU-20)."""
        return int(self.claims.get("seq", self.iat))

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
    def hints(self) -> list[str]:
        return self.claims.get("authority_hints", [])

    @property
    def members(self) -> dict[str, Mapping[str, Any]]:
        return {line["entity"]: line for line in self.claims["members"]}


@dataclass(frozen=True)
class County:
    """An active county, as its superior and itself state it."""

    entity: str
    superior: str
    region: str
    federation_endpoint: str
    ring: KeyRing
    federation_keys: Keys
    signer: str
    pins: frozenset[str]
    valid_until: int

    def lies_here(self, url: str) -> bool:
        """Whether an address lies under this county's public base URL (ATT-9, STA-6, VER-17)."""
        path = url.removeprefix(self.entity + "/")
        plain = path != url and re.fullmatch(r"[A-Za-z0-9._~/-]+", path)
        return bool(plain) and len(url) <= 512 and not {"", ".", ".."} & set(path.split("/"))


@dataclass(frozen=True)
class _Offered:
    """A statement or list that was read and not verified."""

    token: str
    typ: str
    iss: str
    sub: str

    def verified(self, keys: Keys) -> Stated:
        one = _read(self.token, self.typ)
        _require_signature(self.token, self.typ, KeyRing({"federation": keys}).key("federation", one.header.kid))
        claims = _claims(self.token, self.typ)
        own = {} if self.typ == MEMBER_LIST else read_keys(claims["jwks"]["keys"])
        return Stated(self.token, one.header.kid, self.iss, self.sub, claims, own)


# A picture is drawn anew whenever something was learnt, most of it from the same tokens as before.
_read = lru_cache(maxsize=4096)(jws.read)


@lru_cache(maxsize=4096)
def _require_signature(token: str, typ: str, key: PublicKey) -> None:
    one = _read(token, typ)
    require(key.verify(one.header.alg, one.signature, one.signed), "jws.signature")


@lru_cache(maxsize=4096)
def _claims(token: str, typ: str) -> dict[str, Any]:
    if typ == MEMBER_LIST:
        return _read(token, typ).claims("member-list")
    claims = _read(token, typ).claims("entity-statement")
    node = claims.get("metadata", {}).get("comity_node", {"keys": {}})
    require(node["keys"].keys() <= set(PURPOSES), "jws.claims")
    return claims


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
        self.anchor, self.now = anchor, now
        self.clock_behind = newest_iat is not None and newest_iat - now > CLOCK_BEHIND
        self.refusals: list[tuple[str, str, str]] = []  # who, about whom, by which rule
        self.stated: dict[tuple[str, str], Stated] = {}
        self.provinces: dict[str, Stated] = {}
        self._evidence: dict[str, list[Stated]] = {}
        self._configurations: dict[str, list[Stated]] = {}
        self._floors = floors or {}
        offered = self._offered(statements, STATEMENT)
        self._settle(one for one in offered if one.iss == anchor.entity)
        self.provinces = {sub: one for (iss, sub), one in self.stated.items() if one.prefix is not None}
        self._settle(one for one in offered if one.iss not in (anchor.entity, one.sub))
        self._settle(one for one in offered if one.iss == one.sub != anchor.entity)
        self._settle(self._offered(member_lists, MEMBER_LIST))
        self._standings = self._resolve()

    # --- questions ---

    def county(self, entity: str) -> County:
        """The active county of that name, or `Refused` with the rule that stands in the way."""
        require(not self.clock_behind, "trust.clock-doubt")
        standing = self._standings.get(entity) or self._stranger(entity)
        if isinstance(standing, Refused):
            raise ChainRefused(standing.rule, standing.detail)
        return standing

    def active(self) -> list[County]:
        standings = [] if self.clock_behind else self._standings.values()
        return [standing for standing in standings if isinstance(standing, County)]

    def by_pin(self, pin: str | None) -> County | None:
        """TRN-2, TRU-14: the active county to which a TLS key belongs, where it is one alone."""
        named = [county for county in self.active() if pin in county.pins]
        return named[0] if len(named) == 1 else None

    def vouched(self, county: County, pinned: Iterable[str]) -> bool:
        """AGR-12: a pinned key signed the configuration, or vouched, rotation by rotation, for the key that did."""
        return county.signer in self.trusted(county, pinned)

    def trusted(self, county: County, pinned: Iterable[str]) -> set[str]:
        """AGR-12: the keys that are pinned, and those for which they vouched, rotation by rotation."""
        trusted, before = set(pinned), -1
        while len(trusted) > before:
            before = len(trusted)
            for statement in self._evidence.get(county.entity, []):
                if statement.kid in trusted:
                    trusted |= statement.keys.keys()
        return trusted

    def lists(self) -> dict[str, Stated]:
        return {iss: one for (iss, sub), one in self.stated.items() if sub == MEMBER_LIST}

    # --- statements and lists ---

    def _offered(self, tokens: Iterable[str], typ: str) -> list[_Offered]:
        read, of_list = [], typ == MEMBER_LIST
        for token in tokens:
            try:
                payload = _read(token, typ).payload
                named = schema.read("entity-statement", payload, only=("iss",) if of_list else ("iss", "sub"))
                read.append(_Offered(token, typ, named["iss"], MEMBER_LIST if of_list else named["sub"]))
            except Refused as error:
                self.refusals.append(("", MEMBER_LIST if of_list else "", error.rule))
        return read

    def _settle(self, offered: Iterable[_Offered]) -> None:
        """Verifies those of one level; what counts of an issuer on a subject is the newest (TRU-20, TRU-21)."""
        accepted: dict[tuple[str, str], list[Stated]] = {}
        said: dict[tuple[str, str, int], set[str]] = {}  # TRU-21: what is refused for its contents makes a fork too
        refused: list[tuple[str, str, str]] = []
        for one in offered:
            self._keep_evidence(one)
            try:
                stated = one.verified(self._issuer_keys(one))
                said.setdefault((one.iss, one.sub, stated.rank), set()).add(one.token.split(".")[1])
                check_contents = self._check_list if one.typ == MEMBER_LIST else self._check_statement
                check_contents(stated)
                self._check_times(stated)
                accepted.setdefault((one.iss, one.sub), []).append(stated)
                if one.iss == one.sub:
                    self._configurations.setdefault(one.sub, []).append(stated)
            except Refused as error:
                refused.append((one.iss, one.sub, error.rule))
        for about, several in accepted.items():
            newest = max(several, key=lambda one: one.rank)
            if len(said[*about, newest.rank]) > 1:
                self.refusals.append((*about, "trust.fork"))
            elif newest.rank < self._floors.get(about, 0):
                self.refusals.append((*about, "trust.rolled-back"))
            else:
                self.stated[about] = newest
        self.refusals += refused

    def _issuer_keys(self, one: _Offered) -> Keys:
        """TRU-1: the federation keys that the level above states for the issuer; of a configuration, one superior's."""
        if one.iss == self.anchor.entity:
            return self.anchor.keys
        if one.iss != one.sub:
            return self.provinces[one.iss].keys if one.iss in self.provinces else {}
        read, superiors = _read(one.token, one.typ), self._superiors(one.sub)
        hints = read.payload.get("authority_hints")
        named = [stated for stated in superiors if isinstance(hints, list) and stated.iss in hints]
        return next((stated.keys for stated in named or superiors if read.header.kid in stated.keys), {})

    def _superiors(self, sub: str) -> list[Stated]:
        return [stated for (iss, about), stated in self.stated.items() if about == sub != iss]

    def _keep_evidence(self, one: _Offered) -> None:
        """TRU-29: a configuration whose own keys contain the one that signed it; its age is no matter."""
        if one.iss != one.sub:
            return
        try:
            own = read_keys(_claims(one.token, one.typ)["jwks"]["keys"])
            self._evidence.setdefault(one.iss, []).append(one.verified(own))
        except Refused:
            pass

    def _check_times(self, one: Stated) -> None:
        province = one.sub in self.provinces if one.iss == one.sub else one.prefix is not None
        days = 400 if one.sub == self.anchor.entity else 35 if province or one.sub == MEMBER_LIST else 10
        require(0 < one.exp - one.iat <= days * DAY, "trust.lifetime")
        require(one.iat <= self.now + jws.CLOCK_SKEW, "trust.clock-doubt")

    def _check_statement(self, one: Stated) -> None:
        claims = one.claims
        require("metadata_policy" not in claims, "trust.metadata-policy")
        require("constraints" not in claims, "trust.constraints")
        require(one.prefix is None or "crit" in claims, "trust.prefix-not-critical")
        critical = "crit" not in claims or (claims["crit"] == ["comity_region_prefix"] and one.prefix is not None)
        require(critical, "trust.crit")
        if one.iss != one.sub:
            require(one.prefix is None or one.iss == self.anchor.entity, "trust.depth")
            require((one.prefix is None) != (one.node is None), "trust.role")
            require("comity_state" in claims, "trust.state-missing")
        elif one.sub != self.anchor.entity:
            no_prefix = one.prefix is None or one.sub in self.provinces
            require("comity_state" not in claims and no_prefix, "trust.own-standing")

    def _check_list(self, one: Stated) -> None:
        lines, by_anchor = one.claims["members"], one.iss == self.anchor.entity
        sound = all(("region" in line) != ("region_prefix" in line) for line in lines)
        sound = sound and (by_anchor or not any("region_prefix" in line for line in lines))
        require(sound and len(one.members) == len(lines) and one.iss not in one.members, "trust.member-line")

    def _refusal(self, iss: str | None = None, sub: str | None = None, other_than: str | None = None) -> str | None:
        """The first of those that were refused."""
        for one_iss, one_sub, rule in self.refusals:
            if iss in (None, one_iss) and sub in (None, one_sub) and one_iss != other_than:
                return rule
        return None

    # --- standing ---

    def _resolve(self) -> dict[str, County | Refused]:
        subjects = {sub for iss, sub in self.stated if sub not in (iss, MEMBER_LIST)}
        standings: dict[str, County | Refused] = {}
        for entity in sorted(subjects - self.provinces.keys()):
            try:
                standings[entity] = self._county(entity)
            except Refused as error:
                standings[entity] = error
        active = [one for one in standings.values() if isinstance(one, County)]
        for county in active:
            if any(one.region == county.region for one in active if one is not county):
                standings[county.entity] = Refused("trust.duplicate-region")
        return standings

    def _county(self, entity: str) -> County:
        by = {one.iss: one for one in self._superiors(entity)}
        configuration = self.stated.get((entity, entity))
        hints = configuration.hints if configuration else list(by)
        named = [iss for iss in by if iss in hints]
        states = {iss: self._state(one) for iss, one in by.items()}
        top = states.get(self.anchor.entity, "active")
        require(top == "active", f"trust.{top}")
        # TRU-15: one that vouches outranks another province's word that it is suspended or removed.
        vouching = [iss for iss in named if states[iss] == "active" and by[iss].exp > self.now]
        ended = configuration and any(states[iss] == "active" and by[iss].exp <= self.now for iss in named)
        require(vouching or not ended, "trust.chain-expired")  # where nobody vouches, an end is told first
        worst = "active" if vouching else _worst(states[iss] for iss in named)
        require(worst == "active", f"trust.{worst}")
        if configuration is None:
            raise Refused(self._refusal(entity, entity) or "trust.incomplete")
        require(named, "trust.authority-hints")
        require(len(vouching) <= 1, "trust.two-superiors")
        for other in self._configurations[entity]:
            for rival in [by[iss] for iss in other.hints if iss in by and by[iss].exp > self.now]:
                moved = other.kid not in rival.keys or configuration.kid in rival.keys
                require(moved, "trust.two-superiors")
        statement = by[(vouching or named)[0]]
        links = [statement, configuration, *self._links(statement.iss)]
        require(all(link.exp > self.now for link in links), "trust.chain-expired")
        newer = self.stated.get((statement.iss, MEMBER_LIST))  # its end reinstates nobody (TRU-18)
        require(not newer or newer.iat <= statement.iat or entity in newer.members, "trust.not-listed")
        return self._agreed(statement, configuration, min(link.exp for link in links))

    def _current_list(self, iss: str) -> Stated | None:
        found = self.stated.get((iss, MEMBER_LIST))
        return found if found and found.exp > self.now else None

    def _own(self, authority: str) -> Stated:
        own = self.stated.get((authority, authority))
        if own is None:
            raise Refused(self._refusal(authority, authority) or "trust.incomplete")
        return own

    def _links(self, authority: str) -> list[Stated]:
        """TRU-22: what stands above a county: configurations of the authorities, and the anchor's word on the province."""
        top = self._own(self.anchor.entity)
        _common_keys(self.anchor.keys, top)
        if authority == self.anchor.entity:
            return [top]
        own, province = self._own(authority), self.provinces.get(authority)
        if province is None:
            raise Refused("trust.no-path")
        require(self.anchor.entity in own.hints, "trust.authority-hints")
        _common_keys(province.keys, own)
        return [top, province, own]

    def _state(self, statement: Stated) -> str:
        """TRU-18: the more restrictive of statement, list and the province's own standing."""
        states = [statement.claims["comity_state"] if statement.exp > self.now else "active"]
        listed = self.stated.get((statement.iss, MEMBER_LIST))
        if listed and listed.iat >= statement.iat and statement.sub in listed.members:
            states.append(listed.members[statement.sub]["state"])
        if statement.iss != self.anchor.entity:
            states.append(self._state(self.provinces[statement.iss]))
        return _worst(states)

    def _agreed(self, statement: Stated, configuration: Stated, valid_until: int) -> County:
        """What superior and county state alike (TRU-7 to TRU-13)."""
        theirs, own = statement.node, configuration.node
        if theirs is None or own is None:
            raise Refused("trust.role")
        common = _common_keys(statement.keys, configuration)
        alike = all(theirs[name] == own[name] for name in ("region", "environment", "endpoints"))
        require(alike, "trust.double-assertion")
        prefix = self.provinces[statement.iss].prefix or "" if statement.iss in self.provinces else ""
        require(own["region"].startswith(prefix), "trust.region-outside-prefix")
        require(own["endpoints"]["public"] == configuration.sub, "trust.public-endpoint")
        require(own["environment"] == self.anchor.environment, "trust.environment")
        both: dict[str, Keys] = {}
        seen = set(common)
        for purpose in own["keys"].keys() & theirs["keys"].keys():
            stated = [_point(jwk) for jwk in theirs["keys"][purpose]["keys"]]
            counting = [jwk for jwk in own["keys"][purpose]["keys"] if _point(jwk) in stated]
            both[purpose] = read_keys(counting, purpose)
            if purpose != "encryption":  # TRU-12: those that count, reserved ones aside
                kids = both[purpose].keys()
                require(purpose != "federation" and not kids & seen, "trust.key-two-purposes")
                seen |= kids
        return County(
            entity=configuration.sub,
            superior=statement.iss,
            region=own["region"],
            federation_endpoint=own["endpoints"]["federation"],
            ring=KeyRing(both),
            federation_keys=common,
            signer=configuration.kid,
            pins=frozenset(own["tls_pins"]) & frozenset(theirs["tls_pins"]),
            valid_until=valid_until,
        )

    def _stranger(self, entity: str) -> Refused:
        """The standing of an entity on which no statement counts (TRU-17)."""
        if entity == self.anchor.entity or entity in self.provinces:
            return Refused("trust.authority")
        authorities = self._authorities()
        listed = [(iss, self._current_list(iss)) for iss in authorities]
        states = [one.members[entity]["state"] for _, one in listed if one and entity in one.members]
        if _worst(states) != "active":
            return Refused(f"trust.{_worst(states)}")
        if states or self._refusal(sub=entity, other_than=entity):
            return Refused(self._refusal() or "trust.incomplete")
        for iss in authorities:
            if iss != self.anchor.entity and iss not in self.provinces:
                continue  # a province that is only listed: its list is not at hand either
            try:
                require(all(link.exp > self.now for link in self._links(iss)), "trust.member-list-expired")
            except Refused as error:
                return error
        for iss, one in listed:
            if one is None:
                refused = self._refusal(iss, MEMBER_LIST) or self._refusal(sub=iss)
                ended = "member-list-expired" if iss in self.lists() else "no-current-member-list"
                return Refused(refused or f"trust.{ended}")
        return Refused("trust.not-a-member")

    def _authorities(self) -> list[str]:
        """The anchor and every province that has not left."""
        states = {sub: one.claims.get("comity_state", "active") for sub, one in self.provinces.items()}
        listed = self._current_list(self.anchor.entity)
        for entity, line in listed.members.items() if listed else ():
            if "region_prefix" in line:
                states[entity] = _worst([states.get(entity, "active"), line["state"]])
        return [self.anchor.entity, *(entity for entity, state in sorted(states.items()) if state != "removed")]


def _point(jwk: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(jwk.get(name) for name in ("kty", "crv", "x"))


def _common_keys(above: Keys, configuration: Stated) -> Keys:
    """TRU-8: the federation keys that level above and configuration both list; one of them signed the configuration."""
    common = {kid: key for kid, key in configuration.keys.items() if kid in above}
    require(common, "trust.no-common-key")
    require(configuration.kid in common, "trust.signer-dropped")
    return common

"""The decision (chapter 8): one function of this office, the evidence, and pictures of trust, agreements and status.

Stages follow DEC-3; of what they find, the lowest number of the closed list is the outcome (DEC-2). Nothing about the person
is read before office, issuer and coverage are settled (DEC-10).
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import attestation, catalogue, conditions, identifiers, status
from .agreement import Agreement, Book
from .attestation import Attestation
from .exchange import Answer
from .jws import CLOCK_SKEW
from .sdjwt import Challenge
from .schema import plain
from .status import StatusList
from .strict import ChainRefused, Refused
from .trust import Federation

NEED_LIST, NEED_LOOK_UP, NEED_HOLDER, FINAL = "need-status-list", "need-look-up", "need-holder", "decision"
_WAITS = ("RECOGNISED", "RECOGNISED_CONDITIONAL", "REVIEW_REQUIRED")
_OFFICE = {
    "not-ready": ("NODE_NOT_READY", "clock.behind"),
    "not-authorised": ("NOT_AUTHORISED", "actor.not-authorised"),
    "no-purpose": ("NOT_AUTHORISED", "actor.no-purpose"),
    "consent-missing": ("LEGAL_BASIS_MISSING", "consent.missing"),
    "quota": ("RATE_LIMITED", "quota.exceeded"),
}
# The table of 7.1: to which outcome a refused presentation leads; the first row in which a rule stands, or its beginning
# with a point.
_REFUSED = (
    ("UNKNOWN_ISSUER", "trust.not-a-member trust.not-listed trust.removed trust.authority attestation.environment"),
    ("ISSUER_SUSPENDED", "trust.suspended agreement.keys-not-vouched"),
    ("ISSUER_UNREACHABLE", "jws.unknown-key"),
    ("NODE_NOT_READY", "trust. attestation.iat-future"),
    ("UNSUPPORTED_VERSION", "attestation.vct jws.typ jws.alg"),
    ("PRESENTATION_EXPIRED", "kb.missing kb.aud kb.nonce kb.iat kb.cnf"),
    ("UNREADABLE", "presentation. symbol. sd-jwt.too-long sd-jwt.structure jws.too-long jws.structure budget"),
)


def outcome_of(refused: Refused) -> str:
    rule = refused.rule
    if isinstance(refused, ChainRefused) and not rule.startswith("trust."):
        return "NODE_NOT_READY"
    names = {rule, rule.split(".")[0] + "."}
    return next((outcome for outcome, rules in _REFUSED if names & set(rules.split())), "SIGNATURE_INVALID")


@dataclass(frozen=True)
class Case:
    """Everything that a decision rests on."""

    federation: Federation
    book: Book
    lists: Mapping[str, StatusList]
    tombstones: Mapping[str, Mapping[int, int]]
    recogniser: str
    service: str
    provider: str | None = None
    presented: str | None = None
    challenge: Challenge | None = None
    typed_issuer: str | None = None
    typed_name: str | None = None
    answer: Answer | None = None
    lookup_failed: bool = False
    on_line: bool = False
    status_refreshed: bool = False
    clerk: str = "pending"
    office: str | None = None

    @property
    def now(self) -> int:
        return self.federation.now

    @property
    def today(self) -> datetime.date:
        return identifiers.day_of(self.now)


@dataclass(frozen=True)
class Decided:
    """The step, and the decision as far as it goes (8.8)."""

    step: str
    decision: dict[str, Any]
    attestation: Attestation | None = None
    agreement: Agreement | None = None
    row: Mapping[str, Any] = field(default_factory=dict)


class _Ask(Exception):
    """The issuer can still be asked (DEC-11)."""


class _Found(Exception):
    """An outcome and its cause, where a stage ends. Within a stage they are looked for in the order of the closed list."""


@dataclass
class _Walk:
    case: Case
    missing: list[dict[str, Any]] = field(default_factory=list)
    advisories: set[str] = field(default_factory=set)
    attestation: Attestation | None = None
    issuer: str | None = None
    issuer_region: str | None = None
    own_region: str | None = None
    agreement: Agreement | None = None
    row: Mapping[str, Any] = field(default_factory=dict)
    age: int | None = None
    date: datetime.date | None = None
    endorsed_until: datetime.date | None = None
    claims: Mapping[str, Any] = field(default_factory=dict)
    tier: dict[str, str] | None = None

    def walk(self) -> Decided:
        found: list[tuple[str, str]] = []
        for stage in (self.office, self.member, self.presentation, self.coverage, self.person):
            try:
                if stage != self.person or not found:
                    stage()
            except _Found as one:
                found.append(one.args)
            except _Ask as ask:
                return Decided(str(ask), {}, self.attestation, self.agreement, self.row)
        numbers = catalogue.outcomes()
        outcome, cause = min(found, key=lambda one: numbers[one[0]].number)
        pending = outcome in _WAITS and self.case.clerk == "pending"
        decision = self._members(outcome, cause)
        return Decided(NEED_HOLDER if pending else FINAL, decision, self.attestation, self.agreement, self.row)

    # --- this office and the issuer (1 to 10) ---

    def office(self) -> None:
        if self.case.office is not None:
            raise _Found(*_OFFICE[self.case.office])

    def member(self) -> None:
        try:
            self.own_region = self.case.federation.county(self.case.recogniser).region
        except Refused as error:
            raise _Found("NODE_NOT_READY", error.rule) from error

    def presentation(self) -> None:
        case = self.case
        try:
            self.issuer = case.typed_issuer
            if case.presented is not None:
                self.attestation = attestation.open_presented(case.presented, case.federation, case.challenge)
                self.issuer = self.attestation.issuer
            if self.issuer is None:
                raise Refused("presentation.not-text")
            self.issuer_region = case.federation.county(self.issuer).region
        except Refused as error:
            if error.rule == "attestation.environment":
                self.advisories.add("WRONG_ENVIRONMENT")
            raise _Found(outcome_of(error), error.rule) from error

    # --- the agreement (11 to 13) ---

    def coverage(self) -> None:
        case = self.case
        if self.issuer is None or self.issuer_region is None or self.own_region is None:
            return
        try:
            in_force = case.book.between(self.issuer, case.recogniser, case.today)
        except Refused as error:
            none = error.rule == "agreement.none"
            raise _Found("NOT_IN_AGREEMENT" if none else "AGREEMENT_NOT_IN_FORCE", error.rule) from error
        refused = []
        for found in in_force:
            party = found.party(self.issuer) or {}
            if not case.federation.vouched(case.federation.county(self.issuer), party["federation_keys"]):
                raise _Found("ISSUER_SUSPENDED", "agreement.keys-not-vouched")
            try:
                self.row = found.covering_row(self.issuer_region, self.own_region, case.service, case.provider)
                self.agreement = found
                return
            except Refused as error:
                refused.append(error.rule)
        raise _Found("SERVICE_NOT_COVERED", refused[0])

    # --- status and dates (14 to 23), the holder and the conditions (24 to 27) ---

    def person(self) -> None:
        if self.attestation is not None:
            age = self._presented(self.attestation)
        elif self.case.answer is not None:
            age = self._answered(self.case.answer)
        else:
            self._ask_look_up()
            raise _Found("ISSUER_UNREACHABLE", "lookup.failed" if self.case.lookup_failed else "lookup.off-line")
        if age == "amber" and self.row.get("amber_status", False):  # DEC-14
            self.missing.append(conditions.missing("recheck_status", conditions.UNKNOWN))
        elif age == "amber":
            raise self._stale("status.age-not-allowed")
        self._conditions()
        self._holder()
        if self.missing:
            raise _Found("RECOGNISED_CONDITIONAL", "conditions.missing")
        raise _Found("RECOGNISED", "all-met")

    def _ask_list(self) -> None:
        if self.case.on_line and not self.case.status_refreshed:
            raise _Ask(NEED_LIST)

    def _ask_look_up(self) -> None:
        """Where the office is on line and has not asked yet; a name and a number have to be known."""
        case, shown = self.case, self.attestation.claims if self.attestation else None
        named = shown is None or ("name" in shown and bool({"id_number", "permit_number"} & shown.keys()))
        if case.on_line and case.answer is None and not case.lookup_failed and named:
            raise _Ask(NEED_LOOK_UP)

    def _age_class(self, as_of: int | None) -> str:
        assert self.agreement is not None
        if as_of is None:
            return "too-old"
        self.age = max(0, self.case.now - as_of)
        if self.age <= self.agreement.fresh_seconds:
            return "fresh"
        return "amber" if self.age <= self.agreement.usable_seconds else "too-old"

    def _presented(self, shown: Attestation) -> str:
        """The tables of 8.2, row by row; what is left is in order, with status of an age."""
        case, reading, refused = self.case, None, ""
        self.claims, self.endorsed_until = shown.claims, shown.endorsed_until
        held, graves = case.lists.get(shown.uri), case.tombstones.get(shown.uri, {})
        try:
            reading = status.read_entry(held, graves, shown.index, case.now)
        except Refused as error:
            refused = error.rule
        value = reading.value if reading else None
        if case.answer is not None:
            age = self._answered(case.answer)
            if value == status.CANCELLED:
                raise _Found("REVOKED", "status.cancelled")
            return age
        if shown.nbf > case.now + CLOCK_SKEW:
            self.date = identifiers.day_of(shown.nbf)
            raise _Found("NOT_YET_VALID", "permit.not-yet-valid")
        age = self._age_class(reading.as_of) if reading else ""
        if value == status.CANCELLED:
            raise _Found("REVOKED", "status.cancelled")
        if value == status.SUPERSEDED:
            self._ask_look_up()
            raise _Found("SUPERSEDED", "status.superseded")
        if held and refused == "status.ended":
            self._age_class(held.as_of)  # so much is known of it
        card = shown.claims.get("card_valid_until", case.today)
        passed = shown.endorsed_until < case.today or card < case.today  # ATT-5, DEC-19
        if passed:
            self._ask_look_up()
        if refused == "status.no-list":
            self._ask_list()
        if refused == "status.ended":
            self._ask_list()
            raise _Found("STATUS_STALE", "status.expired")
        if refused:
            raise _Found("ISSUER_UNREACHABLE", refused)
        if value == status.SUSPENDED and age == "fresh":
            self._ask_look_up()
            raise _Found("SUSPENDED", "status.suspended")
        if passed:
            self.advisories.add("ENDORSEMENT_SEEN_PASSED")
            raise self._stale("permit.date-passed-unconfirmed")
        if age != "fresh":
            self._ask_list()
        if value == status.SUSPENDED or age == "too-old":
            raise self._stale("status.too-old" if age == "too-old" else "status.not-fresh")
        return age

    def _answered(self, answer: Answer) -> str:
        """DEC-17: what the issuer says of the person outranks the presentation."""
        if answer.state is None:
            raise _Found("NO_MATCH", "lookup.no-match")
        state, today, age = answer.state, self.case.today, self._age_class(answer.as_of)
        self.claims = answer.claims  # 8.5: facts of the two are not mixed
        self.endorsed_until, card = state["endorsed_until"], state.get("card_valid_until", today)
        if state["valid_from"] > today:
            self.date = state["valid_from"]
            raise _Found("NOT_YET_VALID", "permit.not-yet-valid")
        if state["status"] in ("cancelled", "superseded"):
            revoked = state["status"] == "cancelled"
            raise _Found("REVOKED" if revoked else "SUPERSEDED", f"lookup.{state['status']}")
        if age == "too-old":
            raise self._stale("lookup.too-old")
        lapsed = card < today or self.endorsed_until < today
        if age == "amber" and (state["status"] != "valid" or lapsed):
            raise self._stale("lookup.not-fresh")
        if state["status"] != "valid":  # DEC-20: a date outranks `valid` alone
            lost = state["status"] == "reported_lost"
            raise _Found(
                "REPORTED_LOST" if lost else "SUSPENDED", "lookup.reported-lost" if lost else "lookup.suspended"
            )
        if lapsed:
            self.date = card if card < today else self.endorsed_until
            expired = ("EXPIRED", "permit.card-expired")
            raise _Found(*(expired if card < today else ("ENDORSEMENT_LAPSED", "permit.endorsement-lapsed")))
        return age

    def _stale(self, cause: str) -> _Found:
        self.advisories.add("LAST_KNOWN_STATUS")
        return _Found("STATUS_STALE", cause)

    def _conditions(self) -> None:
        assert self.agreement is not None
        shown = self.claims.get("tier")
        if shown is not None:  # DEC-29
            local = self.agreement.local_tier(self.issuer_region or "", self.own_region or "", shown)
            self.tier = {"issuer": shown} | ({"local": local} if local else {})
            if local not in (None, shown):
                self.advisories.add("TIER_MAPPED")
        facts = conditions.Facts(self.case.today, self.claims, self.endorsed_until, self.case.provider)
        self.missing += conditions.missing_of(self.row, facts)
        if (self.tier or {}).get("local") is None and (self.tier or "tier" in self.row["claims"]):
            self.missing.insert(0, conditions.missing("tier_mapping", conditions.UNKNOWN, self.row["owner"]))

    def _holder(self) -> None:
        shown = self.attestation.claims if self.attestation else {}
        answered = self.case.answer.claims if self.case.answer else {}
        if len({self.case.typed_name, shown.get("name"), answered.get("name")} - {None}) > 1:
            raise _Found("REVIEW_REQUIRED", "holder.name-differs")
        if len({shown.get("id_number"), answered.get("id_number")} - {None}) > 1:
            raise _Found("REVIEW_REQUIRED", "holder.number-differs")
        born, number = self.claims.get("birth_date"), self.claims.get("id_number")
        if born is not None and number is not None and f"{born:%Y%m%d}" != number[6:14]:
            raise _Found("REVIEW_REQUIRED", "holder.birth-date-differs")
        if self.case.clerk == "review":
            raise _Found("REVIEW_REQUIRED", "clerk.review")
        if self.case.clerk == "mismatch":
            raise _Found("HOLDER_MISMATCH", "clerk.mismatch")

    # --- the result ---

    def _members(self, outcome: str, cause: str) -> dict[str, Any]:
        case, texts = self.case, catalogue.outcomes()[outcome]
        recognised = outcome in ("RECOGNISED", "RECOGNISED_CONDITIONAL")
        if recognised and self.endorsed_until and (self.endorsed_until - case.today).days <= 30:
            self.advisories.add("ENDORSEMENT_DUE_SOON")
        if self.age is not None and (self.age >= 3600 or not case.on_line):
            self.advisories.add("STATUS_AGE")
        if case.lookup_failed:
            self.advisories.add("LOOKUP_FAILED")
        members: dict[str, Any] = {
            "outcome": outcome,
            "confirmation": case.clerk if case.clerk in ("confirmed", "mismatch") else "pending",
            "channel": "looked_up" if case.presented is None or case.answer else "presented",
            "decided_at": case.now,
            "service": case.service,
            "provider": case.provider,
            "recogniser": self.own_region,
            "issuer": self.issuer,
            "issuer_region": self.issuer_region,
            "agreement": self.agreement.reference if self.agreement else None,
            "tier": self.tier,
            "endorsed_until": self.endorsed_until,
            "date": self.date,
            "status_age_seconds": self.age,
            "cause": cause,
            "missing": self.missing if texts.number >= 24 else [],
            "advisories": [{"code": code, "text": catalogue.ADVISORIES[code]} for code in sorted(self.advisories)],
            "text": texts.text,
            "next_step": texts.next_step,
        }
        return {name: plain(value) for name, value in members.items() if value is not None}


def decide(case: Case) -> Decided:
    """DEC-8: the same inputs give the same decision."""
    return _Walk(case).walk()

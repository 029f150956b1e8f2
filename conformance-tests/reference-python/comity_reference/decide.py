"""The decision (chapter 8): one function of this office, the evidence, and pictures of trust, agreements and status.

Every stage adds the findings that apply; the stages follow DEC-3, and of the findings of all stages reached the lowest
number of the closed list is the outcome (DEC-2). A stage that found something ends the walk, so that nothing about the
person is read before coverage is settled (DEC-10).
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
from .sdjwt import Challenge
from .schema import plain
from .status import StatusList
from .strict import Refused
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


def outcome_of(rule: str) -> str:
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
    row: Mapping[str, Any] | None = None


class _Ask(Exception):
    """The issuer can still be asked (DEC-11)."""


@dataclass
class _Walk:
    case: Case
    findings: list[tuple[str, str]] = field(default_factory=list)
    missing: list[dict[str, Any]] = field(default_factory=list)
    advisories: set[str] = field(default_factory=set)
    attestation: Attestation | None = None
    issuer: str | None = None
    issuer_region: str | None = None
    own_region: str = ""
    agreement: Agreement | None = None
    row: Mapping[str, Any] | None = None
    age: int | None = None
    date: datetime.date | None = None
    endorsed_until: datetime.date | None = None
    claims: Mapping[str, Any] = field(default_factory=dict)
    tier: dict[str, str] | None = None

    def find(self, outcome: str, cause: str) -> None:
        self.findings.append((outcome, cause))

    # --- this office and the issuer (1 to 10) ---

    def office(self) -> None:
        case = self.case
        if case.office is not None:
            self.find(*_OFFICE[case.office])
        try:
            self.own_region = case.federation.county(case.recogniser).region
        except Refused as error:
            self.find("NODE_NOT_READY", error.rule)

    def presentation(self) -> None:
        case = self.case
        try:
            if case.presented is not None:
                self.attestation = attestation.open_presented(case.presented, case.federation, case.challenge)
                self.issuer = self.attestation.issuer
            elif case.typed_issuer is not None:
                self.issuer = case.typed_issuer
            else:
                raise Refused("presentation.not-text")
            self.issuer_region = case.federation.county(self.issuer).region
        except Refused as error:
            if error.rule == "attestation.environment":
                self.advisories.add("WRONG_ENVIRONMENT")
            self.find(outcome_of(error.rule), error.rule)

    # --- the agreement (11 to 13) ---

    def coverage(self) -> None:
        case = self.case
        if self.issuer is None or self.issuer_region is None or not self.own_region:
            return
        if self.issuer == case.recogniser:
            self.find("NOT_IN_AGREEMENT", "agreement.none")
            return
        try:
            in_force = case.book.between(self.issuer, case.recogniser, case.today)
        except Refused as error:
            none = error.rule == "agreement.none"
            self.find("NOT_IN_AGREEMENT" if none else "AGREEMENT_NOT_IN_FORCE", error.rule)
            return
        county = case.federation.county(self.issuer)
        refused = ""
        for found in in_force:
            if not case.federation.vouched(county, (found.party(self.issuer) or {})["federation_keys"]):
                self.find("ISSUER_SUSPENDED", "agreement.keys-not-vouched")
                return
            try:
                self.row = found.covering_row(self.issuer_region, self.own_region, case.service, case.provider)
                self.agreement = found
                return
            except Refused as error:
                refused = refused or error.rule
        self.find("SERVICE_NOT_COVERED", refused)

    # --- status and dates (14 to 23) ---

    def standing(self) -> None:
        if self.attestation is not None:
            self._presented(self.attestation)
        elif self.case.answer is not None:
            self._answered(self.case.answer)
        elif self._may_ask():
            raise _Ask(NEED_LOOK_UP)
        else:
            self.find("ISSUER_UNREACHABLE", "lookup.failed" if self.case.lookup_failed else "lookup.off-line")

    def _may_ask(self) -> bool:
        """Whether the issuer can be asked about the person: on line, not yet asked, and a name and a number are known."""
        shown = self.attestation.claims if self.attestation else None
        named = shown is None or ("name" in shown and bool({"id_number", "permit_number"} & shown.keys()))
        return self.case.on_line and self.case.answer is None and not self.case.lookup_failed and named

    def _age_class(self, as_of: int | None) -> str:
        assert self.agreement is not None
        if as_of is None:
            return "too-old"
        self.age = max(0, self.case.now - as_of)
        if self.age <= self.agreement.fresh_seconds:
            return "fresh"
        return "amber" if self.age <= self.agreement.usable_seconds else "too-old"

    def _presented(self, shown: Attestation) -> None:
        case = self.case
        self.claims = shown.claims
        self.endorsed_until = shown.endorsed_until
        if case.now < shown.nbf and case.answer is None:
            self.date = identifiers.day_of(shown.nbf)
            self.find("NOT_YET_VALID", "permit.not-yet-valid")  # outranks whatever status would say (DEC-2)
            return
        reading, refused = None, ""
        held = case.lists.get(shown.uri)
        try:
            reading = status.read_entry(held, case.tombstones.get(shown.uri, {}), shown.index, case.now)
        except Refused as error:
            refused = error.rule
        age = self._age_class(reading.as_of) if reading else "none"
        if reading and reading.value == status.CANCELLED:
            self.find("REVOKED", "status.cancelled")
            return
        if case.answer is not None:
            self._answered(case.answer)
            return
        passed = self._passed(shown)
        superseded = reading is not None and reading.value == status.SUPERSEDED  # said on data of any age (DEC-15)
        settled_by_answer = superseded or (passed and reading is not None and self._may_ask())
        if case.on_line and not case.status_refreshed and age != "fresh" and not settled_by_answer:
            raise _Ask(NEED_LIST)
        if reading is None:
            if refused == "status.ended":
                self._stale("status.expired", known=False)
            else:
                self.find("ISSUER_UNREACHABLE", refused)
            return
        if self._may_ask() and (passed or reading.value in (status.SUSPENDED, status.SUPERSEDED)):
            raise _Ask(NEED_LOOK_UP)
        if reading.value == status.SUPERSEDED:
            self.find("SUPERSEDED", "status.superseded")
        elif reading.value == status.SUSPENDED and age == "fresh":
            self.find("SUSPENDED", "status.suspended")
        elif passed:
            self.advisories.add("ENDORSEMENT_SEEN_PASSED")
            self._stale("permit.date-passed-unconfirmed")
        elif reading.value == status.SUSPENDED:
            self._stale("status.age-not-allowed")
        else:
            self._in_order(age)

    def _passed(self, shown: Attestation) -> bool:
        """DEC-19: a date in the presentation that has passed."""
        card = shown.claims.get("card_valid_until")
        return self.case.now > shown.exp or (card is not None and card < self.case.today)

    def _answered(self, answer: Answer) -> None:
        """DEC-17: what the issuer says of the person outranks the presentation."""
        if answer.state is None:
            self.find("NO_MATCH", "lookup.no-match")
            return
        state, today = answer.state, self.case.today
        self.claims = {**self.claims, **answer.claims}
        self.endorsed_until = state["endorsed_until"]
        age = self._age_class(answer.as_of)
        if state["valid_from"] > today:
            self.date = state["valid_from"]
            self.find("NOT_YET_VALID", "permit.not-yet-valid")
        if state["status"] == "cancelled":
            self.find("REVOKED", "lookup.cancelled")
        elif state["status"] == "superseded":
            self.find("SUPERSEDED", "lookup.superseded")
        else:
            repairable = self._repairable(state)
            if repairable and age != "fresh":
                self._stale("status.age-not-allowed")
            elif repairable:
                self.findings += repairable
            else:
                self._in_order(age)

    def _repairable(self, state: Mapping[str, Any]) -> list[tuple[str, str]]:
        """20 to 23: what the issuer may have put right since; DEC-20 lets a date outrank `valid` alone."""
        today = self.case.today
        if state["status"] == "reported_lost":
            return [("REPORTED_LOST", "lookup.reported-lost")]
        if state["status"] == "suspended":
            return [("SUSPENDED", "lookup.suspended")]
        found = []
        if state.get("card_valid_until", today) < today:
            self.date = state["card_valid_until"]
            found.append(("EXPIRED", "permit.card-expired"))
        if state["endorsed_until"] < today:
            self.date = self.date or state["endorsed_until"]
            found.append(("ENDORSEMENT_LAPSED", "permit.endorsement-lapsed"))
        return found

    def _stale(self, cause: str, known: bool = True) -> None:
        if known:
            self.advisories.add("LAST_KNOWN_STATUS")
        self.find("STATUS_STALE", cause)

    def _in_order(self, age: str) -> None:
        """DEC-14."""
        assert self.row is not None
        if age == "amber" and self.row.get("amber_status", False):
            self.missing.append(conditions.missing("recheck_status", conditions.UNKNOWN))
        elif age != "fresh":
            self._stale("status.age-not-allowed")

    # --- the holder and the conditions (24 to 27) ---

    def map_tier(self) -> None:
        """DEC-29; told of whoever may still be recognised."""
        shown = self.claims.get("tier")
        if self.findings or shown is None or self.agreement is None:
            return
        local = self.agreement.local_tier(self.issuer_region or "", self.own_region, shown)
        self.tier = {"issuer": shown} | ({"local": local} if local else {})
        if local not in (None, shown):
            self.advisories.add("TIER_MAPPED")

    def holder(self) -> None:
        case, claims = self.case, self.claims
        told = [one for one in (case.typed_name, self._shown("name"), self._answer("name")) if one is not None]
        if len(set(told)) > 1:
            self.find("REVIEW_REQUIRED", "holder.name-differs")
        shown, answered = self._shown("id_number"), self._answer("id_number")
        if shown is not None and answered is not None and shown != answered:
            self.find("REVIEW_REQUIRED", "holder.number-differs")
        born, number = claims.get("birth_date"), claims.get("id_number")
        if born is not None and number is not None and f"{born:%Y%m%d}" != number[6:14]:
            self.find("REVIEW_REQUIRED", "holder.birth-date-differs")
        if case.clerk == "review":
            self.find("REVIEW_REQUIRED", "clerk.review")
        if case.clerk == "mismatch":
            self.find("HOLDER_MISMATCH", "clerk.mismatch")

    def _shown(self, name: str) -> Any:
        return self.attestation.claims.get(name) if self.attestation else None

    def _answer(self, name: str) -> Any:
        return self.case.answer.claims.get(name) if self.case.answer else None

    def conditions(self) -> None:
        assert self.row is not None and self.agreement is not None
        facts = conditions.Facts(self.case.today, self.claims, self.endorsed_until, self.case.provider)
        self.missing[:0] = conditions.missing_of(self.row, facts)
        if (self.tier or {}).get("local") is None and (self.tier or "tier" in self.row["claims"]):
            self.missing.append(conditions.missing("tier_mapping", conditions.UNKNOWN, self.row["owner"]))
        if self.missing:
            self.find("RECOGNISED_CONDITIONAL", "conditions.missing")
        else:
            self.find("RECOGNISED", "all-met")

    # --- the result ---

    def walk(self) -> Decided:
        try:
            self.office()
            self.presentation()
            self.coverage()
            if not self.findings:
                self.standing()
                self.map_tier()
            if not self.findings:
                self.conditions()
                self.holder()
        except _Ask as ask:
            return Decided(str(ask), {}, self.attestation, self.agreement, self.row)
        numbers = catalogue.outcomes()
        outcome, cause = min(self.findings, key=lambda one: numbers[one[0]].number)
        self._advise(outcome)
        pending = outcome in _WAITS and self.case.clerk == "pending"
        decision = self._members(outcome, cause)
        return Decided(NEED_HOLDER if pending else FINAL, decision, self.attestation, self.agreement, self.row)

    def _advise(self, outcome: str) -> None:
        recognised = outcome in ("RECOGNISED", "RECOGNISED_CONDITIONAL")
        if recognised and self.endorsed_until and (self.endorsed_until - self.case.today).days <= 30:
            self.advisories.add("ENDORSEMENT_DUE_SOON")
        if self.age is not None and (self.age >= 3600 or not self.case.on_line):
            self.advisories.add("STATUS_AGE")
        if self.case.lookup_failed:
            self.advisories.add("LOOKUP_FAILED")

    def _members(self, outcome: str, cause: str) -> dict[str, Any]:
        case, texts = self.case, catalogue.outcomes()[outcome]
        clerk = {"confirmed": "confirmed", "mismatch": "mismatch"}.get(case.clerk, "pending")
        members: dict[str, Any] = {
            "outcome": outcome,
            "confirmation": clerk,
            "channel": "presented" if case.presented is not None else "looked_up",
            "decided_at": case.now,
            "service": case.service,
            "provider": case.provider,
            "recogniser": self.own_region or None,
            "issuer": self.issuer,
            "issuer_region": self.issuer_region,
            "agreement": self.agreement.reference if self.agreement else None,
            "tier": self.tier,
            "endorsed_until": self.endorsed_until,
            "date": self.date,
            "status_age_seconds": self.age,
            "cause": cause,
            "missing": self.missing if catalogue.outcomes()[outcome].number >= 24 else [],
            "advisories": [{"code": code, "text": catalogue.ADVISORIES[code]} for code in sorted(self.advisories)],
            "text": texts.text,
            "next_step": texts.next_step,
        }
        return {name: plain(value) for name, value in members.items() if value is not None}


def decide(case: Case) -> Decided:
    """DEC-8: the same inputs give the same decision."""
    return _Walk(case).walk()

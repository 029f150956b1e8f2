"""The recogniser's window: recognise, look up, confirm (chapters 7 to 9)."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import attestation, decide, exchange, identifiers, jws, receipt, status
from .client import LIST_CAP, Client, FetchError
from .decide import FINAL, NEED_HOLDER, NEED_LIST, NEED_LOOK_UP, Case, Decided
from .exchange import Answer
from .keys import SigningKey
from .resolver import Trust
from .status import StatusList
from .store import Store
from .strict import Refused, unb64url
from .treaties import Treaties

OFFICER = "officer-01"
_WORTH_RESOLVING = (
    "jws.unknown-key",
    "trust.chain-expired",
    "trust.not-a-member",
    "trust.incomplete",
    "trust.not-listed",
)
_NOBODY = "https://nobody.invalid"
_GREY_DAYS = 3


@dataclass
class Visit:
    """One verification at the window, until it is confirmed."""

    case: Case
    decided: Decided
    person: tuple[str, str] | None
    evidence: list[dict[str, str]] = field(default_factory=list)


class Office:
    def __init__(
        self,
        store: Store,
        me: str,
        environment: str,
        trust: Trust,
        treaties: Treaties,
        client: Client,
        exchange_key: SigningKey,
        receipt_key: SigningKey,
        now: Callable[[], int],
    ) -> None:
        self._store, self._me, self._environment = store, me, environment
        self._trust, self._treaties, self._client = trust, treaties, client
        self._exchange_key, self._receipt_key, self._now = exchange_key, receipt_key, now
        self._visits: dict[str, Visit] = {}
        self._names = itertools.count(1)

    # --- lists ---

    def held_list(self, uri: str) -> StatusList | None:
        """The list of an address as it was accepted; only its signature is not checked again."""
        row = self._store.row("SELECT token FROM held_list WHERE uri = ?", uri)
        if not row:
            return None
        payload = jws.peek(row[0])
        entries = status.inflate(unb64url(payload["status_list"]["lst"]))
        times = (payload["iat"], payload["exp"], payload["source_as_of"])
        return StatusList(row[0], payload["iss"], uri, *times, entries)

    def tombstones(self, uri: str) -> dict[int, int]:
        return dict(self._store.rows("SELECT idx, value FROM tombstone WHERE uri = ?", uri))

    def fetch_list(self, uri: str) -> bool:
        """Fetches one list; whatever goes wrong, what was held before stays (TRU-23, STA-9)."""
        now = self._now()
        try:
            token = self._client.fetch(uri, LIST_CAP)
            found = status.accept(token, self._trust.picture(now), self.held_list(uri), now)
        except (FetchError, Refused):
            return False
        if found.sub != uri:
            return False
        with self._store.transaction() as database:
            database.execute("INSERT OR REPLACE INTO held_list VALUES (?, ?, ?)", (uri, found.iat, token))
            known = self.tombstones(uri)
            for index, value in found.permanent().items():
                if known.get(index) != status.CANCELLED:
                    database.execute("INSERT OR REPLACE INTO tombstone VALUES (?, ?, ?)", (uri, index, value))
        return True

    def known_lists(self) -> list[str]:
        return [row[0] for row in self._store.rows("SELECT uri FROM held_list")]

    # --- verification ---

    def recognise(self, text: str, service: str, provider: str | None, holder_name: str | None) -> dict[str, Any]:
        case = self._case(service, provider, presented=text, typed_name=holder_name)
        decided = self._settle(case, None)
        shown = decided.decided.attestation
        if shown is not None:
            decided.evidence.append(receipt.evidence("attestation", shown.presented.encode()))
            held = decided.case.lists.get(shown.uri)
            if held:
                decided.evidence.append(receipt.evidence("status_list", status.payload_digest(held)))
            if "name" in shown.claims and "id_number" in shown.claims:
                decided.person = (shown.claims["name"], shown.claims["id_number"])
        return self._verdict(decided)

    def look_up(
        self, region: str, number: dict[str, str], name: str, service: str, provider: str | None
    ) -> dict[str, Any]:
        picture = self._trust.picture(self._now())
        issuer = next((one.entity for one in picture.active() if one.region == region), None)
        if issuer is None:
            lines = [line for one in picture.lists.values() for line in one.members.values()]
            issuer = next((line["entity"] for line in lines if line.get("region") == region), _NOBODY)
        case = self._case(service, provider, typed_issuer=issuer, typed_name=name)
        visit = self._settle(case, {"number": number, "name": name})
        visit.person = (name, next(iter(number.values())))
        return self._verdict(visit)

    def _case(self, service: str, provider: str | None, **more: Any) -> Case:
        now = self._now()
        return Case(
            federation=self._trust.picture(now),
            book=self._treaties.book(),
            lists={},
            tombstones={},
            recogniser=self._me,
            service=service,
            provider=provider,
            on_line=True,
            **more,
        )

    def _settle(self, case: Case, subject: dict[str, Any] | None) -> Visit:
        """Asks for what the decision needs, each at most once (DEC-11), and resolves a chain anew at most once (7.1)."""
        evidence: list[dict[str, str]] = []
        resolved = False
        while True:
            decided = decide.decide(case)
            cause = decided.decision.get("cause")
            if cause in _WORTH_RESOLVING and not resolved and case.presented is not None:
                resolved = True
                issuer = attestation.issuer_of(case.presented)
                self._trust.refresh(self._now, issuer)
                case = dataclasses.replace(case, federation=self._trust.picture(self._now()))
                continue
            shown = decided.attestation
            if shown is not None and shown.uri not in case.lists:
                held = self.held_list(shown.uri)
                graves = {shown.uri: self.tombstones(shown.uri)}
                if held is not None or graves[shown.uri]:
                    lists = {shown.uri: held} if held is not None else {}
                    if lists != dict(case.lists) or graves != dict(case.tombstones):
                        case = dataclasses.replace(case, lists=lists, tombstones=graves)
                        continue
            if decided.step == NEED_LIST and shown is not None:
                self.fetch_list(shown.uri)
                held = self.held_list(shown.uri)
                case = dataclasses.replace(
                    case,
                    lists={shown.uri: held} if held else {},
                    tombstones={shown.uri: self.tombstones(shown.uri)},
                    status_refreshed=True,
                )
            elif decided.step == NEED_LOOK_UP:
                answer = self._ask(case, decided, subject, evidence)
                case = dataclasses.replace(case, answer=answer, lookup_failed=answer is None)
            else:
                return Visit(case, decided, None, evidence)

    def _ask(
        self, case: Case, decided: Decided, subject: dict[str, Any] | None, evidence: list[dict[str, str]]
    ) -> Answer | None:
        """7.2: one signed request; a bad answer is none (VER-14)."""
        assert decided.agreement is not None and decided.row is not None
        shown = decided.attestation
        if subject is None:
            if shown is None or "name" not in shown.claims:
                return None
            numbers = {name: shown.claims[name] for name in ("id_number", "permit_number") if name in shown.claims}
            if not numbers:
                return None
            subject = {"number": dict([next(iter(numbers.items()))]), "name": shown.claims["name"]}
        issuer = shown.issuer if shown else case.typed_issuer
        assert issuer is not None
        now = self._now()
        payload = {
            "iss": self._me,
            "aud": issuer,
            "iat": now,
            "exp": now + exchange.REQUEST_LIFE,
            "jti": identifiers.new_jti(),
            "purpose": "SERVICE",
            "service": case.service,
            **({"provider": case.provider} if case.provider else {}),
            "legal_basis": "STATUTORY_DUTY",
            "agreement": decided.agreement.reference,
            "claims": decided.row["claims"],
            "case_ref": identifiers.new_jti(),
            "subject": subject,
            "environment": self._environment,
        }
        request = jws.sign(self._exchange_key, exchange.REQUEST, payload)
        try:
            county = case.federation.county(issuer)
            url = county.federation_endpoint + "/federation/v1/verifications"
            got = self._client.post(url, request.encode(), "application/jose", county.pins)
            if got.status != 200 or got.media_type != "application/jose":
                return None
            answer = exchange.read_answer(request, got.body.decode("ascii"), self._trust.picture(self._now()))
        except (FetchError, Refused, UnicodeDecodeError):
            return None
        evidence.append(receipt.evidence("request", request.encode("ascii")))
        evidence.append(receipt.evidence("response", got.body))
        return answer

    # --- the named person, and the receipt ---

    def confirm(self, name: str, holder: str) -> dict[str, Any]:
        visit = self._visits.get(name)
        if visit is None:
            raise Refused("office.unknown-case")
        if visit.decided.step == NEED_HOLDER:
            clerk = {"same": "confirmed", "different": "mismatch", "unsure": "review"}[holder]
            visit.case = dataclasses.replace(visit.case, clerk=clerk)
            visit.decided = decide.decide(visit.case)
        decision = visit.decided.decision
        told: dict[str, Any] = {"outcome": decision["outcome"]}
        signed = self._receipt(visit)
        return told | ({"receipt": signed} if signed else {})

    def _receipt(self, visit: Visit) -> dict[str, str] | None:
        decision, now = visit.decided.decision, self._now()
        if visit.decided.step != FINAL or "recogniser" not in decision:
            return None
        trace = identifiers.new_trace_number(decision["recogniser"], now)
        if visit.decided.agreement is not None:
            visit.evidence.append(receipt.evidence("agreement", unb64url(visit.decided.agreement.digest)))
        claims: dict[str, Any] = {
            "iss": self._me,
            "iat": now,
            "exp": _reliable_until(decision, now),
            "trace": trace,
            "decision": decision,
            "decided_by": OFFICER,
            "evidence": visit.evidence,
            "environment": self._environment,
        }
        if decide.outcome_class(decision["outcome"]) == "GREY":
            how = {
                "zh": "由本窗口联系签发地核实后告知",
                "en": "This office asks the issuing county and tells the holder",
            }
            claims["follow_up"] = {"due": now + _GREY_DAYS * 86400, "how": how}
        with self._store.transaction():
            line = {"at": now, "kind": "decision", "trace": trace, "outcome": decision["outcome"], "by": OFFICER}
            self._store.record(line | {"evidence": visit.evidence})
        return receipt.sign(self._receipt_key, claims, visit.person)

    def _verdict(self, visit: Visit) -> dict[str, Any]:
        name = str(next(self._names))
        self._visits[name] = visit
        decision = visit.decided.decision
        told = {
            "case": name,
            "step": "provisional" if visit.decided.step == NEED_HOLDER else "final",
            "outcome": decision["outcome"],
            "class": decide.outcome_class(decision["outcome"]),
        }
        more = ("text", "next_step", "cause", "missing", "advisories", "tier", "status_age_seconds", "agreement")
        return told | {one: decision[one] for one in more if one in decision}


def _reliable_until(decision: dict[str, Any], now: int) -> int:
    """9.1: recognition to the end of the last endorsed day, 72 hours where status is to be checked again, others 60 days."""
    if decision["outcome"] not in ("RECOGNISED", "RECOGNISED_CONDITIONAL"):
        return now + 60 * receipt.DAY
    if any(one["code"] == "recheck_status" for one in decision["missing"]):
        return now + 3 * receipt.DAY
    until = decision.get("endorsed_until")
    last = identifiers.last_second(identifiers.date(until)) if until else now + receipt.DAY
    return min(last, now + 366 * receipt.DAY)

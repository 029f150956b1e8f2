"""The recogniser's window: recognise, look up, confirm (chapters 7 to 9)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from . import attestation, catalogue, decide, exchange, identifiers, jws, receipt, status
from .attestation import Attestation
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
DAY = 86400
_WORTH_RESOLVING = (
    "jws.unknown-key",
    "trust.chain-expired",
    "trust.not-a-member",
    "trust.incomplete",
    "trust.not-listed",
)
_NOBODY = "https://nobody.invalid"
_FOLLOW_UP = catalogue.bilingual(
    "由本窗口联系签发地核实后告知", "This office asks the issuing county and tells the holder"
)


@dataclass
class Visit:
    """One verification at the window, until it is confirmed. `subject` is who was looked up."""

    case: Case
    subject: dict[str, Any] | None = None
    decided: Decided = field(init=False)
    person: tuple[str, str] | None = None
    evidence: list[dict[str, str]] = field(default_factory=list)

    def keep(self, kind: str, octets: bytes) -> None:
        self.evidence.append(receipt.evidence(kind, octets))


class Office:
    def __init__(
        self, store: Store, me: str, trust: Trust, treaties: Treaties, client: Client, keys: dict[str, SigningKey]
    ) -> None:
        self._store, self._me, self._keys = store, me, keys
        self._trust, self._treaties, self._client = trust, treaties, client
        self._visits: dict[str, Visit] = {}
        self._names = itertools.count(1)

    # --- lists ---

    def _held_list(self, uri: str) -> StatusList | None:
        """The list of an address as it was accepted; only its signature is not checked again."""
        row = self._store.row("SELECT token FROM held_list WHERE uri = ?", uri)
        return status.read(row[0], jws.peek(row[0])) if row else None

    def _tombstones(self, uri: str) -> dict[int, int]:
        return dict(self._store.rows("SELECT idx, value FROM tombstone WHERE uri = ?", uri))

    def fetch_list(self, uri: str, now: int) -> None:
        """Fetches one list; whatever goes wrong, what was held before stays (TRU-23, STA-9)."""
        try:
            token, picture = self._client.fetch(uri, LIST_CAP), self._trust.picture(now)
            found = status.accept(token, picture, self._held_list(uri), now)
            county = picture.county(found.iss)
        except (FetchError, Refused):
            return
        pinned = [held.agreement.party(found.iss) for held in self._treaties.book().adopted]
        spoken_for = any(picture.vouched(county, party["federation_keys"]) for party in pinned if party)
        if found.sub != uri or not spoken_for:  # STA-12: who speaks in its name by another's key cancels nothing
            return
        with self._store.transaction() as database:
            database.execute("INSERT OR REPLACE INTO held_list VALUES (?, ?)", (uri, token))
            known = self._tombstones(uri)
            for index, value in found.permanent().items():
                if known.get(index) != status.CANCELLED:
                    database.execute("INSERT OR REPLACE INTO tombstone VALUES (?, ?, ?)", (uri, index, value))

    def known_lists(self) -> list[str]:
        return [row[0] for row in self._store.rows("SELECT uri FROM held_list")]

    # --- verification ---

    def recognise(
        self, now: Callable[[], int], text: str, service: str, provider: str | None, holder_name: str | None
    ) -> dict[str, Any]:
        visit = Visit(self._case(now(), service, provider, presented=text, typed_name=holder_name))
        self._settle(visit, now)
        shown = visit.decided.attestation
        if shown is not None:
            visit.keep("attestation", shown.presented.encode())
            if held := visit.case.lists.get(shown.uri):
                visit.keep("status_list", unb64url(held.token.split(".")[1]))
            if {"name", "id_number"} <= shown.claims.keys():
                visit.person = (shown.claims["name"], shown.claims["id_number"])
        return self._verdict(visit)

    def look_up(
        self, now: Callable[[], int], region: str, number: dict[str, str], name: str, service: str, provider: str | None
    ) -> dict[str, Any]:
        picture = self._trust.picture(now())
        named = [one.entity for one in picture.active() if one.region == region]
        for listed in picture.lists().values():
            named += [entity for entity, line in listed.members.items() if line.get("region") == region]
        case = self._case(now(), service, provider, typed_issuer=(named or [_NOBODY])[0], typed_name=name)
        visit = Visit(case, {"number": number, "name": name}, person=(name, next(iter(number.values()))))
        self._settle(visit, now)
        return self._verdict(visit)

    def _case(self, now: int, service: str, provider: str | None, **more: Any) -> Case:
        picture, book = self._trust.picture(now), self._treaties.book()
        return Case(picture, book, {}, {}, self._me, service, provider, on_line=True, **more)

    def _settle(self, visit: Visit, now: Callable[[], int]) -> None:
        """Asks for what the decision needs, each at most once (DEC-11), and resolves a chain anew at most once (7.1)."""
        resolved = False
        while True:
            case = visit.case
            decided = visit.decided = decide.decide(case)
            shown = decided.attestation
            if decided.decision.get("cause") in _WORTH_RESOLVING and not resolved and case.presented is not None:
                resolved = True
                self._trust.refresh(now, attestation.issuer_of(case.presented))
                visit.case = replace(case, federation=self._trust.picture(now()))
            elif shown is not None and shown.uri not in case.tombstones:
                visit.case = self._with_list(case, shown)
            elif decided.step == NEED_LIST and shown is not None:
                self.fetch_list(shown.uri, now())
                visit.case = replace(self._with_list(case, shown), status_refreshed=True)
            elif decided.step == NEED_LOOK_UP:
                answer = self._ask(visit, now)
                visit.case = replace(case, answer=answer, lookup_failed=answer is None)
            else:
                return

    def _with_list(self, case: Case, shown: Attestation) -> Case:
        """What is held of the list that an attestation names."""
        held = self._held_list(shown.uri)
        lists = {shown.uri: held} if held else {}
        return replace(case, lists=lists, tombstones={shown.uri: self._tombstones(shown.uri)})

    def _ask(self, visit: Visit, now: Callable[[], int]) -> Answer | None:
        """7.2: one signed request; a bad answer is none (VER-14)."""
        case, decided, subject = visit.case, visit.decided, visit.subject
        issuer, at = case.typed_issuer, now()
        if decided.attestation is not None:
            issuer, claims = decided.attestation.issuer, decided.attestation.claims
            number = next(name for name in ("id_number", "permit_number") if name in claims)
            subject = {"number": {number: claims[number]}, "name": claims["name"]}
        assert issuer is not None and decided.agreement is not None
        payload = {
            "iss": self._me,
            "aud": issuer,
            "iat": at,
            "exp": at + exchange.REQUEST_LIFE,
            "jti": identifiers.new_jti(),
            "purpose": "SERVICE",
            "service": case.service,
            **({"provider": case.provider} if case.provider else {}),
            "legal_basis": "STATUTORY_DUTY",
            "agreement": decided.agreement.reference,
            "claims": decided.row["claims"],
            "case_ref": identifiers.new_jti(),
            "subject": subject,
            "environment": case.federation.anchor.environment,
        }
        request = jws.sign(self._keys["exchange"], exchange.REQUEST, payload)
        try:
            county = case.federation.county(issuer)
            url = county.federation_endpoint + "/federation/v1/verifications"
            got = self._client.post(url, request.encode(), "application/jose", county.pins)
            if got.status != 200 or got.media_type != "application/jose":
                return None
            answer = exchange.read_answer(request, got.body.decode("ascii"), self._trust.picture(now()))
        except (FetchError, Refused, UnicodeDecodeError):
            return None
        visit.keep("request", request.encode("ascii"))
        visit.keep("response", got.body)
        return answer

    # --- the named person, and the receipt ---

    def confirm(self, now: int, name: str, holder: str) -> dict[str, Any]:
        if name not in self._visits:
            raise Refused("office.unknown-case")
        visit = self._visits[name]
        if visit.decided.step == NEED_HOLDER:
            clerk = {"same": "confirmed", "different": "mismatch", "unsure": "review"}[holder]
            visit.case = replace(visit.case, clerk=clerk)
            visit.decided = decide.decide(visit.case)
        decision = visit.decided.decision
        told: dict[str, Any] = {"outcome": decision["outcome"]}
        if visit.decided.step == FINAL and "recogniser" in decision:
            told["receipt"] = self._receipt(visit, decision, now)
        return told

    def _receipt(self, visit: Visit, decision: dict[str, Any], now: int) -> dict[str, str]:
        trace = identifiers.new_trace_number(decision["recogniser"], now)
        if visit.decided.agreement is not None:
            visit.keep("agreement", unb64url(visit.decided.agreement.digest))
        claims: dict[str, Any] = {
            "iss": self._me,
            "iat": now,
            "exp": _reliable_until(decision, now),
            "trace": trace,
            "decision": decision,
            "decided_by": OFFICER,
            "evidence": visit.evidence,
            "environment": visit.case.federation.anchor.environment,
        }
        if catalogue.outcome(decision["outcome"]).outcome_class == "GREY":
            claims["follow_up"] = {"due": now + 3 * DAY, "how": _FOLLOW_UP}
        line = {"at": now, "kind": "decision", "trace": trace, "outcome": decision["outcome"], "by": OFFICER}
        self._store.record(line | {"evidence": visit.evidence})
        return receipt.sign(self._keys["receipt"], claims, visit.person)

    def _verdict(self, visit: Visit) -> dict[str, Any]:
        name = str(next(self._names))
        self._visits[name] = visit
        decision = visit.decided.decision
        told = {
            "case": name,
            "step": "provisional" if visit.decided.step == NEED_HOLDER else "final",
            "outcome": decision["outcome"],
            "class": catalogue.outcome(decision["outcome"]).outcome_class,
        }
        more = ("text", "next_step", "cause", "missing", "advisories", "tier", "status_age_seconds", "agreement")
        return told | {one: decision[one] for one in more if one in decision}


def _reliable_until(decision: dict[str, Any], now: int) -> int:
    """9.1: recognition to the end of the last endorsed day, 72 hours where status is to be checked again, others 60 days."""
    if decision["outcome"] not in ("RECOGNISED", "RECOGNISED_CONDITIONAL"):
        return now + 60 * DAY
    if any(one["code"] == "recheck_status" for one in decision["missing"]):
        return now + 3 * DAY
    until = decision.get("endorsed_until")
    last = identifiers.last_second(identifiers.date(until)) if until else now + DAY
    return min(last, now + 366 * DAY)

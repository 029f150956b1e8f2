#!/usr/bin/env python3
"""The offline class: one question on standard input, one answer on standard output (conformance-tests/README.md)."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from comity_reference import (
    agreement,
    attestation,
    decide,
    exchange,
    identifiers,
    jws,
    receipt,
    sdjwt,
    status,
    symbol,
    trust,
)
from comity_reference.keys import KeyRing
from comity_reference.strict import Refused

Answer = dict[str, Any]


class Question:
    """One vector: its input, and the federations that it names."""

    def __init__(self, question: dict[str, Any]) -> None:
        self.input = question["input"]
        self._federations = question.get("federations", {})
        self._pictures: dict[tuple[str, int], trust.Federation] = {}

    def __getitem__(self, name: str) -> Any:
        return self.input[name]

    def get(self, name: str, default: Any = None) -> Any:
        found = self.input.get(name)
        return default if found is None else found

    def federation(self, now: int | None = None, name: str | None = None) -> trust.Federation:
        name = name or self["federation"]
        now = self["now"] if now is None else now
        if (name, now) not in self._pictures:
            self._pictures[name, now] = picture(self._federations[name], now)
        return self._pictures[name, now]

    def challenge(self) -> sdjwt.Challenge | None:
        asked = self.get("challenge")
        return sdjwt.Challenge(asked["aud"], asked["nonce"], asked["now"], asked["max_age"]) if asked else None


def picture(handed: dict[str, Any], now: int, **more: Any) -> trust.Federation:
    anchor = trust.Anchor.read(handed["anchor"])
    return trust.Federation(anchor, handed["statements"], handed["member_lists"], now, **more)


def of_jws(asked: Question) -> Answer:
    ring = KeyRing.of(asked["keys"])
    return {"payload": jws.read(asked["token"], asked["typ"]).verify(ring, asked["purpose"])}


def of_sd_jwt(asked: Question) -> Answer:
    ring = KeyRing.of(asked["keys"])
    opened = sdjwt.open_presented(asked["presented"], ring, asked.challenge())
    return {"claims": opened.claims, "disclosed": opened.pointers}


def of_status_list(asked: Question) -> Answer:
    found = status.verify(asked["token"], KeyRing.of(asked["keys"]))
    return {"value": found.value(asked["index"]), "bits": 2, "entries": found.count}


def of_status_token(asked: Question) -> Answer:
    federation = asked.federation(asked["received_at"])
    held = None
    tombstones = {index: value for index, value in asked.get("tombstones", [])}
    if asked.get("held"):
        held = status.accept(asked["held"], federation, None, jws.peek(asked["held"])["iat"])
        tombstones = {**held.permanent(), **tombstones}
    found = status.accept(asked["token"], federation, held, asked["received_at"])
    reading = status.read_entry(found, tombstones, asked["index"], asked["now"])
    return {"value": reading.value, "as_of": reading.as_of, "tombstone": reading.tombstone}


def of_trust(asked: Question) -> Answer:
    floors = {(one["iss"], one["sub"]): one["iat"] for one in asked.get("floors", [])}
    handed = picture(asked["federation"], asked["now"], floors=floors, newest_iat=asked.get("newest_iat"))
    county = handed.county(asked["entity"])
    return {
        "standing": "trust.active",
        "region": county.region,
        "valid_until": county.valid_until,
        "attestation_keys": len(county.ring.of_purpose("attestation")),
    }


def of_agreement(asked: Question) -> Answer:
    adopted = agreement.adopt(asked["agreement"], asked.federation())
    return {**adopted.agreement.reference, "signers": len(adopted.signers)}


def of_withdrawal(asked: Question) -> Answer:
    adopted = agreement.adopt(asked["agreement"], asked.federation())
    read = agreement.read_withdrawal(asked["withdrawal"], adopted.agreement, asked.federation())
    return {"effective_from": read.effective_from.isoformat()}


def _book(asked: Question, federation: str) -> agreement.Book:
    documents: Iterable[str] = asked.get("agreements", [])
    adopted = agreement.adopted_of(documents, lambda day: asked.federation(day, federation))
    return agreement.Book(adopted)


def of_in_force(asked: Question) -> Answer:
    book = _book(asked, asked["federation"])
    for token in asked.get("withdrawals", []):
        named = jws.peek(token)["agreement"]
        target = next(one.agreement for one in book.adopted if one.agreement.reference == named)
        book.withdrawals.append(agreement.read_withdrawal(token, target, asked.federation()))
    rules = book.between(asked["issuer"], asked["recogniser"], identifiers.date(asked["on"]))
    return {"version": rules[0].version}


def of_attestation(asked: Question) -> Answer:
    read = attestation.open_presented(asked["presented"], asked.federation(), asked.challenge())
    return {
        "issuer": read.issuer,
        "region": read.region,
        "endorsed_until": read.endorsed_until.isoformat(),
        "index": read.index,
        "claims": list(read.claims),
    }


def of_decision(asked: Question) -> Answer:
    federation = asked.federation()
    lists = {}
    for token in asked["status_lists"]:
        found = status.accept(token, asked.federation(jws.peek(token)["iat"], "demo"), None, jws.peek(token)["iat"])
        lists[found.sub] = found
    tombstones: dict[str, dict[int, int]] = {}
    for uri, index, value in asked.get("tombstones", []):
        tombstones.setdefault(uri, {})[index] = value
    answer, failed = None, asked.get("lookup_failed", False)
    if asked.get("lookup"):
        answer = decide.exchange_answer(asked["lookup"]["request"], asked["lookup"]["response"], federation)
        failed = failed or answer is None
    decided = decide.decide(
        decide.Case(
            federation=federation,
            book=_book(asked, "demo"),
            lists=lists,
            tombstones=tombstones,
            recogniser=asked["recogniser"],
            service=asked["service"],
            provider=asked.get("provider"),
            presented=asked.get("presented"),
            challenge=asked.challenge(),
            typed_issuer=asked.get("typed_issuer"),
            typed_name=asked.get("typed_name"),
            answer=answer,
            lookup_failed=failed,
            on_line=asked["on_line"],
            status_refreshed=asked.get("status_refreshed", False),
            clerk=asked["clerk"],
            office=asked.get("office"),
        )
    )
    read = decided.decision
    told: Answer = {"step": decided.step}
    if read:
        told |= {name: read.get(name) for name in ("outcome", "cause", "channel", "confirmation")}
        told["missing"] = [f"{one['code']}:{one['truth']}" for one in read["missing"]]
        told["advisories"] = sorted(one["code"] for one in read["advisories"])
        told["tier"] = read.get("tier", {}).get("local")
    return told


def of_request(asked: Question) -> Answer:
    book = _book(asked, asked["federation"])
    read = exchange.judge_request(asked["request"], asked["me"], asked.get("channel"), asked.federation(), book)
    return {"iss": read.claims["iss"], "service": read.claims["service"]}


def of_response(asked: Question) -> Answer:
    read = exchange.read_answer(asked["request"], asked["response"], asked.federation())
    return {"result": read.result, "claims": list(read.claims)}


def of_hint(asked: Question) -> Answer:
    claims, _ = exchange.judge_hint(asked["hint"], asked["me"], None, asked.federation())
    return {"status_lists": len(claims.get("status_lists", []))}


def of_receipt(asked: Question) -> Answer:
    read = receipt.read(asked["printed"], asked.federation())
    about = receipt.about(read, asked["person_name"], asked["person_number"])
    return {"outcome": read.claims["decision"]["outcome"], "about": about}


def of_identifier(asked: Question) -> Answer:
    kind = identifiers.KINDS.get(asked["of"])
    if kind is None:
        raise NotImplementedError(f"identifier {asked['of']}")
    return {"read": str(kind(asked["value"]))}


def of_endorsement(asked: Question) -> Answer:
    until, since, on = (identifiers.date(asked[name]) for name in ("endorsed_until", "anniversary", "on"))
    read = identifiers.endorse(until, since, on, asked.get("late_endorse_max_days"))
    restart = read.residence_restart
    return {
        "until": read.until.isoformat(),
        "anniversary": read.anniversary.isoformat(),
        "residence_restart": restart.isoformat() if restart else None,
    }


def of_symbol(asked: Question) -> Answer:
    return {"token": symbol.decode(asked["typed"])}


KINDS: dict[str, Callable[[Question], Answer]] = {
    "jws": of_jws,
    "sd-jwt": of_sd_jwt,
    "status-list": of_status_list,
    "status-token": of_status_token,
    "trust": of_trust,
    "agreement": of_agreement,
    "withdrawal": of_withdrawal,
    "in-force": of_in_force,
    "attestation": of_attestation,
    "decision": of_decision,
    "request": of_request,
    "response": of_response,
    "hint": of_hint,
    "receipt": of_receipt,
    "identifier": of_identifier,
    "endorsement": of_endorsement,
    "symbol": of_symbol,
}


def answer(question: dict[str, Any]) -> Answer:
    judge = KINDS.get(question["kind"])
    if judge is None:
        return {"unsupported": f"this reference does not know the kind {question['kind']}"}
    try:
        return {"accept": judge(Question(question))}
    except Refused as refused:
        return {"refuse": refused.rule}
    except exchange.Problem as problem:
        return {"refuse": problem.slug}
    except NotImplementedError as error:
        return {"unsupported": str(error)}


if __name__ == "__main__":
    json.dump(answer(json.load(sys.stdin)), sys.stdout, ensure_ascii=False)

#!/usr/bin/env python3
"""The offline class: one question on standard input, one answer on standard output (conformance-tests/README.md)."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from comity_reference import (
    agreement,
    attestation,
    catalogue,
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
from comity_reference.strict import Refused, parse

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

    def handed(self) -> dict[str, Any]:
        """The federation as it was handed over."""
        handed: dict[str, Any] = self._federations[self["federation"]]
        return handed

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
        told |= {name: read.get(name) for name in ("outcome", "cause", "channel", "confirmation", "text")}
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
    try:
        until, since, on = (identifiers.date(asked[name]) for name in ("endorsed_until", "anniversary", "on"))
    except Refused:
        raise Refused("endorsement.date") from None
    read = identifiers.endorse(until, since, on, asked.get("late_endorse_max_days"))
    restart = read.residence_restart
    return {
        "until": read.until.isoformat(),
        "anniversary": read.anniversary.isoformat(),
        "residence_restart": restart.isoformat() if restart else None,
    }


def of_symbol(asked: Question) -> Answer:
    return {"token": symbol.decode(asked["typed"])}


# Chapter 8.1: icon, word and exit code of a class.
CLASSES = {
    "GREEN": ("✓", catalogue.bilingual("予以互认", "Recognised"), 0),
    "AMBER": ("!", catalogue.bilingual("需处理", "Action needed"), 10),
    "RED": ("✕", catalogue.bilingual("不予互认", "Not recognised"), 20),
    "GREY": ("?", catalogue.bilingual("无法判断（不是持证人的原因）", "Cannot tell (not the holder's doing)"), 30),
}


def of_outcome(asked: Question) -> Answer:
    """DEC-7: a code that is not known is kept, and shown and acted on as NODE_NOT_READY."""
    code = asked["code"]
    if not re.fullmatch(r"[A-Z0-9_]{1,64}", code):
        raise Refused("outcome.unreadable")
    known = catalogue.outcomes().get(code)
    shown = known or catalogue.outcomes()["NODE_NOT_READY"]
    icon, word, exit_code = CLASSES[shown.outcome_class]
    return {
        "code": code,
        "shown_as": shown.code,
        "small_print": None if known else code,
        "class": shown.outcome_class,
        "icon": icon,
        "word": word,
        "exit_code": exit_code,
        "text": shown.text,
        "next_step": shown.next_step,
    }


def of_problem(asked: Question) -> Answer:
    """ERR-5: what is not known or has the wrong type is as good as absent; then the status of the answer counts."""
    try:
        body = json.loads(asked["body"])
    except ValueError as error:
        raise Refused("problem.malformed") from error
    if not isinstance(body, dict):
        raise Refused("problem.malformed")

    def text(name: str) -> str | None:
        return body[name] if isinstance(body.get(name), str) else None

    uri, step = text("type") or "about:blank", body.get("next_step")
    known = catalogue.problems().get(uri.removeprefix("urn:comity:problem:"))
    two = isinstance(step, dict) and step.keys() == {"zh", "en"} and all(isinstance(s, str) for s in step.values())
    meant = {"type", "title", "status", "detail", "instance", "trace", "next_step"}
    return {
        "type": known.slug if known else None,
        "may_retry": (known.status if known else asked["status"]) in (429, 503),
        "detail": text("detail"),
        "trace": text("trace"),
        "next_step": step if two else None,
        "extensions": {name: value for name, value in body.items() if name not in meant},
    }


BUNDLE = ("statements", "member_lists", "agreements", "withdrawals", "status_lists")


def of_bundle(asked: Question) -> Answer:
    """TRU-30, TRU-31: what does not hold is left out and named."""
    if len(asked["bundle"].encode("utf-8")) > 64 << 20:
        raise Refused("bundle.too-large")
    try:
        read = parse(asked["bundle"].encode("utf-8"), "json")
    except Refused as error:
        raise Refused("json.syntax" if error.rule == "json.json" else error.rule) from error
    whole = isinstance(read, dict) and {"version", "created"} <= read.keys() <= {"version", "created", *BUNDLE}
    if not whole or not all(isinstance(read.get(name, []), list) for name in BUNDLE):
        raise Refused("json.shape")
    if read["version"] != 1:
        raise Refused("bundle.version")
    anchor = asked.handed()["anchor"]
    handed = {"anchor": anchor, **{name: read.get(name, []) for name in BUNDLE}}
    federation = picture(handed, asked["now"])
    refused = [rule for _, _, rule in federation.refusals.noted]
    adopted, withdrawals, lists = [], 0, 0
    for document in handed["agreements"]:
        try:
            adopted.append(agreement.adopt(json.dumps(document, ensure_ascii=False), federation))
        except Refused as error:
            refused.append(error.rule)
    for token in handed["withdrawals"]:
        try:
            named = jws.peek(token).get("agreement")
            target = next((one for one in adopted if one.agreement.reference == named), None)
            if target is None:
                raise Refused("withdrawal.other-agreement")
            agreement.read_withdrawal(token, target.agreement, federation)
            withdrawals += 1
        except Refused as error:
            refused.append(error.rule)
    for token in handed["status_lists"]:
        try:
            status.accept(token, federation, None, asked["now"])
            lists += 1
        except Refused as error:
            refused.append(error.rule)
    return {
        "counties": len(federation.active()),
        "agreements": len(adopted),
        "withdrawals": withdrawals,
        "status_lists": lists,
        "refused": sorted(refused),
    }


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
    "bundle": of_bundle,
    "outcome": of_outcome,
    "problem": of_problem,
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

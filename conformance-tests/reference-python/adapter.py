#!/usr/bin/env python3
"""The offline class: one question on standard input, one answer on standard output (conformance-tests/README.md)."""

from __future__ import annotations

import datetime
import json
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from comity_reference import (  # noqa: E402
    agreement,
    attestation,
    catalogue,
    decide,
    exchange,
    identifiers,
    jws,
    receipt,
    schema,
    sdjwt,
    status,
    symbol,
    trust,
)
from comity_reference.keys import KeyRing  # noqa: E402
from comity_reference.strict import Refused, parse, require  # noqa: E402

Answer = dict[str, Any]


class Question(dict[str, Any]):
    """The input of one vector, and the federations that it names. What is null is as good as absent."""

    def __init__(self, question: dict[str, Any]) -> None:
        super().__init__({name: value for name, value in question["input"].items() if value is not None})
        self.federations = question.get("federations", {})
        self._pictures: dict[tuple[str, int], trust.Federation] = {}

    def federation(self, now: int | None = None, name: str | None = None) -> trust.Federation:
        key = (name or self["federation"], self["now"] if now is None else now)
        if key not in self._pictures:
            self._pictures[key] = picture(self.federations[key[0]], key[1])
        return self._pictures[key]

    def challenge(self) -> sdjwt.Challenge | None:
        return sdjwt.Challenge(**self["challenge"]) if "challenge" in self else None

    def book(self, federation: str) -> agreement.Book:
        documents: Iterable[str] = self.get("agreements", [])
        return agreement.Book(agreement.adopted_of(documents, lambda day: self.federation(day, federation)))


def picture(handed: dict[str, Any], now: int, **more: Any) -> trust.Federation:
    anchor = trust.Anchor.read(handed["anchor"])
    return trust.Federation(anchor, handed["statements"], handed["member_lists"], now, **more)


def of_jws(asked: Question) -> Answer:
    ring = KeyRing.of(asked["keys"])
    return {"payload": jws.read(asked["token"], asked["typ"]).verify(ring, asked["purpose"])}


def of_sd_jwt(asked: Question) -> Answer:
    opened = sdjwt.open_presented(asked["presented"], KeyRing.of(asked["keys"]), asked.challenge())
    return {"claims": opened.claims, "disclosed": opened.pointers}


def of_status_list(asked: Question) -> Answer:
    found = status.verify(asked["token"], KeyRing.of(asked["keys"]))
    return {"value": found.value(asked["index"]), "bits": 2, "entries": found.count}


def of_status_token(asked: Question) -> Answer:
    federation, held = asked.federation(asked["received_at"]), None
    if "held" in asked:
        held = status.accept(asked["held"], federation, None, jws.peek(asked["held"]).get("iat", 0))
    found = status.accept(asked["token"], federation, held, asked["received_at"])
    reading = status.read_entry(found, dict(asked.get("tombstones", [])), asked["index"], asked["now"])
    return {"value": reading.value, "as_of": reading.as_of, "tombstone": reading.tombstone}


def of_trust(asked: Question) -> Answer:
    floors = {(one["iss"], one["sub"]): one["iat"] for one in asked.get("floors", [])}
    handed = picture(asked["federation"], asked["now"], floors=floors, newest_iat=asked.get("newest_iat"))
    county = handed.county(asked["entity"])
    told = {"region": county.region, "valid_until": county.valid_until}
    told["attestation_keys"] = len(county.ring.of_purpose("attestation"))
    told["client_pins"] = sum(handed.by_pin(pin) is not None for pin in county.pins)
    return {"standing": "trust.active", **told}


def of_agreement(asked: Question) -> Answer:
    adopted = agreement.adopt(asked["agreement"], asked.federation())
    return {**adopted.agreement.reference, "signers": len(adopted.signers)}


def of_withdrawal(asked: Question) -> Answer:
    adopted = agreement.adopt(asked["agreement"], asked.federation())
    read = agreement.read_withdrawal(asked["withdrawal"], adopted.agreement, asked.federation())
    return {"effective_from": read.effective_from.isoformat()}


def of_in_force(asked: Question) -> Answer:
    book = asked.book(asked["federation"])
    for token in asked.get("withdrawals", []):
        named = book.named(jws.peek(token).get("agreement"))
        read = agreement.read_withdrawal(token, named, asked.federation())
        iat, notice = jws.peek(token)["iat"], named.notice if named else datetime.timedelta()
        ends = agreement.ends_from(read.effective_from, iat, notice, asked.get("received_at"))
        book.withdrawals.append(replace(read, effective_from=ends))
    return {"version": book.between(asked["issuer"], asked["recogniser"], identifiers.date(asked["on"]))[0].version}


def of_attestation(asked: Question) -> Answer:
    read = attestation.open_presented(asked["presented"], asked.federation(), asked.challenge())
    told = {"issuer": read.issuer, "region": read.region, "index": read.index, "claims": list(read.claims)}
    return {"endorsed_until": read.endorsed_until.isoformat(), **told}


def of_decision(asked: Question) -> Answer:
    lists, tombstones = {}, dict[str, dict[int, int]]()
    for token in asked["status_lists"]:
        iat = jws.peek(token).get("iat", 0)
        found = status.accept(token, asked.federation(iat, "demo"), None, iat)
        lists[found.sub] = found
    for uri, index, value in asked.get("tombstones", []):
        tombstones.setdefault(uri, {})[index] = value
    answer, failed = None, asked.get("lookup_failed", False)
    if "lookup" in asked:
        try:
            answer = exchange.read_answer(asked["lookup"]["request"], asked["lookup"]["response"], asked.federation())
        except Refused:
            failed = True  # VER-14: an answer that is refused is none at all
    alike = "recogniser service provider presented typed_issuer typed_name on_line clerk office".split()
    case = decide.Case(
        federation=asked.federation(),
        book=asked.book("demo"),
        lists=lists,
        tombstones=tombstones,
        challenge=asked.challenge(),
        answer=answer,
        lookup_failed=failed,
        status_refreshed=asked.get("status_refreshed", False),
        **{name: asked[name] for name in alike if name in asked},
    )
    if answer is not None and "typed_issuer" in asked:  # what was typed is what was asked about
        case = replace(case, typed_name=jws.peek(asked["lookup"]["request"])["subject"]["name"])
    decided = decide.decide(case)
    read = decided.decision
    told: Answer = {"step": decided.step}
    if read:
        told |= {name: read.get(name) for name in ("outcome", "cause", "channel", "confirmation", "text")}
        told["missing"] = [f"{one['code']}:{one['truth']}" for one in read["missing"]]
        told["advisories"] = sorted(one["code"] for one in read["advisories"])
        told["tier"] = read.get("tier", {}).get("local")
    return told


def of_request(asked: Question) -> Answer:
    book = asked.book(asked["federation"])
    read = exchange.judge_request(asked["request"], asked["me"], asked.get("channel"), asked.federation(), book)
    return {"iss": read.claims["iss"], "service": read.claims["service"]}


def of_response(asked: Question) -> Answer:
    read = exchange.read_answer(asked["request"], asked["response"], asked.federation())
    return {"result": "match" if read.state else "no_match", "claims": list(read.claims)}


def of_hint(asked: Question) -> Answer:
    claims, _ = exchange.judge_hint(asked["hint"], asked["me"], None, asked.federation())
    return {"status_lists": len(claims.get("status_lists", []))}


def of_receipt(asked: Question) -> Answer:
    read = receipt.read(asked["printed"], asked.federation())
    about = receipt.about(read, asked["person_name"], asked["person_number"])
    return {"outcome": read.claims["decision"]["outcome"], "about": about}


def of_identifier(asked: Question) -> Answer:
    if asked["of"] not in identifiers.KINDS:
        raise NotImplementedError(f"identifier {asked['of']}")
    return {"read": str(identifiers.KINDS[asked["of"]](asked.get("value")))}


def of_endorsement(asked: Question) -> Answer:
    try:
        until, since, on = (identifiers.date(asked[name]) for name in ("endorsed_until", "anniversary", "on"))
    except Refused:
        raise Refused("endorsement.date") from None
    read = identifiers.endorse(until, since, on, asked.get("late_endorse_max_days"))
    return {name: schema.plain(getattr(read, name)) for name in ("until", "anniversary", "residence_restart")}


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
    require(re.fullmatch(r"[A-Z0-9_]{1,64}", code), "outcome.unreadable")
    shown = catalogue.outcome(code)
    icon, word, exit_code = CLASSES[shown.outcome_class]
    return {
        "code": code,
        "shown_as": shown.code,
        "small_print": None if shown.code == code else code,
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
    require(isinstance(body, dict), "problem.malformed")
    text = {name: value for name, value in body.items() if isinstance(value, str)}
    step = body.get("next_step")
    known = catalogue.problems().get(text.get("type", "").removeprefix("urn:comity:problem:"))
    two = isinstance(step, dict) and step.keys() == {"zh", "en"} and all(isinstance(s, str) for s in step.values())
    return {
        "type": known.slug if known else None,
        "may_retry": (known.status if known else asked["status"]) in (429, 503),
        "detail": text.get("detail"),
        "trace": text.get("trace"),
        "next_step": step if two else None,
        "extensions": {name: body[name] for name in body.keys() - set(schema.members("problem"))},
    }


def of_bundle(asked: Question) -> Answer:
    """TRU-30, TRU-31: what does not hold is left out and named."""
    require(len(asked["bundle"].encode("utf-8")) <= 64 << 20, "bundle.too-large")
    try:
        whole = parse(asked["bundle"].encode("utf-8"), "json")
    except Refused as error:
        raise Refused("json.syntax" if error.rule == "json.json" else error.rule) from error
    require(isinstance(whole, dict) and isinstance(whole.get("agreements", []), list), "json.shape")
    agreements = {"agreements": whole.get("agreements", [])}  # each by itself: one that is malformed is left out
    read = schema.read("bundle", {**whole, "agreements": []}, "json.shape") | agreements
    require(read["version"] == 1, "bundle.version")
    empty: Answer = {name: [] for name in ("statements", "member_lists", "agreements", "withdrawals", "status_lists")}
    handed = {"anchor": asked.federations[asked["federation"]]["anchor"], **empty, **read}
    federation = picture(handed, asked["now"])
    refused, book = [rule for _, _, rule in federation.refusals], agreement.Book()

    def taken(name: str, take: Callable[[Any], Any]) -> list[Any]:
        found = []
        for one in handed[name]:
            try:
                found.append(take(one))
            except Refused as error:
                refused.append(error.rule)
        return found

    def withdrawal(token: str) -> agreement.Withdrawal:
        return agreement.read_withdrawal(token, book.named(jws.peek(token).get("agreement")), federation)

    book.adopted = taken("agreements", lambda one: agreement.adopt(json.dumps(one, ensure_ascii=False), federation))
    withdrawals = taken("withdrawals", withdrawal)
    lists = taken("status_lists", lambda token: status.accept(token, federation, None, asked["now"]))
    return {
        "counties": len(federation.active()),
        "agreements": len({one.agreement.digest for one in book.adopted}),
        "withdrawals": len(withdrawals),
        "status_lists": len(lists),
        "refused": sorted(refused),
    }


def answer(question: dict[str, Any]) -> Answer:
    judge: Callable[[Question], Answer] | None = globals().get("of_" + question["kind"].replace("-", "_"))
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

#!/usr/bin/env python3
"""Asks two adapters the same drawn questions and shows where they differ.

The vectors are what somebody thought of. Here valid objects are drawn with keys of their own, changed in one or two places at
random, signed again, and put to this reference and to another adapter of the class offline. Each difference is a defect of one
of the two, or a place where the text says too little. The same seed draws the same questions.
"""

from __future__ import annotations

import argparse
import base64
import copy
import hashlib
import json
import random
import shlex
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import adapter  # noqa: E402
from comity_reference import catalogue, identifiers, jws, sdjwt, status, strict, symbol  # noqa: E402
from comity_reference.keys import SigningKey  # noqa: E402

NOW = 1763784000
DAY = 86400
LAST = identifiers.last_second(identifiers.day_of(NOW))
ANCHOR, PROVINCE = "https://anchor.example", "https://jiangxi.example"
COUNTIES = {"https://c361123.example": "361123", "https://c361102.example": "361102"}
ONE, OTHER = COUNTIES
PURPOSES = ("attestation", "status", "exchange", "receipt")
Question = dict[str, Any]
TEXT = {"zh": "示例", "en": "example"}


def key(name: str) -> SigningKey:
    return SigningKey(hashlib.sha256(name.encode()).digest())


# --- drawing ---


class Draw:
    """Random changes to JSON that somebody could have sent."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def one(self, *options: Any) -> Any:
        return copy.deepcopy(self.random.choice(options))

    def change(self, value: Any, keep: tuple[str, ...] = ()) -> Any:
        """Changes one place somewhere in a JSON value; members named in `keep` stay."""
        if isinstance(value, dict) and (inner := [name for name in value if name not in keep]):
            name = self.random.choice(inner)
            act = self.random.random()
            if act < 0.15:
                return {one: item for one, item in value.items() if one != name}
            if act < 0.22:
                return {**value, self.one("surprise", "ext", "crit", "note"): self.one(1, {}, [], None, "x")}
            return {**value, name: self.change(value[name], keep)}
        if isinstance(value, list) and value and self.random.random() < 0.8:
            at = self.random.randrange(len(value))
            act = self.random.random()
            if act < 0.2:
                return value[:at] + value[at + 1 :]
            if act < 0.35:
                return [*value, copy.deepcopy(value[at])]
            return [*value[:at], self.change(value[at], keep), *value[at + 1 :]]
        return self.scalar(value)

    def scalar(self, value: Any) -> Any:
        if isinstance(value, bool):
            return self.one(not value, None, 0, "true")
        if isinstance(value, int):
            near = [value + 1, value - 1, value + 60, value - 61, value + DAY, value - 3 * DAY, value * 10]
            return self.one(*near, 0, -1, None, str(value), 2**63 - 1)
        if isinstance(value, str):
            dates = ["2025-11-22", "2025-02-29", "2024-02-29", "2025-11-21", "2026-11-22"]
            texts = [value + " ", value.upper(), value.lower(), value[:-1], value + "x", "", None, 7, [value], *dates]
            return self.one(*texts, ONE, OTHER, "361123", "SANDBOX", "PRODUCTION", "active", "removed", "ORDINARY")
        return self.one(None, {}, [], "x", 1, TEXT)


# --- a world of our own ---


class World:
    """Unsigned objects of a small federation, so that any can be changed before it is signed."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        issued, life = NOW - 5 * DAY, 9 * DAY
        times = {"iat": issued, "exp": issued + life}
        self.statements: list[tuple[str, dict[str, Any]]] = [
            (ANCHOR, self._stated(ANCHOR, ANCHOR, {**times, "exp": issued + 100 * DAY})),
            (ANCHOR, self._stated(ANCHOR, PROVINCE, times) | _PREFIX),
            (PROVINCE, self._stated(PROVINCE, PROVINCE, times) | {"authority_hints": [ANCHOR]}),
        ]
        for entity in COUNTIES:
            metadata = {"metadata": {"comity_node": node(entity)}}
            self.statements.append(
                (PROVINCE, self._stated(PROVINCE, entity, times) | metadata | {"comity_state": "active"})
            )
            own = self._stated(entity, entity, times) | metadata | {"authority_hints": [PROVINCE]}
            self.statements.append((entity, own))
        members = [{"entity": PROVINCE, "region_prefix": "36", "name": TEXT, "state": "active"}]
        counties = [{"entity": one, "region": code, "name": TEXT, "state": "active"} for one, code in COUNTIES.items()]
        self.lists: list[tuple[str, dict[str, Any]]] = [
            (ANCHOR, {"iss": ANCHOR, **times, "seq": 1, "members": members}),
            (PROVINCE, {"iss": PROVINCE, **times, "seq": 1, "members": counties}),
        ]

    def _stated(self, iss: str, sub: str, times: dict[str, int]) -> dict[str, Any]:
        return {"iss": iss, "sub": sub, **times, "jwks": {"keys": [key(sub + "federation").public.jwk()]}}

    def change(self) -> None:
        """One object of the federation, in one place; now and then a second version of it beside the first."""
        objects = self.draw.one("statements", "statements", "statements", "lists")
        chosen = getattr(self, objects)
        at = self.draw.random.randrange(len(chosen))
        signer, payload = chosen[at]
        changed = self.draw.change(payload, keep=("iss", "sub") if self.draw.random.random() < 0.8 else ())
        if self.draw.random.random() < 0.15:
            signer = self.draw.one(ANCHOR, PROVINCE, ONE, OTHER)
        if self.draw.random.random() < 0.25:
            chosen.append((signer, changed | ({"seq": 2} if objects == "lists" else {})))
        else:
            chosen[at] = (signer, changed)

    def handed(self) -> dict[str, Any]:
        def signed(typ: str, objects: list[tuple[str, dict[str, Any]]]) -> list[str]:
            return [jws.sign(key(signer + "federation"), typ, payload) for signer, payload in objects]

        jwks = {"keys": [key(ANCHOR + "federation").public.jwk()]}
        return {
            "anchor": {"entity": ANCHOR, "jwks": jwks, "environment": "SANDBOX"},
            "statements": signed("entity-statement+jwt", self.statements),
            "member_lists": signed("comity-member-list+jwt", self.lists),
        }


_PREFIX = {"comity_state": "active", "comity_region_prefix": "36", "crit": ["comity_region_prefix"]}


def node(entity: str) -> dict[str, Any]:
    return {
        "region": COUNTIES[entity],
        "name": TEXT,
        "environment": "SANDBOX",
        "endpoints": {"public": entity, "federation": entity + ":8444"},
        "keys": {purpose: {"keys": [key(entity + purpose).public.jwk()]} for purpose in PURPOSES},
        "tls_pins": [sdjwt.digest(entity)],
    }


def agreement_payload() -> dict[str, Any]:
    row = {
        "code": "BPS-2",
        "claims": ["name", "tier", "residence_since"],
        "conditions": [{"all": [{"min_residence_months": 6}, {"not": {"basis_in": ["STUDY"]}}]}],
        "owner": TEXT,
        "retention_days": 365,
        "amber_status": True,
    }
    directed = {**row, "code": "BPS-1", "direction": {"issuer": "361123", "recogniser": "361102"}}
    named = {**row, "code": "BPS-3", "providers": [{"id": "hospital-1", "region": "361102", "name": TEXT}]}
    parties = [
        {"entity": one, "region": code, "name": TEXT, "federation_keys": [key(one + "federation").public.kid]}
        for one, code in COUNTIES.items()
    ]
    return {
        "id": "AGR-DRAWN",
        "version": 1,
        "title": TEXT,
        "environment": "SANDBOX",
        "parties": parties,
        "effective_from": "2025-11-01",
        "effective_until": "2026-10-31",
        "reciprocal": True,
        "services": [row, directed, named],
        "tier_map": [{"issuer": "361123", "recogniser": "361102", "map": {"ORDINARY": "GENERAL"}}],
        "freshness": {"fresh_seconds": 86400, "usable_seconds": 259200},
        "legal_basis": TEXT,
        "impact_assessment": "示例",
        "notice_days": 30,
        "continuation": TEXT,
    }


def signed_agreement(payload: dict[str, Any], signers: tuple[str, ...] = tuple(COUNTIES)) -> str:
    octets = strict.write(payload)
    parts = [jws.sign_part(key(one + "federation"), "comity-agreement+jwt", octets, NOW - 3600) for one in signers]
    return strict.write({"payload": strict.b64url(octets), "signatures": parts}).decode()


CARD = {
    "name": "示例甲",
    "id_number": "361123188001010017",
    "tier": "ORDINARY",
    "basis": "EMPLOYMENT",
    "residence_since": "2024-09-22",
}


def attestation_payload() -> dict[str, Any]:
    return {
        "iss": ONE,
        "vct": "urn:comity:vct:residence-permit:1",
        "iat": NOW - 100 * DAY,
        "nbf": NOW - 100 * DAY,
        "exp": 1781107199,
        "status": {"status_list": {"idx": 7, "uri": f"{ONE}/status-lists/1"}},
        "source_as_of": NOW - 100 * DAY,
        "region": "361123",
        "environment": "SANDBOX",
    }


def attested(payload: dict[str, Any], hidden: dict[str, Any]) -> str:
    salted = enumerate(hidden.items())
    parts = [strict.b64url(strict.write([f"salt-{at:022}", name, value])) for at, (name, value) in salted]
    payload = {"_sd_alg": "sha-256", **payload, "_sd": [sdjwt.digest(one) for one in parts]}
    return "~".join([jws.sign(key(ONE + "attestation"), "dc+sd-jwt", payload), *parts, ""])


def list_payload(values: dict[int, int], age: int) -> dict[str, Any]:
    entries = bytearray(status.OCTETS)
    for index, value in values.items():
        entries[index // 4] |= value << index % 4 * 2
    lst = strict.b64url(zlib.compress(bytes(entries)))
    times = {"iat": NOW - age, "exp": NOW - age + 3 * DAY, "ttl": 900, "source_as_of": NOW - age}
    return {"iss": ONE, "sub": f"{ONE}/status-lists/1", **times, "status_list": {"bits": 2, "lst": lst}}


# --- questions ---


def of_identifier(draw: Draw) -> Question:
    valid = {
        "region": "361123",
        "region-prefix": "36",
        "entity-id": draw.one("https://c361123.example:8443", "https://[2001:db8::1]", "https://192.0.2.1", ONE),
        "citizen-number": "36112318800101005X",
        "permit-number": "361123-2025-1",
        "agreement-id": "AGR-DEMO",
        "service-code": "BPS-1",
        "provider-id": "330822.hospital-1",
        "officer-id": "officer-01",
        "digest": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
        "jti": "AAAAAAAAAAAAAAAAAAAAAA",
        "trace-number": "251122-330822-7F3K9QZC",
        "date": "2025-11-22",
    }
    of = draw.one(*valid)
    value = valid[of]
    for _ in range(draw.random.randint(1, 2)):
        at = draw.random.randrange(len(value) + 1)
        letter = draw.one(*"0129aAzZXx-._:/[]%@ \n​é０·")
        value = draw.one(
            value[:at] + letter + value[at:], value[:at] + letter + value[at + 1 :], value[:at] + value[at + 1 :]
        )
    return {"kind": "identifier", "input": {"of": of, "value": value}}


def of_endorsement(draw: Draw) -> Question:
    def day() -> str:
        return f"{draw.one(2023, 2024, 2025, 2028)}-{draw.one(1, 2, 3, 12):02}-{draw.one(1, 27, 28, 29):02}"

    while True:
        try:
            since, on = identifiers.date(day()), identifiers.date(day())
            break
        except strict.Refused:
            continue
    until = identifiers.full_year(since, draw.one(1, 1, 1, 2, 4))
    last = identifiers.day_of(identifiers.first_second(until) - 1)
    late = draw.one(None, 0, 30)
    asked: Question = {"endorsed_until": str(last), "anniversary": str(since), "on": str(on)}
    return {"kind": "endorsement", "input": asked | ({"late_endorse_max_days": late} if late is not None else {})}


def of_symbol(draw: Draw) -> Question:
    typed = symbol.encode("eyJ.abc~-_")
    at = draw.random.randrange(len(typed))
    strange = draw.one(" ", "\t", "\n", "０", "٣", "x", "9", "　", "\x00", "\x1f", " ", "-", "")
    return {"kind": "symbol", "input": {"typed": typed[:at] + strange + typed[at + draw.one(0, 1, 2) :]}}


_ODD_JSON = (
    '{"a":1}', '{"a":-0}', '{"a":01}', '{"a":+1}', '{"a":1e0}', '{"a":1.0}', '{"a":9223372036854775808}', '{"a":NaN}',
    '{"a":"\\u0000"}', '{"a":"\\ud83d\\ude00"}', '{"a":"\\ud83d"}', '{"a":"\\udc00\\ud800"}', '{"a":"\t"}', '{"a":"\x7f"}',
    '{"a":1,"\\u0061":2}', '{"a":{"b":1,"b":1}}', ' \n\t{"a":1}\r ', '{"a":1}\x00', '{"a":1}x', '\u00a0{"a":1}', "[]", '"x"', "1",
    "null", "{}", '{"a":[1,]}', '{"a":1,}', "{'a':1}", '{"a":"\\x41"}', '{"a":"\\/"}', '{"":1}', '{"a":tRue}', '{"a":"\u2028"}',
    '{"a":123456789012345678901234567890}', '{"a":-9223372036854775809}', '{"a":-9223372036854775808}', '{"a":1E400}',
    '{"a":"é"}', '{"a":"é","a":1}', '{"e\u0301":1,"\u00e9":2}', '{"a":' + "[" * 31 + "]" * 31 + "}",
    '{"a":' + "[" * 32 + "]" * 32 + "}", '{"a":"' + "[" * 40 + '"}', '{"a":"\\"' + "[" * 40 + '"}', '/*x*/{"a":1}', "", " ",
)  # fmt: skip


def of_jws(draw: Draw) -> Question:
    signer = key("jws")
    head = draw.change({"alg": "EdDSA", "kid": signer.public.kid, "typ": "comity-hint+jwt"})
    if draw.random.random() < 0.7:
        head = {"alg": draw.one("EdDSA", "Ed25519"), "kid": signer.public.kid, "typ": "comity-hint+jwt"}
    body = draw.one(*_ODD_JSON).encode("utf-8")
    if draw.random.random() < 0.05:
        body = body.replace(b"a", b"\xff")
    parts = [strict.b64url(strict.write(head)), strict.b64url(body)]
    signed = ".".join(parts).encode()
    token = f"{signed.decode()}.{strict.b64url(signer.sign(signed))}"
    keys = {"exchange": [signer.public.jwk()], "receipt": [key("other").public.jwk()]}
    if draw.random.random() < 0.2:
        keys = draw.change(keys)
        if not isinstance(keys, dict) or not all(isinstance(one, list) for one in keys.values()):
            keys = {"exchange": [signer.public.jwk()]}
        keys = {name: ring for name, ring in keys.items() if name in ("exchange", "receipt")}
    return {"kind": "jws", "input": {"token": token, "typ": "comity-hint+jwt", "purpose": "exchange", "keys": keys}}


def of_sd_jwt(draw: Draw) -> Question:
    def disclosure(*elements: Any) -> str:
        return strict.b64url(strict.write(list(elements)))

    inner = disclosure("s1", "city", "示例")
    element = disclosure("s2", draw.one("x", {"k": 1}, {"_sd": [sdjwt.digest("x")]}))
    outer = disclosure(
        "s3", draw.one("address", "a/b", "a~b", "_sd_alg", "...", "iat"), {"_sd": [sdjwt.digest(inner)], "n": 1}
    )
    parts = [inner, element, outer]
    payload: dict[str, Any] = {
        "iss": ONE,
        "_sd_alg": "sha-256",
        "_sd": [sdjwt.digest(outer), sdjwt.digest("decoy")],
        "list": [1, {"...": sdjwt.digest(element)}, {"...": sdjwt.digest("nothing")}],
        "deep": {"_sd": [sdjwt.digest("deep")]},
    }
    if draw.random.random() < 0.7:
        payload = draw.change(payload)
    if draw.random.random() < 0.4:
        parts.pop(draw.random.randrange(len(parts)))
    if draw.random.random() < 0.2:
        parts.append(
            draw.one(parts[0], "", disclosure("s4", "x", 1), disclosure("s", 1), "e30", strict.b64url(b"[1,2,3]"))
        )
    token = jws.sign(key(ONE + "attestation"), "dc+sd-jwt", payload)
    ring = {"attestation": [key(ONE + "attestation").public.jwk()]}
    return {"kind": "sd-jwt", "input": {"presented": "~".join([token, *parts, ""]), "keys": ring}}


def of_status_list(draw: Draw) -> Question:
    payload = draw.change(list_payload({7: 1}, 60))
    if draw.random.random() < 0.3:
        entries = bytes(draw.one(1, 4, 32768, 40000))
        packed = zlib.compress(entries, draw.one(0, 1, 9))
        if draw.random.random() < 0.3:
            packed = base64.b64decode("eNpjYAAAAAIAAQ==") if draw.random.random() < 0.5 else packed[:-1] + b"\x00"
        payload = list_payload({}, 60) | {"status_list": {"bits": 2, "lst": strict.b64url(packed)}}
    token = jws.sign(key(ONE + "status"), "statuslist+jwt", payload)
    ring = {"status": [key(ONE + "status").public.jwk()]}
    return {
        "kind": "status-list",
        "input": {"token": token, "keys": ring, "index": draw.one(7, 0, 3, 4, 131071, 131072)},
    }


def of_status_token(draw: Draw) -> Question:
    changed = draw.change(list_payload({7: draw.one(0, 1, 2, 3)}, draw.one(60, 3600, 90000)), keep=("status_list",))
    token = jws.sign(key(ONE + "status"), "statuslist+jwt", changed)
    asked: Question = {
        "federation": "drawn",
        "token": token,
        "index": 7,
        "received_at": NOW,
        "now": draw.one(NOW, NOW + 2 * DAY),
    }
    if draw.random.random() < 0.5:
        held = list_payload({7: draw.one(0, 1, 2, 3)}, draw.one(60, 3600, 90000))
        asked["held"] = jws.sign(key(ONE + "status"), "statuslist+jwt", held)
    if draw.random.random() < 0.4:
        asked["tombstones"] = [[draw.one(7, 8), draw.one(1, 3)]]
    return {"kind": "status-token", "input": asked, "federations": {"drawn": World(draw).handed()}}


def of_trust(draw: Draw) -> Question:
    world = World(draw)
    for _ in range(draw.random.randint(1, 2)):
        world.change()
    asked = {
        "federation": world.handed(),
        "entity": draw.one(ONE, ONE, ONE, OTHER, PROVINCE, "https://c440103.example"),
        "now": draw.one(NOW, NOW, NOW, NOW, NOW + 4 * DAY - 1, NOW + 4 * DAY, NOW + 8 * DAY),
    }
    return {"kind": "trust", "input": asked}


def of_agreement(draw: Draw) -> Question:
    payload = draw.change(agreement_payload())
    asked = {"federation": "drawn", "agreement": signed_agreement(payload), "now": NOW}
    return {"kind": "agreement", "input": asked, "federations": {"drawn": World(draw).handed()}}


def of_attestation(draw: Draw) -> Question:
    payload, hidden = attestation_payload(), dict(CARD)
    if draw.random.random() < 0.5:
        payload = draw.change(payload)
    else:
        more = {
            "sex": "MALE",
            "birth_date": "1880-01-01",
            "insured_months": {"n": 5, "as_of": "2025-10-01"},
            "residence_periods": [{"from": "2024-01-01", "until": "2024-05-01"}],
            "previous_ids": ["X1"],
            "points_standard_met": {"met": True, "as_of": "2025-10-01"},
        }
        hidden = draw.change({**hidden, **more})
    world = World(draw)
    if draw.random.random() < 0.2:
        world.change()
    asked = {"federation": "drawn", "presented": attested(payload, hidden), "now": NOW}
    return {"kind": "attestation", "input": asked, "federations": {"drawn": world.handed()}}


def of_decision(draw: Draw) -> Question:
    payload, hidden = attestation_payload(), dict(CARD)
    payload["exp"] = draw.one(1781107199, 1781107199, LAST - DAY, LAST, LAST + 20 * DAY, LAST + 40 * DAY)
    payload["nbf"] = draw.one(
        payload["nbf"], payload["nbf"], payload["nbf"], LAST + 1 if payload["exp"] > LAST else payload["nbf"]
    )
    if draw.random.random() < 0.3:
        hidden.pop(draw.one(*hidden))
    more = [
        {"card_valid_until": "2025-11-21"},
        {"birth_date": "1880-01-01"},
        {"birth_date": "1880-01-02"},
        {"tier": "GOLD"},
    ]
    hidden |= draw.one({}, {}, {}, *more)
    treaty = agreement_payload()
    treaty["effective_from"] = draw.one("2025-11-01", "2025-11-01", "2025-11-22", "2025-11-23")
    treaty["effective_until"] = draw.one("2026-10-31", "2026-10-31", "2025-11-23", "2025-11-24")
    for row in treaty["services"]:
        row["amber_status"] = draw.one(True, False)
        row["conditions"] = draw.one([], [], row["conditions"], [draw_condition(draw, 2)], [draw_condition(draw, 3)])
    ages = (0, 60, 3599, 3600, 86400, 86401, 172800, 259199)
    found = list_payload({7: draw.one(0, 0, 0, 1, 2, 3)}, draw.one(*ages))
    lists = draw.one([found], [found], [found], [])
    typed = draw.one({}, {}, {"typed_name": "示例甲"}, {"typed_name": "示例乙"}, {"typed_name": "示例甲 "})
    asked = {
        "federation": "demo",
        "agreements": draw.one([signed_agreement(treaty)], [signed_agreement(treaty)], []),
        "status_lists": [jws.sign(key(ONE + "status"), "statuslist+jwt", one) for one in lists],
        "tombstones": draw.one([], [], [[f"{ONE}/status-lists/1", 7, draw.one(1, 3)]]),
        "presented": attested(payload, hidden),
        "recogniser": draw.one(OTHER, OTHER, OTHER, OTHER, ONE, "https://c440103.example"),
        "service": draw.one("BPS-2", "BPS-2", "BPS-1", "BPS-3", "CNV-3"),
        "on_line": draw.one(True, False),
        "status_refreshed": draw.one(True, False),
        "lookup_failed": draw.one(False, False, True),
        "clerk": draw.one("confirmed", "confirmed", "pending", "mismatch", "review"),
        "now": NOW,
        **typed,
        **draw.one({}, {}, {}, {"provider": "hospital-1"}, {"provider": "hospital-2"}),
        **draw.one(
            *[{}] * 8,
            {"office": "not-ready"},
            {"office": "no-purpose"},
            {"office": "consent-missing"},
            {"office": "quota"},
        ),
    }
    return {"kind": "decision", "input": asked, "federations": {"demo": World(draw).handed()}}


def draw_condition(draw: Draw, depth: int) -> dict[str, Any]:
    if depth and draw.random.random() < 0.6:
        if draw.random.random() < 0.3:
            return {"not": draw_condition(draw, depth - 1)}
        parts = [draw_condition(draw, depth - 1) for _ in range(draw.random.randint(1, 3))]
        return {draw.one("all", "any"): parts}
    return draw.one(
        {"tier_in": ["ORDINARY"]},
        {"tier_in": ["GOLD", "GENERAL"]},
        {"basis_in": ["STUDY"]},
        {"min_residence_months": draw.one(0, 13, 14, 15)},
        {"endorsement_current": True},
        {"endorsement_current": False},
        {"min_insured_months": draw.one(0, 6)},
        {"points_standard_met": True},
        {"age_between": draw.one({"min": 145, "max": 145}, {"min": 0, "max": 18})},
        {"local_rule": {"id": "R-1", "text": TEXT}},
    )


KINDS: dict[str, Callable[[Draw], Question]] = {
    name.removeprefix("of_").replace("_", "-"): made for name, made in list(globals().items()) if name.startswith("of_")
}

# --- asking ---


def ask(command: list[str], question: Question) -> Any:
    asked = json.dumps({"case": "drawn", "federations": {}, **question}, ensure_ascii=False)
    done = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout) if done.returncode == 0 else {"crash": done.stderr[-500:]}


def alike(kind: str, ours: Any, theirs: Any, rules: bool) -> bool:
    """Whether two answers say the same: the same rule, or the same of every member that both tell."""
    if "accept" not in ours or "accept" not in theirs:
        return bool(ours == theirs) if rules else ours.keys() == theirs.keys()
    both = ours["accept"].keys() & theirs["accept"].keys()
    if kind == "decision":
        both -= {"confirmation"} if ours["accept"].get("step") != "decision" else set()
        both -= {"text"}  # DEC-6: a number or a day may be put in
    return all(ours["accept"][name] == theirs["accept"][name] for name in both)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--adapter", required=True, help="the other adapter, quoted as for a shell")
    parser.add_argument("--count", type=int, default=100, help="questions of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rules", action="store_true", help="refused for another rule is a difference too")
    parser.add_argument("--only", choices=sorted(KINDS), action="append")
    chosen = parser.parse_args()
    command, differ = shlex.split(chosen.adapter), 0
    catalogue.outcomes()
    for kind in chosen.only or sorted(KINDS):
        for number in range(chosen.count):
            seed = chosen.seed * 1_000_000 + number
            question = KINDS[kind](Draw(seed))
            ours = adapter.answer(json.loads(json.dumps({"federations": {}, **question})))
            theirs = ask(command, question)
            if not alike(kind, ours, theirs, chosen.rules):
                differ += 1
                shown = [json.dumps(one, ensure_ascii=False)[:400] for one in (ours, theirs)]
                print(f"{kind} {seed}\n  reference {shown[0]}\n  other     {shown[1]}", flush=True)
    print(f"differ: {differ} differences")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()

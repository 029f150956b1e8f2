#!/usr/bin/env python3
"""Asks two adapters the same drawn questions and shows where they differ.

The vectors are what somebody thought of. Here one is drawn, changed in one or two places at random, signed again with the keys
of the vectors, and put to this reference and to another adapter of the class offline. Each difference is a defect of one of
the two, or a place where the text says too little. The same seed draws the same questions.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import random
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import adapter  # noqa: E402
from comity_reference import sdjwt, strict  # noqa: E402
from comity_reference.keys import PURPOSES, SigningKey  # noqa: E402

VECTORS = Path(__file__).resolve().parents[2] / "spec" / "vectors"
COUNTIES = {"361123": "https://c361123.example", "330822": "https://c330822.example"}
DAY = 86400
Question = dict[str, Any]

_NAMES = [f"{region}/{purpose}" for region in COUNTIES for purpose in PURPOSES]
_KEYS = [
    SigningKey(hashlib.sha256(f"comity test key {name}".encode()).digest())
    for name in ("anchor", "jiangxi", "zhejiang", "stranger", "holder of 示例甲", *_NAMES)
]
KEYS = {key.public.kid: key for key in _KEYS}

ODD_JSON = (
    '{"a":1}', '{"a":-0}', '{"a":01}', '{"a":+1}', '{"a":1e0}', '{"a":1.0}', '{"a":9223372036854775808}', '{"a":NaN}',
    '{"a":"\\u0000"}', '{"a":"\\ud83d\\ude00"}', '{"a":"\\ud83d"}', '{"a":"\\udc00\\ud800"}', '{"a":"\t"}', '{"a":"\x7f"}',
    '{"a":1,"\\u0061":2}', '{"a":{"b":1,"b":1}}', ' \n\t{"a":1}\r ', '{"a":1}\x00', '{"a":1}x', '\u00a0{"a":1}', "[]", '"x"', "1",
    "null", "{}", '{"a":[1,]}', '{"a":1,}', "{'a':1}", '{"a":"\\x41"}', '{"a":"\\/"}', '{"":1}', '{"a":tRue}', '{"a":"\u2028"}',
    '{"a":123456789012345678901234567890}', '{"a":-9223372036854775809}', '{"a":-9223372036854775808}', '{"a":1E400}',
    '{"a":"é"}', '{"a":"é","a":1}', '{"e\u0301":1,"\u00e9":2}', '{"a":' + "[" * 31 + "]" * 31 + "}",
    '{"a":' + "[" * 32 + "]" * 32 + "}", '{"a":"' + "[" * 40 + '"}', '{"a":"\\"' + "[" * 40 + '"}', '/*x*/{"a":1}', "", " ",
)  # fmt: skip


class Draw:
    """Random changes to JSON that somebody could have sent."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def one(self, *options: Any) -> Any:
        return copy.deepcopy(self.random.choice(options))

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def change(self, value: Any) -> Any:
        """Changes one place somewhere in a JSON value; inside what is signed too."""
        if isinstance(value, dict) and value:
            name = self.random.choice(list(value))
            act = self.random.random()
            if act < 0.12:
                return {one: item for one, item in value.items() if one != name}
            if act < 0.18:
                return {**value, self.one("surprise", "ext", "crit", "note"): self.one(1, {}, [], None, "x")}
            return {**value, name: self.change(value[name])}
        if isinstance(value, list) and value and self.chance(0.85):
            at, act = self.random.randrange(len(value)), self.random.random()
            if act < 0.1:
                return value[:at] + value[at + 1 :]
            if act < 0.2:
                return [*value, copy.deepcopy(value[at])]
            if act < 0.3:  # a second version beside the first
                return [*value, self.change(value[at])]
            return [*value[:at], self.change(value[at]), *value[at + 1 :]]
        if isinstance(value, str) and value[:1] in ("e", "{") and self.chance(0.95):
            try:
                return self.document(value) if value[0] == "{" else self.presented(value)
            except (ValueError, KeyError, TypeError, AttributeError, strict.Refused):
                pass  # not, or no longer, what it looks like
        return self.scalar(value)

    def scalar(self, value: Any) -> Any:
        if isinstance(value, bool):
            return self.one(not value, None, 0, "true")
        if isinstance(value, int):
            near = [value + 1, value - 1, value + 60, value - 61, value + DAY, value - 3 * DAY, value * 10]
            return self.one(*near, 0, -1, None, str(value), 2**63 - 1)
        if isinstance(value, str):
            if re.match(r"\d{4}-\d\d-\d\d\Z", value) and self.chance(0.8):
                return self.one("2025-11-22", "2025-02-29", "2024-02-29", "2025-11-21", "2026-11-22", "2025-11-23")
            if self.chance(0.5):
                at, letter = self.random.randrange(len(value) + 1), self.one(*"0129aAzZXx-._:/[]%@ \t\n\u3000é０·\x1f")
                return value[:at] + letter + value[at + self.one(0, 1) :]
            texts = [value.upper(), value.lower(), value[:-1], "", None, 7, [value], *COUNTIES, *COUNTIES.values()]
            return self.one(*texts, "SANDBOX", "PRODUCTION", "active", "removed", "suspended", "ORDINARY", "BPS-1")
        return self.one(None, {}, [], "x", 1, {"zh": "示例", "en": "example"})

    # --- what is signed ---

    def signed(self, token: str) -> str:
        """A compact object, changed in its payload, now and then in its header, and signed by whom the header names."""
        header, octets = (strict.unb64url(part) for part in token.split(".")[:2])
        if self.chance(0.1):
            header = strict.write(self.change(json.loads(header)))
        elif self.chance(0.1):
            octets = self.one(*ODD_JSON).encode()
        else:
            octets = strict.write(self.change(json.loads(octets)))
        return self.sign(header, octets, token)

    def sign(self, header: bytes, octets: bytes, before: str) -> str:
        """With the signature before where it is nobody's whose key is known."""
        parts, signature = f"{strict.b64url(header)}.{strict.b64url(octets)}", before.split(".")[2]
        named = json.loads(header)
        kid = named.get("kid") if isinstance(named, dict) else None
        if isinstance(kid, str) and kid in KEYS and self.chance(0.97):
            signature = strict.b64url(KEYS[kid].sign(parts.encode()))
        return f"{parts}.{signature}"

    def presented(self, token: str) -> str:
        """An SD-JWT: another payload, or another disclosure under its own digest; a key binding is left as it was."""
        issued, *parts = token.split("~")
        if len(parts) < 2 or self.chance(0.4):
            return "~".join([self.signed(issued), *parts])
        last = parts.pop()
        at = self.random.randrange(len(parts))
        part = parts[at]
        other = strict.b64url(strict.write(self.change(json.loads(strict.unb64url(part)))))
        parts[at : at + 1] = self.one([other], [other], [other], [], [part, other])
        header, octets, _ = issued.split(".")
        payload = strict.unb64url(octets).replace(sdjwt.digest(part).encode(), sdjwt.digest(other).encode())
        return "~".join([self.sign(strict.unb64url(header), payload, issued), *parts, last])

    def document(self, text: str) -> str:
        """A JSON document; an agreement is signed anew by all who signed it."""
        read = json.loads(text)
        if self.chance(0.15) or "payload" not in read:
            return strict.write(self.change(read)).decode("utf-8", "replace")
        octets = strict.write(self.change(json.loads(strict.unb64url(read["payload"]))))
        for one in read["signatures"]:
            token = f"{one['protected']}.{read['payload']}.{one['signature']}"
            one["signature"] = self.sign(strict.unb64url(one["protected"]), octets, token).split(".")[2]
        return strict.write({**read, "payload": strict.b64url(octets)}).decode()


def asked_otherwise(draw: Draw, name: str, value: Any) -> Any:
    """A member of the input, changed so that the question stays one: adapters are trusted in form, peers are not."""
    if name in _FIXED or (name == "federation" and isinstance(value, str)):
        return value
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return max(0, value + draw.one(-3 * DAY, -DAY, -61, -1, 1, 60, DAY, 4 * DAY))
    if isinstance(value, list) and value:
        at = draw.random.randrange(len(value))
        change = draw.one(lambda one: [], lambda one: [one, one], *[lambda one: [asked_otherwise(draw, name, one)]] * 6)
        return [*value[:at], *change(value[at]), *value[at + 1 :]]
    if isinstance(value, dict) and value:
        inner = draw.one(*value)
        if name == "jwk":
            return {**value, inner: draw.change(value[inner])}
        return {**value, inner: asked_otherwise(draw, _INSIDE.get(name, name), value[inner])}
    if isinstance(value, str):
        changed = draw.change(value)
        return changed if isinstance(changed, str) else value
    return value


_INSIDE = {"keys": "jwk-set", "jwk-set": "jwk"}
_FIXED = "of typ purpose clerk office environment status entity me issuer recogniser tombstones".split()


def question(vectors: list[Question], federations: dict[str, Any], draw: Draw) -> Question:
    """A vector, changed in its input, or in the federation in which it is asked."""
    chosen = draw.one(*vectors)
    asked, named = chosen["input"], chosen["input"].get("federation")
    known = {name: federations[name] for name in (named, "demo") if isinstance(name, str)}
    for _ in range(draw.one(1, 1, 2)):
        if isinstance(named, str) and draw.chance(0.25):
            part = draw.one("statements", "statements", "member_lists")
            known[named] = {**known[named], part: asked_otherwise(draw, part, known[named][part])}
        else:
            name = draw.one(*asked)
            asked = {**asked, name: asked_otherwise(draw, name, asked[name])}
    return {"kind": chosen["kind"], "input": asked, "federations": known}


def ask(command: list[str], asked: Question) -> Any:
    text = json.dumps({"case": "drawn", **asked}, ensure_ascii=False)
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout) if done.returncode == 0 else {"crash": done.stderr[-500:]}


def alike(kind: str, ours: Any, theirs: Any, rules: bool) -> bool:
    """Whether two answers say the same: the same rule, or the same of every member that both tell."""
    if "unsupported" in theirs:  # what only surrounds the question was changed into something that cannot be
        return True
    if "accept" not in ours or "accept" not in theirs:
        return bool(ours == theirs) if rules else ours.keys() == theirs.keys()
    both = ours["accept"].keys() & theirs["accept"].keys()
    if kind == "decision":
        both -= {"confirmation"} if ours["accept"].get("step") != "decision" else set()
        both -= {"text"}  # DEC-6: a number or a day may be put in
    both -= set() if rules else {"cause", "refused"}
    return all(ours["accept"][name] == theirs["accept"][name] for name in both)


def main() -> None:
    vectors: dict[str, list[Question]] = {}
    federations = {path.stem: json.loads(path.read_bytes()) for path in sorted(VECTORS.glob("federations/*.json"))}
    for path in sorted(VECTORS.glob("*/*.json")):
        if path.parent.name != "federations" and len(read := path.read_bytes()) < 200_000:
            vector = json.loads(read)
            vectors.setdefault(vector["kind"], []).append(vector)
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--adapter", required=True, help="the other adapter, quoted as for a shell")
    parser.add_argument("--count", type=int, default=100, help="questions of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rules", action="store_true", help="refused for another rule is a difference too")
    parser.add_argument("--only", choices=sorted(vectors), action="append")
    chosen = parser.parse_args()
    command, differ = shlex.split(chosen.adapter), 0
    for kind in chosen.only or sorted(vectors):
        for seed in range(chosen.seed * 1_000_000, chosen.seed * 1_000_000 + chosen.count):
            asked = question(vectors[kind], federations, Draw(seed))
            ours, theirs = adapter.answer(json.loads(json.dumps(asked))), ask(command, asked)
            if not alike(kind, ours, theirs, chosen.rules):
                differ += 1
                shown = [json.dumps(one, ensure_ascii=False)[:400] for one in (ours, theirs)]
                print(f"{kind} {seed}\n  reference {shown[0]}\n  other     {shown[1]}", flush=True)
    print(f"differ: {differ} differences")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()

"""SD-JWT as chapter 5 wants it processed (RFC 9901 section 7.1; ATT-3, ATT-10, ATT-11, ATT-13 to ATT-15)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import jws, strict
from .keys import KeyRing, PublicKey, SigningKey, read_jwk
from .shape import Shape, integer, text
from .strict import Refused, b64url, unb64url

TYP = "dc+sd-jwt"
KEY_BINDING = "kb+jwt"
OPEN_CLAIMS = frozenset(
    "iss sub aud iat nbf exp jti vct vct#integrity cnf status region environment source_as_of log _sd_alg".split()
)
_BINDING = Shape({"iat": integer(0), "aud": text, "nonce": text, "sd_hash": text}, closed=False)


@dataclass(frozen=True)
class Challenge:
    """What the window asked for (ATT-14)."""

    aud: str
    nonce: str
    now: int
    max_age: int


@dataclass(frozen=True)
class Presentation:
    """Parts of what was presented; nothing is verified yet."""

    issuer_token: str
    disclosures: list[str]
    binding: str | None
    bound: str

    @classmethod
    def split(cls, presented: str) -> Presentation:
        if "~" not in presented or presented.startswith("~"):
            raise Refused("sd-jwt.structure")
        token, *disclosures, last = presented.split("~")
        bound = presented[: len(presented) - len(last)]
        return cls(token, disclosures, last or None, bound)


@dataclass(frozen=True)
class Disclosed:
    claims: dict[str, Any]
    pointers: list[str]


def digest(part: str) -> str:
    return b64url(hashlib.sha256(part.encode("ascii")).digest())


def open_presented(presented: str, ring: KeyRing, challenge: Challenge | None) -> Disclosed:
    """Signature, disclosures and key binding, in this order."""
    parts = Presentation.split(presented)
    payload = jws.read(parts.issuer_token, TYP).verify(ring, "attestation")
    disclosed = disclose(payload, parts.disclosures)
    check_binding(disclosed.claims, parts, challenge)
    return disclosed


def disclose(payload: Mapping[str, Any], disclosures: Iterable[str]) -> Disclosed:
    """Puts the disclosures where their digests stand."""
    given: dict[str, list[Any]] = {}
    for part in disclosures:
        try:
            name = digest(part)
            value = strict.parse(unb64url(part)) if part else None
        except (Refused, UnicodeEncodeError):
            raise Refused("sd-jwt.disclosure") from None
        if not part:
            raise Refused("sd-jwt.disclosure")
        if not isinstance(value, list) or len(value) not in (2, 3) or not isinstance(value[0], str):
            raise Refused("sd-jwt.arity")
        if name in given:
            raise Refused("sd-jwt.repeated-digest")
        given[name] = value
    if payload.get("_sd_alg") != "sha-256":
        raise Refused("sd-jwt.sd-alg")
    walk = _Walk(given)
    claims = walk.members({name: item for name, item in payload.items() if name != "_sd_alg"}, "")
    if len(walk.seen) != len(set(walk.seen)):
        raise Refused("sd-jwt.repeated-digest")
    if walk.used != given.keys():
        raise Refused("sd-jwt.unreferenced")
    return Disclosed(claims, walk.pointers)


class _Walk:
    """One walk over the payload and what is disclosed in it; every digest is met once at most."""

    def __init__(self, given: Mapping[str, list[Any]]) -> None:
        self.given = given
        self.seen: list[str] = []
        self.used: set[str] = set()
        self.pointers: list[str] = []

    def value(self, item: Any, at: str) -> Any:
        if isinstance(item, dict):
            return self.members(item, at)
        return self.elements(item, at) if isinstance(item, list) else item

    def members(self, item: Mapping[str, Any], at: str) -> dict[str, Any]:
        if "..." in item:
            raise Refused("sd-jwt.reserved-name")
        read = {name: self.value(inner, _pointer(at, name)) for name, inner in item.items() if name != "_sd"}
        digests = item.get("_sd", [])
        if not isinstance(digests, list) or not all(isinstance(one, str) for one in digests):
            raise Refused("sd-jwt.digest")
        for one in digests:
            found = self._met(one)
            if found is None:
                continue
            if len(found) != 3 or not isinstance(found[1], str):
                raise Refused("sd-jwt.arity")
            name = found[1]
            if name in ("_sd", "..."):
                raise Refused("sd-jwt.reserved-name")
            pointer = _pointer(at, name)
            if pointer.split("/")[1] in OPEN_CLAIMS:
                raise Refused("sd-jwt.hidden-claim")
            if name in read:
                raise Refused("sd-jwt.collision")
            self.pointers.append(pointer)
            read[name] = self.value(found[2], pointer)
        return read

    def elements(self, items: list[Any], at: str) -> list[Any]:
        read: list[Any] = []
        for item in items:
            if not (isinstance(item, dict) and item.keys() == {"..."}):
                read.append(self.value(item, f"{at}/{len(read)}"))
                continue
            if not isinstance(item["..."], str):
                raise Refused("sd-jwt.digest")
            found = self._met(item["..."])
            if found is None:
                continue
            if len(found) != 2:
                raise Refused("sd-jwt.arity")
            pointer = f"{at}/{len(read)}"
            if pointer.split("/")[1] in OPEN_CLAIMS:
                raise Refused("sd-jwt.hidden-claim")
            self.pointers.append(pointer)
            read.append(self.value(found[1], pointer))
        return read

    def _met(self, one: str) -> list[Any] | None:
        if one in self.seen:
            raise Refused("sd-jwt.repeated-digest")
        self.seen.append(one)
        if one in self.given:
            self.used.add(one)
        return self.given.get(one)


def _pointer(at: str, name: str) -> str:
    return f"{at}/{name.replace('~', '~0').replace('/', '~1')}"


# --- key binding ---


def check_binding(claims: Mapping[str, Any], parts: Presentation, challenge: Challenge | None) -> None:
    """ATT-13 to ATT-15. A binding that nobody asked for must be genuine all the same."""
    key = _confirmation_key(claims)
    if parts.binding is None:
        if challenge is not None:
            raise Refused("kb.missing")
        return
    if key is None:
        raise Refused("kb.cnf")
    payload = _verified_binding(parts.binding, key)
    if payload["sd_hash"] != digest(parts.bound):
        raise Refused("kb.sd-hash")
    if challenge is None:
        return
    if payload["aud"] != challenge.aud:
        raise Refused("kb.aud")
    if payload["nonce"] != challenge.nonce:
        raise Refused("kb.nonce")
    latest = challenge.now + jws.CLOCK_SKEW
    earliest = challenge.now - challenge.max_age - jws.CLOCK_SKEW
    if not earliest <= payload["iat"] <= latest:
        raise Refused("kb.iat")


def _confirmation_key(claims: Mapping[str, Any]) -> PublicKey | None:
    if claims.get("cnf") is None:
        return None
    confirmation = claims["cnf"]
    if not isinstance(confirmation, dict) or "jwk" not in confirmation:
        raise Refused("kb.cnf")
    return read_jwk(confirmation["jwk"], ("Ed25519", "P-256"))


def _verified_binding(binding: str, key: PublicKey) -> dict[str, Any]:
    try:
        head, body, signature = jws.split(binding)
        header = strict.parse(unb64url(head))
        payload = strict.parse(unb64url(body))
        if not isinstance(header, dict) or header.keys() - {"alg", "typ", "kid"}:
            raise Refused("kb.malformed")
        if header.get("typ") != KEY_BINDING:
            raise Refused("kb.typ")
        payload = _BINDING.read(payload, "kb.malformed")
    except Refused as error:
        raise Refused(error.rule if error.rule == "kb.typ" else "kb.malformed") from error
    if header.get("kid", key.kid) != key.kid:
        raise Refused("kb.signature")
    if not key.verify(str(header.get("alg")), signature, f"{head}.{body}".encode("ascii")):
        raise Refused("kb.signature")
    return payload


# --- issuing ---


def issue(key: SigningKey, claims: Mapping[str, Any], hidden: Mapping[str, Any], digests: int) -> str:
    """Signs open claims and hides the others among decoys (ATT-6, ATT-7)."""
    disclosures = []
    for name, value in hidden.items():
        disclosures.append(b64url(strict.write([b64url(secrets.token_bytes(16)), name, value])))
    decoys = [b64url(secrets.token_bytes(32)) for _ in range(digests - len(disclosures))]
    hashes = sorted([digest(part) for part in disclosures] + decoys)
    token = jws.sign(key, TYP, {**claims, "_sd": hashes, "_sd_alg": "sha-256"})
    return "~".join([token, *disclosures, ""])

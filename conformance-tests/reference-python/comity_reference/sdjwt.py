"""SD-JWT as chapter 5 wants it processed (RFC 9901 section 7.1; ATT-3, ATT-10, ATT-11, ATT-13 to ATT-15)."""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import jws, strict
from .keys import KeyRing, SigningKey, read_jwk
from .strict import Refused, b64url, require, unb64url

TYP = "dc+sd-jwt"
KEY_BINDING = "kb+jwt"
_REFUSED_IN_HEADERS = frozenset("crit b64 zip jku jwk x5u".split())
OPEN_CLAIMS = frozenset(
    "iss sub aud iat nbf exp jti vct vct#integrity cnf status region environment source_as_of log _sd_alg".split()
)


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
    binding: str
    bound: str

    @classmethod
    def split(cls, presented: str) -> Presentation:
        require("~" in presented and not presented.startswith("~"), "sd-jwt.structure")
        token, *disclosures, last = presented.split("~")
        return cls(token, disclosures, last, presented[: len(presented) - len(last)])


@dataclass(frozen=True)
class _Binding:
    """A key binding as read, not verified."""

    alg: str
    payload: Any
    signature: bytes
    signed: bytes


@dataclass(frozen=True)
class Disclosed:
    claims: dict[str, Any]
    pointers: list[str]


def digest(part: str) -> str:
    return b64url(hashlib.sha256(part.encode("ascii")).digest())


def open_presented(presented: str, ring: KeyRing, challenge: Challenge | None) -> Disclosed:
    """The form of everything; then signature, disclosures and key binding, in this order."""
    parts = Presentation.split(presented)
    token, given = jws.read(parts.issuer_token, TYP), _read_disclosures(parts.disclosures)
    binding = _read_binding(parts.binding) if parts.binding else None
    disclosed = _disclose(token.verify(ring, "attestation"), given)
    _check_binding(disclosed.claims.get("cnf"), binding, parts.bound, challenge)
    return disclosed


def _read_disclosures(disclosures: Iterable[str]) -> list[tuple[str, list[Any]]]:
    """Each with its digest; the name of a claim is text."""
    given = []
    for part in disclosures:
        try:
            name, value = digest(part), strict.parse(unb64url(part))
        except (Refused, UnicodeEncodeError):
            raise Refused("sd-jwt.disclosure") from None
        require(isinstance(value, list) and len(value) in (2, 3) and isinstance(value[0], str), "sd-jwt.arity")
        require(len(value) == 2 or isinstance(value[1], str), "sd-jwt.arity")
        given.append((name, value))
    return given


def _disclose(payload: Mapping[str, Any], disclosures: list[tuple[str, list[Any]]]) -> Disclosed:
    """Puts the disclosures where their digests stand."""
    require(payload.get("_sd_alg") == "sha-256", "sd-jwt.sd-alg")
    given = dict(disclosures)
    require(len(given) == len(disclosures), "sd-jwt.repeated-digest")
    walk = _Walk(given)
    claims = walk.members({name: item for name, item in payload.items() if name != "_sd_alg"}, "")
    require(given.keys() <= walk.met, "sd-jwt.unreferenced")
    return Disclosed(claims, walk.pointers)


class _Walk:
    """One walk over the payload and what is disclosed in it; every digest is met once at most."""

    def __init__(self, given: Mapping[str, list[Any]]) -> None:
        self.given = given
        self.met: set[str] = set()
        self.pointers: list[str] = []

    def value(self, item: Any, at: str) -> Any:
        """`at` has a slash for each container around the item."""
        require(not isinstance(item, (dict, list)) or at.count("/") < strict.MAX_DEPTH, "sd-jwt.depth")
        if isinstance(item, dict):
            return self.members(item, at)
        return self.elements(item, at) if isinstance(item, list) else item

    def members(self, item: Mapping[str, Any], at: str) -> dict[str, Any]:
        require("..." not in item, "sd-jwt.reserved-name")
        read = {name: self.value(inner, _pointer(at, name)) for name, inner in item.items() if name != "_sd"}
        digests = item.get("_sd", [])
        require(isinstance(digests, list), "sd-jwt.digest")
        for one in digests:
            found = self._disclosure(one, 3, at)
            if found is None:
                continue
            name = found[1]
            require(name not in ("_sd", "..."), "sd-jwt.reserved-name")
            disclosed = self._disclosed(found[2], _pointer(at, name))
            require(name not in read, "sd-jwt.collision")
            read[name] = disclosed
        return read

    def elements(self, items: list[Any], at: str) -> list[Any]:
        read: list[Any] = []
        for item in items:
            pointer = f"{at}/{len(read)}"
            if not (isinstance(item, dict) and "..." in item):
                read.append(self.value(item, pointer))
                continue
            require(item.keys() == {"..."}, "sd-jwt.digest")
            if (found := self._disclosure(item["..."], 2, at)) is not None:
                read.append(self._disclosed(found[1], pointer))
        return read

    def _disclosure(self, one: Any, length: int, at: str) -> list[Any] | None:
        """What a digest stands for, where it was disclosed. Inside an open claim none may stand, disclosed or not (ATT-3)."""
        require(isinstance(one, str), "sd-jwt.digest")
        require(not at or at.split("/")[1] not in OPEN_CLAIMS, "sd-jwt.hidden-claim")
        require(one not in self.met, "sd-jwt.repeated-digest")
        self.met.add(one)
        found = self.given.get(one)
        require(found is None or len(found) == length, "sd-jwt.arity")
        return found

    def _disclosed(self, value: Any, pointer: str) -> Any:
        require(pointer.split("/")[1] not in OPEN_CLAIMS, "sd-jwt.hidden-claim")
        self.pointers.append(pointer)
        return self.value(value, pointer)


def _pointer(at: str, name: str) -> str:
    return f"{at}/{name.replace('~', '~0').replace('/', '~1')}"


# --- key binding ---


def _read_binding(token: str) -> _Binding:
    """The form of a key binding, which is tried before the issuer's signature (16.5). Its header is a wallet's."""
    try:
        head, body, signature = jws.split(token)
        header, payload = (strict.parse(unb64url(part), fractions=True) for part in (head, body))
        require(isinstance(header, dict) and not header.keys() & _REFUSED_IN_HEADERS, "kb.malformed")
        require(header.get("alg") in ("EdDSA", "Ed25519", "ES256"), "kb.malformed")
        require(str(header.get("typ")).lower().removeprefix("application/") == KEY_BINDING, "kb.typ")
    except Refused as error:
        raise Refused(error.rule if error.rule == "kb.typ" else "kb.malformed") from error
    return _Binding(header["alg"], payload, signature, f"{head}.{body}".encode("ascii"))


def _check_binding(cnf: Any, binding: _Binding | None, bound: str, challenge: Challenge | None) -> None:
    """ATT-13 to ATT-15. A binding that nobody asked for must be genuine all the same; without one `cnf` is not looked at."""
    require(binding or challenge is None, "kb.missing")
    if binding is None:
        return
    require(isinstance(cnf, dict) and "jwk" in cnf, "kb.cnf")
    key, payload = read_jwk(cnf["jwk"], ("Ed25519", "P-256"), named=False), binding.payload
    require((key.crv == "P-256") == (binding.alg == "ES256"), "kb.malformed")
    require(key.verify(binding.alg, binding.signature, binding.signed), "kb.signature")
    require(isinstance(payload, dict), "kb.malformed")
    require(all(isinstance(payload.get(name), str) for name in ("aud", "nonce", "sd_hash")), "kb.malformed")
    require(type(payload.get("iat")) in (int, float), "kb.malformed")
    require(payload["sd_hash"] == digest(bound), "kb.sd-hash")
    if challenge is not None:
        require(payload["aud"] == challenge.aud, "kb.aud")
        require(payload["nonce"] == challenge.nonce, "kb.nonce")
        age = challenge.now - math.floor(payload["iat"])
        require(-jws.CLOCK_SKEW <= age <= challenge.max_age + jws.CLOCK_SKEW, "kb.iat")


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

"""The strict profile of JWS (chapter 2): compact objects, and the general serialization of agreements (2.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import identifiers, schema, strict
from .keys import KeyRing, SigningKey
from .strict import b64url, require, unb64url

MAX_COMPACT = 256 * 1024
MAX_STATUS_LIST = 8 * 1024 * 1024
MAX_SIGNATURES = 16
CLOCK_SKEW = 60


@dataclass(frozen=True)
class Header:
    alg: str
    kid: str
    signed_at: int


@dataclass(frozen=True)
class Unverified:
    """A signed object that was read and not verified. Nothing in it counts, save to find the signer."""

    header: Header
    payload: Any
    signed: bytes
    signature: bytes

    def verify(self, ring: KeyRing, purpose: str) -> dict[str, Any]:
        key = ring.key(purpose, self.header.kid)
        require(key.verify(self.header.alg, self.signature, self.signed), "jws.signature")
        require(isinstance(self.payload, dict), "jws.claims")
        payload: dict[str, Any] = self.payload
        return payload

    def claims(self, name: str) -> dict[str, Any]:
        """The payload as its schema has it."""
        return schema.read(name, self.payload)


def _read_header(part: str, typ: str, several: bool = False) -> Header:
    """JWS-1 to JWS-4, in the order of 2.1; one of several signatures has `signed_at` as well (JWS-20)."""
    header = strict.parse(unb64url(part))
    require(isinstance(header, dict), "jws.claims")
    require(all(isinstance(header.get(name, ""), str) for name in ("alg", "kid", "typ")), "jws.claims")
    require(not header.keys() - {"alg", "kid", "typ"} - ({"signed_at"} if several else set()), "jws.header-member")
    require(header.get("alg") in ("EdDSA", "Ed25519"), "jws.alg")
    require(header.get("typ") == typ, "jws.typ")
    require("kid" in header, "jws.kid")
    signed_at = header.get("signed_at") if several else 0
    require(type(signed_at) is int and 0 <= signed_at <= identifiers.LAST_SECOND, "jws.claims")
    return Header(header["alg"], header["kid"], signed_at)


def _signature(part: str) -> bytes:
    signature = unb64url(part, "jws.signature-form")
    require(len(signature) == 64, "jws.signature-form")
    return signature


def _parts(token: str) -> tuple[str, str, str]:
    parts = token.split(".")
    require(len(parts) == 3, "jws.structure")
    return parts[0], parts[1], parts[2]


def split(token: str) -> tuple[str, str, bytes]:
    """Header part, payload part and signature of a compact object (JWS-10)."""
    head, body, last = _parts(token)
    return head, body, _signature(last)


def read(token: str, typ: str, limit: int = MAX_COMPACT) -> Unverified:
    """Reads a compact object of an expected type, without any key."""
    require(len(token) <= limit, "jws.too-long")
    head, body, last = _parts(token)
    header, signature = _read_header(head, typ), _signature(last)
    return Unverified(header, strict.parse(unb64url(body)), f"{head}.{body}".encode("ascii"), signature)


def peek(token: str) -> dict[str, Any]:
    """The payload of an object that this node has verified before, or only wants to name; {} where nothing can be read."""
    try:
        payload = strict.parse(unb64url(token.split("~")[0].split(".")[1]))
    except (strict.Refused, IndexError):
        return {}
    return payload if isinstance(payload, dict) else {}


def sign(key: SigningKey, typ: str, payload: dict[str, Any]) -> str:
    header = {"alg": "EdDSA", "kid": key.public.kid, "typ": typ}
    signed = f"{b64url(strict.write(header))}.{b64url(strict.write(payload))}"
    return f"{signed}.{b64url(key.sign(signed.encode('ascii')))}"


# --- 2.6 several signatures ---


@dataclass(frozen=True)
class Several:
    """A JWS in general serialization, read and not verified; `octets` are the payload's. Each signature is there as read and
    as received."""

    octets: bytes
    payload: Any
    signatures: list[tuple[Unverified, dict[str, str]]]


def read_several(document: str, typ: str) -> Several:
    require(len(document) <= MAX_COMPACT, "jws.too-long")
    general = schema.read("agreement-signed", strict.parse(document.encode("utf-8", "surrogatepass")))
    require(len(general["signatures"]) <= MAX_SIGNATURES, "jws.structure")
    read = []
    for one in general["signatures"]:
        header = _read_header(one["protected"], typ, several=True)
        signed = f"{one['protected']}.{general['payload']}".encode("ascii")
        read.append((header, signed, _signature(one["signature"]), one))
    octets = unb64url(general["payload"])
    payload = strict.parse(octets)
    signatures = [(Unverified(header, payload, signed, signature), one) for header, signed, signature, one in read]
    return Several(octets, payload, signatures)


def sign_part(key: SigningKey, typ: str, octets: bytes, signed_at: int) -> dict[str, str]:
    """One signature of a general serialization."""
    header = {"alg": "EdDSA", "kid": key.public.kid, "typ": typ, "signed_at": signed_at}
    protected = b64url(strict.write(header))
    return {"protected": protected, "signature": b64url(key.sign(f"{protected}.{b64url(octets)}".encode("ascii")))}

"""The strict profile of JWS (chapter 2): compact objects, and the general serialization of agreements (2.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import strict
from .keys import KeyRing, SigningKey
from .shape import Shape, list_of, text
from .strict import Refused, b64url, unb64url

MAX_COMPACT = 256 * 1024
MAX_STATUS_LIST = 8 * 1024 * 1024
CLOCK_SKEW = 60


@dataclass(frozen=True)
class Header:
    alg: str
    kid: str
    typ: str
    signed_at: int | None = None


@dataclass(frozen=True)
class Unverified:
    """A compact object that was read and not verified. Nothing in it counts, save to find the signer."""

    header: Header
    payload: Any
    signed: bytes
    signature: bytes

    def verify(self, ring: KeyRing, purpose: str) -> dict[str, Any]:
        key = ring.key(purpose, self.header.kid)
        if not key.verify(self.header.alg, self.signature, self.signed):
            raise Refused("jws.signature")
        if not isinstance(self.payload, dict):
            raise Refused("jws.claims")
        return self.payload


def read_header(part: str, typ: str, more: tuple[str, ...] = ()) -> Header:
    """JWS-1 to JWS-4, in this order; `more` are the members that JWS-20 adds."""
    header = strict.parse(unb64url(part))
    if not isinstance(header, dict):
        raise Refused("jws.claims")
    for name in ("alg", "kid", "typ"):
        if name in header and not isinstance(header[name], str):
            raise Refused("jws.claims")
    if header.get("alg") not in ("EdDSA", "Ed25519"):
        raise Refused("jws.alg")
    if header.keys() - {"alg", "kid", "typ", *more}:
        raise Refused("jws.header-member")
    if header.get("typ") != typ:
        raise Refused("jws.typ")
    if "kid" not in header:
        raise Refused("jws.kid")
    signed_at = None
    for name in more:
        if type(header.get(name)) is not int or not 0 <= header[name] <= 253402300799:
            raise Refused("jws.claims")
        signed_at = header[name]
    return Header(header["alg"], header["kid"], header["typ"], signed_at)


def split(token: str) -> tuple[str, str, bytes]:
    """Header part, payload part and signature of a compact object (JWS-10)."""
    parts = token.split(".")
    if len(parts) != 3:
        raise Refused("jws.structure")
    signature = unb64url(parts[2], "jws.signature-form")
    if len(signature) != 64:
        raise Refused("jws.signature-form")
    return parts[0], parts[1], signature


def read(token: str, typ: str, limit: int = MAX_COMPACT) -> Unverified:
    """Reads a compact object of an expected type, without any key."""
    if len(token) > limit:
        raise Refused("jws.too-long")
    head, body, signature = split(token)
    header = read_header(head, typ)
    payload = strict.parse(unb64url(body))
    return Unverified(header, payload, f"{head}.{body}".encode("ascii"), signature)


def peek(token: str) -> dict[str, Any]:
    """The payload of an object that this node has verified before, or only wants to name."""
    payload = strict.parse(unb64url(token.split("~")[0].split(".")[1]))
    return payload if isinstance(payload, dict) else {}


def sign(key: SigningKey, typ: str, payload: dict[str, Any]) -> str:
    header = {"alg": "EdDSA", "kid": key.public.kid, "typ": typ}
    signed = f"{b64url(strict.write(header))}.{b64url(strict.write(payload))}"
    return f"{signed}.{b64url(key.sign(signed.encode('ascii')))}"


# --- 2.6 several signatures ---

_GENERAL = Shape({"payload": text, "signatures": list_of(Shape({"protected": text, "signature": text}))})
MAX_SIGNATURES = 16


@dataclass(frozen=True)
class Signature:
    header: Header
    signed: bytes
    signature: bytes
    received: dict[str, str]


@dataclass(frozen=True)
class Several:
    """A JWS in general serialization, read and not verified; `octets` are the payload's."""

    octets: bytes
    payload: Any
    signatures: list[Signature]


def read_several(document: str, typ: str) -> Several:
    if len(document) > MAX_COMPACT:
        raise Refused("jws.too-long")
    general = _GENERAL.read(strict.parse(document.encode("utf-8", "surrogatepass")), "jws.claims")
    if len(general["signatures"]) > MAX_SIGNATURES:
        raise Refused("jws.structure")
    octets = unb64url(general["payload"])
    signatures = []
    for one in general["signatures"]:
        header = read_header(one["protected"], typ, more=("signed_at",))
        signature = unb64url(one["signature"], "jws.signature-form")
        if len(signature) != 64:
            raise Refused("jws.signature-form")
        signed = f"{one['protected']}.{general['payload']}".encode("ascii")
        signatures.append(Signature(header, signed, signature, one))
    return Several(octets, strict.parse(octets), signatures)


def sign_part(key: SigningKey, typ: str, octets: bytes, signed_at: int) -> dict[str, str]:
    """One signature of a general serialization."""
    header = {"alg": "EdDSA", "kid": key.public.kid, "typ": typ, "signed_at": signed_at}
    protected = b64url(strict.write(header))
    return {"protected": protected, "signature": b64url(key.sign(f"{protected}.{b64url(octets)}".encode("ascii")))}

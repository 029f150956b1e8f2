"""Keys and their purposes (JWS-4, JWS-5, JWS-8, JWS-9; RFC 7517, RFC 7638, RFC 8037)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from . import ed25519, strict
from .strict import Refused, b64url, require, unb64url

PURPOSES = ("federation", "attestation", "status", "exchange", "receipt", "log", "witness", "encryption")
_PRIVATE = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k"))


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """RFC 7638, SHA-256; the members are those of the RFC, in its order."""
    return b64url(hashlib.sha256(strict.write(jwk)).digest())


@dataclass(frozen=True)
class PublicKey:
    """A public key whose point was checked. `crv` is Ed25519, P-256 or X25519."""

    kid: str
    crv: str
    x: bytes
    y: bytes = b""

    def jwk(self) -> dict[str, str]:
        return {"kty": "OKP", "crv": self.crv, "x": b64url(self.x), "kid": self.kid}

    def verify(self, alg: str, signature: bytes, message: bytes) -> bool:
        if self.crv == "Ed25519":
            return alg in ("EdDSA", "Ed25519") and ed25519.verify(self.x, signature, message)
        if self.crv != "P-256" or alg != "ES256" or len(signature) != 64:
            return False
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        try:
            _p256(self.x, self.y).verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
        except (InvalidSignature, ValueError):
            return False
        return True


def _p256(x: bytes, y: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + x + y)


def read_jwk(value: Any, curves: tuple[str, ...] = ("Ed25519",), named: bool = True) -> PublicKey:
    """A public JWK. Unknown members are ignored (the standard owns it), private ones refused. A wallet's is not `named`: its
    `kid` decides nothing."""
    require(isinstance(value, dict), "key.malformed")
    require(not _PRIVATE & value.keys(), "key.private")
    kty, crv, x, y = (value.get(name) for name in ("kty", "crv", "x", "y"))
    require(isinstance(kty, str), "key.malformed")
    require(crv in curves and kty == ("EC" if crv == "P-256" else "OKP"), "key.type")
    require(isinstance(x, str) and (kty == "OKP" or isinstance(y, str)), "key.malformed")
    key = _read_point(crv, x, y if kty == "EC" else None)
    require(not named or value.get("kid") in (None, key.kid), "key.kid")
    return key


@lru_cache(maxsize=4096)
def _read_point(crv: str, *encoded: str | None) -> PublicKey:
    """JWS-8. A key is met many times, its point is checked once."""
    x, y = (unb64url(one, "key.malformed") if one else b"" for one in encoded)
    require(len(x) == 32 and len(y) == (32 if crv == "P-256" else 0), "key.malformed")
    jwk = {"crv": crv, "kty": "EC" if y else "OKP", "x": encoded[0]} | ({"y": encoded[1]} if y else {})
    try:
        if crv == "P-256":
            _p256(x, y)
        elif crv == "Ed25519":
            ed25519.check_public(x)
    except ValueError:
        raise Refused("key.not-on-curve") from None
    return PublicKey(thumbprint(jwk), crv, x, y)


def read_keys(jwks: Collection[Any], purpose: str = "federation") -> dict[str, PublicKey]:
    """The keys of a set, by `kid`."""
    require(len(jwks) <= 64, "key.too-many")
    curves = ("X25519",) if purpose == "encryption" else ("Ed25519",)
    return {key.kid: key for key in [read_jwk(jwk, curves) for jwk in jwks]}


@dataclass(frozen=True)
class KeyRing:
    """The keys that a chain gives to one signer, by purpose."""

    by_purpose: Mapping[str, Mapping[str, PublicKey]]

    @classmethod
    def of(cls, sets: Mapping[str, Collection[Any]]) -> KeyRing:
        return cls({purpose: read_keys(jwks, purpose) for purpose, jwks in sets.items()})

    def of_purpose(self, purpose: str) -> Mapping[str, PublicKey]:
        return self.by_purpose.get(purpose, {})

    def key(self, purpose: str, kid: str) -> PublicKey:
        """JWS-4 and JWS-5."""
        if kid in self.of_purpose(purpose):
            return self.of_purpose(purpose)[kid]
        raise Refused("key.purpose" if any(kid in ring for ring in self.by_purpose.values()) else "jws.unknown-key")


class SigningKey:
    """A private Ed25519 key of this node."""

    def __init__(self, seed: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        x = self._private.public_key().public_bytes_raw()
        self.public = PublicKey(thumbprint({"crv": "Ed25519", "kty": "OKP", "x": b64url(x)}), "Ed25519", x)

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)

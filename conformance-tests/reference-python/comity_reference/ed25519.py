"""Ed25519, strictly (RFC 8032; JWS-7 and JWS-8).

Signatures are made and checked by the library `cryptography` (OpenSSL): it refuses an S that is not canonical and
compares R octet by octet without cofactor. What it does not refuse, points of small order or with torsion, is refused here.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .strict import Refused, require

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
_SQRT_M1 = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]


def _add(a: Point, b: Point) -> Point:
    """Extended coordinates (RFC 8032, 5.1.4); complete, so that it doubles as well."""
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    x, y, z, t = f - e, h - g, h + g, f + e
    return x * y % P, z * t % P, y * z % P, x * t % P


def _is_identity_times(scalar: int, a: Point) -> bool:
    result: Point = (0, 1, 1, 0)
    for bit in f"{scalar:b}":
        result = _add(result, result)
        if bit == "1":
            result = _add(result, a)
    return result[0] % P == 0 and (result[1] - result[2]) % P == 0


def _decode(encoded: bytes) -> Point:
    number = int.from_bytes(encoded, "little")
    y, sign = number & (1 << 255) - 1, number >> 255
    require(y < P, "key.non-canonical")
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P == -u % P:
        x = x * _SQRT_M1 % P
    require(v * x * x % P == u, "key.not-on-curve")
    require(x or not sign, "key.non-canonical")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def check_public(encoded: bytes) -> None:
    """JWS-8: the canonical encoding of a point of the prime-order subgroup, and not the identity."""
    point = _decode(encoded)
    require(not _is_identity_times(8, point), "key.small-order")
    require(_is_identity_times(L, point), "key.torsion")


def _small_order(encoded: bytes) -> bool:
    try:
        return _is_identity_times(8, _decode(encoded))
    except Refused:
        return True  # no canonical point: the comparison of octets could not hold either


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a signature holds under a key that `check_public` let through."""
    if len(signature) != 64 or int.from_bytes(signature[32:], "little") >= L or _small_order(signature[:32]):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True

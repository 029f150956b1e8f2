"""Ed25519, strictly (RFC 8032; JWS-7 and JWS-8).

Signatures are made and checked by the library `cryptography` (OpenSSL): it refuses an S that is not canonical and
compares R octet by octet without cofactor. What it does not refuse, points of small order, is refused here. A key's
point is checked once, when the key is read.
"""

from __future__ import annotations

from functools import lru_cache

from .strict import Refused

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
_SQRT_M1 = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]
_IDENTITY: Point = (0, 1, 1, 0)


def _add(a: Point, b: Point) -> Point:
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    x, y, z, t = f - e, h - g, h + g, f + e
    return x * y % P, z * t % P, y * z % P, x * t % P


def _double(a: Point) -> Point:
    x2, y2 = a[0] * a[0] % P, a[1] * a[1] % P
    z2 = 2 * a[2] * a[2] % P
    h = x2 + y2
    e = h - (a[0] + a[1]) ** 2 % P
    g = x2 - y2
    f = z2 + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def _multiply(scalar: int, a: Point) -> Point:
    result = _IDENTITY
    for bit in bin(scalar)[2:]:
        result = _double(result)
        if bit == "1":
            result = _add(result, a)
    return result


def _is_identity(a: Point) -> bool:
    return a[0] % P == 0 and (a[1] - a[2]) % P == 0


def _decode(encoded: bytes) -> Point:
    number = int.from_bytes(encoded, "little")
    y, sign = number & (1 << 255) - 1, number >> 255
    if y >= P:
        raise Refused("key.non-canonical")
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P == -u % P:
        x = x * _SQRT_M1 % P
    if v * x * x % P != u:
        raise Refused("key.not-on-curve")
    if x == 0 and sign:
        raise Refused("key.non-canonical")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


@lru_cache(maxsize=4096)
def check_public(encoded: bytes) -> None:
    """JWS-8: the canonical encoding of a point of the prime-order subgroup, and not the identity."""
    point = _decode(encoded)
    if _is_identity(_double(_double(_double(point)))):
        raise Refused("key.small-order")
    if not _is_identity(_multiply(L, point)):
        raise Refused("key.torsion")


def _small_order(encoded: bytes) -> bool:
    try:
        return _is_identity(_double(_double(_double(_decode(encoded)))))
    except Refused:
        return True  # no canonical point: the comparison of octets could not hold either


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a signature holds under a key that `check_public` let through."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if len(signature) != 64 or int.from_bytes(signature[32:], "little") >= L or _small_order(signature[:32]):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True

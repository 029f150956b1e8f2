"""Status lists (chapter 6; draft-ietf-oauth-status-list-21, two bits an entry)."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import identifiers, jws
from .keys import KeyRing, SigningKey
from .shape import Shape, integer, mapping, text
from .strict import Refused, b64url, unb64url
from .trust import Federation

TYP = "statuslist+jwt"
ENTRIES = 131_072
OCTETS = ENTRIES // 4
TTL = 900
LIFE = 72 * 3600
VALID, CANCELLED, SUSPENDED, SUPERSEDED = range(4)
_INFLATED_CAP = 1024 * 1024

_STANDARD = Shape({"sub": text, "iat": identifiers.seconds, "status_list": mapping}, closed=False)
_OURS = Shape(
    {
        "iss?": identifiers.entity_id,
        "exp?": identifiers.seconds,
        "ttl?": integer(),
        "source_as_of?": identifiers.seconds,
    },
    closed=False,
)
_LIST = Shape({"bits": integer(0, 255), "lst": text}, closed=False)


@dataclass(frozen=True)
class StatusList:
    """A list whose signature was verified."""

    token: str
    iss: str
    sub: str
    iat: int
    exp: int
    source_as_of: int
    entries: bytes

    @property
    def as_of(self) -> int:
        """STA-11."""
        return min(self.iat, self.source_as_of)

    @property
    def count(self) -> int:
        return len(self.entries) * 4

    def value(self, index: int) -> int:
        """STA-8."""
        if not 0 <= index < self.count:
            raise Refused("status-list.index")
        return self.entries[index // 4] >> (index % 4 * 2) & 3

    def permanent(self) -> dict[int, int]:
        """Entries that are for good (STA-12)."""
        found = {}
        for at, octet in enumerate(self.entries):
            if octet:
                for slot in range(4):
                    value = octet >> slot * 2 & 3
                    if value in (CANCELLED, SUPERSEDED):
                        found[at * 4 + slot] = value
        return found


def verify(token: str, ring: KeyRing) -> StatusList:
    """STA-4 and STA-7: the signature first, then the contents."""
    payload = jws.read(token, TYP, jws.MAX_STATUS_LIST).verify(ring, "status")
    claims = _STANDARD.read(payload, "jws.claims") | _OURS.read(payload, "jws.claims")
    if len(claims) < len(_STANDARD.members) + len(_OURS.members):
        raise Refused("status-list.claims")
    compressed = _LIST.read(claims["status_list"], "jws.claims")
    if compressed["bits"] != 2:
        raise Refused("status-list.bits")
    if claims["exp"] <= claims["iat"] or claims["ttl"] <= 0:
        raise Refused("status-list.times")
    entries = inflate(unb64url(compressed["lst"], "status-list.base64url"))
    return StatusList(
        token, claims["iss"], claims["sub"], claims["iat"], claims["exp"], claims["source_as_of"], entries
    )


def inflate(compressed: bytes) -> bytes:
    """zlib (RFC 1950), capped while inflating."""
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(compressed, _INFLATED_CAP)
    except zlib.error:
        raise Refused("status-list.compression") from None
    if stream.unconsumed_tail:
        raise Refused("budget")
    if not stream.eof:
        raise Refused("status-list.truncated")
    if stream.unused_data:
        raise Refused("status-list.trailing-data")
    if not inflated:
        raise Refused("status-list.empty")
    return inflated


def accept(token: str, federation: Federation, held: StatusList | None, received_at: int) -> StatusList:
    """A list as it arrives from an active county, against the one held before (STA-4 to STA-6, STA-9, STA-10)."""
    unverified = jws.read(token, TYP, jws.MAX_STATUS_LIST)
    _STANDARD.read(unverified.payload, "jws.claims")
    iss = _OURS.read(unverified.payload, "jws.claims").get("iss")
    if iss is None:
        raise Refused("status-list.claims")
    try:
        county = federation.county(iss)
    except Refused:
        raise Refused("status.issuer-not-active") from None
    found = verify(token, county.ring)
    if found.iat > received_at + jws.CLOCK_SKEW:
        raise Refused("status.clock-doubt")
    if found.exp <= received_at:
        raise Refused("status.expired")
    if found.exp - found.iat > LIFE:
        raise Refused("status.lifetime")
    if found.source_as_of > found.iat + jws.CLOCK_SKEW:
        raise Refused("status.times")
    if not county.lies_here(found.sub):
        raise Refused("status.address")
    if found.count != ENTRIES:
        raise Refused("status.entries")
    if held is not None and found.iat < held.iat:
        raise Refused("status.older")
    if held is not None and found.iat == held.iat and found.token != held.token:
        raise Refused("status.fork")
    return found


@dataclass(frozen=True)
class Reading:
    value: int
    as_of: int | None
    tombstone: bool


def read_entry(found: StatusList | None, tombstones: Mapping[int, int], index: int, now: int) -> Reading:
    """What is known of one entry; a tombstone outlives its list and outranks what says less (STA-10, STA-12)."""
    grave = tombstones.get(index)
    listed: int | None = None
    refused = Refused("status.no-list")
    if found is not None:
        if found.exp <= now:
            refused = Refused("status.ended")
        else:
            try:
                listed = found.value(index)
            except Refused as error:
                refused = error
    if grave == CANCELLED or (grave == SUPERSEDED and listed != CANCELLED):
        if listed == grave and found is not None:
            return Reading(grave, found.as_of, False)
        return Reading(grave, None, True)
    if listed is None or found is None:
        raise refused
    return Reading(listed, found.as_of, False)


def payload_digest(found: StatusList) -> bytes:
    """What evidence of a list is over (9.1)."""
    return hashlib.sha256(unb64url(found.token.split(".")[1])).digest()


# --- issuing ---


def sign(key: SigningKey, iss: str, sub: str, entries: bytes, iat: int, source_as_of: int) -> str:
    payload: dict[str, Any] = {
        "iss": iss,
        "sub": sub,
        "iat": iat,
        "exp": iat + LIFE,
        "ttl": TTL,
        "source_as_of": source_as_of,
        "status_list": {"bits": 2, "lst": b64url(zlib.compress(entries, 9))},
    }
    return jws.sign(key, TYP, payload)

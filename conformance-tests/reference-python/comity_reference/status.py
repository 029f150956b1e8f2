"""Status lists (chapter 6; draft-ietf-oauth-status-list-21, two bits an entry)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from . import jws, schema
from .keys import KeyRing, SigningKey
from .strict import Refused, b64url, require, unb64url
from .trust import Federation

TYP = "statuslist+jwt"
ENTRIES = 131_072
TTL = 900
LIFE = 72 * 3600
VALID, CANCELLED, SUSPENDED, SUPERSEDED = range(4)
_INFLATED_CAP = 4 * 1024 * 1024
_STANDARD, _OURS = ("sub", "iat", "status_list"), ("iss", "exp", "ttl", "source_as_of")


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
        require(0 <= index < self.count, "status-list.index")
        return self.entries[index // 4] >> (index % 4 * 2) & 3

    def permanent(self) -> dict[int, int]:
        """Entries that are for good (STA-12)."""
        taken = (at * 4 + slot for at, octet in enumerate(self.entries) if octet for slot in range(4))
        return {index: self.value(index) for index in taken if self.value(index) in (CANCELLED, SUPERSEDED)}


def verify(token: str, ring: KeyRing) -> StatusList:
    """STA-4 and STA-7: the signature first, then the contents."""
    return read(token, jws.read(token, TYP, jws.MAX_STATUS_LIST).verify(ring, "status"))


def read(token: str, payload: Mapping[str, object]) -> StatusList:
    """The contents of a list whose signature holds."""
    there = [name for name in _OURS if payload.get(name) is not None]
    claims = schema.read("status-list", payload, only=(*_STANDARD, *there))
    require(len(there) == len(_OURS), "status-list.claims")
    compressed = claims["status_list"]
    require(compressed["bits"] == 2, "status-list.bits")
    require(claims["exp"] > claims["iat"] and claims["ttl"] > 0, "status-list.times")
    entries = _inflate(unb64url(compressed["lst"], "status-list.base64url"))
    times = (claims["iat"], claims["exp"], claims["source_as_of"])
    return StatusList(token, claims["iss"], claims["sub"], *times, entries)


def _inflate(compressed: bytes) -> bytes:
    """zlib (RFC 1950), capped while inflating."""
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(compressed, _INFLATED_CAP + 1)
    except zlib.error:
        raise Refused("status-list.compression") from None
    require(len(inflated) <= _INFLATED_CAP, "budget")
    require(stream.eof, "status-list.truncated")
    require(not stream.unused_data, "status-list.trailing-data")
    require(inflated, "status-list.empty")
    return inflated


def accept(token: str, federation: Federation, held: StatusList | None, received_at: int) -> StatusList:
    """A list as it arrives from an active county, against the one held before (STA-4 to STA-6, STA-9, STA-10)."""
    payload = jws.read(token, TYP, jws.MAX_STATUS_LIST).payload
    try:
        county = federation.county(schema.read("status-list", payload, only=("iss",))["iss"])
    except Refused as error:
        if error.rule == "jws.claims":
            raise
        raise Refused("status.issuer-not-active") from None
    found = verify(token, county.ring)
    require(found.iat <= received_at + jws.CLOCK_SKEW, "status.clock-doubt")
    require(found.exp > received_at, "status.expired")
    require(found.exp - found.iat <= LIFE, "status.lifetime")
    require(found.source_as_of <= found.iat + jws.CLOCK_SKEW, "status.times")
    require(county.lies_here(found.sub), "status.address")
    require(found.count == ENTRIES, "status.entries")
    if held is not None:
        require(found.iat >= held.iat, "status.older")
        require(found.iat > held.iat or found.token == held.token, "status.fork")
    return found


@dataclass(frozen=True)
class Reading:
    value: int
    as_of: int | None
    tombstone: bool


def read_entry(found: StatusList | None, tombstones: Mapping[int, int], index: int, now: int) -> Reading:
    """What is known of one entry; a tombstone outlives its list and outranks what says less (STA-10, STA-12)."""
    grave = tombstones.get(index)
    refused, listed = Refused("status.no-list"), None
    try:
        if found is not None:
            require(found.exp > now, "status.ended")
            listed = Reading(found.value(index), found.as_of, False)
    except Refused as error:
        refused = error
    if grave is not None and (grave == CANCELLED or listed is None or listed.value != CANCELLED):
        return listed if listed and listed.value == grave else Reading(grave, None, True)
    if listed is None:
        raise refused
    return listed


# --- issuing ---


def sign(key: SigningKey, iss: str, sub: str, values: Mapping[int, int], iat: int, source_as_of: int) -> str:
    entries = bytearray(ENTRIES // 4)
    for index, value in values.items():
        entries[index // 4] |= value << index % 4 * 2
    times = {"iat": iat, "exp": iat + LIFE, "ttl": TTL, "source_as_of": source_as_of}
    compressed = {"bits": 2, "lst": b64url(zlib.compress(entries, 9))}
    return jws.sign(key, TYP, {"iss": iss, "sub": sub, **times, "status_list": compressed})

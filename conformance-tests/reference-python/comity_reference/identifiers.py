"""Identifiers and dates (chapter 1): each name has one spelling and is never repaired, save the small x of IDN-5."""

from __future__ import annotations

import calendar
import datetime
import ipaddress
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import catalogue
from .strict import Refused, b64url, unb64url

LAST_SECOND = 253402300799
UTC8 = datetime.timezone(datetime.timedelta(hours=8))
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_HOST_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
_IPV4 = re.compile(r"(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}\Z")


def _form(name: str, pattern: str) -> Callable[[Any], str]:
    compiled = re.compile(pattern + r"\Z")

    def read(value: Any) -> str:
        if not isinstance(value, str) or not compiled.match(value):
            raise Refused(f"identifier.{name}")
        return value

    return read


region = _form("region", r"[1-9][0-9]{5}")
region_prefix = _form("region-prefix", r"[1-9][0-9](?:[0-9]{2}){0,2}")
permit_number = _form("permit-number", r"[A-Z0-9-]{1,32}")
agreement_id = _form("agreement-id", r"[A-Z0-9-]{3,64}")
service_code = _form("service-code", r"[A-Z0-9-]{3,32}")
provider_id = _form("provider-id", r"[A-Za-z0-9.-]{1,64}")
officer_id = _form("officer-id", r"[a-z0-9-]{3,32}")
tier = _form("tier", r"[A-Z0-9_]{1,32}")


def is_catalogued(code: str) -> bool:
    """IDN-11: of the catalogue, or a county's own item."""
    return code in catalogue.SERVICES or code.startswith("LOCAL-")


def entity_id(value: Any) -> str:
    """IDN-4."""
    refused = Refused("identifier.entity-id")
    if not isinstance(value, str) or not value.startswith("https://"):
        raise refused
    rest = value.removeprefix("https://")
    match = re.fullmatch(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,253})(?::([1-9][0-9]{0,4}))?", rest)
    if not match or rest.endswith("\n"):
        raise refused
    host, port = match.group(1), match.group(2)
    if port is not None and (int(port) > 65535 or port == "443"):
        raise refused
    if host.startswith("["):
        try:
            if ipaddress.IPv6Address(host[1:-1]).compressed != host[1:-1]:
                raise refused
        except ValueError:
            raise refused from None
        return value
    labels = host.split(".")
    if not all(_HOST_LABEL.match(label) for label in labels):
        raise refused
    if labels[-1][0].isdigit() and not (_IPV4.match(host) and all(int(part) < 256 for part in labels)):
        raise refused
    return value


def citizen_number(value: Any) -> str:
    """IDN-5 and IDN-6; a small x is read as X."""
    refused = Refused("identifier.citizen-number")
    if not isinstance(value, str) or not re.fullmatch(r"[1-9][0-9]{16}[0-9Xx]", value) or value.endswith("\n"):
        raise refused
    try:
        datetime.date(int(value[6:10]), int(value[10:12]), int(value[12:14]))
    except ValueError:
        raise refused from None
    value = value.upper()
    if check_character(value[:17]) != value[17]:
        raise refused
    return value


def check_character(digits: str) -> str:
    """ISO 7064 MOD 11-2."""
    total = 0
    for digit in digits:
        total = (total + int(digit)) * 2 % 11
    return "0123456789X"[(12 - total) % 11]


def digest(value: Any) -> str:
    """IDN-12: a digest, pin or thumbprint."""
    return _octets(value, 32, "identifier.digest")


def jti(value: Any) -> str:
    """IDN-14."""
    return _octets(value, 16, "identifier.jti")


def _octets(value: Any, length: int, rule: str) -> str:
    if not isinstance(value, str) or len(unb64url(value, rule)) != length:
        raise Refused(rule)
    return value


def new_jti() -> str:
    return b64url(secrets.token_bytes(16))


def trace_number(value: Any) -> str:
    """IDN-15."""
    refused = Refused("identifier.trace-number")
    if not isinstance(value, str) or not re.fullmatch(rf"[0-9]{{6}}-[1-9][0-9]{{5}}-[{_CROCKFORD}]{{8}}", value):
        raise refused
    try:
        datetime.date(2000 + int(value[0:2]), int(value[2:4]), int(value[4:6]))
    except ValueError:
        raise refused from None
    return value


def new_trace_number(region_code: str, now: int) -> str:
    bits = secrets.randbits(40)
    tail = "".join(_CROCKFORD[bits >> shift & 31] for shift in range(35, -1, -5))
    return f"{day_of(now):%y%m%d}-{region_code}-{tail}"


def seconds(value: Any) -> int:
    """TIM-1."""
    if type(value) is not int or not 0 <= value <= LAST_SECOND:
        raise Refused("identifier.time")
    return value


def date(value: Any) -> datetime.date:
    """TIM-2."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        try:
            return datetime.date(int(value[:4]), int(value[5:7]), int(value[8:]))
        except ValueError:
            pass
    raise Refused("identifier.date")


def day_of(second: int) -> datetime.date:
    """The day in UTC+8 in which a second lies."""
    return datetime.datetime.fromtimestamp(second, UTC8).date()


def first_second(day: datetime.date) -> int:
    return int(datetime.datetime(day.year, day.month, day.day, tzinfo=UTC8).timestamp())


def last_second(day: datetime.date) -> int:
    """TIM-3: 23:59:59 in UTC+8."""
    return first_second(day) + 86399


def full_year(day: datetime.date, years: int = 1) -> datetime.date:
    """TIM-4: the same day some years on; from 29 February 1 March where there is no 29th."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return datetime.date(day.year + years, 3, 1)


def add_months(day: datetime.date, months: int) -> datetime.date:
    """TIM-10: so many months on, on the last day of a month too short for it."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return datetime.date(year, month + 1, min(day.day, last))


def full_months(since: datetime.date, until: datetime.date) -> int:
    """TIM-10; 0 where the second day lies before the first."""
    months = (until.year - since.year) * 12 + until.month - since.month
    if months > 0 and add_months(since, months) > until:
        months -= 1
    return max(months, 0)


def full_years(since: datetime.date, until: datetime.date) -> int:
    """Years of age (8.5)."""
    years = until.year - since.year
    if years > 0 and full_year(since, years) > until:
        years -= 1
    return max(years, 0)


@dataclass(frozen=True)
class Endorsement:
    """Until when a permit is endorsed, from which day years are counted, and from when residence counts anew."""

    until: datetime.date
    anniversary: datetime.date
    residence_restart: datetime.date | None


def first_endorsement(issued: datetime.date) -> Endorsement:
    """TIM-5: the issue counts as the first endorsement."""
    return Endorsement(full_year(issued) - datetime.timedelta(days=1), issued, None)


def endorse(
    endorsed_until: datetime.date, anniversary: datetime.date, on: datetime.date, late_days: int | None = None
) -> Endorsement:
    """The yearly endorsement (1.10)."""
    if on > endorsed_until:
        if late_days is not None and (on - endorsed_until).days > late_days:
            raise Refused("endorsement.registration-needed")
        return Endorsement(full_year(on) - datetime.timedelta(days=1), on, on)
    full = endorsed_until + datetime.timedelta(days=1)
    if on < add_months(full, -1):
        raise Refused("endorsement.window-not-open")
    years = endorsed_until.year - anniversary.year
    closes = [n for n in (years, years + 1) if n >= 1 and full_year(anniversary, n) == full]
    if not closes:
        raise Refused("endorsement.not-on-anniversary")
    until = full_year(anniversary, closes[0] + 1) - datetime.timedelta(days=1)
    return Endorsement(until, anniversary, None)


KINDS: dict[str, Callable[[Any], Any]] = {
    "region": region,
    "region-prefix": region_prefix,
    "entity-id": entity_id,
    "citizen-number": citizen_number,
    "permit-number": permit_number,
    "agreement-id": agreement_id,
    "service-code": service_code,
    "provider-id": provider_id,
    "officer-id": officer_id,
    "tier": tier,
    "digest": digest,
    "thumbprint": digest,
    "pin": digest,
    "jti": jti,
    "trace-number": trace_number,
    "time": seconds,
    "date": date,
}

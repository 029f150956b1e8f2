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
from .strict import Refused, b64url, require, unb64url

LAST_SECOND = 253402300799
UTC8 = datetime.timezone(datetime.timedelta(hours=8))
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def _form(name: str, pattern: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        require(isinstance(value, str) and re.fullmatch(pattern, value), f"identifier.{name}")
        return str(value)

    return read


_origin = _form("entity-id", r"https://(\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,253})(:[1-9][0-9]{0,4})?")
_citizen = _form("citizen-number", r"[1-9][0-9]{16}[0-9Xx]")
_trace = _form("trace-number", rf"[0-9]{{6}}-[1-9][0-9]{{5}}-[{_CROCKFORD}]{{8}}")
_iso_date = _form("date", r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def is_catalogued(code: str) -> bool:
    """IDN-11: of the catalogue, or a county's own item."""
    return code in catalogue.services() or code.startswith("LOCAL-")


def entity_id(value: Any) -> str:
    """IDN-4."""
    rule = "identifier.entity-id"
    rest = _origin(value).removeprefix("https://")
    host, port = re.fullmatch(r"(\[.*\]|[^:]*):?(.*)", rest).groups()  # type: ignore[union-attr]
    require(not port or (int(port) <= 65535 and port != "443"), rule)
    if host.startswith("["):
        try:
            require(ipaddress.IPv6Address(host[1:-1]).compressed == host[1:-1], rule)
        except ValueError:
            raise Refused(rule) from None
        return str(value)
    labels = host.split(".")
    require(all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", label) for label in labels), rule)
    if labels[-1][0].isdigit():
        try:
            ipaddress.IPv4Address(host)  # four numbers below 256, none of them with a leading zero
        except ValueError:
            raise Refused(rule) from None
    return str(value)


def citizen_number(value: Any) -> str:
    """IDN-5 and IDN-6; a small x is read as X."""
    number = _citizen(value).upper()
    _day(number[6:10], number[10:12], number[12:14], "identifier.citizen-number")
    require(check_character(number[:17]) == number[17], "identifier.citizen-number")
    return number


def check_character(digits: str) -> str:
    """ISO 7064 MOD 11-2."""
    total = 0
    for digit in digits:
        total = (total + int(digit)) * 2 % 11
    return "0123456789X"[(12 - total) % 11]


def _octets(length: int, rule: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        require(isinstance(value, str) and len(unb64url(value, rule)) == length, rule)
        return str(value)

    return read


digest = _octets(32, "identifier.digest")  # IDN-12: a digest, pin or thumbprint
jti = _octets(16, "identifier.jti")  # IDN-14


def new_jti() -> str:
    return b64url(secrets.token_bytes(16))


def trace_number(value: Any) -> str:
    """IDN-15."""
    number = _trace(value)
    _day("20" + number[0:2], number[2:4], number[4:6], "identifier.trace-number")
    return number


def new_trace_number(region_code: str, now: int) -> str:
    tail = "".join(secrets.choice(_CROCKFORD) for _ in range(8))
    return f"{day_of(now):%y%m%d}-{region_code}-{tail}"


def seconds(value: Any) -> int:
    """TIM-1."""
    require(type(value) is int and 0 <= value <= LAST_SECOND, "identifier.time")
    return int(value)


def date(value: Any) -> datetime.date:
    """TIM-2."""
    return _day(*_iso_date(value).split("-"), "identifier.date")


def _day(year: str, month: str, day: str, rule: str) -> datetime.date:
    try:
        return datetime.date(int(year), int(month), int(day))
    except ValueError:
        raise Refused(rule) from None


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
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return datetime.date(year, month + 1, min(day.day, last))


def full_months(since: datetime.date, until: datetime.date) -> int:
    """TIM-10; 0 where the second day lies before the first."""
    months = (until.year - since.year) * 12 + until.month - since.month
    return max(months - (months > 0 and add_months(since, months) > until), 0)


def full_years(since: datetime.date, until: datetime.date) -> int:
    """Years of age (8.5)."""
    years = until.year - since.year
    return max(years - (years > 0 and full_year(since, years) > until), 0)


@dataclass(frozen=True)
class Endorsement:
    """Until when a permit is endorsed, from which day years are counted, and from when residence counts anew."""

    until: datetime.date
    anniversary: datetime.date
    residence_restart: datetime.date | None


def endorse(
    endorsed_until: datetime.date, anniversary: datetime.date, on: datetime.date, late_days: int | None = None
) -> Endorsement:
    """The yearly endorsement (1.10)."""
    if on > endorsed_until:
        late = late_days is not None and (on - endorsed_until).days > late_days
        require(not late, "endorsement.registration-needed")
        return Endorsement(full_year(on) - datetime.timedelta(days=1), on, on)
    full = endorsed_until + datetime.timedelta(days=1)
    require(on >= add_months(full, -1), "endorsement.window-not-open")
    years = endorsed_until.year - anniversary.year
    closes = [n for n in (years, years + 1) if n >= 1 and full_year(anniversary, n) == full]
    require(closes, "endorsement.not-on-anniversary")
    until = full_year(anniversary, closes[0] + 1) - datetime.timedelta(days=1)
    return Endorsement(until, anniversary, None)


permit_number = _form("permit-number", r"[A-Z0-9-]{1,32}")
_FORMS = {
    "region": r"[1-9][0-9]{5}",
    "region-prefix": r"[1-9][0-9](?:[0-9]{2}){0,2}",
    "agreement-id": r"[A-Z0-9-]{3,64}",
    "service-code": r"[A-Z0-9-]{3,32}",
    "provider-id": r"[A-Za-z0-9.-]{1,64}",
    "officer-id": r"[a-z0-9-]{3,32}",
    "tier": r"[A-Z0-9_]{1,32}",
}
KINDS: dict[str, Callable[[Any], Any]] = {
    **{name: _form(name, pattern) for name, pattern in _FORMS.items()},
    "permit-number": permit_number,
    "entity-id": entity_id,
    "citizen-number": citizen_number,
    **{name: digest for name in ("digest", "thumbprint", "pin")},
    "jti": jti,
    "trace-number": trace_number,
    "time": seconds,
    "date": date,
}

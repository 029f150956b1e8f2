"""Conditions (chapter 8.5): a closed set, judged in three values."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import identifiers
from .catalogue import bilingual

MET, UNKNOWN, NOT_MET = "met", "unknown", "not_met"
MAX_DEPTH, MAX_COUNT = 8, 128
_ORDER = {NOT_MET: 0, UNKNOWN: 1, MET: 2}


def parts(condition: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The conditions directly inside one."""
    ((kind, operand),) = condition.items()
    if kind == "not":
        return [operand]
    return operand if kind in ("all", "any") else []


def bounded(listed: list[Mapping[str, Any]]) -> bool:
    """AGR-10: how deep conditions nest, and how many they are."""

    def count(some: list[Mapping[str, Any]]) -> int:
        return sum(1 + count(parts(one)) for one in some)

    def depth(some: list[Mapping[str, Any]]) -> int:
        return max((1 + depth(parts(one)) for one in some), default=0)

    return depth(listed) <= MAX_DEPTH and count(listed) <= MAX_COUNT


def sound(condition: Mapping[str, Any], providers: set[str]) -> bool:
    """AGR-10: neither empty nor against itself."""
    ((kind, operand),) = condition.items()
    if kind in ("tier_in", "basis_in", "all", "any", "provider_in") and not operand:
        return False
    if kind == "age_between" and operand["max"] < operand["min"]:
        return False
    if kind == "provider_in" and not set(operand) <= providers:
        return False
    if kind == "local_rule" and not (operand["id"].strip() and operand["text"]["zh"].strip()):
        return False
    return all(sound(one, providers) for one in parts(condition))


@dataclass(frozen=True)
class Facts:
    """What a decision knows of the holder and the visit. A claim that is absent is unknown."""

    today: datetime.date
    claims: Mapping[str, Any] = field(default_factory=dict)
    endorsed_until: datetime.date | None = None
    provider: str | None = None

    @property
    def birth_date(self) -> datetime.date | None:
        if "birth_date" in self.claims:
            return self.claims["birth_date"]
        number = self.claims.get("id_number")
        return datetime.date(int(number[6:10]), int(number[10:12]), int(number[12:14])) if number else None


def _truth(known: bool, holds: Any) -> str:
    return UNKNOWN if not known else MET if holds else NOT_MET


def judge(condition: Mapping[str, Any], facts: Facts) -> str:
    """DEC-26: total, and a fact learnt never turns met into not met or the reverse."""
    ((kind, operand),) = condition.items()
    claims = facts.claims
    match kind:
        case "tier_in":
            return _truth("tier" in claims, claims.get("tier") in operand)
        case "basis_in":
            return _truth("basis" in claims, claims.get("basis") in operand)
        case "min_residence_months":
            since = claims.get("residence_since")
            return _truth(since is not None, since and identifiers.full_months(since, facts.today) >= operand)
        case "endorsement_current":
            if not operand:
                return MET
            until = facts.endorsed_until
            return _truth(until is not None, until and facts.today <= until)
        case "min_insured_months":
            return _insured(operand, facts)
        case "points_standard_met":
            told = claims.get("points_standard_met")
            return _truth(told is not None, told and told["met"] == operand)
        case "age_between":
            born = facts.birth_date
            age = identifiers.full_years(born, facts.today) if born else 0
            return _truth(born is not None, operand["min"] <= age <= operand["max"])
        case "provider_in":
            return _truth(facts.provider is not None, facts.provider in operand)
        case "local_rule":
            return UNKNOWN
        case "not":
            return {MET: NOT_MET, NOT_MET: MET, UNKNOWN: UNKNOWN}[judge(operand, facts)]
        case "all":
            return min((judge(one, facts) for one in operand), key=_ORDER.__getitem__, default=MET)
        case _:
            return max((judge(one, facts) for one in operand), key=_ORDER.__getitem__, default=NOT_MET)


def _insured(wanted: int, facts: Facts) -> str:
    told = facts.claims.get("insured_months")
    if told is None:
        return UNKNOWN
    if told["n"] >= wanted:
        return MET
    begun = identifiers.full_months(told["as_of"], facts.today) + (told["as_of"] < facts.today)
    return UNKNOWN if told["n"] + begun >= wanted else NOT_MET


_TEXTS = {
    "tier_in": bilingual("签发地等级须符合要求。", "The issuer's tier has to be one of those required."),
    "basis_in": bilingual("申领依据须符合要求。", "The basis of the permit has to be one of those required."),
    "min_residence_months": bilingual("居住时间须满规定月数。", "A number of months of residence is required."),
    "endorsement_current": bilingual("须在签注有效期内。", "The endorsement has to be current."),
    "min_insured_months": bilingual("参保须满规定月数。", "A number of months of insurance is required."),
    "points_standard_met": bilingual("积分须达到标准。", "The points standard has to be met."),
    "age_between": bilingual("年龄须在规定范围内。", "The age has to be within a range."),
    "provider_in": bilingual("须在指定机构办理。", "Only certain institutions take part."),
    "any": bilingual("所列条件须至少满足一项。", "At least one of several conditions has to hold."),
    "not": bilingual("须不属于所列情形。", "A condition must not hold."),
    "tier_mapping": bilingual(
        "签发地等级无法折算，请按当地规定核定。", "The tier cannot be mapped; settle it by local rules."
    ),
    "recheck_status": bilingual("状态数据较旧，须事后复核。", "The status is old and has to be checked again later."),
}


def missing(code: str, truth: str, owner: Mapping[str, str] | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {"code": code, "truth": truth, "text": _TEXTS[code]}
    return told | ({"owner": dict(owner)} if owner else {})


def missing_of(row: Mapping[str, Any], facts: Facts) -> list[dict[str, Any]]:
    """DEC-27: everything at once; parts of `all` one by one, `any` and `not` as one."""
    told: list[dict[str, Any]] = []

    def tell(condition: Mapping[str, Any]) -> None:
        ((kind, operand),) = condition.items()
        if kind == "all":
            for one in operand:
                tell(one)
            return
        truth = judge(condition, facts)
        if truth == MET:
            return
        if kind == "local_rule":
            rule = {"code": kind, "truth": truth, "text": operand["text"], "rule": operand["id"], "owner": row["owner"]}
            told.append(rule | ({"url": operand["url"]} if "url" in operand else {}))
        else:
            told.append(missing(kind, truth, row["owner"]))

    for condition in row.get("conditions", []):
        tell(condition)
    return told

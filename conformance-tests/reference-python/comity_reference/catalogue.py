"""The closed lists (chapters 8.1, 8.6, 10 and 12), read from the tables of the text itself.

A copy could differ from the text; so there is none. COMITY_SPEC names another folder than `spec/protocol`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_TEXT = Path(os.environ.get("COMITY_SPEC") or Path(__file__).resolve().parents[3] / "spec" / "protocol")


def bilingual(zh: str, en: str) -> dict[str, str]:
    return {"zh": zh, "en": en}


@dataclass(frozen=True)
class OutcomeText:
    number: int
    code: str
    outcome_class: str
    text: dict[str, str]
    next_step: dict[str, str]


@dataclass(frozen=True)
class ProblemText:
    slug: str
    status: int
    fault: str
    title: str
    next_step: dict[str, str]


def _table(chapter: str, name: str) -> list[list[str]]:
    text = (_TEXT / chapter).read_text(encoding="utf-8")
    found = re.search(rf"<!-- table: {name}\b.*?-->\n(.*?)<!-- end of table -->", text, re.DOTALL)
    if not found:
        raise RuntimeError(f"the text has no table of {name}")
    lines = found.group(1).strip().splitlines()[2:]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]


@cache
def outcomes() -> dict[str, OutcomeText]:
    rows = _table("08-decision.md", "outcomes")
    return {
        code: OutcomeText(int(number), code, colour, bilingual(zh, en), bilingual(next_zh, next_en))
        for number, code, colour, zh, next_zh, en, next_en in rows
    }


def outcome(code: str) -> OutcomeText:
    """DEC-7: a code that is not known counts as NODE_NOT_READY."""
    return outcomes().get(code, outcomes()["NODE_NOT_READY"])


@cache
def problems() -> dict[str, ProblemText]:
    rows = _table("10-errors.md", "problems")
    return {
        slug: ProblemText(slug, int(status), fault, f"{zh} {en}", bilingual(next_zh, next_en))
        for slug, status, fault, zh, next_zh, en, next_en in rows
    }


@cache
def services() -> frozenset[str]:
    return frozenset(row[0] for row in _table("12-versions-and-registry.md", "services"))


ADVISORIES = {
    "ENDORSEMENT_DUE_SOON": bilingual("签注即将到期，请提醒持证人。", "The endorsement ends soon; remind the holder."),
    "ENDORSEMENT_SEEN_PASSED": bilingual("码上所载日期已过。", "The date on the code has passed."),
    "LAST_KNOWN_STATUS": bilingual("有较早的状态可供参考。", "An older status is known."),
    "LOOKUP_FAILED": bilingual("已询问签发地，未得到可用答复。", "The issuer was asked and gave no usable answer."),
    "STATUS_AGE": bilingual("请注意状态数据的时间。", "Mind the age of the status data."),
    "TIER_MAPPED": bilingual("签发地等级已按协议折算。", "The issuer's tier was mapped by the agreement."),
    "WRONG_ENVIRONMENT": bilingual("此凭证属于另一环境。", "The credential is of the other environment."),
}

"""The code on paper or phone (chapter 5.6): digits only, two for each character of the token."""

from __future__ import annotations

import re

from .strict import Refused

MAX_DIGITS = 7089
# White_Space of Unicode; `str.split` would drop the separators 1C to 1F as well.
_WHITE_SPACE = re.compile("[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
_FULL_WIDTH = str.maketrans("０１２３４５６７８９", "0123456789")


def encode(token: str) -> str:
    """SYM-1."""
    return "".join(f"{ord(character) - 45:02}" for character in token)


def decode(typed: str) -> str:
    """SYM-2; nothing is repaired."""
    digits = _WHITE_SPACE.sub("", typed).translate(_FULL_WIDTH)
    if not re.fullmatch(r"[0-9]*", digits):
        raise Refused("symbol.not-digits")
    if not 0 < len(digits) <= MAX_DIGITS:
        raise Refused("symbol.length")
    if len(digits) % 2:
        raise Refused("symbol.incomplete")
    pairs = [int(digits[at : at + 2]) for at in range(0, len(digits), 2)]
    if max(pairs) > 81:
        raise Refused("symbol.out-of-range")
    return "".join(chr(pair + 45) for pair in pairs)


def is_digits(typed: str) -> bool:
    """Whether a scanned text is a code rather than a token: it begins with a digit, in either width."""
    stripped = typed.strip()
    return bool(stripped) and stripped[0] in "0123456789０１２３４５６７８９"

"""The code on paper or phone (chapter 5.6): digits only, two for each character of the token."""

from __future__ import annotations

import re

from .strict import require

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
    require(re.fullmatch(r"[0-9]*", digits), "symbol.not-digits")
    require(0 < len(digits) <= MAX_DIGITS, "symbol.length")
    require(len(digits) % 2 == 0, "symbol.incomplete")
    pairs = [int(digits[at : at + 2]) for at in range(0, len(digits), 2)]
    require(max(pairs) <= 81, "symbol.out-of-range")
    return "".join(chr(pair + 45) for pair in pairs)


def is_digits(typed: str) -> bool:
    """Whether a scanned text is a code rather than a token: it begins with a digit, in either width."""
    return re.match(r"\s*[0-9０-９]", typed) is not None

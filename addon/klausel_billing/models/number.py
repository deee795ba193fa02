"""Numbers that people write, each in the manner of their language, and kept digit by digit."""

import re
from typing import NamedTuple

#: As the program reads numbers: digits with or without a decimal point.
PLAIN = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]+)?")

_SPACES = " \u00a0\u202f'\u2019"
_GROUPED = "[1-9][0-9]{{0,2}}({0}[0-9]{{3}})+"


class Reading(NamedTuple):
    plain: str
    """The number with a decimal point and no other signs; "" where it is none."""
    other: str = ""
    """What it may be as well: where only three digits stand behind a sign, thousands may be
    meant, or decimals."""


def read_number(text):
    """What ``text`` says, with a point or a comma before its decimals, and whatever stands
    between thousands."""
    text = (text or "").strip().replace("\u2212", "-")
    sign = text[:1] if text[:1] in ("+", "-") else ""
    body = text.removeprefix(sign).lstrip()
    for space in _SPACES:
        whole = re.split("[.,]", body)[0]
        if space in whole and re.fullmatch(_GROUPED.format(space), whole):
            body = whole.replace(space, "") + body[len(whole) :]
    marks = [one for one in body if one in ".,"]
    if not marks:
        return _reading(sign, body)
    last = marks[-1]
    if len(set(marks)) == 1 and len(marks) > 1:
        return _reading(sign, _together(body, last))
    whole, decimals = body.rsplit(last, 1)
    if len(marks) > 1:
        if marks.count(last) > 1:
            return Reading("")
        return _reading(sign, f"{_together(whole, marks[0])}.{decimals}")
    found = _reading(sign, f"{whole}.{decimals}")
    if found.plain and re.fullmatch(_GROUPED.format(re.escape(last)), body):
        return Reading(found.plain, f"{sign}{whole}{decimals}")
    return found


def _together(text, mark):
    """``text`` without ``mark`` between its thousands; "" where it stands elsewhere."""
    return text.replace(mark, "") if re.fullmatch(_GROUPED.format(re.escape(mark)), text) else ""


def _reading(sign, body):
    text = sign + body
    return Reading(text if PLAIN.fullmatch(text) else "")


def shown(env, text):
    """A plain number with the decimal sign of the reader's language; other texts as they are.

    Three decimals would look like thousands to others: they get a fourth.
    """
    point = decimal_point(env)
    if point == "." or not (text and PLAIN.fullmatch(text)):
        return text
    more = "0" if read_number(text).other else ""
    return text.replace(".", point) + more


def decimal_point(env):
    return env["res.lang"]._get_data(code=env.lang or "en_US").decimal_point or "."

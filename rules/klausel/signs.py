"""Signs that nobody sees: what steers a terminal, turns the direction of writing, or has no width.

What people typed reaches every output. There such signs are shown as what they are (``\\x1b``,
``\\u202e``), so that a text can neither move the cursor nor pretend to be another one. All
outputs come through here: those of a result by their package's ``render``, and what commands say
by ``klausel_shell.out``.
"""

from __future__ import annotations

import re

#: Fillers and marks that count as signs one sees.
_LETTERS = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u3164\uffa0"
#: Controls (C0 but tab and line feed, DEL, C1), soft hyphen, joiners, marks, overrides and isolates
#: of direction, line and paragraph separators, fillers, halves of pairs, annotations, tags.
_UNSEEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    f"\ud800-\udfff\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e007f{_LETTERS}"
)
_ODD = re.compile(f"[{_UNSEEN}]")
_ODD_ON_A_LINE = re.compile(f"[\t\n{_UNSEEN}]")

#: Colours, as the text of a preview has them.
_COLOURS = re.compile(r"(\x1b\[[0-9;]*m)")


def visible(text: str) -> str:
    """``text`` with unseen signs as what they are; line ends and tabs stay."""
    return text if _plain(text) else _ODD.sub(_shown, text)


def one_line(text: str) -> str:
    """The same for what stands on one line, such as a name: line ends and tabs are shown, too."""
    return _ODD_ON_A_LINE.sub(_shown, text)


def blank(text: str) -> str:
    """``text`` with a space for each unseen sign, where columns are counted."""
    return _ODD_ON_A_LINE.sub(" ", text)


def outgoing(text: str, name: str) -> str:
    """An output as it leaves, by the name of its format."""
    return in_json(text) if name in ("json", "sarif") else visible(text)


def coloured(text: str) -> str:
    """:func:`visible` for a text whose colours are our own."""
    pieces = _COLOURS.split(text)
    pieces[::2] = map(visible, pieces[::2])
    return "".join(pieces)


def in_json(text: str) -> str:
    """``text``, which is JSON, with unseen signs escaped: the same values for whoever reads it."""
    return text if _plain(text) else _ODD.sub(_escaped, text)


def _plain(text: str) -> bool:
    """Whether nothing in ``text`` can be odd: quick, as most texts are so."""
    printable = text.replace("\n", "").replace("\t", "").isprintable()
    return printable and not any(sign in text for sign in _LETTERS)


def _shown(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]


def _escaped(found: re.Match[str]) -> str:
    data = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[at]:02x}{data[at + 1]:02x}" for at in range(0, len(data), 2))


__all__ = ["blank", "coloured", "in_json", "one_line", "outgoing", "visible"]

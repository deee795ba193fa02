"""Text: what an admin reads before an edited policy goes live; fits the width."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from textwrap import wrap

from klausel.compare import (
    ChangedEntry,
    ChangedLine,
    Comparison,
    CustomerChange,
    Money,
    fate_text,
)
from klausel.formats.text import count, hours
from klausel.money import shortest
from klausel.problems import listed
from klausel.result import Line
from klausel.signs import one_line
from klausel.texts import PHRASES, number_text

_NARROWEST = 40
_BESIDE = (
    "Not compared: the two folders also differ in {files}. Both policies are used on one and the"
    " same book; to see what other prices do, preview each book."
)
_AFRESH = "Billed afresh with each, as if nothing were on record."


def render(comparison: Comparison, width: int) -> str:
    page = _Page(comparison, max(width, _NARROWEST))
    return "\n".join(one_line(line).rstrip() for line in page.lines()) + "\n"


class _Page:
    def __init__(self, comparison: Comparison, width: int) -> None:
        self._comparison = comparison
        self._width = width
        self._decimals = comparison.decimals

    def lines(self) -> Iterator[str]:
        found = self._comparison
        yield from self._columns("Policies compared", f"as of {found.as_of.isoformat()}", 0)
        yield "═" * self._width
        for old, new in zip(found.old, found.new, strict=True):
            yield f"Old      {old}"
            yield f"New      {new}"
        if found.first is not None:
            first = found.first.isoformat()
            yield f"From     {first}, by the last day of a line and the day of an entry"
        yield from wrap(_AFRESH, self._width)
        if found.beside:
            yield ""
            said = _BESIDE.format(files=listed(found.beside, len(found.beside)))
            yield from wrap(said, self._width)
        yield ""
        entries, lines = found.looked_at
        if not found.changed:
            looked = f"{count(entries, 'entry', 'entries')} and {count(lines, 'line')}"
            by = " by the policies" if found.beside else ""
            yield f"Nothing changes{by}: {looked} come out the same."
        else:
            yield from self._summary()
            yield from self._rules()
            for customer in found.customers:
                yield ""
                yield from self._customer(customer)
        yield from self._problems()

    def _summary(self) -> Iterator[str]:
        found = self._comparison
        was, now = found.totals
        for currency in sorted({*was, *now}) or []:
            yield f"To invoice  {self._move(was, now, currency)}"
        entries = sum(len(customer.entries) for customer in found.customers)
        lines = sum(len(customer.lines) for customer in found.customers)
        of_entries, of_lines = found.looked_at
        yield f"Changed     {entries} of {count(of_entries, 'entry', 'entries')}"
        yield f"            {lines} of {count(of_lines, 'line')}"
        yield f"            {count(len(found.customers), 'customer')}"

    def _rules(self) -> Iterator[str]:
        found = self._comparison
        if not (found.transitions or found.without_entries or found.rounding):
            return
        yield ""
        yield "By rule"
        yield "─" * self._width
        for group in found.transitions:
            number = count(group.entries, "entry", "entries")
            worth = f"{number}, {hours(group.seconds)}, {self._more(group.more)}"
            yield from self._columns(_way(group.was, group.now), worth, 2)
        if found.without_entries:
            yield from self._columns("lines without entries", self._more(found.without_entries), 2)
        if found.rounding:
            yield from self._columns("rounding of totals", self._more(found.rounding), 2)
        if found.more:
            yield from self._columns("together", self._more(found.more), 2)

    def _customer(self, change: CustomerChange) -> Iterator[str]:
        name = change.name
        yield f"{name} ({change.customer})" if name != change.customer else name or "No customer"
        yield "─" * self._width
        for currency in sorted({*change.old, *change.new}):
            yield f"  To invoice {self._move(change.old, change.new, currency)}"
        for line in change.lines:
            yield from self._line(line)
        for entry in change.entries:
            yield from self._entry(entry)

    def _line(self, change: ChangedLine) -> Iterator[str]:
        for mark, line, amount in (
            ("-", change.was, change.old),
            ("+", change.now, change.new),
        ):
            if line is not None:
                worth = f"{_price(line)} {number_text(amount, change.digits, 'en')}"
                yield from self._columns(f"{mark} {line.description}", worth, 2)

    def _entry(self, change: ChangedEntry) -> Iterator[str]:
        entry = change.entry
        what = f"{entry.id} {entry.date.isoformat()} {hours(entry.seconds)}: "
        what += _way(change.was, change.now)
        yield from self._columns(what, self._more(change.more), 4)

    def _problems(self) -> Iterator[str]:
        for word, problems in zip(("old", "new"), self._comparison.problems, strict=True):
            if problems:
                yield ""
                yield f"Could not be billed with the {word} policy"
                yield "─" * self._width
                for found in problems:
                    yield from str(found).splitlines()

    # -- numbers -----------------------------------------------------------------------------------

    def _move(self, was: Money, now: Money, currency: str) -> str:
        zero = Decimal(0)
        before, after = was.get(currency, zero), now.get(currency, zero)
        digits = self._decimals.get(currency, 2)
        old, new = (number_text(amount, digits, "en") for amount in (before, after))
        return f"{old} -> {new} {currency} ({self._signed(after - before, currency)})"

    def _signed(self, amount: Decimal, currency: str) -> str:
        sign = "+" if amount >= 0 else "-"
        return f"{sign}{number_text(abs(amount), self._decimals.get(currency, 2), 'en')}"

    def _more(self, more: Mapping[str, Decimal]) -> str:
        said = [f"{self._signed(amount, currency)} {currency}" for currency, amount in more.items()]
        return " ".join(said) or "no money"

    def _columns(self, left: str, right: str, indent: int) -> Iterator[str]:
        """``left`` wrapped beside ``right`` at the edge, or above it where that is too long."""
        room = self._width - len(right) - 2
        beside = room >= self._width // 3
        lines = wrap(
            left, room if beside else self._width, initial_indent=" " * indent,
            subsequent_indent=" " * (indent + 2), break_on_hyphens=False,
        ) or [""]  # fmt: skip
        if beside:
            lines[0] = lines[0].ljust(self._width - len(right)) + right
        else:
            lines.append(right.rjust(self._width))
        yield from lines


def _way(was: tuple[object, ...], now: tuple[object, ...]) -> str:
    before, after = fate_text(was), fate_text(now)  # type: ignore[arg-type]
    return before if before == after else f"{before} -> {after}"


def _price(line: Line) -> str:
    quantity = shortest(line.quantity) if line.unit != "hour" else str(line.quantity)
    price = f"{quantity} {PHRASES['en'][line.unit]} × {number_text(line.unit_price, 2, 'en')}"
    return f"{price} - {shortest(line.discount)} %" if line.discount else price

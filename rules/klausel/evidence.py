"""What a ledger says of itself: every line on record is the sum of what stands there.

Needs no facts: quantity, price and discount of a line are on record with it, and so are the parts
of its time (semantics 14, "Evidence").
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol

from klausel.ledger import in_pieces
from klausel.model import Book, LedgerKey, LedgerRow
from klausel.money import ZERO, hours_exact, line_amount, plain, quantity, round_half_up, shortest


class Priced(Protocol):
    """A part on record with a price: a row, or rows of one entry together."""

    @property
    def rounded(self) -> int: ...  # pragma: no cover

    @property
    def drawn(self) -> int: ...  # pragma: no cover

    @property
    def rate(self) -> Decimal | None: ...  # pragma: no cover


class Unlike(NamedTuple):
    """A line on record that is not what stands there with it."""

    key: LedgerKey
    what: str


def unlike(book: Book) -> Iterator[Unlike]:
    """Lines whose amount is not quantity x price less discount, and lines of time that are not the
    sum of their parts."""
    lines: defaultdict[LedgerKey, list[LedgerRow]] = defaultdict(list)
    parts: defaultdict[LedgerKey, list[LedgerRow]] = defaultdict(list)
    opened = set()
    for row in book.ledger:
        group = row.key._replace(sequence=0)
        if row.state != "live":
            opened.add(group)  # of its parts some may be open and some not
        elif row.amount is not None:
            lines[group].append(row)
        elif row.entry and row.rate is not None and not row.held:
            parts[group].append(row)
    digits = book.company.quantity_digits
    today = {
        (contract.code, term.id): term.discount
        for contract in book.contracts
        for term in contract.terms
    }
    for group, rows in lines.items():
        for row in rows:
            yield from _amount(row, digits)
        if group in parts and group not in opened:
            yield from _time(rows, parts[group], digits, today.get(group[:2]))


def _amount(row: LedgerRow, digits: int) -> Iterator[Unlike]:
    """The amount is worked out of what is on record with it. Of older rows only the hours of time
    are known: no discount makes their amount larger."""
    if row.rate is None or row.amount is None:
        return
    if row.quantity is None:
        if row.seconds and row.rounded:
            most = line_amount(quantity(row.rounded, digits), row.rate, ZERO)
            if abs(row.amount) > abs(most) or row.amount * most < 0:
                hours = shortest(round_half_up(hours_exact(row.rounded), 4))
                yield Unlike(
                    row.key,
                    f"{_said(row.amount)} on record, but {hours} h x {plain(row.rate)} are"
                    f" {_said(most)}",
                )
        return
    now = line_amount(row.quantity, row.rate, row.discount or ZERO)
    if now != row.amount:
        less = f" less {shortest(row.discount)} percent" if row.discount else ""
        yield Unlike(
            row.key,
            f"{_said(row.amount)} on record, but {plain(row.quantity)} x {plain(row.rate)}{less}"
            f" are {_said(now)}",
        )


def _said(amount: Decimal) -> str:
    """All digits of ``amount``, and two at least."""
    short = round_half_up(amount, 2)
    return plain(short) if short == amount else shortest(amount)


def _time(
    lines: Sequence[LedgerRow], parts: Sequence[LedgerRow], digits: int, today: Decimal | None
) -> Iterator[Unlike]:
    """The lines of one group bill its parts: all of them, and nothing else."""
    if in_pieces(lines[0].key):
        if any(part.drawn for part in parts):  # else they are of before that was kept
            yield from _money(lines, parts, digits, today)
        return
    if any(map(corrects_amount, lines)):
        yield from _money(lines, parts, digits, today)  # corrections say amounts, not hours
        return
    names = ["rounded"]
    if all(part.rounded for part in parts):  # what adds nothing to its group is on no line
        names.append("seconds")
    for name in names:
        on_lines, in_parts = (sum(getattr(row, name) for row in some) for some in (lines, parts))
        if on_lines != in_parts:
            hours = [shortest(round_half_up(hours_exact(one), 4)) for one in (on_lines, in_parts)]
            yield Unlike(lines[0].key, f"{hours[0]} h on record, but its parts are {hours[1]} h")
            return


def _money(
    lines: Sequence[LedgerRow], parts: Sequence[LedgerRow], digits: int, today: Decimal | None
) -> Iterator[Unlike]:
    """Lines and their corrections come to the parts at their prices, but for the rounding of each
    line's quantity.

    A correction does not say whether it is of hours or of the discount. Where the discount may have
    been corrected (``today`` the term has another one, or a correction has no time at all) they
    come to nothing less than nothing, and to no more than the parts without a discount.
    """
    if any(line.quantity is None for line in lines):
        return
    pieces = in_pieces(lines[0].key)
    of_parts = {part.key for part in parts}
    billing = [
        line for line in lines if not corrects_amount(line) or (pieces and line.key in of_parts)
    ]
    discounts = {line.discount or ZERO for line in billing}
    if len(discounts) > 1:
        return
    billed = sum((line.amount or ZERO for line in lines), ZERO)
    wanted, most = worth(lines, parts, digits, max(discounts, default=ZERO), pieces)
    if abs(billed - wanted) <= most:
        return
    if {today} != discounts or any(line.key not in of_parts for line in lines):
        whole, _most = worth(lines, parts, digits, ZERO, pieces)
        if min(whole, ZERO) - most <= billed <= max(whole, ZERO) + most:
            return
    yield Unlike(lines[0].key, f"{_said(billed)} on record, but its parts are {_said(wanted)}")


def corrects_amount(row: LedgerRow) -> bool:
    """Whether the line of ``row`` corrects others by an amount, without time of its own."""
    return bool(row.key.sequence) and not row.rounded


def time_amount(row: LedgerRow, digits: int, discount: Decimal) -> Decimal:
    """What a line of time comes to with ``discount``: with its own quantity, or that of its hours
    where it is of before quantities were kept."""
    hours = quantity(row.rounded, digits) if row.quantity is None else row.quantity
    return line_amount(hours, row.rate or ZERO, discount)


def worth(
    lines: Sequence[LedgerRow],
    parts: Iterable[Priced],
    digits: int,
    discount: Decimal,
    pieces: bool,
) -> tuple[Decimal, Decimal]:
    """What ``parts`` come to at their prices with ``discount`` (percent); and by how much ``lines``
    may differ from that, as the quantity of each was rounded. Time counts as it was rounded
    (seconds); of ``pieces`` each request counts as much as an hour, and nothing is rounded."""
    rounded: defaultdict[Decimal, int] = defaultdict(int)
    for part in parts:
        rounded[part.rate or ZERO] += part.drawn if pieces else part.rounded
    wanted = sum(
        (line_amount(hours_exact(seconds), rate, discount) for rate, seconds in rounded.items()),
        ZERO,
    )
    if pieces:
        return wanted, ZERO
    steps = Decimal(1).scaleb(-digits) * (len(lines) + len(rounded))
    return wanted, line_amount(steps, max(map(abs, rounded), default=ZERO), ZERO)


__all__ = ["Unlike", "corrects_amount", "time_amount", "unlike", "worth"]

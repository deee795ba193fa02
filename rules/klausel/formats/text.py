"""Text: what a person reads. Summary first, then customer by customer; fits 80 columns."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text as RichText

from klausel.formats import View
from klausel.model import OVERRIDE, Entry, Override
from klausel.money import quantity, shortest
from klausel.problems import Problem
from klausel.result import (
    Balance,
    Because,
    Draft,
    EntryParts,
    Held,
    Line,
    Marks,
    Notice,
    Result,
    Uncovered,
)
from klausel.shapes import parse_date
from klausel.signs import one_line, visible
from klausel.texts import PHRASES, number_text

HELD = {
    "not_validated": "waits for validation",
    "not_requested": "needs the customer's approval, which nobody has asked for",
    "pending": "waits for the customer's approval",
    "rejected": "the customer rejected it",
    "late_decision": "was approved only after it was done",
    "limit": "lies beyond what was approved or budgeted",
    "no_hours": "waits for more hours to be bought or granted",
    "no_term": "no term of the contract takes it",
}
UNCOVERED = {
    "no_contract": "no contract on that day",
    "not_taken": "in scope of no term",
    "no_customer": "project without a customer",
    "erp_order": "left to the ERP's own sales order",
}
DIFFERENCE = {
    "changed": "the entry was changed",
    "moved": "the entry is another customer's now",
    "vanished": "the entry is gone",
    "terms": "rule, term or price changed",
    "role": "the role of who worked changed",
    "amount": "the amount changed",
    "edited": "the invoice line was changed by hand",
    "documents": "what is in force is not what is on record",
}
#: Behind notices that are on record.
_SAID = ", said before"
_NARROWEST = 40
_NARROW = 64


def render(result: Result, view: View) -> str:
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=max(view.width, _NARROWEST),
        force_terminal=view.color,
        color_system="standard" if view.color else None,
        no_color=not view.color,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    _Page(result, view, console).write()
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def hours(seconds: int) -> str:
    return f"{number_text(quantity(seconds, 2), 2, 'en')} h"


def count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


class Text(RichText):
    """A text of one line, without signs that nobody sees: colours are our own."""

    def __init__(self, text: str = "", style: str = "") -> None:
        super().__init__(one_line(text), style)

    def append(self, text: Any, style: Any = None) -> RichText:
        return super().append(one_line(text) if isinstance(text, str) else text, style)


class _Page:
    def __init__(self, result: Result, view: View, console: Console) -> None:
        self._result = result
        self._view = view
        self._console = console
        self._entries: dict[str, Entry] = (
            {entry.id: entry for entry in result.book.entries} if view.details else {}
        )

    def write(self) -> None:
        self._summary()
        drafts: dict[str, list[Draft]] = defaultdict(list)
        for draft in self._result.drafts:
            drafts[draft.customer].append(draft)
        held: dict[str, list[Held]] = defaultdict(list)
        for found in self._result.held:
            held[found.customer].append(found)
        uncovered: dict[str, list[Uncovered]] = defaultdict(list)
        for missed in self._result.uncovered:
            uncovered[missed.customer].append(missed)
        by_hand = self._by_hand()
        accounts = self._accounts()
        if self._view.short:
            self._overview(drafts, held, uncovered)
            self._problems([one for one in self._result.problems if one.severity == "error"])
            return
        for customer in (*self._result.customers, ""):
            some = (
                drafts[customer], accounts[customer], by_hand[customer], held[customer],
                uncovered[customer],
            )  # fmt: skip
            if any(some) or customer in self._result.parked:
                self._customer(customer, *some)
        self._differences()
        self._problems(self._result.problems)

    def _by_hand(self) -> dict[str, list[tuple[str, int, str]]]:
        """By customer: entry, seconds and what somebody decided about it, who, when and why."""
        found: dict[str, list[tuple[str, int, str]]] = defaultdict(list)
        book = self._result.book
        overrides = {override.entry: override for override in book.overrides}
        decided = {
            entry: sum(part.seconds for part in parts)
            for entry, parts in self._result.entries
            if entry in overrides
            and all(part.rule == OVERRIDE and not part.settled for part in parts)
        }
        for entry in book.entries if decided else ():
            if entry.id in decided:
                said = _said(overrides[entry.id])
                found[book.customer_of(entry)].append((entry.id, decided[entry.id], said))
        return found

    def _accounts(self) -> dict[str, list[tuple[str, str]]]:
        """By customer: a word and a sentence for each balance and each notice."""
        book = self._result.book
        owners = {contract.code: book.root(contract.customer) for contract in book.contracts}
        found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        terms: dict[tuple[str, str], list[Balance]] = defaultdict(list)
        for balance in self._result.balances:
            terms[balance.contract, balance.term].append(balance)
        for (contract, term), lots in terms.items():
            text = f"{contract}/{term}: {_standing(lots)}"
            found[owners[contract]].append(("Balance", text))
        ends = {(lot.contract, lot.lot): lot.last for lot in self._result.balances}
        for known, notices in (("", self._result.notices), (_SAID, self._result.standing)):
            for notice in notices:
                text = _noticed(notice, ends.get((notice.contract, notice.period)))
                said = f"{notice.contract}: {text}{known}"
                found[owners[notice.contract]].append(("Notice", said))
        return found

    def _overview(
        self,
        drafts: Mapping[str, Sequence[Draft]],
        held: Mapping[str, Sequence[Held]],
        uncovered: Mapping[str, Sequence[Uncovered]],
    ) -> None:
        """One line a customer, and the sums."""
        result, book = self._result, self._result.book
        owners = {contract.code: book.root(contract.customer) for contract in book.contracts}
        differences = Counter(owners.get(found.contract, "") for found in result.differences)
        problems = Counter(book.root(found.customer) for found in result.problems if found.customer)
        wide = self._console.width >= _NARROW
        shown = slice(None) if wide else slice(0, 4, 3)
        table = Table.grid(expand=True, padding=(0, 2, 0, 0))
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        for _ in range(4)[shown]:
            table.add_column(justify="right", no_wrap=True)
        head = ("To invoice", "Held", "Uncovered", "To look at")
        table.add_row("Customer", *head[shown], style="dim")
        for customer in (*result.customers, ""):
            some = drafts.get(customer, ()), held.get(customer, ()), uncovered.get(customer, ())
            looks = problems[customer] + differences[customer]
            if any(some) or looks or customer in result.parked:
                record = book.customers.get(customer)
                name = (record.name if record else "") or customer or "Without a customer"
                amounts = ", ".join(_amounts(some[0])) or "-"
                table.add_row(Text(name), *(amounts, *_figures(*some[1:], looks))[shown])
        looks = problems.total() + differences.total()
        first, *others = _amounts(result.drafts) or ["-"]
        figures = (first, *_figures(result.held, result.uncovered, looks))
        table.add_row(Text("Together", "bold"), *figures[shown], style="bold")
        for amount in others:
            table.add_row("", amount, style="bold")
        self._console.print()
        self._console.print(table)

    # -- the head ----------------------------------------------------------------------------

    def _summary(self) -> None:
        result = self._result
        head = Table.grid(expand=True)
        head.add_column(overflow="fold")
        head.add_column(justify="right", overflow="fold")
        title = Text(f"Billing preview, as of {result.as_of.isoformat()}", "bold")
        head.add_row(title, Text(result.book.company.name))
        self._console.print(head)
        self._rule("═")
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        lines = sum(len(draft.lines) for draft in result.drafts)
        amounts = "   ".join(_amounts(result.drafts))
        grid.add_row("To invoice", Text(amounts or "nothing", "bold green" if amounts else ""))
        customers = len({draft.customer for draft in result.drafts})
        grid.add_row(
            "Drafts",
            f"{count(len(result.drafts), 'draft')} with {count(lines, 'line')}"
            f" for {count(customers, 'customer')}",
        )
        late = sum(line.late for draft in result.drafts for line in draft.lines)
        if late:
            grid.add_row(
                "Late", f"{count(late, 'line')} of periods that were billed or closed before"
            )
        self._count_row(grid, "Not due yet", *self._open(result.entries))
        self._count_row(grid, "Included", *self._free(result.entries))
        written_off = [
            part.seconds
            for _, parts in result.entries
            for part in parts
            if part.disposition == "written_off" and not part.settled
        ]
        self._count_row(grid, "Written off", len(written_off), sum(written_off))
        self._count_row(grid, "Held", len(result.held), sum(h.seconds for h in result.held))
        uncovered = [found for found in result.uncovered if found.reason != "erp_order"]
        seconds = sum(found.seconds for found in uncovered)
        self._count_row(grid, "Uncovered", len(uncovered), seconds, "yellow")
        if result.notices or result.standing:
            said = str(len(result.notices))
            if result.standing:
                said = f"{said} new, {len(result.standing)} said before"
            grid.add_row("Notices", said)
        if result.differences:
            grid.add_row("Differences", Text(str(len(result.differences)), "yellow"))
        if result.parked:
            text = f"{count(len(result.parked), 'customer')} could not be billed, see the end"
            grid.add_row("Parked", Text(text, "bold red"))
        self._console.print(grid)

    def _count_row(
        self, grid: Table, name: str, number: int, seconds: int, style: str = ""
    ) -> None:
        if number:
            text = f"{count(number, 'entry', 'entries')}, {hours(seconds)}"
            grid.add_row(name, Text(text, style))

    def _open(self, entries: Iterable[EntryParts]) -> tuple[int, int]:
        found = [p.rounded for e in entries for p in e.parts if p.due is not None]
        return len(found), sum(found)

    def _free(self, entries: Iterable[EntryParts]) -> tuple[int, int]:
        free = ("included", "warranty")
        found = [
            p.seconds
            for e in entries
            for p in e.parts
            if p.disposition in free and not p.held and not p.settled and not p.uncovered
        ]
        return len(found), sum(found)

    # -- one customer ------------------------------------------------------------------------

    def _customer(
        self,
        id_: str,
        drafts: list[Draft],
        accounts: list[tuple[str, str]],
        by_hand: list[tuple[str, int, str]],
        held: list[Held],
        uncovered: list[Uncovered],
    ) -> None:
        record = self._result.book.customers.get(id_)
        name = (record.name if record else "") or id_ or "Without a customer"
        self._console.print()
        self._console.print(Text(f"{name} ({id_})" if id_ and name != id_ else name, "bold cyan"))
        self._rule("─")
        if id_ in self._result.parked:
            self._note("Not billed: the problems at the end have to be mended first.", "bold red")
        for draft in drafts:
            self._draft(draft)
        for word, sentence in accounts:
            text = Text(f"{word} ", "cyan" if word == "Balance" else "yellow")
            text.append(sentence)
            self._console.print(Padding(text, (0, 0, 0, 2)))
        if by_hand:
            self._waiting("By hand", by_hand)
        if held:
            self._waiting(
                "Held", [(h.entry, h.seconds, HELD.get(h.reason, h.reason)) for h in held]
            )
        if uncovered:
            self._waiting(
                "Uncovered", [(u.entry, u.seconds, UNCOVERED[u.reason]) for u in uncovered]
            )

    def _draft(self, draft: Draft) -> None:
        kind = "Credit note" if draft.kind == "credit_note" else "Invoice"
        contract = f", contract {draft.contract}" if draft.contract else ""
        total = f"{number_text(draft.total, draft.digits, 'en')} {draft.currency}"
        head = self._columns()
        head.add_row(Text(f"{kind}{contract}", "bold"), "", Text(total, "bold"))
        self._console.print(head)
        if draft.reverses:
            word = "gives back" if draft.lines[0].credit else "corrects"
            self._note(f"{word} {draft.reverses}", "dim")
        table = self._columns()
        marks = Marks(draft)
        for line in draft.lines:
            text = f"{line.description}{marks.behind(line)}"
            self._line(table, line, text, number_text(line.amount, draft.digits, "en"))
            if self._view.details:
                self._console.print(Padding(table, (0, 0, 0, 2)))
                self._reasons(marks, line.because)
                self._line_entries(line)
                table = self._columns()
        if not self._view.details:
            self._console.print(Padding(table, (0, 0, 0, 2)))
            self._reasons(marks, (reason for line in draft.lines for reason in line.because))

    def _columns(self) -> Table:
        """Description, price, amount; on a narrow screen the price has a line of its own."""
        table = Table.grid(expand=True, padding=(0, 1, 0, 0))
        table.add_column(ratio=1, overflow="fold")
        table.add_column(justify="right", no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        return table

    def _line(self, table: Table, line: Line, text: str, amount: str) -> None:
        if self._console.width < _NARROW:
            table.add_row(Text(text), "", amount)
            table.add_row(Text(f"  {self._price(line)}", "dim"), "", "")
        else:
            table.add_row(Text(text), self._price(line), amount)

    def _price(self, line: Line) -> str:
        unit = PHRASES["en"][line.unit]
        amount = f"{shortest(line.quantity) if line.unit != 'hour' else line.quantity}"
        price = f"{amount} {unit} × {_price_text(line.unit_price)}"
        if line.discount:
            price += f" - {shortest(line.discount)} %"
        return price

    def _reasons(self, marks: Marks, reasons: Iterable[Because]) -> None:
        """What the lines have marks of, in the order of the marks."""
        for reason in sorted(dict.fromkeys(reasons), key=lambda one: marks.of((one,))):
            clause = f" (clause {reason.clause})" if reason.clause else ""
            text = Text(f"because {marks.before(reason)}", "dim")
            text.append(f"{reason.rule}{clause}: {reason.text}")
            if self._view.details and reason.where.file:
                text.append(f"  [{reason.where.file}:{reason.where.line}]", "dim")
            self._console.print(Padding(text, (0, 0, 0, 4)))

    def _line_entries(self, line: Line) -> None:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, justify="right")
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for share in line.entries:
            entry = self._entries[share.entry]
            table.add_row(
                entry.date.isoformat(), hours(share.rounded), Text(entry.id), Text(entry.text)
            )
        if line.entries:
            self._console.print(Padding(table, (0, 0, 0, 4)))

    def _waiting(self, name: str, found: list[tuple[str, int, str]]) -> None:
        """Entries by reason: how many, how long, and which."""
        reasons: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for entry, seconds, reason in found:
            reasons[reason].append((entry, seconds))
        for reason, entries in reasons.items():
            seconds = sum(duration for _, duration in entries)
            ids = [entry for entry, _ in entries]
            most = len(ids) if self._view.details else 4
            shown = ", ".join(ids[:most]) + (f" and {len(ids) - most} more" if ids[most:] else "")
            text = Text(f"{name} ", "yellow")
            text.append(
                f"{count(len(ids), 'entry', 'entries')}, {hours(seconds)}: {reason} ({shown})"
            )
            self._console.print(Padding(text, (0, 0, 0, 2)))

    # -- the end -----------------------------------------------------------------------------

    def _differences(self) -> None:
        if not self._result.differences:
            return
        self._console.print()
        self._console.print(Text("Differences to what was billed before", "bold yellow"))
        self._rule("─")
        for found in self._result.differences:
            what = f"entry {found.entry}" if found.entry else "line"
            what = "documents" if found.cause == "documents" else what
            now = f", today {found.now}" if found.now else ""
            text = f"{found.key}: {what}: {DIFFERENCE[found.cause]}; was {found.was}{now}"
            self._console.print(Padding(Text(text), (0, 0, 0, 2)))

    def _problems(self, problems: Sequence[Problem]) -> None:
        if not problems:
            return
        self._console.print()
        self._console.print(Text("Problems", "bold red"))
        self._rule("─")
        for found in problems:
            self._console.print(RichText(visible(str(found))))

    def _note(self, text: str, style: str) -> None:
        self._console.print(Padding(Text(text, style), (0, 0, 0, 2)))

    def _rule(self, character: str) -> None:
        self._console.print(Text(character * self._console.width, "dim"))


def _amounts(drafts: Iterable[Draft]) -> list[str]:
    """The sum of ``drafts`` in each currency."""
    sums: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    for draft in drafts:
        sign = -1 if draft.kind == "credit_note" else 1
        sums[draft.currency, draft.digits] += sign * draft.total
    return [
        f"{number_text(amount, digits, 'en')} {currency}"
        for (currency, digits), amount in sorted(sums.items())
    ]


def _figures(
    held: Sequence[Held], uncovered: Sequence[Uncovered], looks: int
) -> tuple[str, str, str]:
    """Held and uncovered hours, and how much there is to look at."""
    return (
        hours(sum(found.seconds for found in held)) if held else "-",
        hours(sum(found.seconds for found in uncovered)) if uncovered else "-",
        str(looks) if looks else "-",
    )


def _said(override: Override) -> str:
    """What was decided by hand, by whom, when and why."""
    said = override.disposition.replace("_", " ")
    said += f" by {override.by}" if override.by else ""
    said += f" on {override.on.isoformat()}" if override.on else ""
    return f"{said}: {override.reason}"


def _standing(lots: Sequence[Balance]) -> str:
    """What is left of a term's lots and until when, and what became of the rest."""

    def amount(seconds: int) -> str:
        return hours(seconds) if lots[0].unit == "hour" else shortest(quantity(seconds, 2))

    live = [lot for lot in lots if lot.remaining]
    owed = sum(lot.deficit for lot in lots)
    parts = []
    for lot in live:
        name = f" of {lot.lot}" if len(live) > 1 else ""
        until = f" until {lot.last.isoformat()}" if lot.last else ""
        parts.append(f"{amount(lot.remaining)} left{name}{until}")
    if owed:
        parts.append(f"{amount(owed)} owed")
    sums = (
        ("granted", sum(lot.granted for lot in lots)),
        ("used", sum(lot.drawn for lot in lots)),
        ("expired", sum(lot.expired for lot in lots)),
        ("refunded", sum(lot.refunded for lot in lots)),
    )
    rest = ", ".join(f"{word} {amount(seconds)}" for word, seconds in sums if seconds)
    what = "requests: " if lots[0].unit == "piece" else ""
    return f"{what}{', '.join(parts) or 'nothing left'} ({rest or 'granted nothing'})"


def _noticed(notice: Notice, last: date | None) -> str:
    """A budget that was used up to some percent, or a lot that came to its end on ``last``."""
    day = notice.on.isoformat()
    if notice.rule.endswith(".expiry"):
        end = f"expires on {last.isoformat()}" if last else "expires soon"
        return f"lot {notice.period} {end} and had time left on {day}"
    if "." in notice.rule:
        return f"lot {notice.period} was down to {notice.at_percent} % or less on {day}"
    try:
        of = f" for the period from {parse_date(notice.period)}"
    except ValueError:
        of = f" for {notice.period}" if notice.period else ""
    return f"{notice.at_percent} % of budget {notice.rule}{of} reached on {day}"


def _price_text(price: Decimal) -> str:
    """At least two decimals, more where the price has them."""
    exponent = price.normalize().as_tuple().exponent
    digits = max(2, -exponent if isinstance(exponent, int) else 2)
    return number_text(price, digits, "en")

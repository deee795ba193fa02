"""What is shown is what is written, customer by customer and line by line.

A preview by the command, what people see in Odoo and the drafts that are made of it are compared
for every customer of the demo book and of a crowd that is new in each run.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from klausel.formats.json import result_data
from klausel.model import LedgerKey
from klausel_run.preview import Options, preview
from tests.counts import count

from . import demo, scene
from .crowd import Crowd, changed
from .customers import empty
from .demo import COMMAND, Firm
from .load import Growing, Rpc
from .server import Server

pytestmark = pytest.mark.odoo

REQUEST, PREVIEW = "klausel.request", "klausel.preview"
#: Days on which everything of a crowd is looked at.
EARLY, LATE = ("2024-05-31", "2024-06-01", "2024-07-01", "2024-07-15"), ("2025-01-15", "2025-02-01")
#: Work of which no run decides anything.
DECIDED = ("written_off", "billed_elsewhere")

Rows = Counter[tuple[Any, ...]]
Sums = dict[tuple[str, str], Decimal]


class Seen(NamedTuple):
    """What somebody sees of all customers."""

    lines: Rows
    parts: Rows
    held: Rows
    uncovered: Rows
    problems: Rows
    totals: Sums
    """By customer and currency; credit notes below zero."""


class Told(NamedTuple):
    """What the program says of all customers."""

    seen: Seen
    fresh: Rows
    """Seconds that are not on record yet, or wait, as worked and as counted. A run puts them on
    record if their window is over, though they may be due later."""


class Place(NamedTuple):
    server: Server
    firm: Firm

    def sql(self, text: str) -> list[tuple[str, ...]]:
        """Rows of a query; NULL is empty."""
        rows = self.server.psql(self.firm.odoo.database, text)
        return [tuple(cell or "" for cell in row) for row in rows]

    def work(self) -> None:
        """Does what waits."""
        said = demo.run(self.firm, "work", "--once")
        assert said == "", said

    @property
    def person(self) -> Rpc:
        return Rpc(self.firm.account("anna"))

    # --- what people press

    def look(self, as_of: str = "", adjust: bool = False) -> str:
        """Asks for a preview of everything; the day it is of. The button does so as of today."""
        if as_of:
            self.sql(
                "INSERT INTO klausel_request (kind, state, company_id, as_of, adjust, cancel)"
                f" VALUES ('preview', 'waiting', 1, '{as_of}', {adjust}, false)"
            )
        else:
            self.work()  # somebody has to be there
            self.person.call(PREVIEW, "action_refresh_all")
        self.work()
        ((state, outcome, day),) = self.sql(
            "SELECT state, outcome, as_of FROM klausel_request ORDER BY id DESC LIMIT 1"
        )
        assert state == "done", outcome
        assert "is not shown" not in outcome
        assert self.sql("SELECT id FROM klausel_preview WHERE stale") == []
        return day

    def create_drafts(self, day: str, adjust: bool) -> None:
        """Chooses all customers for whom there is something to be written."""
        self.work()
        person = self.person
        ids = person.search(PREVIEW, ("fingerprint", "!=", False), ("partner_id", "!=", False))
        if not ids:
            return
        action = person.call(PREVIEW, "action_create_drafts", ids)
        self.work()
        said = self.sql(
            "SELECT state, said FROM klausel_request_customer WHERE state <> 'written'"
            f" AND request_id = {action['res_id']}"
        )
        assert [one for one in said if one[0] != "refused" or "--backlog" not in one[1]] == []
        (request,) = person.call(REQUEST, "read", [action["res_id"]], ["state"])
        assert request["state"] == "done"
        count("customers whose drafts somebody created by the button", len(ids) - len(said))
        if said:
            # What looks as if somebody else had invoiced it is only written by whoever says so.
            more = ["--adjust"] if adjust else []
            self.klausel("bill", "--as-of", day, "--yes", "--backlog", *more)
            count("customers whose backlog was billed by the command", len(said))

    def klausel(self, *arguments: str) -> str:
        """What the command says; where customers have to wait it ends with 2."""
        done = subprocess.run(
            [*COMMAND, *arguments, "--odoo"],
            env={**os.environ, **self.firm.environment()},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 2), done.stderr
        return done.stdout

    # --- what is shown

    def by_cli(self, as_of: str) -> Told:
        """What ``klausel preview`` says, as JSON."""
        return as_told(json.loads(self.klausel("preview", "--as-of", as_of, "--format", "json")))

    def by_program(self, as_of: str) -> Told:
        """The same with corrections, which the command only shows as text."""
        account = self.firm.account("klausel")
        source = scene.source(account, policies=self.firm.policies)
        result = preview(source, Options(date.fromisoformat(as_of), adjust=True))
        source.close()
        return as_told(result_data(result))

    def stored(self) -> Seen:
        """What people see."""
        lines = self.sql(
            "SELECT l.partner_id, l.draft, l.kind, l.key, c.name, l.name, l.quantity, l.unit,"
            " l.price_unit, l.discount, l.amount, l.mark"
            " FROM klausel_preview_line l JOIN res_currency c ON c.id = l.currency_id"
        )
        parts = self.sql(
            "SELECT p.state, p.partner_id, p.entry_ref, p.disposition, p.rule, k.code, p.term,"
            " p.lot, p.worked_seconds, p.counted_seconds, l.key, p.reason"
            " FROM klausel_preview_part p LEFT JOIN klausel_contract k ON k.id = p.contract_id"
            " LEFT JOIN klausel_preview_line l ON l.id = p.line_id"
        )
        totals: Sums = {}
        for customer, currency, amount, others in self.sql(
            "SELECT p.partner_id, c.name, p.amount, p.others FROM klausel_preview p"
            " JOIN res_currency c ON c.id = p.currency_id WHERE p.draft_count > 0"
        ):
            totals[customer, currency] = number(amount)
            for other in filter(None, others.split(", ")):
                sum_, _, name = other.partition(" ")
                totals[customer, name] = number(sum_)
        return Seen(
            Counter(
                (*one[:6], number(one[6]), one[7], *map(number, one[8:11]), one[11])
                for one in lines
            ),
            Counter((*one[2:8], int(one[8]), int(one[9]), one[10], one[11]) for one in parts),
            counted((one[1], one[2], one[11], int(one[9])) for one in parts if one[0] == "held"),
            counted(
                (one[1], one[2], one[11], int(one[8])) for one in parts if one[0] == "uncovered"
            ),
            Counter(self.sql("SELECT severity, code, text FROM klausel_problem")),
            {place: sum_ for place, sum_ in totals.items() if sum_},
        )

    # --- what is written

    def last_run(self) -> str:
        ((last,),) = self.sql("SELECT COALESCE(max(id), 0) FROM klausel_run")
        return last

    def written(self, since: str) -> Written:
        """What runs after ``since`` have put into drafts and on record."""
        hour = self.firm.loaded.rpc.search("uom.uom", ("name", "=", "Hours"))[0]
        lines = self.sql(
            "SELECT m.commercial_partner_id, m.id, m.move_type, c.name, a.id, a.name, a.quantity,"
            f" a.product_uom_id = {hour}, a.price_unit, a.discount, a.price_subtotal,"
            " m.amount_untaxed, m.state, m.currency_id = a.currency_id"
            " FROM account_move_line a JOIN account_move m ON m.id = a.move_id"
            " JOIN res_currency c ON c.id = m.currency_id"
            f" WHERE m.klausel_run_id > {since} AND a.display_type = 'product'"
        )
        rows = self.sql(
            "SELECT k.code, g.term, g.component, g.period, g.line_group, g.sequence, g.entry_ref,"
            " g.seconds, g.rounded, g.disposition, g.rule, g.lot, g.held, g.amount,"
            " g.move_line_id"
            " FROM klausel_ledger g JOIN klausel_contract k ON k.id = g.contract_id"
            f" WHERE g.run_id > {since} AND g.state = 'live'"
        )
        keys: dict[str, str] = {}
        for row in rows:
            key = LedgerKey(*row[:3], date.fromisoformat(row[3]), row[4], int(row[5]))
            if row[13] and row[14]:
                assert row[14] not in keys, row
                keys[row[14]] = str(key)
        # Past a budget is past a limit, for those who look.
        parts = settled(
            ((row[6], *row[9:11], *row[:2], row[11], row[12].replace("budget", "limit")), *row[7:9])
            for row in rows
            if row[6] not in ("", "0")
        )
        documents: dict[str, Document] = {}
        for line in lines:
            assert line[12:] == ("draft", "t"), line
            sign = -1 if line[2] == "out_refund" else 1
            one = documents.setdefault(
                line[1], Document(line[0], line[2], line[3], sign * number(line[11]), Counter())
            )
            one.lines[
                (keys[line[4]], unfolded(line[5]), number(line[6]), line[7] == "t", number(line[8]),
                 number(line[9]), sign * number(line[10]))
            ] += 1  # fmt: skip
        return Written(list(documents.values()), parts)


class Document(NamedTuple):
    """A draft in Odoo."""

    customer: str
    kind: str
    currency: str
    total: Decimal
    lines: Rows


class Written(NamedTuple):
    documents: list[Document]
    settled: Rows


def number(text: str) -> Decimal:
    return Decimal(text or "0").normalize() + 0


def unfolded(name: str) -> str:
    """A line's text on one row: in it the product's name has a row of its own."""
    product, _, text = name.partition("\n")
    return name if not text else text if product in text else f"{product}, {text}"


def counted(rows: Iterable[tuple[Any, ...]]) -> Rows:
    """The last column summed up by the others."""
    found: Rows = Counter()
    for *place, many in rows:
        found[tuple(place)] += many
    return found


def settled(rows: Iterable[tuple[tuple[Any, ...], Any, Any]]) -> Rows:
    """Seconds as worked and as counted, by what was decided of which entry."""
    found: Rows = Counter()
    for place, worked, rounded in rows:
        found[(*place, "worked")] += int(worked)
        found[(*place, "counted")] += int(rounded)
    return Counter({place: seconds for place, seconds in found.items() if seconds})


def as_told(data: dict[str, Any]) -> Told:
    """What the program says, in the words of those who compare."""
    lines: Rows = Counter()
    totals: Sums = defaultdict(Decimal)
    for draft in data["drafts"]:
        sign = -1 if draft["kind"] == "credit_note" else 1
        totals[draft["customer"], draft["currency"]] += sign * Decimal(draft["total"])
        for line in draft["lines"]:
            numbers = {reason["mark"] for reason in line["because"]}
            marks = [f"[{one}]" for one in sorted(numbers)] if len(draft["lines"]) > 1 else []
            lines[
                (
                    draft["customer"], draft["key"], draft["kind"], line["key"], draft["currency"],
                    line["description"], number(line["quantity"]), line["unit"],
                    number(line["unit_price"]), number(line["discount"]),
                    sign * number(line["amount"]), " ".join(marks),
                )
            ] += 1  # fmt: skip
    ours = {key[3] for key in lines}
    parts: Rows = Counter()
    fresh = []
    for entry in data["entries"]:
        for part in entry["parts"]:
            waits = part["held"] or part.get("uncovered")
            line = part["line"] if part["line"] in ours and not waits else ""
            decided = part["disposition"] in DECIDED
            done = part.get("settled") and ("due" not in part or part["lot"])
            words = [part[name] or "" for name in ("contract", "term", "lot")]
            whose = (entry["id"], part["disposition"], part["rule"], *words)
            if waits or line or not (done or decided):
                parts[(*whose, part["seconds"], part["rounded"], line, waits or "")] += 1
            if not (part.get("settled") or decided or part.get("uncovered")):
                fresh.append(((*whose, part["held"] or ""), part["seconds"], part["rounded"]))
    seen = Seen(
        lines,
        parts,
        counted(
            (one["customer"], one["entry"], one["reason"], one["seconds"]) for one in data["held"]
        ),
        counted(
            (one["customer"], one["entry"], one["reason"], one["seconds"])
            for one in data["uncovered"]
        ),
        Counter((one["severity"], one["code"], one["message"]) for one in data["problems"]),
        {place: sum_.normalize() for place, sum_ in totals.items() if sum_},
    )
    return Told(seen, settled(fresh))


def same(one: Seen, other: Seen) -> None:
    """Marks are compared with what is written: the program has more of them than a draft."""
    one, other = (seen._replace(lines=counted_rows(seen.lines)) for seen in (one, other))
    for name in Seen._fields:
        differ(getattr(one, name), getattr(other, name), name)


def counted_rows(lines: Rows) -> Rows:
    """Lines without their marks."""
    found: Rows = Counter()
    for line, times in lines.items():
        found[line[:-1]] += times
    return found


def differ(shown: Any, found: Any, what: str) -> None:
    """Raises with what only one of them has."""
    if shown != found:
        if isinstance(shown, dict):
            one, other = set(shown.items()), set(found.items())
            shown, found = sorted(one - other)[:5], sorted(other - one)[:5]
        raise AssertionError(f"{what}: shown {shown}, but there is {found}")


def as_written(shown: Seen) -> Written:
    """What has to be written, by what is shown."""
    documents: dict[tuple[str, str], Document] = {}
    kinds = {"invoice": "out_invoice", "credit_note": "out_refund"}
    for line, times in shown.lines.items():
        (customer, draft, kind, key, currency, name, quantity, unit, price, discount, amount,
         mark) = line  # fmt: skip
        one = documents.setdefault(
            (customer, draft), Document(customer, kinds[kind], currency, Decimal(), Counter())
        )
        text = f"{name} {mark}".rstrip()
        one.lines[(key, text, quantity, unit == "hour", price, discount, amount)] += times
    return Written(list(documents.values()), Counter())


def bills(place: Place, as_of: str = "", adjust: bool = False) -> str:
    """Looks at everything, writes it and looks again; the day."""
    day = place.look(as_of, adjust)
    told = place.by_program(day) if adjust else place.by_cli(day)
    shown = place.stored()
    same(shown, told.seen)
    since = place.last_run()
    place.create_drafts(day, adjust)
    written = place.written(since)
    wanted = as_written(shown)
    differ(by_line(wanted.documents), by_line(written.documents), "lines of drafts")
    differ(as_wholes(wanted.documents), as_wholes(written.documents), "drafts")
    totals: Sums = defaultdict(Decimal)
    for one in written.documents:
        totals[one.customer, one.currency] += one.total
    sums = {where: sum_.normalize() for where, sum_ in totals.items() if sum_}
    differ(shown.totals, sums, "totals")
    again = nothing_new(place, day, adjust, shown)
    if not adjust:  # there it is differences that are put on record
        on_record(told, written, again)
    count("customers whose preview, screen and drafts were compared", customers(place))
    count("drafts as shown", len(written.documents))
    count("lines as shown", sum(shown.lines.values()))
    count("credit notes as shown", sum(one.kind == "out_refund" for one in written.documents))
    count("held parts as shown", len(shown.held))
    return day


def customers(place: Place) -> int:
    ((number_,),) = place.sql("SELECT count(DISTINCT commercial_partner_id) FROM klausel_contract")
    return int(number_)


def by_line(documents: Iterable[Document]) -> Rows:
    return Counter(
        {
            (one.customer, one.kind, one.currency, *line): times
            for one in documents
            for line, times in one.lines.items()
        }
    )


def as_wholes(documents: Iterable[Document]) -> Rows:
    """Which lines stand together."""
    return Counter(
        (one.customer, one.kind, one.currency, frozenset(one.lines.items())) for one in documents
    )


def on_record(told: Told, written: Written, again: Told) -> None:
    """Each second is on record as it was told, or told as before: its window is still open."""
    waits = {place for place in told.fresh if place[6]}
    assert {place for place, more in written.settled.items() if place[6] and more > 0} <= waits
    wanted, found, left = (
        {place: seconds for place, seconds in some.items() if not place[6]}
        for some in (told.fresh, written.settled, again.fresh)
    )
    both = Counter(found)
    for place, seconds in left.items():
        both[place] += seconds
    differ(Counter(wanted), both, "on record")


def nothing_new(place: Place, day: str, adjust: bool, before: Seen) -> Told:
    """Looked at again there is nothing to be written, and what waits still waits."""
    place.look(day, adjust)
    told = place.by_program(day) if adjust else place.by_cli(day)
    shown = place.stored()
    same(shown, told.seen)
    assert (shown.lines, shown.totals) == (Counter(), {})
    assert place.sql("SELECT id FROM klausel_preview WHERE fingerprint <> ''") == []
    differ(before.held, shown.held, "held")
    differ(before.uncovered, shown.uncovered, "not covered")
    return told


# --- the demo book --------------------------------------------------------------------------------


@pytest.fixture
def demo_place(odoo_server: Server) -> Iterator[Place]:
    odoo = odoo_server.clone()
    firm = demo.furnish(odoo)
    place = Place(odoo_server, firm)
    place.sql("UPDATE res_company SET klausel_nightly_hour = -1")
    yield place
    odoo_server.drop(odoo.database)


def test_every_customer_of_the_demo_book(demo_place: Place) -> None:
    place = demo_place
    bills(place)
    # Then facts are others than they were: hours, and work that is entered late.
    rpc, ids = place.firm.loaded.rpc, place.firm.loaded.ids["entries"]
    entries = sorted(ids.values())
    rpc.write("account.analytic.line", entries[::3], unit_amount=1.25)
    (late,) = rpc.call("account.analytic.line", "copy", entries[:1])
    assert late
    bills(place)
    bills(place, place.look(), adjust=True)


# --- a crowd --------------------------------------------------------------------------------------


def crowd(server: Server, number: int, new: int, folder: Path) -> None:
    some = Crowd(number, new)
    odoo = server.clone()
    empty(server, odoo)
    growing = Growing(odoo, "")
    facts = some.facts(late=False)
    policies = some.write_policies(folder)
    loaded = growing.become(some.book(facts))
    place = Place(server, demo.staffed(odoo, loaded, policies))
    place.sql("UPDATE res_company SET klausel_nightly_hour = -1")
    bills(place, some.chance.choice(EARLY))
    some_documents_go_on(place, some)
    facts = some.facts(late=True)
    growing.become(some.book(facts))
    day = bills(place, some.chance.choice(LATE))
    growing.become(some.book(changed(facts, some.chance)))
    bills(place, day, adjust=True)
    server.drop(odoo.database)


def some_documents_go_on(place: Place, some: Crowd) -> None:
    """Of the drafts a third is posted, and one in ten deleted."""
    rpc = place.firm.loaded.rpc
    drafts = rpc.search("account.move", ("klausel_run_id", "!=", False))
    some.chance.shuffle(drafts)
    rpc.unlink("account.move", drafts[::10])
    posted = [id_ for number, id_ in enumerate(drafts) if number % 10 and not number % 3]
    rpc.write("account.move", posted, invoice_date="2024-07-16")
    rpc.call("account.move", "action_post", posted)


def test_a_crowd(odoo_server: Server, tmp_path: Path) -> None:
    crowd(odoo_server, 40, 10, tmp_path)


@pytest.mark.soak
def test_a_crowd_of_two_hundred(odoo_server: Server, tmp_path: Path) -> None:
    crowd(odoo_server, 200, 200, tmp_path)

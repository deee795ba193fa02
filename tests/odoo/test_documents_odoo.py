"""What is in force after people reversed, deleted and merged: the right sums, said or refused."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest

from . import scene
from .scene import Log, Said, Term
from .server import Odoo
from .webclient import RefusedError, WebClient

pytestmark = pytest.mark.odoo

JANUARY, APRIL, MAY, JULY = "2026-01-02", "2026-04-01", "2026-05-02", "2026-07-01"


class Scene:
    """A customer with one contract, and what people do to its documents."""

    def __init__(self, odoo: Odoo, client: WebClient, name: str, *terms: Term, **values: Any):
        self.odoo, self.client = odoo, client
        self.customer = client.create_one("res.partner", name=name, is_company=True)
        self.project = scene.project(client, self.customer, f"Shop of {name}")
        (self.ticket,) = scene.tickets(client, self.project, self.customer, ["Cart"])
        usd = scene.currency(client, "USD")
        self.code = name.upper().replace(" ", "-")
        self.contract = scene.contract(
            client, self.customer, self.code, terms, "web-care", usd, **values
        )

    def log(self, who: int, day: str, hours: float) -> int:
        (entry,) = scene.log(self.client, who, [Log(self.project, self.ticket, day, hours)])
        return entry

    def klausel(self, command: str, day: str, *options: str) -> Said:
        arguments = ["--as-of", day, *options]
        if command != "audit":
            arguments += ["--customer", str(self.customer)]
        return scene.klausel(self.odoo, command, *arguments)

    def bill(self, day: str, *options: str) -> list[int]:
        """The documents that the run made."""
        before = self.moves()
        said = self.klausel("bill", day, "--yes", *options)
        assert (said.code, said.err) == (0, ""), said
        return sorted(self.moves() - before)

    def moves(self) -> set[int]:
        return set(self.client.ids("account.move", [("partner_id", "=", self.customer)]))

    def differences(self, day: str) -> list[str]:
        """What the preview says of what was billed before."""
        said = self.klausel("preview", day, "--format", "json")
        assert said.code in (0, 1), said
        return [
            f"{found['key']}: {found['cause']}; was {found['was']}, today {found['now']}"
            for found in json.loads(said.out)["differences"]
        ]

    def audited(self, day: str) -> list[str]:
        """What the audit says of this contract."""
        said = self.klausel("audit", day)
        assert said.code in (0, 1), said
        assert said.err == ""
        lines = [line.strip() for line in said.out.splitlines()]
        names = self.names()
        return [line for line in lines if self.code in line or any(name in line for name in names)]

    def names(self) -> list[str]:
        domain = [("partner_id", "=", self.customer), ("name", "not in", ("/", False))]
        return [row["name"] for row in self.client.find("account.move", domain, ["name"])]

    def name(self, move: int) -> str:
        (row,) = self.client.find("account.move", [("id", "=", move)], ["name"])
        return str(row["name"])

    def in_force(self) -> Decimal:
        """The net sum of all that is not cancelled, reckoned from the lines."""
        rows = self.client.find(
            "account.move.line",
            [
                ("move_id.partner_id", "=", self.customer),
                ("move_id.state", "!=", "cancel"),
                ("display_type", "=", "product"),
            ],
            ["price_subtotal", "move_type"],
        )
        total = Decimal(0)
        for row in rows:
            amount = Decimal(repr(row["price_subtotal"]))
            total += -amount if row["move_type"] == "out_refund" else amount
        return total.quantize(Decimal("0.01"))

    def settled(self, entry: int) -> dict[str, int]:
        """Seconds of a timesheet on record, by what they were settled as."""
        rows = self.client.find(
            "klausel.ledger",
            [("entry_ref", "=", entry), ("state", "=", "live")],
            ["disposition", "seconds"],
        )
        found: dict[str, int] = {}
        for row in rows:
            found[row["disposition"]] = found.get(row["disposition"], 0) + row["seconds"]
        return {disposition: seconds for disposition, seconds in found.items() if seconds}

    def post(self, *moves: int) -> None:
        self.client.button("account.move", "action_post", moves)

    def reverse(self, move: int, button: str = "refund_moves") -> int:
        action = self.client.button("account.move", "action_reverse", [move])
        found = self.client.dialog(action, button, "account.move", [move])
        return int(found["res_id"])

    def state(self, move: int) -> str:
        (row,) = self.client.find("account.move", [("id", "=", move)], ["state"])
        return str(row["state"])

    def right(self, day: str, total: str) -> None:
        """In force is ``total``, and no run has anything to add or to say."""
        assert self.in_force() == Decimal(total)
        assert self.bill(day) == []
        assert self.bill(day, "--adjust") == []
        assert self.differences(day) == []
        assert self.audited(day) == []


class World:
    def __init__(self, odoo: Odoo) -> None:
        self.odoo, self.client = odoo, WebClient(odoo)
        self.hours = scene.service(self.client, "Hours of care", taxes_id=[(6, 0, [])])
        self.who = scene.employee(self.client, "Bo")

    def customer(self, name: str, *terms: Term, **values: Any) -> Scene:
        return Scene(self.odoo, self.client, name, *terms, **values)

    def fee(self) -> Term:
        return Term("W", "maintenance-annual", self.hours, {"price": "49.00"})

    def time(self, price: str = "100.00") -> Term:
        return Term("S", "service-quarterly", self.hours, {"price": price}, takes="service")

    def price(self, one: Scene, price: str) -> None:
        """Corrects the price of the contract's time."""
        domain = [("term_id.contract_id", "=", one.contract), ("name", "=", "price")]
        (id_,) = self.client.ids("klausel.parameter", domain)
        self.client.write("klausel.parameter", [id_], value=price)

    def decide(self, entry: int, disposition: str, day: str) -> None:
        context = {"active_model": "account.analytic.line", "active_ids": [entry]}
        values = {"disposition": disposition, "reason": "A gift", "decided_on": day}
        (id_,) = self.client.call("klausel.decide", "create", [values], context=context)
        self.client.button("klausel.decide", "action_decide", [id_], **context)

    def end(self, one: Scene, day: str) -> None:
        self.client.write("klausel.contract", [one.contract], date_end=day)


@pytest.fixture(scope="module")
def world(odoo: Odoo) -> World:
    return World(odoo)


def plain(error: pytest.ExceptionInfo[RefusedError]) -> str:
    return str(error.value).replace("\N{NO-BREAK SPACE}", " ")


# --- a draft of ours, and its invoice is refunded or deleted (E3)


def test_a_draft_credit_note_goes_with_the_invoice_that_is_refunded(world: World) -> None:
    one = world.customer("Refunded", world.fee())
    (invoice,) = one.bill(JANUARY)
    one.post(invoice)
    world.end(one, "2026-04-30")
    (credit,) = one.bill(MAY)
    assert one.in_force() == Decimal("245.00")  # 588.00 less seven of the eight unused months
    refund = one.reverse(invoice)
    assert one.state(credit) == "draft"
    one.post(refund)
    assert one.state(credit) == "cancel"
    assert one.in_force() == 0
    with pytest.raises(RefusedError) as caught:
        world.client.button("account.move", "button_draft", [credit])
    assert "whose work is open again" in plain(caught)
    # Billed anew, the year is known to end in April.
    one.bill(MAY)
    one.right(MAY, "196.00")


def test_a_draft_credit_note_goes_with_the_invoice_that_is_deleted(world: World) -> None:
    one = world.customer("Deleted", world.fee())
    (invoice,) = one.bill(JANUARY)
    world.end(one, "2026-04-30")
    (credit,) = one.bill(MAY)
    world.client.delete("account.move", [invoice])
    assert one.state(credit) == "cancel"
    one.bill(MAY)
    one.right(MAY, "196.00")


def test_a_draft_correction_goes_with_the_invoice_that_is_cancelled(world: World) -> None:
    one = world.customer("Cancelled", world.time("155.00"))
    one.log(world.who, "2026-02-03", 1)
    (invoice,) = one.bill(APRIL)
    one.post(invoice)
    world.price(one, "150.00")
    (correction,) = one.bill(APRIL, "--adjust")
    assert one.in_force() == Decimal("150.00")
    world.client.button("account.move", "button_cancel", [invoice])
    assert one.state(correction) == "cancel"
    one.bill(APRIL)
    one.right(APRIL, "150.00")


# --- a posted correction of ours, and its invoice is refunded in full (E9, F1)


def test_an_invoice_with_a_correction_is_not_credited_beyond_what_is_left(world: World) -> None:
    one = world.customer("Over", world.time("155.00"))
    one.log(world.who, "2026-02-03", 1)
    (invoice,) = one.bill(APRIL)
    one.post(invoice)
    world.price(one, "150.00")
    (correction,) = one.bill(APRIL, "--adjust")
    one.post(correction)
    one.right(APRIL, "150.00")
    refund = one.reverse(invoice)
    with pytest.raises(RefusedError) as caught:
        one.post(refund)
    assert plain(caught) == (
        f"{one.name(invoice)} has correction {one.name(correction)} ($ 5.00): reverse $ 150.00 in"
        " all, or reverse the correction first."
    )
    assert one.state(refund) == "draft"
    # The correction first:
    one.post(one.reverse(correction))
    one.post(refund)
    one.bill(APRIL)
    one.right(APRIL, "150.00")


def test_the_invoice_is_refunded_while_its_correction_is_a_draft(world: World) -> None:
    one = world.customer("While", world.time("155.00"))
    one.log(world.who, "2026-02-03", 1)
    (invoice,) = one.bill(APRIL)
    one.post(invoice)
    world.price(one, "150.00")
    (correction,) = one.bill(APRIL, "--adjust")
    one.post(one.reverse(invoice))
    assert one.state(correction) == "cancel"
    one.bill(APRIL)
    one.right(APRIL, "150.00")


def test_an_invoice_that_raised_another_one_is_not_refunded_alone(world: World) -> None:
    one = world.customer("Raised", world.time("150.00"))
    one.log(world.who, "2026-02-03", 1)
    (invoice,) = one.bill(APRIL)
    one.post(invoice)
    world.price(one, "155.00")
    (correction,) = one.bill(APRIL, "--adjust")
    one.post(correction)
    refund = one.reverse(invoice)
    with pytest.raises(RefusedError) as caught:
        one.post(refund)
    assert one.name(correction) in plain(caught)
    one.post(refund, one.reverse(correction))
    one.bill(APRIL)
    one.right(APRIL, "155.00")


# --- a credit note of ours is reversed (E7)


def test_a_refund_that_is_reversed_is_open_again(world: World) -> None:
    one = world.customer("Reversed", world.fee())
    (invoice,) = one.bill(JANUARY)
    one.post(invoice)
    world.end(one, "2026-04-30")
    (credit,) = one.bill(MAY)
    one.post(credit)
    one.right(MAY, "245.00")
    one.post(one.reverse(credit))
    assert one.in_force() == Decimal("588.00")
    (again,) = one.bill(MAY)
    one.post(again)
    one.right(MAY, "245.00")


@pytest.mark.parametrize("how", ["reversed", "deleted", "cancelled"])
def test_a_correction_that_is_released_is_a_difference_again(world: World, how: str) -> None:
    one = world.customer(f"Again {how}", world.time("155.00"))
    one.log(world.who, "2026-02-03", 1)
    (invoice,) = one.bill(APRIL)
    one.post(invoice)
    world.price(one, "150.00")
    (correction,) = one.bill(APRIL, "--adjust")
    if how == "reversed":
        one.post(correction)
        one.post(one.reverse(correction))
    elif how == "deleted":
        world.client.delete("account.move", [correction])
    else:
        world.client.button("account.move", "button_cancel", [correction])
    assert one.in_force() == Decimal("155.00")
    assert one.bill(APRIL) == []
    assert len(one.differences(APRIL)) == 1
    assert one.audited(APRIL)
    one.bill(APRIL, "--adjust")
    one.right(APRIL, "150.00")


def test_what_a_released_correction_had_settled_instead_is_open_with_it(world: World) -> None:
    one = world.customer("Instead", world.time())
    entry = one.log(world.who, "2026-02-03", 1.5)
    (invoice,) = one.bill(APRIL)
    one.post(invoice)
    world.decide(entry, "included", "2026-04-01")
    (correction,) = one.bill(APRIL, "--adjust")
    assert one.settled(entry) == {"included": 5400}
    world.client.button("account.move", "button_cancel", [correction])
    assert one.settled(entry) == {"service": 5400}
    world.client.button("account.move", "button_draft", [correction])
    assert one.settled(entry) == {"included": 5400}
    world.client.delete("account.move", [correction])
    assert one.settled(entry) == {"service": 5400}
    assert one.bill(APRIL) == []
    assert len(one.differences(APRIL)) == 1
    (correction,) = one.bill(APRIL, "--adjust")
    one.post(correction)
    assert one.settled(entry) == {"included": 5400}
    reversal = one.reverse(correction)
    one.post(reversal)
    assert one.settled(entry) == {"service": 5400}
    world.client.button("account.move", "button_draft", [reversal])
    assert one.settled(entry) == {"included": 5400}
    world.client.delete("account.move", [reversal])
    one.right(APRIL, "0.00")


# --- reversed and made anew, and the credit note is undone (E8)


def test_the_credit_note_of_a_new_draft_stays(world: World) -> None:
    one = world.customer("Anew", world.time())
    one.log(world.who, "2026-02-03", 1)
    (invoice,) = one.bill(APRIL)
    one.post(invoice)
    new = one.reverse(invoice, "modify_moves")
    (refund,) = world.client.ids("account.move", [("reversed_entry_id", "=", invoice)])
    # As a draft it could be edited, or never come back.
    with pytest.raises(RefusedError) as caught:
        world.client.button("account.move", "button_draft", [refund])
    assert re.match(rf"The work on {one.name(invoice)} was handed over to ", plain(caught))
    assert one.state(refund) == "posted"
    assert one.in_force() == Decimal("100.00")
    world.client.delete("account.move", [new])
    world.client.button("account.move", "button_draft", [refund])
    world.client.delete("account.move", [refund])
    one.right(APRIL, "100.00")


def test_the_credit_note_of_a_new_draft_that_is_posted_stays(world: World) -> None:
    """And what a new draft handed on to one more new draft is there."""
    one = world.customer("Anew twice", world.time())
    one.log(world.who, "2026-02-03", 1)
    (invoice,) = one.bill(APRIL)
    one.post(invoice)
    second = one.reverse(invoice, "modify_moves")
    one.post(second)
    (refund,) = world.client.ids("account.move", [("reversed_entry_id", "=", invoice)])
    third = one.reverse(second, "modify_moves")
    (counter,) = world.client.ids("account.move", [("reversed_entry_id", "=", second)])
    for document in (refund, counter):
        with pytest.raises(RefusedError) as caught:
            world.client.button("account.move", "button_draft", [document])
        assert " was handed over to " in plain(caught)
    world.client.delete("account.move", [third])
    # Both invoices are reversed in full.
    assert one.in_force() == 0
    assert len(one.bill(APRIL)) == 1
    one.right(APRIL, "100.00")


def test_a_refund_of_work_that_was_billed_again_stays(world: World) -> None:
    one = world.customer("Billed again", world.time())
    one.log(world.who, "2026-02-03", 1)
    (invoice,) = one.bill(APRIL)
    one.post(invoice)
    refund = one.reverse(invoice)
    one.post(refund)
    (again,) = one.bill(APRIL)
    with pytest.raises(RefusedError) as caught:
        world.client.button("account.move", "button_draft", [refund])
    assert re.match(r"The work on .* is open again and was billed on ", plain(caught))
    assert one.in_force() == Decimal("100.00")
    world.client.delete("account.move", [again])
    # Nothing else stands for the work now.
    world.client.button("account.move", "button_draft", [refund])
    world.client.delete("account.move", [refund])
    one.right(APRIL, "100.00")


# --- a refund is a draft again, and nothing else stands for its work


def test_a_refund_that_is_a_draft_again_reverses_nothing(world: World) -> None:
    """Odoo leaves it matched, and the next run billed the same work again."""
    one = world.customer("Draft refund", world.time())
    one.log(world.who, "2026-02-03", 1)
    (invoice,) = one.bill(APRIL)
    one.post(invoice)
    refund = one.reverse(invoice)
    one.post(refund)
    world.client.button("account.move", "button_draft", [refund])
    assert one.bill(APRIL) == []
    assert one.bill(APRIL, "--adjust") == []
    assert one.differences(APRIL) == []
    assert one.audited(APRIL) == []
    one.post(refund)
    (again,) = one.bill(APRIL)
    one.right(APRIL, "100.00")
    world.client.delete("account.move", [again])
    # What is reversed is no draft beside its refund, where it could be changed.
    with pytest.raises(RefusedError) as caught:
        world.client.button("account.move", "button_draft", [invoice])
    assert plain(caught) == (
        f"{one.name(refund)} corrects or reverses {one.name(invoice)}: cancel or reverse that"
        " first."
    )
    world.client.button("account.move", "button_draft", [invoice, refund])
    world.client.delete("account.move", [refund])
    one.right(APRIL, "100.00")


def test_an_invoice_and_the_credit_note_of_a_new_draft_stay(world: World) -> None:
    """In either order, and both at once: the old invoice would be a draft beside the new one."""
    one = world.customer("Anew both", world.time())
    one.log(world.who, "2026-02-03", 1)
    (invoice,) = one.bill(APRIL)
    one.post(invoice)
    new = one.reverse(invoice, "modify_moves")
    (refund,) = world.client.ids("account.move", [("reversed_entry_id", "=", invoice)])
    for some, said in (
        ([invoice], " corrects or reverses "),
        ([refund], " was handed over to "),
        ([invoice, refund], " was handed over to "),
        ([refund, invoice], " was handed over to "),
    ):
        with pytest.raises(RefusedError) as caught:
            world.client.button("account.move", "button_draft", some)
        assert said in plain(caught)
    assert {one.state(move) for move in (invoice, refund)} == {"posted"}
    world.client.delete("account.move", [new])
    world.client.button("account.move", "button_draft", [refund])
    world.client.delete("account.move", [refund])
    one.right(APRIL, "100.00")


# --- what is in force and not on record, or the other way round


def test_what_happened_before_this_version_is_said(world: World, odoo_server: Any) -> None:
    one = world.customer("Before", world.time("155.00"))
    one.log(world.who, "2026-02-03", 1)
    (invoice,) = one.bill(APRIL)
    one.post(invoice)
    world.price(one, "150.00")
    (correction,) = one.bill(APRIL, "--adjust")
    one.post(correction)
    counter = one.reverse(correction)
    one.post(counter)
    odoo_server.psql(
        world.odoo.database,
        f"UPDATE klausel_ledger SET state = 'live', cause = NULL WHERE move_id = {correction}",
    )
    names = ", ".join(one.name(move) for move in (invoice, correction, counter))
    assert one.differences(APRIL) == [f"{names}: documents; was 150.00, today 155.00"]
    (said,) = one.audited(APRIL)
    assert said == f"{names}: documents; was 150.00, today 155.00"
    assert one.klausel("audit", APRIL).code == 1
    shown = " ".join(one.klausel("preview", APRIL).out.split())
    assert "documents: what is in force is not what is on record" in shown


def test_documents_of_an_archived_contract_are_said(world: World, odoo_server: Any) -> None:
    """No run reads it any more, and its documents are in force all the same."""
    one = world.customer("Archived", world.time("155.00"))
    one.log(world.who, "2026-02-03", 2)
    (invoice,) = one.bill(APRIL)
    one.post(invoice)
    world.client.write("klausel.contract", [one.contract], active=False)
    # Buttons of the archived contract show what is on record.
    action = world.client.button("klausel.contract", "action_view_invoices", [one.contract])
    assert world.client.ids("account.move", action["domain"]) == [invoice]
    rows = world.client.button("klausel.contract", "action_view_ledger", [one.contract])
    there = world.client.find("klausel.ledger", rows["domain"], ["amount"])
    assert [Decimal(row["amount"]) for row in there if row["amount"]] == [Decimal(310)]
    audited = one.klausel("audit", APRIL)
    count = len(there)
    assert f"contract {one.code} is archived: {count} rows of it not compared" in audited.out
    assert f"{one.code}, " not in audited.out

    refund = one.reverse(invoice)
    one.post(refund)
    odoo_server.psql(
        world.odoo.database,
        f"UPDATE klausel_ledger SET state = 'live', cause = NULL WHERE move_id = {invoice}",
    )
    assert one.in_force() == Decimal("0.00")
    audited = one.klausel("audit", APRIL)
    names = ", ".join(one.name(move) for move in (invoice, refund))
    assert audited.code == 1
    assert (
        f"{one.code}, {names}: documents; was 310.00, today 0.00\n"
        "    its contract is archived: put the documents right, or bring the contract back\n"
    ) in audited.out


# --- tax and account (E11)


def test_a_refund_and_a_correction_are_taxed_as_what_they_correct(world: World) -> None:
    client = world.client
    old, new = (
        client.create_one("account.tax", name=f"{rate} %", amount=rate, type_tax_use="sale")
        for rate in (19, 7)
    )
    product = scene.service(client, "Annual care", taxes_id=[(6, 0, [old])])
    terms = [
        Term("W", "maintenance-annual", product, {"price": "100.00"}),
        Term("S", "service-quarterly", product, {"price": "155.00"}, takes="service"),
    ]
    one = world.customer("Taxed", *terms)
    one.log(world.who, "2026-02-03", 1)
    first = one.bill(JANUARY)
    first += one.bill(APRIL)
    one.post(*first)
    client.write("product.product", [product], taxes_id=[(6, 0, [new])])
    export = client.create_one("account.fiscal.position", name="Export", tax_ids=[(6, 0, [])])
    client.write("res.partner", [one.customer], property_account_position_id=export, vat="")
    client.write("klausel.contract", [one.contract], date_end="2026-08-31")
    (id_,) = client.ids(
        "klausel.parameter",
        [("term_id.contract_id", "=", one.contract), ("value", "=", "155.00")],
    )
    # The fee: 1,200.00 with 19 %, and three of the last four months are given back.
    (credit,) = one.bill("2026-09-01")
    fields = ["amount_untaxed", "amount_tax", "fiscal_position_id"]
    (row,) = client.find("account.move", [("id", "=", credit)], fields)
    assert (row["amount_untaxed"], row["amount_tax"]) == (300.0, 57.0)
    assert row["fiscal_position_id"] is False
    for price, tax in (("150.00", -0.95), ("165.00", 2.85)):
        client.write("klausel.parameter", [id_], value=price)
        moves = one.bill("2026-09-01", "--adjust")
        rows = client.find("account.move", [("id", "in", moves)], [*fields, "move_type"])
        taxes = [
            -row["amount_tax"] if row["move_type"] == "out_refund" else row["amount_tax"]
            for row in rows
        ]
        assert (price, round(sum(taxes), 2)) == (price, tax)
        assert {row["fiscal_position_id"] for row in rows} == {False}
        one.post(*moves)
    accounts = {
        row["account_id"]
        for row in client.find(
            "account.move.line",
            [("partner_id", "=", one.customer), ("display_type", "=", "product")],
            ["account_id"],
        )
    }
    assert len(accounts) == 1


# --- merging contacts (E2)


def merge(client: WebClient, kept: int, *others: int) -> None:
    """What "Merge" in the list of contacts does."""
    ids = [kept, *others]
    context = {"active_model": "res.partner", "active_ids": ids}
    wizard = "base.partner.merge.automatic.wizard"
    (saved,) = client.create(wizard, [{"dst_partner_id": kept}], **context)
    client.button(wizard, "action_merge", [saved], **context)
    assert client.ids("res.partner", [("id", "in", list(others))]) == []


def test_a_customer_with_a_contract_is_merged(world: World) -> None:
    one = world.customer("Merged", world.time())
    one.log(world.who, "2026-02-03", 1)
    one.post(*one.bill(APRIL))
    kept = world.client.create_one("res.partner", name="Kept", is_company=True)
    merge(world.client, kept, one.customer)
    one.customer = kept
    one.right(APRIL, "100.00")
    one.log(world.who, "2026-05-05", 2)
    one.bill(JULY)
    one.right(JULY, "300.00")


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_customers_with_contracts_are_merged(world: World, kept: int) -> None:
    ones = [world.customer(f"Part {number} of {kept}", world.time()) for number in range(3)]
    client = world.client
    for number, one in enumerate(ones, start=1):
        client.write(
            "klausel.contract", [one.contract], covers="project",
            project_ids=[(6, 0, [one.project])],
        )  # fmt: skip
        entry = one.log(world.who, "2026-02-03", number)
        free = one.log(world.who, "2026-02-04", 1)
        client.create_one(
            "klausel.override", entry_id=free, disposition="written_off", reason="Goodwill"
        )
        if number < 3:
            one.post(*one.bill(APRIL))
        assert entry
    # The third one was previewed, and not billed.
    target = ones[kept]
    merge(world.client, target.customer, *(one.customer for one in ones if one is not target))
    for one in ones:
        one.customer = target.customer
    rows = client.find(
        "klausel.ledger", [("contract_id", "in", [one.contract for one in ones])], ["partner_id"]
    )
    assert {row["partner_id"] for row in rows} == {target.customer}
    decisions = client.find(
        "klausel.override", [("partner_id", "=", target.customer)], ["partner_id", "state"]
    )
    assert len(decisions) == 3
    assert target.in_force() == Decimal("300.00")
    (draft,) = target.bill(APRIL)
    assert draft
    target.right(APRIL, "600.00")
    world.price(ones[0], "90.00")
    target.bill(APRIL, "--adjust")
    target.right(APRIL, "590.00")


def test_a_contact_below_is_merged_into_another_company(world: World) -> None:
    one = world.customer("Above", world.time())
    client = world.client
    contact = client.create_one("res.partner", name="Ada", parent_id=one.customer)
    client.write("klausel.contract", [one.contract], partner_id=contact)
    one.log(world.who, "2026-02-03", 1)
    one.post(*one.bill(APRIL))
    other = client.create_one("res.partner", name="Ada too", parent_id=one.customer)
    merge(world.client, other, contact)
    one.right(APRIL, "100.00")


def test_whoever_may_merge_contacts_merges_customers(world: World) -> None:
    """Without any right to contracts or invoices."""
    one = world.customer("Clerks", world.time())
    client = world.client
    one.log(world.who, "2026-02-03", 1)
    one.post(*one.bill(APRIL))
    kept = client.create_one("res.partner", name="Clerks kept", is_company=True)
    client.write("res.partner", [kept, one.customer], email="clerks@example.com")
    groups = [client.ref("base.group_user"), client.ref("base.group_partner_manager")]
    client.create_one(
        "res.users", name="Clerk", login="clerk", password="clerk-clerk",
        group_ids=[(6, 0, groups)],
    )  # fmt: skip
    with WebClient(world.odoo, "clerk", "clerk-clerk") as clerk:
        assert clerk.company == client.company
        merge(clerk, kept, one.customer)
    assert client.ids("res.partner", [("id", "=", one.customer)]) == []
    one.customer = kept
    one.right(APRIL, "100.00")


def test_who_has_a_contact_that_has_the_contract_is_merged(world: World) -> None:
    one = world.customer("Child", world.time())
    client = world.client
    client.write("res.partner", [one.customer], is_company=False)
    contact = client.create_one("res.partner", name="Bea", parent_id=one.customer)
    client.write("klausel.contract", [one.contract], partner_id=contact)
    one.log(world.who, "2026-02-03", 1)
    one.post(*one.bill(APRIL))
    top = client.create_one("res.partner", name="Top", is_company=True)
    kept = client.create_one("res.partner", name="Below Top", parent_id=top)
    merge(world.client, kept, one.customer)
    rows = client.find("klausel.ledger", [("contract_id", "=", one.contract)], ["partner_id"])
    assert {row["partner_id"] for row in rows} == {top}
    world.price(one, "90.00")
    one.customer = top
    said = one.klausel("bill", APRIL, "--yes", "--adjust")
    assert (said.code, said.err) == (0, ""), said
    assert "1 draft written" in said.out


# --- timesheets of 0 h (E10)


def test_a_timesheet_without_time_that_is_raised_shows_its_invoice(world: World) -> None:
    one = world.customer("Nil", world.time())
    client = world.client
    entry = one.log(world.who, "2026-02-03", 0)
    assert one.bill(APRIL) == []
    client.write("account.analytic.line", [entry], unit_amount=0.5)
    (invoice,) = one.bill(APRIL, "--adjust")
    (row,) = client.find("account.analytic.line", [("id", "=", entry)], ["timesheet_invoice_id"])
    assert row["timesheet_invoice_id"] == invoice
    one.right(APRIL, "50.00")
    # Deleted, it is open again with all that it was about.
    client.delete("account.move", [invoice])
    assert one.in_force() == 0
    one.bill(APRIL, "--adjust")
    one.right(APRIL, "50.00")


def test_a_timesheet_without_time_shows_its_invoice(world: World) -> None:
    one = world.customer("Zero", world.time())
    client = world.client
    entries = [one.log(world.who, "2026-02-03", hours) for hours in (0, 1, 0, 0)]
    (decision,) = client.create(
        "klausel.override",
        [{"entry_id": entries[3], "disposition": "written_off", "reason": "Goodwill"}],
    )
    (invoice,) = one.bill(APRIL)
    one.right(APRIL, "100.00")

    def shown() -> list[int]:
        rows = client.find(
            "account.analytic.line", [("id", "in", entries)], ["timesheet_invoice_id"]
        )
        return [row["timesheet_invoice_id"] for row in rows]

    assert shown() == [invoice, invoice, invoice, False]
    # Raised, it stays with the invoice that has it.
    client.write("account.analytic.line", [entries[0]], unit_amount=0.5)
    one.bill(APRIL, "--adjust")
    assert shown() == [invoice, invoice, invoice, False]
    one.right(APRIL, "150.00")
    # Not written off any more, it is billed by a correction and by nothing else.
    wizard = client.create_one(
        "klausel.decide", entry_ids=[(6, 0, [entries[3]])], disposition="rules", reason="No"
    )
    client.button("klausel.decide", "action_decide", [wizard])
    client.write("account.analytic.line", [entries[3]], unit_amount=0.25)
    assert decision
    (correction,) = one.bill(APRIL, "--adjust")
    assert shown() == [invoice, invoice, invoice, correction]
    one.right(APRIL, "175.00")
    client.delete("account.move", [correction])
    assert shown() == [invoice, invoice, invoice, False]

"""What people do to invoices in Odoo, and exactly what the next run bills because of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import pytest

from klausel.result import Difference, Draft, Result
from klausel_run.preview import Options, preview

from . import scene
from .scene import Log, OnRecord, Term
from .server import Odoo
from .webclient import RefusedError, WebClient

pytestmark = pytest.mark.odoo

AS_OF = date(2026, 4, 1)
#: One customer for each test, all billed by one run.
CASES = (
    "draft deleted", "line deleted", "fee deleted", "draft cancelled", "posted cancelled",
    "reset to draft", "duplicated", "refunded", "partly refunded", "refunded in two",
    "reversed and created", "edited", "posted",
)  # fmt: skip


class Line(NamedTuple):
    """What counts of a line of a preview."""

    key: str
    quantity: Decimal
    price: Decimal
    amount: Decimal
    text: str
    entries: tuple[str, ...]


def lines(drafts: Iterable[Draft]) -> list[Line]:
    return [
        Line(
            str(line.key), line.quantity, line.unit_price, line.amount, line.description,
            tuple(share.entry for share in line.entries),
        )
        for draft in drafts
        for line in draft.lines
    ]  # fmt: skip


class Scene:
    """A customer whose fee and time of two projects were billed; one entry was included."""

    def __init__(self, odoo: Odoo, client: WebClient, customer: int, contract: int) -> None:
        self._odoo = odoo
        self.client = client
        self.customer = customer
        self.contract = contract

    def remember(self) -> None:
        """Takes down what the first run billed."""
        self.before = self.live()
        self.entries = {row.entry for row in self.before if row.entry}
        (self.move,) = {row.move for row in self.before if row.move}
        self.fee, self.shop, self.site = (line.key for line in self.billed)

    billed: list[Line]

    def live(self) -> set[OnRecord]:
        return set(scene.ledger(self.client, [self.contract]))

    def parts(self) -> set[tuple[str, str]]:
        return {(row.key, row.entry) for row in self.live()}

    def opened(self) -> set[tuple[str, str]]:
        """Parts that the first run settled and that are open now."""
        return {(row.key, row.entry) for row in self.before} - self.parts()

    def causes(self) -> set[str]:
        domain = [("contract_id", "=", self.contract), ("state", "=", "released")]
        return {row["cause"] for row in self.client.find("klausel.ledger", domain, ["cause"])}

    def of(self, *keys: str) -> set[tuple[str, str]]:
        """The parts of these lines, and what closes the periods that they are of."""
        places = {key.rsplit("/", 1)[0] for key in keys}
        return {(row.key, row.entry) for row in self.before if row.key in {*keys, *places}}

    def line(self, key: str) -> int:
        """The id of the invoice line with this key."""
        (found,) = {row.line for row in self.live() if row.key == key and row.line}
        return found

    def preview(self) -> Result:
        erp = scene.source(self._odoo)
        return preview(erp, Options(AS_OF, customers=[str(self.customer)], record=True))

    def bill(self) -> None:
        said = scene.klausel(
            self._odoo, "bill", "--yes", "--as-of", str(AS_OF), "--customer", str(self.customer)
        )
        assert (said.code, said.err) == (0, ""), said

    def untouched(self) -> None:
        """Nothing is open and nothing would be billed or differs."""
        assert self.opened() == set()
        assert self.parts() == {(row.key, row.entry) for row in self.before}
        result = self.preview()
        assert lines(result.drafts) == []
        assert not result.settlements
        assert not result.differences

    def bills_again(self, keys: Sequence[str]) -> int:
        """The next run bills exactly these lines, the one after it nothing; the new draft's id."""
        result = self.preview()
        expected = [line for line in self.billed if line.key in keys]
        assert lines(result.drafts) == expected
        assert not result.differences
        known = {row.move for row in self.live()}
        self.bill()
        assert self.opened() == set()
        rows = [row for row in self.live() if row.key in keys]
        (move,) = {row.move for row in rows}
        assert move not in known
        assert {(row.key, row.entry) for row in rows} == {
            (row.key, row.entry) for row in self.before if row.key in keys
        }
        places = {row.key: row.line for row in rows if not row.entry}
        fields = ["name", "quantity", "price_unit", "price_subtotal"]
        for line in expected:
            domain = [("id", "=", places[line.key])]
            (found,) = self.client.find("account.move.line", domain, fields)
            numbers = ("quantity", "price_unit", "price_subtotal")
            assert tuple(scene.number(found[name]) for name in numbers) == (
                line.quantity, line.price, line.amount,
            )  # fmt: skip
            # Marks are of a draft: alone on one a line has none.
            assert re.sub(r"( \[\d+\])+$", "", found["name"]) == line.text
        (total,) = self.client.find("account.move", [("id", "=", move)], ["amount_untaxed"])
        assert scene.number(total["amount_untaxed"]) == sum(line.amount for line in expected)
        again = self.preview()
        assert not again.drafts
        assert not again.settlements
        return move

    # --- what people click

    def post(self, move: int = 0) -> None:
        self.client.button("account.move", "action_post", [move or self.move])

    def reverse(self, button: str, move: int = 0) -> int:
        """The dialog behind "Credit Note": the refund, or the new draft."""
        ids = [move or self.move]
        action = self.client.button("account.move", "action_reverse", ids)
        found = self.client.dialog(action, button, "account.move", ids)
        return int(found["res_id"])

    def drop_lines(self, move: int, *prices: float) -> None:
        """Deletes lines with these prices in the form of a draft."""
        rows = self.client.find(
            "account.move.line",
            [("move_id", "=", move), ("display_type", "=", "product")],
            ["price_unit", "quantity"],
        )
        doomed = [row["id"] for row in rows if row["price_unit"] * row["quantity"] in prices]
        assert len(doomed) == len(prices)
        self.client.save("account.move", move, invoice_line_ids=[[2, id_, 0] for id_ in doomed])

    def state(self, move: int = 0) -> tuple[str, str]:
        domain = [("id", "=", move or self.move)]
        (row,) = self.client.find("account.move", domain, ["state", "payment_state"])
        return row["state"], row["payment_state"]


@pytest.fixture(scope="module")
def scenes(odoo: Odoo) -> dict[str, Scene]:
    """All customers, billed by one run of the command."""
    client = WebClient(odoo)
    usd = scene.currency(client, "USD")
    hours = scene.service(client, "Hours of care")
    who = scene.employee(client, "Bo")
    update = client.ref("klausel_billing.tag_update")
    found = {}
    for number, case in enumerate(CASES):
        customer = client.create_one("res.partner", name=f"Customer {case}", is_company=True)
        shop, site = (
            scene.project(client, customer, f"{name} {number}") for name in ("Shop", "Site")
        )
        (cart,) = scene.tickets(client, shop, customer, ["Cart"])
        (news,) = scene.tickets(client, site, customer, ["News"])
        (patch,) = scene.tickets(client, site, customer, ["Patch"], tag_ids=[(6, 0, [update])])
        scene.log(
            client, who,
            [
                Log(shop, cart, "2026-01-14", 2), Log(shop, cart, "2026-02-03", 1.5),
                Log(site, news, "2026-03-19", 0.75), Log(site, patch, "2026-03-20", 4),
            ],
        )  # fmt: skip
        terms = [
            Term("W", "maintenance-annual", hours, {"price": "49.00"}),
            Term("S", "service-quarterly", hours, {"price": "100.00"}, takes="service"),
        ]
        contract = scene.contract(client, customer, f"R-{number:02}", terms, "web-care", usd)
        found[case] = Scene(odoo, client, customer, contract)
    everything = preview(scene.source(odoo), Options(AS_OF, record=True))
    said = scene.klausel(odoo, "bill", "--yes", "--as-of", str(AS_OF))
    assert (said.code, said.err) == (0, ""), said
    for one in found.values():
        (draft,) = (d for d in everything.drafts if d.customer == str(one.customer))
        one.billed = lines([draft])
        one.remember()
        # Fee, three entries on two lines, one included entry; what closes the two periods.
        assert (len(one.billed), len(one.entries), len(one.before)) == (3, 4, 9)
    return found


def test_a_deleted_draft_opens_all_of_it(scenes: dict[str, Scene]) -> None:
    one = scenes["draft deleted"]
    one.client.delete("account.move", [one.move])
    assert one.opened() == one.of(one.fee, one.shop, one.site)
    assert one.causes() == {"deleted"}
    # What was included has no line: it stays settled.
    ((_, entry),) = one.parts()
    assert entry in one.entries
    one.bills_again([one.fee, one.shop, one.site])


def test_a_deleted_line_opens_its_time_alone(scenes: dict[str, Scene]) -> None:
    one = scenes["line deleted"]
    line = one.line(one.site)
    one.client.save("account.move", one.move, invoice_line_ids=[[2, line, 0]])
    assert one.opened() == one.of(one.site)
    assert len(one.of(one.site)) == 3
    assert one.causes() == {"deleted"}
    one.bills_again([one.site])


def test_a_deleted_fee_opens_its_period_alone(scenes: dict[str, Scene]) -> None:
    one = scenes["fee deleted"]
    one.client.save("account.move", one.move, invoice_line_ids=[[2, one.line(one.fee), 0]])
    assert one.opened() == one.of(one.fee)
    assert len(one.of(one.fee)) == 2
    one.bills_again([one.fee])


def test_a_cancelled_draft_opens_all_of_it(scenes: dict[str, Scene]) -> None:
    one = scenes["draft cancelled"]
    one.client.button("account.move", "button_cancel", [one.move])
    assert one.opened() == one.of(one.fee, one.shop, one.site)
    assert one.causes() == {"cancelled"}
    # Taken back at once, nothing was ever open.
    one.client.button("account.move", "button_draft", [one.move])
    one.untouched()
    one.client.button("account.move", "button_cancel", [one.move])
    new = one.bills_again([one.fee, one.shop, one.site])
    # Now its work stands on another draft.
    with pytest.raises(RefusedError) as caught:
        one.client.button("account.move", "button_draft", [one.move])
    assert str(caught.value) == (
        f"The work on Draft Invoice (ID {one.move}) is open again and was billed on"
        f" Draft Invoice (ID {new}) since: cancel or delete that first."
    )
    assert one.preview().drafts == ()


def test_a_cancelled_invoice_opens_all_of_it(scenes: dict[str, Scene]) -> None:
    one = scenes["posted cancelled"]
    one.post()
    one.client.button("account.move", "button_draft", [one.move])
    one.client.button("account.move", "button_cancel", [one.move])
    assert one.opened() == one.of(one.fee, one.shop, one.site)
    one.bills_again([one.fee, one.shop, one.site])


def test_posting_and_paying_open_nothing(scenes: dict[str, Scene]) -> None:
    one = scenes["posted"]
    one.post()
    one.untouched()
    action = one.client.button("account.move", "action_register_payment", [one.move])
    one.client.dialog(action, "action_create_payments", "account.move", [one.move])
    assert one.state() in {("posted", "paid"), ("posted", "in_payment")}
    one.untouched()


def test_reset_to_draft_opens_nothing(scenes: dict[str, Scene]) -> None:
    one = scenes["reset to draft"]
    one.post()
    one.client.button("account.move", "button_draft", [one.move])
    assert one.state() == ("draft", "not_paid")
    one.untouched()


def test_a_duplicate_opens_nothing(scenes: dict[str, Scene]) -> None:
    one = scenes["duplicated"]
    (copy,) = one.client.call("account.move", "copy", [one.move])
    one.untouched()
    one.client.delete("account.move", [copy])
    one.untouched()


def test_a_full_refund_opens_all_of_it_when_it_is_posted(scenes: dict[str, Scene]) -> None:
    one = scenes["refunded"]
    one.post()
    refund = one.reverse("refund_moves")
    one.untouched()
    one.post(refund)
    assert one.state() == ("posted", "reversed")
    assert one.opened() == one.of(one.fee, one.shop, one.site)
    assert one.causes() == {"reversed"}
    one.bills_again([one.fee, one.shop, one.site])


def test_a_partial_refund_opens_nothing(scenes: dict[str, Scene]) -> None:
    one = scenes["partly refunded"]
    one.post()
    refund = one.reverse("refund_moves")
    one.drop_lines(refund, 588.0, 350.0)
    one.post(refund)
    assert one.state() == ("posted", "partial")
    one.untouched()


def test_two_refunds_that_equal_the_invoice_open_all_of_it(scenes: dict[str, Scene]) -> None:
    one = scenes["refunded in two"]
    one.post()
    first = one.reverse("refund_moves")
    one.drop_lines(first, 588.0)
    one.post(first)
    assert one.state() == ("posted", "partial")
    one.untouched()
    second = one.reverse("refund_moves")
    one.drop_lines(second, 350.0, 75.0)
    one.post(second)
    assert one.state() == ("posted", "reversed")
    assert one.opened() == one.of(one.fee, one.shop, one.site)
    one.bills_again([one.fee, one.shop, one.site])


def test_reverse_and_create_moves_what_is_settled_to_the_new_draft(
    scenes: dict[str, Scene],
) -> None:
    one = scenes["reversed and created"]
    one.post()
    new = one.reverse("modify_moves")
    assert one.state() == ("posted", "reversed")
    assert one.state(new)[0] == "draft"
    one.untouched()
    assert {row.move for row in one.live() if row.move} == {new}
    # From here on the new draft is what counts.
    one.client.save("account.move", new, invoice_line_ids=[[2, one.line(one.shop), 0]])
    assert one.opened() == one.of(one.shop)
    one.bills_again([one.shop])


def test_a_line_edited_by_hand_is_a_difference_and_stays(
    odoo: Odoo, scenes: dict[str, Scene]
) -> None:
    one = scenes["edited"]
    line = one.line(one.shop)

    def edit(quantity: float) -> None:
        values = [[1, line, {"quantity": quantity}]]
        one.client.save("account.move", one.move, invoice_line_ids=values)

    # Another text is no matter of money.
    one.client.save("account.move", one.move, invoice_line_ids=[[1, line, {"name": "Care"}]])
    one.untouched()
    edit(2)
    assert one.opened() == set()
    result = one.preview()
    assert result.drafts == ()
    code = one.shop.partition("/")[0]
    assert result.differences == (Difference(code, one.shop, "", "edited", "350.00", "200.00"),)
    one.bill()
    (row,) = one.client.find("account.move.line", [("id", "=", line)], ["quantity", "name"])
    assert row == {"id": line, "quantity": 2.0, "name": "Care"}
    shown = scene.klausel(odoo, "preview", "--as-of", str(AS_OF), "--customer", str(one.customer))
    assert "the invoice line was changed by hand" in shown.out
    audit = scene.klausel(odoo, "audit", "--as-of", str(AS_OF))
    assert audit.code == 1
    assert f"  {one.shop}: edited; was 350.00, today 200.00\n" in audit.out
    edit(3.5)
    one.untouched()


def test_at_the_end_nothing_is_open(odoo: Odoo, scenes: dict[str, Scene]) -> None:
    """After all of it: every customer is settled, and on record is what a run would bill."""
    again = scene.klausel(odoo, "bill", "--yes", "--as-of", str(AS_OF))
    assert (again.code, again.out.splitlines()[-1]) == (0, "Nothing new to write.")
    audit = scene.klausel(odoo, "audit", "--as-of", str(AS_OF))
    assert (audit.code, audit.out.splitlines()[-1][-14:]) == (0, " 0 differences")

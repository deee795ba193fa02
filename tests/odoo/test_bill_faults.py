"""What can be wrong when drafts are written: one sentence each, the other customers billed."""

from __future__ import annotations

import dataclasses
import re
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import cli

from .customers import (
    FEE,
    HOURS,
    MONTH,
    POLICIES,
    RATE,
    Asked,
    Party,
    arguments,
    drafts,
    empty,
    on_record,
    populate,
    settled,
)  # fmt: skip
from .proxy import cutting
from .rpc import Refusal, Rpc
from .server import Odoo, Server

pytestmark = pytest.mark.odoo

FEBRUARY, MARCH = "2024-02-01", "2024-03-01"
#: What everybody owes on 1 February: two fees in advance, the time of January.
DUE = FEE + MONTH
SECONDS = int(sum(HOURS) * 3600)


class Setting(NamedTuple):
    server: Server
    odoo: Odoo
    rpc: Rpc
    parties: dict[str, Party]

    def entries(self, code: str) -> list[int]:
        """Timesheets of a customer's project, oldest first."""
        domain = [("project_id", "=", self.parties[code].project)]
        found = self.rpc.call("account.analytic.line", "search", domain, order="date, id")
        return list(found)

    def terms(self, code: str) -> list[int]:
        domain = [("contract_id", "=", self.parties[code].contract)]
        return list(self.rpc.call("klausel.term", "search", domain, order="priority"))


class Fault(NamedTuple):
    """How a customer is spoilt and mended again, and what ``bill`` says of it."""

    spoil: Callable[[Setting, Party], Any]
    mend: Callable[[Setting, Party], Any]
    said: str
    hint: str
    """``{id}`` and so on are the party's ids."""
    due: Decimal = DUE
    """What is owed after mending."""
    seconds: int = SECONDS


def write(model: str, field: str, **values: Any) -> Callable[[Setting, Party], Any]:
    """Writes ``values`` on the party's record of ``model``."""

    def change(setting: Setting, party: Party) -> None:
        setting.rpc.call(model, "write", [getattr(party, field)], values)

    return change


def nothing(setting: Setting, party: Party) -> None:
    """The fault is a fact: the next run reads it."""


# --- wrong before the preview ---------------------------------------------------------------------


def no_income_account(setting: Setting, party: Party) -> None:
    archived = setting.rpc.call(
        "account.account", "create",
        [{"name": "Gone", "code": "499999", "account_type": "income", "active": False}],
    )  # fmt: skip
    values = {"property_account_income_id": archived[0]}
    setting.rpc.call("product.product", "write", [party.product], values)


def included_tax(setting: Setting, party: Party) -> None:
    (tax,) = setting.rpc.call(
        "account.tax", "create",
        [{"name": "19% brutto", "amount": 19, "price_include_override": "tax_included"}],
    )  # fmt: skip
    setting.rpc.call("product.product", "write", [party.product], {"taxes_id": [(6, 0, [tax])]})


def product_of_the_fee(product: Callable[[Party], int | bool]) -> Callable[[Setting, Party], Any]:
    def change(setting: Setting, party: Party) -> None:
        values = {"product_id": product(party)}
        setting.rpc.call("klausel.term", "write", setting.terms(party.code)[:1], values)

    return change


def currency(name: str) -> Callable[[Setting, Party], Any]:
    def change(setting: Setting, party: Party) -> None:
        currencies = setting.rpc.call(
            "res.currency", "search", [("name", "=", name)], context={"active_test": False}
        )
        values = {"currency_id": currencies[0]}
        setting.rpc.call("klausel.contract", "write", [party.contract], values)

    return change


# --- changed between preview and answer -----------------------------------------------------------


def edited(setting: Setting, party: Party) -> None:
    entry = setting.entries(party.code)[0]
    setting.rpc.call("account.analytic.line", "write", [entry], {"unit_amount": 2.5})


def moved(setting: Setting, party: Party) -> None:
    entry = setting.entries(party.code)[1]
    values = {"project_id": setting.parties["FINE"].project, "partner_id": False}
    setting.rpc.call("account.analytic.line", "write", [entry], values)


def deleted(setting: Setting, party: Party) -> None:
    entry = setting.entries(party.code)[1]
    setting.rpc.call("account.analytic.line", "unlink", [entry])


def dearer(setting: Setting, party: Party) -> None:
    domain = [("term_id", "=", setting.terms(party.code)[0])]
    prices = setting.rpc.call("klausel.parameter", "search", domain)
    setting.rpc.call("klausel.parameter", "write", prices, {"value": "12.00"})


def reported_wrong(setting: Setting, party: Party) -> None:
    """A rule of somebody else's in Odoo, such as a constraint of another addon."""
    setting.server.psql(
        setting.odoo.database,
        "ALTER TABLE account_move ADD CONSTRAINT somebody_elses CHECK"
        f" (partner_id <> {party.customer})",
    )


def reported_right(setting: Setting, party: Party) -> None:
    drop = "ALTER TABLE account_move DROP CONSTRAINT somebody_elses"
    setting.server.psql(setting.odoo.database, drop)


BEFORE = {
    "ACCOUNT": Fault(
        no_income_account,
        write("product.product", "product", property_account_income_id=False),
        "Product Care for Shop ACCOUNT has no income account, nor have its category and the"
        " journal.",
        "set the income account of the product or its category, then run it again",
    ),
    "TAX": Fault(
        included_tax,
        write("product.product", "product", taxes_id=[(5,)]),
        "Prices of contract TAX are net, but tax 19% brutto of product Care for Shop TAX is"
        " included in the price.",
        "give the product a tax that is not included in the price, then run it again",
    ),
    "ARCHIVED": Fault(
        write("product.product", "product", active=False),
        write("product.product", "product", active=True),
        "Product Care for Shop ARCHIVED of contract ARCHIVED is archived.",
        "give the term of the contract an active product, then run it again",
    ),
    "MISSING": Fault(
        product_of_the_fee(lambda party: False),
        product_of_the_fee(lambda party: party.product),
        "“Device care, January 2024” of contract MISSING has no product: name one in its term.",
        "give the term of the contract an active product, then run it again",
    ),
    "GONE": Fault(
        write("res.partner", "customer", active=False),
        write("res.partner", "customer", active=True),
        "Customer Shop GONE is archived.",
        "unarchive the customer, or end its contracts, then run it again",
    ),
    "MONEY": Fault(
        currency("TND"),
        currency("USD"),
        "Currency TND is not active in Odoo: activate it.",
        "put that right in Odoo, then run it again",
    ),
    "ODOO": Fault(
        reported_wrong,
        reported_right,
        'Odoo says: The operation cannot be completed: new row for relation "account_move" violates'
        ' check constraint "somebody_elses"',
        "put that right in Odoo, then run it again",
    ),
}

BETWEEN = {
    "EDITED": Fault(
        edited, nothing,
        "Timesheet {first} of 2024-01-06, “Help”, has changed since it was read.",
        "run it again",
        DUE + RATE, SECONDS + 3600,
    ),
    "MOVED": Fault(
        moved, nothing,
        "Timesheet {second} of 2024-01-07, “Help”, has changed since it was read.",
        "run it again",
        DUE - RATE / 2, SECONDS - 1800,
    ),
    "DELETED": Fault(
        deleted, nothing,
        "Timesheet {second} is no longer there.",
        "run it again",
        DUE - RATE / 2, SECONDS - 1800,
    ),
    "CONTRACT": Fault(
        dearer, nothing,
        "Contracts, approvals, decisions or invoices of Shop CONTRACT have changed since they"
        " were read.",
        "run it again",
        DUE + 4,
    ),
}  # fmt: skip
FAULTS = {**BEFORE, **BETWEEN}
FINE = ("FINE", "OTHER")


class Run(NamedTuple):
    code: int
    said: str
    errors: str
    drafts: dict[str, list[Decimal]]
    settled: dict[str, int]
    wrong: dict[str, int]


def run_of(setting: Setting, code: int, said: str, errors: str) -> Run:
    found = setting.server, setting.odoo
    made, bad = on_record(*found)
    return Run(code, said, errors, made, settled(*found), bad)


def bill(setting: Setting, day: str, capsys: pytest.CaptureFixture[str], **more: Any) -> Run:
    """The whole command in this process."""
    capsys.readouterr()
    code = cli.run(arguments(setting.odoo, day, **more))
    return run_of(setting, code, *capsys.readouterr())


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KLAUSEL_ODOO_PASSWORD", "admin")


@pytest.fixture(scope="module")
def setting(odoo_server: Server, odoo: Odoo) -> Setting:
    empty(odoo_server, odoo)
    parties = populate(odoo_server, odoo, [*FAULTS, *FINE], months=3)
    return Setting(odoo_server, odoo, Rpc(odoo), parties)


@pytest.fixture(scope="module")
def ids(setting: Setting) -> dict[str, dict[str, int]]:
    return {
        code: dict(zip(("first", "second"), setting.entries(code), strict=False))
        for code in setting.parties
    }


@pytest.fixture(scope="module")
def spoilt(setting: Setting, ids: dict[str, dict[str, int]]) -> Run:
    """Everything is wrong with somebody; a person runs ``bill``, looks, and says yes."""
    for code, fault in BEFORE.items():
        fault.spoil(setting, setting.parties[code])
    asked = Asked(setting.odoo, FEBRUARY)
    assert drafts(setting.server, setting.odoo) == {}
    for code, fault in BETWEEN.items():
        fault.spoil(setting, setting.parties[code])
    asked.answer()
    return run_of(setting, *asked.end())


@pytest.mark.parametrize("code", FAULTS)
def test_a_refused_customer_says_why(
    code: str, setting: Setting, spoilt: Run, ids: dict[str, dict[str, int]]
) -> None:
    fault, party = FAULTS[code], setting.parties[code]
    said = fault.said.format(**ids[code])
    assert spoilt.said.count(f"{party.name} (") == 1
    assert f"{party.name} ({party.customer}) was refused: {said}\n    {fault.hint}\n" in spoilt.said
    assert party.name not in spoilt.drafts
    assert party.name not in spoilt.settled


def test_the_others_are_billed(spoilt: Run) -> None:
    assert spoilt.code == 1
    assert spoilt.errors == ""
    assert "\n2 drafts written, 2 customers settled.\n" in f"\n{spoilt.said}"
    assert len(re.findall(r" was refused: ", spoilt.said)) == len(FAULTS)
    assert spoilt.drafts == {f"Shop {code}": [DUE] for code in FINE}
    assert spoilt.settled == {f"Shop {code}": SECONDS for code in FINE}
    assert not spoilt.wrong


@pytest.fixture(scope="module")
def mended(setting: Setting, spoilt: Run) -> Run:
    for code, fault in FAULTS.items():
        fault.mend(setting, setting.parties[code])
    asked = Asked(setting.odoo, FEBRUARY)
    asked.answer()
    return run_of(setting, *asked.end())


def test_after_mending_exactly_what_was_missing_is_billed(mended: Run, spoilt: Run) -> None:
    assert mended.errors == ""
    assert mended.code == 0
    expected = {f"Shop {code}": [fault.due] for code, fault in FAULTS.items()}
    # What was moved to another customer's project is late there: its January was billed.
    expected |= {"Shop FINE": [DUE, RATE / 2], "Shop OTHER": [DUE]}
    assert mended.drafts == expected
    seconds = {f"Shop {code}": fault.seconds for code, fault in FAULTS.items()}
    seconds |= {"Shop FINE": SECONDS + 1800, "Shop OTHER": SECONDS}
    assert mended.settled == seconds
    assert not mended.wrong


def test_nothing_is_left_then(
    setting: Setting, mended: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    again = bill(setting, FEBRUARY, capsys)
    assert again.code == 0
    assert again.said.endswith("\nNothing new to write.\n")
    assert again.drafts == mended.drafts


# --- wrong for everybody --------------------------------------------------------------------------


class Calm(NamedTuple):
    """Three customers, of whom nothing is wrong; every test bills a month more."""

    setting: Setting
    months: Iterator[str]

    @property
    def odoo(self) -> Odoo:
        return self.setting.odoo

    def bill(self, day: str, capsys: pytest.CaptureFixture[str], **more: Any) -> Run:
        return bill(self.setting, day, capsys, **more)

    def found(self) -> tuple[dict[str, list[Decimal]], dict[str, int]]:
        return on_record(self.setting.server, self.odoo)


THREE = ("ONE", "TWO", "THREE")


@pytest.fixture(scope="module")
def calm(odoo_server: Server) -> Iterator[Calm]:
    odoo = odoo_server.clone()
    empty(odoo_server, odoo)
    parties = populate(odoo_server, odoo, THREE, months=12)
    setting = Setting(odoo_server, odoo, Rpc(odoo), parties)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KLAUSEL_ODOO_PASSWORD", odoo.password)
        assert cli.run(arguments(odoo, "2024-01-01")) == 0
    yield Calm(setting, (f"2024-{month:02}-01" for month in range(2, 13)))
    odoo_server.drop(odoo.database)


def more(before: dict[str, list[Decimal]], *codes: str) -> dict[str, list[Decimal]]:
    """The drafts, with a month more for each customer named."""
    ours = {f"Shop {code}" for code in codes}
    return {name: [*had, MONTH] if name in ours else had for name, had in before.items()}


def refused(calm: Calm, message: str, hint: str, codes: Iterable[str] = THREE) -> str:
    return "".join(
        f"{party.name} ({party.customer}) was refused: {message}\n    {hint}\n"
        for party in (calm.setting.parties[code] for code in codes)
    )


def test_locked_books_take_no_drafts_that_cannot_be_posted(
    calm: Calm, capsys: pytest.CaptureFixture[str]
) -> None:
    """An invoice gets its date when it is posted: what counts is whether today is locked."""
    day = next(calm.months)
    rpc, server = calm.setting.rpc, calm.setting.server
    ((today, month),) = server.psql(
        calm.odoo.database, "SELECT current_date, date_trunc('month', current_date)::date - 1"
    )
    before, _ = calm.found()
    rpc.call("res.company", "write", [1], {"sale_lock_date": today})
    locked = calm.bill(day, capsys)
    assert locked.code == 1
    assert locked.said.endswith(
        "0 drafts written, 0 customers settled.\n"
        + refused(
            calm,
            f"The books of YourCompany are locked up to {today}: an invoice of {today} cannot be"
            " posted.",
            "have the lock date changed, or run it again after it",
        )
    )
    assert (locked.drafts, locked.wrong) == (before, {})
    # That is so: Odoo would not post it.
    (some,) = rpc.call("account.move", "search", [("klausel_run_id", "!=", False)], limit=1)
    with pytest.raises(Refusal) as caught:
        rpc.call("account.move", "action_post", [some])
    assert "lock date" in caught.value.message.lower()

    # The period of the work is locked, today is not: as it is every month.
    rpc.call("res.company", "write", [1], {"sale_lock_date": month})
    again = calm.bill(day, capsys)
    assert again.code == 0
    assert (again.drafts, again.wrong) == (more(before, *THREE), {})
    newest = rpc.call(
        "account.move", "search", [("klausel_run_id", "!=", False)], order="id desc", limit=1
    )
    rpc.call("account.move", "action_post", newest)


def test_a_policy_changed_since_the_preview(
    calm: Calm, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    day, policies = next(calm.months), tmp_path / "policies"
    shutil.copytree(POLICIES, policies)
    before, _ = calm.found()
    asked = Asked(calm.odoo, day, policies)
    path = policies / "it-support" / "policy.yaml"
    path.write_text(path.read_text("utf-8").replace("advance", "arrears"), "utf-8")
    asked.answer()
    code, said, errors = asked.end()
    assert (code, errors) == (1, "")
    assert said == "0 drafts written, 0 customers settled.\n" + refused(
        calm, "the policy was changed since it was read: it-support", "run it again"
    )
    assert calm.found() == (before, {})
    # What was shown is written as soon as the policy is what it was.
    again = calm.bill(day, capsys)
    assert (again.code, again.drafts, again.wrong) == (0, more(before, *THREE), {})


def test_the_same_run_twice_at_once(calm: Calm) -> None:
    day = next(calm.months)
    before, _ = calm.found()
    both = [Asked(calm.odoo, day), Asked(calm.odoo, day)]
    for asked in both:
        asked.answer()
    ends = [asked.end() for asked in both]
    assert [(code, errors) for code, _, errors in ends] == [(0, "")] * 2
    written = [re.findall(r"^(\d+) drafts? written", said) for _, said, _ in ends]
    assert sum(int(number) for (number,) in written) == len(THREE)
    elsewhere = re.compile(
        r"^(\d+) customers? (?:was|were) settled by the same run elsewhere at this time\.$",
        re.MULTILINE,
    )
    assert sum(int(n) for _, said, _ in ends for n in elsewhere.findall(said)) == len(THREE)
    assert calm.found() == (more(before, *THREE), {})


def test_the_answer_is_lost(calm: Calm, capsys: pytest.CaptureFixture[str]) -> None:
    """Odoo has written, nobody heard of it: the next run finds that and bills nothing twice."""
    day = next(calm.months)
    before, _ = calm.found()
    with cutting(calm.odoo, at=2) as proxy:
        cut = calm.bill(day, capsys, url=proxy.url)
    assert cut.code == 3
    assert re.search(r"\n1 draft written, 1 customer settled\.\n  http\S+\n$", cut.said)
    assert cut.errors == (
        f"error: {proxy.url} cannot be reached: the connection broke off;"
        " that was while writing Shop TWO\n"
        "    check the URL, the network and that Odoo is running\n"
        "    run the same again: what was written is found, only the rest is billed\n"
    )
    assert (cut.drafts, cut.wrong) == (more(before, "ONE", "TWO"), {})
    again = calm.bill(day, capsys)
    assert again.code == 0
    assert "\n1 draft written, 1 customer settled.\n" in again.said
    assert (again.drafts, again.wrong) == (more(before, *THREE), {})
    assert calm.bill(day, capsys).said.endswith("\nNothing new to write.\n")


def test_the_request_is_lost(calm: Calm, capsys: pytest.CaptureFixture[str]) -> None:
    day = next(calm.months)
    before, _ = calm.found()
    with cutting(calm.odoo, at=1, forward=False) as proxy:
        cut = calm.bill(day, capsys, url=proxy.url)
    assert cut.code == 3
    assert cut.said.endswith("\nNothing was written.\n")
    assert (cut.drafts, cut.wrong) == (before, {})
    again = calm.bill(day, capsys)
    assert (again.code, again.drafts, again.wrong) == (0, more(before, *THREE), {})


def test_ctrl_c_while_writing(calm: Calm, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what was written, and not that nothing was."""
    day = next(calm.months)
    before, _ = calm.found()
    with cutting(calm.odoo, at=2, hold=True) as proxy:
        asked = Asked(calm.odoo, day, url=proxy.url)
        asked.answer()
        assert proxy.reached.wait(60)
        asked.process.send_signal(signal.SIGINT)
        code, said, errors = asked.end()
    assert code == 130
    assert said.startswith("1 draft written, 1 customer settled.\n")
    assert errors == (
        "error: interrupted while writing Shop TWO\n"
        "    run the same again: what was written is found, only the rest is billed\n"
    )
    again = calm.bill(day, capsys)
    assert (again.code, again.drafts, again.wrong) == (0, more(before, *THREE), {})


def test_somebody_who_may_only_read(
    calm: Calm, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    day = next(calm.months)
    before, _ = calm.found()
    rpc = calm.setting.rpc
    names = ("klausel_billing.group_user", "account.group_account_invoice",
             "project.group_project_manager", "hr_timesheet.group_timesheet_manager")  # fmt: skip
    groups = [rpc.ref(name) for name in names]
    values = {"name": "Rita", "login": "rita", "password": "rita-1", "group_ids": [(6, 0, groups)]}
    rpc.call("res.users", "create", [values])
    monkeypatch.setenv("KLAUSEL_ODOO_PASSWORD", "rita-1")
    reader = dataclasses.replace(calm.odoo, login="rita", password="rita-1")
    capsys.readouterr()
    code = cli.run(arguments(reader, day))
    out, errors = capsys.readouterr()
    assert code == 3
    assert out.endswith("\nNothing was written.\n")
    assert errors == (
        "error: user rita may not write drafts; that was while writing Shop ONE\n"
        '    in Odoo, add the user to the group "Klausel / Connector"\n'
        "    run the same again: what was written is found, only the rest is billed\n"
    )
    assert calm.found() == (before, {})
    monkeypatch.setenv("KLAUSEL_ODOO_PASSWORD", calm.odoo.password)
    again = calm.bill(day, capsys)
    assert (again.code, again.drafts, again.wrong) == (0, more(before, *THREE), {})


def test_a_company_without_accounts(
    calm: Calm, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rpc = calm.setting.rpc
    (blank,) = rpc.call("res.company", "create", [{"name": "Blank Ltd"}])
    rpc.call("res.users", "write", [rpc.user], {"company_ids": [(4, blank)]})
    (party,) = populate(calm.setting.server, calm.odoo, ["BLANK"], company=blank).values()
    monkeypatch.setenv("KLAUSEL_ODOO_COMPANY", "Blank Ltd")
    before, _ = calm.found()
    run = calm.bill(FEBRUARY, capsys)
    assert run.code == 1
    assert run.said.endswith(
        "0 drafts written, 0 customers settled.\n"
        f"Shop BLANK ({party.customer}) was refused: Company Blank Ltd has no chart of accounts"
        " yet, or no sales journal: set up its accounting first.\n"
        "    put that right in Odoo, then run it again\n"
    )
    assert (run.drafts, run.wrong) == (before, {})
    rpc.call("account.chart.template", "try_loading", [], "generic_coa", blank)
    again = calm.bill(FEBRUARY, capsys)
    assert (again.code, again.errors) == (0, "")
    assert (again.drafts, again.wrong) == ({**before, "Shop BLANK": [DUE]}, {})

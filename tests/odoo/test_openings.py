"""``klausel openings`` on a real Odoo: what was billed by hand is never billed again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest

import cli
from klausel.model import Opening
from klausel_book import read_folder
from klausel_odoo import OdooSettings, OdooSource
from klausel_run.bill import write
from klausel_run.preview import Options, preview
from klausel_run.snapshot import snapshot

from .load import Loaded, load
from .server import Odoo

pytestmark = pytest.mark.odoo

JULY = date(2026, 7, 1)
HEADER = "contract,term,lot,date,hours,price,valid_until,billed_until\n"
NUMBERS = count(1)

FILES = {
    "customers.csv": "id,name\nc1,Mill\n",
    "projects.csv": "id,name,customer\np1,Mill's shop,c1\n",
    "employees.csv": "id,name\nu1,Bo\n",
    "entries.csv": (
        "id,date,employee,project,hours,text\n"
        "e1,2026-03-31,u1,p1,2,Last day billed by hand\n"
        "e2,2026-04-01,u1,p1,1.5,First day of ours\n"
        "e3,2026-06-15,u1,p1,1,June\n"
    ),
    "contracts.yaml": """
- code: M
  customer: c1
  currency: EUR
  start: 2025-06-01
  policy: mill
  terms:
    - {id: ahead, plan: ahead, takes: [], price: "120.00"}
    - {id: behind, plan: behind, takes: [], price: "50.00"}
    - {id: hours, plan: hours, price: "90.00"}
""",
    "policies/mill/policy.yaml": """
policy: mill
version: "1"
scope: {otherwise: {then: service, because: By the hour.}}
plans:
  ahead:
    title: Hosting
    components: [{fee: {per: month, every: 3 months, timing: advance, proration: daily}}]
  behind:
    title: Backup
    components: [{fee: {per: month, every: 1 month, timing: arrears, proration: daily}}]
  hours:
    title: Service
    components: [{time: {every: 1 month}}]
""",
}

#: Billed by hand: hosting to the end of the year, backup into April, hours to the end of March.
ROWS = (
    "{code},ahead,,2026-06-30,,,,2026-12-31\n"
    "{code},behind,,2026-04-15,,,,2026-04-15\n"
    "{code},hours,L0,2026-03-31,-1.25,90.15,2026-12-31,2026-03-31\n"
)


class World(NamedTuple):
    """One more Mill in the database that the tests of this module share."""

    odoo: Odoo
    loaded: Loaded
    policies: Path

    @property
    def code(self) -> str:
        return self.loaded.codes["M"]

    @property
    def customer(self) -> str:
        return self.loaded.id("customers", "c1")

    def options(self, login: str = "admin") -> list[str]:
        odoo = self.odoo
        return [
            "--url", odoo.url, "--database", odoo.database, "--login", login,
            "--policies", str(self.policies),
        ]  # fmt: skip

    def openings(self, *more: str, login: str = "admin", rows: str = ROWS) -> int:
        Path("go.csv").write_text(HEADER + rows.format(code=self.code), encoding="utf-8")
        arguments = ["openings", *self.options(login), "--from", "go.csv"]
        return cli.run([*arguments, "--as-of", "2026-07-01", *more])

    def source(self) -> OdooSource:
        odoo = self.odoo
        settings = OdooSettings.load(
            url=odoo.url, database=odoo.database, login=odoo.login, password=odoo.password,
            policies=self.policies,
        )  # fmt: skip
        return OdooSource(settings)

    def stored(self) -> list[dict[str, object]]:
        """The openings as Odoo has them, everything that a change would leave a trace in."""
        rpc = self.loaded.rpc
        domain = [("contract_id.code", "=", self.code)]
        fields = ["term_id", "lot", "date", "hours", "price", "own_price", "valid_until"]
        fields += ["billed_until", "write_date", "create_uid"]
        rows: list[dict[str, object]] = rpc.call(
            "klausel.opening", "search_read", domain, fields, order="id"
        )
        partner = [int(self.customer)]
        return [*rows, *rpc.call("res.partner", "read", partner, ["klausel_seq"])]

    def bill(self) -> list[tuple[str, str, str, list[str]]]:
        """Bills Mill; term, first day, amount and entries of every line that was written."""
        source = self.source()
        result = preview(source, Options(JULY, [self.customer], record=True))
        report = write(source, result)
        assert not report.refused
        written = [draft for done in report.applied for draft in done.drafts]
        moves = self.loaded.rpc.call(
            "account.move", "read", [int(w.id) for w in written], ["amount_untaxed"]
        )
        assert [Decimal(str(move["amount_untaxed"])) for move in moves] == [
            draft.total for draft in result.drafts
        ]
        return [
            (
                line.key.term,
                line.first.isoformat(),
                str(line.amount),
                [share.entry for share in line.entries],
            )
            for draft in result.drafts
            for line in draft.lines
        ]

    def log(self, day: str, hours: float) -> str:
        ids = self.loaded.ids
        values = {
            "date": day, "unit_amount": hours, "name": "Entered late",
            "project_id": ids["projects"]["p1"], "employee_id": ids["employees"]["u1"],
        }  # fmt: skip
        (id_,) = self.loaded.rpc.create("account.analytic.line", [values])
        return str(id_)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mill") / "book"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def world(
    odoo: Odoo, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KLAUSEL_ODOO_PASSWORD", odoo.password)
    loaded = load(odoo, read_folder(folder), f"-{next(NUMBERS)}")
    rpc = loaded.rpc
    ours = list(loaded.ids["contracts"].values())
    # The others' contracts follow policies that are not here.
    rpc.write(
        "klausel.contract", rpc.search("klausel.contract", ("id", "not in", ours)), active=False
    )
    yield World(odoo, loaded, folder / "policies")


def test_loads_them_and_a_second_time_changes_nothing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    before = world.stored()
    assert world.openings("--dry-run") == 0
    assert capsys.readouterr().out.endswith("Nothing was written: this was a dry run.\n")
    assert world.stored() == before

    assert world.openings("--yes") == 0
    assert capsys.readouterr().out.endswith("\n3 openings loaded.\n")
    after = world.stored()
    assert len(after) == len(before) + 3
    day, code = date(2026, 3, 31), world.code
    assert world.source().read(JULY).openings == (
        Opening(code, "ahead", "", date(2026, 6, 30), billed_until=date(2026, 12, 31)),
        Opening(code, "behind", "", date(2026, 4, 15), billed_until=date(2026, 4, 15)),
        Opening(code, "hours", "L0", day, -4500, Decimal("90.15"), date(2026, 12, 31), day),
    )

    for more in ((), ("--yes",), ("--replace", "--yes")):
        assert world.openings(*more) == 0
        assert capsys.readouterr().out.endswith(
            "3 there already, 0 new, 0 replaced.\nNothing to load.\n"
        )
    assert world.stored() == after


def test_the_book_says_and_bills_the_same_before_and_after(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    book = Path("book").absolute()
    snapshot(world.source(), JULY, book)
    previews = {
        "book": ["preview", "--book", str(book)],
        "odoo": ["preview", *world.options()],
    }

    def shown() -> dict[str, str]:
        """Without the places of warnings: lines of files in the one, records in the other."""
        found = {}
        more = ["--as-of", "2026-07-01", "--format", "json", "--customer", world.customer]
        for name, arguments in previews.items():
            assert cli.run([*arguments, *more]) == 0
            data = json.loads(capsys.readouterr().out)
            for problem in data["problems"]:
                del problem["file"], problem["line"], problem["column"]
            found[name] = json.dumps(data)
        return found

    before = shown()
    assert before["book"] == before["odoo"]
    total = Decimal(json.loads(before["odoo"])["drafts"][0]["total"])

    assert world.openings("--yes") == 0
    odoo_said = capsys.readouterr().out
    arguments = ["openings", "--book", str(book), "--from", "go.csv", "--as-of", "2026-07-01"]
    assert cli.run([*arguments, "--yes"]) == 0
    book_said = capsys.readouterr().out
    name = f"{world.odoo.url} (database {world.odoo.database})"
    assert odoo_said == book_said.replace(f"for {book},", f"for {name},")

    after = shown()
    assert after["book"] == after["odoo"]
    left = Decimal(json.loads(after["odoo"])["drafts"][0]["total"])
    # What the command has said: all of it, and what is left.
    assert f"{total:,} EUR" in odoo_said
    assert f"{left:,} EUR" in odoo_said
    # 25.00 of April, May and June; 1.5 h and 1 h.
    assert left == Decimal("125.00") + Decimal("225.00")

    # A snapshot of Odoo now has the openings, as the book that they were loaded into.
    snapshot(world.source(), JULY, Path("later"))
    assert read_folder(Path("later")).openings == read_folder(book).openings


def test_what_was_billed_by_hand_is_never_billed(world: World) -> None:
    assert world.openings("--yes") == 0
    ids = world.loaded.ids["entries"]
    assert world.bill() == [
        ("hours", "2026-04-01", "135.00", [str(ids["e2"])]),
        ("behind", "2026-04-16", "25.00", []),
        ("behind", "2026-05-01", "50.00", []),
        ("behind", "2026-06-01", "50.00", []),
        ("hours", "2026-06-01", "90.00", [str(ids["e3"])]),
    ]
    early, ours = world.log("2026-03-31", 3), world.log("2026-04-02", 0.5)
    assert world.bill() == [("hours", "2026-04-01", "45.00", [ours])]
    assert world.bill() == []
    (parts,) = (
        found.parts
        for found in preview(world.source(), Options(JULY, [world.customer])).entries
        if found.entry == early
    )
    assert [(part.disposition, part.rule, part.seconds) for part in parts] == [
        ("billed_elsewhere", "opening", 3 * 3600)
    ]


def test_another_value_takes_the_place_only_when_asked(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    first = "{code},hours,,2026-03-31,,,,2026-03-31\n"
    assert world.openings("--yes", rows=first) == 0
    before = world.stored()
    capsys.readouterr()
    other = "{code},hours,,2026-04-30,,,,2026-04-30\n{code},ahead,,2026-06-30,,,,2026-06-30\n"
    assert world.openings("--yes", rows=other) == 2
    assert capsys.readouterr() == (
        "",
        f"go.csv:2: error: {world.code}/hours has another opening already: of 2026-03-31, billed"
        " until 2026-03-31\n"
        "    add --replace to put this one in its place, or leave this row out\n",
    )
    assert world.stored() == before
    assert world.openings("--yes", "--replace", rows=other) == 0
    assert {(found.term, found.billed_until) for found in world.source().read(JULY).openings} == {
        ("hours", date(2026, 4, 30)),
        ("ahead", date(2026, 6, 30)),
    }
    world.bill()
    capsys.readouterr()
    assert world.openings("--yes", "--replace", rows=first) == 2
    assert capsys.readouterr().err == (
        f"go.csv:2: error: Klausel has billed {world.code}/hours already, first the period"
        " from 2026-05-01\n"
        "    an opening is loaded before the first bill: leave this row out, or cancel what was"
        " billed\n"
    )


def test_an_unknown_contract_is_to_be_added_in_odoo(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    before = world.stored()
    rows = ROWS + "Zoo 7,hours,,2026-03-31,,,,2026-03-31\n"
    assert world.openings("--yes", rows=rows) == 2
    assert capsys.readouterr() == (
        "",
        'go.csv:5: error: "contract": there is no contract "Zoo 7"\n'
        "    add it to Odoo or correct it here\n",
    )
    assert world.stored() == before


def test_only_a_billing_manager_may_load_them(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rpc = world.loaded.rpc
    groups = {
        name: rpc.call(
            "ir.model.data", "search_read",
            [("module", "=", "klausel_billing"), ("name", "=", f"group_{name}")], ["res_id"],
        )[0]["res_id"]
        for name in ("user", "connector", "manager")
    }  # fmt: skip

    def user(login: str, *names: str) -> int:
        values = {"name": login, "login": login, "password": "openings-password"}
        values |= {"group_ids": [(6, 0, [groups[name] for name in names])]}  # type: ignore[dict-item]
        return rpc.create("res.users", [values])[0]

    bot = f"bot-{world.code}"
    user(bot, "connector", "user")
    keeper = user(f"keeper-{world.code}", "connector", "manager")
    monkeypatch.setenv("KLAUSEL_ODOO_PASSWORD", "openings-password")
    before = world.stored()
    assert world.openings("--dry-run", login=bot) == 0
    capsys.readouterr()
    assert world.openings("--yes", login=bot) == 3
    assert capsys.readouterr().err == (
        f"error: user {bot} may not load opening balances\n"
        '    in Odoo, add the user to the group "Klausel / Manager", or give another --login\n'
    )
    assert world.stored() == before
    assert world.openings("--yes", login=f"keeper-{world.code}") == 0
    *rows, _ = world.stored()
    assert [row["create_uid"][0] for row in rows] == [keeper] * 3  # type: ignore[index]
    # The contract's history says who did it.
    notes = rpc.call(
        "mail.message", "search_read",
        [("model", "=", "klausel.contract"), ("res_id", "=", world.loaded.ids["contracts"]["M"])],
        ["body", "author_id"], order="id",
    )  # fmt: skip
    assert notes[-1]["body"].count("Opening Balance added: ") == 3
    assert notes[-1]["author_id"][1] == f"keeper-{world.code}"


def test_a_row_that_odoo_refuses_takes_all_others_with_it(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this program checks itself is let through here, so that Odoo has to."""
    monkeypatch.setattr("klausel.assemble.BookBuilder._check_openings", lambda _: None)
    before = world.stored()
    rows = ROWS + "{code},hours,L1,2026-03-31,2,,2026-03-30,\n"
    assert world.openings("--yes", rows=rows) == 3
    assert capsys.readouterr().err == (
        "error: The hours had expired before the day of the balance: Opening of hours L1 on"
        " 03/31/2026.\n    correct the row; nothing was written\n"
    )
    assert world.stored() == before


def test_a_lost_answer_is_no_reason_to_load_twice(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = OdooSource.load_openings

    def lost(self: OdooSource, *arguments: object) -> None:
        real(self, *arguments)  # type: ignore[arg-type]
        raise ConnectionError("the answer is lost")

    monkeypatch.setattr(OdooSource, "load_openings", lost)
    assert world.openings("--yes") == 70
    monkeypatch.setattr(OdooSource, "load_openings", real)
    stored = world.stored()
    capsys.readouterr()
    assert world.openings("--yes") == 0
    assert capsys.readouterr().out.endswith("Nothing to load.\n")
    assert world.stored() == stored

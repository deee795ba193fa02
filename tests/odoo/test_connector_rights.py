"""The connector's account has every right that it needs, and no other: each is taken away once.

A right is a line of access rights, a record rule, or a group that comes with the connector's. What
it is needed for is found by doing without it: some command is refused a call that it makes
otherwise, or finds something else. And doctor has to say so.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from klausel_odoo.failures import AccessRefusedError
from klausel_odoo.transports.guarded import Guarded
from tests.counts import count
from tests.seeds import SEED, USERS, how_to_repeat

from .customers import MONTH, RATE, Party, drafts, populate
from .rpc import Rpc
from .scene import Said, klausel
from .server import Odoo, Server
from .test_connector import NOTES, UNTIL, WORLD

pytestmark = pytest.mark.odoo

GROUP = "klausel_billing.group_connector"
#: Of somebody who works for customers, too: rules of these groups show less than all.
BUSY = (
    "hr_timesheet.group_hr_timesheet_user",
    "project.group_project_user",
    "sales_team.group_sale_salesman",
)
#: All that the group grants, each with the command of :meth:`Scene.commands` that first misses it.
NEEDED = {
    **{
        f"read {model}": "preview"
        for model in (
            "klausel.contract", "klausel.attribute", "klausel.term", "klausel.parameter",
            "klausel.purchase", "klausel.item", "klausel.acceptance", "klausel.approval",
            "klausel.opening", "klausel.override", "klausel.ledger", "klausel.policy",
            "account.analytic.line", "sale.order", "account.move",
        )
    },
    "read klausel.run": "activity",
    **{
        f"rule {model}": "preview"
        for model in (
            "account.analytic.line", "project.project", "project.task", "sale.order",
            "account.move",
        )
    },
    "group Role / User": "preview",
}  # fmt: skip
#: Of these no command makes use, and why they are granted all the same.
UNUSED = {
    f"read {model}": f"for {command}, which asks more than this test has of it"
    for model, command in (("klausel.worker", "doctor"), ("klausel.preview", "work"))
}
#: How many rights are tried in every run; all of them in ``make soak``.
SOME = 4
#: After all timesheets of the world.
DAY = UNTIL.isoformat()
BOOK = "book"
#: Hours of before go-live, of a contract that nothing was billed of.
OPENINGS = "contract,term,lot,date,hours\nMILL-2,B,L1,2026-01-31,3\n"


class Right(NamedTuple):
    """Something that the group grants: a record that can be changed so that it does not."""

    name: str
    model: str
    id: int
    less: dict[str, Any]
    again: dict[str, Any]


class Found(NamedTuple):
    """What a command said, and which of its calls the server refused."""

    said: Said
    refused: tuple[tuple[str, str], ...]
    kept: dict[str, bytes]


class Scene(NamedTuple):
    server: Server
    admin: Rpc
    bots: tuple[Odoo, Odoo]
    """The account with the connector's group only, and one that has others beside it."""
    party: Party
    folder: Path
    known: dict[tuple[str, str], Found]

    def rights(self) -> list[Right]:
        """All that the group grants, as the database has it."""
        admin = self.admin
        group = admin.ref(GROUP)
        found = []
        kinds = ("read", "write", "create", "unlink")
        for row in admin.call(
            "ir.model.access", "search_read", [("group_id", "=", group)],
            ["model_id", *(f"perm_{kind}" for kind in kinds)], order="id",
        ):  # fmt: skip
            (model,) = admin.call("ir.model", "read", [row["model_id"][0]], ["model"])
            for kind in kinds:
                field = f"perm_{kind}"
                if row[field]:
                    found.append(
                        Right(
                            f"{kind} {model['model']}", "ir.model.access", row["id"],
                            {field: False}, {field: True},
                        )
                    )  # fmt: skip
        for row in admin.call(
            "ir.rule", "search_read", [("groups", "in", [group])], ["model_id"], order="id"
        ):
            (model,) = admin.call("ir.model", "read", [row["model_id"][0]], ["model"])
            found.append(
                Right(
                    f"rule {model['model']}", "ir.rule", row["id"],
                    {"active": False}, {"active": True},
                )
            )  # fmt: skip
        (row,) = admin.call("res.groups", "read", [group], ["implied_ids"])
        for id_ in row["implied_ids"]:
            (implied,) = admin.call("res.groups", "read", [id_], ["full_name"])
            less, again = {"implied_ids": [(3, id_)]}, {"implied_ids": [(4, id_)]}
            found.append(Right(f"group {implied['full_name']}", "res.groups", group, less, again))
        return found

    @contextlib.contextmanager
    def without(self, right: Right) -> Iterator[None]:
        self.admin.call(right.model, "write", [right.id], right.less)
        try:
            yield
        finally:
            self.admin.call(right.model, "write", [right.id], right.again)

    # --- what the program is used for ------------------------------------------------------------

    def commands(self) -> dict[str, Sequence[str]]:
        """Those that write nothing to Odoo, the most telling first."""
        (move,) = self.moves()[:1]
        openings = self.folder / "openings.csv"
        openings.write_text(OPENINGS)
        day = ("--as-of", DAY)
        json_ = ("--format", "json")
        return {
            "doctor": ("doctor",),
            "preview": ("preview", *day, *json_),
            "activity": ("activity", *day, "--invoice", str(move), "--format", "csv"),
            "audit": ("audit", *day),
            "explain": ("explain", "held", *day, *json_),
            "preview of one": ("preview", *day, "--customer", self.party.name, *json_),
            "snapshot": ("snapshot", *day, str(self.folder / BOOK)),
            "openings": ("openings", "--from", str(openings), *day, "--dry-run"),
            "publish": ("publish", "--yes"),
        }

    def usual(self, bot: Odoo, name: str) -> Found:
        """What the command finds while nothing is taken away."""
        if (bot.login, name) not in self.known:
            self.known[bot.login, name] = self.find(bot, name)
        return self.known[bot.login, name]

    def find(self, bot: Odoo, name: str) -> Found:
        """What the command says; of a snapshot, what stands in it as well."""
        book = self.folder / BOOK
        shutil.rmtree(book, ignore_errors=True)
        with watched() as refused:
            said = klausel(bot, *self.commands()[name])
        kept = {
            str(path.relative_to(book)): path.read_bytes()
            for path in sorted(book.rglob("*"))
            if path.is_file()
        }
        return Found(said, tuple(refused), kept)

    def moves(self) -> list[int]:
        domain = [("partner_id", "=", self.party.customer), ("klausel_run_id", "!=", False)]
        return list(self.admin.call("account.move", "search", domain, order="id"))

    def writing(self, bot: Odoo) -> str:
        """Publishes, bills the next month, once more, and corrects it. What went wrong, or ""."""
        self.known.clear()
        before = self.moves()
        month = len(self.bills()) + 1
        only = ("--as-of", f"2024-{month + 1:02}-01", "--customer", self.party.name, "--yes")
        publish = klausel(bot, "publish", "--yes")
        if publish.code:
            return f"publish: {publish}"
        for words in (("bill", *only), ("bill", *only)):
            done = klausel(bot, *words)
            if done.code:
                return f"bill: {done}"
        made = sorted(set(self.moves()) - set(before))
        if len(made) != 1:
            return f"bill wrote {made}"
        self.admin.call("account.move", "write", made, {"invoice_date": "2024-12-31"})
        self.admin.call("account.move", "action_post", made)
        domain = [("timesheet_invoice_id", "in", made)]
        (entry, *_) = self.admin.call("account.analytic.line", "search", domain)
        (row,) = self.admin.call("account.analytic.line", "read", [entry], ["unit_amount"])
        hours = row["unit_amount"]
        self.admin.call("account.analytic.line", "write", [entry], {"unit_amount": hours + 1})
        records = self.folder / f"records-{month}"
        done = klausel(bot, "bill", "--adjust", *only, "--records", str(records))
        if done.code:
            return f"bill --adjust: {done}"
        made = sorted(set(self.moves()) - set(before))
        totals = drafts(self.server, self.bots[0])[self.party.name][len(before) :]
        if totals != [MONTH, RATE] or not list(records.iterdir()):
            return f"{totals}, not {[MONTH, RATE]}"
        self.admin.call("account.move", "write", made[1:], {"invoice_date": "2024-12-31"})
        self.admin.call("account.move", "action_post", made[1:])
        return ""

    def bills(self) -> list[int]:
        domain = [("id", "in", self.moves()), ("amount_untaxed", "=", float(MONTH))]
        return list(self.admin.call("account.move", "search", domain))


@contextlib.contextmanager
def watched() -> Iterator[list[tuple[str, str]]]:
    """Calls that the server refuses for want of rights, whatever the program makes of that."""
    refused: list[tuple[str, str]] = []
    real = Guarded.call

    def call(self: Guarded, model: str, method: str, *more: Any, **named: Any) -> Any:
        try:
            return real(self, model, method, *more, **named)
        except AccessRefusedError:
            refused.append((model, method))
            raise

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Guarded, "call", call)
        yield refused


@pytest.fixture(scope="module")
def scene(odoo_server: Server, odoo: Odoo, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    odoo_server.shell(odoo.database, WORLD.replace("NOTES)", f"{json.dumps(json.dumps(NOTES))})"))
    admin = Rpc(odoo)
    (party,) = populate(odoo_server, odoo, ["BILLED"], months=10).values()
    for login, names in {"alone": (GROUP,), "busy": (GROUP, *BUSY)}.items():
        admin.call("res.users", "create", [{
            "name": login, "login": login, "password": f"{login}-password", "company_id": 1,
            "company_ids": [(6, 0, [1])], "group_ids": [(6, 0, [admin.ref(n) for n in names])],
        }])  # fmt: skip
    # A decision by hand; invoices and orders of others the demo data have.
    (entry, *_) = admin.call(
        "account.analytic.line", "search", [("project_id.name", "=", "Desk")], order="id"
    )
    decision = {"entry_id": entry, "disposition": "included", "reason": "because"}
    admin.call("klausel.override", "create", [decision])
    bots = [
        dataclasses.replace(odoo, login=login, password=f"{login}-password")
        for login in ("alone", "busy")
    ]
    scene = Scene(
        odoo_server, admin, (bots[0], bots[1]), party, tmp_path_factory.mktemp("rights"), {}
    )
    # The first fee; from now on a run for the first day of a month bills a fee and a month's work.
    day = ("--as-of", "2024-01-01", "--customer", party.name)
    assert klausel(bots[0], "bill", *day, "--yes").code == 0
    assert klausel(bots[0], "publish", "--yes").code == 0
    return scene


def missed(scene: Scene, right: Right) -> tuple[str, str]:
    """The first command that does not do without ``right``, and what doctor says then.

    Either is empty where there is nothing of the kind.
    """
    needs, told = "", ""
    # A rule is missed by somebody whom other groups' rules show less.
    for bot in scene.bots[:: -1 if right.model == "ir.rule" else 1]:
        for name in scene.commands():
            if (name == "doctor" and told) or (name != "doctor" and needs):
                continue
            usual = scene.usual(bot, name)
            with scene.without(right):
                found = scene.find(bot, name)
            if name == "doctor":
                was = usual.said.out.splitlines()
                told = next((line for line in found.said.out.splitlines() if line not in was), "")
            elif found != usual:
                needs = name
    return needs, told


def test_with_all_of_them_everything_works(scene: Scene) -> None:
    """And finds what somebody finds who may read everything."""
    for bot in scene.bots:
        assert scene.writing(bot) == ""
    for name in scene.commands():
        for bot in scene.bots:
            found = scene.usual(bot, name)
            assert found.said.code == 0, (bot.login, name, found.said)
            if name == "doctor":
                continue  # says who asks
            mighty = scene.usual(scene.admin.odoo, name)
            assert (found.said, found.kept) == (mighty.said, mighty.kept), (bot.login, name)


def test_what_the_group_grants(scene: Scene) -> None:
    """A new right is one that a command needs: it is named here with it, or it is too much."""
    names = [right.name for right in scene.rights()]
    assert sorted(names) == sorted([*NEEDED, *UNUSED])
    # It reads, and whatever it writes the addon's own methods write for it.
    assert {name.partition(" ")[0] for name in names} == {"read", "rule", "group"}


def test_each_is_needed_and_doctor_knows_it(scene: Scene, request: pytest.FixtureRequest) -> None:
    rights = [right for right in scene.rights() if right.name in NEEDED]
    if not request.config.getoption("--soak"):
        rights = Random(SEED).sample(rights, SOME)
    wrong = []
    for right in rights:
        needs, told = missed(scene, right)
        kind, _, name = right.name.partition(" ")
        if kind == "read" and not re.fullmatch(
            rf"BAD  rights: may not read {name}( \(.*\))?", told
        ):
            wrong.append(f"{right.name}: doctor says {told!r}")
        elif not told:
            wrong.append(f"{right.name}: doctor does not say so")
        if needs and needs != NEEDED[right.name]:
            wrong.append(f"{right.name}: {needs} misses it first, not {NEEDED[right.name]}")
        if not needs:
            # What only writing needs would still be needed; it never was so far.
            with scene.without(right):
                said = [scene.writing(bot) for bot in scene.bots]
            wrong.append(f"{right.name}: nothing needs it; writing without it: {said}")
    assert wrong == [], how_to_repeat()
    count("rights of the connector, each taken away", len(rights))


USERS.append(test_each_is_needed_and_doctor_knows_it.__name__)

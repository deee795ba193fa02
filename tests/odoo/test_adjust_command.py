"""The command that shows and writes corrections, on a database of its own.

Its audit compares everything in the database, so nothing else may have been billed there.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from klausel_odoo import OdooSource

from . import scene
from .server import Odoo
from .test_models import Life

pytestmark = pytest.mark.odoo


@pytest.fixture(scope="module")
def source(odoo: Odoo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OdooSource]:
    source = scene.source(odoo, policies=tmp_path_factory.mktemp("policies"))
    yield source
    source.close()


def test_the_command_shows_and_writes_corrections(
    odoo: Odoo, source: OdooSource, tmp_path: Path
) -> None:
    life = Life(odoo, source, "adjust/two-invoices", tmp_path / "policies", " by command")
    # An audit compares everything: the contracts of the demo data, too.
    shutil.copytree(scene.POLICIES, tmp_path / "policies", dirs_exist_ok=True)
    first, second, third = life.scenario.shape.runs[:3]
    for number, run in enumerate((first, second)):
        life.facts_of(number)
        life.bill(run.as_of, False)
    invoices = [int(row.document) for row in source.read(second.as_of, life.roots).ledger
                if row.document]  # fmt: skip
    rpc = life.loaded.rpc
    rpc.write("account.move", invoices, invoice_date="2026-03-02")
    rpc.call("account.move", "action_post", invoices)
    life.facts_of(2)

    def klausel(*arguments: str) -> scene.Said:
        day = ("--as-of", str(third.as_of))
        return scene.klausel(odoo, *arguments, *day, policies=tmp_path / "policies")

    only = ("--customer", life.roots[0])
    left_alone = klausel("bill", "--yes", *only)
    assert left_alone.out.endswith("\nNothing new to write.\n"), left_alone
    audit = klausel("audit")
    assert audit.code == 1
    assert audit.out.splitlines()[0].endswith(" ledger rows compared, 2 differences")
    done = klausel("bill", "--adjust", "--yes", *only)
    assert (done.code, done.err) == (0, ""), done
    assert "2 drafts written, 1 customer settled." in done.out
    names = [row["name"] for row in rpc.call("account.move", "read", invoices, ["name"])]
    credits = rpc.call(
        "account.move", "search_read", [("reversed_entry_id", "in", invoices)],
        ["move_type", "state", "amount_untaxed", "ref", "reversed_entry_id"], order="id",
    )  # fmt: skip
    assert [
        (row["move_type"], row["state"], row["amount_untaxed"], row["ref"]) for row in credits
    ] == [
        ("out_refund", "draft", 95.0, f"Correction of {names[0]}"),
        ("out_refund", "draft", 47.5, f"Correction of {names[1]}"),
    ]
    assert [row["reversed_entry_id"][0] for row in credits] == invoices
    again = klausel("bill", "--adjust", "--yes", *only)
    assert again.out.endswith("\nNothing new to write.\n")
    clean = klausel("audit")
    assert (clean.code, clean.err) == (0, "")
    assert clean.out.endswith(" ledger rows compared, 0 differences\n")
    # A correction that is deleted is a difference again, and can be written again.
    rpc.unlink("account.move", [credits[0]["id"]])
    assert klausel("audit").out.splitlines()[0].endswith(", 1 difference")
    assert "1 draft written, 1 customer settled." in klausel(
        "bill", "--adjust", "--yes", *only
    ).out  # fmt: skip
    assert klausel("audit").out.endswith(", 0 differences\n")

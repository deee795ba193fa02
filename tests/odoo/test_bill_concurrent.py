"""Four processes bill the same 100 customers of a real Odoo at once, each until nothing is left."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date

import pytest

from klausel_odoo import OdooSettings, OdooSource
from klausel_run.preview import Options, preview
from tests.counts import count

from .customers import (
    FEE,
    HOURS,
    MONTH,
    POLICIES,
    arguments,
    drafts,
    empty,
    environment,
    populate,
    settled,
    wrong,
)
from .server import Odoo, Server

pytestmark = pytest.mark.odoo

CODES = [f"C{number:03}" for number in range(1, 101)]
#: Two see the same, two the same a day later: an equal call is found again, another one refused.
DAYS = ("2024-02-01", "2024-02-01", "2024-02-02", "2024-02-02")

#: The whole command, again and again until there is nothing new. Waits for the others first.
WORKER = """
import contextlib, io, json, re, sys
import cli, klausel_odoo.erp, klausel_run.bill

arguments = sys.argv[1:]
ends, written, elsewhere, refused = [], 0, 0, []
print("ready", flush=True)
sys.stdin.readline()
for _ in range(20):
    with contextlib.redirect_stdout(io.StringIO()) as said:
        ends.append(cli.run(arguments))
    text = said.getvalue()
    if ends[-1] == 0 and text.endswith("\\nNothing new to write.\\n"):
        break
    written += sum(map(int, re.findall(r"^(\\d+) drafts? written", text, re.MULTILINE)))
    others = re.findall(r"^(\\d+) customers? (?:was|were) settled by the", text, re.MULTILINE)
    elsewhere += sum(map(int, others))
    refused += re.findall(r" was refused: (.*)\\n +(.*)\\n", text)
print(json.dumps([ends, written, elsewhere, refused]))
"""


@pytest.fixture(scope="module")
def crowd(odoo_server: Server, odoo: Odoo) -> Iterator[Odoo]:
    empty(odoo_server, odoo)
    populate(odoo_server, odoo, CODES)
    yield odoo


def test_each_customer_is_settled_once(odoo_server: Server, crowd: Odoo) -> None:
    settings = OdooSettings.load(
        url=crowd.url, database=crowd.database, login=crowd.login, password=crowd.password,
        policies=POLICIES,
    )  # fmt: skip
    shown = preview(OdooSource(settings), Options(date.fromisoformat(DAYS[0]), record=True))
    assert len(shown.drafts) == len(CODES)
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, *arguments(crowd, day)],
            env=environment(crowd),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for day in DAYS
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    ends = [json.loads(worker.communicate(timeout=400)[0]) for worker in workers]

    totals = {draft.customer: draft.total for draft in shown.drafts}
    names = {id_: shown.book.customers[id_].name for id_ in totals}
    found = drafts(odoo_server, crowd)
    assert found == {names[id_]: [total] for id_, total in totals.items()}
    assert set(totals.values()) == {FEE + MONTH}
    seconds = int(sum(HOURS) * 3600)
    assert settled(odoo_server, crowd) == dict.fromkeys(found, seconds)
    assert not wrong(odoo_server, crowd)
    ((rows, keys),) = odoo_server.psql(
        crowd.database,
        "SELECT count(*), count(DISTINCT (contract_id, term, component, period, line_group,"
        " sequence, entry_ref, lot)) FROM klausel_ledger WHERE state = 'live'",
    )
    assert rows == keys
    assert int(rows or 0) == len(shown.settlements)

    for codes, *_ in ends:
        assert codes[-1] == 0
        assert set(codes) <= {0, 1}
    reasons = Counter(
        message.replace(name, "NAME")
        for *_, refused in ends
        for message, _ in refused
        for name in [next((name for name in found if name in message), "NAME")]
    )
    assert sum(written for _, written, *_ in ends) == len(CODES)
    count("customers billed by four processes: drafts written", sum(end[1] for end in ends))
    count("customers billed by four processes: found written by an equal call",
          sum(end[2] for end in ends))  # fmt: skip
    count("customers billed by four processes: bill runs", sum(len(end[0]) for end in ends))
    for reason, times in reasons.items():
        count(f"customers billed by four processes: refused, {reason}", times)
    assert set(reasons) <= {
        "Contracts, approvals, decisions or invoices of NAME have changed since they were read.",
        "Somebody has billed some of this work of NAME already.",
        "Odoo failed: could not serialize access due to concurrent update",
    }

"""The addon's own tests, run by Odoo itself on a database with demo data."""

from __future__ import annotations

import re

import pytest

from tests.counts import count
from tests.odoo.server import Server

pytestmark = pytest.mark.odoo

RESULT = re.compile(r"(\d+) failed, (\d+) error\(s\) of (\d+) tests")


def test_addon_passes_its_own_tests(odoo_server: Server) -> None:
    database = odoo_server.clone().database
    try:
        log = odoo_server.run_tests(database, "/klausel_billing")
    finally:
        odoo_server.drop(database)
    results = [tuple(map(int, found)) for found in RESULT.findall(log)]
    assert results, log[-4000:]
    failed, errors, ran = results[-1]
    assert (failed, errors) == (0, 0), "\n".join(
        line for line in log.splitlines() if "FAIL" in line or "ERROR" in line
    )
    assert ran >= 70
    count("tests of the addon, run by Odoo", ran)

"""The Odoo connector without Odoo: settings, versions, records, sentences, the field reference."""

from __future__ import annotations

import ast
import logging
import socket
import ssl
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest

from klausel.assemble import BookBuilder
from klausel.fields import TABLES
from klausel.model import Entry, LedgerRow
from klausel.port import Application, Refused
from klausel.problems import ErpError, ProblemError, Where
from klausel.tree import Tree
from klausel_book import read_folder, write_folder
from klausel_odoo import (
    OdooSettings,
    OdooSource,
    answers,
    erp,
    failures,
    records,
    versions,
    writing,
)
from klausel_odoo.transports.guarded import Guarded
from klausel_run import fields_doc

ROOT = Path(__file__).parent.parent
GIVEN: dict[str, Any] = {
    "url": "https://odoo.example.com",
    "database": "prod",
    "login": "bot",
    "password": "s3cret-word",
}


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but those of the test."""
    for name in (
        "URL",
        "DATABASE",
        "LOGIN",
        "PASSWORD",
        "COMPANY",
        "TIMEOUT",
        "TRANSPORT",
        "ANSWER_LIMIT",
    ):
        monkeypatch.delenv(f"KLAUSEL_ODOO_{name}", raising=False)
    monkeypatch.delenv("KLAUSEL_POLICIES", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("keyring.get_password", lambda service, user: None)


# --- settings: where they come from -------------------------------------------------------------


def test_options_stand_before_the_environment_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("klausel.toml").write_text(
        '[odoo]\nurl = "https://file.example.com"\ndatabase = "file"\nlogin = "file"\n'
        'company = "Mill"\ntimeout = 5\n'
    )
    monkeypatch.setenv("KLAUSEL_ODOO_DATABASE", "environment")
    monkeypatch.setenv("KLAUSEL_ODOO_LOGIN", "environment")
    monkeypatch.setenv("KLAUSEL_ODOO_PASSWORD", "word")
    monkeypatch.setenv("KLAUSEL_ODOO_COMPANY", "")  # empty is not given
    found = OdooSettings.load(login="option", url=None)
    assert (found.url, found.database, found.login) == (
        "https://file.example.com",
        "environment",
        "option",
    )
    assert (found.company, found.timeout, found.transport) == ("Mill", 5, "auto")
    assert found.secret() == "word"


def test_every_setting_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "KLAUSEL_ODOO_URL": "http://localhost:8069/odoo",
        "KLAUSEL_ODOO_DATABASE": "d",
        "KLAUSEL_ODOO_LOGIN": "l",
        "KLAUSEL_ODOO_PASSWORD": "p",
        "KLAUSEL_ODOO_COMPANY": "3",
        "KLAUSEL_ODOO_TIMEOUT": "12.5",
        "KLAUSEL_ODOO_ANSWER_LIMIT": "0.5",
        "KLAUSEL_ODOO_TRANSPORT": "json2",
        "KLAUSEL_POLICIES": "rules",
        "POLICIES": "not-ours",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    found = OdooSettings.load()
    assert found.model_dump(exclude={"password"}) == {
        "url": "http://localhost:8069",
        "database": "d",
        "login": "l",
        "company": "3",
        "timeout": 12.5,
        "answer_limit": 0.5,
        "transport": "json2",
        "policies": Path("rules"),
    }
    assert (found.secure, found.host, found.port) == (False, "localhost", 8069)


def test_a_named_file_is_read_and_its_policies_stand_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    file = folder / "firm.toml"
    file.write_bytes(
        b'\xef\xbb\xbf[odoo]\r\nurl = "https://o.example.com:8443"\r\npolicies = "contracts"\r\n'
    )
    found = OdooSettings.load(file, database="d", login="l", password="p")
    assert found.policies == folder / "contracts"
    assert (found.host, found.port) == ("o.example.com", 8443)
    assert OdooSettings.load(file, **{**GIVEN, "policies": Path("mine")}).policies == Path("mine")


def test_the_keyring_is_asked_only_where_nothing_else_has_the_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def stored(service: str, user: str) -> str:
        asked.append((service, user))
        return "from the keyring"

    monkeypatch.setattr("keyring.get_password", stored)
    without = {name: value for name, value in GIVEN.items() if name != "password"}
    assert OdooSettings.load(**GIVEN).secret() == "s3cret-word"
    assert asked == []
    assert OdooSettings.load(**without).secret() == "from the keyring"
    assert asked == [("klausel", "bot@https://odoo.example.com/prod")]
    monkeypatch.setenv("KLAUSEL_ODOO_PASSWORD", "word")
    assert OdooSettings.load(**without).secret() == "word"
    assert len(asked) == 1


def test_a_keyring_that_fails_is_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(service: str, user: str) -> str:
        raise RuntimeError("No recommended backend was available.")

    monkeypatch.setattr("keyring.get_password", broken)
    without = {name: value for name, value in GIVEN.items() if name != "password"}
    assert problems(None, **without) == [
        'klausel.toml: error: "password" is missing\n'
        "    set KLAUSEL_ODOO_PASSWORD, or store it once with: keyring set klausel"
        " bot@https://odoo.example.com/prod"
    ]


def test_the_password_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    found = OdooSettings.load(**GIVEN)
    shown = [repr(found), str(found), str(found.model_dump()), found.model_dump_json()]
    assert not [text for text in shown if "s3cret-word" in text]
    with pytest.raises(ProblemError) as caught:
        OdooSettings.load(**{**GIVEN, "timeout": "s3cret-word", "url": "https://bot:s3cret-word@h"})
    assert "s3cret-word" not in str(caught.value)


def test_odoorpc_does_not_log_what_is_sent() -> None:
    import klausel_odoo.transports.odoorpc_  # noqa: F401

    assert logging.getLogger("odoorpc.rpc.jsonrpclib").disabled


# --- settings: what is wrong ----------------------------------------------------------------------


def problems(config: Path | None, **options: Any) -> list[str]:
    with pytest.raises(ProblemError) as caught:
        OdooSettings.load(config, **options)
    return [str(found) for found in caught.value.problems]


def test_what_is_missing_is_said_at_once() -> None:
    def hint(name: str) -> str:
        return (
            f"give --{name}, set KLAUSEL_ODOO_{name.upper()}, or add it to [odoo] in klausel.toml"
        )

    assert problems(None) == [
        f'klausel.toml: error: "database" is missing\n    {hint("database")}',
        f'klausel.toml: error: "login" is missing\n    {hint("login")}',
        'klausel.toml: error: "password" is missing\n    set KLAUSEL_ODOO_PASSWORD, or store it'
        " once with: keyring set klausel LOGIN@URL/DATABASE",
        f'klausel.toml: error: "url" is missing\n    {hint("url")}',
    ]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("odoo.example.com", "the URL has no https:// and a host"),
        ("ftp://odoo.example.com", "the URL has no https:// and a host"),
        ("https://", "the URL has no https:// and a host"),
        ("https://me:word@odoo.example.com", "the URL has a login in it"),
        ("https://odoo.example.com:http", "the port of the URL is not a number"),
        ("https://odoo.example.com/erp", 'the URL has a path, "/erp"'),
    ],
)
def test_urls_that_cannot_be(url: str, said: str) -> None:
    hint = "write it as: https://odoo.example.com"
    if "login" in said:
        hint = "give login and password by themselves"
    assert problems(None, **{**GIVEN, "url": url}) == [f"--url: error: {said}\n    {hint}"]


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("https://odoo.example.com/", "https://odoo.example.com"),
        (" https://odoo.example.com/web/login?db=x ", "https://odoo.example.com"),
        ("https://odoo.example.com/odoo/projects", "https://odoo.example.com"),
        ("HTTPS://Odoo.Example.com:443", "https://odoo.example.com:443"),
        ("http://[::1]:8069", "http://[::1]:8069"),
    ],
)
def test_urls_as_people_copy_them(url: str, meant: str) -> None:
    assert OdooSettings.load(**{**GIVEN, "url": url}).url == meant


def test_wrong_values_name_where_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("klausel.toml").write_text(
        '# firm\n[odoo]\nurl = "https://o.example.com"\n\ntimeout = "soon"\ndatabase = 7\n'
        "answer_limit = 0\n"
    )
    monkeypatch.setenv("KLAUSEL_ODOO_TRANSPORT", "soap")
    assert problems(None, login="l", password="p") == [
        'KLAUSEL_ODOO_TRANSPORT: error: "transport" is not known\n'
        "    write auto, odoorpc, xmlrpc or json2",
        'klausel.toml:5: error: "timeout" is not a number of seconds\n    write it as: 300',
        'klausel.toml:6: error: "database" should be a text\n'
        "    give --database, set KLAUSEL_ODOO_DATABASE, or add it to [odoo] in klausel.toml",
        'klausel.toml:7: error: "answer_limit" is not a number of megabytes\n    write it as: 200',
    ]


@pytest.mark.parametrize("name", ["password", "api_key", "token"])
def test_a_password_in_the_file_is_refused(name: str) -> None:
    file = Path("klausel.toml")
    file.write_text(f'[odoo]\nurl = "https://o.example.com"\n{name} = "s3cret-word"\n')
    found = problems(None, **GIVEN)
    assert found == [
        f'klausel.toml:3: error: "{name}" does not belong in this file, which could be committed\n'
        "    remove the line and set KLAUSEL_ODOO_PASSWORD, or store it once with:"
        " keyring set klausel LOGIN@URL/DATABASE"
    ]


def test_what_the_file_should_not_have() -> None:
    file = Path("klausel.toml")
    file.write_text('[odoo]\ndatabse = "x"\n\n[tool]\nx = 1\n')
    assert problems(None, **GIVEN) == [
        'klausel.toml:2: error: unknown word "databse"\n    did you mean "database"?'
    ]
    file.write_text("odoo = 3\n")
    assert problems(None, **GIVEN) == [
        'klausel.toml: error: "odoo" should be a table\n    begin it with the line [odoo]'
    ]
    file.write_text('[odoo]\nurl = "x\n')
    (broken,) = problems(None, **GIVEN)
    assert broken.startswith("klausel.toml:2:")
    assert "error: this is not TOML: " in broken
    file.write_bytes(b"[odoo]\nurl = '\xff'\n")
    (broken,) = problems(None, **GIVEN)
    assert broken.startswith("klausel.toml: error: the file is not UTF-8 text (byte 15)")
    assert problems(Path("other.toml"), **GIVEN) == [
        "other.toml: error: the file is missing\n    name a file such as klausel.toml"
    ]


@pytest.mark.parametrize(
    ("password", "said", "hint"),
    [
        ("word\n", "the password ends with a line end", None),
        ("word\r\n", "the password ends with a line end", None),
        ("wo\trd", "the password has a control character in it", None),
        ("wo\x1brd", "the password has a control character in it", None),
        ("\x7f", "the password has a control character in it", None),
        ("w\udcf6rd", "the password is not UTF-8 text", "set it as UTF-8 text"),
    ],
)
def test_passwords_that_nobody_can_log_in_with(
    password: str, said: str, hint: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    hint = hint or "take that off: nobody can log in with it"
    for name in ("option", "KLAUSEL_ODOO_PASSWORD"):
        values = dict(GIVEN)
        if name != "option":
            del values["password"]
            monkeypatch.setenv(name, password)
        where = "--password" if name == "option" else name
        assert problems(None, **values | ({"password": password} if name == "option" else {})) == [
            f"{where}: error: {said}\n    {hint}"
        ]


def test_a_password_of_the_keyring_that_nobody_can_log_in_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("keyring.get_password", lambda service, user: "word\n")
    without = {name: value for name, value in GIVEN.items() if name != "password"}
    assert problems(None, **without) == [
        "the keyring: error: the password ends with a line end\n"
        "    take that off: nobody can log in with it"
    ]


@pytest.mark.parametrize("name", ["url", "database", "login", "company"])
def test_settings_that_are_no_text(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    good = GIVEN.get(name, "x")
    assert problems(None, **{**GIVEN, name: f"{good}\udcff"}) == [
        f'--{name}: error: "{name}" is not UTF-8 text\n    write it as UTF-8 text'
    ]
    assert problems(None, **{**GIVEN, name: f"{good}\x1b[31m"}) == [
        f'--{name}: error: "{name}" has a control character in it\n    write it without'
    ]


# --- versions -------------------------------------------------------------------------------------


def test_versions() -> None:
    assert versions.features("17.0").json2 is False
    assert versions.features("saas~18.3").rpc is True
    assert versions.features("19.0+e").json2 is True
    assert versions.known("19.0-20260101")
    assert not versions.known("21.0")
    assert versions.features("21.0") == versions.features("19.0")


@pytest.mark.parametrize(("version", "shown"), [("16.0", "16.0"), ("", "of an unknown version")])
def test_a_version_that_is_too_old(version: str, shown: str) -> None:
    with pytest.raises(ErpError) as caught:
        versions.features(version)
    assert str(caught.value) == (
        f"the server runs Odoo {shown}, which is too old: Klausel reads Odoo 17 and later\n"
        "    upgrade Odoo"
    )


# --- records --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (False, ""),
        (None, ""),
        ("  two words \n", "two words"),
        ("one\r\ntwo\rthree\n", "one\ntwo\nthree"),
        ('say "hi", and\n<b>go</b>', 'say "hi", and\n<b>go</b>'),
        ("bell\x07 and\x0b tab\t.", "bell and tab\t."),
        ("\u00a0no-break\u2028line ", "no-break\u2028line"),
        (12, "12"),
    ],
)
def test_text(value: object, meant: str) -> None:
    assert records.text(value) == meant


@pytest.mark.parametrize(
    ("hours", "seconds"),
    [
        (0.33, 1188),
        (1 / 3, 1200),
        (0.1, 360),
        (0.1 + 0.2, 1080),
        (-0.25, -900),
        (0.0, 0),
        (8, 28800),
        (1e-05, 0),
    ],
)
def test_hours_are_seconds(hours: float, seconds: int) -> None:
    assert records.seconds(hours) == seconds


def test_numbers_are_what_was_typed() -> None:
    assert records.decimal(0.1) == Decimal("0.1")
    assert [records.number_text(x) for x in (95.0, 0.1, 1e-05, 1e22, 12)] == [
        "95", "0.1", "0.00001", "10000000000000000000000", "12",
    ]  # fmt: skip


def test_ids() -> None:
    assert [records.id_text(x) for x in (7, False, {"id": 7, "name": "x"})] == ["7", "", "7"]


def test_tags_are_split_as_in_a_file() -> None:
    assert records.tag_names([" Update ", "A;B", "", "C\r\nD"]) == ("Update", "A", "B", "C\nD")


def test_the_invoice_of_an_entry() -> None:
    row = {"id": 7, "name": "INV/1", "state": "posted", "payment_state": "paid"}
    assert records.invoice_name(row) == "INV/1"
    assert records.invoice_name({**row, "name": False, "state": "draft"}) == "draft 7"
    assert records.invoice_name({**row, "name": "/", "state": "draft"}) == "draft 7"
    assert records.invoice_name({**row, "state": "cancel"}) == ""
    assert records.invoice_name({**row, "payment_state": "reversed"}) == ""
    old = {**row, "state": "cancel", "payment_state": "invoicing_legacy"}
    assert records.invoice_name(old) == "INV/1"


ROW: Mapping[str, Any] = {
    "id": 12,
    "date": "2026-03-04",
    "employee_id": 3,
    "project_id": 4,
    "task_id": False,
    "partner_id": 9,
    "unit_amount": 1.5,
    "name": "  a note\r\nof two lines ",
    "klausel_activity": False,
    "klausel_tag_ids": [1, 2],
    "validated": False,
    "timesheet_invoice_id": 8,
    "order_id": False,
    "exclude_from_sale_order": False,
}
NAMES: dict[str, dict[int, str]] = {
    "klausel_tag_ids": {1: "Update", 2: "Night"},
    "timesheet_invoice_id": {8: "INV/1"},
    "order_id": {},
}


def test_an_entry() -> None:
    (entry,) = records.Entries(ROW, NAMES).convert([ROW])
    assert entry == Entry(
        id="12", date=date(2026, 3, 4), employee="3", project="4", ticket="", customer="9",
        seconds=5400, text="a note\nof two lines", activity="", tags=("Update", "Night"),
        validated=False, billed_elsewhere="INV/1", order="",
    )  # fmt: skip


def test_an_entry_of_a_server_that_lacks_optional_fields() -> None:
    lacking = (
        "klausel_activity",
        "klausel_tag_ids",
        "validated",
        "timesheet_invoice_id",
        "order_id",
    )
    row = {name: value for name, value in ROW.items() if name not in lacking}
    (entry,) = records.Entries(row, {}).convert([row])
    assert entry.validated is True
    assert (entry.activity, entry.tags, entry.billed_elsewhere, entry.order) == ("", (), "", "")


def test_what_odoo_marks_as_not_billable() -> None:
    """OCA's exclusion, or Odoo's own: somebody took the sales order item away."""

    def billable(**values: Any) -> bool:
        row = {**ROW, **values}
        (entry,) = records.Entries(row, NAMES).convert([row])
        return entry.billable

    assert billable()
    assert not billable(exclude_from_sale_order=True)
    assert not billable(is_so_line_edited=True, so_line=False)
    assert billable(is_so_line_edited=True, so_line=7)
    assert billable(is_so_line_edited=False, so_line=False), "what contracts bill has no order"


def test_roles_of_employees_become_rows() -> None:
    rows = [
        {"id": 1, "name": "Ann", "job_id": {"id": 5, "name": "Senior"}},
        {"id": 2, "name": "Ben", "job_id": False},
    ]
    roles = [[1, "2020-01-01", "Developer"], [1, "2026-02-16", ""], [1, "2026-03-01", "Senior"]]
    table = TABLES["employees"]
    found = records.cells(table, records.employee_rows(rows, roles))
    assert [cells for _, cells in found] == [
        ["1", "Ann", "Developer", ""],
        ["1", "Ann", "", "2026-02-16"],
        ["1", "Ann", "Senior", "2026-03-01"],
        ["2", "Ben", "", ""],
    ]


def test_every_field_of_an_entry_is_read() -> None:
    read = {"id", *records.fields_of(TABLES["entries"])}
    assert read == {records.odoo_field(field) for field in TABLES["entries"].fields} == set(ROW)


CONTRACT: dict[str, Any] = {
    "id": 1,
    "code": "K-1",
    "partner_id": 11,
    "commercial_partner_id": {"id": 9, "klausel_seq": 3},
    "currency_id": {"id": 1, "name": "EUR"},
    "date_start": "2026-01-01",
    "date_end": False,
    "minimum_term_months": 12,
    "notice_months": 0,
    "renewal_months": 0,
    "sla": False,
    "policy": "web-care",
    "covers": "project",
    "project_ids": [12, 4],
    "task_ids": [],
    "po_number": "PO: 7\r\n",
    "attribute_ids": [{"id": 1, "name": "site", "value": False}],
    "term_ids": [
        {
            "id": 2, "code": "B", "plan": "beyond", "product_id": False, "priority": 2,
            "date_start": "2026-02-01", "date_until": False, "discount": 12.5,
            "takes": "service; change", "parameter_ids": [],
        },
        {
            "id": 3, "code": "A", "plan": "fee", "product_id": 73, "priority": 1,
            "date_start": False, "date_until": "2026-12-31", "discount": 0.0, "takes": False,
            "parameter_ids": [
                {"id": 1, "name": "price", "date_from": "2026-07-01", "value": " 51.00 "},
                {"id": 2, "name": "price", "date_from": False, "value": "49.00"},
                {"id": 3, "name": "quantity", "date_from": False, "value": "3"},
                {"id": 4, "name": "hours", "date_from": "2026-01-01", "value": "10"},
            ],
        },
    ],
}  # fmt: skip


def test_a_contract_is_what_its_file_would_say() -> None:
    assert records.contract_data(CONTRACT) == {
        "code": "K-1",
        "customer": "9",
        "currency": "EUR",
        "start": "2026-01-01",
        "end": None,
        "minimum_term": 12,
        "notice": 0,
        "renewal": 0,
        "sla": "",
        "attributes": {"site": ""},
        "policy": "web-care",
        "po_number": "PO: 7",
        "covers": {"projects": ["4", "12"]},
        "terms": [
            {
                "id": "A", "plan": "fee", "product": "73", "priority": 1, "from": None,
                "until": "2026-12-31", "discount": "0", "takes": [],
                "price": {"always": "49.00", "2026-07-01": "51.00"},
                "quantity": "3", "hours": {"2026-01-01": "10"},
            },
            {
                "id": "B", "plan": "beyond", "product": "", "priority": 2, "from": "2026-02-01",
                "until": None, "discount": "12.5", "takes": ["service", "change"],
            },
        ],
    }  # fmt: skip


def test_a_parameter_cannot_be_called_like_a_field_of_its_term() -> None:
    term = CONTRACT["term_ids"][0]
    wrong = {**term, "parameter_ids": [{"id": 9, "name": "plan", "date_from": False, "value": "x"}]}
    row = {**CONTRACT, "term_ids": [wrong]}
    assert records.misnamed_parameters(row) == [(wrong, "plan")]
    assert records.contract_data(row)["terms"][0]["plan"] == "beyond"
    assert records.misnamed_parameters(CONTRACT) == []


def test_numbers_behind_a_switch_are_empty_where_it_is_off() -> None:
    table, switches = TABLES["approvals"], records.SWITCHES["approvals"]
    row = {
        "id": 5, "contract_id": {"id": 1, "code": "K-1"}, "ticket_ids": [17, 15],
        "state": "approved", "has_limit_hours": True, "limit_hours": 0.0,
        "has_limit_amount": False, "limit_amount": 0.0, "decided_on": "2026-03-01",
        "decided_by": False, "expires_on": False,
    }  # fmt: skip
    cells = records.cells(table, records.optional_numbers([row], switches))
    assert cells == [
        (5, ["5", "K-1", "17;15", "approved", "0", "", "2026-03-01", "", ""])
    ]  # fmt: skip


def test_every_table_is_read_with_its_fields_and_one_hop() -> None:
    assert records.specification(TABLES["employees"]) == {
        "name": {},
        "job_id": {"fields": {"name": {}}},
    }
    for name, switches in records.SWITCHES.items():
        assert set(switches) <= set(records.specification(TABLES[name]))


def test_a_customer_has_a_parent_where_it_is_billed_with_another() -> None:
    nowhere = {"country_id": False, "state_id": False}
    rows = [{"id": id_, "commercial_partner_id": 9, **nowhere} for id_ in (9, 10)]
    assert [row["commercial_partner_id"] for row in records.customer_rows(rows)] == [False, 9]


def test_a_region_is_named_without_its_country() -> None:
    codes = [("DE", "DE-BY"), ("US", "CA"), ("", "DE-BY"), ("AT", "")]
    assert [records.region(*pair) for pair in codes] == ["BY", "CA", "DE-BY", ""]
    row = {"id": 9, "commercial_partner_id": 9, "country_id": {"id": 1, "code": "DE"}}
    (found,) = records.customer_rows([{**row, "state_id": {"id": 2, "code": "DE-BY"}}])
    assert found["state_id"] == {"code": "BY"}


NOTES = [
    "plain", "", "  spaces around  ", "a, comma; and a semicolon", 'say "hi"', '"', "two\nlines",
    "dos\r\nlines\r\n", "old\rmac", "\n\nempty lines\n", "tab\tinside", "\ttab first",
    "=1+1", "ünï-çødé 漢字 🙂", "<p>Hello<br/>world &amp; all</p>", "\u2028odd\u2029",
    "x\x0cy\x00z", "\ufeffmark", "-", "'", "\\n", "é\u0301",
]  # fmt: skip


def test_a_snapshot_reads_back_as_the_very_same_entries(tmp_path: Path) -> None:
    rows = [
        {**ROW, "id": number, "name": note, "task_id": False, "unit_amount": number / 7}
        for number, note in enumerate(NOTES, start=1)
    ]
    builder = BookBuilder()
    builder.add_records("entries", records.Entries(ROW, NAMES).convert(rows), "odoo")
    for name, row in (
        ("employees", {"id": 3, "name": "Bo\r\n", "job_id": {"id": 1, "name": "Baker; cook"}}),
        ("projects", {"id": 4, "name": '"Shop", old', "partner_id": 9, "tag_ids": []}),
        (
            "customers",
            {
                "id": 9, "name": " Mill\nSons ", "commercial_partner_id": 9, "lang": False,
                "country_id": False, "state_id": False,
                "category_id": [{"id": 1, "name": "A; B"}, {"id": 2, "name": " C "}],
            },
        ),
    ):  # fmt: skip
        table = TABLES[name]
        found = records.customer_rows([row]) if name == "customers" else [row]
        builder.add_rows(name, records.header(table), records.cells(table, found), table.odoo)
    book = builder.build()
    write_folder(book, tmp_path / "book", {})
    again = read_folder(tmp_path / "book")
    assert again.entries == book.entries
    for name in ("customers", "projects", "employees", "company"):
        assert getattr(again, name) == getattr(book, name)
    assert book.customers["9"].tags == ("A", "B", "C")


def test_a_contract_reads_back_as_the_very_same(tmp_path: Path) -> None:
    builder = BookBuilder()
    data = records.contract_data({**CONTRACT, "covers": "ticket", "task_ids": [10, 9]})
    builder.add_contract(data, Tree(data, {(): Where("contract K-1")}, ()), ())
    builder.add_rows("customers", ["id"], [(9, ["9"])], "res.partner")
    builder.add_rows("tickets", ["id", "customer"], [(9, ["9", "9"]), (10, ["10", "9"])], "x")
    book = builder.build()
    # No policy is here, which is said of the contract and not of a line of a file.
    assert {str(found.where) for found in book.problems} == {"contract K-1"}
    write_folder(book, tmp_path / "book", {})
    (contract,) = read_folder(tmp_path / "book").contracts
    assert (contract,) == book.contracts
    assert contract.covers.ids == {"9", "10"}
    assert [term.id for term in contract.terms] == ["A", "B"]
    assert contract.terms[0].parameters["price"].on(date(2026, 7, 1)) == "51.00"


def test_a_company_speaks_its_own_language_first() -> None:
    info = {
        "company": {
            "name": "Mill ", "currency": "EUR", "quantity_digits": 2, "rounding_method": "line",
            "languages": ["nl_NL", "en_US", "de_DE"], "country": "DE", "state": "",
        },
        "currencies": {"EUR": 2},
    }  # fmt: skip
    company = records.company(info, "de_DE")
    assert company.languages == ("de_DE", "nl_NL", "en_US")
    assert (company.name, company.region, company.rounding_method) == ("Mill", "", "line")
    assert records.company(info, "").languages == ("nl_NL", "en_US", "de_DE")


# --- answers --------------------------------------------------------------------------------------


PAGE = {"domain": [("id", ">", 7)], "fields": ["name"], "order": "id", "limit": 2}
TAG = {"id": 8, "name": "x"}
HALF = "\ud800"
DEEP = {"specification": {"term_ids": {"fields": {"discount": {}}}, "currency_id": {}}}
TERM = {"id": 1, "discount": 2.5}
CONTRACT_ROW = {"id": 1, "term_ids": [TERM], "currency_id": 1, "klausel_seq": 0}


@pytest.mark.parametrize(
    ("model", "method", "arguments", "ids", "answer", "said"),
    [
        ("project.tags", "search_read", PAGE, None, [TAG, {**TAG, "id": 9}], ""),
        ("project.tags", "search_read", PAGE, None, [], ""),
        ("project.tags", "search_read", PAGE, None, {"records": []}, "is no list of records"),
        ("project.tags", "search_read", PAGE, None, [{"id": 8}], 'has no "name"'),
        ("project.tags", "search_read", PAGE, None, [TAG, TAG], "has a record twice"),
        ("project.tags", "search_read", PAGE, None, [{**TAG, "id": 7}],
         "has other records than were asked for"),
        ("project.tags", "search_read", PAGE, None, [{**TAG, "id": 9}, TAG],
         "has other records than were asked for"),
        ("project.tags", "search_read", PAGE, None, [{**TAG, "id": id_} for id_ in (8, 9, 10)],
         "has more records than were asked for"),
        ("project.tags", "search_read", PAGE, None, [{**TAG, "name": HALF}],
         'has something else than a text as "name"'),
        ("project.tags", "search_read", PAGE, None, [{**TAG, "name": True}],
         'has something else than a text as "name"'),
        ("project.tags", "search_read", PAGE, None, [{**TAG, "id": "8"}],
         'has something else than an id as "id"'),
        ("project.tags", "web_read", {"specification": {"name": {}}}, [8, 9], [TAG],
         "left out project.tags 9, perhaps just deleted"),
        ("project.tags", "web_read", {"specification": {"name": {}}}, [9], [TAG],
         "has other records than were asked for"),
        ("klausel.reference", "klausel_contracts", DEEP, None, [CONTRACT_ROW], ""),
        ("klausel.reference", "klausel_contracts", DEEP, None,
         [{**CONTRACT_ROW, "term_ids": False}],
         'has something else than records as "term_ids"'),
        ("klausel.reference", "klausel_contracts", DEEP, None,
         [{**CONTRACT_ROW, "term_ids": [{**TERM, "discount": float("nan")}]}],
         ', in "term_ids", has something else than a number as "discount"'),
        ("klausel.reference", "klausel_contracts", DEEP, None,
         [{**CONTRACT_ROW, "klausel_seq": "0"}],
         'has something else than a number of things as "klausel_seq"'),
        ("klausel.ledger", "search_read", {"fields": ["amount", "period", "state"]}, None,
         [{"id": 1, "amount": "12.50", "period": "2026-01-01", "state": "live"}], ""),
        ("klausel.ledger", "search_read", {"fields": ["amount"]}, None,
         [{"id": 1, "amount": "NaN"}], 'has something else than a decimal number as "amount"'),
        ("klausel.ledger", "search_read", {"fields": ["period"]}, None,
         [{"id": 1, "period": "2026-02-30"}], 'has something else than a date as "period"'),
        ("klausel.ledger", "search_read", {"fields": ["state"]}, None,
         [{"id": 1, "state": "dead"}], 'has something else than live or released as "state"'),
        ("klausel.contract", "klausel_apply", {}, None,
         {"moves": [{"key": "k", "id": 3}], "rows": 1, "replayed": False}, ""),
        ("klausel.contract", "klausel_apply", {}, None, {"moves": [], "rows": 1},
         'has no "replayed"'),
        ("klausel.contract", "klausel_apply", {}, None,
         {"moves": [{"key": "k"}], "rows": 1, "replayed": False}, ', in "moves", has no "id"'),
    ],
)  # fmt: skip
def test_what_an_answer_looks_like(
    model: str, method: str, arguments: Any, ids: Any, answer: Any, said: str
) -> None:
    if not said:
        answers.check(model, method, arguments, ids, answer)
        return
    with pytest.raises(answers.StrangeError) as caught:
        answers.check(model, method, arguments, ids, answer)
    place = f"{method} of {model}"
    assert str(caught.value) == (f"{place}{said}" if said[0] == "," else f"{place} {said}")


# --- sentences ------------------------------------------------------------------------------------


def said_of(error: BaseException) -> str:
    return failures.network("https://o", 60, error).message


def test_what_the_network_does() -> None:
    certificate = ssl.SSLCertVerificationError(1, "x")
    certificate.verify_message = "Hostname mismatch"
    chained = OSError("outside")
    chained.__cause__ = ConnectionRefusedError()
    assert said_of(URLError(certificate)) == (
        "the certificate of https://o cannot be trusted: hostname mismatch"
    )
    assert said_of(URLError(socket.gaierror(-2, "Name or service not known"))) == (
        "https://o cannot be reached: there is no such host"
    )
    assert said_of(chained) == "https://o cannot be reached: nothing listens there"
    assert said_of(TimeoutError()) == "https://o did not answer within 60 seconds"
    assert (
        said_of(ConnectionResetError()) == "https://o cannot be reached: the connection broke off"
    )
    assert said_of(OSError(113, "No route to host")) == (
        "https://o cannot be reached: no route to host"
    )
    assert said_of(ssl.SSLError(1, "[SSL] wrong version")).startswith(
        "https://o cannot be reached: no secure connection"
    )


def refusal(name: str, said: str, model: str = "res.partner") -> ErpError:
    return failures.refused_call(name, said, model, "bot", "prod", "https://o")


def test_what_odoo_says() -> None:
    refused = refusal(
        "odoo.exceptions.AccessError",
        "Sie dürfen auf 'Zeiterfassung' (account.analytic.line) nicht zugreifen.\n\nGruppen:",
    )
    assert str(refused) == (
        "user bot may not read account.analytic.line\n"
        '    in Odoo, add the user to the group "Klausel / Connector"'
    )
    assert refusal("AccessError", "No.").message == "user bot may not read res.partner"
    assert isinstance(refusal("x.Unauthorized", "Invalid apikey"), failures.WrongLoginError)
    assert isinstance(refusal("", "Object x.y doesn't exist", "x.y"), failures.MissingModelError)
    trace = 'Traceback (most recent call last):\n  File "/opt/odoo/x.py", line 3\nKeyError: 7\n'
    assert refusal("", trace).message == "Odoo failed while reading res.partner: KeyError: 7"
    assert refusal("ValueError", "<p>Bad value</p>\nmore", "").message == (
        "Odoo failed while checking the login: Bad value"
    )
    assert "no reason given" in refusal("", "").message
    assert refusal("", 'FATAL:  database "prod" does not exist').message == (
        'https://o has no database "prod"'
    )


def test_what_the_addon_refuses() -> None:
    """Its sentence, and what to do: by the code that stands before it."""
    refused = refusal("UserError", "[klausel:seq-moved] Contracts have changed.")
    assert isinstance(refused, failures.RefusedApplicationError)
    assert (refused.code, str(refused)) == (
        "seq-moved",
        "Contracts have changed.\n    run it again",
    )
    assert refusal("UserError", "[klausel:locked] The books are locked.").hint == (
        "have the lock date changed, or run it again after it"
    )


@pytest.mark.parametrize(
    ("name", "said", "message", "hint"),
    [
        (
            "odoo.exceptions.ValidationError",
            "Every invoice needs a cost center.",
            "Odoo says: Every invoice needs a cost center.",
            "put that right in Odoo, then run it again",
        ),
        (
            "psycopg2.OperationalError",
            "server closed the connection unexpectedly",
            "Odoo failed: server closed the connection unexpectedly",
            "look at the log of the Odoo server, then run it again",
        ),
    ],
)
def test_what_odoo_refuses_for_one_customer(name: str, said: str, message: str, hint: str) -> None:
    """It is that customer's matter: the others are written."""

    def call(*_: object) -> None:
        raise refusal(name, said, "klausel.contract")

    book = BookBuilder().build()
    application = Application("7", date(2026, 3, 1), 4, (), ())
    with pytest.raises(Refused) as caught:
        writing.apply(call, application, book, 1, 1, "https://o")
    assert str(caught.value) == f"{message}\n    {hint}"


def test_what_stands_before_odoo_says() -> None:
    assert str(failures.http_error("https://o", 502, "Bad Gateway")) == (
        "https://o failed with 502 Bad Gateway\n"
        "    look at the log of the Odoo server, or of the proxy in front of it"
    )
    assert failures.http_error("https://o", 404, "").message == (
        "https://o does not answer like an Odoo server"
    )
    assert failures.http_error("https://o", 429, "").message == "https://o asks to slow down (429)"


# --- the field reference --------------------------------------------------------------------------


def test_the_field_reference_is_up_to_date() -> None:
    written = (ROOT / "docs" / "fields.md").read_text(encoding="utf-8")
    assert written == fields_doc.render(), "run: python -m klausel_run.fields_doc > docs/fields.md"


def test_the_field_reference_has_every_column() -> None:
    said = fields_doc.render()
    for table in TABLES.values():
        assert f"## {table.file}" in said
        for field in table.fields:
            place = f"`{table.odoo}.{field.odoo}`" if field.odoo else ""
            assert f"| `{field.column}` | {place}" in said
            assert field.meaning in said


# --- asking ---------------------------------------------------------------------------------------


def test_time_off_and_the_internal_project_are_not_asked_for() -> None:
    info = {"company": {"id": 3}}
    fields = frozenset({"holiday_id", "name"})
    session = erp.Session(Entries([4, 7]), "19.0", info, 8, "de_DE", fields, False)
    given = OdooSettings.load(**GIVEN)
    reading = erp._Reading(session, given, date(2026, 6, 30), {"12", "9"})
    domain = reading._domain
    assert domain[:5] == [
        ("project_id", "!=", False),
        ("company_id", "=", 3),
        ("date", "<=", "2026-06-30"),
        ("project_id", "!=", 8),
        ("holiday_id", "=", False),
    ]
    assert domain[5:] == [("id", "in", [4, 7])]
    assert session.context == {
        "active_test": False,
        "allowed_company_ids": [3],
        "lang": "de_DE",
    }


class Unused:
    """A transport that nobody calls."""

    name = "unused"

    def version(self) -> str:
        raise AssertionError

    def login(self) -> None:
        raise AssertionError

    def call(self, *_: object) -> Any:
        raise AssertionError

    def close(self) -> None:
        raise AssertionError


class Entries(Unused):
    """A transport that is asked for the ids of customers' entries alone."""

    def __init__(self, ids: list[int]) -> None:
        self._ids = ids

    def call(self, *asked: Any) -> Any:
        model, method, arguments = asked
        assert (model, method) == ("klausel.reference", "klausel_entries")
        assert (arguments["company_id"], arguments["customers"]) == (3, [9, 12])
        return self._ids


def test_what_goes_wrong_ahead_is_raised_where_it_is_awaited() -> None:
    def fail() -> int:
        raise failures.MissingModelError("x.y", "prod")

    answer = erp.ahead(fail)
    with pytest.raises(failures.MissingModelError):
        answer()
    assert erp.ahead(lambda: 7)() == 7


def stored(id_: int, entry: int, **values: Any) -> dict[str, Any]:
    """A row of the ledger as Odoo answers it."""
    return {
        "id": id_, "contract_id": 1, "term": "S", "component": "time", "period": "2026-01-01",
        "line_group": "95", "sequence": 0, "entry_ref": entry, "seconds": 3600, "rounded": 3600,
        "disposition": "service", "rule": "R1", "rate": "95", "lot": "", "amount": False,
        "invoiced": False, "held": False, "move_line_id": False, "move_id": False,
        "fingerprint": "f", "policy": "p 1", "drawn": 0, "counted": False, "last": False,
        "role": False, "state": "live", "mark": 0, **values,
    }  # fmt: skip


def read_ledger(*rows: dict[str, Any]) -> list[LedgerRow]:
    def call(model: str, method: str, arguments: Mapping[str, Any]) -> Any:
        assert (model, method) == ("klausel.ledger", "search_read")
        assert ("state", "=", "live") not in arguments["domain"]
        assert set(arguments["fields"]) <= set(rows[0])
        return list(rows)

    return writing.ledger(call, 1, {1: "C1"})


def test_a_row_of_the_ledger_is_read_whole() -> None:
    (row,) = read_ledger(
        stored(
            1, 0, amount="-12.5", rate="12.5", move_id=7, move_line_id=9, drawn=5400,
            counted="2026-01-31", last="2026-03-31", lot="L1", invoiced="-12.50",
        )
    )  # fmt: skip
    assert (row.document, row.line, row.amount) == ("7", "9", Decimal("-12.5"))
    assert (row.drawn, row.counted, row.last) == (5400, date(2026, 1, 31), date(2026, 3, 31))
    assert (row.state, row.invoiced, row.lot) == ("live", None, "L1")
    # A part stands on the invoice of its line: only the line says which.
    (part,) = read_ledger(stored(1, 5, move_id=7, move_line_id=9))
    assert (part.document, part.line, part.entry) == ("", "9", "5")


def test_of_released_rows_those_that_are_still_open_are_read() -> None:
    gone = {"state": "released", "mark": 4}
    # Nobody has billed entry 5 since; of two releases of one part the last counts.
    rows = read_ledger(
        stored(1, 5, **gone, rule="OLD"), stored(3, 5, **gone), stored(4, 6, lot="other")
    )
    assert [(row.entry, row.state, row.rule) for row in rows] == [
        ("5", "released", "R1"), ("6", "live", "R1"),
    ]  # fmt: skip
    # Billed again, in the same place or in another one.
    for again in ({}, {"sequence": 1, "line_group": "110"}):
        rows = read_ledger(stored(1, 5, **gone), stored(9, 5, **again))
        assert [(row.entry, row.state) for row in rows] == [("5", "live")]
    # A part on another invoice that was there before stays; so does what is open beside it.
    rows = read_ledger(stored(1, 5, **gone), stored(2, 5, line_group="110"))
    assert [(row.state, row.key.group) for row in rows] == [("released", "95"), ("live", "110")]
    # A line is read until it is billed again; a row that closed a period never.
    (line,) = read_ledger(stored(1, 0, **gone, amount="95"))
    assert (line.state, line.amount, line.entry) == ("released", Decimal(95), "")
    rows = read_ledger(stored(1, 0, **gone, amount="95"), stored(2, 0, amount="90"))
    assert [(row.state, row.amount) for row in rows] == [("live", Decimal(90))]
    assert read_ledger(stored(1, 0, **gone, line_group="")) == []


def test_what_is_read_past_rules_is_what_is_read() -> None:
    """The addon tells of records that the user may not see exactly the fields that runs read."""
    file = Path(__file__).parents[1] / "addon/klausel_billing/models/klausel_reference.py"
    tree = ast.parse(file.read_text(encoding="utf-8"))
    (told,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TOLD"
    )
    read = {
        table.odoo: records.specification(table)
        for name, table in TABLES.items()
        if name in ("customers", "projects", "tickets", "employees")
    }
    read |= {
        target.model: {name: {} for name in target.fields}
        for field, target in erp.NAMED.items()
        if field != "klausel_tag_ids"  # tags are nobody's secret
    }
    assert told == {
        model: {name: tuple(part.get("fields", ())) for name, part in specification.items()}
        for model, specification in read.items()
    }


class Older(Unused):
    """An addon of before it read past rules."""

    def call(self, *asked: Any) -> Any:
        assert asked[:2] == ("klausel.contract", "klausel_info")
        return {"protocol": 2, "addon": "19.0.1.1.0", "company": {"id": 1}}


def test_an_addon_that_leaves_out_what_the_user_may_not_see() -> None:
    """With it, an approval of a private ticket would be one of the whole contract."""
    source = OdooSource(OdooSettings.load(**GIVEN))
    with pytest.raises(ErpError) as caught:
        source.open_session(Older(), "19.0")
    assert str(caught.value) == (
        "the addon klausel_billing 19.0.1.1.0 cannot say what records refer to\n"
        "    upgrade the addon"
    )


def test_a_transport_that_gives_up_first_is_asked_nothing_more() -> None:
    """Its own deadline may come a moment before ours: the answer is on its way all the same."""
    asked: list[str] = []

    class Slow(Unused):
        def version(self) -> str:
            asked.append("version")
            raise failures.too_slow("http://odoo.test", 9)

    settings = OdooSettings.load(
        url="http://odoo.test", database="d", login="l", password="p", timeout=9
    )
    guarded = Guarded(lambda _: Slow(), settings)
    for _ in range(2):
        with pytest.raises(ErpError, match="did not answer within 9 seconds"):
            guarded.version()
    assert asked == ["version"]

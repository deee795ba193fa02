"""Odoo's desk behind the port: what is asked there, and what is made of the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pytest

from klausel.port import Gone, Refused, Request, Shown, Standing, Wish
from klausel.problems import ErpError, LostError
from klausel_odoo import OdooDesk, OdooSettings, OdooSource, answers, failures
from klausel_odoo.desk import content
from klausel_odoo.erp import Session

INFO = {
    "company": {"id": 3}, "addon": "19.0.1.0.0", "protocol": 2, "references": True, "work": True,
}  # fmt: skip
ASKED = {
    "id": 7, "kind": "bill", "as_of": "2026-07-01", "adjust": True,
    "customers": [{"partner_id": 12, "seen": "abc", "state": "waiting"},
                  {"partner_id": 13, "seen": False, "state": "written"}],
}  # fmt: skip
REQUEST = Request(7, "bill", date(2026, 7, 1), True, (Wish("12", "abc"), Wish("13", "", "written")))


class Line:
    """A transport that answers from a table, and looks at its answers as a real one does."""

    name = "table"

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.table = table
        self.calls: list[tuple[str, str, Mapping[str, Any]]] = []
        self.closed = 0

    def call(self, model: str, method: str, arguments: Mapping[str, Any], ids: Any = None) -> Any:
        self.calls.append((model, method, arguments))
        found = self.table[method]
        found = found(arguments) if callable(found) else found
        if isinstance(found, Exception):
            raise found
        answers.check(model, method, arguments, ids, found)
        return found

    def close(self) -> None:
        self.closed += 1


def desk_of(**table: Any) -> tuple[OdooDesk, Line]:
    settings = OdooSettings(
        url="http://odoo.test", database="d", login="bot", password="secret", policies="policies"
    )
    line = Line({"context_get": {}, **table})
    desk = OdooDesk(OdooSource(settings), "one")
    info = table.get("info", INFO)
    desk._own._session = Session(line, "19.0", info, 0, "en_US", frozenset(), False)  # type: ignore[arg-type]
    return desk, line


def test_a_request_is_read() -> None:
    desk, line = desk_of(klausel_next=ASKED)
    assert desk.next() == REQUEST
    ((model, _, arguments),) = line.calls
    assert model == "klausel.request"
    assert {**arguments, "version": "", "context": {}} == {
        "company_id": 3, "worker": "one", "version": "", "context": {},
    }  # fmt: skip
    assert desk_of(klausel_next=False)[0].next() is None


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("id", 0), ("kind", "record"), ("as_of", "1 July"), ("adjust", "yes"), ("customers", {}),
        ("customers", [{"partner_id": 12, "seen": 5, "state": "waiting"}]),
        ("customers", [{"partner_id": "12", "seen": "", "state": "waiting"}]),
    ],
)  # fmt: skip
def test_a_strange_request_is_none(part: str, value: object) -> None:
    desk, _ = desk_of(klausel_next={**ASKED, part: value})
    with pytest.raises(answers.StrangeError):
        desk.next()


def test_an_addon_of_before_takes_no_requests() -> None:
    desk, line = desk_of(info={**INFO, "work": False})
    with pytest.raises(ErpError) as caught:
        desk.next()
    assert str(caught.value) == (
        "the addon klausel_billing 19.0.1.0.0 takes no requests\n    upgrade the addon"
    )
    assert line.closed == 1  # it may be another one at the next question


GONE = failures.RefusedApplicationError("request-gone", "Request 7 is not with this program.")
CALLS: list[Callable[[OdooDesk], object]] = [
    lambda desk: list(desk.report(REQUEST, {"12": Shown({})})),
    lambda desk: list(desk.report(REQUEST, {"12": Shown({}), "13": Shown({})})),
    lambda desk: desk.unchanged(REQUEST, {"12": Shown({"seq": 1}, content="a")}),
    lambda desk: desk.say(REQUEST, "12", "changed", "so"),
    lambda desk: desk.done(REQUEST, "done", ""),
]


@pytest.mark.parametrize("call", CALLS)
def test_a_request_that_is_gone_is_told_apart(call: Callable[[OdooDesk], object]) -> None:
    desk, _ = desk_of(
        klausel_report=GONE, klausel_unchanged=GONE, klausel_say=GONE, klausel_done=GONE
    )
    with pytest.raises(Gone, match="Request 7 is not with this program"):
        call(desk)


def test_the_hash_of_a_page_is_of_what_is_seen_alone() -> None:
    page = {"as_of": "2026-01-01", "seq": 1, "lines": [{"name": "Care"}], "parts": []}
    assert content(page) == content({**page, "as_of": "2026-02-01", "seq": 2})
    assert content(page) != content({**page, "lines": [{"name": "care"}]})


def test_many_customers_are_asked_for_in_few_calls() -> None:
    """And of an answer only those count that were asked for."""
    desk, line = desk_of(klausel_unchanged=[{"partner_id": 7}, {"partner_id": False}])
    pages = {str(number): Shown({"seq": 1}, content="a") for number in range(1, 231)}
    assert desk.unchanged(REQUEST, pages) == {"7"}
    asked = [arguments["customers"] for _model, _method, arguments in line.calls]
    assert [len(some) for some in asked] == [100, 100, 30]
    assert asked[0][0] == {"partner_id": 1, "content": "a", "seq": 1}
    assert desk.unchanged(REQUEST, {"": Shown({"seq": 0}, content="a")}) == {""}
    assert line.calls[-1][2]["customers"][0]["partner_id"] is False
    assert desk.unchanged(REQUEST, {}) == set()


def answer(customer: int | bool, **more: Any) -> dict[str, Any]:
    return {"partner_id": customer, "stale": False, "code": "", "said": "", **more}


def page(rows: int = 0) -> Shown:
    return Shown({"seq": 1, "lines": [{}] * rows, "parts": []}, content="a")


def reported(line: Line) -> list[list[int | bool]]:
    """Customers of each call."""
    return [
        [one["partner_id"] for one in arguments["customers"]]
        for _, method, arguments in line.calls
        if method == "klausel_report"
    ]


def test_a_refused_report_is_of_one_customer() -> None:
    """With the sentence and the hint of a refusal, whoever else was in the same call."""
    missing = {"code": "contract-missing", "said": "No contract X."}
    currency = {"code": "currency", "said": "Odoo knows no currency XXZ. "}
    answers = [answer(12, stale=True), answer(13, **missing), answer(False, **currency)]
    desk, line = desk_of(klausel_report=answers)
    found = dict(desk.report(REQUEST, {"12": page(), "13": page(), "": page()}))
    assert reported(line) == [[12, 13, False]]
    assert list(found) == ["12", "13", ""]
    assert found["12"] is True
    assert isinstance(found["13"], Refused)
    assert isinstance(found[""], Refused)
    assert (found["13"].code, str(found["13"])) == (
        "contract-missing", "No contract X.\n    run it again",
    )  # fmt: skip
    assert str(found[""]) == (
        "Odoo knows no currency XXZ.\n    put that right in Odoo, then run it again"
    )
    (arguments,) = [arguments for _, _, arguments in line.calls]
    assert arguments["customers"][0]["payload"] == {
        "seq": 1, "lines": [], "parts": [], "content": "a",
    }  # fmt: skip


def answers_of(arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [answer(one["partner_id"]) for one in arguments["customers"]]


def test_what_odoo_cannot_read_of_one_refuses_no_other() -> None:
    """Each is told of once more, alone."""
    bad = failures.RefusedApplicationError("protocol", "Something else for “parts.line”.")

    def answer_to(arguments: Mapping[str, Any]) -> Any:
        answers = answers_of(arguments)
        return bad if 13 in [one["partner_id"] for one in answers] else answers

    desk, line = desk_of(klausel_report=answer_to)
    found = dict(desk.report(REQUEST, {"12": page(), "13": page(), "14": page()}))
    assert reported(line) == [[12, 13, 14], [12], [13], [14]]
    assert (found["12"], found["14"]) == (False, False)
    assert str(found["13"]) == (
        "Something else for “parts.line”.\n    bring the addon and klausel to the same version"
    )
    assert line.closed == 0


def test_few_calls_tell_of_many_customers() -> None:
    """None of more than 25 customers or 4000 rows; whoever has more is told of alone."""
    desk, line = desk_of(klausel_report=answers_of)
    pages = {str(number): page() for number in range(1, 61)}
    assert dict(desk.report(REQUEST, pages)) == dict.fromkeys(pages, False)
    assert [len(some) for some in reported(line)] == [25, 25, 10]
    line.calls.clear()
    sizes = {"1": 1500, "2": 2500, "3": 1, "4": 20_000, "5": 4000, "6": 0, "7": 3999, "8": 1}
    pages = {customer: page(rows) for customer, rows in sizes.items()}
    assert dict(desk.report(REQUEST, pages)) == dict.fromkeys(pages, False)
    assert reported(line) == [[1, 2], [3], [4], [5, 6], [7, 8]]
    line.calls.clear()
    assert list(desk.report(REQUEST, {})) == []
    # Who stops asking leaves the rest as it was.
    told = desk.report(REQUEST, {str(number): page() for number in range(1, 61)})
    assert next(told) == ("1", False)
    assert reported(line) == [list(range(1, 26))]


def test_whoever_is_left_out_is_told_of_alone_at_the_end() -> None:
    desk, line = desk_of(klausel_report=[answer(12), answer(77)])
    told = desk.report(REQUEST, {"12": page(), "13": page()})
    assert next(told) == ("12", False)
    line.table = {"klausel_report": [answer(13, stale=True)]}
    assert list(told) == [("13", True)]
    assert reported(line) == [[12, 13], [13]]
    # Of one alone there is an answer.
    desk, line = desk_of(klausel_report=[answer(12)])
    with pytest.raises(ErpError) as caught:
        list(desk.report(REQUEST, {"13": page()}))
    assert str(caught.value) == (
        "the server at http://odoo.test answered something else than Odoo does: nothing of a"
        " customer\n    whether it has done what was asked is not known: run it again; if that"
        " stays, look at the log of the Odoo server, or of the proxy in front of it"
    )
    assert reported(line) == [[13]]


def test_a_lost_connection_is_opened_anew() -> None:
    lost = failures.unreachable("http://odoo.test", "nothing listens there")
    desk, line = desk_of(klausel_done=lost)
    with pytest.raises(LostError):
        desk.done(REQUEST, "done", "")
    assert line.closed == 1


def test_who_may_not_learns_how_to_get_the_right() -> None:
    desk, _ = desk_of(klausel_next=failures.AccessRefusedError("bot", "klausel.request"))
    with pytest.raises(ErpError) as caught:
        desk.next()
    assert str(caught.value) == (
        "user bot may not work on requests\n"
        '    in Odoo, add the user to the group "Klausel / Connector"'
    )


def test_what_is_shown_now_as_people_read_it() -> None:
    def row(id_: int, **values: Any) -> dict[str, Any]:
        return {
            "id": id_, "partner_id": 10 + id_, "fingerprint": "abc", "line_count": 2,
            "amount": 1234.5, "others": False,
            "currency_id": {"id": 1, "name": "EUR", "decimal_places": 2}, **values,
        }  # fmt: skip

    desk, _ = desk_of(
        web_search_read={
            "records": [
                row(1), row(2, others="3.50 USD", amount=-0.3), row(3, partner_id=False),
                row(4, line_count=0, amount=0, fingerprint=False),
            ]
        }
    )  # fmt: skip
    assert desk.standing() == {
        "11": Standing("abc", 2, "1,234.50 EUR"),
        "12": Standing("abc", 2, "-0.30 EUR, 3.50 USD"),
        "14": Standing("", 0, ""),
    }


@pytest.mark.parametrize(
    "lost",
    [
        failures.unreachable("u", "x"), failures.too_slow("u", 1),
        failures.http_error("u", 429, ""),
        failures.http_error("u", 502, "Bad Gateway"), failures.http_error("u", 503, ""),
        failures.http_error("u", 504, ""),
    ],
)  # fmt: skip
def test_what_passes_is_told_apart(lost: ErpError) -> None:
    assert isinstance(lost, LostError)


@pytest.mark.parametrize(
    "other",
    [
        failures.untrusted("u", "x"), failures.http_error("u", 404, ""),
        failures.http_error("u", 500, ""), failures.wrong_database("u", "d"),
    ],
)  # fmt: skip
def test_what_stays_is_none_of_these(other: ErpError) -> None:
    assert not isinstance(other, LostError)

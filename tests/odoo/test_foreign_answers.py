"""Whatever answers in the place of Odoo: a sentence, in time, and exit code 3.

Most of it asks a double (see :mod:`tests.odoo.double`): of a right server there are the other tests
of the connector. Its right answers are those that a real Odoo gave a moment before.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import settings

import cli
from klausel.problems import ErpError
from klausel_odoo import OdooSettings, OdooSource, answers, transports
from klausel_odoo.transports.kinds import Transport
from klausel_run import work as working
from tests.counts import count
from tests.seeds import SEED, USERS, how_to_repeat

from . import customers, double
from .double import KEY, SLOW, TRANSPORTS, Step, Talk, Wrong, place, serving, wrongs
from .rpc import Rpc
from .server import Odoo, Server

every_transport = pytest.mark.parametrize("transport", TRANSPORTS)

LIMIT = 2  # MB
BEFORE, DAY = "2024-02-01", "2024-03-01"


class Ran(NamedTuple):
    code: int
    out: str
    err: str
    seconds: float


class Program:
    """``klausel`` as it is started, in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("KLAUSEL_ODOO_PASSWORD", KEY)
        monkeypatch.setenv("KLAUSEL_ODOO_ANSWER_LIMIT", str(LIMIT))
        monkeypatch.setattr("keyring.get_password", lambda service, user: None)

    def run(
        self, url: str, transport: str, *command: str, timeout: float = 60, policies: Path
    ) -> Ran:
        self._monkeypatch.setenv("KLAUSEL_ODOO_TRANSPORT", transport)
        self._monkeypatch.setenv("KLAUSEL_ODOO_TIMEOUT", str(timeout))
        options = ("--odoo", "--url", url, "--database", "prod", "--login", "bot")
        start = time.monotonic()
        code = cli.run([*command, *options, "--policies", str(policies)])
        took = time.monotonic() - start
        said = self._capsys.readouterr()
        assert KEY not in said.out + said.err
        return Ran(code, said.out, said.err, took)


@pytest.fixture
def program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    monkeypatch.chdir(tmp_path)
    return Program(monkeypatch, capsys)


def erp(url: str, transport: str, **options: Any) -> OdooSource:
    values = {
        "database": "prod", "login": "bot", "password": KEY, "timeout": 20, "answer_limit": LIMIT,
        "policies": Path("nowhere"), **options,
    }  # fmt: skip
    return OdooSource(OdooSettings.load(url=url, transport=transport, **values))


def said(url: str, transport: str, **options: Any) -> str:
    """What the first question behind the login ends with."""
    with pytest.raises(ErpError) as caught:
        erp(url, transport, **options).session()
    assert KEY not in str(caught.value)
    return str(caught.value)


#: A double that stands still at the first question behind the login needs no answers.
INFO: Talk = {place("klausel.contract", "klausel_info", {}, None): [{}]}

AGAIN = (
    "run it again; if that stays, look at the log of the Odoo server,"
    " or of the proxy in front of it"
)


def strange(url: str, what: str) -> str:
    return f"the server at {url} answered something else than Odoo does: {what}\n    {AGAIN}"


# --- each its sentence


@every_transport
@pytest.mark.parametrize("wrong", [double.drip, double.drip_body, double.silence])
def test_one_deadline_for_a_call_however_it_comes(transport: str, wrong: Wrong) -> None:
    with serving(INFO, wrong) as server:
        start = time.monotonic()
        assert said(server.url, transport, timeout=0.7) == (
            f"{server.url} did not answer within 0.7 seconds\n"
            "    try again, or set a longer timeout (KLAUSEL_ODOO_TIMEOUT)"
        )
        assert time.monotonic() - start < 5


@every_transport
def test_after_a_deadline_nothing_is_asked_any_more(transport: str) -> None:
    """A connection on which an answer is still to come is of no use to other questions."""
    with serving(INFO, double.silence) as server:
        connection, _ = transports.open_transport(erp(server.url, transport, timeout=3).settings)
        connection.login()
        for _ in range(3):
            with pytest.raises(ErpError, match="did not answer within 3 seconds"):
                connection.call("klausel.contract", "klausel_info", {})
        assert len(server.met) == 1


@every_transport
@pytest.mark.parametrize(
    "wrong", [double.endless, double.endless_chunks, double.bomb], ids=lambda wrong: wrong.__name__
)
def test_an_answer_has_a_limit(transport: str, wrong: Wrong) -> None:
    with serving(INFO, wrong) as server:
        assert said(server.url, transport) == (
            f"the answer of {server.url} is larger than 2 MB\n"
            "    if that can be, set a higher limit (KLAUSEL_ODOO_ANSWER_LIMIT, in MB)"
        )


@every_transport
def test_an_answer_up_to_the_limit(transport: str) -> None:
    info = {"addon": "1", "protocol": 0, "more": "x" * 1_900_000}
    with serving({place("klausel.contract", "klausel_info", {}, None): [info]}) as server:
        assert said(server.url, transport).startswith("the addon klausel_billing 1 speaks protocol")


@every_transport
@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_password_goes_to_nobody_else(transport: str, code: int) -> None:
    """Not at any step, and not to another port of this machine either."""
    with serving({}) as other:
        for step in ("version", "login", "call"):
            target = f"{other.url}/jsonrpc?key={KEY}"
            send = double.status(code, Location=target)
            with serving(INFO, send, lambda _, found, step=step: found.way == step) as server:
                assert said(server.url, transport) == (
                    f"{server.url} redirects to {other.url}/jsonrpc?key=***\n"
                    "    give the URL that it redirects to"
                )
        assert other.heard == []


@every_transport
def test_cut_off(transport: str) -> None:
    with serving(INFO, double.cut_off) as server:
        assert said(server.url, transport) == (
            f"{server.url} cannot be reached: the connection broke off\n"
            "    check the URL, the network and that Odoo is running"
        )


@every_transport
@pytest.mark.parametrize("name", ["no http", "binary"])
def test_no_http(transport: str, name: str) -> None:
    with serving(INFO, double.raw(double.RAWS[name])) as server:
        assert said(server.url, transport) == strange(server.url, "what came back is no HTTP")


@every_transport
@pytest.mark.parametrize("name", ["nothing", "page", "noise", "too long a number", "latin"])
def test_what_cannot_be_read(transport: str, name: str) -> None:
    with serving(INFO, double.body(double.BODIES[name])) as server:
        assert said(server.url, transport) == strange(
            server.url, "what it answered to klausel_info of klausel.contract cannot be read"
        )


@pytest.mark.parametrize("transport", ["odoorpc", "json2"])
def test_nested_too_deeply(transport: str) -> None:
    with serving(INFO, double.body(double.DEEP_JSON)) as server:
        assert said(server.url, transport) == strange(
            server.url, "what it answered to klausel_info of klausel.contract is nested too deeply"
        )


@every_transport
@pytest.mark.parametrize("wrong", [{}, None, 7, "text", [], [[[]]], True])
def test_a_value_of_another_type(transport: str, wrong: Any) -> None:
    with serving(INFO, double.value(wrong)) as server:
        assert said(server.url, transport) == strange(
            server.url, 'klausel_info of klausel.contract has no "addon"'
        )


@every_transport
@pytest.mark.parametrize("wrong", [{}, None, "text", [1]])
def test_a_login_that_is_none(transport: str, wrong: Any) -> None:
    with serving(INFO, double.value(wrong), lambda _, step: step.way == "login") as server:
        what = "what it answered to the login cannot be read"
        if transport == "json2":
            what = 'context_get of res.users has no "uid"'
        assert said(server.url, transport) == strange(server.url, what)


@every_transport
@pytest.mark.parametrize("wrong", [{}, None, 19, ["19.0"], "x" * 99, "19.0\n\x1b[31mred"])
def test_a_version_that_is_none(transport: str, wrong: Any) -> None:
    with serving(INFO, double.value(wrong), lambda _, step: step.way == "version") as server:
        assert said(server.url, transport) == (
            f"{server.url} does not answer like an Odoo server\n"
            "    check the URL: give Odoo's own, without path"
        )


@every_transport
def test_what_an_error_says_is_shown_without_the_password(transport: str) -> None:
    """Some log and answer what they were sent."""
    told = f"cannot read {KEY} at /srv"
    answered = {
        "odoorpc": json.dumps({"error": {"data": {"name": "ValueError", "message": told}}}),
        "json2": json.dumps({"name": "ValueError", "message": told}),
        "xmlrpc": "<methodResponse><fault><value><struct><member><name>faultCode</name><value>"
        "<int>1</int></value></member><member><name>faultString</name><value><string>ValueError: "
        f"{told}</string></value></member></struct></value></fault></methodResponse>",
    }[transport]
    code = 500 if transport == "json2" else 200
    with serving(INFO, double.status(code, answered)) as server:
        assert said(server.url, transport) == (
            "Odoo failed while reading klausel.contract: cannot read *** at /srv\n"
            "    look at the log of the Odoo server"
        )


@every_transport
def test_the_next_call_does_not_get_what_is_left_of_a_page(transport: str) -> None:
    asked = iter([True])
    at = lambda _, step: step.way == "call" and next(asked, False)  # noqa: E731
    with serving(INFO, double.status(500, "<html>" + "x" * 300_000), at) as server:
        connection, _ = transports.open_transport(erp(server.url, transport).settings)
        connection.login()
        with pytest.raises(ErpError, match="failed with 500"):
            connection.call("klausel.contract", "klausel_info", {})
        with pytest.raises(ErpError, match='has no "addon"'):
            connection.call("klausel.contract", "klausel_info", {})


# --- shapes


def methods() -> set[str]:
    """All that the connector calls, by what stands in its files."""
    import ast

    folder = Path(answers.__file__).parent
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                word = node.value
                known = ("search", "read", "web_read", "fields_get", "context_get", "write")
                if word.startswith("klausel_") or word.startswith(known):
                    found.add(word)
    return found


#: Words that look like methods: fields and our own names.
NO_METHODS = {
    "klausel_billing", "klausel_seq", "klausel_tag_ids", "klausel_", "klausel_odoo",
}  # fmt: skip


def test_every_method_that_is_called_has_a_shape() -> None:
    called = {word for word in methods() if word.isidentifier()} - NO_METHODS
    assert "klausel_apply" in called
    assert called <= answers.KNOWN | {"read", "search"}, called - answers.KNOWN


# --- a real conversation, and anything at all in the middle of it


class _Recorder:
    """A transport that remembers what was asked and answered."""

    def __init__(self, inner: Transport, talk: Talk) -> None:
        self._inner, self._talk = inner, talk
        self.name = inner.name

    def version(self) -> str:
        return self._inner.version()

    def login(self) -> None:
        self._inner.login()

    def call(
        self,
        model: str,
        method: str,
        arguments: Mapping[str, Any],
        ids: Sequence[int] | None = None,
    ) -> Any:
        found = self._inner.call(model, method, arguments, ids)
        self._talk.setdefault(place(model, method, arguments, ids), []).append(found)
        return found

    def close(self) -> None:
        self._inner.close()


def adorn(rpc: Rpc, party: customers.Party) -> None:
    """One of each that a run reads."""
    (tag,) = rpc.call("project.tags", "create", [{"name": "Night"}])
    above = {"name": "Move", "project_id": party.project, "tag_ids": [(4, tag)]}
    (parent,) = rpc.call("project.task", "create", [above])
    (ticket,) = rpc.call("project.task", "create", [{**above, "parent_id": parent}])
    lines = rpc.call(
        "account.analytic.line", "search", [("project_id", "=", party.project)], order="date"
    )
    values = {"task_id": ticket, "klausel_tag_ids": [(4, tag)]}
    rpc.call("account.analytic.line", "write", lines[-1:], values)
    day = {"contract_id": party.contract, "date": "2024-02-10"}
    rpc.call("klausel.item", "create", [{**day, "name": "Disk", "quantity": 2, "price": 40.5}])
    approval = {
        "contract_id": party.contract, "ticket_ids": [(4, ticket)], "state": "approved",
        "has_limit_amount": True, "limit_amount": 900, "decided_on": "2024-01-02",
    }  # fmt: skip
    rpc.call("klausel.approval", "create", [approval])
    facts = {"attribute_ids": [(0, 0, {"name": "site", "value": "Kiel"})]}
    rpc.call("klausel.contract", "write", [party.contract], facts)


#: A run that does not ask.
BILL = ("bill", "--as-of", DAY, "--yes", "--backlog")


@pytest.fixture(scope="module")
def talk(odoo_server: Server, odoo: Odoo) -> Iterator[Talk]:
    """What a real Odoo answered to a bill run of two customers, the second of theirs."""
    customers.empty(odoo_server, odoo)
    parties = customers.populate(odoo_server, odoo, ["A", "B"], months=2)
    adorn(Rpc(odoo), parties["A"])
    _recorded(odoo, "bill", "--as-of", BEFORE, "--yes", "--backlog")
    return _recorded(odoo, *BILL)


def _recorded(odoo: Odoo, *command: str, code: int = 0) -> Talk:
    """What Odoo answers to a command."""
    found: Talk = {}
    with pytest.MonkeyPatch.context() as patch:
        way = transports._WAYS["odoorpc"]
        patch.setitem(transports._WAYS, "odoorpc", lambda given: _Recorder(way(given), found))
        patch.setenv("KLAUSEL_ODOO_PASSWORD", odoo.password)
        options = (
            "--odoo", "--url", odoo.url, "--database", odoo.database, "--login", odoo.login,
            "--policies", str(customers.POLICIES),
        )  # fmt: skip
        assert cli.run([*command, *options]) == code
    return found


@pytest.fixture
def policies() -> Path:
    return customers.POLICIES


@pytest.mark.odoo
@every_transport
def test_the_double_is_taken_for_odoo(
    transport: str, talk: Talk, program: Program, policies: Path
) -> None:
    with serving(talk) as server:
        ran = program.run(server.url, transport, *BILL, policies=policies)
        assert (ran.code, ran.err) == (0, "")
        assert "2 drafts written, 2 customers settled." in ran.out
        assert len(server.steps) > 10


def _steps(talk: Talk, transport: str, program: Program, policies: Path) -> list[Step]:
    with serving(talk) as server:
        program.run(server.url, transport, *BILL, policies=policies)
        return server.steps


#: Answers a transport: 500 with ``--soak``, a quarter of them else.
MANY = 500
#: What takes until the deadline is rarer.
SLOWLY = 20


USERS.append(__name__)


def many() -> int:
    return min(MANY, settings.default.max_examples // 8)


@pytest.mark.odoo
@every_transport
def test_whatever_is_answered_ends_in_time_with_a_sentence(
    transport: str, talk: Talk, program: Program, policies: Path
) -> None:
    chance = random.Random(f"{SEED} {transport}")
    number_of_steps = len(_steps(talk, transport, program, policies))
    quick = wrongs(transport)
    met: Counter[str] = Counter()
    for number in range(many()):
        slowly = number % SLOWLY == 0
        name = chance.choice([*SLOW] if slowly else [*quick])
        wrong = SLOW[name] if slowly else quick[name]
        deadline = 0.3 if slowly else 20.0
        place_ = chance.randrange(number_of_steps)
        with serving(talk, wrong, lambda found, _, place_=place_: found >= place_) as server:
            ran = program.run(server.url, transport, *BILL, timeout=deadline, policies=policies)
        step = server.met[0] if server.met else None
        told = f"{name} at {step}\n{ran.out[-500:]}\n{ran.err}\n{how_to_repeat()}"
        assert "internal error" not in ran.err, told
        assert ran.code == 3, told
        last = [line for line in ran.err.splitlines() if line.startswith("error: ")]
        assert len(last) == 1, told
        assert ran.seconds < deadline + 10, told
        if step is not None:
            met[step.method] += 1
            if step.method == "klausel_apply":
                assert "; that was while writing Shop " in ran.err, told
                assert "run the same again: what was written is found" in ran.err, told
        count(f"answers of a foreign server ({transport}), each ended with 3 and a sentence")
    assert set(met) >= {"version", "klausel_apply", "search_read", "klausel_contracts"}, met


class Changed:
    """Answers with one thing in it changed."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.given: Any = None

    def __call__(self, request: double.Request, transport: str, step: Step) -> None:
        self.given = double.spoiled(step.answer, self._chance)
        request.give(double.encoded(transport, step, self.given), transport)


@pytest.mark.odoo
@every_transport
def test_small_things_wrong_in_a_right_answer_never_end_with_our_mistake(
    transport: str, talk: Talk, program: Program, policies: Path
) -> None:
    """Some are values that could be: then it goes on, or says what cannot be meant."""
    chance = random.Random(f"{SEED} small {transport}")
    number_of_steps = len(_steps(talk, transport, program, policies))
    codes: Counter[int] = Counter()
    for _ in range(many()):
        place_ = chance.randrange(number_of_steps)
        wrong = Changed(chance)
        with serving(talk, wrong, lambda found, _, place_=place_: found == place_) as server:
            ran = program.run(server.url, transport, *BILL, policies=policies)
        told = f"{server.met} -> {wrong.given}\n{ran.err}\n{how_to_repeat()}"
        assert ran.code in (0, 1, 2, 3), told
        assert "internal error" not in ran.err, told
        codes[ran.code] += 1
        count(f"answers with one thing changed ({transport})")
    assert codes[3] > many() // 10, codes


def _shape(step: Step) -> tuple[str, str, tuple[str, ...]]:
    """What is asked of which model, as far as the answer shows it."""
    first = step.answer[0] if isinstance(step.answer, list) and step.answer else step.answer
    return step.model, step.method, tuple(sorted(first)) if isinstance(first, dict) else ()


#: Commands that read what a bill run does not.
OTHERS: dict[str, tuple[str, ...]] = {
    "audit": ("audit",),
    "doctor": ("doctor",),
    "publish": ("publish", "--yes"),
    "activity": ("activity", "--from", "2024-01-01", "--to", DAY),
    "work": ("work", "--once", "--name", "double"),
}


@pytest.mark.odoo
@pytest.mark.soak
@pytest.mark.parametrize("name", ["bill", *OTHERS])
def test_each_thing_in_each_answer_changed_never_ends_with_our_mistake(
    name: str,
    talk: Talk,
    odoo: Odoo,
    program: Program,
    policies: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not drawn: every member of every answer, of a list its first."""
    command = OTHERS.get(name, BILL)
    monkeypatch.setattr(working, "RETRY", 0.01)
    monkeypatch.setattr(working, "LONGEST_RETRY", 0.02)
    if name == "work":
        _recorded(odoo, *command)  # Odoo takes requests where somebody has just worked
        Rpc(odoo).call("klausel.preview", "action_refresh_all")
    said = _recorded(odoo, *command) if name in OTHERS else talk
    with serving(said) as server:
        program.run(server.url, "odoorpc", *command, policies=policies)
        steps = server.steps
    usual = set(map(_shape, _steps(talk, "odoorpc", program, policies)))
    seen = usual if name in OTHERS else set()
    bad: list[str] = []
    changed = 0
    for number, step in enumerate(steps):
        if _shape(step) in seen:
            continue
        seen.add(_shape(step))
        for wrong in double.every_spoiled(step.answer):

            def give(request: double.Request, transport: str, at: Step, wrong: Any = wrong) -> None:
                request.give(double.encoded(transport, at, wrong.answer), transport)

            with serving(said, give, lambda found, _, number=number: found == number) as server:
                ran = program.run(server.url, "odoorpc", *command, policies=policies)
            if ran.code not in (0, 1, 2, 3) or "internal error" in ran.err:
                bad.append(f"{step.model} {step.method}: {wrong.told}: {ran.err}")
            changed += 1
    count(f"members of answers changed, one by one: {name}", changed)
    assert changed > 100, [str(step) for step in steps]
    assert not bad, "\n".join(bad)

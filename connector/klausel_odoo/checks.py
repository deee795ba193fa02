"""What doctor says of an Odoo: one line a check, in the order in which things depend on another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

from klausel.assemble import BookBuilder
from klausel.fields import TABLES
from klausel.model import Book
from klausel.problems import ErpError, Problem, ProblemError, listed
from klausel.publishing import Publications, differing, version_text
from klausel.words import SPOKEN, unknown
from klausel_book.reader import POLICIES, read_policies
from klausel_odoo import archive, failures, records, writing
from klausel_odoo.records import text
from klausel_odoo.transports import Transport, open_transport
from klausel_odoo.versions import NEWEST, OLDEST, features, known
from klausel_run.doctor import Check

if TYPE_CHECKING:
    from klausel_odoo.erp import OdooSource, Session


def checks(source: OdooSource) -> Iterator[Check]:
    """All checks; the first that all later ones depend on ends them where it fails."""
    settings = source.settings
    try:
        transport, version = open_transport(settings)
    except ErpError as error:
        yield _bad("server", error)
        return
    yield _server(source, version)
    yield _transport(transport, version)
    try:
        transport.login()
    except ErpError as error:
        yield _bad("login", error)
        return
    yield Check("login", True, f"{settings.login}, database {settings.database}")
    try:
        session = source.open_session(transport, version)
    except ErpError as error:
        yield _bad("addon", error)
        return
    yield Check(
        "addon", True, f"version {session.info['addon']}, protocol {session.info['protocol']}"
    )
    company = session.info["company"]
    yield Check("company", True, f"{company['name']}, {company['currency']}")
    yield _spoken("rights", lambda: _rights(session))
    yield _spoken("timesheets", lambda: timesheets(session))
    yield _spoken("hidden records", lambda: hidden(session))
    yield _policies(source)
    try:
        yield from contracts(source, session)
    except ErpError as error:
        yield _bad("contracts", error)
    if session.info.get("work"):
        yield _spoken("worker", lambda: worker(session, datetime.now(timezone.utc)))
    transport.close()


def _bad(name: str, error: ErpError) -> Check:
    return Check(name, False, error.message, error.hint)


def _spoken(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except ErpError as error:
        return _bad(name, error)


def _server(source: OdooSource, version: str) -> Check:
    said = f"{source.settings.url}, Odoo {version}"
    if not known(version):
        said += f"; Klausel knows {OLDEST} to {NEWEST} and treats it as {NEWEST}"
    if source.settings.exposed:
        said += "; not encrypted, everybody on the way can read the password"
    return Check("server", True, said)


def _transport(transport: Transport, version: str) -> Check:
    said = transport.name
    if features(version).rpc_deprecated and transport.name != "json2":
        said += f"; Odoo {version} calls this way deprecated, json2 with an API key is the next"
    return Check("transport", True, said)


# --- rights -----------------------------------------------------------------------------------


def _rights(session: Session) -> Check:
    """Whether this user may read every table and field that a run reads."""
    missing: dict[str, list[str]] = {}
    tables = fields = 0
    for table in TABLES.values():
        wanted = dict.fromkeys(records.fields_of(table))
        try:
            present = _present(session, table.odoo, wanted)
        except failures.MissingModelError:
            if table.record != "overrides":
                missing[table.odoo] = []
            continue
        absent = [
            records.odoo_field(field)
            for field in table.fields
            if records.odoo_field(field) not in {"", "id", *present}
            # What neither Odoo's free modules nor the addon have may be missing.
            and not (field.addon and not field.odoo.startswith("klausel_"))
        ]
        _note(missing, table.odoo, absent, _refused(session, table.odoo, present))
        for field in table.fields:
            name, _, hop = field.odoo.partition(".")
            relation = present.get(name, {}).get("relation", "")
            if relation and hop not in ("", "id") and _refused(session, relation, [hop]):
                missing.setdefault(relation, [hop])
        tables, fields = tables + 1, fields + len(table.fields)
    for model, names in {**_CONTRACT_FIELDS, **_recorded(session)}.items():
        present = _present(session, model, dict.fromkeys(names))
        absent = [name for name in names if name not in present]
        _note(missing, model, absent, _refused(session, model, present))
        tables, fields = tables + 1, fields + len(names)
    if missing:
        said = listed(
            f"{model} ({', '.join(names)})" if names else model for model, names in missing.items()
        )
        return Check(
            "rights", False, f"may not read {said}",
            f'in Odoo, add the user to the group "{failures.GROUP}"',
        )  # fmt: skip
    return Check("rights", True, f"reads all {fields} fields of {tables} tables")


def _note(missing: dict[str, list[str]], model: str, absent: list[str], refused: str) -> None:
    """Adds to ``missing`` what of ``model`` may not be read: fields, or the model ``refused``,
    which may be one that it leads to."""
    if absent:
        missing[model] = absent
    if refused:
        missing.setdefault(refused, [])


def _recorded(session: Session) -> dict[str, list[str]]:
    """Fields of what is on record, by model, as far as the addon knows them."""
    known = session.info.get("ledger_fields", ())
    found = {
        writing.LEDGER: [*writing.FIELDS, *(name for name in writing.NEWER if name in known)],
        writing.RUN: list(archive.FIELDS),
    }
    if session.info.get("publishes"):
        found[writing.POLICY] = list(writing.PUBLISHED["policy_id"]["fields"])
    return found


def _contract_fields() -> dict[str, list[str]]:
    """Fields of contracts and of what they are made of, by model."""
    terms = records.CONTRACT["term_ids"]["fields"]
    return {
        "klausel.contract": list(records.CONTRACT),
        "klausel.attribute": list(records.CONTRACT["attribute_ids"]["fields"]),
        "klausel.term": list(terms),
        "klausel.parameter": list(terms["parameter_ids"]["fields"]),
    }


_CONTRACT_FIELDS = _contract_fields()


def _present(session: Session, model: str, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """The ``wanted`` fields that ``model`` has and this user may read."""
    arguments = {"allfields": list(wanted), "attributes": ["type", "relation"]}
    found: Mapping[str, Any] = session.transport.call(model, "fields_get", arguments)
    return {name: field for name, field in found.items() if name in wanted}


def _refused(session: Session, model: str, names: Iterable[str]) -> str:
    """The model that this user may not read where ``names`` of ``model`` are asked for, or ""."""
    arguments = {
        "domain": [],
        "specification": {name: {} for name in names},
        "limit": 1,
        "context": session.context,
    }
    try:
        session.transport.call(model, "web_search_read", arguments)
    except failures.AccessRefusedError as error:
        return error.model or model
    return ""


def timesheets(session: Session) -> Check:
    """Whether this user sees all of the company's timesheets, private projects included."""
    seen, there = seen_timesheets(session), session.info.get("timesheets")
    if there is None:
        return Check("timesheets", True, f"sees {seen}; this addon does not say of how many")
    if seen < there:
        return Check(
            "timesheets", False, f"sees only {seen} of {there}",
            f'in Odoo, add the user to the group "{failures.GROUP}"',
        )  # fmt: skip
    return Check("timesheets", True, f"sees all {there}")


def seen_timesheets(session: Session) -> int:
    """How many of the company's timesheets this user sees."""
    domain = [("project_id", "!=", False), ("company_id", "=", session.company)]
    arguments = {"domain": domain, "context": session.context}
    return int(session.transport.call("account.analytic.line", "search_count", arguments))


def hidden(session: Session) -> Check:
    """Whether a run can read what the company's work names, though it is private or another
    company's."""
    answer = _call(session, "klausel.reference", "klausel_hidden", {"company_id": session.company})
    found = [f"{model} {id_}" for model, ids in answer["hidden"].items() for id_ in ids]
    if not found:
        return Check(
            "hidden records", True, "none: this user sees all that contracts and work name"
        )
    said = f"{len(found)} that are private or another company's: {listed(found)}"
    if answer["told"]:
        return Check("hidden records", True, f"{said}; a run reads them all the same")
    return Check(
        "hidden records", False, f"a run cannot read {said}", failures.join_group(failures.GROUP)
    )


#: Seconds after which a worker that was not heard of counts as none.
_HEARD = 60


def worker(session: Session, now: datetime) -> Check:
    """Whether a program does what people ask for. None is no fault: not everybody needs one."""
    arguments = {
        "domain": [("company_id", "=", session.company)],
        "specification": {"name": {}, "seen_on": {}},
        "order": "id",
    }
    rows = _call(session, "klausel.worker", "web_search_read", arguments)["records"]
    seen = {
        text(row["name"]): datetime.fromisoformat(row["seen_on"]).replace(tzinfo=timezone.utc)
        for row in rows
        if row["seen_on"]
    }
    # Two machines' clocks are never quite the same.
    ages = {name: max(0, int((now - day).total_seconds())) for name, day in seen.items()}
    awake = {name: age for name, age in ages.items() if age <= _HEARD}
    if awake:
        said = listed(f"{name}, seen {age} seconds ago" for name, age in awake.items())
        return Check("worker", True, said)
    start = "to have requests of people done, start klausel work --odoo beside Odoo"
    if not ages:
        return Check("worker", True, f"none runs; {start}")
    last = min(ages, key=ages.__getitem__)
    return Check(
        "worker",
        True,
        f"none runs, the last was {last} on {seen[last]:%Y-%m-%d %H:%M} UTC; {start}",
    )


# --- policies and contracts -----------------------------------------------------------------


def _policies(source: OdooSource) -> Check:
    folder = source.settings.policies
    if not folder.is_dir():
        hint = "give --policies, or set KLAUSEL_POLICIES"
        return Check("policies", False, f"there is no folder {folder}", hint)
    builder = BookBuilder()
    read_policies(builder, folder, POLICIES)
    policies, errors = builder.policies()
    if errors:
        return _first("policies", errors)
    if not policies:
        hint = "put each policy in a folder of its own there"
        return Check("policies", False, f"{folder} has no policy in it", hint)
    return Check("policies", True, listed(sorted(policies)))


def contracts(source: OdooSource, session: Session) -> Iterator[Check]:
    """Reads everything but entries, as a run does."""
    try:
        book = source.read_with(session, date.min)
    except ProblemError as error:
        yield _first("contracts", error.problems)
        return
    errors = [found for found in book.problems if found.severity == "error"]
    # A term without a product is no error before something of it is billed: then it is refused.
    errors += [found for found in book.problems if found.code == "product-missing"]
    if errors:
        yield _first("contracts", errors)
    else:
        yield Check("contracts", True, f"{len(book.contracts)} without problems")
    yield _spoken("words", lambda: words(session, book))
    if session.info.get("publishes"):
        yield published(book, writing.publications(partial(_call, session), session.company))
    active = session.info["currencies"]
    used = sorted({book.company.currency, *(contract.currency for contract in book.contracts)})
    archived = [name for name in used if name not in active]
    if archived:
        hint = "in Odoo, activate it, or change the contracts that use it"
        yield Check("currencies", False, f"{listed(archived)} is archived", hint)
        return
    yield Check("currencies", True, listed(f"{name} ({active[name]} digits)" for name in used))


#: Models and fields of the words that are written for policies.
_WRITTEN = tuple(
    (fact, table.odoo, field.odoo)
    for fact, record, _ in SPOKEN
    for table in (TABLES[record],)
    for field in table.fields
    if field.name == fact and "." not in field.odoo
)


def words(session: Session, book: Book) -> Check:
    """Words on tasks and timesheets that no policy in use knows."""
    used = {contract.policy for contract in book.contracts}
    policies = [policy for name, policy in book.policies.items() if name in used]
    said = []
    for fact, model, field in _WRITTEN:
        arguments = {
            "domain": [(field, "!=", False), ("project_id", "!=", False)],
            "groupby": [field],
            "aggregates": ["__count"],
        }
        rows = _call(session, model, "formatted_read_group", arguments)
        found = {text(row[field]): row["__count"] for row in rows}
        for word, hint in unknown(policies, fact, found):
            said.append(f'"{word}" as {field.removeprefix("klausel_")} ({found[word]}): {hint}')
    if not said:
        return Check("words", True, "policies know all that are written for them")
    # Doubtful and no error, as in a preview: it may be meant.
    return Check("words", True, f"no policy knows {listed(said, 5)}")


def _call(session: Session, model: str, method: str, arguments: Mapping[str, Any]) -> Any:
    return session.transport.call(model, method, {**arguments, "context": session.context})


def published(book: Book, publications: Publications) -> Check:
    """What is published of each policy, against the files in use."""
    policies = publications.policies
    if not policies:
        return Check("published", True, "nothing; contracts name policies and plans as text")
    found = differing(book.policies, policies, (one.policy for one in book.contracts))
    said = []
    for name, policy in sorted(book.policies.items()):
        there = policies.get(name)
        if there is None:
            said.append(f"{name} not published")
        elif there.says(policy):
            said.append(f"{name} {version_text(there)}")
        else:
            said.append(f"{name} {version_text(there)}, the files are {version_text(policy)}")
    said += [f"{name} without files" for name in sorted(policies.keys() - book.policies)]
    names = " ".join(found)
    hint = f"publish again: klausel publish {names}; or use the files that were published"
    return Check("published", not found, "; ".join(said), hint if found else "")


def _first(name: str, problems: list[Problem]) -> Check:
    first = problems[0]
    count = f"{len(problems)} problems, the first: " if len(problems) > 1 else ""
    return Check(name, False, f"{count}{first.where}: {first.message}", first.hint)

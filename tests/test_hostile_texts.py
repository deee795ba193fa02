"""Books in which everything that somebody types is hostile, through every output.

A formula for a spreadsheet, an escape sequence for a terminal, a sign that turns the direction of
writing, a tag for a browser: whatever stands in a column or a policy, it comes out as a text.
"""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import random
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cli
from klausel import sheet
from klausel import signs as signs_module
from klausel.activity import records
from klausel.explain import Explainer
from klausel.fields import TABLES, Field
from klausel.formats import View, render
from klausel.formats.activity import render as render_activity
from klausel.formats.compare import render as render_compare
from klausel.formats.explain import render as render_explain
from klausel.problems import ErpError, ProblemError
from klausel.result import Result
from klausel.sheet import guarded, unguarded
from klausel.signs import coloured, in_json, one_line, visible
from klausel_book.source import BookSource
from klausel_run.compare import compare
from klausel_run.explain import HELD
from klausel_run.explain import explain as job
from klausel_run.preview import Options, preview
from klausel_run.snapshot import snapshot
from klausel_shell import exits
from tests.counts import count
from tests.seeds import fresh_one_in

AS_OF = date(2026, 3, 1)
ROOT = Path(__file__).parents[1]

#: What is put together to texts.
ATOMS = (
    "=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "x;=1+1", "x\n=1+1", "x\t+1;@y", "'=1",
    "''-1", "\uff1d1", "\uff0d1", '=HYPERLINK("http://x","y")', '";=1+1;"', "\x1b[2J",
    "\x1b]0;title\x07", "\x1b[5;7m", "\x9b31m", "\x07", "\x08\x08", "\x7f", "\x85", "\x0b", "\x0c",
    "\x1c", "\u202e", "\u2066", "\u2069", "\u200b", "\u200d", "\u200f", "\u2028", "\u2029",
    "\u2060", "\ufeff", "\xad", "\u061c", "\U000e0041", "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>', "</style>", "</td>", "<!--", "-->", "]]>", "&amp;",
    "&#27;[2J", "javascript:x", "{{7*7}}", "{% x %}", "%s", "{}", "{0}", "[bold]x[/bold]",
    ":smile:", "\\", "\\x1b", "$(x)", "`x`", "'", '"', ",", "ä", "漢字", "\U0001f600", "e\u0301",
    "word", " ", "12.50", "2026-01-01", "yes", "opening", "held", "x" * 300,
)  # fmt: skip

#: Rows of a small book in which everything happens; ids are those of the first columns. What is
#: not given of a column for texts is made up.
ROWS: dict[str, list[dict[str, str]]] = {
    "customers": [{"id": "c1"}, {"id": "c2", "parent": "c1"}],
    "projects": [{"id": "p1", "customer": "c1"}, {"id": "p2"}],
    "tickets": [
        {"id": "t1", "project": "p1"},
        {"id": "t2", "project": "p1", "parent": "t1", "estimate_hours": "3"},
        {"id": "t3", "project": "p1", "customer": "c2"},
    ],
    "employees": [{"id": "u1"}, {"id": "u2"}, {"id": "u1", "since": "2026-02-01"}],
    "entries": [
        {"id": f"e{number}", "date": f"2026-01-{number + 7:02}", "employee": employee,
         "project": project, "ticket": ticket, "hours": hours, "tags": tag}
        for number, (employee, project, ticket, hours, tag) in enumerate(
            [
                ("u1", "p1", "t1", "2.1", ""), ("u2", "p1", "t2", "1.9", ""),
                ("u1", "p1", "", "0.33", "patch"), ("u1", "p1", "t2", "3", "feature"),
                ("u2", "p1", "t3", "1", "defect"), ("u2", "p1", "", "1", "meeting"),
                ("u2", "p1", "t3", "0.2", "question"), ("u2", "p1", "t1", "0.4", "question"),
                ("u1", "p1", "t3", "2", "feature"), ("u1", "p2", "", "1", ""),
                ("u1", "p1", "t1", "1", "night"), ("u2", "p1", "t1", "6", "night"),
            ]
        )
    ],
    "purchases": [
        {"id": "L-7", "contract": "K-1", "term": "block", "date": "2026-01-05", "hours": "2",
         "price": "90.00", "validity": "12 months"},
    ],
    "items": [
        {"id": "i1", "contract": "K-1", "date": "2026-01-20", "quantity": "2", "price": "12.50"},
        {"id": "i2", "contract": "K-1", "date": "2026-01-20", "quantity": "1", "price": "-12.50"},
    ],
    "acceptances": [
        {"id": "a1", "contract": "K-1", "term": "fixed", "part": "Design", "date": "2026-01-21"},
    ],
    "approvals": [
        {"id": "f1", "contract": "K-1", "tickets": "t2", "state": "approved",
         "limit_hours": "2", "limit_amount": "500", "decided_on": "2026-01-07",
         "expires_on": "2026-12-31"},
        {"id": "f2", "contract": "K-1", "tickets": "t3", "state": "rejected",
         "decided_on": "2026-01-08"},
    ],
    "overrides": [{"entry": "e0", "disposition": "warranty", "on": "2026-01-31"}],
    "openings": [
        {"contract": "K-1", "term": "pool", "lot": "2025-12-01", "date": "2025-12-31",
         "hours": "1.5", "price": "90.00", "valid_until": "2026-01-31",
         "billed_until": "2025-12-31"},
    ],
}  # fmt: skip

BOOK = """\
company: {company}
currency: EUR
languages: [{language}]
"""
CONTRACTS = """\
- code: {K-1}
  customer: {c1}
  currency: EUR
  start: 2025-12-01
  policy: care
  po_number: {po_number}
  sla: {sla}
  attributes: {{{attribute}: {attribute_value}}}
  terms:
    - {{id: {pool}, plan: pool, hours: 4, price: "90.00", product: {product}}}
    - {{id: {block}, plan: block, takes: [change], price: "95.00"}}
    - {{id: {questions}, plan: quota, takes: [third_party], requests: 1, price: "30.00",
       beyond_price: "40.00"}}
    - {{id: {time}, plan: time, takes: [change], priority: 9, price: "110.00"}}
    - {{id: {fixed}, plan: fixed, price: "1000.00", takes: [change]}}
    - {{id: {fee}, plan: fee, price: "49.00", takes: [change]}}
"""
POLICY = """\
policy: care
version: {version}
title: {{en: {title}, de: {title_de}}}
fields:
  work:
    one_of: [patch, defect, feature, meeting, question, help]
    from:
      - {{entry_tag: patch, is: patch}}
      - {{entry_tag: defect, is: defect}}
      - {{entry_tag: feature, is: feature}}
      - {{entry_tag: meeting, is: meeting}}
      - {{entry_tag: question, is: question}}
      - {{otherwise: help}}
  night: {{one_of: [night, day], from: [{{entry_tag: night, is: night}}, {{otherwise: day}}]}}
scope:
  rules:
    - {{id: P, when: {{work: patch}}, then: included, because: {because_p}, clause: {clause_p}}}
    - {{id: D, when: {{work: defect}}, then: warranty,
       because: {{en: {because_d}, de: {because_dd}}}}}
    - {{id: F, when: {{work: feature}}, then: change, because: {because_f}, clause: {clause_f}}}
    - {{id: M, when: {{work: meeting}}, then: internal, because: {because_m}}}
    - {{id: Q, when: {{work: question}}, then: third_party, because: {because_q}}}
  otherwise: {{then: service, because: {because_s}, clause: {clause_s}}}
rounding: {{to: 15m, mode: up, per: ticket_day}}
surcharges:
  - {{id: N, when: {{night: night}}, times: "1.5", on: price, because: {because_n}}}
approvals:
  - {{id: A, when: {{disposition: change}}, require: approval, because: {because_a}}}
  - {{id: B, watch: {{hours: ticket, budget: 2, notify_at: [50]}}, because: {because_b}}}
plans:
  pool:
    title: {{en: {plan_pool}, de: {plan_pool_de}}}
    components: [{{pool: {{proration: none, settle: both, beyond: hold, deficit_limit: 1}}}}]
  block: {{title: {plan_block}, components: [{{block: {{validity: 12 months, empty: next}}}}]}}
  quota: {{title: {plan_quota}, components: [{{quota: {{proration: none, beyond: bill}}}}]}}
  time: {{title: {plan_time}, components: [{{time: {{group_by: ticket}}}}]}}
  fee:
    title: {plan_fee}
    components: [{{fee: {{per: month, every: 1 month, timing: advance}}}}]
  fixed: {{title: {plan_fixed}, components: [{{milestone: {{parts: {{Design: 100}}}}}}]}}
"""


#: What YAML takes for no text.
CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")


class Hostile:
    """A book of which every text is drawn by ``seed``."""

    def __init__(self, seed: int, ids: float = 0.7) -> None:
        self._random = random.Random(seed)
        self._share = ids
        self._ids: dict[str, str] = {}
        self.typed: str = ""
        """The column whose kind is not text and that has a text all the same, if there is one."""

    def text(self) -> str:
        some = self._random.choices(ATOMS, k=self._random.randint(1, 3))
        return self._random.choice(("", "", " ", "-")).join(some)

    def yaml_text(self) -> str:
        """Controls are no text to YAML, and are refused: mostly there are none."""
        text = self.text()
        return text if self._random.random() < 0.002 else CONTROLS.sub("", text)

    def name(self, known: str) -> str:
        """What ``known`` is called, always the same: ids are texts, too."""
        if known not in self._ids:
            plain = self._random.random() >= self._share
            made = known if plain else f"{self.yaml_text()}{known}".replace(";", "").strip()
            self._ids[known] = made
        return self._ids[known]

    def cell(self, table: str, field: Field, given: dict[str, str]) -> str:
        value = given.get(field.column, "")
        if field.required and field.kind == "text" and not value:
            return f"{self.text()}."
        place = f"{table}.{field.column}"
        if place == self.typed:
            return self.text()
        if (table, field.column) == ("openings", "lot") or field.column == "part":
            return value
        if value and (field.kind == "id" or field.refers):
            return self.name(value)
        if field.kind in ("text", "tags") and not value and self._random.random() < 0.9:
            if field.column in ("billed_elsewhere", "order", "invoice", "language"):
                return self.text() if self._random.random() < 0.1 else ""
            return self.text()
        return value

    def write(self, folder: Path) -> None:
        typed = [
            f"{name}.{field.column}"
            for name, table in TABLES.items()
            for field in table.fields
            if field.kind not in ("id", "text", "tags")
        ]
        if self._random.random() < 0.1:
            self.typed = self._random.choice(typed)
        for name, table in TABLES.items():
            with (folder / table.file).open("w", encoding="utf-8", newline="") as stream:
                writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
                writer.writerow([field.column for field in table.fields])
                for given in ROWS[name]:
                    writer.writerow([self.cell(name, field, given) for field in table.fields])
        (folder / "policies" / "care").mkdir(parents=True)
        texts = _Texts(self)
        language = json.dumps(self._random.choice(("en", "de", "nl")))
        (folder / "book.yaml").write_text(
            BOOK.format_map(texts.but(language=language)), encoding="utf-8"
        )
        (folder / "contracts.yaml").write_text(CONTRACTS.format_map(texts), encoding="utf-8")
        policy = POLICY.format_map(texts)
        (folder / "policies" / "care" / "policy.yaml").write_text(policy, encoding="utf-8")


def quoted(text: str) -> str:
    """``text`` for a YAML file."""
    return (
        '"' + "".join(c if c.isalnum() and c.isascii() else f"\\U{ord(c):08x}" for c in text) + '"'
    )


class _Texts(dict[str, str]):
    """Of the marks in a template: a text for each, ids as everywhere else."""

    KNOWN = ("K-1", "c1", "pool", "block", "questions", "time", "fixed", "fee")

    def __init__(self, hostile: Hostile) -> None:
        super().__init__()
        self._hostile = hostile

    def __missing__(self, key: str) -> str:
        hostile = self._hostile
        return quoted(hostile.name(key) if key in self.KNOWN else hostile.yaml_text())

    def but(self, **given: str) -> _Texts:
        found = _Texts(self._hostile)
        found.update(given)
        return found


# -- what an output may not have ---------------------------------------------------------------

#: Controls, direction, no width: none of them stands in an output.
BAD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
#: How a cell begins that some spreadsheet reckons with.
FORMULA = re.compile("[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")
NUMBER = re.compile(r"-?\d+(\.\d+)?$")
COLOURS = re.compile(r"\x1b\[(0|1|2|3[1-6]|1;3[1-6])m")


def clean(text: str) -> None:
    found = BAD.search(text)
    assert not found, (ascii(found[0]), ascii(text[max(found.start() - 40, 0) : found.end() + 40]))


def cells(text: str) -> Iterator[str]:
    """The cells of a CSV file, as three kinds of spreadsheets divide it."""
    csv.field_size_limit(10**9)
    for separator in (",", ";", "\t"):
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            yield from row


def no_formula(text: str) -> None:
    for cell in cells(text):
        assert not FORMULA.match(cell) or NUMBER.match(cell), ascii(cell)


class Tags(HTMLParser):
    """The tags of a page with their attributes, and comments."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(f"{tag} {name}" for name, _ in attrs)}

    def handle_comment(self, data: str) -> None:
        self.found.add("comment")


def tags(page: str) -> set[str]:
    parser = Tags()
    parser.feed(page)
    parser.close()
    return parser.found


#: What the template of a page has.
KNOWN_TAGS = frozenset((
    "html", "html lang", "head", "meta", "meta charset", "meta name", "meta content",
    "meta http-equiv", "title", "style", "body", "header", "p", "p class", "h1", "dl", "div",
    "div class", "dt", "dd", "main", "section", "section class", "section aria-labelledby", "h2",
    "h2 id", "h3", "h3 id", "table", "table aria-labelledby", "table class", "thead", "tbody",
    "tfoot", "tr", "th", "th scope", "th class", "th colspan", "td", "td class", "span",
    "span class",
))  # fmt: skip


def said(arguments: list[str]) -> tuple[int, str, str]:
    """Exit code, output and errors of a command."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = cli.run(arguments)
    clean(out.getvalue())
    clean(err.getvalue())
    assert code in (0, 1, 2), err.getvalue()
    return code, out.getvalue(), err.getvalue()


def look(folder: Path) -> bool:
    """Every output of the book; whether it could be read."""
    options = ["--book", str(folder), "--as-of", AS_OF.isoformat()]
    code, _, _ = said(["preview", *options])
    erp = BookSource(folder)
    try:
        result = preview(erp, Options(AS_OF))
    except ProblemError:
        assert code == 2
        return False
    clean(render(result, "text", View(random.choice((40, 80, 100)), False, True)))
    clean(COLOURS.sub("", render(result, "text", View(100, True, random.random() < 0.5))))
    clean(COLOURS.sub("", render(result, "text", View(80, True, short=True))))
    text = render(result, "json", View())
    clean(text)
    data = json.loads(text)
    assert [entry["id"] for entry in data["entries"]] == [entry for entry, _ in result.entries]
    said_by_rules = [b["text"] for d in data["drafts"] for n in d["lines"] for b in n["because"]]
    assert said_by_rules == [b.text for d in result.drafts for n in d.lines for b in n.because]
    text = render(result, "csv", View())
    clean(text)
    no_formula(text)
    found = records(result, None)
    if found:
        clean(render_activity(found, "text"))
        text = render_activity(found, "csv")
        clean(text)
        no_formula(text)
    for one in found:
        page = render_activity([one], "html")
        clean(page)
        assert tags(page) <= KNOWN_TAGS
    explain(erp, result)
    try:
        changes = compare(erp, folder / "policies", folder / "policies", AS_OF)
    except ProblemError as error:
        clean(visible(str(error)))
    else:
        clean(render_compare(changes, "text"))
        clean(render_compare(changes, "json"))
        json.loads(render_compare(changes, "json"))
    return True


def explain(erp: BookSource, result: Result) -> None:
    explainer = Explainer(result)
    lines = [line for key in explainer.line_keys if (line := explainer.line(key)) is not None]
    try:
        waits = job(erp, HELD, AS_OF).explained
    except ProblemError as error:
        clean(visible(str(error)))
        waits = ()
    some = [*lines, *waits]
    clean(render_explain(some, "text", random.choice(("en", "de", "nl"))))
    text = render_explain(some, "json", "nl")
    clean(text)
    json.loads(text)


def settle(folder: Path) -> None:
    """What is on record is shown, too, and a copy of the book says the same."""
    options = ["--book", str(folder), "--as-of", AS_OF.isoformat()]
    code, _, _ = said(["bill", *options, "--yes", "--backlog", "--records", str(folder / "pages")])
    if code == 2:
        return
    for page in (folder / "pages").iterdir():
        text = page.read_text(encoding="utf-8")
        clean(text)
        assert tags(text) <= KNOWN_TAGS
    said(["audit", *options])
    _, text, _ = said(["activity", *options, "--from", "2020-01-01", "--format", "csv"])
    no_formula(text)
    copy = folder / "copy"
    book = snapshot(BookSource(folder), AS_OF, copy)
    for table in TABLES.values():
        if (copy / table.file).exists():
            no_formula((copy / table.file).read_bytes().decode())
    assert BookSource(copy).read(AS_OF).entries == book.entries
    assert BookSource(copy).read(AS_OF).customers == book.customers


#: Ten thousand books where tests may take long, a few hundred where they may not.
SHARE = 4 if settings.default.max_examples <= 1000 else 2


@fresh_one_in(SHARE)
@given(st.integers(0, 2**60))
def test_no_output_of_a_hostile_book_does_anything(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("hostile")
    random.seed(seed)
    Hostile(seed).write(folder)
    read = look(folder)
    if read and seed % 5 == 0:
        settle(folder)
        count("hostile books that are settled and copied")
    count("hostile books")
    count("hostile books that are billed", read)


# -- a real terminal ---------------------------------------------------------------------------

#: What a program of ours sends itself: colours, the line that counts, the end of lines.
OURS = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?(25|2004)[hl]|\x1b\[[0-9]*[AK]|\r")
NASTY = "A\x1b[2J\x1b[5;7m\x1b]0;t\x07\x9b31m\u202e\u2066\u200b\u2028Z"
SEEN = r"A\x1b[2J\x1b[5;7m\x1b]0;t\x07\x9b31m\u202e\u2066\u200b\u2028Z"
QUIET = "A\u202e\u2066\u200b\u2028Z"


def on_a_terminal(arguments: list[str], folder: Path, answer: str = "") -> tuple[int, str]:
    """Exit code of ``klausel`` on a terminal of its own, and all that came to its screen."""
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("NO_COLOR", None)
    program = [sys.executable, str(ROOT / "cli.py"), *arguments]
    process = subprocess.Popen(
        program, stdin=slave, stdout=slave, stderr=slave, cwd=folder, env=environment
    )
    os.close(slave)
    seen = b""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if select.select([master], [], [], 0.2)[0]:
            try:
                piece = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            seen += piece
            if answer and seen.endswith(b"[y/N]: "):
                os.write(master, answer.encode())
                answer = ""
        elif process.poll() is not None:
            break
    os.close(master)
    return process.wait(timeout=30), seen.decode()


def steers_nothing(screen: str) -> str:
    """What stands on the screen, where nothing but our own signs steer it."""
    text = OURS.sub("", screen)
    clean(text)
    assert "\x1b[5;7m" not in screen
    return text


@pytest.fixture
def nasty(tmp_path: Path) -> Path:
    """The usual book with such names and texts."""
    book = tmp_path / "book"
    Hostile(2, ids=0).write(book_of(book))
    for table, column in (("customers", "name"), ("employees", "name"), ("entries", "text"),
                          ("tickets", "title"), ("overrides", "reason"), ("overrides", "by"),
                          ("projects", "name"), ("items", "text")):  # fmt: skip
        path = book / TABLES[table].file
        with path.open(encoding="utf-8", newline="") as stream:
            header, *rows = csv.reader(stream)
        for row in rows:
            row[header.index(column)] = NASTY
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([header, *rows])
    (book / "contracts.yaml").write_text(CONTRACTS.format_map(Plain(QUIET)), encoding="utf-8")
    (book / "book.yaml").write_text(
        BOOK.format_map(Plain(QUIET, language='"en"')), encoding="utf-8"
    )
    (book / "policies" / "care" / "policy.yaml").write_text(
        POLICY.format_map(Plain(QUIET)), encoding="utf-8"
    )
    return book


def book_of(folder: Path) -> Path:
    folder.mkdir()
    return folder


class Plain(dict[str, str]):
    """One text for everything but ids."""

    def __init__(self, text: str, **given: str) -> None:
        super().__init__(given)
        self._text = text

    def __missing__(self, key: str) -> str:
        return quoted(key if key in _Texts.KNOWN else self._text)


def test_a_terminal_shows_hostile_names_as_they_are_written(nasty: Path) -> None:
    options = ["--book", "book", "--as-of", AS_OF.isoformat()]
    home = nasty.parent
    for arguments in (
        ["preview", *options], ["preview", *options, "--details"],
        ["preview", *options, "--format", "json"], ["preview", *options, "--format", "csv"],
        ["activity", *options], ["activity", *options, "--format", "csv"],
        ["explain", *options, "held"], ["explain", *options, "e0"],
        ["diff", *options, "book/policies/care", "book/policies/care"],
        ["check", "--book", "book"], ["audit", *options], ["doctor", "--book", "book"],
    ):  # fmt: skip
        code, screen = on_a_terminal(arguments, home)
        assert code in (0, 1), screen
        text = steers_nothing(screen)
        if arguments[0] in ("preview", "activity"):
            assert "\\u202e" in text, arguments
    assert "".join(SEEN.split()) in "".join(
        steers_nothing(on_a_terminal(["preview", *options], home)[1]).split()
    )


def test_a_question_and_its_answer_show_hostile_names_as_well(nasty: Path) -> None:
    odd = nasty.rename(nasty.parent / f"b{NASTY}")
    options = ["--book", str(odd.name), "--as-of", AS_OF.isoformat(), "--backlog"]
    code, screen = on_a_terminal(["bill", *options, "--records", NASTY], odd.parent, "y\n")
    assert code == 0, screen
    text = "".join(steers_nothing(screen).split())
    question = text.index("[y/N]:")
    assert SEEN in text[:question]
    assert SEEN in text[question:]


@pytest.mark.parametrize(
    "arguments",
    [
        ["preview", "--book", NASTY],
        ["preview", "--book", "book\udcff"],
        ["preview", "--as-of", NASTY],
        [NASTY],
        ["preview", "--book", "book", "--customer", NASTY],
        ["preview", "--book", "book", "--contract", "\udc80"],
        ["explain", "--book", "book", f"e0\n{NASTY}"],
        ["check", NASTY],
        ["test", NASTY],
        ["init", NASTY],
        ["init", "ad-hoc", "--to", NASTY, "--name", "x"],
        ["diff", "--book", "book", NASTY, NASTY],
        ["snapshot", "--book", "book", f"{NASTY}/x"],
        ["openings", "--book", "book", "--from", NASTY],
        ["preview", "--book", "book", "--output", f"no/{NASTY}"],
        ["preview", "--odoo", "--url", f"http://127.0.0.1:9/{NASTY}", "--database", NASTY],
        ["demo", "--copy", "a\nb"],
    ],
)  # fmt: skip
def test_what_is_typed_at_the_command_line_steers_nothing(
    arguments: list[str], nasty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(nasty.parent)
    monkeypatch.setenv("KLAUSEL_ODOO_LOGIN", NASTY)
    monkeypatch.setenv("KLAUSEL_ODOO_PASSWORD", "x")
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = cli.run(arguments)
    said = out.getvalue() + err.getvalue()
    assert code in (0, 1, 2, 3), said
    clean(said)
    assert said.encode()


def test_what_the_erp_says_steers_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    @click.command()
    def refused() -> None:
        raise ErpError(f"the server says {NASTY}", f"ask {NASTY}")

    @click.command()
    def broken() -> None:
        raise RuntimeError(NASTY)

    for command, expected in ((refused, 3), (broken, 70)):
        assert exits.run(command, []) == expected
        err = capsys.readouterr().err
        clean(err)
        assert SEEN in err


# -- cells and signs ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"), ("+49 40 12", "'+49 40 12"), ("-2", "'-2"), ("@x", "'@x"),
        ("\tx", "'\tx"), ("\rx", "'\rx"), ("\uff1d1", "'\uff1d1"), ("a=b", "a=b"),
        ("a-b; c", "a-b; c"), ("x;=1", "x;'=1"), ("x\n-1", "x\n'-1"), ("'=1", "''=1"),
        ("'word'", "'word'"), ('"=1"', "'\"=1\""), ("", ""), ("Müller & Söhne", "Müller & Söhne"),
    ],
)  # fmt: skip
def test_a_cell_is_a_text(text: str, cell: str) -> None:
    assert guarded(text) == cell
    assert unguarded(cell) == text


def test_numbers_of_a_table_stay_numbers() -> None:
    rows = [("-12.50", Decimal("-12.50"), -3, AS_OF, None, "a\rb")]
    assert sheet.table(("a", "b", "c", "d", "e", "f"), rows) == (
        'a,b,c,d,e,f\n\'-12.50,-12.50,-3,2026-03-01,,"a\rb"\n'
    )


@given(st.text(st.sampled_from("=+-@\t\r\n;'\",ax \uff1d")))
def test_what_a_cell_was_comes_back(text: str) -> None:
    assert unguarded(guarded(text)) == text
    stream = io.StringIO(newline="")
    sheet.write(stream, (), [(text, "x")])
    assert next(csv.reader(io.StringIO(stream.getvalue(), newline=""))) == [guarded(text), "x"]
    no_formula(stream.getvalue())


def test_a_book_keeps_what_a_spreadsheet_would_reckon_with(tmp_path: Path) -> None:
    book = book_of(tmp_path / "book")
    Hostile(2, ids=0).write(book)
    source = book / "entries.csv"
    texts = ["=1+1", "'=1", "''-x", "-", "x;=1", "a\rb", "a\nb", "'word'"]
    with source.open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    for row, text in zip(rows, texts, strict=False):
        row[header.index("text")] = guarded(text)
    with source.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([header, *rows])
    read = BookSource(book).read(AS_OF)
    assert [entry.text for entry in read.entries[: len(texts)]] == texts
    snapshot(BookSource(book), AS_OF, tmp_path / "copy")
    assert BookSource(tmp_path / "copy").read(AS_OF).entries == read.entries


def test_signs_that_nobody_sees() -> None:
    assert visible("a\x1b\u202e\U000e0041\udcffb\tc\n") == "a\\x1b\\u202e\\U000e0041\\udcffb\tc\n"
    assert one_line("a\tb\nc") == "a\\tb\\nc"
    assert visible("Müller 漢字 e\u0301 \U0001f600 €") == "Müller 漢字 e\u0301 \U0001f600 €"
    assert coloured("\x1b[1mA\x1b[2J\x1b[0m") == "\x1b[1mA\\x1b[2J\x1b[0m"
    text = json.dumps("a\x7f\u202e\U000e0041\ud800b", ensure_ascii=False)
    assert in_json(text) == '"a\\u007f\\u202e\\udb40\\udc41\\ud800b"'
    assert json.loads(in_json(text)) == "a\x7f\u202e\U000e0041\ud800b"


def test_the_quick_way_finds_every_unseen_sign() -> None:
    signs = [chr(code) for code in range(0x110000)]
    odd = [sign for sign in signs if signs_module._ODD.match(sign)]
    assert 2000 < len(odd) < 5000
    assert not [sign for sign in odd if signs_module._plain(f"a{sign}b")]
    assert all(ord(visible(sign)[0]) < 127 for sign in odd)

"""Activity records as a customer gets them: text, CSV, and a page that prints on A4."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from playwright.sync_api import Browser

import cli
from klausel.activity import Section, records
from klausel.formats.activity import render
from klausel.formats.activity.words import WORDS, clock
from klausel.model import Customer
from klausel.result import Result
from klausel.scenario import play, read_scenario
from klausel_run.activity import file_name
from tests.activity_scene import scene

#: Elements that have no end.
VOID = {"meta", "link", "br", "img", "hr", "input"}


@pytest.fixture(scope="module")
def german() -> tuple[Result, Result]:
    return scene("de")


def test_text(german: tuple[Result, Result]) -> None:
    first, second = (render(records(result), "text") for result in german)
    assert first == (Path(__file__).parent / "golden" / "activity-de.txt").read_text("utf-8")
    # Late: by the line for what is billed, by the part for what is drawn.
    assert "Entwicklung nach Aufwand, Januar 2026 (Nachtrag)\n" in second
    assert "Minusstunden: −0:15 → −0:45, Nachtrag\n" in second
    assert "ab 01.02.2026: 3:15 → 2:15\n" in second


def test_settled_time_is_not_shown_again(german: tuple[Result, Result]) -> None:
    first, second = (
        {row.entry for one in records(result) for record in one.records
         for section in record.of("billed", "drawn", "free") for row in section.rows}
        for result in german
    )  # fmt: skip
    assert first == {"e1", "e2", "e3", "e4", "e5", "e7", "e8"}
    assert second == {"e10", "e11", "e12"}


def test_balances_of_lots(german: tuple[Result, Result]) -> None:
    (found,) = records(german[0])
    moves = {move.lot: move for move in found.records[0].movements}
    assert (moves["L-7"].before, moves["L-7"].drawn, moves["L-7"].after) == (7200, 7200, 0)
    assert (moves["deficit"].before, moves["deficit"].after) == (0, -900)
    assert not any(move.other for move in moves.values())


def test_other_changes_of_a_balance() -> None:
    """Hours that make up for a deficit are named, so that every line of the balances adds up."""
    scenario = read_scenario(TWICE_OWED, "twice owed")
    result = play(scenario)[0][0].result
    assert result is not None
    (found,) = records(result)
    moves = [(m.lot, m.before, m.drawn, m.other, m.after) for m in found.records[0].movements]
    assert moves == [
        ("2026-01-01", 3600, 3600, 0, 0),
        ("deficit", 0, 7200, 3600, -3600),
    ]
    text = render([found], "text")
    assert "Balance P, deficit: Before 0:00, Drawn 2:00, Other changes 1:00, After −1:00\n" in text
    assert "Other changes: hours that were added" in render([found], "html")


TWICE_OWED = """\
title: an hour is owed, made up for, and owed again
policy:
  scope: {otherwise: {then: service, because: x}}
  plans: {p: {title: P, components: [{pool: {proration: none}}]}}
book:
  contracts: [{start: 2026-01-01, terms: [{id: T, plan: p, hours: 1, price: 90}]}]
  entries: [{date: 2026-01-05, hours: 2}, {date: 2026-02-05, hours: 1}]
runs: [{as_of: 2026-03-01}]
"""


def test_csv_has_every_row(german: tuple[Result, Result]) -> None:
    found = records(german[0])
    rows = list(csv.DictReader(io.StringIO(render(found, "csv"))))
    parts = [
        (section, row)
        for one in found
        for record in one.records
        for section in record.sections
        for row in section.rows
    ]
    assert len(rows) == len(parts) == 10
    for row, (section, part) in zip(rows, parts, strict=True):
        assert (row["entry"], row["section"]) == (part.entry, section.kind)
        assert int(row["worked_seconds"]) == part.seconds
        assert int(row["rounded_seconds"]) == part.rounded
    (request,) = (row for row in rows if row["unit"] == "request")
    words = ("lot", "drawn", "balance_before", "balance_after")
    assert [request[word] for word in words] == ["2026-01-01", "1", "1", "0"]


@pytest.mark.parametrize(
    ("setting", "names"),
    [
        ("name", {"Jette Paulsen", "Karl-Heinz Ağaoğlu"}),
        ("initials", {"JP", "KHA"}),
        ("role", {"Senior Developer", "Support"}),
    ],
)
def test_employees(german: tuple[Result, Result], setting: str, names: set[str]) -> None:
    (found,) = records(german[0], setting)  # type: ignore[arg-type]
    shown = {row.who for record in found.records for s in record.sections for row in s.rows}
    assert shown == names
    for name in ("text", "csv", "html"):
        text = render([found], name)
        assert all(one in text for one in names)
        assert ("Paulsen" in text) == (setting == "name")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (60, "0:01"), (1188, "0:19:48"), (-3900, "−1:05"), (360_000, "100:00")],
)
def test_clock(seconds: int, text: str) -> None:
    assert clock(seconds) == text


def test_every_language_has_every_word() -> None:
    assert len({frozenset(words) for words in WORDS.values()}) == 1


# -- the page --------------------------------------------------------------------------------------


class Tags(HTMLParser):
    """Elements of a page; fails where one is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


@pytest.mark.parametrize("language", ["de", "en", "nl"])
def test_page_stands_by_itself(language: str) -> None:
    for result in scene(language):
        text = render(records(result), "html")
        tags = Tags(text)
        names = [tag for tag, _ in tags.seen]
        assert not {"script", "link", "img", "iframe", "object", "a", "form"} & set(names)
        for _, attributes in tags.seen:
            assert not {"src", "href", "onload", "onclick", "style"} & set(attributes)
        style = text.partition("<style>")[2].partition("</style>")[0]
        assert "url(" not in style and "@import" not in style and "<" not in style
        assert ("html", {"lang": language}) in tags.seen
        assert "<script>alert" not in text
        assert "Filter &lt;script&gt;alert(1)&lt;/script&gt; &amp; Suche" in text
        assert "Müller &amp; Söhne &lt;Holz&gt; GmbH" in text
        assert "Team" not in text, "internal time is in no record"
        heads = [attributes for tag, attributes in tags.seen if tag == "th"]
        assert heads and all(head.get("scope") in ("col", "row") for head in heads)
        labels = [at["aria-labelledby"] for tag, at in tags.seen if tag in ("table", "section")]
        ids = [attributes["id"] for _, attributes in tags.seen if "id" in attributes]
        assert len(ids) == len(set(ids)) and labels and set(labels) <= set(ids)


@pytest.mark.parametrize("language", ["de", "en", "nl"])
def test_page_in_a_browser(browser: Browser, language: str, tmp_path: Path) -> None:
    """Nothing is loaded, nothing runs, it fits the screen and A4, headings stay with tables."""
    path = tmp_path / "page.html"
    path.write_text(render(records(scene(language)[0]), "html"), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1000, "height": 800}, java_script_enabled=True)
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    assert asked == [path.as_uri()]
    assert said == []
    assert page.title() == f"{WORDS[language]['title']}: Müller & Söhne <Holz> GmbH"
    for width in (1000, 718, 380):  # a screen, A4 less its margins, a telephone
        page.set_viewport_size({"width": width, "height": 800})
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width
    page.emulate_media(media="print")
    pdf = page.pdf(prefer_css_page_size=True)
    page.close()
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) == 2
    assert len(re.findall(rb"/MediaBox\s*\[0 0 59[45][.\d]* 84[12][.\d]*\]", pdf)) == 2, "A4"


def test_section_without_a_title_says_its_kind() -> None:
    (found,) = records(scene("nl")[0])
    free: Section = next(found.records[0].of("free"))
    assert free.title == ""
    assert '<h3 id="d1s6"><span class="part"></span>Zonder kosten</h3>' in render([found], "html")


# -- the command -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("customer", "name"),
    [
        (Customer("c5", "Rijwielhandel De Vuurvogel B.V."), "c5-rijwielhandel-de-vuurvogel-b-v-i7"),
        (Customer("12", "Müller & Söhne/Straße"), "12-muller-sohne-strasse-i7"),
        (Customer("../A", ""), "a-i7-"),
        (Customer("客", "客"), "i7-"),
    ],
)
def test_file_names_are_plain(customer: Customer, name: str) -> None:
    found = file_name(customer, "i7")
    assert found == name if not name.endswith("-") else found.startswith(name)


def test_no_two_invoices_share_a_file() -> None:
    """Ids and numbers that differ in a sign alone, or only far behind, have pages of their own."""
    ids = ("a.b", "a-b", "A-B", "a_b", "x" * 50 + "1", "x" * 50 + "2")
    invoices = ("INV/2026/1", "INV-2026-1", "inv-2026-1", "y" * 70 + "1", "y" * 70 + "2")
    names = [file_name(Customer(id_, "Jansen"), one) for id_ in ids for one in invoices]
    assert len({name.casefold() for name in names}) == len(names)
    assert max(map(len, names)) < 160


def test_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(["demo", "--copy", "book"]) == 0
    capsys.readouterr()
    run = ["activity", "--book", "book", "--as-of", "2026-07-01"]
    assert cli.run([*run, "--format", "html", "--output", "pages"]) == 0
    paths = capsys.readouterr().out.splitlines()
    assert len(paths) == 22 and set(paths) == {str(p) for p in Path("pages").iterdir()}
    assert cli.run([*run, "--customer", "c9", "--format", "html", "--output", "one.html"]) == 0
    one = Path("one.html").read_text("utf-8")
    (page,) = Path("pages").glob("c9-thistlewick-finch-surveyors-ltd-*.html")
    assert one == page.read_text("utf-8")
    capsys.readouterr()
    assert cli.run([*run, "--customer", "c9", "--format", "html"]) == 0
    assert capsys.readouterr().out == one
    assert cli.run([*run, "--customer", "c9"]) == 0
    assert capsys.readouterr().out.startswith(
        "Activity record: Thistlewick & Finch Surveyors Ltd\n"
    )
    nothing = ["activity", "--book", "book", "--as-of", "2025-07-01"]
    for more in ([], ["--format", "html"], ["--format", "html", "--output", "none"]):
        assert cli.run([*nothing, *more]) == 0
        said = "There is no draft as of 2025-07-01, so there is nothing to record.\n"
        assert capsys.readouterr().out == said


def test_bill_writes_the_pages_of_what_it_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    cli.run(["demo", "--copy", "book"])
    run = ["--book", "book", "--as-of", "2026-07-01", "--customer", "c9"]
    assert cli.run(["activity", *run, "--format", "html", "--output", "before"]) == 0
    assert cli.run(["bill", *run, "--yes", "--records", "pages"]) == 0
    (path,) = Path("pages").iterdir()
    assert capsys.readouterr().out.endswith(f"  {path}\n")
    assert path.read_text("utf-8") == Path("before", path.name).read_text("utf-8")
    assert cli.run(["bill", *run, "--yes", "--records", "again"]) == 0
    assert not list(Path("again").iterdir())

"""klausel explain and klausel diff from the command line: outputs, files, exit codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import cli
from klausel_book.source import demo_folder

CASES = Path(__file__).parent / "cases"
DEMO = str(demo_folder())
DAY = ("--as-of", "2026-07-01")

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small book, and its policy once more to be edited."""
    shutil.copytree(CASES / "book-errors" / "_base", tmp_path / "book")
    shutil.copytree(tmp_path / "book" / "policies" / "care", tmp_path / "new")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edit(place: Path, before: str, after: str) -> None:
    path = place / "new" / "policy.yaml"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


def explain(*arguments: str) -> int:
    return cli.run(["explain", "--book", "book", *DAY, *arguments])


def diff(*arguments: str) -> int:
    return cli.run(["diff", "--book", "book", *DAY, "book/policies/care", "new", *arguments])


E1 = """\
Entry e1
────────────────────────────────────────────────────────────────────────────────
  4 May 2026, Anna, worked 1:30 h
  Bakery website · New opening hours · Opening hours changed
  Customer Bakery Jansen (c1), owner of the project Bakery website
What became of it
  1:30 h: to be billed, line BAKE-1/service/time/2026-05-01/90
    Rule otherwise (policies/care/policy.yaml:22)
      “Service is billed by time.”
    Invoice for BAKE-1: Service, May 2026, at 90.00 EUR
Contract BAKE-1
  Covers all work for the customer
What the policy sees (care 1)
  work is other: no other line fits (line 2 of from)
  estimate_hours is 2 h
Rules, as they are on 4 May 2026
  R1: no, work is other, not update
  R2: no, estimate_hours is 2 h and would have to be more than 16 h
  otherwise (policies/care/policy.yaml:22) decides: service
Who takes it (service)
  Term service: was asked
  Term fee: takes no time
"""


def test_an_entry(place: Path, capsys: Capture) -> None:
    assert explain("e1") == 0
    assert capsys.readouterr() == (E1, "")


def test_to_a_file_and_in_another_language(place: Path, capsys: Capture) -> None:
    assert explain("e1", "--language", "nl", "--output", "why.txt") == 0
    assert capsys.readouterr() == ("", "")
    text = (place / "why.txt").read_text(encoding="utf-8")
    assert text.startswith("Urenregel e1\n")
    assert "R1: nee, work is other, niet update" in text


def test_a_line_as_json(place: Path, capsys: Capture) -> None:
    assert explain("BAKE-1/service/time/2026-05-01/90", "--format", "json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    said = found.pop("said")
    assert [section["title"] for section in said] == [
        "Line BAKE-1/service/time/2026-05-01/90", "Why it is there", "Why on this day", "Entries",
    ]  # fmt: skip
    assert found == {
        "kind": "line",
        "line": "BAKE-1/service/time/2026-05-01/90",
        "as_of": "2026-07-01",
        "contract": "BAKE-1",
        "term": "service",
        "plan": "effort",
        "component": "time",
        "draft": "BAKE-1/fee/fee/2026-01-01/2026-01-01",
        "document": None,
        "state": "proposed",
        "description": "Service, May 2026",
        "period": ["2026-05-01", "2026-05-31"],
        "due": "2026-06-01",
        "why_due": "arrears",
        "quantity": "1.50",
        "unit": "hour",
        "unit_price": "90.00",
        "discount": "0",
        "amount": "135.00",
        "currency": "EUR",
        "late": False,
        "reverses": None,
        "entries": [{"id": "e1", "seconds": 5400, "rounded": 5400, "rule": "otherwise"}],
        "because": [
            {"rule": "otherwise", "clause": "", "file": "policies/care/policy.yaml", "line": 22}
        ],
        "language": "en",
    }


def test_an_entry_as_json(place: Path, capsys: Capture) -> None:
    assert explain("e2", "--format", "json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found.pop("said")[0]["title"] == "Entry e2"
    (contract,) = found.pop("contracts")
    (part,) = found.pop("parts")
    assert found == {
        "kind": "entry",
        "entry": "e2",
        "as_of": "2026-07-01",
        "date": "2026-05-05",
        "seconds": 1800,
        "customer": "c2",
        "owner": "project",
        "by_hand": None,
        "gate": None,
        "surcharges": [],
        "differences": [],
        "language": "en",
    }
    rule = {"rule": "R1", "disposition": "included", "clause": "", "line": 14}
    rule["file"] = "policies/care/policy.yaml"
    holds = {"field": "work", "value": "update", "wanted": ["update"], "holds": True}
    assert contract == {
        "contract": "BIKE-1",
        "covers": "customer",
        "by": None,
        "from": "2026-01-01",
        "until": None,
        "outcome": "settles",
        "policy": "care 1",
        "fields": [
            {"field": "work", "value": "update", "line": 1, "facts": {"task_tag": ["Update"]}},
            {"field": "estimate_hours", "value": 3600, "line": None, "facts": {}},
        ],
        "rules": [
            {**rule, "outcome": "decides", "from": None, "until": None, "conditions": [holds]}
        ],
        "decided": rule,
        "terms": [],
    }
    assert part == {
        "disposition": "included",
        "rule": "R1",
        "seconds": 1800,
        "rounded": 1800,
        "contract": "BIKE-1",
        "term": None,
        "lot": None,
        "drawn": 0,
        "before": None,
        "after": None,
        "line": None,
        "draft": None,
        "document": None,
        "due": None,
        "held": None,
        "uncovered": None,
        "settled": False,
        "late": False,
        "policy": None,
    }


def test_nothing_waits(place: Path, capsys: Capture) -> None:
    assert explain("held") == 0
    assert capsys.readouterr() == ("Nothing waits as of 2026-07-01.\n", "")
    assert explain("held", "--format", "json") == 0
    assert capsys.readouterr() == ("[]\n", "")


def test_all_that_waits(capsys: Capture) -> None:
    assert cli.run(["preview", "--book", DEMO, *DAY, "--format", "json"]) == 0
    held = {found["entry"] for found in json.loads(capsys.readouterr().out)["held"]}
    assert cli.run(["explain", "--book", DEMO, *DAY, "--format", "json", "held"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {one["entry"] for one in found} == held
    assert all(any(part["held"] for part in one["parts"]) for one in found)
    dates = [one["date"] for one in found]
    assert dates == sorted(dates)


def test_a_customer_that_cannot_be_billed(place: Path, capsys: Capture) -> None:
    """Its problem is the answer; what waits with others is still said."""
    contracts = place / "book" / "contracts.yaml"
    contracts.write_text(contracts.read_text(encoding="utf-8").replace('"50.00"', "fifty"))
    said = 'contracts.yaml:6:29: error: "price": fifty is not a number\n'
    said += "    write a plain number such as 12 or 12.50\n"
    assert explain("e1") == 2
    assert capsys.readouterr() == ("", said)
    assert explain("e3") == 0
    assert capsys.readouterr().err == ""
    assert explain("held") == 2
    assert capsys.readouterr() == ("Nothing waits as of 2026-07-01.\n", said)


# -- diff ----------------------------------------------------------------------------------------


def test_nothing_changes(place: Path, capsys: Capture) -> None:
    edit(place, "policy: care", "policy: care  # the same")
    assert diff("--fail-on-change") == 0
    out, err = capsys.readouterr()
    assert out.endswith("Nothing changes: 3 entries and 9 lines come out the same.\n")
    assert err == ""


def test_what_changes(place: Path, capsys: Capture) -> None:
    edit(place, "then: included", "then: service")
    assert diff() == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "R1 included -> R1 service                          1 entry, 0.50 h, +42.50 EUR" in out
    assert "- Service, May 2026                                      2.00 h × 85.00 170.00\n" in out
    assert "+ Service, May 2026                                      2.50 h × 85.00 212.50\n" in out
    assert "Bakery" not in out
    assert diff("--fail-on-change") == 1
    assert capsys.readouterr().out == out
    assert diff("--from", "2026-06-01", "--fail-on-change") == 0
    assert "Nothing changes: " in capsys.readouterr().out
    assert diff("--format", "json", "--output", "diff.json") == 0
    assert capsys.readouterr() == ("", "")
    data = json.loads((place / "diff.json").read_text(encoding="utf-8"))
    assert data["difference"] == {"EUR": "42.50"}
    assert [one["customer"] for one in data["customers"]] == ["c2"]


def test_what_is_billed_already_is_left_out(place: Path, capsys: Capture) -> None:
    edit(place, "then: included", "then: service")
    assert diff() == 0
    fresh = capsys.readouterr().out
    assert cli.run(["bill", "--book", "book", *DAY, "--yes"]) == 0
    capsys.readouterr()
    assert diff() == 0
    assert capsys.readouterr().out == fresh


def test_a_customer_that_the_new_policy_parks(place: Path, capsys: Capture) -> None:
    edit(place, "  effort:", "  efforts:")
    assert diff() == 2
    out, err = capsys.readouterr()
    assert err == ""
    assert "Could not be billed with the new policy\n" in out
    assert 'error: term service: policy care has no plan "effort"\n' in out
    assert '    did you mean "efforts"?\n' in out
    assert "R1 included -> not billed" in out


def test_a_policy_that_cannot_be_read(place: Path, capsys: Capture) -> None:
    edit(place, "then: included", "then: includes")
    assert diff() == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("new/policy.yaml:")
    assert 'did you mean "included"?' in err


def test_a_policy_that_nobody_uses(place: Path, capsys: Capture) -> None:
    edit(place, "policy: care", "policy: carer")
    arguments = ["diff", "--book", "book", *DAY]
    assert cli.run([*arguments, "new", "book/policies/care"]) == 2
    said = 'OLD: error: no contract uses policy "carer"\n    did you mean "care"?\n'
    assert capsys.readouterr() == ("", said)
    # Another name does no harm to the new one: it takes the old one's place.
    assert cli.run([*arguments, "book/policies/care", "new"]) == 0
    assert "Nothing changes: " in capsys.readouterr().out


def test_folders_of_policies(place: Path, capsys: Capture) -> None:
    """Policies of one name belong together."""
    shutil.copytree(place / "book" / "policies", place / "edited")
    arguments = ["diff", "--book", "book", *DAY, "book/policies", "edited"]
    assert cli.run(arguments) == 0
    assert "Nothing changes: " in capsys.readouterr().out
    other = (place / "new" / "policy.yaml").read_text(encoding="utf-8")
    for folder in ("book/policies", "edited"):
        (place / folder / "more").mkdir()
        name = "more" if folder == "edited" else "other"
        text = other.replace("policy: care", f"policy: {name}")
        (place / folder / "more" / "policy.yaml").write_text(text, encoding="utf-8")
    assert cli.run(arguments) == 2
    said = 'NEW: error: there is no policy "other" in edited\n    policies there: care, more\n'
    assert capsys.readouterr() == ("", said)

"""What ``klausel publish`` sends, shows and refuses, with an ERP that only remembers."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from klausel.charges import COMPONENTS
from klausel.model import Book, PublishedPolicy
from klausel.policy import Policy, load_policy
from klausel.problems import ErpError, Problem, ProblemError
from klausel.publishing import Change, Publications, differing, policy_data
from klausel.result import Result
from klausel.shapes import LANGUAGES
from klausel.texts import MEANINGS
from klausel_book.source import BookSource, copy_demo
from klausel_odoo import checks
from klausel_run.audit import audit
from klausel_run.bill import bill
from klausel_run.preview import Options, preview
from klausel_run.publish import local, publish

JULY = date(2026, 7, 1)

SHOP = """\
policy: shop
version: "{version}"
title: {{en: Shop, de: Laden}}
scope: {{otherwise: {{then: service, because: By the hour.}}}}
plans:
"""
FEE = "  fee: {title: Hosting, clause: '2.1', components: [{fee: {per: month}}]}\n"
TIME = "  time: {title: {en: Service, de: Dienst}, components: [{time: {every: 3 months}}]}\n"


def shop(folder: Path, *plans: str, version: str = "1") -> None:
    write(folder, "shop", SHOP.format(version=version) + "".join(plans))


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "policy.yaml").write_text(text, encoding="utf-8")


class Memory:
    """Publishes nowhere else."""

    name = "memory"

    def __init__(self, folder: Path, contracts: Mapping[str, tuple[str, ...]] | None = None):
        self.policies = folder
        self.there: dict[str, PublishedPolicy] = {}
        self.contracts = {"shop": contracts or {}}
        self.calls: list[list[str]] = []

    def published(self) -> Publications:
        return Publications(self.there, self.contracts)

    def publish(self, changes: Iterable[Change]) -> None:
        found = [change.data for change in changes]
        self.calls.append([data["name"] for data in found])
        for data in found:
            there = self.there.get(data["name"])
            assert data["replaces"] == (there.digest if there else "")
            self.there[data["name"]] = PublishedPolicy(
                data["name"], data["version"], data["hash"], data["digest"],
                tuple(plan["name"] for plan in data["plans"]),
            )  # fmt: skip


class No(Exception):
    pass


class Person:
    """Reads everything, and says yes or no."""

    def __init__(self, yes: bool = True) -> None:
        self.yes = yes
        self.said: list[str] = []

    @contextlib.contextmanager
    def progress(self, name: str) -> Iterator[Callable[[int, int], None]]:
        yield lambda done, total: None

    def show(self, result: Result) -> None:
        self.said.append(f"{len(result.drafts)} drafts")

    def say(self, text: str) -> None:
        self.said.append(text)

    def ask(self, question: str) -> None:
        self.said.append(question)
        if not self.yes:
            raise No


def run(erp: Any, *names: str, yes: bool = True) -> str:
    person = Person(yes)
    with contextlib.suppress(No):
        publish(erp, names, person)
    return "\n".join(person.said)


def hash_of(folder: Path, name: str = "shop") -> str:
    (policy,) = local(folder, [name])
    return policy.hash


# --- what is sent -----------------------------------------------------------------------------


def test_a_policy_as_forms_need_it(tmp_path: Path) -> None:
    shop(tmp_path, FEE, TIME)
    (policy,) = local(tmp_path)
    data = policy_data(policy)
    assert len(data.pop("digest")) == 16
    assert data == {
        "name": "shop",
        "version": "1",
        "hash": policy.hash,
        "title": {"en": "Shop", "de": "Laden"},
        "plans": [
            {
                "name": "fee",
                "title": {"en": "Hosting"},
                "clause": "2.1",
                "because": {},
                "parameters": [
                    {
                        "name": "price",
                        "meaning": {
                            "en": "amount per month, net",
                            "de": "Betrag je Monat, netto",
                            "nl": "bedrag per maand, netto",
                        },
                        "type": "money",
                        "required": True,
                        "example": "49.00",
                    },
                    {
                        "name": "quantity",
                        "meaning": {
                            "en": "how many (devices, users)",
                            "de": "wie viele (Geräte, Nutzer)",
                            "nl": "hoeveel (apparaten, gebruikers)",
                        },
                        "type": "quantity",
                        "required": False,
                        "example": "10",
                    },
                ],
                "parts": [],
                "sells_hours": False,
            },
            {
                "name": "time",
                "title": {"en": "Service", "de": "Dienst"},
                "clause": "",
                "because": {},
                "parameters": [
                    {
                        "name": "price",
                        "meaning": {
                            "en": "price per hour, net",
                            "de": "Preis je Stunde, netto",
                            "nl": "prijs per uur, netto",
                        },
                        "type": "money",
                        "required": True,
                        "example": "95.00",
                    }
                ],
                "parts": [],
                "sells_hours": False,
            },
        ],
        "rules": [
            {
                "kind": "scope",
                "name": "otherwise",
                "clause": "",
                "disposition": "service",
                "plan": "",
                "effect": {
                    "en": "All work: service.",
                    "de": "Alle Arbeit: Service.",
                    "nl": "Al het werk: service.",
                },
                "because": {"en": "By the hour."},
            },
            {
                "kind": "component",
                "name": "fee.fee",
                "clause": "2.1",
                "disposition": "",
                "plan": "fee",
                "effect": {
                    "en": "A fixed amount per month; billed every month in advance; a period that"
                    " is not full is billed by days.",
                    "de": "Ein fester Betrag je Monat; berechnet jeden Monat im Voraus; ein"
                    " angebrochener Zeitraum wird nach Tagen berechnet.",
                    "nl": "Een vast bedrag per maand; berekend elke maand vooraf; een onvolledige"
                    " periode wordt per dag berekend.",
                },
                "because": {},
            },
            {
                "kind": "component",
                "name": "time.time",
                "clause": "",
                "disposition": "",
                "plan": "time",
                "effect": {
                    "en": "Time by the hour; billed every 3 months in arrears.",
                    "de": "Zeit nach Stunden; berechnet alle 3 Monate nachträglich.",
                    "nl": "Tijd per uur; berekend elke 3 maanden achteraf.",
                },
                "because": {},
            },
        ],
        "words": {},
    }


WORDS = """\
fields:
  cause:
    one_of: [we, others]
    from:
      - {origin: [Ours, unsre], is: we}
      - {otherwise: others}
  kind:
    one_of: [care, travel, other]
    from:
      - {activity: Support, task_tag: [Security Patch], is: care}
      - {entry_tag: travel, is: travel}
      - {sla: gold, is: care}
      - {project_tag: intern, text_has: [patch], is: other}
      - {otherwise: other}
"""


def test_the_words_that_forms_offer(tmp_path: Path) -> None:
    """What a preview knows: of the lines of fields, and of rate cards, with what is usual."""
    rates = (
        "  time:\n    title: Service\n    components:\n"
        "      - time: {every: 1 month, rates: {default: 90, activity: {Hosting: 95}}}\n"
    )
    write(tmp_path, "shop", SHOP.format(version="1").replace("scope:", WORDS + "scope:") + rates)
    (policy,) = local(tmp_path)
    assert policy_data(policy)["words"] == {
        "activity": ["hosting", "support"],
        "entry_tag": ["travel"],
        "origin": ["customer", "ours", "third_party", "unknown", "unsre"],
        "sla": ["gold"],
        "task_tag": ["security patch"],
    }


#: Of each kind of component the settings that change what it asks for.
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "fee": [{"per": "month"}, {"per": "period"}],
    "milestone": [{"parts": {"a": "100"}}],
    "contingent": [{"proration": "daily"}],
    "pool": [{"proration": "daily"}],
    "quota": [{"proration": "daily"}],
}
TYPES = {
    "price": "money",
    "beyond_price": "money",
    "hours": "hours",
    "quantity": "quantity",
    "requests": "requests",
}


def test_every_parameter_has_a_type_and_a_meaning_in_every_language() -> None:
    seen = set()
    for kind, component in COMPONENTS.items():
        for settings in SETTINGS.get(kind, [{}]):
            for parameter in component.parameters(component.shape.model_validate(settings)):
                seen.add(parameter.meaning)
                assert parameter.type == TYPES[parameter.name], (kind, parameter)
                known = MEANINGS.get(parameter.meaning, {})
                assert {"en", *known} == set(LANGUAGES), (kind, parameter)
    assert seen == set(MEANINGS)


# --- what is shown, asked and written ---------------------------------------------------------


def test_the_first_time_everything_is_new(tmp_path: Path) -> None:
    shop(tmp_path, FEE, TIME)
    erp = Memory(tmp_path, {"B-2": ("fee",), "A-1": ("fee", "time"), "C-3": ("tiem",)})
    assert run(erp) == (
        f"Policies in {tmp_path} for memory\n"
        "\n"
        f"  shop: new, version 1 ({hash_of(tmp_path)})\n"
        "    plans added: fee, time\n"
        "    contracts: A-1, B-2, C-3\n"
        '    Note: C-3 names a plan "tiem", which the policy does not have\n'
        "Publish 1 policy into memory?\n"
        "\n"
        "1 policy published."
    )
    assert erp.calls == [["shop"]]


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    shop(tmp_path, FEE)
    erp = Memory(tmp_path)
    run(erp)
    assert run(erp) == (
        f"Policies in {tmp_path} for memory\n"
        "\n"
        f"  shop: unchanged, version 1 ({hash_of(tmp_path)})\n"
        "\n"
        "Nothing to publish."
    )
    assert erp.calls == [["shop"]]


def test_a_change_names_both_versions_and_the_plans(tmp_path: Path) -> None:
    shop(tmp_path, FEE, TIME)
    erp = Memory(tmp_path, {"A-1": ("time",)})
    run(erp)
    old = hash_of(tmp_path)
    shop(tmp_path, TIME, FEE.replace("  fee", "  hosting"), version="2")
    assert run(erp, yes=False) == (
        f"Policies in {tmp_path} for memory\n"
        "\n"
        f"  shop: version 1 ({old}) becomes 2 ({hash_of(tmp_path)})\n"
        "    plans added: hosting\n"
        "    plans removed: fee\n"
        "    contracts: A-1\n"
        "Publish 1 policy into memory?"
    )
    assert erp.calls == [["shop"]], "a no publishes nothing"
    run(erp)
    assert erp.there["shop"].plans == ("time", "hosting")


def test_other_files_of_the_same_version_are_said(tmp_path: Path) -> None:
    shop(tmp_path, FEE)
    erp = Memory(tmp_path)
    run(erp)
    shop(tmp_path, FEE.replace("Hosting", "Servers"))
    assert '    Note: the files changed and "version" did not; raise it to tell them apart\n' in (
        run(erp)
    )


def test_what_an_older_addon_dropped_is_published_again(tmp_path: Path) -> None:
    """It had no place for rules; once it has, the same version brings them."""
    shop(tmp_path, FEE)
    erp = Memory(tmp_path)
    run(erp)
    erp.there["shop"] = erp.there["shop"]._replace(whole=False)
    said = f"  shop: version 1 ({hash_of(tmp_path)}) as it is, its rules, plans and words described"
    assert said in run(erp)
    assert run(erp).endswith("Nothing to publish.")


def test_plans_that_a_newer_program_describes_otherwise(tmp_path: Path) -> None:
    shop(tmp_path, FEE)
    erp = Memory(tmp_path)
    run(erp)
    erp.there["shop"] = erp.there["shop"]._replace(digest="of an older program")
    said = (
        f"  shop: version 1 ({hash_of(tmp_path)}) as it is, its rules, plans and words described"
        " anew\n"
    )
    assert said in run(erp)
    assert len(erp.calls) == 2


def test_a_plan_that_contracts_use_cannot_go(tmp_path: Path) -> None:
    shop(tmp_path, FEE, TIME)
    erp = Memory(tmp_path, {"B-2": ("time",), "A-1": ("fee", "time"), "C-3": ("fee",)})
    run(erp)
    shop(tmp_path, FEE, version="2")
    with pytest.raises(ErpError) as caught:
        run(erp)
    assert str(caught.value) == (
        'Policy shop 2 has no plan "time" any more, but contracts use it: A-1, B-2.\n'
        "    keep the plan in the policy; or give these contracts another plan, or archive them,"
        " and publish again"
    )
    assert erp.calls == [["shop"]]


# --- which policies ---------------------------------------------------------------------------


def test_a_policy_with_errors_is_not_published(tmp_path: Path) -> None:
    shop(tmp_path, FEE)
    write(tmp_path, "bad", "policy: bad\nversion: '1'\nscope: {otherwise: {then: servce}}\n")
    erp = Memory(tmp_path)
    for names in ((), ("bad",), ("shop", "bad")):
        with pytest.raises(ProblemError) as caught:
            run(erp, *names)
        first = str(caught.value.problems[0])
        assert first.startswith(f"{tmp_path}/bad/policy.yaml:3:"), first
    assert erp.calls == []
    run(erp, "shop")
    assert erp.calls == [["shop"]], "what else stands in the folder does not matter"


def test_policies_that_are_not_there(tmp_path: Path) -> None:
    shop(tmp_path, FEE)
    with pytest.raises(ProblemError) as caught:
        local(tmp_path, ["shp", "other"])
    assert str(caught.value) == (
        f'{tmp_path}: error: there is no policy "other"\n'
        "    policies here: shop\n"
        f'{tmp_path}: error: there is no policy "shp"\n'
        '    did you mean "shop"?'
    )
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProblemError) as caught:
        local(tmp_path / "empty")
    assert str(caught.value) == (
        f"{tmp_path / 'empty'}: error: there is no policy in it\n"
        "    put each policy in a folder of its own there"
    )
    with pytest.raises(ProblemError) as caught:
        local(tmp_path / "nowhere")
    assert str(caught.value) == (
        f"{tmp_path / 'nowhere'}: error: there is no such folder\n"
        "    give --policies, or set KLAUSEL_POLICIES"
    )


def test_a_name_that_stands_in_two_folders_is_not_published(tmp_path: Path) -> None:
    shop(tmp_path, FEE)
    write(tmp_path, "copy", SHOP.format(version="2") + FEE)
    with pytest.raises(ProblemError) as caught:
        local(tmp_path)
    assert str(caught.value) == (
        f'{tmp_path}/copy/policy.yaml: warning: policy "shop" stands here too and is not read:'
        f" that in {tmp_path}/shop is\n"
        "    move the copy out of the folder of the policies, or give it a name of its own"
    )
    assert [policy.version for policy in local(tmp_path, ("shop",))] == ["1"]
    (tmp_path / "shop").rename(tmp_path / "other")
    for names in ((), ("shop",)):
        with pytest.raises(ProblemError) as caught:
            local(tmp_path, names)
        assert str(caught.value) == (
            f'{tmp_path}/other/policy.yaml: error: policy "shop" stands in two folders,'
            f" here and in {tmp_path}/copy\n    give each policy a name of its own"
        )


def test_a_name_given_twice_is_one(tmp_path: Path) -> None:
    shop(tmp_path, FEE)
    assert [policy.name for policy in local(tmp_path, ["shop", "shop"])] == ["shop"]


# --- other files than those that are published ------------------------------------------------

OTHER = PublishedPolicy("web-care", "2026.0", "0123456789abcdef")


class Elsewhere(BookSource):
    """A book whose ERP has another version of web-care published."""

    def read(self, until: date, customers: Any = None) -> Book:
        book = super().read(until, customers)
        published = {"web-care": OTHER, "gone": OTHER._replace(name="gone")}
        used = (contract.policy for contract in book.contracts)
        found = differing(book.policies, published, used)
        return replace(book, published=published, problems=(*book.problems, *found.values()))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Elsewhere:
    folder = tmp_path_factory.mktemp("book") / "demo"
    copy_demo(folder)
    return Elsewhere(folder)


def web_care(demo: Elsewhere) -> Policy:
    files = demo.policy_files()["web-care"]
    policy = load_policy("", files)
    assert isinstance(policy, Policy)
    return policy


def test_a_preview_warns(demo: Elsewhere) -> None:
    result = preview(demo, Options(JULY))
    (found,) = [one for one in result.problems if one.code == "policy-published"]
    policy = web_care(demo)
    assert isinstance(found, Problem)
    assert str(found) == (
        "policy web-care: warning: policy web-care is published as 2026.0 (0123456789abcdef),"
        f" but the files in use are {policy.version} ({policy.hash})\n"
        "    publish again: klausel publish web-care; or use the files that were published"
    )
    assert not found.customer
    assert result.parked == preview(BookSource(demo.folder), Options(JULY)).parked


def test_a_bill_is_refused_before_anything_is_written(demo: Elsewhere) -> None:
    policy = web_care(demo)
    person, before = Person(), (demo.folder / "ledger.jsonl").read_bytes()
    with pytest.raises(ErpError) as caught:
        bill(demo, Options(JULY, record=True), False, person)
    assert str(caught.value) == (
        "nothing was written: policy web-care is published as 2026.0 (0123456789abcdef), but the"
        f" files in use are {policy.version} ({policy.hash})\n"
        "    publish again: klausel publish web-care; or use the files that were published"
    )
    assert len(person.said) == 1, "shown, not asked"
    assert (demo.folder / "ledger.jsonl").read_bytes() == before


def test_a_bill_of_other_customers_goes_on(demo: Elsewhere) -> None:
    book = demo.read(JULY)
    concerned = {book.root(c.customer) for c in book.contracts if c.policy == "web-care"}
    other = next(c.customer for c in book.contracts if book.root(c.customer) not in concerned)
    result, report = bill(demo, Options(JULY, [other], record=True), False, Person())
    assert [draft.customer for draft in result.drafts]
    assert len(report.applied) == 1


def test_an_audit_says_why_there_may_be_differences(demo: Elsewhere) -> None:
    policy = web_care(demo)
    assert audit(demo, JULY).text.splitlines()[-2:] == [
        "policy web-care: warning: policy web-care is published as 2026.0 (0123456789abcdef), but"
        f" the files in use are {policy.version} ({policy.hash})",
        "    publish again: klausel publish web-care; or use the files that were published",
    ]


def test_doctor_compares_each_policy(demo: Elsewhere) -> None:
    book = demo.read(JULY)
    policy, same = web_care(demo), book.policies["it-support"]
    published = {
        **book.published,
        "it-support": PublishedPolicy("it-support", same.version, same.hash),
    }
    rest = sorted(book.policies.keys() - {"it-support", "web-care"})
    said = [f"it-support {same.version} ({same.hash})"]
    said += [f"{name} not published" for name in rest]
    said += [f"web-care 2026.0 (0123456789abcdef), the files are {policy.version} ({policy.hash})"]
    check = checks.published(book, Publications(published, {}))
    assert not check.fine
    assert check.said == "; ".join([*sorted(said), "gone without files"])
    assert check.hint == (
        "publish again: klausel publish web-care; or use the files that were published"
    )
    check = checks.published(book, Publications({}, {}))
    assert check.fine
    assert check.said == "nothing; contracts name policies and plans as text"


# --- the page about it --------------------------------------------------------------------------

PAGE = Path(__file__).parents[1] / "docs" / "publishing.md"
HOSTING = FEE.replace("  fee", "  hosting")
SERVICE = TIME.replace("  time", "  service")
SUPPORT = TIME.replace("  time", "  support")


def test_the_page_about_publishing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its outputs are what the commands say; hashes have names there."""
    monkeypatch.chdir(tmp_path)
    folder = Path("policies")
    plans = ("hosting", "service")
    erp = Memory(folder, {"BIKE-1": plans, "BAKE-1": plans[:1]})
    erp.name = "https://odoo.example.com (database production)"
    said, hashes = [], {}
    for name, version, plan in (("first", "1", ()), ("second", "2", (SUPPORT,))):
        shop(folder, HOSTING, SERVICE, *plan, version=version)
        hashes[name] = hash_of(folder)
        if erp.calls:
            (policy,) = local(folder)
            found = differing({"shop": policy}, erp.there, ["shop"])["shop"]
            said.append(f"error: nothing was written: {found.message}\n    {found.hint}")
        text = run(erp).replace("Publish 1 policy into " + erp.name + "?\n", "")
        said.append(text)
    page = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"   ```console\n   \$ klausel (\w+) --odoo\n(.*?)   ```\n", page, re.S)
    assert [command for command, _ in blocks] == ["publish", "bill", "publish"]
    for (_, shown), output in zip(blocks, said, strict=True):
        for name, value in hashes.items():
            shown = shown.replace(f"@{name}", value)
        lines = [line[3:] for line in shown.splitlines()]
        assert "\n".join(lines).removeprefix("...\n") == output

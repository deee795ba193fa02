"""Every template in a real Odoo: the first months of its own two years, all in one database.

They come to the figures worked out by hand in the template's ``tests/two-years.yaml``; what Odoo
then has is compared draft by draft and line by line with what the same facts give without it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from decimal import Decimal

import pytest

from klausel.money import ZERO
from klausel.policy_tests import read_tests
from klausel.scenario import RunResult, Scenario, play
from klausel_odoo import OdooSource
from klausel_run.templates import Template, templates, templates_folder
from tests.counts import count

from . import scene
from .load import Growing
from .server import Odoo
from .test_models import Life, WithoutOdoo, all_written, stands_in_odoo

pytestmark = pytest.mark.odoo

TWO_YEARS = "tests/two-years.yaml"

#: Runs of the two years that are caught up with: the first bill and the next one.
RUNS = 2


@pytest.fixture(scope="module")
def source(odoo: Odoo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OdooSource]:
    policies = tmp_path_factory.mktemp("policies") / "policies"
    shutil.copytree(templates_folder(), policies)
    source = scene.source(odoo, policies=policies)
    yield source
    source.close()


class TemplateLife(Life):
    """A template's first months in Odoo, under the policy folder as it is shipped."""

    def __init__(self, odoo: Odoo, source: OdooSource, name: str, scenario: Scenario) -> None:
        self.scenario = scenario
        self._growing = Growing(odoo, f" {name}")
        self._source = source
        self.written = {}
        self._fragment = dict(scenario.shape.book)


def first_months(template: Template) -> Scenario:
    """The first runs of the template's two years."""
    only = {name: text for name, text in template.files.items() if name == TWO_YEARS}
    tests, problems = read_tests(template.policy, only)
    assert not problems
    (test,) = tests
    assert test.scenario is not None
    shape = test.scenario.shape
    return test.scenario._replace(shape=shape.model_copy(update={"runs": shape.runs[:RUNS]}))


def caught_up(scenario: Scenario) -> Scenario:
    """The same in one run on the last day, which bills the same in sum (semantics 7)."""
    shape = scenario.shape
    assert not any(run.add or run.change or run.remove or run.release for run in shape.runs)
    last = shape.runs[-1].model_copy(update={"expect": {}})
    return all_written(scenario._replace(shape=shape.model_copy(update={"runs": [last]})))


def billed(results: list[RunResult]) -> Decimal:
    """What invoices come to, less what credit notes do."""
    drafts = [draft for run in results if run.result for draft in run.result.drafts]
    return sum(
        (-draft.total if draft.kind == "credit_note" else draft.total for draft in drafts), ZERO
    )


def test_every_template_bills_in_odoo(odoo: Odoo, source: OdooSource) -> None:
    found = templates()
    assert len(found) == 11
    for template in found:
        scenario = first_months(template)
        by_hand, mismatches = play(scenario)
        assert not mismatches
        life = TemplateLife(odoo, source, template.name, caught_up(scenario))
        (wanted,), _ = play(life.scenario)
        assert wanted.result is not None
        life.facts_of(0)
        other = WithoutOdoo({entry.id: entry.id for entry in life.book.entries})
        result = life.bill(life.scenario.shape.runs[0].as_of, False)
        assert life.found(result) == other.found(wanted.result), template.name
        stands_in_odoo(life, result)
        assert billed([RunResult(result, {})]) == billed(by_hand) != ZERO, template.name
        count("drafts of templates in Odoo", len(result.drafts))
    count("templates billed in Odoo", len(found))

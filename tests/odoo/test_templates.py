"""Every template in a real Odoo: the first runs of its own two years, all in one database.

The figures are the ones worked out by hand in the template's ``tests/two-years.yaml``; what Odoo
then has is compared draft by draft and line by line.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from klausel.policy_tests import read_tests
from klausel.scenario import Scenario, play
from klausel_odoo import OdooSettings, OdooSource
from klausel_run.templates import Template, templates, templates_folder
from tests.counts import count

from .load import Growing
from .server import Odoo
from .test_models import Life, WithoutOdoo, all_written, stands_in_odoo

pytestmark = pytest.mark.odoo

TWO_YEARS = "tests/two-years.yaml"

#: Runs of the two years that are written: the first bill and the next one.
RUNS = 2


@pytest.fixture(scope="module")
def source(odoo: Odoo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OdooSource]:
    policies = tmp_path_factory.mktemp("policies") / "policies"
    shutil.copytree(templates_folder(), policies)
    settings = OdooSettings.load(
        url=odoo.url, database=odoo.database, login=odoo.login, password=odoo.password,
        policies=policies,
    )  # fmt: skip
    source = OdooSource(settings)
    yield source
    source.close()


class TemplateLife(Life):
    """A template's two years in Odoo, under the policy folder as it is shipped."""

    def __init__(self, odoo: Odoo, source: OdooSource, template: Template) -> None:
        self.scenario = two_years(template)
        self._growing = Growing(odoo, f" {template.name}")
        self._source = source
        self.written = {}
        self._fragment = dict(self.scenario.shape.book)


def two_years(template: Template) -> Scenario:
    """The first runs of the template's two years, each written."""
    only = {name: text for name, text in template.files.items() if name == TWO_YEARS}
    tests, problems = read_tests(template.policy, only)
    assert not problems
    (test,) = tests
    assert test.scenario is not None
    shape = test.scenario.shape
    first = shape.model_copy(update={"runs": shape.runs[:RUNS]})
    return all_written(test.scenario._replace(shape=first))


def test_every_template_bills_in_odoo(odoo: Odoo, source: OdooSource) -> None:
    found = templates()
    assert len(found) == 11
    for template in found:
        life = TemplateLife(odoo, source, template)
        expected, mismatches = play(life.scenario)
        assert not mismatches
        totals = 0
        for number, (run, wanted) in enumerate(
            zip(life.scenario.shape.runs, expected, strict=True)
        ):
            life.facts_of(number)
            other = WithoutOdoo({entry.id: entry.id for entry in life.book.entries})
            result = life.bill(run.as_of, False)
            assert wanted.result is not None
            assert life.found(result) == other.found(wanted.result), (template.name, number)
            stands_in_odoo(life, result)
            totals += len(result.drafts)
        assert totals, template.name
        count("drafts of templates in Odoo", totals)
    count("templates billed in Odoo", len(found))

"""HTML: one page a customer that stands by itself and prints on A4: no scripts, nothing to load."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from klausel.activity import CustomerRecord, Movement, Record, Row, Section
from klausel.formats.activity.words import (
    WORDS,
    amount_of,
    clean,
    clock,
    hours,
    lot_name,
    reasons,
    remarks,
    said,
    section_name,
    titled,
    unit_text,
)
from klausel.result import Draft, Line, Marks
from klausel.texts import PHRASES, days_text, number_text, phrase

STYLE = """
:root { --ink: #1c2430; --soft: #5b6675; --rule: #c9d0d9; --tint: #f3f5f8; --mark: #8a4b00; }
* { box-sizing: border-box; }
html { font: 10.5pt/1.4 "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif; }
body { color: var(--ink); background: #fff; margin: 0 auto; padding: 2rem; max-width: 60rem; }
header { border-bottom: 2px solid var(--ink); padding-bottom: .6rem; }
header p { margin: 0; color: var(--soft); }
h1 { font-size: 1.7rem; line-height: 1.2; margin: .1rem 0 .5rem; }
h2 { font-size: 1.25rem; line-height: 1.25; margin: 1.8rem 0 .2rem; }
h3 { font-size: 1.02rem; margin: 1.5rem 0 .3rem; }
h3 .part { display: block; font-weight: normal; font-size: .85rem; color: var(--soft); }
dl { display: flex; flex-wrap: wrap; gap: .1rem 1.6rem; margin: .3rem 0 0; }
dl div { display: flex; gap: .4rem; }
dt { color: var(--soft); }
dd { margin: 0; }
table { width: 100%; border-collapse: collapse; margin: .3rem 0 0; }
caption { text-align: left; color: var(--soft); padding: 0 0 .3rem; }
th, td { text-align: left; vertical-align: top; padding: .28rem .5rem; }
thead th { font-size: .82rem; color: var(--soft); font-weight: 600;
  border-bottom: 1px solid var(--ink); vertical-align: bottom; }
tbody th { font-weight: normal; }
tbody tr + tr > * { border-top: 1px solid var(--rule); }
tfoot th, tfoot td { border-top: 1px solid var(--ink); font-weight: 600;
  background: var(--tint); }
th:first-child, td:first-child { padding-left: .2rem; }
th:last-child, td:last-child { padding-right: .2rem; }
.n { width: 5.6rem; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.day { white-space: nowrap; width: 6.2rem; }
.who { width: 9rem; }
.what { overflow-wrap: anywhere; }
.on { display: block; font-weight: 600; }
.mark { display: inline-block; font-size: .8rem; color: var(--mark); border: 1px solid;
  border-radius: .2rem; padding: 0 .3rem; margin-right: .3rem; }
.lot { color: var(--soft); }
.hours { font-weight: normal; color: var(--soft); margin-left: .4rem; }
.note { color: var(--soft); font-size: .85rem; margin: .3rem 0 0; }
.all { margin: 1.2rem 0 0; font-weight: 600; }
.waits thead th { border-bottom-style: dashed; }
@media (max-width: 40rem) {
  body { padding: 1rem; }
  .scroll { overflow-x: auto; }
  .what { min-width: 12rem; }
}
@page { size: A4; margin: 16mm 15mm 18mm;
  @bottom-left { content: FOOT; font: 8pt Helvetica, Arial, sans-serif; color: #5b6675; }
  @bottom-right { content: PAGE " " counter(page) " / " counter(pages);
    font: 8pt Helvetica, Arial, sans-serif; color: #5b6675; } }
@media print {
  html { font-size: 9pt; }
  body { padding: 0; max-width: none; }
  .draft + .draft { break-before: page; }
  .draft + .draft h2 { margin-top: 0; }
  thead { display: table-header-group; }
  tfoot { display: table-row-group; }
  tr, h2, h3, .all, dl { break-inside: avoid; }
  h2, h3, caption { break-after: avoid; }
  tfoot tr { break-before: avoid; }
  tbody tr:first-child { break-after: avoid; }
  .scroll { overflow: visible; }
}
"""

PAGE = """\
<!DOCTYPE html>
<html lang="{{ language }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ words.title }}: {{ name }}</title>
<style>{{ style }}</style>
</head>
<body>
<header>
<p>{{ company }}</p>
<h1>{{ words.title }}</h1>
<dl>
<div><dt>{{ words.customer }}</dt><dd>{{ name }}</dd></div>
<div><dt>{{ words.as_of }}</dt><dd>{{ as_of }}</dd></div>
</dl>
</header>
<main>
{% for record in records %}
{% set draft = loop.index %}
<section class="draft" aria-labelledby="d{{ draft }}">
<h2 id="d{{ draft }}">{{ record.kind }}, {{ record.named }}</h2>
<dl>
<div><dt>{{ words.period }}</dt><dd>{{ record.days }}</dd></div>
{% if record.orders %}<div><dt>{{ words.po }}</dt><dd>{{ record.orders }}</dd></div>{% endif %}

</dl>
<h3 id="d{{ draft }}i">{{ words["items"] }}</h3>
<div class="scroll">
<table aria-labelledby="d{{ draft }}i">
<thead><tr>
<th scope="col">{{ words.item }}</th>
<th scope="col" class="n">{{ words.quantity }}</th>
<th scope="col" class="n">{{ words.price }}</th>
<th scope="col" class="n">{{ words.amount }} {{ record.currency }}</th>
</tr></thead>
<tbody>
{% for line in record.lines %}
<tr><th scope="row" class="what">{{ line.text }}</th><td class="n">{{ line.quantity }}</td>
<td class="n">{{ line.price }}</td><td class="n">{{ line.amount }}</td></tr>
{% endfor %}
</tbody>
<tfoot><tr><th scope="row" colspan="3">{{ words.net }}</th>
<td class="n">{{ record.total }}</td></tr></tfoot>
</table>
</div>
{% for reason in record.reasons %}
<p class="note">{{ reason }}</p>
{% endfor %}
{% for section in record.sections %}
{% set id = "d%ss%s" % (draft, loop.index) %}
<h3 id="{{ id }}"><span class="part">{{ section.name }}</span>{{ section.title }}</h3>
{% if section.note %}<p class="note">{{ section.note }}</p>{% endif %}

<div class="scroll">
<table aria-labelledby="{{ id }}"{% if section.waits %} class="waits"{% endif %}>
<thead><tr>
<th scope="col" class="day">{{ words.date }}</th>
<th scope="col" class="who">{{ words.who }}</th>
<th scope="col" class="what">{{ words.what }}</th>
{% for column in section.columns %}
<th scope="col" class="n">{{ column }}</th>
{% endfor %}
</tr></thead>
<tbody>
{% for row in section.rows %}
<tr><td class="day">{{ row.day }}</td><td class="who">{{ row.who }}</td>
<td class="what">{% if row.on %}<span class="on">{{ row.on }}</span>{% endif %}
{% if row.lot %}<span class="mark lot">{{ row.lot }}</span>{% endif %}
{% for mark in row.marks %}<span class="mark">{{ mark }}</span>{% endfor %}
{{ row.done }}</td>
{% for value in row.cells %}<td class="n">{{ value }}</td>{% endfor %}</tr>
{% endfor %}
</tbody>
<tfoot><tr><th scope="row" colspan="3">{{ words.sum }}
{%- if section.hours %} <span class="hours">{{ section.hours }}</span>{% endif %}</th>
{% for value in section.sums %}<td class="n">{{ value }}</td>{% endfor %}</tr></tfoot>
</table>
</div>
{% endfor %}
{% if record.movements %}
<h3 id="d{{ draft }}b">{{ words.balance }}</h3>
<div class="scroll">
<table aria-labelledby="d{{ draft }}b">
<thead><tr>
<th scope="col">{{ words.item }}</th>
<th scope="col" class="n">{{ words.before }}</th>
<th scope="col" class="n">{{ words.taken }}</th>
{% if record.other %}<th scope="col" class="n">{{ words.other }}</th>{% endif %}
<th scope="col" class="n">{{ words.after }}</th>
</tr></thead>
<tbody>
{% for move in record.movements %}
<tr><th scope="row" class="what">{{ move.name }}</th>
{% for value in move.cells %}<td class="n">{{ value }}</td>{% endfor %}</tr>
{% endfor %}
</tbody>
</table>
</div>
{% if record.other %}<p class="note">{{ words.balance_note }}</p>{% endif %}

{% endif %}
<p class="all">{{ words.all }}: {{ record.all }}</p>
</section>
{% endfor %}
</main>
</body>
</html>
"""


def render(records: Sequence[CustomerRecord]) -> str:
    """The page of one customer. Raises ``ValueError`` for more of them."""
    if len(records) != 1:
        raise ValueError("a page is of one customer")
    found = records[0]
    words = WORDS[found.language]
    name = found.customer.name or found.customer.id
    foot = f"{words['title']} · {name}"
    return _template().render(
        language=found.language,
        words=words,
        name=name,
        company=found.company,
        as_of=days_text(found.as_of, found.as_of, found.language),
        style=_Style(foot, words["page"]),
        records=[_record(record, found.language) for record in found.records],
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    return environment.from_string(PAGE)


class _Style:
    """The style sheet with its texts; what stands in it can end neither a string nor the sheet."""

    def __init__(self, foot: str, page: str) -> None:
        self._text = STYLE.replace("FOOT", _css(foot)).replace("PAGE", _css(page))

    def __html__(self) -> str:
        return self._text


def _css(text: str) -> str:
    """``text`` as a string of a style sheet, every sign but letters and digits escaped."""
    signs = (c if c.isascii() and c.isalnum() else f"\\{ord(c):06x}" for c in text)
    return f'"{"".join(signs)}"'


def _record(record: Record, language: str) -> dict[str, Any]:
    words = WORDS[language]
    draft = record.draft
    marks = Marks(draft)
    codes = [contract.code for contract in record.contracts]
    orders = dict.fromkeys(c.po_number for c in record.contracts if c.po_number)
    other = any(move.other for move in record.movements)
    digits = max((_digits(line.quantity) for line in draft.lines if line.unit == "hour"), default=2)
    return {
        "kind": words[draft.kind],
        "named": phrase(language, "contract" if len(codes) == 1 else "contracts", ", ".join(codes)),
        "days": days_text(record.first, record.last, language),
        "orders": ", ".join(orders),
        "currency": draft.currency,
        "total": _money(draft.total, draft, language),
        "lines": [_line(line, draft, marks, language) for line in draft.lines],
        "reasons": reasons(draft, draft.lines, language),
        "sections": [_section(section, marks, language, digits) for section in record.sections],
        "movements": [_movement(move, language, other) for move in record.movements],
        "other": other,
        "all": f"{clock(record.seconds)} = {hours(record.seconds, digits, language)}",
    }


def _digits(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _money(amount: Decimal, draft: Draft, language: str) -> str:
    return number_text(amount, draft.digits, language).replace("-", "−")


def _line(line: Line, draft: Draft, marks: Marks, language: str) -> dict[str, str]:
    price = number_text(line.unit_price, max(_digits(line.unit_price), draft.digits), language)
    if line.discount:
        price += f" − {number_text(line.discount, _digits(line.discount), language)} %"
    return {
        "text": line.description + marks.behind(line, told=True),
        "quantity": unit_text(line, language, PHRASES[language][line.unit]),
        "price": price,
        "amount": _money(line.amount, draft, language),
    }


def _section(section: Section, marks: Marks, language: str, digits: int) -> dict[str, Any]:
    words = WORDS[language]
    columns, sums, total = [words["worked"]], [clock(section.seconds)], ""
    if section.kind == "billed":
        columns.append(words["charged"])
        sums.append(clock(section.rounded))
        if section.line is not None and section.line.unit == "hour":
            total = hours(section.rounded, digits, language)
    elif section.kind == "drawn":
        columns += [words["taken"], words["before"], words["after"]]
        sums += [amount_of(section.drawn, section.requests), "", ""]
    name = section_name(section, language)
    return {
        "name": name if section.title else "",
        "title": titled(section, marks) if section.title else name,
        "note": words["held_note"] if section.kind == "held" else "",
        "waits": section.kind == "held",
        "columns": columns,
        "rows": [_row(section, row, language) for row in section.rows],
        "sums": sums,
        "hours": total,
    }


def _row(section: Section, row: Row, language: str) -> dict[str, Any]:
    words = WORDS[language]
    on, done = said(section, row)
    values = [clock(row.seconds)]
    marks = remarks(section, row, language)
    lot = ""
    if section.kind == "free":
        marks = [mark for mark in marks if mark != words["included"]]  # the heading says it
    elif section.kind == "billed":
        values.append(clock(row.rounded))
    elif section.kind == "drawn":
        lot = lot_name(row.lot, language)
        values.append(amount_of(row.drawn, section.requests))
        values += [
            "–" if value is None else amount_of(value, section.requests)
            for value in (row.before, row.after)
        ]
    return {
        "day": days_text(row.day, row.day, language),
        "who": clean(row.who) or words["staff"],
        "on": on,
        "done": done or ("" if on else "–"),
        "lot": lot,
        "marks": marks,
        "cells": values,
    }


def _movement(move: Movement, language: str, other: bool) -> dict[str, Any]:
    values = [move.before, move.drawn, *([move.other] if other else []), move.after]
    return {
        "name": f"{move.title}, {lot_name(move.lot, language)}",
        "cells": [amount_of(value, move.requests) for value in values],
    }

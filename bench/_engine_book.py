"""A large book of mixed contracts, the same every time: what ``bench engine`` previews."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path

FIELDS = """\
fields:
  work:
    one_of: [update, feature, internal, other]
    from:
      - {activity: Internal, is: internal}
      - {task_tag: Update, is: update}
      - {text_has: [security patch, CVE], is: update}
      - {task_tag: Feature, is: feature}
      - {otherwise: other}
  time:
    one_of: [weekend, workday]
    from:
      - {weekday: [saturday, sunday], is: weekend}
      - {otherwise: workday}
  urgency:
    one_of: [urgent, normal]
    from:
      - {entry_tag: Urgent, is: urgent}
      - {otherwise: normal}
  estimate_hours: {number: {from: 0, to: 10000}}
scope:
  rules:
    - {id: I1, when: {work: internal}, then: internal, because: our own matter}
    - {id: W1, when: {work: update}, then: included, because: kept safe}
    - {id: P1, when: {work: feature, estimate_hours: {more_than: 16}}, then: change, because: big}
  otherwise: {then: service, because: day to day}
plans:
  flat: {title: Care, components: [{fee: {every: 12 months}}]}
  devices: {title: Devices, components: [{fee: {every: 1 month, proration: daily}}]}
  quarter: {title: Service, components: [{time: {every: 3 months, group_by: project}}]}
  tickets: {title: Service, components: [{time: {group_by: ticket}}]}
  month: {title: Effort, components: [{time: {rates: {role: {Senior: "120.00"}}}}]}
  reserved: {title: Reserved hours, components: [{contingent: {proration: daily, beyond: next}}]}
  desk: {title: Help desk, components: [{contingent: {proration: none, beyond: bill}}]}
  pool: {title: Pool, components: [{pool: {proration: daily, carry_periods: 3, settle: none}}]}
  block: {title: Block, components: [{block: {validity: 12 months, empty: next}}]}
  requests:
    title: Requests
    components: [{quota: {proration: none, beyond: bill, rates: {default: "100.00"}}}]
  project: {title: Web shop, components: [{milestone: {parts: [concept, build, launch]}}]}
"""

SURCHARGES = """\
surcharges:
  - {id: U1, when: {urgency: urgent}, times: "1.5", on: price, because: urgent work costs more}
  - {id: U2, when: {time: weekend}, times: "2", on: hours, because: weekends count twice}
"""

APPROVALS = """\
approvals:
  - {id: A1, when: {disposition: change}, require: approval, per: ticket}
  - {id: B1, watch: {amount: period, budget: "2000.00", notify_at: [80, 100]}}
"""

POLICIES = {
    "care": "",
    "desk": "rounding: {to: 15m, mode: up, per: entry}\n" + SURCHARGES,
    "studio": "rounding: {to: 15m, mode: nearest, per: ticket_day}\n" + SURCHARGES + APPROVALS,
}

#: Model of contract ``n`` by its last digit: policy and terms.
FLAT = '{id: W, plan: flat, price: "49.00"}'
REST = '{id: S, plan: month, price: "95.00", priority: 1}'
MODELS = (
    ("care", f'{FLAT}, {{id: S, plan: quarter, price: "95.00"}}'),
    ("care", f'{FLAT}, {{id: S, plan: month, price: {{always: "95.00", 2025-01-01: "98.00"}}}}'),
    ("care", f'{{id: H, plan: reserved, hours: 6, price: "85.00"}}, {REST}'),
    ("care", '{id: H, plan: pool, hours: 5, price: "88.00"}'),
    ("care", f'{{id: H, plan: block, hours: 20, price: "82.00"}}, {REST}'),
    (
        "desk",
        '{id: D, plan: devices, price: "21.00", quantity: {always: 9, 2025-02-12: 11}}, '
        '{id: Q, plan: requests, requests: 3, price: "30.00", beyond_price: "45.00"}',
    ),
    ("studio", '{id: S, plan: tickets, takes: [service, change], price: "97.00", discount: 5}'),
    ("desk", '{id: H, plan: desk, hours: 8, price: "80.00", beyond_price: "105.00"}'),
    ("care", '{id: M, plan: project, price: "12000.00"}'),
    ("studio", '{id: S, plan: month, takes: [service, change], price: "96.00"}'),
)
MILESTONE, BESIDE = 8, 9
"""The fixed price is for one project of a customer whose other work the next contract has."""

TEXTS = (
    "call with the editor", "security patch", "menu on phones", "form sends nothing", "new banner",
    "backup restored", "looked into the log", "photos cut", "moved to the new server", "prices",
)  # fmt: skip


def write_book(folder: Path, entries: int, contracts: int) -> None:
    """A book of ``contracts`` mixed contracts with two years of entries."""
    for name, words in POLICIES.items():
        (folder / "policies" / name).mkdir(parents=True)
        text = f'policy: {name}\nversion: "1"\n{words}{FIELDS}'
        (folder / "policies" / name / "policy.yaml").write_text(text)
    (folder / "book.yaml").write_text("company: Bench\nlanguages: [en, de, nl]\n")
    (folder / "contracts.yaml").write_text("".join(map(_contract, range(contracts))))
    _masters(folder, contracts)
    _decisions(folder, contracts)
    _entries(folder, entries, 20 * contracts)


def _contract(number: int) -> str:
    policy, terms = MODELS[number % 10]
    covers = f"covers: {{projects: [p{2 * number}]}}, " if number % 10 == MILESTONE else ""
    return (
        f"- {{code: K{number}, customer: c{_owner(number)}, start: 2024-01-01, policy: {policy}, "
        f"{covers}terms: [{terms}]}}\n"
    )


def _owner(number: int) -> int:
    return number - 1 if number % 10 == BESIDE else number


def _table(folder: Path, name: str, header: str, rows: Iterable[Sequence[object]]) -> None:
    with (folder / name).open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header.split(","))
        writer.writerows(rows)


def _masters(folder: Path, contracts: int) -> None:
    roles, tags = ("Senior", "Support"), ("Update", "Feature", "", "")
    employees = [(f"u{n}", f"N{n}", roles[n % 2]) for n in range(30)]
    _table(folder, "employees.csv", "id,name,role", employees)
    customers = [(f"c{n}", f"Customer {n}", ("en", "de", "nl")[n % 3]) for n in range(contracts)]
    _table(folder, "customers.csv", "id,name,language", customers)
    projects = [(f"p{n}", f"Project {n}", f"c{_owner(n // 2)}") for n in range(2 * contracts)]
    _table(folder, "projects.csv", "id,name,customer", projects)
    tickets = [
        (f"t{n}", f"p{n // 10}", f"Ticket {n}", tags[n % 4], n % 40) for n in range(20 * contracts)
    ]
    _table(folder, "tickets.csv", "id,project,title,tags,estimate_hours", tickets)


def _decisions(folder: Path, contracts: int) -> None:
    """What customers bought, accepted and approved."""
    bought = [
        (f"b{n}-{year}", f"K{n}", "H", f"{year}-01-02", 40, "82.00", "INV/1")
        for n in range(4, contracts, 10)
        for year in (2024, 2025)
    ]
    _table(folder, "purchases.csv", "id,contract,term,date,hours,price,invoice", bought)
    accepted = [
        (f"m{n}-{part}", f"K{n}", "M", part, day)
        for n in range(MILESTONE, contracts, 10)
        for part, day in (("concept", "2024-03-15"), ("build", "2025-02-01"))
    ]
    _table(folder, "acceptances.csv", "id,contract,term,part,date", accepted)
    states = ("approved", "approved", "pending")
    approved = [
        (f"a{n}", f"K{n // 20}", f"t{n}", states[n % 3], "2024-02-01", "20" if n % 2 else "")
        for number in range(contracts)
        if number % 10 in (6, BESIDE)
        for n in range(20 * number, 20 * number + 20)
        if n % 4 == 1
    ]
    _table(folder, "approvals.csv", "id,contract,tickets,state,decided_on,limit_hours", approved)


def _entries(folder: Path, entries: int, tickets: int) -> None:
    """Two years of work, in the columns that a snapshot writes."""
    chance = random.Random(1)
    first = date(2024, 1, 1)
    days = [(first + timedelta(days=n)).isoformat() for n in range(731)]

    def row(n: int) -> tuple[object, ...]:
        ticket = chance.randrange(tickets)
        hours = chance.choice(("0.25", "0.5", "1.75", "0.33"))
        text = f"{chance.choice(TEXTS)}, {n // 3}"
        activity = "Internal" if n % 40 == 7 else "Support"
        tag = "Urgent" if n % 25 == 3 else ""
        return (
            f"e{n}", days[n * 731 // entries], f"u{n % 30}", f"p{ticket // 10}", f"t{ticket}",
            "", hours, text, activity, tag, "no" if n % 500 == 499 else "yes", "",
        )  # fmt: skip

    header = (
        "id,date,employee,project,ticket,customer,hours,text,activity,tags,validated,"
        "billed_elsewhere"
    )
    _table(folder, "entries.csv", header, map(row, range(entries)))

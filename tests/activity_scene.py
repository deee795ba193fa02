"""One customer with every kind of time that an activity record shows."""

from __future__ import annotations

from klausel.result import Result
from klausel.scenario import play, read_scenario

SCENE = """\
title: a customer with every kind of time
policy:
  title: {en: Care, de: Betreuung, nl: Zorg}
  fields:
    work:
      one_of: [patch, defect, feature, meeting, question, help]
      from:
        - {text_has: Patch, is: patch}
        - {entry_tag: defect, is: defect}
        - {entry_tag: feature, is: feature}
        - {activity: Intern, is: meeting}
        - {entry_tag: question, is: question}
        - {otherwise: help}
  scope:
    rules:
      - {id: P, when: {work: patch}, then: included, because: p}
      - {id: D, when: {work: defect}, then: warranty, because: d}
      - {id: F, when: {work: feature}, then: change, because: f}
      - {id: M, when: {work: meeting}, then: internal, because: m}
      - {id: Q, when: {work: question}, then: third_party, because: q}
    otherwise: {then: service, because: s}
  rounding: {to: 15m, mode: up, per: ticket_day}
  approvals:
    - {id: A, when: {disposition: change}, require: approval}
  plans:
    pool:
      title: {en: Hour pool, de: Stundenpool, nl: Urenpool}
      components: [{pool: {proration: none, settle: both}}]
    block:
      title: {en: Hour block, de: Stundenkontingent, nl: Strippenkaart}
      components: [{block: {validity: 12 months, empty: next}}]
    quota:
      title: {en: Requests, de: Anfragen, nl: Verzoeken}
      components: [{quota: {proration: none, beyond: bill}}]
    time:
      title: {en: Development by the hour, de: Entwicklung nach Aufwand, nl: Ontwikkeling per uur}
      components: [{time: {}}]
book:
  company: {company: Nordlicht Digital GmbH, languages: [LANGUAGE]}
  customers: [{id: c1, name: "Müller & Söhne <Holz> GmbH", language: LANGUAGE}]
  employees:
    - {id: u1, name: Jette Paulsen, role: Senior Developer}
    - {id: u2, name: Karl-Heinz Ağaoğlu, role: Support}
  projects: [{id: p1, name: Webshop, customer: c1}]
  tickets:
    - {id: t1, project: p1, title: "Filter <script>alert(1)</script> & Suche"}
    - {id: t2, project: p1, title: Neue Zahlart}
    - {id: t3, project: p1, title: Bestellungen werden nicht exportiert}
  contracts:
    - code: K-1
      start: 2026-01-01
      po_number: "4500-77"
      terms:
        - {id: pool, plan: pool, hours: 4, price: "90.00"}
        - {id: block, plan: block, takes: [change], price: "95.00"}
        - {id: questions, plan: quota, takes: [third_party], requests: 1, price: "30.00",
           beyond_price: "40.00"}
        - {id: time, plan: time, takes: [change], priority: 9, price: "110.00"}
  purchases: [{id: L-7, term: block, date: 2026-01-05, hours: 2}]
  approvals: [{id: a1, tickets: t2, state: approved, decided_on: 2026-01-07}]
  entries:
    - {id: e1, date: 2026-01-08, employee: u1, ticket: t1, hours: "2.1", text: Suche beschleunigt}
    - {id: e2, date: 2026-01-09, employee: u2, ticket: t1, hours: "1.9", text: Filter nach Farbe}
    - {id: e3, date: 2026-01-12, employee: u1, project: p1, hours: "0.33", text: Patch eingespielt}
    - {id: e4, date: 2026-01-13, employee: u1, ticket: t2, hours: 3, tags: feature, text: Zahlart}
    - {id: e5, date: 2026-01-14, employee: u2, ticket: t3, hours: "1", tags: defect, text: Export}
    - {id: e6, date: 2026-01-15, employee: u2, project: p1, hours: 1, activity: Intern, text: Team}
    - {id: e7, date: 2026-01-16, employee: u2, ticket: t3, hours: 0.2, tags: question, text: Frage}
    - {id: e8, date: 2026-01-19, employee: u2, ticket: t1, hours: 0.4, tags: question, text: Frage}
    - {id: e9, date: 2026-01-20, employee: u1, ticket: t3, hours: "2", tags: feature, text: Umbau}
    - {id: e10, date: 2026-02-03, employee: u2, ticket: t1, hours: "1", text: Sortierung}
runs:
  - {as_of: 2026-02-01, do: bill}
  - as_of: 2026-03-01
    do: preview
    add:
      entries:
        - {id: e11, date: 2026-01-29, employee: u2, ticket: t1, hours: "0.5", text: Nachmeldung}
        - {id: e12, date: 2026-01-30, employee: u1, ticket: t2, hours: "0.5", tags: feature}
"""


def scene(language: str = "de") -> tuple[Result, Result]:
    """The first month, and the second with two late entries."""
    played, _ = play(read_scenario(SCENE.replace("LANGUAGE", language), "scene"))
    first, second = (run.result for run in played)
    assert first is not None and second is not None, [run.data["problems"] for run in played]
    return first, second

"""Sequences that went wrong once, shortened: they are played in every run."""

from __future__ import annotations

from collections.abc import Sequence

from .step import Step

WORK = {"who": "ann", "activity": ""}
CHANGE = {"activity": "Change"}

GIVEN: dict[str, Sequence[Step]] = {
    # Half a cent was corrected twice: -282.87, then 0.01.
    "less than a cent is left": [
        Step(1, "end", {"contract": "K1", "last": "2026-03-17"}),
        Step(2, "bill", {"at": "A", "to": "2026-03-06"}),
        Step(3, "correct price", {"term": "K1/care", "price": "1210.00"}),
        Step(4, "discount", {"term": "K1/care", "percent": 10}),
        Step(5, "bill and adjust", {"at": "A", "to": "2026-03-06"}),
    ],
    # After it every run refused the customer: its record seemed to be wrong.
    "a discount is corrected": [
        Step(1, "log", {"on": "p1a", "day": "2026-01-10", "hours": 6, **WORK}),
        Step(2, "bill", {"at": "A", "to": "2026-02-05"}),
        Step(3, "discount", {"term": "K1/time", "percent": 10}),
        Step(4, "bill and adjust", {"at": "A", "to": "2026-02-06"}),
        Step(5, "log", {"on": "p1a", "day": "2026-02-10", "hours": 1, **WORK}),
        Step(6, "bill and adjust", {"at": "A", "to": "2026-03-06"}),
        Step(7, "bill", {"at": "A", "to": "2026-03-07"}),
    ],
    # The new customer was refused by every run, though the preview showed its draft.
    "a settled entry goes to another customer": [
        Step(1, "log", {"on": "p3a", "day": "2026-01-10", "hours": 2, **WORK}),
        Step(2, "log", {"on": "p5a", "day": "2026-01-12", "hours": 1, **WORK}),
        Step(3, "buy", {"hours": 5}),
        Step(4, "bill", {"at": "A", "to": "2026-02-05"}),
        Step(5, "move entry to another customer", {"entry": "e1", "to": "p5a"}),
        Step(6, "bill", {"at": "A", "to": "2026-03-05"}),
        Step(7, "bill and adjust", {"at": "A", "to": "2026-03-06"}),
    ],
    # Odoo leaves the customer on the entry: nobody was billed, or the difference disappeared.
    "an invoiced hour goes to another customer's project": [
        Step(1, "log", {"on": "p9", "day": "2026-01-10", "hours": 2, **WORK}),
        Step(2, "bill", {"at": "A", "to": "2026-02-05"}),
        Step(3, "move entry to another customer", {"entry": "e1", "to": "p1"}),
        Step(4, "bill and adjust", {"at": "A", "to": "2026-03-05"}),
        Step(5, "invoice the order", {}),
    ],
    # What only waited with the old customer kept the new one from being billed.
    "an entry that waits goes to another customer": [
        Step(1, "log", {"on": "p1", "day": "2026-03-20", "hours": -1, **WORK, **CHANGE}),
        Step(2, "bill", {"at": "A", "to": "2026-04-03"}),
        Step(3, "decide", {"entry": "e1", "as": "service"}),
        Step(4, "move entry to another customer", {"entry": "e1", "to": "p4b"}),
    ],
    # What was billed of a month up to an end stays when there is none any more.
    "an end is cleared within its month": [
        Step(1, "end", {"contract": "K2", "last": "2026-03-05"}),
        Step(2, "bill", {"at": "AB", "to": "2026-03-11"}),
        Step(3, "clear end", {"contract": "K2", "last": ""}),
    ],
    # What was billed on an approval stays billed when that is removed.
    "an approval is removed": [
        Step(1, "log", {"on": "p1b", "day": "2026-01-01", "hours": 2, **WORK, **CHANGE}),
        Step(2, "approve", {"contract": "K1", "ticket": "", "hours": None}),
        Step(3, "bill", {"at": "A", "to": "2026-02-25"}),
        Step(4, "remove approval", {"approval": "a2"}),
        Step(5, "bill and adjust", {"at": "A", "to": "2026-03-25"}),
    ],
    # What was given back at an end that was put off later stayed given back.
    "an end is put off": [
        Step(1, "bill", {"at": "AB", "to": "2026-01-20"}),
        Step(2, "end", {"contract": "K1", "last": "2026-04-30"}),
        Step(3, "bill", {"at": "A", "to": "2026-05-01"}),
        Step(4, "clear end", {"contract": "K1", "last": ""}),
        Step(5, "bill", {"at": "A", "to": "2026-06-01"}),
    ],
    # Every adjusting run was refused: “corrects”.
    "a month is billed again beside a pool's credit": [
        Step(1, "bill", {"at": "A", "to": "2026-02-20"}),
        Step(2, "bill", {"at": "A", "to": "2026-03-12"}),
        Step(3, "end in the past", {"contract": "K3", "last": "2026-02-13"}),
        Step(4, "bill", {"at": "A", "to": "2026-03-29"}),
        Step(5, "delete line", {"document": "m2.2", "line": 0}),
        Step(6, "bill and adjust", {"at": "A", "to": "2026-03-30"}),
    ],
    # The invoice and what replaced it were both in force.
    "the credit note of a new draft is reset": [
        Step(1, "bill", {"at": "B", "to": "2026-02-09"}),
        Step(2, "post", {"document": "m1.1"}),
        Step(3, "reverse and create", {"document": "m1.1"}),
        Step(4, "reset a refund", {"document": "m3.1"}),
        Step(5, "bill", {"at": "B", "to": "2026-02-10"}),
    ],
    # 14,349.29 more went back than the invoice came to.
    "an edited year ends": [
        Step(1, "bill", {"at": "A", "to": "2026-01-20"}),
        Step(2, "edit line", {"document": "m1.1", "line": 0, "price": 1}),
        Step(3, "end", {"contract": "K1", "last": "2026-04-30"}),
        Step(4, "bill", {"at": "A", "to": "2026-05-01"}),
        Step(5, "bill and adjust", {"at": "A", "to": "2026-05-02"}),
    ],
    # Every adjusting run was refused: “rows”.
    "an hour goes to a month that is due": [
        Step(1, "log", {"on": "p2", "day": "2026-01-17", "hours": 6, **WORK}),
        Step(2, "bill", {"at": "A", "to": "2026-02-01"}),
        Step(3, "edit day", {"entry": "e1", "day": "2026-03-03"}),
        Step(4, "bill and adjust", {"at": "A", "to": "2026-05-15"}),
    ],
    # Every run broke off.
    "what was left goes back again": [
        Step(1, "buy", {"hours": 5}),
        Step(2, "end", {"contract": "K4", "last": "2026-02-03"}),
        Step(3, "bill", {"at": "A", "to": "2026-02-10"}),
        Step(4, "put end off", {"contract": "K4", "last": "2026-02-08"}),
        Step(5, "bill and adjust", {"at": "A", "to": "2026-02-12"}),
        Step(6, "delete draft", {"document": "m3.5"}),
        Step(7, "bill", {"at": "A", "to": "2026-02-12"}),
    ],
    # The last month was put right only when it was over in the calendar.
    "a month is behind an earlier end": [
        Step(1, "end", {"contract": "K3", "last": "2026-03-03"}),
        Step(2, "bill", {"at": "A", "to": "2026-03-06"}),
        Step(3, "put end off", {"contract": "K3", "last": "2026-01-13"}),
        Step(4, "bill and adjust", {"at": "A", "to": "2026-03-06"}),
    ],
    # Of 750.00 only 180.00 went back.
    "a year's price is raised, and it ends": [
        Step(1, "bill", {"at": "A", "to": "2026-01-20"}),
        Step(2, "raise price", {"term": "K1/care", "price": "1300.00", "first": "2026-07-01"}),
        Step(3, "bill and adjust", {"at": "A", "to": "2026-02-20"}),
        Step(4, "end", {"contract": "K1", "last": "2026-04-30"}),
        Step(5, "bill", {"at": "A", "to": "2026-05-01"}),
    ],
    # Invoice and refund were drafts, and the next run billed the same work again.
    "a refund is a draft again": [
        Step(1, "bill", {"at": "B", "to": "2026-02-09"}),
        Step(2, "post", {"document": "m1.1"}),
        Step(3, "refund", {"document": "m1.1", "post": True}),
        Step(4, "reset a refund", {"document": "m3.1"}),
        Step(5, "bill", {"at": "B", "to": "2026-02-10"}),
        Step(6, "post", {"document": "m3.1"}),
    ],
    "an invoice and its refund are drafts again": [
        Step(1, "bill", {"at": "B", "to": "2026-02-09"}),
        Step(2, "post", {"document": "m1.1"}),
        Step(3, "reverse and create", {"document": "m1.1"}),
        Step(4, "reset to draft", {"document": "m1.1"}),
        Step(5, "reset a refund", {"document": "m3.1"}),
        Step(6, "bill", {"at": "B", "to": "2026-02-10"}),
    ],
    "one of two halves is a draft again": [
        Step(1, "bill", {"at": "B", "to": "2026-02-09"}),
        Step(2, "post", {"document": "m1.1"}),
        Step(3, "refund a part", {"document": "m1.1", "percent": 50}),
        Step(4, "refund a part", {"document": "m1.1", "percent": 50}),
        Step(5, "reset a refund", {"document": "m3.1"}),
        Step(6, "bill", {"at": "B", "to": "2026-02-10"}),
    ],
    # A catch-up run refuses a contract that has never billed and covers what is another customer's.
    "a covered project goes to another customer": [
        Step(1, "bill", {"at": "A", "to": "2026-02-20"}),
        Step(2, "move project", {"project": "p4", "to": "c3"}),
        Step(3, "bill", {"at": "A", "to": "2026-03-20"}),
    ],
    # What is settled stays; a catch-up run bills the new customer.
    "a project goes to another customer": [
        Step(1, "log", {"on": "p1", "day": "2026-01-10", "hours": 2, **WORK}),
        Step(2, "log", {"on": "p2a", "day": "2026-01-10", "hours": 1, **WORK}),
        Step(3, "bill", {"at": "A", "to": "2026-02-20"}),
        Step(4, "move project", {"project": "p1", "to": "c3"}),
        Step(5, "move ticket to another customer", {"ticket": "p2a", "to": "p5"}),
        Step(6, "bill", {"at": "A", "to": "2026-03-20"}),
    ],
    # It waits, as its hours are gone; a person sells them again, or writes it off.
    "an hour comes to a block whose hours went back": [
        Step(1, "log", {"on": "p2", "day": "2026-03-27", "hours": 2, **WORK}),
        Step(2, "bill and adjust", {"at": "AB", "to": "2026-04-12"}),
        Step(3, "move entry to another customer", {"entry": "e1", "to": "p5"}),
        Step(4, "buy", {"hours": 2}),
        Step(5, "end", {"contract": "K4", "last": "2026-05-08"}),
        Step(6, "bill", {"at": "A", "to": "2026-05-18"}),
    ],
}

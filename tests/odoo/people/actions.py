"""What people do in Odoo, each a class with a name: it chooses what about, and does it.

What is chosen goes by names, so that a step means the same when others are left out.
"""

from __future__ import annotations

from random import Random
from typing import Any, ClassVar

from .world import CONTRACTS, EMPLOYEES, FIRST, LAST, PROJECTS, Missing, World, day, later

Choice = dict[str, Any]

ACTIVITIES = ("", "", "", "", "Change", "Included", "Warranty", "Internal")
HOURS = (0.25, 0.5, 0.5, 1, 1, 1.5, 2, 2, 3, 4.5, 6)
DECISIONS = ("included", "service", "warranty", "written_off", "internal", "change")

#: All actions, by name.
ACTIONS: dict[str, type[Action]] = {}


class Action:
    """One kind of step. ``choose`` says what about, None where there is nothing to choose from."""

    name: ClassVar[str]
    weight: ClassVar[int] = 2

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if "name" in vars(cls):
            ACTIONS[cls.name] = cls

    def choose(self, world: World, dice: Random) -> Choice | None:
        raise NotImplementedError

    def do(self, world: World, step: int, **choice: Any) -> None:
        raise NotImplementedError


# --- work -----------------------------------------------------------------------------------------


def tickets(company: str = "", customer: str = "") -> list[str]:
    return [
        f"{project}{letter}"
        for project, (where, whose) in PROJECTS.items()
        for letter in ("", "a", "b")
        if company in ("", where) and customer in ("", whose)
    ]


def place(world: World, name: str) -> Choice:
    """Project and ticket behind ``p1`` or ``p1a``. A ticket may have moved since."""
    if name in PROJECTS:
        return {"project_id": world[name], "task_id": False}
    (ticket,) = world.client.find(
        "project.task", [("id", "=", world[name])], ["project_id"], **world.everywhere()
    )
    return {"project_id": ticket["project_id"], "task_id": world[name]}


def company_of(name: str) -> str:
    return PROJECTS[name.rstrip("ab")][0]


class Log(Action):
    name = "log"
    weight = 24

    def choose(self, world: World, dice: Random) -> Choice | None:
        where = dice.choice(tickets())
        who = dice.choice([name for name, one in EMPLOYEES.items() if one == company_of(where)])
        back = dice.choice((2, 5, 12, 12, 30, 60))
        date = max(FIRST, later(world.clock, dice.randint(-back, 8)))
        return {
            "on": where, "who": who, "day": str(date), "hours": self.hours(dice),
            "activity": dice.choice(ACTIVITIES),
        }  # fmt: skip

    def hours(self, dice: Random) -> float:
        return dice.choice(HOURS)

    def do(self, world: World, step: int, **choice: Any) -> None:
        where = company_of(choice["on"])
        with world.at(where) as client:
            world.ids[f"e{step}"] = client.create_one(
                "account.analytic.line", name=f"Work {step}", date=choice["day"],
                employee_id=world[choice["who"]], unit_amount=choice["hours"],
                klausel_activity=choice["activity"], company_id=world[where],
                **place(world, choice["on"]),
            )  # fmt: skip
        world.logged(f"e{step}", choice["hours"])


class LogNothing(Log):
    name = "log nothing"
    weight = 1

    def hours(self, dice: Random) -> float:
        return 0


class LogBack(Log):
    """Time that is taken off again."""

    name = "log back"
    weight = 1

    def hours(self, dice: Random) -> float:
        return dice.choice((-0.5, -1))


class OnEntry(Action):
    """Something about one entry."""

    def choose(self, world: World, dice: Random) -> Choice | None:
        entries = world.names("e")
        return {"entry": dice.choice(entries), **self.change(world, dice)} if entries else None

    def change(self, world: World, dice: Random) -> Choice:
        return {}

    def write(self, world: World, entry: str, **values: Any) -> None:
        id_ = world[entry]
        world.client.call(
            "account.analytic.line", "write", [id_], values, context=world.everywhere()
        )


class EditHours(OnEntry):
    name = "edit hours"
    weight = 5

    def change(self, world: World, dice: Random) -> Choice:
        return {"hours": dice.choice((*HOURS, 0.75, 1.25))}

    def do(self, world: World, step: int, **choice: Any) -> None:
        self.write(world, choice["entry"], unit_amount=choice["hours"])
        world.logged(choice["entry"], choice["hours"])


class EditAway(EditHours):
    name = "edit hours to nothing"
    weight = 1

    def change(self, world: World, dice: Random) -> Choice:
        return {"hours": 0}


class EditDay(OnEntry):
    name = "edit day"

    def change(self, world: World, dice: Random) -> Choice:
        return {"day": str(max(FIRST, later(world.clock, dice.randint(-50, 10))))}

    def do(self, world: World, step: int, **choice: Any) -> None:
        self.write(world, choice["entry"], date=choice["day"])


class EditActivity(OnEntry):
    name = "edit activity"

    def change(self, world: World, dice: Random) -> Choice:
        return {"activity": dice.choice(ACTIVITIES)}

    def do(self, world: World, step: int, **choice: Any) -> None:
        self.write(world, choice["entry"], klausel_activity=choice["activity"])


class EditText(OnEntry):
    name = "edit text"
    weight = 1

    def do(self, world: World, step: int, **choice: Any) -> None:
        self.write(world, choice["entry"], name=f"Other words {step}")


class NotBillable(OnEntry):
    """The sales order item is taken away by hand: Odoo's way to say that nobody pays."""

    name = "mark as not billable"
    weight = 1

    def change(self, world: World, dice: Random) -> Choice:
        return {"marked": dice.random() < 0.7}

    def do(self, world: World, step: int, **choice: Any) -> None:
        self.write(world, choice["entry"], is_so_line_edited=choice["marked"], so_line=False)


class Delete(OnEntry):
    name = "delete entry"

    def do(self, world: World, step: int, **choice: Any) -> None:
        world.client.call(
            "account.analytic.line", "unlink", [world[choice["entry"]]],
            context=world.everywhere(),
        )  # fmt: skip
        del world.ids[choice["entry"]]


class Move(OnEntry):
    """To another project or ticket of the same customer and company."""

    name = "move entry"
    weight = 3

    def choose(self, world: World, dice: Random) -> Choice | None:
        entries = world.names("e")
        if not entries:
            return None
        entry = dice.choice(entries)
        (row,) = world.sql(
            "SELECT p.name FROM account_analytic_line a JOIN project_project j ON j.id ="
            " a.project_id CROSS JOIN LATERAL (SELECT j.name->>'en_US' AS name) p"
            f" WHERE a.id = {world[entry]}"
        )
        here = str(row[0]).removeprefix("Project ")
        company, customer = PROJECTS[here]
        return {"entry": entry, "to": dice.choice(self.where(company, customer))}

    def where(self, company: str, customer: str) -> list[str]:
        return tickets(company, customer)

    def do(self, world: World, step: int, **choice: Any) -> None:
        self.write(world, choice["entry"], **place(world, choice["to"]))


class MoveToOther(Move):
    """To another customer's project in the same company: Odoo leaves the customer as it is."""

    name = "move entry to another customer"
    weight = 2

    def where(self, company: str, customer: str) -> list[str]:
        return [name for name in tickets(company) if PROJECTS[name.rstrip("ab")][1] != customer]


class MoveToCompany(Move):
    """To another company's project."""

    name = "move entry to another company"
    weight = 1

    def where(self, company: str, customer: str) -> list[str]:
        return tickets("B" if company == "A" else "A")


class Decide(OnEntry):
    name = "decide"
    weight = 3

    def change(self, world: World, dice: Random) -> Choice:
        return {"as": dice.choice(DECISIONS)}

    def do(self, world: World, step: int, **choice: Any) -> None:
        client = world.client
        context = {
            "active_model": "account.analytic.line", "active_ids": [world[choice["entry"]]],
            **world.everywhere(),
        }  # fmt: skip
        values = {"disposition": choice["as"], "reason": "Because", "decided_on": str(world.clock)}
        (id_,) = client.call("klausel.decide", "create", [values], context=context)
        client.button("klausel.decide", "action_decide", [id_], **context)


class TakeBack(Decide):
    name = "take decision back"
    weight = 1

    def change(self, world: World, dice: Random) -> Choice:
        return {"as": "rules"}


class MoveTicket(Action):
    """To another project of the same customer and company."""

    name = "move ticket"

    def choose(self, world: World, dice: Random) -> Choice | None:
        ticket = dice.choice([name for name in tickets() if name not in PROJECTS])
        return {"ticket": ticket, "to": dice.choice(self.where(*PROJECTS[ticket[:-1]]))}

    def where(self, company: str, customer: str) -> list[str]:
        return [name for name, of in PROJECTS.items() if of == (company, customer)]

    def do(self, world: World, step: int, **choice: Any) -> None:
        world.client.call(
            "project.task", "write", [world[choice["ticket"]]],
            {"project_id": world[choice["to"]]}, context=world.everywhere(),
        )  # fmt: skip


class MoveTicketToOther(MoveTicket):
    name = "move ticket to another customer"
    weight = 1

    def where(self, company: str, customer: str) -> list[str]:
        return [
            name for name, (at, whose) in PROJECTS.items() if at == company and whose != customer
        ]


class MoveTicketToCompany(MoveTicket):
    name = "move ticket to another company"
    weight = 1

    def where(self, company: str, customer: str) -> list[str]:
        return [name for name, (at, _whose) in PROJECTS.items() if at != company]


class MoveProject(Action):
    """A project goes to another customer."""

    name = "move project"
    weight = 1

    def choose(self, world: World, dice: Random) -> Choice | None:
        project = dice.choice(list(PROJECTS))
        return {"project": project, "to": dice.choice(("c1", "c2", "c3", "c4", "c5"))}

    def do(self, world: World, step: int, **choice: Any) -> None:
        world.client.call(
            "project.project", "write", [world[choice["project"]]],
            {"partner_id": world[choice["to"]]}, context=world.everywhere(),
        )  # fmt: skip


class Merge(Action):
    """Odoo's own Merge contacts."""

    name = "merge contacts"
    weight = 1

    def choose(self, world: World, dice: Random) -> Choice | None:
        pairs = [("c4", "c1"), ("c4", "c2"), ("c1", "c4")]
        left = [pair for pair in pairs if all(name in world.ids for name in pair)]
        if not left:
            return None
        gone, stays = dice.choice(left)
        return {"gone": gone, "into": stays}

    def do(self, world: World, step: int, **choice: Any) -> None:
        both = [world[choice["gone"]], world[choice["into"]]]
        values = {"partner_ids": [(6, 0, both)], "dst_partner_id": world[choice["into"]]}
        client, context = world.client, world.everywhere()
        wizard = "base.partner.merge.automatic.wizard"
        (id_,) = client.call(wizard, "create", [values], context=context)
        client.button(wizard, "action_merge", [id_], **context)
        world.ids[choice["gone"]] = world[choice["into"]]


class Transfer(Action):
    """An employee goes to the other company."""

    name = "transfer employee"
    weight = 1

    def choose(self, world: World, dice: Random) -> Choice | None:
        return {"who": dice.choice(list(EMPLOYEES)), "to": dice.choice("AB")}

    def do(self, world: World, step: int, **choice: Any) -> None:
        world.client.call(
            "hr.employee", "write", [world[choice["who"]]], {"company_id": world[choice["to"]]},
            context=world.everywhere(),
        )  # fmt: skip


# --- what customers decide and buy ----------------------------------------------------------------


class Approve(Action):
    name = "approve"
    weight = 4
    state = "approved"

    def choose(self, world: World, dice: Random) -> Choice | None:
        code = dice.choice(("K1", "K1", "K1", "K5", "K2"))
        company, customer, *_ = CONTRACTS[code]
        some = [name for name in tickets(company, customer) if name not in PROJECTS]
        return {
            "contract": code, "ticket": dice.choice(("", *some)),
            "hours": dice.choice((None, None, 1, 2, 5)),
        }  # fmt: skip

    def do(self, world: World, step: int, **choice: Any) -> None:
        code, ticket = choice["contract"], choice["ticket"]
        values = {
            "contract_id": world[code], "state": self.state, "decided_on": str(world.clock),
            "ticket_ids": [(6, 0, [world[ticket]] if ticket else [])],
            "has_limit_hours": choice["hours"] is not None, "limit_hours": choice["hours"] or 0,
        }  # fmt: skip
        with world.at(CONTRACTS[code][0]) as client:
            world.ids[f"a{step}"] = client.create_one("klausel.approval", **values)


class Reject(Approve):
    name = "reject"
    weight = 1
    state = "rejected"


class Withdraw(Action):
    name = "remove approval"
    weight = 1

    def choose(self, world: World, dice: Random) -> Choice | None:
        some = world.names("a")
        return {"approval": dice.choice(some)} if some else None

    def do(self, world: World, step: int, **choice: Any) -> None:
        ids, context = [world[choice["approval"]]], world.everywhere()
        read = ids, ["contract_id"]
        (found,) = world.client.call("klausel.approval", "read", *read, context=context)
        world.client.call("klausel.approval", "unlink", ids, context=context)
        contract = found["contract_id"][0]
        world.unapproved |= {code for code in CONTRACTS if world.ids.get(code) == contract}
        del world.ids[choice["approval"]]


class Buy(Action):
    name = "buy"
    weight = 3

    def choose(self, world: World, dice: Random) -> Choice | None:
        return {"hours": dice.choice((2, 5, 10))}

    def do(self, world: World, step: int, **choice: Any) -> None:
        with world.at("A") as client:
            world.ids[f"b{step}"] = client.create_one(
                "klausel.purchase", contract_id=world["K4"], term_id=world["K4/card"],
                date=str(world.clock), hours=choice["hours"],
            )  # fmt: skip


class CorrectPurchase(Action):
    name = "correct purchase"
    weight = 1

    def choose(self, world: World, dice: Random) -> Choice | None:
        some = world.names("b")
        return {"purchase": dice.choice(some), "hours": dice.choice((2, 4, 8))} if some else None

    def do(self, world: World, step: int, **choice: Any) -> None:
        ids = [world[choice["purchase"]]]
        with world.at("A") as client:
            client.write("klausel.purchase", ids, hours=choice["hours"])


class Accept(Action):
    name = "accept"
    weight = 2

    def choose(self, world: World, dice: Random) -> Choice | None:
        return {"part": dice.choice(("Draft", "Build"))}

    def do(self, world: World, step: int, **choice: Any) -> None:
        with world.at("A") as client:
            world.ids[f"x{step}"] = client.create_one(
                "klausel.acceptance", contract_id=world["K4"], term_id=world["K4/site"],
                date=str(world.clock), part=choice["part"],
            )  # fmt: skip


class ChargeItem(Action):
    """A one-off charge."""

    name = "charge item"
    weight = 1

    def choose(self, world: World, dice: Random) -> Choice | None:
        return {"contract": dice.choice(("K1", "K2", "K4")), "price": dice.choice((10, 25.5, -5))}

    def do(self, world: World, step: int, **choice: Any) -> None:
        with world.at("A") as client:
            world.ids[f"i{step}"] = client.create_one(
                "klausel.item", contract_id=world[choice["contract"]], date=str(world.clock),
                name=f"Item {step}", price=choice["price"],
            )  # fmt: skip


class CorrectItem(Action):
    name = "correct item"
    weight = 1

    def choose(self, world: World, dice: Random) -> Choice | None:
        some = world.names("i")
        return {"item": dice.choice(some), "price": dice.choice((9, 12, 20))} if some else None

    def do(self, world: World, step: int, **choice: Any) -> None:
        with world.at("A") as client:
            client.write("klausel.item", [world[choice["item"]]], price=choice["price"])


class RemovePart(Action):
    """What was bought, accepted or charged was a mistake, and is deleted."""

    name = "remove a purchase, acceptance or item"
    weight = 1
    models: ClassVar = {"b": "klausel.purchase", "x": "klausel.acceptance", "i": "klausel.item"}

    def choose(self, world: World, dice: Random) -> Choice | None:
        some = [name for prefix in self.models for name in world.names(prefix)]
        return {"part": dice.choice(some)} if some else None

    def do(self, world: World, step: int, **choice: Any) -> None:
        name = choice["part"]
        with world.at("A") as client:
            client.delete(self.models[name[0]], [world[name]])
        del world.ids[name]
        if name[0] == "b":
            # What was drawn from it stays paid; a run that never knew the purchase would hold it.
            world.apart.add("K4")


# --- what is agreed -------------------------------------------------------------------------------

PRICED = {
    f"{code}/{term}": parameters["price"]
    for code, (_company, _customer, _covers, terms) in CONTRACTS.items()
    for term, _plan, parameters, _takes in terms
}


class CorrectPrice(Action):
    """The price that holds from the beginning was wrong."""

    name = "correct price"

    def choose(self, world: World, dice: Random) -> Choice | None:
        term = dice.choice(list(PRICED))
        return {"term": term, "price": f"{float(PRICED[term]) + dice.choice((-5, 1, 10)):.2f}"}

    def do(self, world: World, step: int, **choice: Any) -> None:
        self.put(world, choice["term"], choice["price"], False)

    def put(self, world: World, term: str, price: str, first: str | bool) -> None:
        with world.at(CONTRACTS[term.split("/")[0]][0]) as client:
            domain = [
                ("term_id", "=", world[term]), ("name", "=", "price"), ("date_from", "=", first)
            ]  # fmt: skip
            ids = client.ids("klausel.parameter", domain)
            if ids:
                client.write("klausel.parameter", ids, value=price)
            else:
                values = {"name": "price", "value": price, "date_from": first}
                client.create_one("klausel.parameter", term_id=world[term], **values)


class RaisePrice(CorrectPrice):
    """Another price from a coming month on."""

    name = "raise price"

    def choose(self, world: World, dice: Random) -> Choice | None:
        found = super().choose(world, dice)
        first = later(world.clock, dice.randint(1, 60)).replace(day=1)
        return {**(found or {}), "first": str(first)}

    def do(self, world: World, step: int, **choice: Any) -> None:
        self.put(world, choice["term"], choice["price"], choice["first"])


class Discount(Action):
    name = "discount"

    def choose(self, world: World, dice: Random) -> Choice | None:
        return {"term": dice.choice(list(PRICED)), "percent": dice.choice((0, 10, 50))}

    def do(self, world: World, step: int, **choice: Any) -> None:
        term = choice["term"]
        with world.at(CONTRACTS[term.split("/")[0]][0]) as client:
            client.write("klausel.term", [world[term]], discount=choice["percent"])


class End(Action):
    """Notice is given: the contract ends some time after today."""

    name = "end"
    first = 1
    ended = False
    """About contracts that have an end already."""

    def choose(self, world: World, dice: Random) -> Choice | None:
        rows = world.sql("SELECT code FROM klausel_contract WHERE date_end IS NOT NULL")
        ended = {str(code) for (code,) in rows}
        codes = [code for code in CONTRACTS if (code in ended) is self.ended]
        return {"contract": dice.choice(codes), "last": self.last(world, dice)} if codes else None

    def last(self, world: World, dice: Random) -> str:
        return str(later(world.clock, dice.randint(self.first, 90)))

    def do(self, world: World, step: int, **choice: Any) -> None:
        code = choice["contract"]
        with world.at(CONTRACTS[code][0]) as client:
            client.write("klausel.contract", [world[code]], date_end=choice["last"] or False)


class EndBefore(End):
    """Entered late: it has ended already."""

    name = "end in the past"
    weight = 1

    def last(self, world: World, dice: Random) -> str:
        return str(max(FIRST, later(world.clock, dice.randint(-60, 0))))


class PutOff(End):
    """The end is another day, earlier or later."""

    name = "put end off"
    first = -30
    ended = True


class ClearEnd(PutOff):
    name = "clear end"

    def last(self, world: World, dice: Random) -> str:
        return ""


# --- documents ------------------------------------------------------------------------------------


class OnDocument(Action):
    """Something about one of the invoices and credit notes that are there."""

    #: Which of them, in SQL; ``m`` is the document.
    which: ClassVar[str]

    def choose(self, world: World, dice: Random) -> Choice | None:
        names = {world.ids[name]: name for name in world.names("m")}
        rows = world.sql(f"SELECT m.id FROM account_move m WHERE {self.which} ORDER BY m.id")
        some = [names[int(str(id_))] for (id_,) in rows if int(str(id_)) in names]
        return {"document": dice.choice(some), **self.change(world, dice)} if some else None

    def change(self, world: World, dice: Random) -> Choice:
        return {}

    def button(self, world: World, name: str, method: str) -> Any:
        id_ = world[name]
        return world.client.button("account.move", method, [id_], **world.everywhere())


OURS = "m.klausel_run_id IS NOT NULL"
#: Somebody has made it from one of ours, by hand.
THEIRS = "m.klausel_run_id IS NULL"


class Post(OnDocument):
    name = "post"
    weight = 10
    which = "m.state = 'draft'"

    def do(self, world: World, step: int, **choice: Any) -> None:
        self.button(world, choice["document"], "action_post")


class DeleteDraft(OnDocument):
    name = "delete draft"
    weight = 2
    which = "m.state = 'draft'"

    def do(self, world: World, step: int, **choice: Any) -> None:
        ids = [world[choice["document"]]]
        world.client.call("account.move", "unlink", ids, context=world.everywhere())
        del world.ids[choice["document"]]


class DeleteLine(OnDocument):
    name = "delete line"
    weight = 2
    which = f"m.state = 'draft' AND {OURS}"

    def change(self, world: World, dice: Random) -> Choice:
        return {"line": dice.randint(0, 3)}

    def line(self, world: World, choice: Choice) -> int:
        rows = world.sql(
            f"SELECT id FROM account_move_line WHERE move_id = {world[choice['document']]}"
            " AND display_type = 'product' ORDER BY id"
        )
        if not rows:
            raise Missing("a line")
        return int(str(rows[choice["line"] % len(rows)][0]))

    def save(self, world: World, choice: Choice, command: list[Any]) -> None:
        world.client.call(
            "account.move", "web_save", [world[choice["document"]]],
            {"invoice_line_ids": [command]}, specification={}, context=world.everywhere(),
        )  # fmt: skip

    def do(self, world: World, step: int, **choice: Any) -> None:
        self.save(world, choice, [2, self.line(world, choice), 0])


class EditLine(DeleteLine):
    """Somebody knows better what a line should come to."""

    name = "edit line"
    weight = 1

    def change(self, world: World, dice: Random) -> Choice:
        return {"line": dice.randint(0, 3), "price": dice.choice((1, 50, 99))}

    def do(self, world: World, step: int, **choice: Any) -> None:
        line = self.line(world, choice)
        self.save(world, choice, [1, line, {"price_unit": choice["price"]}])
        world.edited.add(line)


class Cancel(OnDocument):
    name = "cancel draft"
    which = "m.state = 'draft'"

    def do(self, world: World, step: int, **choice: Any) -> None:
        self.button(world, choice["document"], "button_cancel")


class Reset(OnDocument):
    name = "reset to draft"
    which = f"m.state IN ('posted', 'cancel') AND {OURS}"

    def do(self, world: World, step: int, **choice: Any) -> None:
        self.button(world, choice["document"], "button_draft")


class ResetTheirs(Reset):
    """A refund made by hand is taken back."""

    name = "reset a refund"
    weight = 1
    which = f"m.state IN ('posted', 'cancel') AND {THEIRS} AND m.reversed_entry_id IS NOT NULL"


class Refund(OnDocument):
    """Odoo's own dialog; what it makes is posted."""

    name = "refund"
    weight = 2
    which = (
        f"m.state = 'posted' AND {OURS} AND m.move_type = 'out_invoice' AND m.payment_state <>"
        " 'reversed' AND NOT EXISTS (SELECT 1 FROM account_move r WHERE r.reversed_entry_id = m.id"
        " AND r.state <> 'cancel')"
    )
    method = "reverse_moves"

    def change(self, world: World, dice: Random) -> Choice:
        return {"post": dice.random() < 0.8}

    def reverse(self, world: World, step: int, name: str) -> list[str]:
        client, id_ = world.client, world[name]
        context = {
            "active_model": "account.move", "active_ids": [id_], "active_id": id_,
            **world.everywhere(),
        }  # fmt: skip
        values = {"move_ids": [(6, 0, [id_])], "journal_id": self.journal(world, id_)}
        (wizard,) = client.call("account.move.reversal", "create", [values], context=context)
        client.button("account.move.reversal", self.method, [wizard], **context)
        return world.take_in(step)

    def journal(self, world: World, id_: int) -> int:
        ((journal,),) = world.sql(f"SELECT journal_id FROM account_move WHERE id = {id_}")
        return int(str(journal))

    def do(self, world: World, step: int, **choice: Any) -> None:
        for name in self.reverse(world, step, choice["document"]):
            if choice["post"]:
                self.button(world, name, "action_post")


class RefundCorrected(Refund):
    """The invoice has a credit note of ours already."""

    name = "refund a corrected invoice"
    weight = 1
    which = (
        f"m.state = 'posted' AND {OURS} AND m.move_type = 'out_invoice' AND m.payment_state <>"
        " 'reversed' AND EXISTS (SELECT 1 FROM account_move r WHERE r.reversed_entry_id = m.id"
        " AND r.state <> 'cancel' AND r.klausel_run_id IS NOT NULL)"
    )


class RefundPart(Refund):
    name = "refund a part"
    weight = 1

    def change(self, world: World, dice: Random) -> Choice:
        return {"percent": dice.choice((10, 50))}

    def do(self, world: World, step: int, **choice: Any) -> None:
        for name in self.reverse(world, step, choice["document"]):
            rows = world.client.find(
                "account.move.line",
                [("move_id", "=", world[name]), ("display_type", "=", "product")],
                ["price_unit"], **world.everywhere(),
            )  # fmt: skip
            commands = [
                [1, row["id"], {"price_unit": row["price_unit"] * choice["percent"] / 100}]
                for row in rows
            ]
            world.client.call(
                "account.move", "web_save", [world[name]], {"invoice_line_ids": commands},
                specification={}, context=world.everywhere(),
            )  # fmt: skip
            self.button(world, name, "action_post")


class ReverseAndCreate(Refund):
    name = "reverse and create"
    weight = 2
    method = "modify_moves"

    def change(self, world: World, dice: Random) -> Choice:
        return {}

    def do(self, world: World, step: int, **choice: Any) -> None:
        self.reverse(world, step, choice["document"])
        # The new draft's lines come to what somebody had made of the old ones.
        for old in tuple(world.edited):
            rows = world.sql(f"SELECT move_line_id FROM klausel_ledger WHERE origin_id = {old}")
            world.edited |= {int(str(line)) for (line,) in rows if line}


class ReverseCredit(Refund):
    """An accountant reverses a credit note of ours."""

    name = "reverse our credit note"
    weight = 2
    which = (
        f"m.state = 'posted' AND {OURS} AND m.move_type = 'out_refund' AND NOT EXISTS (SELECT 1"
        " FROM account_move r WHERE r.reversed_entry_id = m.id AND r.state <> 'cancel')"
    )


class InvoiceOrder(Action):
    """Odoo bills the time that its own sales order may bill."""

    name = "invoice the order"
    weight = 2

    def choose(self, world: World, dice: Random) -> Choice | None:
        return {}

    def do(self, world: World, step: int, **choice: Any) -> None:
        client = world.client
        context = {
            "active_model": "sale.order", "active_ids": [world["order"]],
            "active_id": world["order"], **world.everywhere(),
        }  # fmt: skip
        wizard = "sale.advance.payment.inv"
        values = {"advance_payment_method": "delivered"}
        (id_,) = client.call(wizard, "create", [values], context=context)
        client.button(wizard, "create_invoices", [id_], **context)
        for name in world.take_in(step):
            rows = world.sql(
                f"SELECT id FROM account_analytic_line WHERE timesheet_invoice_id = {world[name]}"
            )
            world.by_order[world[name]] = {int(str(id_)) for (id_,) in rows}


# --- billing --------------------------------------------------------------------------------------


class Bill(Action):
    name = "bill"
    weight = 14
    adjust = False

    def choose(self, world: World, dice: Random) -> Choice | None:
        to = later(world.clock, dice.choice((0, 1, 5, 12, 20, 31, 45)))
        return {"at": dice.choice(("AB", "A", "A", "B")), "to": str(to)}

    def do(self, world: World, step: int, **choice: Any) -> None:
        world.clock = min(max(world.clock, day(choice["to"])), LAST)
        for company in choice["at"]:
            world.bill(company, step, self.adjust)


class Adjust(Bill):
    name = "bill and adjust"
    weight = 5
    adjust = True

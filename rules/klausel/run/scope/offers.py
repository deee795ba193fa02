"""Which contract has an entry, and by which rule (semantics 3)."""

from __future__ import annotations

from typing import NamedTuple

from klausel.model import NARROWNESS, OVERRIDE, Entry, Override
from klausel.period import Span
from klausel.policy.ir import Outlook, Rule, Seen
from klausel.problems import problem
from klausel.run.facts import CustomerFacts
from klausel.run.history.record import History, has_moved
from klausel.run.scope.around import Surroundings
from klausel.run.scope.takers import Takers
from klausel.run.values import NO_WHERE, SETTLING, Around, Decision, Parked
from klausel.terms import BoundContract
from klausel.texts import phrase


class Offered(NamedTuple):
    """What came of offering an entry."""

    decision: Decision | None
    """None where no contract has it."""
    rule: str = ""
    """The first rule that any contract gave, taken or not."""
    disposition: str = ""
    """The first disposition."""


class Offers:
    """Offers entries to the contracts that cover them, narrowest first."""

    def __init__(
        self, facts: CustomerFacts, around: Surroundings, terms: Takers, history: History
    ) -> None:
        self._facts = facts
        self._around = around
        self._terms = terms
        self._history = history
        contracts = facts.contracts
        self._tiers: dict[tuple[str, str, str, str], list[list[BoundContract]]] = {}
        narrow = any(
            bound.contract.covers.kind != "customer" or bound.contract.customer != facts.root
            for bound in contracts
        )
        self._all_alike = [] if narrow or not contracts else [list(contracts)]
        """The contracts, where all of them cover the whole customer."""
        self._alone = contracts[0] if self._all_alike and len(contracts) == 1 else None
        """The only contract, where it covers the whole customer."""
        self._looks: dict[tuple[str, str, str], Outlook] = {}
        """By ticket, project and customer: what entries see."""
        self._taking: dict[Seen, tuple[bool, tuple[Span, ...]]] = {}
        """By what is seen: whether it settles, and when terms take it."""
        self._some_ask_billable = any(bound.policy.asks_billable for bound in contracts)
        self._set_aside: dict[str, Override] = {}
        """Entries that no policy decided about, marked as not to be billed."""

    def offer(self, entry: Entry, override: Override | None) -> Offered:
        """Offers ``entry`` to the contracts running on its date, narrowest first."""
        first_rule = first_disposition = ""
        around = self._around.around(entry)
        day = entry.date
        if override is None and entry.billable and self._alone is not None:
            known = self._known(self._alone, entry, around)
            if known is not None:
                return known
        for tier in self.tiers_of(entry, around):
            found: list[Decision] = []
            for bound in tier:
                if not bound.span.covers(day):
                    continue
                if not (entry.billable or override or bound.policy.asks_billable):
                    continue  # semantics 3: never billed, unless a policy says what becomes of it
                seen = self._around.see(bound, entry, around)
                rule = seen.rule if override is None else self.by_hand_rule(override)
                first_rule = first_rule or rule.id
                first_disposition = first_disposition or rule.disposition
                if rule.disposition in SETTLING:
                    found.append(Decision(bound, rule, True, seen, around))
                    continue
                for term in self._terms.taking(bound, rule.disposition):
                    if term.span.covers(day):
                        found.append(Decision(bound, rule, False, seen, around))
                        break
            if len(found) > 1:
                first, second = found[0].contract.contract, found[1].contract.contract
                raise Parked(
                    [
                        problem(
                            "contracts-clash", second.where, self._facts.root, first=first.code,
                            second=second.code, entry=entry.id, date=entry.date,
                        )
                    ]
                )  # fmt: skip
            if found:
                return Offered(found[0], first_rule, first_disposition)
        return Offered(None, first_rule, first_disposition)

    def _known(self, bound: BoundContract, entry: Entry, around: Around) -> Offered | None:
        """What :meth:`offer` gives, where it was found out for entries that look the same and
        ``bound`` is the only contract; None where it has to be asked."""
        day = entry.date
        if not bound.span.covers(day):
            return None
        place = (around.ticket.id, around.project.id, entry.customer)
        looks = self._looks.get(place)
        if looks is None:
            subject = self._around.subject(bound, entry, around)
            scope = self._facts.scopes[bound.policy.name]
            looks = self._looks[place] = scope.outlook(subject, self._around.worked)
        own, days, known = looks
        key = own(entry, around.employee.role, days[day])
        seen = known.get(key)
        if seen is None:
            seen = known[key] = self._around.see(bound, entry, around)
        rule = seen.rule
        taking = self._taking.get(seen)
        if taking is None:
            settles = rule.disposition in SETTLING
            terms = () if settles else self._terms.taking(bound, rule.disposition)
            taking = self._taking[seen] = (settles, tuple(term.span for term in terms))
        settles, spans = taking
        taken = settles or any(span.covers(day) for span in spans)
        decision = Decision(bound, rule, settles, seen, around) if taken else None
        return Offered(decision, rule.id, rule.disposition)

    def tiers_of(self, entry: Entry, around: Around) -> list[list[BoundContract]]:
        """Contracts that cover ``entry``, equally narrow ones together: by ticket, project or
        customer, and of these the contracts of the nearest customer first."""
        if self._all_alike:
            return self._all_alike
        ticket, project, _ = around
        customer = entry.customer or ticket.customer or project.customer
        home = self._settled_by(entry)
        key = (ticket.id, project.id, customer, home)
        found = self._tiers.get(key)
        if found is not None:
            return found
        above = {ticket.id}
        parent = self._facts.book.tickets.get(ticket.parent)
        while parent is not None and parent.id not in above:
            above.add(parent.id)
            parent = self._facts.book.tickets.get(parent.parent)
        ids = {"ticket": above, "project": {project.id}}
        owners = self._facts.book.above(customer)
        if owners[-1] != self._facts.root:
            owners = []  # it leads elsewhere, and is here because of what is settled
        ranks: dict[tuple[int, int], list[BoundContract]] = {}
        for bound in self._facts.contracts:
            covers, whose = bound.contract.covers, bound.contract.customer
            near = covers.kind == "customer" or not ids[covers.kind].isdisjoint(covers.ids)
            mine = whose in owners
            if near and (mine or not owners or bound.contract.code == home):
                distance = owners.index(whose) if mine else -1
                rank = (NARROWNESS.index(covers.kind), distance)
                ranks.setdefault(rank, []).append(bound)
        tiers = self._tiers[key] = [tier for _, tier in sorted(ranks.items())]
        return tiers

    def _settled_by(self, entry: Entry) -> str:
        """The contract that settled ``entry``, where that stands where it stood: whose its ticket
        or project is today is then no matter (semantics 14)."""
        settled = self._history.settled.get(entry.id)
        if settled is None or has_moved(entry, settled, self._history.waiting.get(entry.id, ())):
            return ""
        return settled.parts[-1].key.contract

    def override_of(self, entry: Entry) -> Override | None:
        """What a person decided about ``entry``, else that the ERP has it as not to be billed,
        where no policy of its customer asks for that (semantics 3)."""
        found = self._facts.overrides.get(entry.id) or self._set_aside.get(entry.id)
        if found is not None or entry.billable or self._some_ask_billable:
            return found
        return self._not_billable(entry)

    def _not_billable(self, entry: Entry) -> Override:
        return Override(entry.id, "written_off", phrase(self._facts.language, "not_billable"))

    def by_hand_rule(self, override: Override) -> Rule:
        texts = {self._facts.language: override.reason}
        return Rule(OVERRIDE, override.disposition, texts, NO_WHERE)

    def set_aside(self, entry: Entry) -> None:
        """No policy decides about ``entry``: the ERP has it as not to be billed."""
        self._set_aside[entry.id] = self._not_billable(entry)

"""Which contract has an entry, and by which rule (semantics 3); what is on record is compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from klausel.approvals import LIMIT, NO_HOURS, NO_TERM, OVER_BUDGET, held_reason
from klausel.charges.base import Work
from klausel.charges.block import LEFTOVER
from klausel.charges.fee import REFUND
from klausel.clerk import ELSEWHERE, Item, OnRecord
from klausel.customer.state import (
    NO_WHERE,
    OPENING,
    SETTLING,
    Around,
    Decision,
    Ident,
    Parked,
    State,
    fingerprint,
    has_moved,
    hours,
    said,
)
from klausel.ledger import SCOPE
from klausel.model import (
    NARROWNESS,
    OVERRIDE,
    Entry,
    LedgerKey,
    Override,
    made,
    natural,
)
from klausel.money import ZERO, round_half_up
from klausel.period import ONE_DAY, Period
from klausel.policy.ir import Rule
from klausel.problems import Problem, problem
from klausel.record import HeldBefore, Reopened, Settled
from klausel.result import Difference, Line, Part, Uncovered
from klausel.terms import BoundContract
from klausel.texts import phrase


def _resting(item: Item, rest: HeldBefore, whole: bool) -> Item:
    """``rest`` of an entry, as ``item`` is; ``whole`` where nothing of the entry has passed."""
    over_budget = rest.reason == OVER_BUDGET
    cut = over_budget or rest.reason == LIMIT
    return replace(
        item,
        work=item.work._replace(seconds=rest.seconds, rounded=rest.rounded),
        held_before=True,
        gated_before=rest.gated,
        waits_for=rest.reason,
        old_place=rest.counted,
        since=rest.since,
        began=rest.number,
        first_counted=rest.counted,
        cut=cut,
        whole=whole,
        stuck=rest.reason in (NO_HOURS, NO_TERM),
        # Without an approval in play it was a budget that cut it off (before it was recorded).
        over_budget=over_budget or (cut and item.requirement is None),
    )


def within_left(wanted: int, left: int) -> int:
    """Of ``wanted`` seconds, of either sign, those that are ``left``."""
    if wanted >= 0:
        return max(min(wanted, left), 0)
    return min(max(wanted, left), 0)


def _worked(settled: Settled, rests: Sequence[HeldBefore]) -> int:
    """Seconds of an entry that are on record, with those that wait."""
    return sum(part.seconds for part in settled.parts) + sum(rest.seconds for rest in rests)


class Scoping(State):
    """The first stage: every entry finds its contract."""

    def _scope(self, entry: Entry) -> None:
        """Finds the contract that has ``entry`` and hands its time on, or says why none has."""
        self._parts[entry.id] = []
        override = self._override_of(entry)
        settled = entry.id in self._settled
        if settled and entry.id in self._away:
            self._moved_away(entry)
            return
        if entry.billed_elsewhere and not settled:
            self._add(entry, Part("billed_elsewhere", "", entry.seconds, entry.seconds))
            return
        written_off = override is not None and override.disposition == "written_off"
        if written_off and (not settled or self._adjust):
            self._add(entry, Part("written_off", OVERRIDE, entry.seconds, entry.seconds))
            return
        decision = self._offer(entry, override)
        free = decision is None and not entry.billable and override is None
        if free and (not settled or self._adjust):
            self._set_aside[entry.id] = self._not_billable(entry)
            self._add(entry, Part("written_off", OVERRIDE, entry.seconds, entry.seconds))
            return
        if decision is None:
            self._uncover(entry)
            if settled and not self._adjust:
                rests = self._held_before.get(entry.id, ())
                if written_off or free:
                    self._waits_no_more(entry.id, fingerprint(entry), rests)
                else:
                    self._wait_on(entry, self._left_of(entry, rests))
            return
        code = decision.contract.contract.code
        rule = decision.rule
        if settled:
            self._decided[entry.id] = decision
        self._rules[code, rule.id] = rule
        rests = self._held_before.get(entry.id, ())
        if settled and self._adjust and self._stays_billed(entry):
            return
        if settled and self._adjust and self._is_of_before(entry, decision):
            return
        if settled and self._adjust:
            if not self._done_again(entry, decision):  # it is new to its contract
                rests = [rest for rest in rests if rest.contract == code]
                self._hand_on(entry, decision, rests, None, as_new=True)
            return
        if not settled:
            # What moved before anything of it was billed waits nowhere else any more.
            elsewhere = [rest for rest in rests if rest.contract != code]
            self._waits_no_more(entry.id, fingerprint(entry), elsewhere)
            self._hand_on(entry, decision, [rest for rest in rests if rest.contract == code], None)
            return
        self._compare(entry, decision)
        rests = self._left_of(entry, rests)
        here = "" if decision.settles else code
        self._wait_on(entry, [rest for rest in rests if rest.contract != here])
        if decision.settles:
            return
        reopened = self._open_again(entry, code, rests)
        rests = [rest for rest in rests if rest.contract == code]
        if rests or reopened is not None:
            self._hand_on(entry, decision, rests, reopened)

    def _stays_billed(self, entry: Entry) -> bool:
        """Whether ``entry`` is billed by a term that is not there any more, and so stays billed:
        then nobody else bills it."""
        settled = self._settled[entry.id]
        for bound in self._contracts:
            mine = [part for part in settled.parts if part.key.contract == bound.contract.code]
            if mine and self._without_a_term(bound, mine):
                self._stays.add(entry.id)
                self._show_settled(entry, settled)
                self._wait_on(entry, self._held_before.get(entry.id, ()))
                return True
        return False

    def _left_of(self, entry: Entry, rests: Sequence[HeldBefore]) -> list[HeldBefore]:
        """``rests`` as far as more of ``entry`` is there than is settled: no run bills more than
        that, whatever waited once (semantics 14)."""
        left = entry.seconds - sum(part.seconds for part in self._settled[entry.id].parts)
        found = []
        for rest in rests:
            seconds = within_left(rest.seconds, left)
            none_left = (left < 0 < rest.rounded) or (rest.rounded < 0 < left)
            if none_left or (rest.seconds and not seconds):
                self._waits_no_more(entry.id, fingerprint(entry), [rest])
                continue
            left -= seconds
            if seconds != rest.seconds:
                rounded = rest.rounded - rest.seconds + seconds
                if (rounded < 0) != (seconds < 0):
                    rounded = 0
                rest = rest._replace(seconds=seconds, rounded=rounded)
            found.append(rest)
        return found

    def _open_again(self, entry: Entry, code: str, rests: Sequence[HeldBefore]) -> Reopened | None:
        """What of ``entry`` a release opened and nothing has billed since, nor an adjustment."""
        found = self._others.reopened.get(entry.id)
        if found is None or found.contract != code:
            return None
        left = entry.seconds - sum(part.seconds for part in self._settled[entry.id].parts)
        left -= sum(rest.seconds for rest in rests)
        seconds = within_left(found.seconds, left)
        if seconds == found.seconds:
            return found
        if not seconds:
            return None
        return found._replace(seconds=seconds, rounded=found.rounded - found.seconds + seconds)

    def _hand_on(
        self,
        entry: Entry,
        decision: Decision,
        rests: Sequence[HeldBefore],
        reopened: Reopened | None,
        as_new: bool = False,
    ) -> None:
        """Settles ``entry`` or gives its time to its contract: all of it, or what is open of it;
        all ``as_new`` where what is on record is taken back."""
        code = decision.contract.contract.code
        rule = decision.rule
        if entry.id not in self._settled and self._is_of_before(entry, decision):
            return
        reason = held_reason(entry)
        if reason and (decision.settles or not decision.contract.stateful):
            self._hold(entry, code, rule, entry.seconds, entry.seconds, None, reason)
            self._wait_on_record.add((code, entry.id))
            return
        if decision.settles:
            self._settle_free(entry, decision.contract, rule)
            self._waits_no_more(entry.id, fingerprint(entry), rests)
            return
        work = self._work(entry, decision)
        if not decision.contract.stateful:
            if reopened is not None:
                work = work._replace(seconds=reopened.seconds, rounded=reopened.rounded)
            self._works[code].append(work)
            return
        item = self._item(entry, decision, work, not reason)
        if rests and (as_new or entry.id not in self._settled):
            facts = fingerprint(entry)
            if as_new or any(rest.fingerprint != facts for rest in rests):
                # Nothing of it was billed: it counts as it is today.
                self._items[code].append(replace(item, changed=True))
                return
        if reopened is not None and not rests:
            work = work._replace(seconds=reopened.seconds, rounded=reopened.rounded)
            self._items[code].append(replace(item, work=work, held_before=True))
        elif not rests:
            self._items[code].append(item)
        whole = entry.id not in self._settled and len(rests) == 1
        if whole and self._adjust and not rests[0].gated and rests[0].reason in (NO_HOURS, NO_TERM):
            # Others of its group are rounded again: so is what has passed and waits.
            late = rests[0].counted is not None
            resting = replace(_resting(item, rests[0], whole), work=work, held_before=False)
            self._items[code].append(replace(resting, adds_to_group=late))
            return
        self._items[code] += [_resting(item, rest, whole) for rest in rests]

    def _wait_on(self, entry: Entry, rests: Sequence[HeldBefore]) -> None:
        """What waits of an entry that is billed in part waits on as what it was billed as, whatever
        it would be today (semantics 8)."""
        known = {bound.contract.code: bound for bound in self._contracts}
        for rest in rests:
            parts = self._settled[entry.id].parts
            part = next((one for one in parts if one.key.contract == rest.contract), None)
            if part is None:
                continue  # an adjustment took it to another contract
            rule = Rule(part.rule, part.disposition, {}, NO_WHERE)
            bound = known.get(rest.contract)
            if bound is None or not bound.stateful or not bound.span.covers(entry.date):
                self._hold(
                    entry, rest.contract, rule, rest.seconds, rest.rounded, None, rest.reason
                )
                self._wait_on_record.add((rest.contract, entry.id))
                continue
            self._rules.setdefault((rest.contract, rule.id), rule)
            around = self._around(entry)
            decision = Decision(bound, rule, False, self._see(bound, entry, around), around)
            work = self._work(entry, decision)
            item = self._item(entry, decision, work, not held_reason(entry))
            self._items[rest.contract].append(_resting(item, rest, False))

    def _is_of_before(self, entry: Entry, decision: Decision) -> bool:
        """Whether ``entry``, done again, was billed before go-live: nobody has to approve it."""
        first = None if decision.settles else self._term_before_go_live(decision, entry.date)
        if first is None:
            return False
        part = Part("billed_elsewhere", OPENING, entry.seconds, entry.seconds)
        self._add(entry, part._replace(contract=decision.contract.contract.code, term=first))
        return True

    def _term_before_go_live(self, decision: Decision, day: date) -> str | None:
        """The term that ``day`` belongs to, where that was billed before go-live (semantics 6)."""
        if not decision.contract.taken_over:
            return None
        for term in self._terms(decision.contract, decision.rule.disposition):
            if term.span.covers(day):
                before = term.billed_until is not None and day <= term.billed_until
                return term.term.id if before else None
        return None

    def _item(self, entry: Entry, decision: Decision, work: Work, validated: bool) -> Item:
        """``work`` as the clerk takes it up: what it needs, and what counts it."""
        bound, rule, _, seen, _ = decision
        code = bound.contract.code
        reopened = entry.id in self._others.released.get(code, ())
        if self._is_included(bound, rule.disposition, entry.date):
            return Item(work, validated=validated, included=True, reopened=reopened)
        needed, watches = seen.requirement(rule.disposition), seen.watches(rule.disposition)
        return Item(work, needed, watches, validated, reopened=reopened)

    def _is_included(self, bound: BoundContract, disposition: str, day: date) -> bool:
        """Whether a fixed price pays for it: then nobody has to approve or to round it."""
        for term in self._terms(bound, disposition):
            if term.span.covers(day):
                for component in term.components:
                    if component.takes_time:
                        return component.bound.includes
        return False

    def _bought_behind_the_end(self, bound: BoundContract, entry: Entry, settled: Settled) -> bool:
        """Whether ``entry``, unchanged, bought a lot after its term was over: done again it would
        find that lot given back, and buy another."""
        if settled.fingerprint != fingerprint(entry):
            return False
        ends = {term.term.id: term.span.last for term in bound.terms}
        return any(
            part.lot.startswith(f"{entry.id}+")
            and part.counted is not None
            and (end := ends.get(part.key.term)) is not None
            and part.counted >= end
            for part in settled.parts
        )

    def _done_again(self, entry: Entry, decision: Decision) -> bool:
        """Takes a settled entry up again, in its old place; False where it is new to its contract
        and goes the way of new entries."""
        bound, rule, settles, *_ = decision
        code = bound.contract.code
        settled = self._settled[entry.id]
        mine = [part for part in settled.parts if part.key.contract == code]
        if not mine:
            return False
        rests = [rest for rest in self._held_before.get(entry.id, ()) if rest.contract == code]
        there = sum(part.seconds for part in mine) + sum(rest.seconds for rest in rests)
        changed = settled.fingerprint != fingerprint(entry) or there != entry.seconds
        reason = held_reason(entry) if changed else ""
        if reason and (settles or not bound.stateful):
            self._hold(entry, code, rule, entry.seconds, entry.seconds, None, reason)
            return True
        window = self._window(bound, entry.date)
        # Where it moved to days that are not over, it is settled with them.
        to_come = changed and (window.last is None or window.last >= self._as_of)
        if settles and to_come:
            self._settle_free(entry, bound, rule)
            return True
        if settles:
            self._add(entry, Part(rule.disposition, rule.id, entry.seconds, entry.seconds, code))
            place = next((p.key for p in mine if p.key.component == SCOPE), None)
            if place is None or changed:
                place = LedgerKey(code, "", SCOPE, window.first, "")
            self._again[code][entry.id] = [
                Ident(place._replace(sequence=0), rule.disposition, None, "", None).holding(
                    entry.seconds, entry.seconds, 0, rule.id
                )
            ]
            return True
        work = self._work(entry, decision)
        if not bound.stateful:
            self._redone[code].add(entry.id)
            self._works[code].append(work)
            return True
        if self._bought_behind_the_end(bound, entry, settled):
            self._stays.add(entry.id)
            self._compare(entry, decision)
            self._wait_on(entry, rests)
            return True
        if to_come:
            self._waits_no_more(entry.id, fingerprint(entry), rests)
            self._items[code].append(self._item(entry, decision, work, not held_reason(entry)))
            return True
        self._redone[code].add(entry.id)
        as_it_was = not changed and all(
            part.key.component != SCOPE
            and part.disposition in (rule.disposition, "included", ELSEWHERE)
            for part in mine
        )
        item = self._item(entry, decision, work, not held_reason(entry))
        counted = settled.counted
        if counted is None:
            counted = next((rest.counted for rest in rests), None)
        waited = settled.waited
        item = replace(
            item,
            held_before=settled.gated,
            gated_before=settled.gated,
            reopened=False,
            counted=counted,
            first_counted=counted,
            changed=True,
            again=True,
            waited=waited is not None,
            old_place=waited.counted if waited is not None else None,
            asks=not as_it_was,
            drew=tuple(part for part in mine if part.lot),
        )
        if as_it_was:
            self._items[code] += self._as_it_passed(item, settled, mine, rests)
        else:
            self._items[code].append(item)
        return True

    def _as_it_passed(
        self, item: Item, settled: Settled, mine: Sequence[OnRecord], rests: Sequence[HeldBefore]
    ) -> list[Item]:
        """``item`` as it is on record: what has passed passes in its place, and only what waits
        for a decision is asked again."""
        gated = [] if item.requirement is None else [
            rest for rest in rests if rest.reason not in (NO_HOURS, NO_TERM)
        ]  # fmt: skip
        passed: dict[tuple[date | None, date | None], list[int]] = {}
        for part in mine:
            place = part.counted if part.counted is not None else settled.counted
            sums = passed.setdefault(
                (place if item.requirement is not None else item.counted, None), [0, 0]
            )
            sums[0], sums[1] = sums[0] + part.seconds, sums[1] + part.rounded
        for rest in rests:
            if rest not in gated:
                place = rest.counted if item.requirement is not None else item.counted
                sums = passed.setdefault((place, rest.since), [0, 0])
                sums[0], sums[1] = sums[0] + rest.seconds, sums[1] + rest.rounded
        if len(passed) == 1 and not gated:
            ((_, (_, rounded)),) = passed.items()
            work = item.work._replace(rounded=rounded) if settled.gated else item.work
            return [replace(item, work=work, passed=rounded)]
        found = [
            replace(
                item,
                work=item.work._replace(seconds=seconds, rounded=rounded),
                held_before=True,
                counted=place,
                passed=rounded,
                piece=f"passed {place} {since}",
                since=since,
                waited=item.waited and item.old_place == place,
                drew=() if number else item.drew,
            )
            for number, ((place, since), (seconds, rounded)) in enumerate(
                sorted(passed.items(), key=lambda some: tuple(day or date.min for day in some[0]))
            )
        ]
        fresh = replace(
            item, again=False, counted=None, changed=False, drew=(), waited=False, old_place=None
        )
        return found + [_resting(fresh, rest, False) for rest in gated]

    def _offer(self, entry: Entry, override: Override | None) -> Decision | None:
        """Offers ``entry`` to the contracts running on its date, narrowest first."""
        self._last_rule = self._last_disposition = ""
        around = self._around(entry)
        day = entry.date
        for tier in self._tiers_of(entry, around):
            found: list[Decision] = []
            for bound in tier:
                if not bound.span.covers(day):
                    continue
                if not (entry.billable or override or bound.policy.asks_billable):
                    continue  # semantics 3: never billed, unless a policy says what becomes of it
                seen = self._see(bound, entry, around)
                rule = seen.rule if override is None else self._by_hand_rule(override)
                self._last_rule = self._last_rule or rule.id
                self._last_disposition = self._last_disposition or rule.disposition
                if rule.disposition in SETTLING:
                    found.append(Decision(bound, rule, True, seen, around))
                    continue
                for term in self._terms(bound, rule.disposition):
                    if term.span.covers(day):
                        found.append(Decision(bound, rule, False, seen, around))
                        break
            if len(found) > 1:
                first, second = found[0].contract.contract, found[1].contract.contract
                raise Parked(
                    [
                        problem(
                            "contracts-clash", second.where, self._root, first=first.code,
                            second=second.code, entry=entry.id, date=entry.date,
                        )
                    ]
                )  # fmt: skip
            if found:
                return found[0]
        return None

    def _override_of(self, entry: Entry) -> Override | None:
        """What a person decided about ``entry``, else that the ERP has it as not to be billed,
        where no policy of its customer asks for that (semantics 3)."""
        found = self._overrides.get(entry.id) or self._set_aside.get(entry.id)
        if found is not None or entry.billable or self._some_ask_billable:
            return found
        return self._not_billable(entry)

    def _not_billable(self, entry: Entry) -> Override:
        return Override(entry.id, "written_off", phrase(self._language, "not_billable"))

    def _by_hand_rule(self, override: Override) -> Rule:
        texts = {self._language: override.reason}
        return Rule(OVERRIDE, override.disposition, texts, NO_WHERE)

    def _tiers_of(self, entry: Entry, around: Around) -> list[list[BoundContract]]:
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
        parent = self._book.tickets.get(ticket.parent)
        while parent is not None and parent.id not in above:
            above.add(parent.id)
            parent = self._book.tickets.get(parent.parent)
        ids = {"ticket": above, "project": {project.id}}
        owners = self._book.above(customer)
        if owners[-1] != self._root:
            owners = []  # it leads elsewhere, and is here because of what is settled
        ranks: dict[tuple[int, int], list[BoundContract]] = {}
        for bound in self._contracts:
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
        settled = self._settled.get(entry.id)
        if settled is None or has_moved(entry, settled, self._held_before.get(entry.id, ())):
            return ""
        return settled.parts[-1].key.contract

    def _uncover(self, entry: Entry) -> None:
        if entry.id in self._settled and not self._adjust:
            self._compare(entry, None)
            return
        # A contract that was asked keeps the ERP's own order from billing it, taken or not.
        reason: str = "erp_order" if entry.order else "no_contract"
        if not self._root:
            reason = "no_customer"
        elif self._last_rule:
            reason = "not_taken"
        part = Part(
            self._last_disposition or "uncovered", self._last_rule,
            entry.seconds, entry.seconds, uncovered=reason,
        )  # fmt: skip
        self._add(entry, part)
        self.uncovered.append(Uncovered(entry.id, self._root, entry.seconds, reason))  # type: ignore[arg-type]

    def _settle_free(self, entry: Entry, bound: BoundContract, rule: Rule) -> None:
        """Included, warranty, internal: no money; on record once its window is closed."""
        code = bound.contract.code
        window = self._window(bound, entry.date)
        seconds = entry.seconds
        facts = (
            rule.disposition, rule.id, seconds, seconds, code, "", "", "", "", "", None, False, "",
            0, None, 0, False, window.last,
        )  # fmt: skip
        self._parts[entry.id].append(made(Part, facts))
        if not self._on_record:
            return
        if window.last is not None and window.last < self._as_of:
            self._settle(
                bound,
                LedgerKey(code, "", SCOPE, window.first, ""),
                entry,
                seconds=entry.seconds,
                rounded=entry.seconds,
                disposition=rule.disposition,
                rule=rule.id,
            )

    def _moved_away(self, entry: Entry) -> None:
        """What is settled of an entry that is another customer's now, and what of it waits: it
        waits on, and nothing is for it any more."""
        settled = self._settled[entry.id]
        self._show_settled(entry, settled)
        rests = self._held_before.get(entry.id, ())
        for rest in rests:
            rule = Rule(settled.parts[0].rule, settled.parts[0].disposition, {}, NO_WHERE)
            self._rules.setdefault((rest.contract, rule.id), rule)
            self._hold(entry, rest.contract, rule, rest.seconds, rest.rounded, None, rest.reason)
        self._differ(
            settled.key, entry.id, "moved", hours(_worked(settled, rests)), self._away[entry.id]
        )

    def _compare(self, entry: Entry, decision: Decision | None) -> None:
        """The settled parts of ``entry`` stand; what would differ today is listed."""
        settled = self._settled[entry.id]
        self._show_settled(entry, settled)
        worked = _worked(settled, self._held_before.get(entry.id, ()))
        opened = self._others.reopened.get(entry.id)
        all_there = worked == entry.seconds or (
            opened is not None and worked + opened.seconds == entry.seconds
        )
        if settled.fingerprint != fingerprint(entry) or not all_there:
            self._differ(settled.key, entry.id, "changed", hours(worked), hours(entry.seconds))
            return
        was = {(p.key.contract, p.disposition, p.rate) for p in settled.parts}
        now = self._today(entry, decision, settled)
        if was != now:
            role = self._around(entry).employee.role
            if settled.role and settled.role != role:
                self._differ(settled.key, entry.id, "role", settled.role, role or "none")
            else:
                self._differ(settled.key, entry.id, "terms", said(was), said(now))

    def _show_settled(self, entry: Entry, settled: Settled) -> None:
        """The parts of ``entry`` that are on record."""
        for part in settled.parts:
            self._places[part.number] = (entry.id, len(self._parts[entry.id]))
            line = str(part.key) if part.key in self._lines else ""
            self._add(
                entry,
                Part(
                    part.disposition,
                    part.rule,
                    part.seconds,
                    part.rounded,
                    part.key.contract,
                    part.key.term,
                    part.lot,
                    line,
                    settled=True,
                    component=part.key.component,
                    drawn=part.drawn,
                    late=self._is_late(part),
                    closes=None if line else self._closed_with(entry, part),
                    due=None if line else self._still_due(part),
                ),
            )

    def _still_due(self, part: OnRecord) -> date | None:
        """Day on which a part will be billed that went on record before its period was over."""
        period = self._period_of(part) if part.rate is not None else None
        if period is None or period.last < self._as_of:
            return None
        return period.last + ONE_DAY

    def _is_late(self, part: OnRecord) -> bool:
        """Whether a part on record counted behind its period."""
        if part.counted is None:
            return False
        period = self._period_of(part)
        return period is None or period.last <= part.counted

    def _period_of(self, part: OnRecord) -> Period | None:
        """The period of its component that a part on record is in."""
        bound = next((b for b in self._contracts if b.contract.code == part.key.contract), None)
        for term in bound.terms if bound is not None else ():
            for component in term.components:
                if (term.term.id, component.id) == (part.key.term, part.key.component):
                    return component.bound.period(part.key.period)
        return None

    def _closed_with(self, entry: Entry, part: OnRecord) -> date | None:
        """Last day of the window that decided a part on record."""
        bound = next((b for b in self._contracts if b.contract.code == part.key.contract), None)
        if bound is None or not bound.contract.span.covers(part.key.period):
            return None
        period = self._period_of(part)
        if period is not None:
            return self._closes(bound, entry.date, period, part.rate is not None)
        day = entry.date if bound.contract.span.covers(entry.date) else part.key.period
        return self._window(bound, day).last

    def _today(
        self, entry: Entry, decision: Decision | None, settled: Settled
    ) -> set[tuple[str, str, Decimal | None]]:
        """What the parts on record would be with today's rules and prices."""
        if decision is None:
            return {("", "", None)}
        bound, rule, settles, *_ = decision
        code = bound.contract.code
        if settles:
            return {(code, rule.disposition, None)}
        work = self._work(entry, decision)
        if not bound.stateful:
            for term in self._terms(bound, rule.disposition):
                for component in term.components if term.span.covers(entry.date) else ():
                    if component.takes_time and (taken := component.bound.take(work)) is not None:
                        return {(code, taken.disposition or rule.disposition, taken.rate)}
            return {(code, rule.disposition, None)}
        found: set[tuple[str, str, Decimal | None]] = set()
        components = {
            (term.term.id, component.id): component
            for term in bound.terms
            for component in term.components
        }
        for part in settled.parts:
            if part.disposition == ELSEWHERE:
                found.add((part.key.contract, ELSEWHERE, None))
                continue
            there = components.get((part.key.term, part.key.component))
            if there is None or part.key.contract != code:
                found.add((code, rule.disposition, None))
                continue
            rate = there.bound.rate_again(work, part.rate) if part.rate is not None else None
            included = there.bound.includes
            found.add((code, "included" if included else rule.disposition, rate))
        return found

    def _vanished(self) -> None:
        """Settled entries that are no longer there."""
        if self._adjust or not self._settled:
            return
        for entry_id in sorted(self._settled.keys() - self._parts.keys(), key=natural):
            settled = self._settled[entry_id]
            if self._is_to_come(entry_id):
                continue  # a run that looks back does not see what was worked after its day
            worked = sum(part.seconds for part in settled.parts)
            self._differ(settled.key, entry_id, "vanished", hours(worked), "")

    def _edited(self) -> None:
        """Invoice lines that somebody changed by hand: they stay, and are shown."""
        for row, digits in self._by_hand:
            if row.amount is not None and row.invoiced is not None:
                was, now = (round_half_up(found, digits) for found in (row.amount, row.invoiced))
                if was != now:
                    self._differ(row.key, row.entry, "edited", format(was, "f"), format(now, "f"))

    def _check_edited(self, lines: Iterable[tuple[BoundContract, Line]]) -> None:
        """No more goes back of a line that somebody changed by hand than it comes to (semantics
        14, "Releasing"). Raises :class:`Parked`."""
        if not self._by_hand:
            return
        changes: dict[tuple[str, str, str, date | None, str], Decimal] = defaultdict(Decimal)
        for bound, line in lines:
            key = line.reverses or (line.key if line.credit else None)
            if key is None:
                continue
            # Of no single line: of all that the component billed.
            first, group = (key.period, key.group) if line.reverses else (None, "")
            change = -line.exact if line.credit else line.exact
            changes[bound.contract.code, key.term, key.component, first, group] += change
        problems: list[Problem] = []
        for (code, term, component, first, group), change in changes.items():
            rows = [
                row
                for row in self._ledger[code].lines.get((term, component), ())
                if first is None
                or (row.key.period, row.key.group) == (first, group)
                or row.key.group in (f"{REFUND}{group}", f"{LEFTOVER}{group}")
            ]
            edited = next((row for row in rows if row.invoiced is not None), None)
            if edited is None:
                continue
            bound = next(b for b in self._contracts if b.contract.code == code)
            digits = bound.money_digits
            billed = sum((row.amount or ZERO for row in rows), ZERO)
            stands = sum((row.stands for row in rows), ZERO)
            sign = -1 if billed < 0 else 1
            if sign * change < 0 and round_half_up(sign * (stands + change), digits) < 0:
                was, now, back = (
                    format(round_half_up(amount, digits), "f")
                    for amount in (edited.amount or ZERO, edited.stands, abs(change))
                )
                problems.append(
                    problem(
                        "line-edited", bound.contract.where, self._root, line=edited.key, was=was,
                        now=now, back=back,
                    )
                )  # fmt: skip
        if problems:
            raise Parked(problems)

    def _documents(self) -> None:
        """Documents in force that come to another amount than what is on record."""
        for found in self._book.documents:
            bound = next((b for b in self._contracts if b.contract.code == found.contract), None)
            if bound is not None:
                was, now = (
                    format(round_half_up(amount, bound.money_digits), "f")
                    for amount in (found.recorded, found.in_force)
                )
                self.differences.append(
                    Difference(found.contract, found.names, "", "documents", was, now)
                )

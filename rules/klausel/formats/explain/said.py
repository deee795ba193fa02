"""Explanations as sentences in a language, in sections; text and JSON both say them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from klausel.approvals import LIMIT, NO_HOURS, NO_TERM, NOT_VALIDATED
from klausel.explain import EntryExplained, LineExplained, PartExplained
from klausel.formats.activity.words import amount_of, clean, clock, lot_name
from klausel.formats.explain.words import WORDS
from klausel.model import OVERRIDE, Opening, Override
from klausel.money import ZERO, quantity, shortest
from klausel.policy.ir import Rule, text_in
from klausel.problems import Where
from klausel.result import Difference
from klausel.texts import PHRASES, days_text, number_text, reason_text
from klausel.trace import BudgetSeen, ConditionSeen, ContractAsked, FieldSeen, GateSeen, RuleAsked
from klausel.verdicts import Judged


class Said(NamedTuple):
    """A sentence, and what stands below it."""

    text: str
    below: tuple[Said, ...] = ()


class Section(NamedTuple):
    title: str
    lines: tuple[Said, ...]


def sections(explained: EntryExplained | LineExplained, language: str) -> list[Section]:
    """What there is to say, head first. Sections without lines are left out."""
    speaker = Speaker(language)
    if isinstance(explained, EntryExplained):
        found = list(_Entry(speaker, explained).sections())
    else:
        found = list(_Line(speaker, explained).sections())
    return [section for number, section in enumerate(found) if section.lines or not number]


def why(explained: LineExplained, language: str) -> str:
    """In a few sentences, a line each: why a line is there, and why on this day."""
    line = _Line(Speaker(language), explained)
    said = []
    for sentence in line.due():
        said += [sentence.text, *(below.text for below in sentence.below)]
    for reason in explained.because:
        text = clean(text_in(reason.texts, language, reason.text))
        said.append(reason_text(reason.clause, text, language) if text else reason.rule)
    return "\n".join(dict.fromkeys(said))


class Speaker:
    """Words, days, times and money in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._words = WORDS[language]

    def say(self, name: str, *values: str, **named: str) -> str:
        return self._words[name].format(*values, **named)

    def day(self, day: date) -> str:
        return days_text(day, day, self.language)

    def days(self, first: date, last: date) -> str:
        return days_text(first, last, self.language)

    def time(self, seconds: int) -> str:
        return self.say("hours", clock(seconds))

    def number(self, seconds: int) -> str:
        """Hours as rules name them; to the second where decimals do not say it."""
        if seconds % 36:
            return self.time(seconds)
        value = quantity(seconds, 2).normalize()
        exponent = value.as_tuple().exponent
        decimals = max(-exponent, 0) if isinstance(exponent, int) else 0
        return self.say("hours", number_text(value, decimals, self.language))

    def money(self, amount: Decimal, digits: int, currency: str) -> str:
        return f"{number_text(amount, digits, self.language)} {currency}"

    def price(self, price: Decimal) -> str:
        """At least two decimals, more where the price has them."""
        exponent = price.normalize().as_tuple().exponent
        decimals = max(2, -exponent if isinstance(exponent, int) else 2)
        return number_text(price, decimals, self.language)

    def listed(self, words: Sequence[str], word: str) -> str:
        """``a, b or c``."""
        if len(words) < 2:
            return "".join(words)
        return f"{', '.join(words[:-1])} {self._words[word]} {words[-1]}"

    def disposition(self, name: str) -> str:
        return self._words.get(f"is_{name}", name)

    def rule(self, rule: Rule | None, id_: str = "") -> str:
        """Id, clause and place of a rule."""
        if rule is None:
            return id_
        return self.place(rule.id, rule.clause, rule.where)

    def place(self, id_: str, clause: str, where: Where) -> str:
        rest = [self.say("clause", clause)] if clause else []
        if where.file:
            rest.append(f"{where.file}:{where.line}" if where.line else where.file)
        return f"{id_} ({', '.join(rest)})" if rest else id_

    def because(self, rule: Rule) -> tuple[Said, ...]:
        text = clean(text_in(rule.because, self.language))
        return (Said(self.say("quote", text)),) if text else ()


class _Entry:
    """What there is to say of an entry."""

    def __init__(self, speaker: Speaker, explained: EntryExplained) -> None:
        self._speaker = speaker
        self._say = speaker.say
        self._explained = explained

    def sections(self) -> Iterator[Section]:
        explained, say = self._explained, self._say
        yield Section(say("entry", explained.entry.id), tuple(self._head()))
        yield Section(say("became"), tuple(self._parts()))
        yield Section(say("differences"), tuple(map(self._difference, explained.differences)))
        before: list[ContractAsked] = []
        for asked in explained.trace.contracts:
            if asked.outcome != "not_covered":
                yield from self._contract(asked, before)
                before.append(asked)
        yield Section(say("others"), tuple(self._others()))

    def _head(self) -> Iterator[Said]:
        explained, speaker = self._explained, self._speaker
        entry, trace = explained.entry, explained.trace
        worked = self._say("worked", speaker.time(entry.seconds))
        yield Said(", ".join(filter(None, (speaker.day(entry.date), explained.who, worked))))
        on = (explained.project, explained.ticket, explained.activity, entry.text)
        if any(on):
            yield Said(clean(" · ".join(filter(None, on))))
        if not trace.customer:
            yield Said(self._say("no_owner"))
            return
        name = explained.customer
        shown = f"{name} ({trace.customer})" if name != trace.customer else name
        owner = {"ticket": explained.ticket, "project": explained.project}
        why = self._say(f"owner_{trace.owner}", owner.get(trace.owner, ""))
        yield Said(f"{self._say('of_customer', shown)}, {why}")

    # -- contracts ---------------------------------------------------------------------------------

    def _contract(self, asked: ContractAsked, before: Sequence[ContractAsked]) -> Iterator[Section]:
        say, speaker = self._say, self._speaker
        day = speaker.day(self._explained.entry.date)
        lines = [Said(say(f"by_{asked.kind}", asked.by))]
        if asked.outcome == "not_running" and self._explained.entry.date < asked.first:
            lines.append(Said(say("not_begun", speaker.day(asked.first))))
        elif asked.outcome == "not_running" and asked.last is not None:
            lines.append(Said(say("ended", speaker.day(asked.last))))
        same = [
            found.contract
            for found in before
            if asked.rules and (found.policy, found.rules) == (asked.policy, asked.rules)
        ]
        if same and asked.decided is not None:
            disposition = speaker.disposition(asked.decided.disposition)
            lines.append(Said(say("same", asked.decided.id, disposition, same[0])))
        yield Section(say("contract", asked.contract), tuple(lines))
        if asked.decided is None:
            return
        terms = tuple(Said(say(f"term_{term.outcome}", term.term)) for term in asked.terms)
        takers = Section(say("terms", speaker.disposition(asked.decided.disposition)), terms)
        if same:
            yield takers
            return
        facts = tuple(Said(self._field(field)) for field in asked.fields)
        yield Section(say("facts", asked.policy), facts)
        override = self._explained.trace.override
        rules: tuple[Said, ...] = tuple(map(self._rule, asked.rules))
        if override is not None:
            rules = (self._by_hand(override),)
        yield Section(say("rules", day), rules)
        yield takers

    def _others(self) -> Iterator[Said]:
        found = self._explained.trace.contracts
        for asked in found:
            if asked.outcome == "not_covered":
                yield Said(self._say(f"only_{asked.kind}", asked.contract, asked.by))
        if self._explained.trace.customer and not found and not self._asks_nobody:
            yield Said(self._say("no_contract"))

    @property
    def _asks_nobody(self) -> bool:
        """Whether it was decided before any contract was asked."""
        return all(
            found.part.disposition in ("written_off", "billed_elsewhere")
            for found in self._explained.parts
        )

    def _field(self, field: FieldSeen) -> str:
        if field.seconds is not None:
            return self._say("is", field=field.name, value=self._value(field))
        why = self._say("by_otherwise")
        if field.facts:
            said = [
                self._say("has", fact=fact.fact, values=self._quoted(fact.found))
                for fact in field.facts
            ]
            why = self._speaker.listed(said, "and")
        line = self._say("line", str(field.line))
        return self._say("fact", field=field.name, value=field.value, why=f"{why} ({line})")

    def _quoted(self, words: Sequence[str]) -> str:
        return self._speaker.listed([self._say("quote", clean(word)) for word in words], "and")

    def _value(self, field: FieldSeen) -> str:
        return field.value if field.seconds is None else self._speaker.number(field.seconds)

    def _rule(self, asked: RuleAsked) -> Said:
        say, rule = self._say, asked.rule
        if asked.outcome == "not_yet" and rule.first is not None:
            return Said(f"{rule.id}: {say('not_yet', self._speaker.day(rule.first))}")
        if asked.outcome == "no_more" and rule.until is not None:
            return Said(f"{rule.id}: {say('no_more', self._speaker.day(rule.until))}")
        if asked.outcome == "fails":
            return Said(f"{rule.id}: {say('fails', self.condition(asked.conditions[0]))}")
        disposition = self._speaker.disposition(rule.disposition)
        met = self._speaker.listed([self.condition(one) for one in asked.conditions], "and")
        text = say("decides", disposition) + (f", {say('as')} {met}" if met else "")
        return Said(f"{self._speaker.rule(rule)} {text}")

    def condition(self, seen: ConditionSeen) -> str:
        """A condition and what the entry has there: ``work is other, not update``."""
        say, value, field = self._say, self._value(seen.field), seen.field.name
        if seen.field.seconds is None:
            if seen.holds:
                return say("is", field=field, value=value)
            wanted = self._speaker.listed(seen.words, "or") or say("never")
            return say("is_not", field=field, value=value, wanted=wanted)
        limits = [say(word, self._speaker.number(limit)) for word, limit in seen.range]
        wanted = self._speaker.listed(limits, "and") or say("never")
        name = "is_range" if seen.holds else "is_not_range"
        return say(name, field=field, value=value, wanted=wanted)

    def _by_hand(self, override: Override) -> Said:
        by = self._say("by", override.by) if override.by else ""
        on = self._say("on", self._speaker.day(override.on)) if override.on else ""
        disposition = self._speaker.disposition(override.disposition)
        text = self._say("by_hand", disposition=disposition, by=by, on=on)
        reason = clean(override.reason)
        return Said(text, (Said(self._say("quote", reason)),) if reason else ())

    # -- what became of it -------------------------------------------------------------------------

    def _parts(self) -> Iterator[Said]:
        for found in self._explained.parts:
            part = found.part
            below = [*self._decided(found), *self._below(found), *self._why(found)]
            text = self._part(found)
            if part.rounded != part.seconds:
                text += f", {self._say('rounded', self._speaker.time(part.rounded))}"
            yield Said(text, tuple(below))
        has_it = self._explained.has_it
        if has_it is not None and has_it.outcome == "takes":
            for dear in self._explained.trace.surcharges:
                name = f"surcharge_{dear.on}"
                place = self._speaker.rule(dear.rule)
                text = self._say(name, place, shortest(dear.times))
                yield Said(text, self._speaker.because(dear.rule))

    def _decided(self, found: PartExplained) -> Iterator[Said]:
        """The rule that a part has, with the admin's sentence."""
        part, trace = found.part, self._explained.trace
        if not part.rule or part.disposition in ("written_off", "billed_elsewhere"):
            return
        if part.rule == OVERRIDE:
            override = trace.override
            if override is None or (part.settled and override.disposition != part.disposition):
                yield Said(self._say("by_hand_bare"))  # on record, and decided otherwise since
            else:
                yield self._by_hand(override)
            return
        known = {asked.decided.id: asked.decided for asked in trace.contracts if asked.decided}
        rule = known.get(part.rule)
        if rule is None:  # on record, and another rule decides today
            yield Said(self._say("by_rule", part.rule))
            return
        yield Said(self._say("by_rule", self._speaker.rule(rule)), self._speaker.because(rule))

    def _part(self, found: PartExplained) -> str:
        part, say = found.part, self._say
        time = self._speaker.time(part.seconds)
        disposition = self._speaker.disposition(part.disposition)
        if part.held:
            return say("held", time)
        if part.uncovered:
            return say("uncovered", time)
        if part.disposition in ("written_off", "billed_elsewhere"):
            return say(part.disposition, time)
        name = "settled_" if part.settled else ""
        if part.line:
            # What went on record early may be on a line of this run.
            return say("on_line" if found.draft is not None else "settled_line", time, part.line)
        if part.lot:
            lot = lot_name(part.lot, self._speaker.language)
            return say(f"{name}drawn", time, lot, part.term)
        if part.due is not None:
            return say("due", time, part.term, self._speaker.day(part.due))
        if part.term and not part.settled and part.disposition not in ("included", "warranty"):
            return say("counted", time, part.term)
        return say(f"{name}free", time, disposition)

    def _below(self, found: PartExplained) -> Iterator[Said]:
        """More of where a part stands."""
        part, say = found.part, self._say
        if found.draft is not None and found.line is not None:
            contract = found.draft.contract or self._speaker.listed(
                sorted({line.key.contract for line in found.draft.lines}), "and"
            )
            price = self._speaker.price(found.line.unit_price)
            yield Said(
                say(f"draft_{found.draft.kind}", contract, clean(found.line.description),
                    f"{price} {found.draft.currency}")
            )  # fmt: skip
        if found.document not in ("", part.line):
            yield Said(say("document", found.document))
        if part.lot and part.before is not None and part.after is not None:
            drawn, before, after = (
                amount_of(value, found.counts) if found.counts else self._speaker.time(value)
                for value in (part.drawn, part.before, part.after)
            )
            yield Said(say("drew", drawn, before, after))
        if part.late:
            yield Said(say("late"))
        if found.policy:
            yield Said(say("by_policy", found.policy))

    def _why(self, found: PartExplained) -> Iterator[Said]:
        """Why a part waits, was billed elsewhere, or nobody pays for it."""
        part, entry = found.part, self._explained.entry
        if part.uncovered:
            yield Said(self._say(f"why_{part.uncovered}"))
        elif part.disposition == "written_off" and self._explained.trace.override is not None:
            yield self._by_hand(self._explained.trace.override)
        elif part.disposition == "billed_elsewhere" and part.term:
            yield from self._before_go_live(part.contract, part.term)
        elif part.disposition == "billed_elsewhere":
            yield Said(self._say("elsewhere", entry.billed_elsewhere))
        elif part.held == NOT_VALIDATED:
            yield Said(self._say("not_validated"))
        elif part.held == NO_HOURS:
            yield Said(self._say("no_hours"), tuple(self._lots(part.contract)))
        elif part.held == NO_TERM:
            yield Said(self._say("no_term"))
        elif part.held or self._explained.trace.gate is not None:
            yield from self._gate(part.held)

    def _before_go_live(self, contract: str, term: str) -> Iterator[Said]:
        def until(opening: Opening) -> date:
            return opening.billed_until or opening.date

        mine = [
            found
            for found in self._explained.openings
            if (found.contract, found.term) == (contract, term)
        ]
        if mine:
            last = max(map(until, mine))
            yield Said(self._say("before_go_live", term, self._speaker.day(last)))

    def _lots(self, contract: str) -> Iterator[Said]:
        for lot in self._explained.balances:
            if lot.contract != contract or lot.deficit:
                continue
            name = lot_name(lot.lot, self._speaker.language)
            requests = lot.unit == "piece"
            left = amount_of(lot.remaining, True) if requests else self._speaker.time(lot.remaining)
            text = self._say("lot_left", name, lot.term, left)
            if lot.last is not None:
                text += f", {self._say('lot_until', self._speaker.day(lot.last))}"
            yield Said(text)

    # -- approvals and budgets ---------------------------------------------------------------------

    def _gate(self, held: str) -> Iterator[Said]:
        gate = self._explained.trace.gate
        if held == LIMIT:
            yield Said(self._say("limit"))
        if gate is None:
            return
        if gate.requirement is not None:
            yield from self._requirement(gate)
        for budget in gate.budgets:
            if held in ("", LIMIT):
                yield self._budget(budget, held)

    def _requirement(self, gate: GateSeen) -> Iterator[Said]:
        assert gate.requirement is not None
        rule = gate.requirement.rule
        below = [*self._speaker.because(rule), *(Said(self._judged(j)) for j in gate.approvals)]
        if not gate.approvals:
            below.append(Said(self._say("no_approval")))
        yield Said(self._say("needs", self._speaker.rule(rule)), tuple(below))

    def _money(self, amount: Decimal) -> str:
        """In the currency of the contract."""
        return self._speaker.money(amount, self._explained.digits, self._explained.currency)

    def _judged(self, judged: Judged) -> str:
        approval, speaker = judged.approval, self._speaker
        name: str = judged.verdict
        limit = [
            speaker.time(approval.limit_seconds) if approval.limit_seconds is not None else "",
            self._money(approval.limit_amount) if approval.limit_amount is not None else "",
        ]
        left = [
            speaker.time(judged.seconds) if judged.seconds is not None else "",
            self._money(judged.amount) if judged.amount is not None else "",
        ]
        if name == "counts" and any(left):
            name = "counts_limited"
        return self._say(
            name,
            id=approval.id,
            day=speaker.day(approval.decided_on) if approval.decided_on is not None else "",
            by=self._say("by", approval.decided_by) if approval.decided_by else "",
            expired=speaker.day(approval.expires_on) if approval.expires_on is not None else "",
            limit=speaker.listed([*filter(None, limit)], "and"),
            left=speaker.listed([*filter(None, left)], "and"),
            other=judged.by.id if judged.by is not None else "",
            later=speaker.day(judged.by.decided_on)
            if judged.by is not None and judged.by.decided_on is not None
            else "",
        )

    def _budget(self, seen: BudgetSeen, held: str) -> Said:
        watch, speaker = seen.watch, self._speaker
        if watch.measure == "hours":
            budget, counted = speaker.time(int(watch.budget)), speaker.time(int(seen.counted))
        else:
            budget, counted = self._money(watch.budget), self._money(seen.counted)
        place = seen.place
        if watch.per == "period":
            place = speaker.day(date.fromisoformat(place))
        text = self._say(
            "over_budget" if held and seen.counted > watch.budget else "budget",
            rule=speaker.rule(watch.rule),
            of=self._say(f"budget_{watch.per}", place),
            budget=budget,
            counted=counted,
        )
        return Said(text, speaker.because(watch.rule))

    def _difference(self, found: Difference) -> Said:
        name = "differs_now" if found.now else "differs"
        return Said(self._say(name, self._say(f"cause_{found.cause}"), found.was, found.now))


class _Line:
    """What there is to say of a line."""

    def __init__(self, speaker: Speaker, explained: LineExplained) -> None:
        self._speaker = speaker
        self._say = speaker.say
        self._explained = explained

    def sections(self) -> Iterator[Section]:
        say = self._say
        yield Section(say("a_line", self._explained.key), tuple(self._head()))
        yield Section(say("why_line"), tuple(self._reasons()))
        yield Section(say("why_due"), tuple(self.due()))
        yield Section(say("entries"), tuple(self._entries()))

    def _head(self) -> Iterator[Said]:
        explained, speaker, say = self._explained, self._speaker, self._say
        line, row = explained.line, explained.row
        if line is not None:
            yield Said(clean(line.description))
        plan = explained.plan
        if plan is None:
            yield Said(say("of_item", explained.customer, explained.contract))
        else:
            yield Said(say("of_term", explained.customer, explained.contract, explained.term,
                           plan.name))  # fmt: skip
        if line is not None and explained.draft is not None:
            unit = PHRASES[speaker.language][line.unit]
            exponent = line.quantity.as_tuple().exponent
            decimals = -exponent if isinstance(exponent, int) else 0
            if line.unit != "hour":
                decimals = len(shortest(line.quantity).partition(".")[2])
            amount = f"{number_text(line.quantity, decimals, speaker.language)} {unit}"
            price = f"{speaker.price(line.unit_price)} {explained.currency}"
            if line.discount:
                price += f" {say('discount', shortest(line.discount))}"
            worth = speaker.money(line.amount, explained.digits, explained.currency)
            yield Said(say("price", amount, price, worth))
            contract = explained.draft.contract or explained.customer
            yield Said(say(f"on_{explained.draft.kind}", contract))
        if row is not None:
            billed = row.amount or ZERO
            worth = speaker.money(billed, explained.digits, explained.currency)
            rate = speaker.price(billed if row.rate is None else row.rate)
            name = "released" if row.state == "released" else "recorded"
            yield Said(say(name, worth, f"{rate} {explained.currency}"))
            if row.state == "live" and row.document not in ("", explained.key):
                yield Said(say("document", row.document))

    def _reasons(self) -> Iterator[Said]:
        language, say = self._speaker.language, self._say
        for reason in self._explained.because:
            text = clean(text_in(reason.texts, language, reason.text))
            place = self._speaker.place(reason.rule, reason.clause, reason.where)
            if reason.rule == OVERRIDE:
                place = say("by_hand_bare")
            yield Said(place, (Said(say("quote", text)),) if text else ())

    def due(self) -> Iterator[Said]:
        explained, speaker, say = self._explained, self._speaker, self._say
        if explained.last is not None:
            yield Said(say("period", speaker.days(explained.first, explained.last)))
        every = say("months_one")
        if explained.every > 1:
            every = say("months", str(explained.every))
        name = f"due_{explained.why_due}"
        if explained.why_due == "advance" and explained.lead_days:
            name = "due_advance_lead"
        why = say(name, every=every, days=str(explained.lead_days))
        due = explained.line.due if explained.line is not None else None
        yield Said(say("due_on", speaker.day(due), why) if due is not None else why)
        if explained.late:
            below = (Said(say("late_document", explained.before)),) if explained.before else ()
            yield Said(say("is_late"), below)
        if explained.reverses:
            credit = explained.line is not None and explained.line.credit
            document = explained.reverses_document
            other = document not in ("", explained.reverses)
            below = (Said(say("document", document)),) if other else ()
            yield Said(say("gives_back" if credit else "corrects", explained.reverses), below)

    def _entries(self) -> Iterator[Said]:
        speaker = self._speaker
        for entry, seconds, rounded, rule in self._explained.entries:
            time = speaker.time(seconds)
            if rounded != seconds:
                time += f", {self._say('rounded', speaker.time(rounded))}"
            text = clean(entry.text)
            said = ", ".join((entry.id, speaker.day(entry.date), time, self._say("rule", rule)))
            yield Said(said, (Said(text),) if text else ())
        if not self._explained.entries:
            yield Said(self._say("no_entries"))

"""The clerk who works day by day and never looks back (semantics 4).

For one contract the clerk keeps everything in ``state``. What a ``bill`` run puts on record is a
copy of that state at the end of the last closed window: the next run goes on from there, after
what has become known late.
"""

from __future__ import annotations

from copy import deepcopy
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import Any

from tests.oracle import balances, gate, rounding
from tests.oracle import lots as stock
from tests.oracle.days import FOREVER, ONE, add_months, calendar_period, grid, month_first
from tests.oracle.facts import TAKING, Facts, months
from tests.oracle.fees import periods_of
from tests.oracle.numbers import DIGITS, HOUR, natural, number
from tests.oracle.rates import factors, value_of_hour, with_surcharge
from tests.oracle.scope import SETTLES, holds, in_force, running, takers

PERIODIC = ("contingent", "pool", "quota")
KEPT = ("held", "waiting", "stuck")


def nothing_on_record() -> Facts:
    return {"state": None, "granted": {}, "paid": [], "billed": {}, "notices": {},
            "billed_as": set()}  # fmt: skip


def empty_state() -> Facts:
    return {
        "closed": None,  # the last closed day
        "windows": [],  # closed windows, (first, last)
        "parts": {},  # entry -> parts that are decided
        "facts": {},  # entry -> the entry as it was decided
        "held": [],  # pieces that may not pass yet
        "waiting": [],  # pieces that wait for hours
        "stuck": [],  # pieces that nobody takes, or beyond a budget
        "used": gate.nothing_used(),  # what approvals gave
        "taken": [],  # the same, piece by piece
        "watched": {},  # sums that thresholds watch
        "groups": {},  # rounded groups: worked and rounded seconds
        "charges": [],  # time that is billed, piece by piece
        "oneoffs": {},  # lines that are billed once
        "refunds": {},  # credit that goes back
        "balances": {},  # term/component -> lots and deficit
        "kept": 0,  # how often work was kept, to count in order
        "bought": [],  # purchases that are lots
        "paid": [],  # what lots paid for work that waited
        "notices": [],
    }


def changed(before: Facts, today: Facts) -> bool:
    """Whether an entry is another one today.

    To be validated is no change, nor is other work on its ticket.
    """
    same = {"validated": True, "ticket_seconds": 0}
    return {**before, **same} != {**today, **same}


def settled(record: Facts, entry: str) -> bool:
    """Whether something of an entry is on record here; what was billed elsewhere is not."""
    parts = record["state"]["parts"].get(entry, [])
    paid = any(row["piece"]["entry"] == entry for row in record["paid"])
    return paid or any(part["rule"] != "opening" for part in parts)


def copied(state: Facts) -> Facts:
    """A state of its own; entries are facts and may be shared."""
    rest = {name: value for name, value in state.items() if name != "facts"}
    return {**deepcopy(rest), "facts": dict(state["facts"])}


class Clerk:
    """One contract, one run."""

    def __init__(self, contract: Facts, routed: list[Facts], facts: Facts, as_of: date,
                 record: Facts) -> None:  # fmt: skip
        self.contract, self.facts, self.as_of, self.record = contract, facts, as_of, record
        self.state = copied(record["state"]) if record["state"] else empty_state()
        self.approvals = gate.known(contract, facts, as_of)
        self.entries = {row["entry"]["id"]: row for row in routed}
        self.rounding = contract["policy"].get("rounding")
        self.first_day = self.window_first = contract["start"]
        self.today = contract["start"]
        self._periods: dict[str, list[Facts]] = {}
        self.closing = False  # late facts: behind all of ``today``
        self.snapshot: Facts | None = None
        self.paid: list[Facts] = deepcopy(record["paid"])
        self.aside: dict[str, list[Facts]] = {}
        self.before: list[Facts] = []  # what approvals gave in earlier runs
        self.grown: list[tuple[Facts, Facts, Facts, int]] = []  # periods that have more hours now

    # What the clerk can look up

    def entry(self, piece: Facts) -> Facts:
        return self.state["facts"][piece["entry"]]

    def term(self, name: str) -> Facts:
        return next(term for term in self.contract["terms"] if term["id"] == name)

    def components(self) -> list[tuple[Facts, Facts]]:
        return [(term, one) for term in self.contract["terms"] for one in term["components"]]

    def balance(self, term: Facts, component: Facts) -> Facts:
        key = balances.key_of(term, component)
        empty = {"lots": [], "deficit": 0, "billed": 0, "settled": None}
        empty |= {"owed": [], "tickets": {}, "topped": {}}
        return self.state["balances"].setdefault(key, empty)

    def openings(self, term: Facts) -> list[Facts]:
        return [
            one
            for one in self.facts["openings"]
            if (str(one["contract"]), str(one["term"])) == (self.contract["code"], term["id"])
        ]

    def opened_until(self, term: Facts, component: Facts) -> date | None:
        """The last day that an opening of the term has in it already."""
        days = []
        for opening in self.openings(term):
            if component["kind"] in (*PERIODIC, "block"):
                days.append(opening["date"])
            elif opening.get("billed_until"):
                days.append(date.fromisoformat(str(opening["billed_until"])))
        return max(days, default=None)

    def opened(self, term: Facts, component: Facts, period: Facts) -> bool:
        """Whether the hours of an opening stand for those of a period."""
        begins = max(period["grid_first"], term["first"])
        return any(begins <= one["date"] for one in self.openings(term))

    def periods(self, term: Facts, component: Facts) -> list[Facts]:
        key = balances.key_of(term, component)
        if key not in self._periods:
            # A balance has whole periods, whatever was invoiced of them before go-live.
            facts = self.facts
            if component["kind"] in PERIODIC:
                facts = {**facts, "openings": []}
            found = periods_of(term, component, self.contract, facts, self.as_of, "arrears")
            self._periods[key] = found
        return self._periods[key]

    def grid_period(self, term: Facts, component: Facts, day: date) -> Facts:
        """The period of the grid that a day lies in, whatever was billed before."""
        every, align = months(component.get("every") or "1 month"), component.get("align")
        count = 0
        while True:
            first, last = grid(term["anchor"], every, align or "calendar", count)
            if last >= day:
                ends = min(last, term["last"] or FOREVER)
                return {"number": count, "first": first, "last": ends, "grid_last": last}
            count += 1

    def weight_of(self, piece: Facts) -> Fraction:
        found = factors(self.entry(piece), piece["disposition"], self.contract, self.facts, "hours")
        return Fraction(1) if found is None else found

    def priced(self, price: Fraction, piece: Facts) -> Fraction:
        """A price with the entry's surcharges."""
        entry = self.entry(piece)
        return with_surcharge(price, entry, piece["disposition"], self.contract, self.facts)

    def value(self, piece: Facts) -> Fraction:
        found = value_of_hour(self.entry(piece), piece["disposition"], self.contract, self.facts)
        return found[0] if found else Fraction(0)

    def billing_line(self, piece: Facts, place: Facts) -> Facts:
        """The price of a piece of work, and the line on which billing it would stand.

        Late time that an earlier run billed is on a line of its own; what it drew is on none.
        """
        entry = self.entry(piece)
        digits = {"digits": self.facts["digits"]}
        digits["money_digits"] = DIGITS.get(self.contract["currency"], 2)
        found = value_of_hour(entry, piece["disposition"], self.contract, self.facts)
        if found is None:
            return {"price": Fraction(0), "line": None, **digits}
        price, term, component = found
        if component["kind"] == "block":
            first, last = balances.month_of(entry["date"], term)
        else:
            period = self.grid_period(term, component, entry["date"])
            first, last = period["first"], period["last"]
        by = component.get("group_by") if component["kind"] == "time" else None
        group = entry[by] if by in ("project", "ticket") else ""
        late = place["late"] and last <= place["position"]
        where = (place["position"], place.get("on")) if late else None
        key = (balances.key_of(term, component), first, group, price, where)
        return {"price": price, "line": key, **digits}

    # What the clerk writes down

    def paid_on_record(self) -> list[Facts]:
        """What work that waited has drawn of lots that are not on record yet."""
        snapshot = self.snapshot or empty_state()
        lots = {
            (key, lot["name"]) for key, one in snapshot["balances"].items() for lot in one["lots"]
        }
        rows = [row | {"done": True} for row in self.paid]
        rows += [
            row | {"done": False}
            for row in self.state["paid"]
            if row["piece"]["number"] < snapshot["kept"]
        ]
        return [row for row in rows if (row["component"], row["lot"]) not in lots]

    def drawn_before(self, term: Facts, component: Facts, name: str) -> int:
        """What earlier runs have put on record as drawn of a lot by work that waited."""
        key = balances.key_of(term, component)
        mine = [row for row in self.paid if (row["component"], row["lot"]) == (key, name)]
        return sum(row["weight"] for row in mine)

    def _paid_before(self) -> None:
        """Work that waited keeps what it drew."""
        for row in self.paid:
            found = [
                one for one in self.state["waiting"] if one["number"] == row["piece"]["number"]
            ]
            if not row["done"] and found:
                balances.keep_paid(self, found[0], row)

    def settle_part(self, piece: Facts, part: Facts) -> None:
        row = {
            "disposition": piece["disposition"],
            "rule": piece["rule"],
            "contract": self.contract["code"],
            "term": None,
            "lot": None,
            "held": None,
            **part,
        }
        self.state["parts"].setdefault(piece["entry"], []).append(row)

    def charge(self, term: Facts, component: Facts, piece: Facts, secs: int, price: Fraction,
               place: Facts, pieces: int = 0) -> int:  # fmt: skip
        """Time (or a request) that is billed with its period."""
        entry = self.entry(piece)
        first, last = self.billing_period(term, component, entry["date"])
        by = component.get("group_by") if component["kind"] == "time" else None
        group = entry[by] if by in ("project", "ticket") else ""
        late = place["late"] and last <= place["position"]
        self.state["charges"].append(
            {
                "number": len(self.state["charges"]),
                "term": term["id"],
                "place": (term["place"], component["index"]),
                "component": component["kind"],
                "discount": term["discount"],
                "first": first,
                "last": last,
                "due": last + ONE,
                "price": price,
                "group": group,
                "late": place["position"] if late else None,
                "entry": entry["id"],
                "seconds": secs,
                "pieces": pieces,
                "unit": "piece" if pieces else "hour",
                "billed": False,
            }
        )
        return len(self.state["charges"]) - 1

    def billing_period(self, term: Facts, component: Facts, day: date) -> tuple[date, date]:
        """First and last covered day of the period with whose line time is billed."""
        if component["kind"] == "block":
            return balances.month_of(day, term)
        period = next(one for one in self.periods(term, component) if one["last"] >= day)
        return period["first"], period["last"]

    def settle_charge(self, term: Facts, component: Facts, period: Facts, secs: int,
                      price: Fraction | None, day: date, late: bool) -> None:  # fmt: skip
        self.state["charges"].append(
            {
                "number": len(self.state["charges"]),
                "term": term["id"],
                "place": (term["place"], component["index"]),
                "component": component["kind"],
                "discount": term["discount"],
                "first": period["first"],
                "last": period["last"],
                "due": period["last"] + ONE,
                "price": price,
                "group": "settle",
                "late": day if late else None,
                "entry": None,
                "seconds": secs,
                "pieces": 0,
                "unit": "hour",
                "billed": False,
            }
        )

    def oneoff(self, key: tuple[Any, ...], term: Facts, component: Facts,
               span: tuple[date, date], quantity: Fraction, price: Fraction | None, due: date,
               group: str, entry: Facts | None = None) -> None:  # fmt: skip
        self.state["oneoffs"][key] = {
            "term": term["id"],
            "place": (term["place"], component["index"]),
            "component": component["kind"],
            "discount": term["discount"],
            "first": span[0],
            "last": span[1],
            "quantity": quantity,
            "price": price or Fraction(0),
            "unit": "hour",
            "due": due,
            "group": group,
            "top_up": entry is not None,
        }

    def refund(self, key: tuple[Any, ...], term: Facts, component: Facts, secs: int,
               price: Fraction | None, group: str) -> None:  # fmt: skip
        self.state["refunds"][key] = {
            "term": term["id"],
            "place": (term["place"], component["index"]),
            "component": component["kind"],
            "discount": term["discount"],
            "seconds": secs,
            "price": price or Fraction(0),
            "unit": "hour",
            "due": term["last"] + ONE,
            "first": None,
            "last": term["last"],
            "group": group,
        }
        if component["kind"] == "pool":
            self.state["refunds"][key]["first"] = self.periods(term, component)[-1]["first"]

    def draw(self, term: Facts, component: Facts, lot: Facts, piece: Facts, secs: int,
             place: Facts) -> None:  # fmt: skip
        entry = self.entry(piece)
        before = stock.remaining(lot)
        loses = stock.weight(secs, self.weight_of(piece))
        stock.draw(lot, loses, entry["date"])
        lot["kept"] = False  # a top-up on record that is drawn has come
        stock.freed(lot, loses, place)
        after = stock.remaining(lot)
        ended = place["late"] and lot["last"] and lot["last"] <= place["position"]
        if component["kind"] == "block" and not ended:
            for percent in listed_numbers(component.get("notify_left")):
                level = lot["granted"] * percent
                if after * 100 <= level < before * 100:
                    rule = f"{term['plan']}.block"
                    self.notice(rule, lot["name"], percent, max(lot["first"], place["decided"]))

    def notice(self, rule: str, period: str, percent: int, day: date) -> None:
        key = (self.contract["code"], rule, period, percent)
        if key not in {one["key"] for one in self.state["notices"]}:
            self.state["notices"].append({"key": key, "on": day})

    # The run

    def work(self) -> None:
        """Walks from the record (or the contract's first day) to ``as_of``."""
        self._renew()
        self._change()
        self._paid_before()
        self._no_more_than_is_left()
        self._set_aside()
        self._use_again()
        self._watch_again()
        closed = self.state["closed"]
        windows = [one for one in self.windows() if not closed or one[1] > closed]
        if closed:
            self.today = closed
            windows = [(max(first, closed + ONE), last) for first, last in windows]
            self.closing = True
            self._overdue(closed)
            self._late(closed, windows)
            self.closing = False
        for number_, (first, last) in enumerate(windows):
            if first > self.as_of:
                break
            if not closed or number_ > 0:
                self.today = max(first - ONE, self.contract["start"])
                self._ask_behind(first - ONE)
                self._freed_between(first, last)
            if last >= self.as_of and self.snapshot is None:
                self._close(first - ONE if first > self.contract["start"] else None)
            if first <= (self.contract["end"] or FOREVER):
                self._window(first, last)
            if last < self.as_of:
                self.state["windows"].append((first, last))
        if self.snapshot is None:
            ended = self.contract["end"]
            self._close(ended if ended and ended < self.as_of else None)
        self._put_back(self.state)

    def _close(self, day: date | None) -> None:
        """The state that a ``bill`` run puts on record."""
        self.state["paid"] = []
        self.snapshot = copied(self.state)
        self._put_back(self.snapshot)
        if day and (self.snapshot["closed"] is None or day > self.snapshot["closed"]):
            self.snapshot["closed"] = day
        elif self.snapshot["closed"] is None:
            self.snapshot = None if day is None else self.snapshot

    def _renew(self) -> None:
        """Today's ends count for periods that are not billed and lots that are not over."""
        for charge in self.state["charges"]:
            if not charge["billed"] and charge["entry"]:
                term = self.contract["terms"][charge["place"][0]]
                day = self.state["facts"][charge["entry"]]["date"]
                if running(term, day):
                    component = term["components"][charge["place"][1]]
                    span = self.billing_period(term, component, day)
                    charge["first"], charge["last"] = span
                    charge["due"] = span[1] + ONE
        for term, component in self.components():
            for lot in self.balance(term, component)["lots"]:
                if lot.get("over"):
                    continue
                if "own_last" in lot:
                    if component["kind"] != "pool":
                        balances.clip(lot, term)
                    continue
                for period in self.periods(term, component):
                    if period["first"] == lot["first"]:
                        if component["kind"] != "pool":
                            lot["last"] = period["last"]
                        fresh = balances.granted(self, term, component, period)
                        fresh, before = balances.in_lot(component, fresh), lot["granted"]
                        balance = self.balance(term, component)
                        balances.resize(balance, lot, fresh)
                        more = lot["granted"] - before
                        if more > 0:
                            self.grown.append((term, component, lot, more))

    def _change(self) -> None:
        """What is held and changed is as if it were entered now, if nothing of it is settled."""
        state = self.state
        record = {**self.record, "state": state}
        for entry in list(state["facts"]):
            row = self.entries.get(entry)
            if settled(record, entry) or (row and not changed(state["facts"][entry], row["entry"])):
                continue
            for kind in KEPT:
                state[kind] = [piece for piece in state[kind] if piece["entry"] != entry]
            state["taken"] = [one for one in state["taken"] if one["piece"]["entry"] != entry]
            for watched in state["watched"].values():
                mine = [one for one in watched["rows"] if one["piece"]["entry"] == entry]
                watched["rows"] = [one for one in watched["rows"] if one["piece"]["entry"] != entry]
                watched["worth"] -= sum((one["worth"] for one in mine), Fraction(0))
            state["parts"].pop(entry, None)
            del state["facts"][entry]

    def _no_more_than_is_left(self) -> None:
        """What is not there any more, or is written off, waits no longer."""
        today = {one["id"]: one for one in self.facts["entries"]}
        record = {**self.record, "state": self.state}
        for entry in {piece["entry"] for kind in KEPT for piece in self.state[kind]}:
            if not settled(record, entry) or self.state["facts"][entry]["seconds"] <= 0:
                continue
            row = self.entries.get(entry)
            gone = entry not in today or (row and row["disposition"] == "written_off")
            left = 0 if gone else today[entry]["seconds"]
            left -= sum(part["seconds"] for part in self.state["parts"].get(entry, []))
            for kind in KEPT:
                for piece in [one for one in self.state[kind] if one["entry"] == entry]:
                    if piece["worked"] > left or gone:
                        piece["worked"] = max(left, 0)
                        if piece["rounded"] is not None:
                            piece["rounded"] = min(piece["rounded"], piece["worked"])
                        if not piece["worked"]:
                            self.state[kind] = [one for one in self.state[kind] if one is not piece]
                    left -= piece["worked"]

    def _set_aside(self) -> None:
        """What waits of settled work that is another contract's now: nothing pays for it."""
        for kind in KEPT:
            some = [one for one in self.state[kind] if self._moved(one)]
            self.aside[kind] = some
            self.state[kind] = [
                one for one in self.state[kind] if not any(one is other for other in some)
            ]

    def _moved(self, piece: Facts) -> bool:
        row = self.entries.get(piece["entry"])
        return bool(row and row.get("moved"))

    def _put_back(self, state: Facts) -> None:
        for kind, some in self.aside.items():
            if some:
                found = [*state[kind], *deepcopy(some)]
                state[kind] = sorted(found, key=lambda one: one.get("number", 0))

    def _use_again(self) -> None:
        """What passed has used the approvals that are known today, the ticket's first.

        What none of them would give today it has of those that gave it.
        """
        self.state["used"] = self._used_by(self.state["taken"])
        self.before = list(self.state["taken"])

    def _used_by(self, rows: list[Facts]) -> gate.Used:
        used = gate.nothing_used()
        approvals = {one["id"]: one for one in self.approvals}
        for taken in rows:
            piece = taken["piece"]
            priced = self.billing_line(piece, taken["place"])
            good = self.good(piece, taken["day"]) or []
            rest = taken["seconds"] - gate.cut(taken["seconds"], priced, good, used)
            for name in taken["by"] if rest else ():
                some = min(rest, taken["by"][name])
                if name in approvals:
                    gate.write_down(approvals[name], some, priced, used)
                rest -= some
        return used

    def _used_at(self, closed: date) -> gate.Used:
        """The same without what came back behind the last closed day in earlier runs: what waits
        was asked there before, and is asked about that behind this window."""
        rows = [
            one
            for one in self.state["taken"]
            if one["seconds"] >= 0
            or not (one["place"]["late"] and one["place"]["position"] == closed)
            or not any(one is other for other in self.before)
        ]
        return self._used_by(rows)

    def _watch_again(self) -> None:
        """What budgets have counted, on the lines on which it stands on record."""
        for watched in self.state["watched"].values():
            watched["lines"] = {}
            for row in watched["rows"]:
                priced = self.billing_line(row["piece"], row["place"])
                before, _ = watched["lines"].get(priced["line"], (0, priced))
                watched["lines"][priced["line"]] = (before + row["seconds"], priced)

    def _take(self, piece: Facts, good: list[Facts], day: date, place: Facts) -> int:
        """Rounded seconds that approvals let pass."""
        used, total = self.state["used"], piece["rounded"]
        if piece.pop("asked_before", False):
            total = gate.cut(
                total, self.billing_line(piece, place), good, self._used_at(place["position"])
            )
        before = {name: row["seconds"] for name, row in used["by"].items()}
        passed = gate.cut(total, self.billing_line(piece, place), good, used)
        gave = {name: row["seconds"] - before.get(name, 0) for name, row in used["by"].items()}
        by = {name: secs for name, secs in gave.items() if secs}
        kept = {"entry": piece["entry"], "disposition": piece["disposition"]}
        row = {"piece": kept, "day": day, "seconds": passed, "by": by, "place": dict(place)}
        self.state["taken"].append(row)
        return passed

    def windows(self) -> list[tuple[date, date]]:
        """Closing windows up to the one that ``as_of`` lies in, and the time after the end."""
        start, end = self.contract["start"], self.contract["end"] or FOREVER
        cuts = {start, end if end == FOREVER else end + ONE}
        spans = []
        for term, component in self.components():
            fixed = component["kind"] == "milestone" and self.contract["width"] < 2
            if component["kind"] not in TAKING and not fixed:
                continue
            spans.append((term["first"], term["last"] or FOREVER))
            if component["kind"] == "block" or fixed:
                cuts |= set(self._months(term["first"], term["last"] or FOREVER))
                cuts |= {term["first"], (term["last"] or FOREVER - ONE) + ONE}
                continue
            every = months(component.get("every") or "1 month")
            align = component.get("align") or "calendar"
            count = 0
            while True:
                first, last = grid(term["anchor"], every, align, count)
                if first > min(self.as_of, term["last"] or FOREVER):
                    break
                cuts |= {max(first, term["first"]), min(last, term["last"] or FOREVER) + ONE}
                count += 1
        for first in self._months(start, end):
            if not any(a <= first <= b for a, b in spans) and first > start:
                cuts.add(first)
        days = sorted(day for day in cuts if start <= day)
        found = [(first, after - ONE) for first, after in pairwise(days)]
        if days and days[-1] != FOREVER:
            found.append((days[-1], FOREVER))
        return found

    def _months(self, first: date, last: date) -> list[date]:
        day, found = month_first(first), []
        while day <= min(last, add_months(self.as_of, 1)):
            found.append(day)
            day = add_months(day, 1)
        return [one for one in found if one >= first]

    def _overdue(self, day: date) -> None:
        """An end that became known late: what had to happen then happens now."""
        for term, component in self.components():
            if component["kind"] in ("contingent", "quota", "block"):
                balances.end_of_day(self, term, component, day)
                continue
            ended = component["kind"] == "pool" and term["last"] and term["last"] <= day
            if ended and not self.balance(term, component)["settled"]:
                balances.close_pool(self, term, component, term["last"], day)

    # Pieces

    def piece(self, row: Facts) -> Facts:
        entry = row["entry"]
        self.state["facts"].setdefault(entry["id"], entry)
        return {
            "entry": entry["id"],
            "worked": entry["seconds"],
            "rounded": None,
            "disposition": row["disposition"],
            "rule": row["rule"],
        }

    def new_rows(self, first: date, last: date) -> list[Facts]:
        """Entries of these days that nothing is decided about, in order."""
        known = set(self.state["facts"])
        return [
            row
            for row in self.entries.values()
            if first <= row["entry"]["date"] <= min(last, self.as_of)
            and row["entry"]["id"] not in known
        ]

    def settles(self, piece: Facts) -> bool:
        """Whether a piece is decided without any term; writes it down if so."""
        entry = self.entry(piece)
        disposition = piece["disposition"]
        done: Facts | None = None
        if entry["billed_elsewhere"]:
            done = {"disposition": "billed_elsewhere", "rule": ""}
        elif disposition not in SETTLES and (opened := self._opened(piece)):
            done = {"disposition": "billed_elsewhere", "rule": "opening", "term": opened}
        elif not self.validated(piece):
            return False
        elif disposition in SETTLES:
            done = {}
        else:
            taking = takers(self.contract, disposition, entry["date"])
            kinds = [one["kind"] for term in taking[:1] for one in term["components"]]
            if "milestone" in kinds and not set(kinds) & set(TAKING):
                done = {"disposition": "included", "term": taking[0]["id"]}
        if done is None:
            return False
        part = {"seconds": piece["worked"], "rounded": piece["worked"], **done}
        self.settle_part(piece, part)
        return True

    def _opened(self, piece: Facts) -> str | None:
        """The first term that takes a piece, if that was billed elsewhere up to its day."""
        for term, component in self._chain(piece)[:1]:
            until = self.opened_until(term, component)
            if until and self.entry(piece)["date"] <= until:
                return str(term["id"])
        return None

    def validated(self, piece: Facts) -> bool:
        """By what is known today."""
        today = self.entries.get(piece["entry"])
        return bool((today["entry"] if today else self.entry(piece))["validated"])

    def rule(self, piece: Facts) -> Facts | None:
        return gate.rule_for(self.entry(piece), piece["disposition"], self.contract, self.facts)

    def tries(self, piece: Facts) -> list[date]:
        """Days on which a piece may pass: its own, and those of later decisions."""
        entry, rule = self.entry(piece), self.rule(piece)
        days = [entry["date"]]
        if rule and gate.retroactive(rule):
            days += [
                one["decided_on"]
                for one in self.approvals
                if one["state"] == "approved"
                and one["decided_on"]
                and one["decided_on"] > entry["date"]
                and gate.usable_for(one, entry, rule)
            ]
        return sorted(set(days))

    def good(self, piece: Facts, day: date) -> list[Facts] | None:
        """Approvals that let a piece pass on ``day``; None where it needs none."""
        rule = self.rule(piece)
        if rule is None:
            return None
        return gate.candidates(self.entry(piece), rule, self.approvals, day)

    def passes(self, piece: Facts, day: date, used: gate.Used) -> bool:
        if not self.validated(piece):
            return False
        found = self.good(piece, day)
        return found is None or any(gate.has_room(one, used) for one in found)

    # Late facts

    def _late(self, closed: date, windows: list[tuple[date, date]]) -> None:
        """What counts after everything else of the last closed day."""
        window = next(iter(windows), None)
        until = min(window[1], self.as_of) if window else self.as_of
        events: list[tuple[Any, ...]] = []
        bought = []
        for purchase in self.purchases():
            if purchase["date"] <= closed:
                made = self._buy(purchase)
                if made:
                    bought.append(made)
                    events.append((purchase["date"], 0, purchase["date"], natural(purchase["id"]),
                                   made))  # fmt: skip
        balances.ask_again(self, bought, self.grown)
        since = self.state["kept"]
        for row in self.new_rows(self.contract["start"], closed):
            piece = self.piece(row) | {"new": True}
            if not self.settles(piece):
                self.state["held"].append(piece)
        for day, entry in self._trials(date.min, until):
            events.append((day, 1, entry["date"], natural(entry["id"]), entry["id"]))
        for piece in self.state["stuck"]:
            if piece["reason"] == "no_term" and self._not_asked(piece):
                own = self.entry(piece)["date"]
                events.append((own, 2, own, natural(piece["entry"]), piece))
        for event in sorted(events, key=lambda one: one[:4]):
            day, kind, *_, thing = event
            if kind == 0:
                balances.offer(self, *thing, since=since)
                self._end_late(*thing)
            elif kind == 2:
                self.state["stuck"] = [one for one in self.state["stuck"] if one is not thing]
                place = {"position": closed, "decided": day, "late": True}
                self._give(thing, thing["rounded"], place, [], day)
            else:
                self._try_entry(thing, day, closed)
        for piece in self.state["held"]:
            piece.pop("new", None)

    def _try_late(self, piece: Facts, day: date, position: date) -> None:
        if not any(piece is one for one in self.state["held"]):
            return
        if self.settles(piece):
            self.state["held"] = [one for one in self.state["held"] if one is not piece]
            return
        used = self.state["used"]
        if self.closing and not piece.get("new"):
            used = self._used_at(position)
            piece["asked_before"] = True
        if not self.passes(piece, day, used):
            piece.pop("asked_before", None)
            return
        self.state["held"] = [one for one in self.state["held"] if one is not piece]
        if piece["rounded"] is None:
            entry = self.entry(piece)
            piece["rounded"] = piece["worked"]
            if piece.get("new") and day <= self.today:
                piece["rounded"] = self._adds(entry, piece["worked"])
        place = {"position": position, "decided": day, "late": True}
        self.admit(piece, day, place)

    def _adds(self, entry: Facts, worked: int) -> int:
        """What a late entry adds to its group's rounded time."""
        how = self.rounding
        if not how:
            return worked
        if (how.get("per") or "entry") == "entry":
            return rounding.rounded(worked, how)
        key = (self.window_of(entry["date"]), *rounding.group_of(entry, how))
        group = self.state["groups"].setdefault(key, {"worked": 0, "rounded": 0})
        group["worked"] += worked
        more = rounding.rounded(group["worked"], how) - group["rounded"]
        group["rounded"] += more
        return more

    def window_of(self, day: date) -> date:
        """First day of the closed window that a day lies in."""
        return next((first for first, last in self.state["windows"] if first <= day <= last), day)

    def _ask_behind(self, day: date) -> None:
        """Behind the last day of a window what has found no room is asked again."""
        held = [self.entry(piece) for piece in self.state["held"] if self.rule(piece)]
        for entry in sorted(held, key=lambda one: (one["date"], natural(one["id"]))):
            self._try_entry(entry["id"], day, day)

    def _freed_between(self, first: date, last: date) -> None:
        """What decisions of this window free of earlier windows counts before the window."""
        for day, entry in self._trials(first, min(last, self.as_of)):
            self._try_entry(entry["id"], day, first - ONE)

    def _trials(self, first: date, last: date) -> list[tuple[date, Facts]]:
        """Days on which entries that are held may pass, in order."""
        found = {
            (day, entry["date"], entry["id"]): entry
            for piece in self.state["held"]
            for entry in [self.entry(piece)]
            for day in self.tries(piece)
            if first <= day <= last
        }
        order = sorted(found, key=lambda one: (one[0], one[1], natural(one[2])))
        return [(key[0], found[key]) for key in order]

    def _try_entry(self, entry: str, day: date, position: date) -> None:
        """All that is held of an entry; what a limit leaves of it waits for the next decision."""
        for piece in [one for one in self.state["held"] if one["entry"] == entry]:
            self._try_late(piece, day, position)

    # A window

    def _window(self, first: date, last: date) -> None:
        pieces = [self.piece(row) for row in self.new_rows(first, last)]
        pieces = [piece for piece in pieces if not self.settles(piece)]
        self.window_first = first
        queue, held = self._gate(pieces, first, min(last, self.as_of))
        self._round([piece for _, piece in queue], first)
        self.state["held"] += held
        day = first
        while day <= min(last, self.as_of):
            self.today = day
            self._day(day, [piece for when, piece in queue if when == day])
            day += ONE

    def _gate(
        self, pieces: list[Facts], first: date, last: date
    ) -> tuple[list[tuple[date, Facts]], list[Facts]]:
        """First walk over a window: who may pass, and when; counted in worked seconds."""
        used = deepcopy(self.state["used"])
        queue: list[tuple[date, Facts]] = []
        left = {piece["entry"]: piece["worked"] for piece in pieces}
        passed: set[str] = set()
        events = [
            (day, self.entry(piece)["date"], natural(piece["entry"]), piece)
            for piece in pieces
            for day in self.tries(piece)
            if first <= day <= last
        ]
        for day, _, _, piece in sorted(events, key=lambda one: one[:3]):
            name = piece["entry"]
            if name in passed and left[name] <= 0:
                continue
            if not self.passes(piece, day, used):
                continue
            good = self.good(piece, day)
            if good is None:
                left[name] = 0
            else:
                priced = self.billing_line(piece, {"position": day, "late": False})
                left[name] -= gate.cut(left[name], priced, good, used)
            if name not in passed:
                passed.add(name)
                queue.append((day, piece))
        return queue, [piece for piece in pieces if piece["entry"] not in passed]

    def _round(self, queue: list[Facts], window: date) -> None:
        """Sums the groups of a window and rounds each once."""
        groups: dict[tuple[Any, ...], list[Facts]] = {}
        for piece in queue:
            if not self.rounding:
                piece["rounded"] = piece["worked"]
                continue
            key = (window, *rounding.group_of(self.entry(piece), self.rounding))
            groups.setdefault(key, []).append(piece)
        for key, pieces in groups.items():
            worked = [piece["worked"] for piece in pieces]
            total = rounding.rounded(sum(worked), self.rounding)
            for piece, secs in zip(pieces, rounding.shared(worked, total), strict=True):
                piece["rounded"] = secs
            self.state["groups"][key] = {"worked": sum(worked), "rounded": total}

    def _day(self, day: date, pieces: list[Facts]) -> None:
        """One day: what begins, the work, what ends."""
        for term, component in self.components():
            if component["kind"] in ("contingent", "pool", "quota", "block"):
                balances.opening_lots(self, term, component, day)
            if component["kind"] in PERIODIC:
                for period in self.periods(term, component):
                    if period["first"] == day:
                        balances.grant(self, term, component, period)
        for term, component in self.components():
            for lot in self.balance(term, component)["lots"]:
                if "foreseen" in lot and lot["first"] == day:
                    balances.offer(self, term, component, lot, since=lot["foreseen"])
        for purchase in self.purchases():
            if purchase["date"] <= day and (made := self._buy(purchase)):
                balances.offer(self, *made)
                self._end_late(*made)
        for term, component in self.components():
            if component["kind"] == "block":
                balances.keep_top_ups(self, term, component, day)
        work = list(pieces)
        for piece in self.state["held"]:
            cut_off = piece.get("remainder") and self.window_first <= piece["since"] < day
            if cut_off and day in self.tries(piece):
                own = self.entry(piece)["date"]
                if self.window_first <= own <= day:
                    work.append(piece)
        work.sort(key=lambda one: (self.entry(one)["date"], natural(one["entry"])))
        for piece in work:
            if piece.get("remainder"):
                if not self.passes(piece, day, self.state["used"]):
                    continue
                self.state["held"] = [one for one in self.state["held"] if one is not piece]
            self.admit(piece, day, {"position": day, "decided": day, "late": False})
        self._expiry_notices(day)
        if day == self.as_of:
            return
        for term, component in self.components():
            if component["kind"] in ("contingent", "pool", "quota", "block"):
                balances.end_of_day(self, term, component, day)

    def purchases(self) -> list[Facts]:
        """Purchases of this contract that are not lots yet, up to ``as_of``."""
        found = [
            one
            for one in self.facts["purchases"]
            if str(one["contract"]) == self.contract["code"]
            and one["date"] <= self.as_of
            and one["id"] not in self.state["bought"]
        ]
        return sorted(found, key=lambda one: (one["date"], natural(one["id"])))

    def _buy(self, purchase: Facts) -> tuple[Facts, Facts, Facts] | None:
        self.state["bought"].append(purchase["id"])
        return balances.buy(self, purchase)

    def foresee(self, term: Facts, component: Facts, place: Facts) -> None:
        """Lots that begin behind a place, up to the day of the decision that frees work there.

        Work that waits already is before it; what comes to wait until the lot's day is asked then.
        """
        for purchase in self.purchases():
            mine = str(purchase["term"]) == term["id"] and purchase["date"] <= place["decided"]
            if mine and (made := self._buy(purchase)):
                balances.offer(self, *made)
                made[2]["foreseen"] = self.state["kept"]
        day = place["position"] + ONE
        while day <= place["decided"]:
            balances.keep_top_ups(self, term, component, day)
            day += ONE

    def _end_late(self, term: Facts, component: Facts, lot: Facts) -> None:
        """A lot whose last day is over before it was entered."""
        over = self.today if self.closing else self.today - ONE
        if lot["last"] and lot["last"] <= over:
            balances.end_lot(self, term, component, lot, lot["last"])

    def _expiry_notices(self, day: date) -> None:
        for term, component in self.components():
            if component["kind"] != "block":
                continue
            for lot in self.balance(term, component)["lots"]:
                due = balances.expiry_notice_day(component, lot) == day
                if due and stock.left_on(lot, day) > 0:
                    self.notice(f"{term['plan']}.block.expiry", lot["name"], 0, day)

    # One piece of work

    def admit(self, piece: Facts, day: date, place: Facts) -> None:
        """What may pass is cut at limits and budgets, and given to the terms."""
        total = piece["rounded"]
        good = self.good(piece, day)
        passed = total
        if good is not None and total != 0:
            passed = self._take(piece, good, day, place)
        allowed = self._watch(piece, passed, place)
        beyond: list[Facts] = []
        if passed != allowed:
            beyond.append({"rounded": passed - allowed, "to": "stuck", "held": "limit"})
        if total != passed:
            beyond.append({"rounded": total - passed, "to": "held", "held": "limit"})
        self._give(piece, allowed, place, beyond, day)

    def _give(
        self, piece: Facts, allowed: int, place: Facts, beyond: list[Facts], day: date
    ) -> None:
        """Gives seconds to the terms; ``beyond`` are the parts that may not pass."""
        parts: list[Facts] = []
        rest = allowed
        waits: Facts | None = None
        if allowed or not beyond:
            rest, waits = self._allocate(piece, allowed, place, parts)
        if rest or waits or not (parts or beyond):
            row: Facts = {"rounded": rest, "to": "waiting" if waits else "stuck"}
            row |= {"held": "no_hours" if waits else "no_term"}
            asked = [balances.key_of(*one) for one in self._chain(piece)]
            parts.append(row | {"asked": asked} | (waits or {}))
        self._share(piece, parts + beyond, day, place)

    def _share(self, piece: Facts, parts: list[Facts], day: date, place: Facts) -> None:
        """Worked seconds fill the parts in order; the last one has the rest."""
        left = piece["worked"]
        for number_, part in enumerate(parts, start=1):
            if number_ == len(parts):
                worked = left
            elif left >= 0:
                worked = max(0, min(left, part["rounded"]))
            else:
                worked = min(0, max(left, part["rounded"]))
            left -= worked
            where = part.pop("to", None)
            if where is None:
                self.settle_part(piece, {**part, "seconds": worked})
                continue
            kept = {
                "entry": piece["entry"],
                "disposition": piece["disposition"],
                "rule": piece["rule"],
                "worked": worked,
                "rounded": part["rounded"],
                "reason": part["held"],
                "since": day,
                "position": place["position"],
                "late": place["late"],
                "number": self.state["kept"],
                "remainder": where == "held",
                "asked": part.get("asked", []),
            }
            if where == "waiting":
                kept |= {"component": part["component"], "term": part["term"]}
            self.state["kept"] += 1
            self.state[where].append(kept)

    def _watch(self, piece: Facts, passed: int, place: Facts) -> int:
        """Counts for every threshold that watches; returns what their budgets allow."""
        entry, allowed = self.entry(piece), passed
        if piece["disposition"] not in gate.GATED:
            return allowed
        for rule in self.contract["policy"].get("approvals") or []:
            watch = rule.get("watch")
            if not watch or not in_force(rule, entry["date"]):
                continue
            when = rule.get("when")
            if not holds(entry, when, piece["disposition"], self.contract, self.facts):
                continue
            money = "amount" in watch
            per = str(watch["amount"] if money else watch["hours"])
            period = self._watched(per, watch, entry)
            if period is None:
                continue
            priced = self.billing_line(piece, place)
            budget = number(watch["budget"]) if money else number(watch["budget"]) * HOUR
            nothing = {"worth": Fraction(0), "rows": [], "lines": {}}
            watched = self.state["watched"].setdefault((str(rule["id"]), period), nothing)
            before = watched["worth"]
            worth = passed * priced["price"] / HOUR if money else Fraction(passed)
            after = before + worth
            left = budget - sum(
                (gate.line_amount(*one) for one in watched["lines"].values()), Fraction(0)
            )
            on_line = watched["lines"].get(priced["line"], (0, priced))[0]
            watched["worth"] = after
            watched["lines"][priced["line"]] = (on_line + passed, priced)
            kept = {"entry": piece["entry"], "disposition": piece["disposition"]}
            row = {"piece": kept, "seconds": passed, "worth": worth, "place": dict(place)}
            watched["rows"].append(row)
            for percent in listed_numbers(watch.get("notify_at")):
                if after * 100 >= budget * percent:
                    when_ = place["decided"] if place["late"] else place["position"]
                    self.notice(str(rule["id"]), period, percent, when_)
            if str(watch.get("hold") or "no") in ("yes", "true", "True") and passed > 0:
                if money and priced["price"] > 0 and before >= budget:
                    fit = 0
                elif money:
                    fit = gate.fitting(passed, on_line, left, priced)
                else:
                    fit = int(min(passed, max(Fraction(0), budget - before)))
                allowed = min(allowed, fit)
        return allowed

    def _watched(self, per: str, watch: Facts, entry: Facts) -> str | None:
        if per == "contract":
            return ""
        if per == "ticket":
            return entry["ticket"] or None
        size = {"month": 1, "quarter": 3, "year": 12}[str(watch.get("period") or "month")]
        return calendar_period(entry["date"], size).isoformat()

    def _allocate(
        self, piece: Facts, rest: int, place: Facts, parts: list[Facts]
    ) -> tuple[int, Facts | None]:
        """Through the terms by priority; what is left, and where it waits."""
        for term, component in self._not_asked(piece):
            made, rest, waits = balances.spend(self, term, component, piece, rest, place)
            parts += made
            if waits:
                key = balances.key_of(term, component)
                return rest, {"component": key, "term": term["id"]}
            if rest == 0 and parts:
                return 0, None
        return rest, None

    def _chain(self, piece: Facts) -> list[tuple[Facts, Facts]]:
        """The components that a piece goes through, in order."""
        return [
            (term, component)
            for term in takers(self.contract, piece["disposition"], self.entry(piece)["date"])
            for component in term["components"]
            if component["kind"] in TAKING
            or (component["kind"] == "milestone" and self.contract["width"] < 2)
        ]

    def _not_asked(self, piece: Facts) -> list[tuple[Facts, Facts]]:
        """Those that a piece did not go through before (a term that came later)."""
        asked = piece.get("asked") or []
        return [one for one in self._chain(piece) if balances.key_of(*one) not in asked]


def listed_numbers(value: Any) -> list[int]:
    if value in (None, ""):
        return []
    return [int(str(one)) for one in (value if isinstance(value, list) else [value])]


__all__ = ["Clerk", "changed", "nothing_on_record", "running", "settled"]

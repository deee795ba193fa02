"""Lines, drafts and what a run shows (semantics 1, 9, 14)."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

from tests.oracle import balances, fees, gate
from tests.oracle import lots as stock
from tests.oracle.clerk import PERIODIC, Clerk, changed, nothing_on_record, settled
from tests.oracle.days import FOREVER, ONE
from tests.oracle.facts import CannotSay, Facts, merged, on, read, the_policies
from tests.oracle.numbers import DIGITS, HOUR, half_up, hours, natural, number, text
from tests.oracle.scope import Parked, route, running

Line = dict[str, Any]


def play(scenario: Facts) -> list[Facts]:
    """Every run of a scenario, in order; ``bill`` puts what it decides on record."""
    policies = the_policies(scenario)
    book = dict(scenario.get("book") or {})
    records: dict[str, Facts] = {}
    results = []
    for turn, run in enumerate(scenario["runs"]):
        book = merged(book, run)
        do = run.get("do") or "preview"
        if do not in ("preview", "bill") or run.get("release"):
            raise CannotSay(f"do: {do}, release: {run.get('release')}")
        as_of = run["as_of"] if isinstance(run["as_of"], date) else date.fromisoformat(run["as_of"])
        facts = read(book, policies)
        results.append(one_run(facts, as_of, records, do == "bill", turn))
    return results


def one_run(facts: Facts, as_of: date, records: dict[str, Facts], bill: bool, turn: int) -> Facts:
    owners = owned(facts, records)
    routed: dict[str, list[Facts]] = {contract["code"]: [] for contract in facts["contracts"]}
    result: Facts = {"entries": {}, "held": [], "uncovered": [], "balances": {}, "notices": []}
    result["standing"] = []
    parked = billed_otherwise(facts, records) | for_nothing(facts)
    for entry in facts["entries"]:
        if entry["date"] > as_of:
            continue
        nobody = settled_without_contract(entry, facts)
        if nobody and entry["id"] not in owners:
            result["entries"][entry["id"]] = [blank_part(entry) | nobody]
            continue
        try:
            found = route(entry, facts)
        except Parked:
            parked.add(entry["customer"])
            continue
        code = owners.get(entry["id"], found.get("contract"))
        if code in routed:
            moved = code != found.get("contract")
            row = {"entry": entry, "disposition": "", "rule": "", "moved": moved, **found}
            routed[code].append(row)
            continue
        part = blank_part(entry) | found
        result["entries"][entry["id"]] = [part]
        if "uncovered" in found:
            result["uncovered"].append(
                {"entry": entry["id"], "seconds": entry["seconds"], "reason": found["uncovered"]}
            )
    lines: list[Line] = []
    for contract in facts["contracts"]:
        if contract["root"] in parked:
            continue
        record = records.setdefault(contract["code"], nothing_on_record())
        clerk = Clerk(contract, routed[contract["code"]], facts, as_of, record)
        clerk.work()
        mine, marks = contract_lines(clerk)
        lines += mine
        show(clerk, result)
        if bill:
            put_on_record(clerk, mine, marks, turn)
    result["parked"] = sorted(parked, key=natural)
    result["held"].sort(key=lambda one: order_of(facts, one["entry"]))
    result["drafts"] = drafts(lines, facts)
    result["lines"] = [line for draft in result["drafts"] for line in draft["lines"]]
    result["totals"] = totals(result["drafts"])
    return result


def owned(facts: Facts, records: dict[str, Facts]) -> dict[str, str]:
    """The contract that has an entry on record; what is held and changed is nobody's."""
    today = {entry["id"]: entry for entry in facts["entries"]}
    contracts = {contract["code"]: contract for contract in facts["contracts"]}
    found = {}
    for code, one in records.items():
        for entry, before in one["state"]["facts"].items() if one["state"] else ():
            contract = contracts.get(code)
            waits = entry in today and not changed(before, today[entry])
            waits = waits and contract is not None and running_on(contract, before["date"])
            if settled(one, entry) or waits:
                found[entry] = code
    return found


def running_on(contract: Facts, day: date) -> bool:
    """Whether a contract runs on a day, by the end that it has today."""
    return bool(contract["start"] <= day <= (contract["end"] or FOREVER))


def billed_otherwise(facts: Facts, records: dict[str, Facts]) -> set[str]:
    """Customers that wait as a contract was billed to another one, or in another currency."""
    found = set()
    for contract in facts["contracts"]:
        record = records.get(contract["code"], nothing_on_record())
        for customer, currency in record["billed_as"]:
            root = facts["root_of"].get(customer, contract["root"])  # or merged with today's
            if root != contract["root"] or currency != contract["currency"]:
                found |= {root, contract["root"]}
    return found


def for_nothing(facts: Facts) -> set[str]:
    """Customers that wait as a purchase would bring no hours, or an acceptance no invoice."""
    found = set()
    for contract in facts["contracts"]:
        terms = {term["id"]: term for term in contract["terms"]}
        rows = [(row, "block") for row in facts["purchases"]]
        rows += [(row, "milestone") for row in facts["acceptances"]]
        for row, kind in rows:
            if str(row["contract"]) != contract["code"]:
                continue
            term = terms[str(row["term"])]
            outside = kind == "block" and not running(term, row["date"])
            if outside or kind not in {component["kind"] for component in term["components"]}:
                found.add(contract["root"])
    return found


def settled_without_contract(entry: Facts, facts: Facts) -> Facts | None:
    """What no contract has to be asked about."""
    if entry["billed_elsewhere"]:
        return {"disposition": "billed_elsewhere", "rule": ""}
    override = facts["overrides"].get(entry["id"])
    if override and str(override["disposition"]) == "written_off":
        return {"disposition": "written_off", "rule": "override"}
    return None


def order_of(facts: Facts, entry: str) -> tuple[Any, ...]:
    return next(
        ((one["date"], natural(one["id"])) for one in facts["entries"] if one["id"] == entry),
        (date.min, natural(entry)),
    )


def blank_part(entry: Facts) -> Facts:
    return {
        "disposition": "",
        "rule": None,
        "seconds": entry["seconds"],
        "rounded": entry["seconds"],
        "contract": None,
        "term": None,
        "lot": None,
        "held": None,
    }


# Lines


def contract_lines(clerk: Clerk) -> tuple[list[Line], list[tuple[Any, ...]]]:
    """The lines that are due, and the keys of all that is settled by them."""
    lines: list[Line] = []
    marks: list[tuple[Any, ...]] = []
    billed = clerk.record["billed"]
    lines += time_lines(clerk)
    for term, component in clerk.components():
        key = balances.key_of(term, component)
        if component["kind"] == "fee":
            found = fees.periods_of(
                term, component, clerk.contract, clerk.facts, clerk.as_of, "advance"
            )
            for period in found:
                mark = ("fee", key, period["grid_first"])
                if period["due"] > clerk.as_of or mark in billed:
                    continue
                marks.append(mark)
                for made in fees.fee_lines(term, component, clerk.contract, period):
                    group = made["first"].isoformat()
                    extra = {"fee": made, "key_period": period["first"], "mark": mark}
                    lines.append(line_of(clerk, term, component, made, group) | extra)
            paid = [line for line in lines if "fee" in line and line["mark"][1] == key]
            lines += fee_refunds(clerk, term, component, paid)
        if component["kind"] in PERIODIC:
            found = fees.periods_of(
                term, component, clerk.contract, clerk.facts, clerk.as_of, "arrears"
            )
            for period in found:
                mark = ("flat", key, period["first"])
                if period["due"] > clerk.as_of or mark in billed:
                    continue
                if clerk.opened(term, component, period):
                    continue
                marks.append(mark)
                lines += flat_line(clerk, term, component, period)
    for key, made in clerk.state["oneoffs"].items():
        if key not in billed and made["due"] <= clerk.as_of:
            marks.append(key)
            lines.append(made_line(clerk, made))
    for key, made in clerk.state["refunds"].items():
        if key not in billed and made["due"] <= clerk.as_of:
            marks.append(key)
            quantity = hours(made["seconds"], clerk.facts["digits"])
            first = made["first"] or made["last"]
            line = made_line(clerk, made | {"quantity": quantity, "first": first})
            if quantity:
                invoice, of = original(clerk, key)
                line |= {"refund": (invoice,)}
                lines.append(line | {"reverses": of})
    for made, mark in milestones(clerk) + items(clerk):
        if mark not in billed:
            marks.append(mark)
            lines.append(made_line(clerk, made))
    return lines, marks


def original(clerk: Clerk, key: tuple[Any, ...]) -> tuple[str, str | None]:
    """The invoice on which a lot that goes back stands here, and its line."""
    lot = ("lot", key[1])
    on_record = clerk.record["billed"].get(lot)
    if on_record:
        return f"invoice {on_record['turn']}", on_record["key"]
    if key[0] == "leftover" and lot in clerk.state["oneoffs"]:
        return "this run", line_key(made_line(clerk, clerk.state["oneoffs"][lot]))
    return "", None


def line_of(clerk: Clerk, term: Facts, component: Facts, made: Facts, group: str) -> Line:
    return made_line(
        clerk,
        {
            **made,
            "term": term["id"],
            "place": (term["place"], component["index"]),
            "component": component["kind"],
            "discount": term["discount"],
            "group": group,
        },
    )


def made_line(clerk: Clerk, made: Facts) -> Line:
    """A line with its amount: quantity x unit price less discount."""
    digits = DIGITS.get(clerk.contract["currency"], 2)
    exact = made["quantity"] * made["price"] * (1 - made["discount"] / 100)
    return {
        "contract": clerk.contract["code"],
        "customer": clerk.contract["root"],
        "currency": clerk.contract["currency"],
        "grouped": clerk.contract["grouped"],
        "term": made["term"],
        "component": made["component"],
        "period": [made["first"], made["last"]],
        "key_period": made["first"],
        "group": made["group"],
        "quantity": made["quantity"],
        "unit": made["unit"],
        "unit_price": made["price"],
        "discount": made["discount"],
        "exact": exact,
        "amount": half_up(exact, digits),
        "late": bool(made.get("late")),
        "position": made.get("late"),
        "entries": made.get("entries", {}),
        "place": made["place"],
        "rank": made.get("rank", 1),
        "number": made.get("number", 0),
        "refund": None,
    }


def time_lines(clerk: Clerk) -> list[Line]:
    """Billed time: one line for each period, price, group and late position."""
    found: dict[tuple[Any, ...], list[Facts]] = {}
    for charge in clerk.state["charges"]:
        if not charge["billed"] and charge["due"] <= clerk.as_of:
            names = ["term", "place", "first", "last", "price", "group", "late", "unit"]
            if charge["group"] == "settle" and charge["late"]:
                names.remove("late")  # all that is owed late stands on one further line
            key = (bool(charge["late"]), *(str(charge[name]) for name in names))
            found.setdefault(key, []).append(charge)
    lines = []
    for number_, charges in enumerate(found.values()):
        secs = sum(charge["seconds"] for charge in charges)
        entries: dict[str, int] = {}
        for entry, worked in (pair for charge in charges for pair in on_charge(clerk, charge)):
            entries[entry] = entries.get(entry, 0) + worked
        pieces = sum(charge["pieces"] for charge in charges)
        quantity = Fraction(pieces) if pieces else hours(secs, clerk.facts["digits"])
        if not pieces and secs == 0:
            continue
        group = text(charges[0]["price"])
        if charges[0]["group"]:
            group = (
                charges[0]["group"]
                if charges[0]["entry"] is None
                else (f"{charges[0]['group']}/{group}")
            )
        rank = 3 if charges[0]["group"] == "settle" else 2
        made = charges[0] | {"quantity": quantity, "entries": entries, "rank": rank}
        lines.append(made_line(clerk, made | {"number": number_, "group": group}))
    return lines


def on_charge(clerk: Clerk, charge: Facts) -> list[tuple[str, int]]:
    """The worked seconds that stand on a charge."""
    return [
        (charge["entry"], part["seconds"])
        for part in clerk.state["parts"].get(charge["entry"], [])
        if part.get("charge") == charge["number"]
    ]


def flat_line(clerk: Clerk, term: Facts, component: Facts, period: Facts) -> list[Line]:
    """The agreed hours of a period at their price."""
    quantity = balances.granted(clerk, term, component, period)
    for lot in clerk.balance(term, component)["lots"]:
        mine = lot.get("period") == period["first"]
        if mine and balances.in_lot(component, quantity) < lot["granted"]:
            quantity = lot["granted"]
            if component["kind"] != "quota":
                quantity = hours(quantity, clerk.facts["digits"])
    if quantity == 0:
        return []
    key, name = balances.key_of(term, component), period["first"].isoformat()
    entries: dict[str, int] = {}
    for entry, parts in clerk.state["parts"].items():
        for part in parts:
            if part.get("component") == key and part["lot"] == name:
                entries[entry] = entries.get(entry, 0) + part["seconds"]
    made = {
        "first": period["first"],
        "last": period["last"],
        "quantity": quantity,
        "price": on(term["price"], period["first"]) or Fraction(0),
        "unit": "piece" if component["kind"] == "quota" else "hour",
        "entries": entries,
        "flat": True,
    }
    return [line_of(clerk, term, component, made, "hours")]


def fee_refunds(clerk: Clerk, term: Facts, component: Facts, paid: list[Line]) -> list[Line]:
    """Credit for what was invoiced beyond the end, by this run (``paid``) or before it."""
    key = balances.key_of(term, component)
    if term["last"] is None or term["last"] + ONE > clerk.as_of:
        return []
    billed = [
        line for lines in clerk.record["billed"].values() if isinstance(lines, list)
        for line in lines if line["of"] == key
    ]  # fmt: skip
    billed += [paid_line(line, "this run") for line in paid]
    given = clerk.record["billed"].get(("refund", key), {})
    lines = []
    for made in fees.refund_lines(term, component, clerk.contract, billed, given):
        of = made["of"]
        line = line_of(clerk, {**term, "discount": Fraction(0)}, component, made, "refund")
        line |= {"refund": (of["invoice"],), "reverses": of["line_key"], "mark": None}
        line["late"] = of["line_key"] in given  # a further line of the same refund
        lines.append(line)
    return lines


def paid_line(line: Line, invoice: str) -> Facts:
    """What is kept of a fee's line, for what may go back of it."""
    kept: Facts = line["fee"] | {
        "of": line["mark"][1],
        "invoice": invoice,
        "amount": line["amount"],
        "factor": 1 - line["discount"] / 100,
        "line_key": line_key(line),
    }
    return kept


def milestones(clerk: Clerk) -> list[tuple[Facts, tuple[Any, ...]]]:
    found = []
    for row in clerk.facts["acceptances"]:
        if str(row["contract"]) != clerk.contract["code"] or row["date"] > clerk.as_of:
            continue
        term = clerk.term(str(row["term"]))
        for component in term["components"]:
            if component["kind"] != "milestone":
                continue
            part = str(row.get("part") or "")
            made = {
                "term": term["id"],
                "place": (term["place"], component["index"]),
                "component": "milestone",
                "discount": term["discount"],
                "first": row["date"],
                "last": row["date"],
                "quantity": Fraction(1),
                "price": part_price(clerk, term, component, part),
                "unit": "piece",
                "group": part,
            }
            found.append((made, ("milestone", term["id"], component["index"], part)))
    return found


def part_price(clerk: Clerk, term: Facts, component: Facts, part: str) -> Fraction:
    """Equal parts or percent; the last part in the list takes the remainder."""
    digits = DIGITS.get(clerk.contract["currency"], 2)
    whole = on(term["price"], term["first"]) or Fraction(0)
    parts = component.get("parts") or [""]
    if isinstance(parts, dict):
        shares = {str(name): number(percent) / 100 for name, percent in parts.items()}
    else:
        shares = {str(name): Fraction(1, len(parts)) for name in parts}
    prices = {name: half_up(whole * share, digits) for name, share in shares.items()}
    last = list(prices)[-1]
    prices[last] = whole - sum(price for name, price in prices.items() if name != last)
    return prices[part]


def items(clerk: Clerk) -> list[tuple[Facts, tuple[Any, ...]]]:
    found = []
    for row in clerk.facts["items"]:
        if str(row["contract"]) != clerk.contract["code"] or row["date"] > clerk.as_of:
            continue
        made = {
            "term": "",
            "place": (10**6, 0),
            "component": "item",
            "discount": Fraction(0),
            "first": row["date"],
            "last": row["date"],
            "quantity": number(row["quantity"]),
            "price": number(row["price"]),
            "unit": "piece",
            "group": str(row["id"]),
        }
        found.append((made, ("item", str(row["id"]))))
    return found


# The record


def put_on_record(clerk: Clerk, lines: list[Line], marks: list[tuple[Any, ...]], turn: int) -> None:
    record = clerk.record
    if marks or (clerk.snapshot is not None and clerk.snapshot["parts"]):
        record["billed_as"].add((clerk.contract["customer"], clerk.contract["currency"]))
    if clerk.snapshot is not None:
        record["state"] = clerk.snapshot
        record["paid"] = clerk.paid_on_record()
        put_on_lines(record["state"], turn)
        for charge in record["state"]["charges"]:
            charge["billed"] = charge["billed"] or charge["due"] <= clerk.as_of
    for mark in marks:
        record["billed"][mark] = True
        if mark[0] == "lot":
            made = clerk.state["oneoffs"][mark]
            record["billed"][mark] = {
                "turn": turn,
                "key": line_key(made_line(clerk, made)),
                "name": mark[1],
                "term": made["term"],
                "first": made["first"],
                "bought": int(half_up(made["quantity"] * HOUR)) if made["top_up"] else None,
                "price": made["price"],
            }
    for line in lines:
        if "fee" in line:
            rows = record["billed"][line["mark"]]
            kept = paid_line(line, f"invoice {turn}")
            record["billed"][line["mark"]] = (rows if isinstance(rows, list) else []) + [kept]
        if line["refund"] and line["component"] == "fee":
            term, index = clerk.contract["terms"][line["place"][0]], line["place"][1]
            given = record["billed"].setdefault(("refund", f"{term['id']}/{index}"), {})
            before = given.get(line["reverses"], {"amount": Fraction(0)})["amount"]
            given[line["reverses"]] = {
                "amount": before + line["exact"],
                "price": line["unit_price"],
            }
    for term, component in clerk.components():
        if component["kind"] in PERIODIC:
            key = balances.key_of(term, component)
            for period in clerk.periods(term, component):
                if ("flat", key, period["first"]) in marks:
                    record["granted"][(key, period["first"])] = invoiced(
                        clerk, term, component, period
                    )
    record["notices"] |= {one["key"]: one["on"] for one in clerk.state["notices"]}


def invoiced(clerk: Clerk, term: Facts, component: Facts, period: Facts) -> Fraction:
    """What a period has from now on, whatever comes back of it: what it has on its invoice."""
    count = balances.granted(clerk, term, component, period)
    for state in (clerk.state, clerk.record["state"]):
        key = balances.key_of(term, component)
        for lot in state["balances"].get(key, {"lots": []})["lots"] if state else ():
            if lot.get("period") == period["first"]:
                lot["least"] = lot["granted"]
                if balances.in_lot(component, count) < lot["granted"]:
                    unit = 1 if component["kind"] == "quota" else HOUR
                    count = Fraction(lot["granted"]) / unit
    return count


def put_on_lines(state: Facts, turn: int) -> None:
    """Says of late time that passed in this run on what line of it it stands, if on any."""
    names = ("term", "place", "first", "price", "group", "late")
    rows = state["taken"] + [row for one in state["watched"].values() for row in one["rows"]]
    for row in rows:
        place = row["place"]
        if not place["late"] or "on" in place:
            continue
        place["on"] = "no line"
        for charge in state["charges"]:
            mine = charge["entry"] == row["piece"]["entry"] and not charge["billed"]
            if mine and charge["late"] == place["position"]:
                place["on"] = (turn, *(charge[name] for name in names))
                break


# Drafts


def line_key(line: Line) -> str:
    first = line["key_period"].isoformat()
    return f"{line['contract']}/{line['term']}/{line['component']}/{first}/{line['group']}"


def drafts(lines: list[Line], facts: Facts) -> list[Facts]:
    """Lines together per contract or customer; what goes back by itself."""
    groups: dict[tuple[Any, ...], list[Line]] = {}
    for line in lines:
        owner = (line["customer"], "" if line["grouped"] else line["contract"])
        key = (owner, line["currency"], line["refund"])
        groups.setdefault(key, []).append(line)
    found = []
    for (owner, currency, refund), some in groups.items():
        some.sort(
            key=lambda line: (
                line["period"][0],
                line["place"],
                line["rank"],
                line["position"] or date.min,
                line["number"],
            )
        )
        digits = DIGITS.get(currency, 2)
        if facts["method"] == "line":
            total = sum((line["amount"] for line in some), Fraction(0))
        else:
            total = half_up(sum((line["exact"] for line in some), Fraction(0)), digits)
        turned = total < 0
        codes = sorted({line["contract"] for line in some}, key=natural)
        found.append(
            {
                "contract": codes[0] if len(codes) == 1 else None,
                "kind": "credit_note" if refund or turned else "invoice",
                "currency": currency,
                "total": text(abs(total), digits),
                "reverses": some[0].get("reverses"),
                "key": line_key(some[0]),
                "lines": [shown_line(line, -1 if turned else 1, facts, digits) for line in some],
                "sort": (natural(owner[0]), natural(codes[0]), bool(refund), str(refund or ())),
            }
        )
    found.sort(key=lambda draft: draft["sort"])
    for draft in found:
        del draft["sort"]
    return found


def shown_line(line: Line, sign: int, facts: Facts, digits: int) -> Facts:
    timed = line["unit"] == "hour"
    return {
        "contract": line["contract"],
        "term": line["term"],
        "component": line["component"],
        "period": [line["period"][0].isoformat(), line["period"][1].isoformat()],
        "quantity": text(sign * line["quantity"], facts["digits"] if timed else 0),
        "unit": line["unit"],
        "unit_price": text(line["unit_price"], digits),
        "discount": text(line["discount"]),
        "amount": text(sign * line["amount"], digits),
        "late": line["late"],
        "entries": [{"id": entry, "seconds": secs} for entry, secs in line["entries"].items()],
    }


def totals(found: list[Facts]) -> list[str]:
    by_currency: dict[str, list[str]] = {}
    for draft in found:
        sign = "-" if draft["kind"] == "credit_note" else ""
        by_currency.setdefault(draft["currency"], []).append(sign + draft["total"])
    return [total for some in by_currency.values() for total in some]


# What is shown


def show(clerk: Clerk, result: Facts) -> None:
    contract, state = clerk.contract, clerk.state
    digits = DIGITS.get(contract["currency"], 2)
    for entry, parts in state["parts"].items():
        result["entries"].setdefault(entry, []).extend(dict(part) for part in parts)
    for kind in ("waiting", "stuck", "held"):
        for piece in state[kind]:
            rounded = piece["worked"] if piece["rounded"] is None else piece["rounded"]
            reason = held_reason(clerk, piece, kind)
            part = {
                "disposition": piece["disposition"],
                "rule": piece["rule"],
                "seconds": piece["worked"],
                "rounded": rounded,
                "contract": contract["code"],
                "term": piece.get("term"),
                "lot": None,
                "held": reason,
            }
            result["entries"].setdefault(piece["entry"], []).append(part)
            amount = half_up(clerk.value(piece) * rounded / HOUR, digits)
            result["held"].append(
                {
                    "entry": piece["entry"],
                    "contract": contract["code"],
                    "seconds": rounded,
                    "amount": text(amount, digits),
                    "reason": reason,
                    "rule": piece["rule"],
                }
            )
    for notice in state["notices"]:
        if notice["key"] not in clerk.record["notices"]:
            result["notices"].append(shown_notice(notice))
    for term, component in clerk.components():
        if component["kind"] == "block":
            result["standing"] += standing(clerk, term, component)
        if component["kind"] in (*PERIODIC, "block"):
            show_balance(clerk, term, component, result["balances"])


def standing(clerk: Clerk, term: Facts, component: Facts) -> list[Facts]:
    """Notices on record of lots that have time left, where no lot of a later day has hours."""
    found = []
    left = [one for one in clerk.balance(term, component)["lots"] if stock.remaining(one) > 0]
    latest = max((lot["first"] for lot in left), default=None)
    for lot in sorted((one for one in left if one["first"] == latest), key=begins):
        for rule in (f"{term['plan']}.block", f"{term['plan']}.block.expiry"):
            mine = [one for one in clerk.state["notices"] if one["key"][1:3] == (rule, lot["name"])]
            mine.sort(key=lambda one: one["key"][3])
            if rule.endswith(".expiry"):  # of an end that is put off it says so on its new day
                day = balances.expiry_notice_day(component, lot)
                mine = [one | {"on": day} for one in mine if day and day <= clerk.as_of]
            found += [one for one in mine[:1] if one["key"] in clerk.record["notices"]]
    return [shown_notice(one) for one in found]


def begins(lot: stock.Lot) -> tuple[Any, ...]:
    return lot["first"], natural(lot["name"])


def shown_notice(notice: Facts) -> Facts:
    code, rule, period, percent = notice["key"]
    day = notice["on"].isoformat()
    return {"contract": code, "rule": rule, "period": period, "at_percent": percent, "on": day}


def held_reason(clerk: Clerk, piece: Facts, kind: str) -> str:
    if kind != "held" or piece.get("remainder"):
        return str(piece["reason"])
    if not clerk.validated(piece):
        return "not_validated"
    rule = clerk.rule(piece)
    assert rule is not None
    return gate.reason(clerk.entry(piece), rule, clerk.approvals, clerk.as_of)


def show_balance(clerk: Clerk, term: Facts, component: Facts, found: Facts) -> None:
    balance = clerk.balance(term, component)
    unit = 1 if component["kind"] == "quota" else HOUR
    names = ("granted", "drawn", "expired", "refunded", "remaining")
    whole = dict.fromkeys(names, Fraction(0))
    for lot in balance["lots"]:
        values = {
            "granted": lot["granted"],
            "drawn": lot["drawn"],
            "expired": stock.expired(lot),
            "refunded": lot["refunded"],
            "remaining": stock.remaining(lot),
        }
        for name, value in values.items():
            whole[name] += value
        row = {name: text(half_up(Fraction(v) / unit, 4), 4) for name, v in values.items()}
        row["deficit"] = text(0, 4)
        found[f"{clerk.contract['code']}/{term['id']}/{lot['name']}"] = row
    row = {name: text(half_up(Fraction(v) / unit, 4), 4) for name, v in whole.items()}
    row["deficit"] = text(half_up(Fraction(balance["deficit"]) / unit, 4), 4)
    found[f"{clerk.contract['code']}/{term['id']}"] = row

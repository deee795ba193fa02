"""Contingents, quotas, pools and blocks (semantics 10.4 to 10.7).

Every ``spend_*`` takes what it can of ``rest`` seconds of a piece of work and returns the parts
it made, what is left, and whether the rest has to wait here. ``desk`` is the clerk's desk for one
contract (:mod:`tests.oracle.clerk`), ``place`` says where in the queue the piece stands.
"""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.oracle import lots as stock
from tests.oracle.days import FOREVER, ONE, add_months, calendar_period
from tests.oracle.facts import CannotSay, Facts, months, on
from tests.oracle.lots import Lot
from tests.oracle.numbers import half_up, natural, number, seconds
from tests.oracle.rates import card, component_price, factors

Parts = list[dict[str, Any]]
Spent = tuple[Parts, int, bool]


def key_of(term: Facts, component: Facts) -> str:
    return f"{term['id']}/{component['index']}"


def spend(desk: Any, term: Facts, component: Facts, piece: Facts, rest: int, place: Facts) -> Spent:
    kind = component["kind"]
    entry = desk.entry(piece)
    opened = desk.opened_until(term, component)
    if opened and entry["date"] <= opened:
        part = {"rounded": rest, "disposition": "billed_elsewhere", "rule": "opening"}
        part |= {"term": term["id"]}
        return [part], 0, False
    if kind == "time":
        return _bill(desk, term, component, piece, rest, place)
    if kind == "milestone":
        return [{"rounded": rest, "disposition": "included", "term": term["id"]}], 0, False
    if kind == "quota":
        return _spend_quota(desk, term, component, piece, rest, place)
    if rest < 0:
        parts, rest = _give_back(desk, term, component, piece, rest, place)
    else:
        parts, rest = _draw(desk, term, component, piece, rest, place)
    if rest == 0 and parts:
        return parts, 0, False
    if rest == 0:
        lot = _any_lot(desk, term, component, entry, place)
        passes = component.get("empty" if kind == "block" else "beyond") == "next"
        if lot is None and kind in ("block", "contingent") and passes:
            return [], 0, False
        return [_part(term, component, 0, lot)], 0, False
    if kind == "block" and component.get("empty") == "top_up" and rest > 0:
        bought, rest = _top_up(desk, term, component, piece, rest, place)
        parts += bought
        return parts, rest, rest != 0
    return _beyond(desk, term, component, piece, parts, rest, place)


def _part(term: Facts, component: Facts, rounded: int, lot: str | None) -> dict[str, Any]:
    return {
        "rounded": rounded,
        "term": term["id"],
        "component": key_of(term, component),
        "lot": lot,
    }


def _any_lot(desk: Any, term: Facts, component: Facts, entry: Facts, place: Facts) -> str | None:
    for lot in _come(_lots_for(desk, term, component, entry), place):
        return str(lot["name"])
    return None


def _bill(desk: Any, term: Facts, component: Facts, piece: Facts, rest: int, place: Facts) -> Spent:
    entry = desk.entry(piece)
    if component["kind"] == "time":
        price = component_price(term, component, entry)
    else:
        price = on(term["beyond_price"], entry["date"])
        if price is None:
            price = component_price(term, component, entry)
    assert price is not None, f"no price for {entry['id']}"
    charge = desk.charge(term, component, piece, rest, desk.priced(price, piece), place)
    return [_part(term, component, rest, None) | {"charge": charge}], 0, False


def _beyond(
    desk: Any, term: Facts, component: Facts, piece: Facts, parts: Parts, rest: int, place: Facts
) -> Spent:
    """What happens to time that no lot covers."""
    word = component.get("empty" if component["kind"] == "block" else "beyond")
    word = word or ("hold" if component["kind"] == "block" else "bill")
    if word == "next":
        return parts, rest, False
    if word == "bill":
        billed, rest, _ = _bill(desk, term, component, piece, rest, place)
        return parts + billed, rest, False
    return parts, rest, True


def _lots_for(desk: Any, term: Facts, component: Facts, entry: Facts) -> list[Lot]:
    """Lots that an entry may draw, the first to be drawn first."""
    lots: list[Lot] = desk.balance(term, component)["lots"]
    if component["kind"] == "pool":
        return sorted(lots, key=lambda lot: (lot["number"], lot["first"]))
    found = [lot for lot in lots if stock.good_on(lot, entry["date"])]
    return sorted(found, key=stock.draw_order)


def _come(lots: list[Lot], place: Facts) -> list[Lot]:
    """Without the top-ups on record that have not come yet at this place.

    Until its first day is over such a lot comes when the others are empty, not before: so also
    for work whose place is before that day, and that a later decision frees.
    """
    over = place["position"] if place["late"] else place["position"] - ONE
    return [lot for lot in lots if not lot.get("kept") or lot["first"] <= over]


def _later_lots(desk: Any, term: Facts, component: Facts, entry: Facts, place: Facts) -> list[Lot]:
    """Lots that late work would have waited for: they began after its day, and still run.

    Those that begin behind its place, but by the day of its decision, count as well.
    """
    if (component.get("empty") or "hold") not in ("hold", "top_up"):
        return []
    if place["decided"] > place["position"]:
        desk.foresee(term, component, place)
    until = max(place["position"], place["decided"])
    running = place["position"] + ONE if place["late"] else place["position"]
    found = [
        lot
        for lot in desk.balance(term, component)["lots"]
        if entry["date"] < lot["first"] <= until and (lot["last"] or FOREVER) >= running
    ]
    return sorted(found, key=stock.draw_order)


def _draw(
    desk: Any, term: Facts, component: Facts, piece: Facts, rest: int, place: Facts
) -> tuple[Parts, int]:
    entry, parts = desk.entry(piece), []
    factor = desk.weight_of(piece)
    lots = _lots_for(desk, term, component, entry)
    freed = place["decided"] > entry["date"]  # within its own window, or behind it
    if rest and (place["late"] or freed) and component["kind"] == "block":
        lots += _later_lots(desk, term, component, entry, place)
    lots = _come(lots, place)
    for lot in lots:  # what expired on or after the day of the work covers it first
        some = stock.payable(rest, factor, stock.expired_since(lot, entry["date"]))
        if some:
            desk.draw(term, component, lot, piece, some, place)
            parts.append(_part(term, component, some, lot["name"]))
            rest -= some
    for lot in lots:
        some = stock.payable(rest, factor, stock.remaining(lot))
        if some and rest:
            desk.draw(term, component, lot, piece, some, place)
            rest -= some
            drawn = next((part for part in parts if part["lot"] == lot["name"]), None)
            if drawn:  # of one lot there is one part
                drawn["rounded"] += some
            else:
                parts.append(_part(term, component, some, lot["name"]))
    if component["kind"] == "pool" and rest:
        some = _into_deficit(desk, term, component, rest, factor, place)
        if some:
            parts.append(_part(term, component, some, "deficit"))
            rest -= some
    return parts, rest


def _into_deficit(
    desk: Any, term: Facts, component: Facts, rest: int, factor: Fraction, place: Facts
) -> int:
    balance = desk.balance(term, component)
    limit = component.get("deficit_limit")
    some = rest
    if limit not in (None, ""):
        owed = balance["deficit"] + balance["billed"]  # what was billed makes no room
        some = stock.payable(rest, factor, seconds(limit) - owed)
    balance["deficit"] += stock.weight(some, factor)
    _remember(desk, balance)
    bills = (component.get("settle") or "none") in ("bill_deficit", "both")
    settled = balance["settled"]  # until a later end is adjusted nothing more is
    if bills and settled and settled == term["last"]:
        late = _settled_before(desk, term, component)
        settle_deficit(desk, term, component, place["position"], late=late)
    return some


def _settled_before(desk: Any, term: Facts, component: Facts) -> bool:
    """Whether an earlier run has settled a pool."""
    before = (desk.record["state"] or {}).get("balances", {}).get(key_of(term, component), {})
    return bool(before.get("settled"))


def _give_back(
    desk: Any, term: Facts, component: Facts, piece: Facts, rest: int, place: Facts
) -> tuple[Parts, int]:
    """Negative time returns what was drawn, the last lot first (and a deficit last).

    Behind a pool's end so it does with what was owed at the end or behind it, and billed.
    """
    entry, parts = desk.entry(piece), []
    factor = desk.weight_of(piece)
    for lot in reversed(_lots_for(desk, term, component, entry)):
        if lot["first"] > entry["date"] or lot.get("over", FOREVER) < entry["date"]:
            continue
        some = stock.payable(-rest, factor, lot["drawn"])
        if some:
            stock.give_back(lot, stock.weight(some, factor))
            stock.freed(lot, -stock.weight(some, factor), place)
            parts.append(_part(term, component, -some, lot["name"]))
            rest += some
    if component["kind"] == "pool" and rest:
        balance = desk.balance(term, component)
        some = stock.payable(-rest, factor, balance["deficit"])
        if some:
            balance["deficit"] -= stock.weight(some, factor)
            _remember(desk, balance)
            parts.append(_part(term, component, -some, "deficit"))
            rest += some
        billed = balance["billed"] if _over(term, place) else 0
        if billed and balance["settled"] != term["last"]:
            raise CannotSay("what a later end brings of a deficit that was billed")
        some = stock.payable(-rest, factor, billed)
        if some:
            late = _settled_before(desk, term, component)
            less = stock.weight(some, factor)
            _charge_deficit(desk, term, component, -less, place["position"], late)
            parts.append(_part(term, component, -some, "deficit"))
            rest += some
    return parts, rest


def _over(term: Facts, place: Facts) -> bool:
    """Whether work stands behind the end of a term; where that is put off, the term goes on."""
    return bool(place["late"]) and (term["last"] or FOREVER) <= place["position"]


# Lots that are bought


def buy(desk: Any, purchase: Facts) -> tuple[Facts, Facts, Lot] | None:
    """A purchase becomes a lot, and an invoice line where it is on none."""
    term = desk.term(str(purchase["term"]))
    component = next(one for one in term["components"] if one["kind"] == "block")
    opened = desk.opened_until(term, component)
    if opened and purchase["date"] <= opened:
        return None
    validity = purchase.get("validity") or component.get("validity")
    price = purchase.get("price")
    price = number(price) if price not in (None, "") else on(term["price"], purchase["date"])
    lot = bought_lot(
        term, purchase["id"], seconds(purchase["hours"]), purchase["date"], validity, price
    )
    lot["invoiced"] = bool(purchase.get("invoice"))
    if not lot["invoiced"]:
        desk.oneoff(
            ("lot", purchase["id"]),
            term,
            component,
            (lot["first"], lot["first"]),
            number(purchase["hours"]),
            price,
            lot["first"],
            group=purchase["id"],
        )
    lot["drawn"] += desk.drawn_before(term, component, lot["name"])
    desk.balance(term, component)["lots"].append(lot)
    for key, day in desk.record["notices"].items():  # of what waiting work drew of it
        mine = key[1:3] == (f"{term['plan']}.block", lot["name"])
        if mine and lot["drawn"] and 100 * stock.remaining(lot) <= key[3] * lot["granted"]:
            desk.notice(*key[1:], day)
    return term, component, lot


def bought_lot(
    term: Facts, name: str, secs: int, first: date, validity: Any, price: Fraction | None
) -> Lot:
    own_last = add_months(first, months(validity)) - ONE if validity else None
    lot = stock.new_lot(name, secs, first, None, own_last=own_last, price=price)
    clip(lot, term)
    return lot


def clip(lot: Lot, term: Facts) -> None:
    """No lot outlives its term."""
    last = min(lot["own_last"] or FOREVER, term["last"] or FOREVER)
    lot["last"] = None if last == FOREVER else last


def add_lot(desk: Any, term: Facts, component: Facts, lot: Lot) -> None:
    """New hours: a deficit first, then the work that waits."""
    balance = desk.balance(term, component)
    lot["drawn"] += desk.drawn_before(term, component, lot["name"])
    balance["lots"].append(lot)
    if component["kind"] == "pool":
        repay(balance, lot, stock.remaining(lot))
        _remember(desk, balance)
        lot["owed_then"] = balance["deficit"]
    offer(desk, term, component, lot)


def _remember(desk: Any, balance: Facts) -> None:
    """What is owed from here on, by the work that is kept next."""
    balance["owed"].append([desk.state["kept"], balance["deficit"]])


def _owed_at(balance: Facts, piece: Facts) -> int:
    """What was owed in the place where a piece of work began to wait, its own part included."""
    found = [owed for number_, owed in balance["owed"] if number_ <= piece["number"]]
    return int(found[-1]) if found else 0


def _owed_there(desk: Any, term: Facts, component: Facts, piece: Facts) -> int:
    """What more hours repay in the place of a piece: of late work not its own part."""
    owed = _owed_at(desk.balance(term, component), piece)
    if not piece["late"]:
        return owed
    key, parts = key_of(term, component), desk.state["parts"].get(piece["entry"], [])
    mine = [part for part in parts if (part.get("component"), part["lot"]) == (key, "deficit")]
    own = stock.weight(sum(part["rounded"] for part in mine), desk.weight_of(piece))
    return max(owed - own, 0)


def repay(balance: Facts, lot: Lot, new: int) -> int:
    """New hours of a pool repay what is owed; returns how much (other balances owe nothing)."""
    paid = min(balance["deficit"], new, stock.remaining(lot))
    balance["deficit"] -= paid
    lot["drawn"] += paid
    lot["repaid"] = lot.get("repaid", 0) + paid
    return int(paid)


def offer(desk: Any, term: Facts, component: Facts, lot: Lot, since: int = 0) -> None:
    """Work that waits is offered a new lot, in the order in which it began to wait.

    ``since`` is the number of the first work that is kept and was not asked already.
    """
    for piece in list(desk.state["waiting"]):
        if piece["component"] != key_of(term, component) or piece["number"] < since:
            continue
        if "foreseen" in lot and piece["late"] and piece["since"] >= lot["first"]:
            continue  # it had its share of the lot in its own place
        if component["kind"] == "quota":
            if _request_from(desk, term, component, piece, lot):
                _forget(desk, "waiting", piece)
        elif piece["rounded"] > 0 and _may_have(desk, term, component, piece, lot):
            _pay(desk, term, component, lot, "waiting", piece)


def _goes_back(term: Facts, component: Facts, lot: Lot) -> bool:
    """Whether what is left of a lot goes back at its end."""
    ends = term["last"] is not None and lot["last"] is not None and lot["last"] >= term["last"]
    return ends and component["kind"] == "block" and component.get("leftover") == "refund"


def _may_have(desk: Any, term: Facts, component: Facts, piece: Facts, lot: Lot) -> bool:
    """Of a lot that has ended work has hours that waited while it ran, or is of its days.

    What goes back at the end does so before late work.
    """
    last = lot["last"] or FOREVER
    behind = piece["late"] and piece["rounded"] > 0 and piece["position"] >= last
    if behind and _goes_back(term, component, lot):
        return False
    ended = lot["last"] is not None and lot["last"] < desk.today
    ended = ended or (lot["last"] == desk.today and desk.closing)
    if not ended or piece["position"] < lot["last"]:
        return True
    return stock.good_on(lot, desk.entry(piece)["date"])


def ask_again(
    desk: Any, bought: list[tuple[Facts, Facts, Lot]], grown: list[tuple[Facts, Facts, Lot, int]]
) -> None:
    """Lots that are entered late or grew, for work of earlier runs that waits or is with no term.

    It is asked in its old place: by lots of its day, then (if it waits for them) by later ones.
    Of a lot that grew there is only what it has more now: all else was used up at that place.
    Of a pool that repays what is owed, and work of its period may owe as much again.
    """
    found = [one[:3] for one in grown] + bought
    used = {id(lot): (lot["drawn"], lot["drawn"] + more) for _, _, lot, more in grown}
    pools = {key_of(*one[:2]): one[:3] for one in grown if one[1]["kind"] == "pool"}
    room = {
        key: _repay_more(desk, *pool, used, pool[2].get("owed_then", 0))
        for key, pool in pools.items()
    }
    taken: set[tuple[str, tuple[str, str]]] = set()
    kept = [("waiting", one) for one in desk.state["waiting"]]
    kept += [("stuck", one) for one in desk.state["stuck"] if one["reason"] == "no_term"]
    for kind, piece in sorted(kept, key=lambda one: one[1]["number"]):
        day = desk.entry(piece)["date"]
        asked = piece["asked"]
        if kind == "waiting":
            asked = asked[: asked.index(piece["component"]) + 1]
        for key in asked:
            if piece is None:
                break
            of_its_period = key in pools and piece["position"] >= pools[key][2]["first"]
            if of_its_period:
                there = _owed_there(desk, *pools[key][:2], piece)
                room[key] += _repay_more(desk, *pools[key], used, there)
            mine = [one for one in found if key_of(one[0], one[1]) == key]
            lots = [one for one in mine if stock.good_on(one[2], day)]
            lots = [one for one in lots if _may_have(desk, *one[:2], piece, one[2])]
            lots.sort(key=lambda one: stock.draw_order(one[2]))
            if kind == "waiting" and piece["component"] == key:
                later = [one for one in mine if one[2]["first"] > day]
                later.sort(key=lambda one: (one[2]["first"], natural(one[2]["name"])))
                lots += [one for one in later if _may_have(desk, *one[:2], piece, one[2])]
            if piece["rounded"] < 0:
                lots = [one for one in reversed(lots) if one[2]["first"] <= day]
                for term, component, lot in lots:  # what is behind its end finds it ended
                    behind = piece["late"] and piece["position"] >= (lot["last"] or FOREVER)
                    if behind and not lot.get("over"):
                        end_lot(desk, term, component, lot, lot["last"])
            elif of_its_period and not piece["late"]:
                piece = _owe_instead(desk, *pools[key], used, kind, piece)
            for term, component, lot in lots:
                if piece and component["kind"] == "quota":
                    piece = _ask_request(desk, term, component, lot, kind, piece, taken)
                elif piece and piece["rounded"]:
                    span = used.get(id(lot), (0, lot["granted"]))
                    piece = _pay(desk, term, component, lot, kind, piece, span)
            if piece and of_its_period and piece["rounded"] > 0:
                if piece["late"]:
                    room[key] += _repay_more(desk, *pools[key], used)
                piece, loses = _owe(desk, *pools[key][:2], kind, piece, room[key])
                room[key] -= loses
    for pool in pools.values():
        _repay_more(desk, *pool, used)


def _repay_more(
    desk: Any, term: Facts, component: Facts, lot: Lot, used: dict[int, tuple[int, int]],
    most: int | None = None,
) -> int:  # fmt: skip
    """What a pool's lot has more repays what is owed (``most`` of it); returns how much."""
    least, until = used[id(lot)]
    new = until - lot["drawn"]
    balance = desk.balance(term, component)
    paid = repay(balance, lot, new if most is None else min(new, most))
    for row in balance["owed"]:
        row[1] -= paid
    lot["repaid_more"] = lot.get("repaid_more", 0) + paid
    used[id(lot)] = (least + paid, until)
    return paid


def _owe_instead(
    desk: Any, term: Facts, component: Facts, lot: Lot, used: dict[int, tuple[int, int]],
    kind: str, piece: Facts,
) -> Facts | None:  # fmt: skip
    """What was owed in a piece's place, and came back behind it, is repaid there, too.

    So as much is owed by the piece instead; in sum nothing is owed more.
    """
    balance, factor = desk.balance(term, component), desk.weight_of(piece)
    more = min(_owed_at(balance, piece) - balance["deficit"], used[id(lot)][1] - lot["drawn"])
    some = stock.payable(piece["rounded"], factor, min(more, stock.remaining(lot)))
    if some == 0:
        return piece
    lot["drawn"] += stock.weight(some, factor)
    rest, _ = _part_of_kept(desk, term, component, kind, piece, some, "deficit")
    return rest


def _owe(
    desk: Any, term: Facts, component: Facts, kind: str, piece: Facts, room: int
) -> tuple[Facts | None, int]:
    """Kept work is owed as far as there is room; returns what is left, and what is owed of it."""
    limit, factor = component.get("deficit_limit"), desk.weight_of(piece)
    balance = desk.balance(term, component)
    if limit not in (None, ""):
        room = min(room, seconds(limit) - balance["deficit"] - balance["billed"])
    some = stock.payable(piece["rounded"], factor, room)
    if some == 0:
        return piece, 0
    loses = stock.weight(some, factor)
    balance["deficit"] += loses
    for row in balance["owed"]:
        row[1] += loses if row[0] >= piece["number"] else 0
    rest, _ = _part_of_kept(desk, term, component, kind, piece, some, "deficit")
    return rest, loses


def _ask_request(
    desk: Any, term: Facts, component: Facts, lot: Lot, kind: str, piece: Facts,
    taken: set[tuple[str, tuple[str, str]]],
) -> Facts | None:  # fmt: skip
    """A request that an open period has more now, for kept work; returns what still waits.

    ``taken`` are the tickets of requests that work before it in this asking took.
    """
    if not any(one is piece for one in desk.state[kind]):
        return None  # it went along with other work on its ticket
    entry, balance = desk.entry(piece), desk.balance(term, component)
    ticket = request_of(entry)
    mine = (key_of(term, component), ticket)
    if mine not in taken:
        waits = balance["tickets"].get(ticket, ("hold", None))[0] == "hold"
        if not waits or stock.remaining(lot) < 1:
            return piece
        lot["drawn"] += 1
        balance["tickets"][ticket] = ("lot", lot["name"])
        taken.add(mine)
    name = balance["tickets"][ticket][1]
    part = _part(term, component, piece["rounded"], name) | {"seconds": piece["worked"]}
    desk.settle_part(piece, part)
    _forget(desk, kind, piece)
    _take_along(desk, term, component, ticket, lot)
    return None


def _pay(
    desk: Any, term: Facts, component: Facts, lot: Lot, kind: str, piece: Facts,
    span: tuple[int, int] | None = None,
) -> Facts | None:  # fmt: skip
    """A lot pays for kept work what it can, or takes back; returns what is left.

    ``span`` is between what sums its drawn hours can come to lie by that.
    """
    factor = desk.weight_of(piece)
    least, most = span or (0, lot["granted"])
    if piece["rounded"] < 0:
        some = -stock.payable(-piece["rounded"], factor, lot["drawn"] - least)
    else:
        left = min(stock.remaining(lot), most - lot["drawn"])
        some = stock.payable(piece["rounded"], factor, left)
    if some == 0:
        return piece
    day = max(lot["first"], piece["since"])
    # It waited, so it is not late; but behind the lot's end it finds a lot that has ended.
    behind = bool(piece["late"] and lot["last"] and lot["last"] <= piece["position"])
    place = {"position": desk.today, "late": behind, "decided": day}
    if some < 0:
        stock.give_back(lot, stock.weight(-some, factor))
    else:
        desk.draw(term, component, lot, piece, some, place)
    rest, worked = _part_of_kept(desk, term, component, kind, piece, some, lot["name"])
    _note(desk, term, component, lot, piece, some, worked, stock.weight(some, factor))
    return rest


def _part_of_kept(
    desk: Any, term: Facts, component: Facts, kind: str, piece: Facts, some: int, name: str
) -> tuple[Facts | None, int]:
    """Settles ``some`` seconds of kept work; returns what is left, and the worked seconds."""
    worked = max(piece["worked"], some) if some < 0 else min(piece["worked"], some)
    if some == piece["rounded"]:
        worked = piece["worked"]
    desk.settle_part(piece, _part(term, component, some, name) | {"seconds": worked})
    left = piece["rounded"] - some
    rest = {**piece, "worked": piece["worked"] - worked, "rounded": left} if left else None
    _forget(desk, kind, piece, rest)
    return rest, worked


def _note(
    desk: Any, term: Facts, component: Facts, lot: Lot, piece: Facts, some: int, worked: int,
    loses: int,
) -> None:  # fmt: skip
    """What a lot paid for work that waited: a bill puts it on record."""
    row = {"piece": piece, "component": key_of(term, component), "term": term["id"]}
    row |= {"lot": lot["name"], "rounded": some, "seconds": worked, "weight": loses}
    desk.state["paid"].append(row)


def keep_paid(desk: Any, piece: Facts, row: Facts) -> None:
    """Work that waited keeps what it drew on record."""
    names = ("rounded", "term", "component", "lot", "seconds")
    desk.settle_part(piece, {name: row[name] for name in names})
    left = piece["rounded"] - row["rounded"]
    rest = {**piece, "worked": piece["worked"] - row["seconds"], "rounded": left} if left else None
    _forget(desk, "waiting", piece, rest)
    entry = desk.entry(piece)
    tickets = desk.state["balances"][row["component"]]["tickets"]
    ticket = request_of(entry)
    if ticket in tickets:
        tickets[ticket] = ("lot", row["lot"])


def _forget(desk: Any, kind: str, piece: Facts, rest: Facts | None = None) -> None:
    """Takes kept work off its list, or puts what is left of it in its place."""
    rows = [rest if one is piece else one for one in desk.state[kind]]
    desk.state[kind] = [one for one in rows if one is not None]


def _top_up(
    desk: Any, term: Facts, component: Facts, piece: Facts, rest: int, place: Facts
) -> tuple[Parts, int]:
    """Buys standard lots until the rest is covered, of those on record by the day first."""
    entry, parts = desk.entry(piece), []
    factor, day = desk.weight_of(piece), place["decided"]
    hours, price = on(term["hours"], day) or Fraction(0), on(term["price"], day)
    balance = desk.balance(term, component)
    for lot in _kept_on(balance["lots"], day, entry["id"]):
        some = stock.payable(rest, factor, stock.remaining(lot))
        if some:
            desk.draw(term, component, lot, piece, some, place)
            parts.append(_part(term, component, some, lot["name"]))
            rest -= some
    while rest > 0:
        count = balance["topped"].get(entry["id"], 0) + 1
        secs = int(half_up(hours * 3600))
        some = stock.payable(rest, factor, secs)
        if some == 0:
            break
        balance["topped"][entry["id"]] = count
        name = f"{entry['id']}+{count}"
        lot = bought_lot(term, name, secs, day, component.get("validity"), price)
        balance["lots"].append(lot)
        desk.oneoff(
            ("lot", name), term, component, (day, day), hours, price, day, group=name, entry=entry
        )
        desk.draw(term, component, lot, piece, some, place)
        parts.append(_part(term, component, some, name))
        rest -= some
        if lot["last"] and place["late"] and lot["last"] <= place["position"]:
            end_lot(desk, term, component, lot, lot["last"])
    return parts, rest


def _kept_on(lots: list[Lot], day: date, entry: str) -> list[Lot]:
    """Top-ups on record up to a day that have not come: an entry's own, then those of others."""
    kept = [lot for lot in lots if lot.get("kept") and lot["first"] <= day]
    own = [lot for lot in kept if lot["name"].rpartition("+")[0] == entry]
    others = [lot for lot in kept if lot["name"].rpartition("+")[0] != entry]
    own.sort(key=lambda lot: natural(lot["name"]))
    return own + sorted(others, key=stock.draw_order)


def keep_top_ups(desk: Any, term: Facts, component: Facts, day: date) -> None:
    """A top-up that is invoiced stays bought; on its day it comes when it is needed."""
    balance = desk.balance(term, component)
    for mark, billed in desk.record["billed"].items():
        if mark[0] != "lot" or billed["bought"] is None:
            continue
        mine = (billed["term"], billed["first"]) == (term["id"], day)
        if mine and billed["name"] not in {lot["name"] for lot in balance["lots"]}:
            lot = bought_lot(
                term, billed["name"], billed["bought"], day, component.get("validity"),
                billed["price"],
            )  # fmt: skip
            lot["kept"] = True
            balance["lots"].append(lot)
            entry, _, count = billed["name"].rpartition("+")
            balance["topped"][entry] = max(balance["topped"].get(entry, 0), int(count))


# Periods' grants


def opening_lots(desk: Any, term: Facts, component: Facts, day: date) -> None:
    """What was left at go-live is good from the day after the opening's."""
    if term["last"] and day > term["last"]:
        return  # hours that are good on no day
    for opening in desk.openings(term):
        if opening["date"] + ONE != day and not (
            opening["date"] + ONE < day and day == desk.first_day
        ):
            continue
        secs: int | Fraction = seconds(opening.get("hours") or 0)
        if component["kind"] == "quota":
            secs = number(opening.get("hours") or 0)
        balance = desk.balance(term, component)
        first = opening["date"] + ONE
        last = opening.get("valid_until") or None
        last = date.fromisoformat(str(last)) if last else None
        number_ = 0
        if component["kind"] != "block":
            containing = desk.grid_period(term, component, opening["date"])
            number_ = containing["number"]
            if component["kind"] != "pool" and last is None:
                last = containing["grid_last"]  # the term may yet end later
        if secs < 0 and component["kind"] == "pool":
            balance["deficit"] += -secs
        if secs <= 0 or (last and last < first):
            continue
        price = opening.get("price")
        price = number(price) if price not in (None, "") else on(term["price"], first)
        name = str(opening.get("lot") or "opening")
        lot = stock.new_lot(name, secs, first, last, own_last=last, price=price, number=number_)
        if component["kind"] != "pool":
            clip(lot, term)
        lot["left"] = component["kind"] != "block"
        if component["kind"] == "pool" and containing["last"] == opening["date"]:
            balance["lots"].append(lot)  # its period is over: what that lets expire is gone
            _carry(desk, term, component, containing, opening["date"])
            balance["lots"].remove(lot)
            if lot.get("over"):
                continue  # it aged with its period: good on no day
        add_lot(desk, term, component, lot)


def granted(desk: Any, term: Facts, component: Facts, period: Facts) -> Fraction:
    """Hours (or requests) of a period; once they are invoiced they stay as they are."""
    on_record = desk.record["granted"].get((key_of(term, component), period["first"]))
    if on_record is not None:
        return Fraction(on_record)
    name = "requests" if component["kind"] == "quota" else "hours"
    count = on(term[name], period["first"]) or Fraction(0)
    if component.get("proration") == "daily" and not period["full"]:
        share = Fraction(period["days"], period["grid_days"])
        return half_up(count * share, desk.facts["digits"])
    return count


def in_lot(component: Facts, count: Fraction) -> int | Fraction:
    return count if component["kind"] == "quota" else int(half_up(count * 3600))


def grant(desk: Any, term: Facts, component: Facts, period: Facts) -> None:
    """The hours of a period that begins."""
    if desk.opened(term, component, period):
        return
    count = in_lot(component, granted(desk, term, component, period))
    if any(lot["refunded"] for lot in desk.balance(term, component)["lots"]) and count:
        raise CannotSay("what becomes of a pool while its settled credit has to be taken back")
    name = period["first"].isoformat()
    last = None if component["kind"] == "pool" else period["last"]
    lot = stock.new_lot(
        name,
        max(count, desk.drawn_before(term, component, name)),
        period["first"],
        last,
        number=period["number"],
        period=period["first"],
        least=count,
    )
    add_lot(desk, term, component, lot)


def resize(balance: Facts, lot: Lot, fresh: int | Fraction) -> None:
    """Other hours of an open period: never less than work has drawn, but it may repay less.

    What a later end has repaid is owed again where the end is an earlier one after all.
    """
    lot["least"] = fresh
    undone = int(min(max(lot["granted"] - fresh, 0), lot.get("repaid_more", 0)))
    if undone:
        lot["repaid_more"] -= undone
        lot["repaid"], lot["drawn"] = lot["repaid"] - undone, lot["drawn"] - undone
        balance["deficit"] += undone
    used = lot["granted"] - stock.remaining(lot)
    repaid = lot.get("repaid", 0)
    lot["granted"] = max(fresh, used - repaid)
    if used > lot["granted"]:
        over = used - lot["granted"]
        lot["repaid"], lot["drawn"] = repaid - over, lot["drawn"] - over
        lot["repaid_more"] = min(lot.get("repaid_more", 0), lot["repaid"])
        balance["deficit"] += over


def end_lot(desk: Any, term: Facts, component: Facts, lot: Lot, day: date) -> None:
    """At the end of its last day a lot expires, or what is left of it goes back."""
    left = stock.remaining(lot)
    lot["over"] = day
    if left and _goes_back(term, component, lot):
        lot["refunded"] += left
        key = ("leftover", lot["name"], term["id"])
        desk.refund(key, term, component, left, lot["price"], lot["name"])
        return
    stock.expire(lot, left, day)


def end_of_day(desk: Any, term: Facts, component: Facts, day: date) -> None:
    """Step 3 of a day: what ends today."""
    balance = desk.balance(term, component)
    for lot in balance["lots"]:
        if lot["last"] and lot["last"] <= day and not lot.get("over"):
            end_lot(desk, term, component, lot, day)
    if component["kind"] == "pool":
        close_pool(desk, term, component, day, day)


def close_pool(desk: Any, term: Facts, component: Facts, ended: date, day: date) -> None:
    """Closes the pool's period that ended on ``ended``, and settles if it was the last."""
    for period in desk.periods(term, component):
        if period["last"] == ended:
            _carry(desk, term, component, period, day)
    if term["last"] == ended and not desk.balance(term, component)["settled"]:
        _settle(desk, term, component, day)


def _carry(desk: Any, term: Facts, component: Facts, period: Facts, day: date) -> None:
    """Ageing, then the cap."""
    lots = sorted(desk.balance(term, component)["lots"], key=lambda lot: lot["number"])
    carry = component.get("carry_periods")
    if carry not in (None, ""):
        for lot in lots:
            if lot.get("over") or lot["last"]:
                continue  # a last day of its own stands for its age
            if lot["number"] + int(carry) <= period["number"]:
                stock.expire(lot, stock.remaining(lot), day)
                lot["over"] = day
    cap = component.get("carry_cap")
    if cap not in (None, ""):
        excess = sum(stock.remaining(lot) for lot in lots) - seconds(cap)
        for lot in lots:
            some = min(max(excess, 0), stock.remaining(lot))
            stock.expire(lot, some, day)
            excess -= some


def _settle(desk: Any, term: Facts, component: Facts, day: date) -> None:
    """The last period of a pool is closed: what nobody can carry any more."""
    balance = desk.balance(term, component)
    balance["settled"] = term["last"]
    how = component.get("settle") or "none"
    if how in ("bill_deficit", "both"):
        settle_deficit(desk, term, component, day, late=False)
    left = sum(stock.remaining(lot) for lot in balance["lots"])
    refund = how in ("refund_credit", "both")
    for lot in balance["lots"]:
        some = stock.remaining(lot)
        if refund:
            lot["refunded"] += some
        else:
            stock.expire(lot, some, day)
        lot["over"] = lot.get("over") or day
    if refund and left:
        period = desk.periods(term, component)[-1]
        price = on(term["price"], period["first"])
        desk.refund(("credit", key_of(term, component)), term, component, left, price, "settle")


def settle_deficit(desk: Any, term: Facts, component: Facts, day: date, late: bool) -> None:
    """Bills what stands in deficit at the price of the last period."""
    balance = desk.balance(term, component)
    if not balance["deficit"]:
        return
    _charge_deficit(desk, term, component, balance["deficit"], day, late)
    balance["deficit"] = 0
    _remember(desk, balance)


def _charge_deficit(
    desk: Any, term: Facts, component: Facts, owed: int, day: date, late: bool
) -> None:
    """What is owed more, or less, on a line at the price of the last period."""
    period = desk.periods(term, component)[-1]
    price = on(term["price"], period["first"])
    desk.settle_charge(term, component, period, owed, price, day, late)
    desk.balance(term, component)["billed"] += owed


# Requests


def request_of(entry: Facts) -> tuple[str, str]:
    """Whose request an entry is: its ticket's, or its own."""
    return ("ticket", entry["ticket"]) if entry["ticket"] else ("entry", entry["id"])


def _spend_quota(
    desk: Any, term: Facts, component: Facts, piece: Facts, rest: int, place: Facts
) -> Spent:
    """A ticket takes one request; its later work belongs to it."""
    entry = desk.entry(piece)
    balance = desk.balance(term, component)
    ticket = request_of(entry)
    word = component.get("beyond") or "bill"
    waits = balance["tickets"].get(ticket) == ("hold", None)
    if ticket not in balance["tickets"] or waits:
        for lot in _lots_for(desk, term, component, entry):
            left = stock.remaining(lot) + stock.expired_since(lot, entry["date"])
            if left >= 1:
                stock.draw(lot, 1, entry["date"])
                balance["tickets"][ticket] = ("lot", lot["name"])
                _take_along(desk, term, component, ticket, lot)
                break
        else:
            piece_price = on(term["beyond_price"], entry["date"])
            outcome = "piece" if word == "bill" and piece_price is not None else word
            balance["tickets"][ticket] = (outcome, None)
            if outcome == "piece":
                charge = desk.charge(term, component, piece, rest, piece_price, place, pieces=1)
                part = _part(term, component, rest, None) | {"charge": charge}
                return [part], 0, False
    outcome, name = balance["tickets"][ticket]
    if outcome == "next":  # the term did not take it, and may take later work on the ticket
        del balance["tickets"][ticket]
    if outcome == "lot":
        return [_part(term, component, rest, name)], 0, False
    if outcome == "piece":
        return [_part(term, component, rest, None)], 0, False
    if outcome == "bill":
        price = card(component, entry, default=True)
        if price is None:
            price = component_price(term, component, entry)
        assert price is not None
        charge = desk.charge(term, component, piece, rest, desk.priced(price, piece), place)
        return [_part(term, component, rest, None) | {"charge": charge}], 0, False
    return [], rest, outcome == "hold"


def _take_along(
    desk: Any, term: Facts, component: Facts, ticket: tuple[str, str], lot: Lot
) -> None:
    """A request is for all work on its ticket, so for what waited for one, too."""
    mine = []
    for piece in desk.state["waiting"]:
        own = request_of(desk.entry(piece)) == ticket
        if own and piece["component"] == key_of(term, component):
            mine.append(piece)
    desk.state["waiting"] = [
        one for one in desk.state["waiting"] if not any(one is piece for piece in mine)
    ]
    for piece in mine:
        part = _part(term, component, piece["rounded"], lot["name"])
        desk.settle_part(piece, part | {"seconds": piece["worked"]})


def _request_from(desk: Any, term: Facts, component: Facts, piece: Facts, lot: Lot) -> bool:
    """A request that waits takes one of a new period; all work on its ticket goes with it."""
    entry = desk.entry(piece)
    balance = desk.balance(term, component)
    ticket = request_of(entry)
    takes = balance["tickets"][ticket][0] == "hold"
    if takes:
        if stock.remaining(lot) < 1:
            return False
        lot["drawn"] += 1
        balance["tickets"][ticket] = ("lot", lot["name"])
    name = balance["tickets"][ticket][1]
    if name == lot["name"]:
        _note(desk, term, component, lot, piece, piece["rounded"], piece["worked"], int(takes))
    part = _part(term, component, piece["rounded"], name) | {"seconds": piece["worked"]}
    desk.settle_part(piece, part)
    return True


def month_of(day: date, term: Facts) -> tuple[date, date]:
    """The calendar month in which a block bills, as far as the term runs."""
    first = calendar_period(day, 1)
    last = add_months(first, 1) - ONE
    return max(first, term["first"]), min(last, term["last"] or FOREVER)


def expiry_notice_day(component: Facts, lot: Lot) -> date | None:
    """The day on which a notice says that a lot will expire."""
    days = component.get("notify_days")
    if days in (None, "") or not lot["last"]:
        return None
    return max(lot["last"] - timedelta(days=int(str(days))), lot["first"])


__all__ = ["factors", "key_of", "spend"]

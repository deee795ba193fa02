"""What a component of a plan does, in words."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from klausel.charges.block import BlockShape
from klausel.charges.contingent import ContingentShape
from klausel.charges.fee import FeeShape
from klausel.charges.milestone import MilestoneShape
from klausel.charges.pool import PoolShape
from klausel.charges.quota import QuotaShape
from klausel.charges.rates import RatesShape
from klausel.charges.stock import StockShape
from klausel.charges.time import TimeShape
from klausel.money import seconds_from_hours
from klausel.policy.ir import PlanComponent
from klausel.reading.speaker import Speaker, sentence


def component_text(component: PlanComponent, speaker: Speaker) -> str:
    """``component`` as one sentence."""
    shape = component.shape
    parts: Iterator[str]
    if isinstance(shape, FeeShape):
        parts = _fee(shape, speaker)
    elif isinstance(shape, TimeShape):
        parts = _time(shape, speaker)
    elif isinstance(shape, PoolShape):
        parts = _pool(shape, speaker)
    elif isinstance(shape, ContingentShape | QuotaShape):
        parts = _contingent(component.kind, shape, speaker)
    elif isinstance(shape, BlockShape):
        parts = _block(shape, speaker)
    else:
        assert isinstance(shape, MilestoneShape), shape
        parts = _milestone(shape, speaker)
    return sentence(parts)


def _billed(
    shape: FeeShape | TimeShape | StockShape, timing: str, lead_days: int, speaker: Speaker
) -> Iterator[str]:
    every = shape.every
    often = speaker.say("every_1") if every == 1 else speaker.say("every", str(every))
    when = speaker.say(f"in_{timing}")
    if lead_days:
        when = speaker.say("in_advance_lead", str(lead_days))
    yield speaker.say("billed", often, when)
    if shape.align == "start":
        yield speaker.say("grid_start")


def _fee(shape: FeeShape, speaker: Speaker) -> Iterator[str]:
    yield speaker.say(f"fee_{shape.per}")
    yield from _billed(shape, shape.timing, shape.lead_days, speaker)
    yield speaker.say(f"part_{shape.proration}")
    if shape.refund != "none":
        text = speaker.say(f"refund_{shape.refund}")
        if shape.keep_months:
            text += f", {speaker.say('refund_kept', speaker.months(shape.keep_months))}"
        yield text


def _time(shape: TimeShape, speaker: Speaker) -> Iterator[str]:
    yield speaker.say("time")
    yield from _billed(shape, "arrears", 0, speaker)
    if shape.group_by != "none":
        yield speaker.say(f"by_{shape.group_by}")
    yield _rates(shape.rates, speaker)


def _stock(kind: str, shape: StockShape, speaker: Speaker) -> Iterator[str]:
    yield speaker.say(kind)
    yield from _billed(shape, shape.timing, shape.lead_days, speaker)
    yield speaker.say(f"part_{shape.proration}")


def _contingent(kind: str, shape: StockShape, speaker: Speaker) -> Iterator[str]:
    yield from _stock(kind, shape, speaker)
    yield speaker.say("expires")
    yield speaker.say(f"beyond_{shape.beyond}")
    yield _rates(shape.rates, speaker)


def _pool(shape: PoolShape, speaker: Speaker) -> Iterator[str]:
    yield from _stock("pool", shape, speaker)
    carried = "carried"
    if shape.carry_periods is not None:
        carried = "carried_periods" if shape.carry_periods else "carried_none"
    text = speaker.say(carried, str(shape.carry_periods))
    if shape.carry_cap is not None and carried != "carried_none":
        text += f", {speaker.say('carried_cap', _hours(shape.carry_cap, speaker))}"
    yield text
    if shape.deficit_limit is None:
        yield speaker.say("owed")
    else:
        limit = _hours(shape.deficit_limit, speaker)
        yield speaker.say("owed_limit" if shape.deficit_limit else "owed_none", limit)
        yield speaker.say(f"beyond_{shape.beyond}")
    if shape.settle != "none":
        yield speaker.say(f"settle_{shape.settle}")
    yield _rates(shape.rates, speaker)


def _hours(hours: Decimal, speaker: Speaker) -> str:
    return speaker.hours(seconds_from_hours(hours))


def _block(shape: BlockShape, speaker: Speaker) -> Iterator[str]:
    yield speaker.say("block")
    if shape.validity is not None:
        yield speaker.say("valid", speaker.months(shape.validity))
    yield speaker.say(f"empty_{shape.empty}")
    yield speaker.say(f"leftover_{shape.leftover}")
    if shape.notify_left:
        percents = [speaker.percent(Decimal(percent)) for percent in shape.notify_left]
        yield speaker.say("notice_left", speaker.listed(percents, "and"))
    if shape.notify_days is not None:
        yield speaker.say("notice_days", str(shape.notify_days))
    yield _rates(shape.rates, speaker)


def _milestone(shape: MilestoneShape, speaker: Speaker) -> Iterator[str]:
    if not shape.parts:
        yield speaker.say("milestone")
        return
    parts = [f"{name} {speaker.percent(percent)}" for name, percent in shape.parts.items()]
    yield speaker.say("milestone_parts", ", ".join(parts))


def _rates(card: RatesShape, speaker: Speaker) -> str:
    """The plan's own prices; a term's price takes the place of that for everybody else."""
    said = [
        speaker.say("rate", speaker.say(f"of_{kind}", name), speaker.dated(values))
        for kind in ("employee", "role", "activity")
        for name, values in getattr(card, kind).items()
    ]
    if card.default is not None:
        price = speaker.dated(card.default)
        everybody = speaker.say("rate_default")
        said.append(speaker.say("rate", everybody, price) if said else price)
    return speaker.say("rates", ", ".join(said)) if said else ""

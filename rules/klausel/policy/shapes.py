"""The shapes of a policy file: its words, and what fits together inside each of them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, field_validator, model_validator
from pydantic import Field as ShapeField

from klausel.charges.rates import RatesShape
from klausel.fields import DISPOSITIONS
from klausel.shapes import (
    DatedNumbers,
    Day,
    Minutes,
    Number,
    Shape,
    Shared,
    Texts,
    Words,
    complain,
)

Disposition = Literal["included", "service", "change", "third_party", "warranty", "internal"]

#: Marks mappings whose words are not those of a shape: fields of the vocabulary, components, facts.
WHEN, COMPONENT, LINE = "when", "component", "line"

When = Annotated[dict[str, Any], WHEN]
Line = Annotated[dict[str, Words | None], LINE]
Components = list[Annotated[dict[str, Any], COMPONENT]]

#: How a condition says which numbers it means.
RANGE_WORDS = ("more_than", "at_least", "less_than", "up_to")

#: A list of mappings may stand in a CSV file: as a whole, or some of its lines.
TABLE = Shared("table")


class NumberShape(Shape):
    """Between what limits a number lies, both included."""

    low: Number | None = ShapeField(default=None, alias="from")
    high: Number | None = ShapeField(default=None, alias="to")

    @model_validator(mode="after")
    def _order(self) -> NumberShape:
        if self.low is not None and self.high is not None and self.high < self.low:
            raise complain(
                f"the number goes from {self.low} to {self.high}", "write the lower one first", "to"
            )
        return self


class FieldShape(Shape):
    """One field of the closed vocabulary."""

    one_of: tuple[str, ...] = ()
    number: NumberShape | None = None
    source: Annotated[list[Line], TABLE] | str | None = ShapeField(default=None, alias="from")

    @model_validator(mode="after")
    def _one_kind(self) -> FieldShape:
        if self.one_of and self.number is not None:
            reason = "a field has either one_of or number, and this one has both"
            raise complain(reason, "remove one of the two", "number")
        if not self.one_of and self.number is None:
            raise complain(
                "a field has either one_of or number, and this one has neither",
                "write one_of: [word, word] or number: {from: 0, to: 100}",
            )
        seen: set[str] = set()
        for number, word in enumerate(self.one_of):
            if word in seen:
                reason = f'"{word}" stands twice in one_of'
                raise complain(reason, "keep one of the two", "one_of", number)
            seen.add(word)
        return self


class DecisionShape(Shape):
    """What rules and their exceptions have in common."""

    id: str
    clause: str = ""
    first: Day | None = ShapeField(default=None, alias="from")
    until: Day | None = None
    when: When = ShapeField(default_factory=dict)
    then: Disposition
    because: Texts

    @field_validator("because")
    @classmethod
    def _said(cls, value: Texts) -> Texts:
        return _some_text(value)

    @model_validator(mode="after")
    def _days(self) -> DecisionShape:
        if self.first is not None and self.until is not None and self.until < self.first:
            raise complain(
                f"rule {self.id} ends on {self.until}, before it starts on {self.first}",
                "correct one of the two dates",
                "until",
            )
        _something_named(f"rule {self.id}", self.when)
        return self


class ExceptionShape(DecisionShape):
    """Decides in place of its rule where its own ``when`` holds too."""


class RuleShape(DecisionShape):
    exceptions: list[ExceptionShape] = ShapeField(default_factory=list)


def _something_named(who: str, when: Mapping[str, Any]) -> None:
    for name, wanted in when.items():
        if wanted in ([], {}):
            reason = f'{who}: nothing is named for "{name}"'
            raise complain(reason, "name a value, or remove it", "when", name)


def _some_text(value: Texts) -> Texts:
    if not value:
        raise complain("there is no text", "write one sentence, or one per language")
    return value


class OtherwiseShape(Shape):
    then: Disposition
    because: Texts
    clause: str = ""


class ScopeShape(Shape):
    hit: Literal["first", "unique"] = "first"
    rules: Annotated[list[RuleShape], TABLE] = ShapeField(default_factory=list)
    otherwise: OtherwiseShape


class PlanShape(Shape):
    title: Texts
    clause: str = ""
    because: Texts = ShapeField(default_factory=dict)
    components: Components


class DraftsShape(Shape):
    group_by: Literal["contract", "customer"] = "contract"
    sections: Literal["none", "contract", "project"] = "none"
    employees: Literal["name", "initials", "role"] = "name"


class ConditionShape(Shape):
    """What surcharges and approvals have in common: when they apply."""

    id: str
    clause: str = ""
    first: Day | None = ShapeField(default=None, alias="from")
    until: Day | None = None
    when: When = ShapeField(default_factory=dict)
    because: Texts = ShapeField(default_factory=dict)

    @model_validator(mode="after")
    def _days(self) -> ConditionShape:
        if self.first is not None and self.until is not None and self.until < self.first:
            raise complain(
                f"{self.id} ends on {self.until}, before it starts on {self.first}",
                "correct one of the two dates",
                "until",
            )
        _something_named(self.id, self.when)
        return self


class SurchargeShape(ConditionShape):
    times: Number
    on: Literal["price", "hours"] = "price"

    @field_validator("times")
    @classmethod
    def _positive(cls, value: Decimal) -> Decimal:
        if value <= 0:
            raise complain("a surcharge multiplies by more than 0", "write it as: times: 1.5")
        return value


class WatchShape(Shape):
    """A budget."""

    amount: Literal["ticket", "period", "contract"] | None = None
    hours: Literal["ticket", "period", "contract"] | None = None
    budget: Number
    notify_at: tuple[int, ...] = ()
    period: Literal["month", "quarter", "year"] = "month"
    hold: bool = False

    @model_validator(mode="after")
    def _one(self) -> WatchShape:
        if self.amount is not None and self.hours is not None:
            reason = "a watch counts either amount or hours, and this one has both"
            raise complain(reason, "remove one of the two", "hours")
        if self.amount is None and self.hours is None:
            raise complain(
                "a watch counts either amount or hours, and this one has neither",
                "write amount: period, or hours: ticket",
            )
        if self.budget <= 0:
            raise complain("a budget is more than 0", "write it as: budget: 1500.00", "budget")
        for number, percent in enumerate(self.notify_at):
            if percent < 1:
                reason = "notify_at names percents of 1 and more"
                raise complain(reason, "write it as: [80, 100]", "notify_at", number)
        if not self.notify_at and not self.hold:
            raise complain(
                "a watch notifies or holds, and this one does neither",
                "write notify_at: [80, 100], or hold: yes",
            )
        if "period" in self.model_fields_set and "period" not in (self.amount, self.hours):
            raise complain(
                f"period says how long a period is, but this watch counts by the"
                f" {self.amount or self.hours}",
                "remove it, or write amount: period or hours: period",
                "period",
            )
        return self


class ApprovalShape(ConditionShape):
    require: Literal["approval"] | None = None
    per: Literal["ticket", "contract", "period"] = "ticket"
    retroactive: bool = False
    watch: WatchShape | None = None

    @model_validator(mode="after")
    def _one(self) -> ApprovalShape:
        if self.require is not None and self.watch is not None:
            reason = f"{self.id} both requires an approval and watches a budget"
            raise complain(reason, "make two of it, each with its own id", "watch")
        if self.require is None and self.watch is None:
            raise complain(
                f"{self.id} neither requires an approval nor watches a budget",
                "write require: approval, or a watch such as {amount: period, budget: 1500,"
                " notify_at: [80]}",
            )
        for name in ("per", "retroactive"):
            if self.watch is not None and name in self.model_fields_set:
                raise complain(
                    f"{self.id}: {name} goes with require: approval",
                    "remove it; what a watch counts together stands in the watch",
                    name,
                )
        return self


class RoundingShape(Shape):
    to: Minutes
    mode: Literal["up", "nearest", "down"] = "up"
    per: Literal["entry", "ticket_day", "ticket", "day", "period"] = "entry"
    minimum: Minutes = 0

    @field_validator("to")
    @classmethod
    def _step(cls, value: int) -> int:
        if value <= 0:
            raise complain("time is rounded to more than 0 minutes", "write it as: to: 15m")
        return value


class NamedShape(Shape):
    """What is written once and named elsewhere: read before the rest of a policy is."""

    values: dict[str, DatedNumbers] = ShapeField(default_factory=dict)
    texts: dict[str, Annotated[Texts, AfterValidator(_some_text)]] = ShapeField(
        default_factory=dict
    )
    rates: dict[str, RatesShape] = ShapeField(default_factory=dict)


class PolicyShape(NamedShape):
    """All files of a policy together."""

    policy: str
    version: str
    title: Texts = ShapeField(default_factory=dict)
    drafts: DraftsShape = DraftsShape()
    fields: dict[str, FieldShape] = ShapeField(default_factory=dict)
    rounding: RoundingShape | None = None
    surcharges: Annotated[list[SurchargeShape], TABLE] = ShapeField(default_factory=list)
    approvals: Annotated[list[ApprovalShape], TABLE] = ShapeField(default_factory=list)
    scope: ScopeShape
    plans: dict[str, PlanShape] = ShapeField(default_factory=dict)
    tests: list[Any] = ShapeField(default_factory=list)

    @field_validator("policy")
    @classmethod
    def _one_word(cls, value: str) -> str:
        if not value.replace("-", "").replace("_", "").isalnum():
            raise complain("a policy's name is one word", "use letters, digits and hyphens")
        return value


assert set(DISPOSITIONS) == set(Disposition.__args__)  # type: ignore[attr-defined]

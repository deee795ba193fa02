"""The shapes of a policy file: its words, and what fits together inside each of them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field as ShapeField
from pydantic import field_validator, model_validator

from klausel.fields import DISPOSITIONS
from klausel.shapes import Day, Minutes, Number, Shape, Texts, Words, complain

Disposition = Literal["included", "service", "change", "third_party", "warranty", "internal"]


class FieldShape(Shape):
    """One field of the closed vocabulary."""

    one_of: tuple[str, ...] = ()
    number: dict[str, str] | None = None
    source: list[dict[str, Words | None]] | str | None = ShapeField(default=None, alias="from")

    @model_validator(mode="after")
    def _one_kind(self) -> FieldShape:
        if bool(self.one_of) == (self.number is not None):
            raise complain(
                "a field has either one_of or number",
                "write one_of: [word, word] or number: {from: 0, to: 100}",
            )
        return self


class RuleShape(Shape):
    id: str
    clause: str = ""
    first: Day | None = ShapeField(default=None, alias="from")
    until: Day | None = None
    when: dict[str, Any] = ShapeField(default_factory=dict)
    then: Disposition
    because: Texts

    @field_validator("because")
    @classmethod
    def _said(cls, value: Texts) -> Texts:
        return _some_text(value)

    @model_validator(mode="after")
    def _days(self) -> RuleShape:
        if self.first is not None and self.until is not None and self.until < self.first:
            raise complain(
                f"rule {self.id} ends on {self.until}, before it starts on {self.first}",
                "correct one of the two dates",
            )
        _something_named(f"rule {self.id}", self.when)
        return self


def _something_named(who: str, when: Mapping[str, Any]) -> None:
    for name, wanted in when.items():
        if wanted in ([], {}):
            raise complain(f'{who}: nothing is named for "{name}"', "name a value, or remove it")


def _some_text(value: Texts) -> Texts:
    if not value:
        raise complain("there is no text", "write one sentence, or one per language")
    return value


class OtherwiseShape(Shape):
    then: Disposition
    because: Texts
    clause: str = ""


class ScopeShape(Shape):
    hit: Literal["first"] = "first"
    rules: list[RuleShape] = ShapeField(default_factory=list)
    otherwise: OtherwiseShape


class PlanShape(Shape):
    title: Texts
    clause: str = ""
    because: Texts = ShapeField(default_factory=dict)
    components: list[dict[str, Any]]


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
    when: dict[str, Any] = ShapeField(default_factory=dict)
    because: Texts = ShapeField(default_factory=dict)

    @model_validator(mode="after")
    def _days(self) -> ConditionShape:
        if self.first is not None and self.until is not None and self.until < self.first:
            raise complain(
                f"{self.id} ends on {self.until}, before it starts on {self.first}",
                "correct one of the two dates",
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
        if (self.amount is None) == (self.hours is None):
            raise complain(
                "a watch counts either amount or hours",
                "write amount: period, or hours: ticket",
            )
        if self.budget <= 0:
            raise complain("a budget is more than 0", "write it as: budget: 1500.00")
        if any(percent < 1 for percent in self.notify_at):
            raise complain("notify_at names percents of 1 and more", "write it as: [80, 100]")
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
            )
        return self


class ApprovalShape(ConditionShape):
    require: Literal["approval"] | None = None
    per: Literal["ticket", "contract", "period"] = "ticket"
    retroactive: bool = False
    watch: WatchShape | None = None

    @model_validator(mode="after")
    def _one(self) -> ApprovalShape:
        if (self.require is None) == (self.watch is None):
            raise complain(
                f"{self.id} either requires an approval or watches a budget",
                "write require: approval, or watch: {...}",
            )
        for name in ("per", "retroactive"):
            if self.watch is not None and name in self.model_fields_set:
                raise complain(
                    f"{self.id}: {name} goes with require: approval",
                    "remove it; what a watch counts together stands in the watch",
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


class PolicyShape(Shape):
    """The whole file."""

    policy: str
    version: str
    title: Texts = ShapeField(default_factory=dict)
    drafts: DraftsShape = DraftsShape()
    fields: dict[str, FieldShape] = ShapeField(default_factory=dict)
    rounding: RoundingShape | None = None
    surcharges: list[SurchargeShape] = ShapeField(default_factory=list)
    approvals: list[ApprovalShape] = ShapeField(default_factory=list)
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

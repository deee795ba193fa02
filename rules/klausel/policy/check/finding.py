"""Findings as data, and the sentence of each."""

from __future__ import annotations

from typing import Literal, NamedTuple

from klausel.problems import Where

Severity = Literal["error", "warning", "info"]

#: From the one that matters most.
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


class Related(NamedTuple):
    """Another place that a finding speaks of."""

    where: Where
    message: str


class Finding(NamedTuple):
    """One thing about a policy that somebody should know."""

    code: str
    severity: Severity
    message: str
    suggestion: str
    where: Where
    related: tuple[Related, ...] = ()
    paste: str = ""
    """Lines of YAML that one could add."""


class Sentence(NamedTuple):
    severity: Severity
    text: str
    suggestion: str


def _error(text: str, suggestion: str) -> Sentence:
    return Sentence("error", text, suggestion)


def _warning(text: str, suggestion: str) -> Sentence:
    return Sentence("warning", text, suggestion)


def _info(text: str, suggestion: str) -> Sentence:
    return Sentence("info", text, suggestion)


#: What a finding says. Before the colon stands its code; fields in braces are filled in.
SENTENCES: dict[str, Sentence] = {
    # rules
    "rule-impossible:range": _error(
        "rule {id} can never hold: no number{limits} is {range}",
        "correct the range of {field}, or remove the rule",
    ),
    "rule-impossible:values": _error(
        'rule {id} can never hold: no line gives "{field}" the value {values}',
        "add such a line below from: in the field, or remove the rule",
    ),
    "rule-impossible:exception": _error(
        "rule {id} can never hold: it and {other}, whose exception it is, never ask for the same"
        ' "{field}"',
        "let {id} ask for some of what {other} asks for, or remove {id}",
    ),
    "rule-impossible:days": _error(
        "rule {id} can never hold: it and {other}, whose exception it is, have no day in common",
        "correct the days of one of the two, or remove {id}",
    ),
    "rule-subsumed": _error(
        "rule {id} never decides: rule {other} stands above it and takes all that it asks for",
        "{advice}",
    ),
    "rule-subsumed:exception": _error(
        "rule {id} never decides: its exception {other} takes all that it asks for",
        "let {other} ask for less than {id} does, or let {id} decide what {other} does",
    ),
    "rule-unreachable:exceptions": _error(
        "rule {id} never decides: its exceptions take all that it asks for ({other})",
        "let them ask for less than {id} does, or let {id} decide what the last of them does",
    ),
    "rule-unreachable": _error(
        "rule {id} never decides: the rules above it take all that it asks for ({others})",
        "{advice}",
    ),
    "only-otherwise": _info(
        "otherwise decides ({disposition}) {cases}",
        "no rule does; if that is not what you want, add one such as this:",
    ),
    "only-otherwise:more": _info(
        "otherwise decides {count} more groups of cases that no rule takes",
        "add rules for those above, then check again",
    ),
    # days
    "rule-over": _info(
        "{what} ended on {until}", "remove it once all work up to that day is billed"
    ),
    "days-gap": _warning(
        "{other} and {id} ask for the same, and neither is in force {days}",
        "{advice}",
    ),
    "days-overlap": _warning(
        "{other} and {id} ask for the same, and both are in force {days}",
        "{advice}",
    ),
    "rate-gap": _info(
        "plan {plan}: {whose} has no price before {first}; {instead}",
        "write always: with the price before that day, if there was one",
    ),
    "date-without-effect": _info(
        "plan {plan}: the price of {whose} stays {price} on {first}", "remove the date"
    ),
    # vocabulary
    "field-unused": _warning(
        'nothing asks for the field "{field}"', "name it in the when of a rule, or remove it"
    ),
    "value-unproduced": _warning(
        'no line gives the field "{field}" the value "{value}"',
        "add a line with is: {value} below from:, or remove the value",
    ),
    "value-unused": _info(
        'field "{field}": no rule asks for "{value}", so it means the same as "{otherwise}"',
        "name it in a rule, or remove the value and its lines",
    ),
    "name-unused": _warning(
        'nothing names the {kind} "{name}"', "write {example} where it is meant, or remove it"
    ),
    "file-unread:words": _warning(
        "nothing in the policy includes this file",
        "write include: [{name}] at the top of policy.yaml, or remove the file",
    ),
    "file-unread:table": _warning(
        "nothing in the policy names this table",
        "write {{table: {name}}} where its rows are meant, or remove the file",
    ),
    # texts
    "text-missing": _warning(
        "{what} is missing in {languages}",
        "add it as {examples}; until then the {instead} text is shown",
    ),
    "text-missing:plain": _warning(
        "{what} is one sentence for readers of {languages}",
        "write it once for each language: {{{examples}}}; until then all are shown this one",
    ),
    # approvals, budgets, surcharges
    "approval-never:disposition": _error(
        "approval {id} never applies: it asks for {dispositions}, and no rule decides so",
        "write the disposition that is meant, or a rule that decides so",
    ),
    "approval-never:free": _error(
        "approval {id} never applies: work that is {dispositions} needs no approval",
        "ask for service, change or third_party",
    ),
    "approval-never:impossible": _error(
        'approval {id} never applies: its when can never hold because of "{field}"',
        "correct the values or the range of the field",
    ),
    "approval-never:scope": _error(
        "approval {id} never applies: the rules decide otherwise wherever its when holds",
        "compare its when with the rules of scope; work that costs nothing needs no approval",
    ),
    "approval-never:covered": _error(
        "approval {id} never applies: all of it falls to {others} above it",
        "{advice}; the first approval that fits is the one that is needed",
    ),
    "threshold-without-effect:disposition": _warning(
        "watch {id} never counts anything: it asks for {dispositions}, and no rule decides so",
        "write the disposition that is meant, or a rule that decides so",
    ),
    "threshold-without-effect:free": _warning(
        "watch {id} never counts anything: work that is {dispositions} costs nothing",
        "ask for service, change or third_party",
    ),
    "threshold-without-effect:impossible": _warning(
        'watch {id} never counts anything: its when can never hold because of "{field}"',
        "correct the values or the range of the field",
    ),
    "threshold-without-effect:scope": _warning(
        "watch {id} never counts anything: the rules decide otherwise wherever its when holds",
        "compare its when with the rules of scope",
    ),
    "threshold-late": _info(
        "watch {id} gives its first notice at {percent} percent, when the budget is overspent",
        "write notify_at: [80, 100] to hear of it in time",
    ),
    "surcharge-without-effect:one": _warning(
        "surcharge {id} changes nothing: it multiplies by 1",
        "write what it multiplies by, such as 1.5, or remove it",
    ),
    "surcharge-without-effect:hours": _warning(
        "surcharge {id} changes nothing: it is on hours, and no plan here has hours to draw from",
        "write on: price, or add a plan with a contingent, quota, pool or block",
    ),
    "surcharge-without-effect:impossible": _warning(
        'surcharge {id} changes nothing: its when can never hold because of "{field}"',
        "correct the values or the range of the field",
    ),
    "surcharge-without-effect:scope": _warning(
        "surcharge {id} changes nothing: wherever its when holds, the work costs nothing",
        "compare its when with the rules of scope",
    ),
    # plans
    "remainder-untaken:plan": _info(
        'plan {plan} passes on what it does not take ("{word}: next")',
        "a contract with this plan needs another term that takes the rest",
    ),
    "remainder-untaken:passed": _warning(
        "contract {contract}: what is {disposition} is passed on by its last term{when}",
        "let that term bill or hold what is beyond its hours, or add a term that takes the rest",
    ),
    "remainder-untaken:service": _warning(
        "contract {contract}: no term takes service{when}, which {rule} decides",
        "add a term with a plan that takes time, or a wider contract that takes it",
    ),
    "remainder-untaken:other": _info(
        "{contracts} without a term that takes {disposition}, which {rule} decides",
        "such work is reported as uncovered; to bill it, add {disposition} to takes: of a term",
    ),
    "included-unpaid": _info(
        "contract {contract} has no fee{when}, yet rule {rule} gives work away under it",
        "add a term with a fee, let {rule} ask for the plan, or take another policy for it",
    ),
    # the check itself
    "too-entangled": _warning(
        "the rules are too entangled to find out everything: {question}",
        "split the policy, or let rules ask for fewer fields",
    ),
}

#: code -> severity, that of its first sentence.
CODES: dict[str, Severity] = {}
for _name, _sentence in SENTENCES.items():
    CODES.setdefault(_name.partition(":")[0], _sentence.severity)

#: What is no flaw, however strictly one looks: ``otherwise`` is there to decide what is left.
BY_DESIGN = frozenset(("only-otherwise",))


def finding(
    name: str,
    where: Where,
    /,
    related: tuple[Related, ...] = (),
    paste: str = "",
    **fields: object,
) -> Finding:
    """The finding ``name`` with its sentence filled in."""
    sentence = SENTENCES[name]
    return Finding(
        name.partition(":")[0],
        sentence.severity,
        sentence.text.format(**fields),
        sentence.suggestion.format(**fields),
        where,
        related,
        paste,
    )

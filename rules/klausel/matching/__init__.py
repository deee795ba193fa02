"""Decisions on small integers. One Protocol, two matchers, each checking the other."""

from klausel.matching.checked import Decider, MatcherDisagreement
from klausel.matching.port import Condition, DecisionTable, Matcher, MatcherFactory, TooManyRules

__all__ = [
    "Condition",
    "Decider",
    "DecisionTable",
    "Matcher",
    "MatcherDisagreement",
    "MatcherFactory",
    "TooManyRules",
]

"""Tests of a policy: written beside its rules, played, and what of the rules they reach."""

from klausel.policy_tests.coverage import Coverage, Goal, coverage
from klausel.policy_tests.play import Outcome, play_tests
from klausel.policy_tests.propose import Proposal, propose
from klausel.policy_tests.read import PolicyTest, read_tests

__all__ = [
    "Coverage",
    "Goal",
    "Outcome",
    "PolicyTest",
    "Proposal",
    "coverage",
    "play_tests",
    "propose",
    "read_tests",
]

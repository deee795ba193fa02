"""Policy files: text -> located tree -> shapes -> decision tables on small integers."""

from klausel.policy.ir import Plan, Policy, Rule
from klausel.policy.load import load_policy, policy_at

__all__ = ["Plan", "Policy", "Rule", "load_policy", "policy_at"]

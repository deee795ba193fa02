"""Advice of ``klausel check`` is good: done to the letter, the finding is gone and none came.

Policies are random, most of them more tangled than anybody would write. What a finding says to
paste, to move, to remove or to date otherwise is done to the policy as data.
"""

from __future__ import annotations

import copy
import json
import re
from datetime import date
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from klausel.policy import Policy, load_policy
from klausel.policy.check import Finding, Raw, check
from klausel.policy.compose import Composition, Folder, compose
from klausel.policy.load import POLICY_FILE
from klausel.tree import parse
from tests.counts import count
from tests.random_policies import Data, random_policy
from tests.seeds import fresh

AS_OF = date(2026, 6, 1)

#: The same, behind one rule or behind several.
DEAD = ("rule-subsumed", "rule-unreachable")

Key = tuple[str, str]


def findings(data: Data) -> list[Finding] | None:
    """What is found in the policy; None where it cannot be read."""
    text = json.dumps(data)
    folder = Folder("", {POLICY_FILE: text})
    policy = load_policy("", folder.files)
    if not isinstance(policy, Policy):
        return None
    tree = parse(text, POLICY_FILE)
    found = compose(tree, tree.data, (), POLICY_FILE, folder)
    assert isinstance(found, Composition)
    return check(policy, Raw(found.tree, folder=folder), AS_OF)


def key(found: Finding) -> Key:
    """The finding, whatever else its sentence says: its code and what it is about."""
    if found.paste:
        return found.code, re.sub(r"NEW\d+", "NEW", found.paste)
    if found.code.startswith("days-"):
        return found.code, " ".join(re.findall(r"\b[RAZE]\d+\b", found.message))
    about = re.search(r"\b[RAZE]\d+\b|field \"\w+\"|value \"\w+\"", found.message)
    code = "rule never decides" if found.code in DEAD else found.code
    return code, about[0] if about else found.message


def keys(some: list[Finding], severity: str = "") -> set[Key]:
    return {key(found) for found in some if severity in ("", found.severity)}


def lists(data: Data) -> list[list[Data]]:
    """Every list of rules in the policy, those of exceptions too."""
    rules = data["scope"]["rules"]
    return [rules, data["approvals"], data["surcharges"], *(r.get("exceptions", []) for r in rules)]


def place(data: Data, id_: str) -> tuple[list[Data], int]:
    return next(
        (some, number)
        for some in lists(data)
        for number, rule in enumerate(some)
        if rule["id"] == id_
    )


def top(data: Data, id_: str, among: list[Data]) -> int:
    """The number of what has ``id_`` in the list ``among``, itself or as an exception."""
    return next(
        number
        for number, rule in enumerate(among)
        if id_ in (rule["id"], *(e["id"] for e in rule.get("exceptions", [])))
    )


def done(data: Data, found: Finding) -> list[Data]:
    """The policy after each thing that ``found`` advises."""
    advised = []
    said = found.suggestion
    if found.paste:
        new = copy.deepcopy(data)
        new["scope"]["rules"] += parse(found.paste, "").data
        advised.append(new)
    moved = re.search(r"move (\w+)(?:, whose exception \w+ is,)? above (\w+)", said)
    if moved:
        new = copy.deepcopy(data)
        some, number = place(new, moved[1])
        rule = some.pop(number)
        targets = [moved[2]]
        if moved[2] == "them":
            targets = [other.message.partition(" ")[2] for other in found.related]
        some.insert(min(top(new, id_, some) for id_ in targets), rule)
        advised.append(new)
    # What is over is removed later, with all that is needed for it alone.
    if re.search(r"\bremove (?:it|[RAE]\d+)$|\bremove it[,;]", said) and found.code != "rule-over":
        new = copy.deepcopy(data)
        if (about := key(found)[1])[0] in "RAEZ" and " " not in about:
            some, number = place(new, about)
            del some[number]
            advised.append(new)
    for id_, word, day in re.findall(r"\w+ (\w+) (begin|end) on (\d{4}-\d\d-\d\d)", said):
        new = copy.deepcopy(data)
        some, number = place(new, id_)
        some[number]["from" if word == "begin" else "until"] = day
        advised.append(new)
    return advised


def tangled(random: Random) -> Data:
    """A random policy with exceptions, some of whose rules may not overlap."""
    data = random_policy(random, random.choice((3, 8)))
    number = 0
    for rule in data["scope"]["rules"]:
        if random.random() < 0.4:
            rule["exceptions"] = []
            for other in random.sample(data["scope"]["rules"], min(2, len(data["scope"]["rules"]))):
                exception: dict[str, Any] = {k: other[k] for k in ("when", "then", "because")}
                rule["exceptions"].append({"id": f"E{number}", **copy.deepcopy(exception)})
                number += 1
    if random.random() < 0.5:
        data["scope"]["hit"] = "unique"
        while data["scope"]["rules"] and findings(data) is None:
            del data["scope"]["rules"][random.randrange(len(data["scope"]["rules"]))]
    return data


@fresh
@given(st.integers(0, 2**31))
def test_advice_that_is_followed_mends_what_it_is_about(start: int) -> None:
    data = tangled(Random(start))
    found = findings(data)
    if found is None:
        return
    errors = keys(found, "error")
    for one in found:
        # Nothing is left open in a sentence.
        said = f"{one.message}\n{one.suggestion}{one.paste[:1]}"
        assert not re.search(r'""|\(\)|  | ,|[ :,]$', said, re.MULTILINE), one
        for new in done(data, one):
            after = findings(new)
            assert after is not None, (one, new)
            assert key(one) not in keys(after), (one, new)
            assert keys(after, "error") <= errors, (one, new)
            count(f"advice followed: {one.code}")


@fresh
@given(st.integers(0, 2**31))
def test_all_rows_can_be_pasted_at_once(start: int) -> None:
    data = tangled(Random(start))
    found = findings(data)
    pasted = [one for one in found or () if one.paste]
    if found is None or len(pasted) < 2:
        return
    new = copy.deepcopy(data)
    for one in pasted:
        new["scope"]["rules"] += parse(one.paste, "").data
    after = findings(new)
    assert after is not None, pasted
    if data["scope"].get("hit") == "unique":
        assert keys(after, "error") <= keys(found, "error")
        count("policies whose rows may not overlap, with all rows pasted")


@fresh
@given(st.integers(0, 2**31), st.sampled_from(["de", "nl", "plain", "mixed"]))
def test_only_languages_that_somebody_writes_are_missing(start: int, language: str) -> None:
    random = Random(start)
    data = tangled(random)

    def written() -> object:
        if language == "plain" or (language == "mixed" and random.random() < 0.5):
            return "so"
        return {"de" if language == "mixed" else language: "so"}

    for some in lists(data):
        for rule in some:
            rule["because"] = written()
    data["scope"]["otherwise"]["because"] = written()
    found = findings(data)
    assert not [one for one in found or () if one.code == "text-missing"], found
    for one in found or ():
        assert not re.search(r"\ben:", one.paste)

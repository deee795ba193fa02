"""Policy folder (as texts) -> :class:`~klausel.policy.ir.Policy`, or the problems it has."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Any, Literal

from klausel.charges import COMPONENTS
from klausel.doubts import of_policy
from klausel.fields import DISPOSITIONS
from klausel.matching import Condition
from klausel.matching.durable import MOST_RULES, simple_count
from klausel.money import seconds_from_hours
from klausel.policy.compose import NO_FOLDER, Composition, Folder, compose
from klausel.policy.facts import (
    FACTS,
    WORD_FACTS,
    Clause,
    NumberField,
    Source,
    VocabularyField,
    WordField,
)
from klausel.policy.ir import (
    Plan,
    PlanComponent,
    Policy,
    RawTest,
    Requirement,
    Rounding,
    Rule,
    Surcharge,
    Watch,
)
from klausel.policy.overlap import example_in_words, overlaps
from klausel.policy.shapes import (
    RANGE_WORDS,
    ConditionShape,
    DecisionShape,
    FieldShape,
    PlanShape,
    PolicyShape,
    RoundingShape,
    RuleShape,
    WatchShape,
)
from klausel.problems import (
    MOST_PROBLEMS,
    Enough,
    Problem,
    Problems,
    Where,
    listed,
    near,
    problem,
    sorted_problems,
)
from klausel.shapes import DECIMAL_HINT, Words, parse_seconds, shaped
from klausel.tree import Path, Tree, parse

POLICY_FILE = "policy.yaml"

#: Different numbers that the rules may compare one field with; each makes a range of its own.
MOST_NUMBERS = 500


#: What lies in a policy's folder and is no part of it: tests, and an example of a contract.
BESIDE = ("tests/", "contract.yaml")


def content_hash(files: Mapping[str, str]) -> str:
    """Hash of a policy's files, the same whatever their line ends; tests do not count."""
    digest = hashlib.sha256()
    for name in sorted(files):
        if name.startswith(BESIDE):
            continue
        text = files[name].replace("\r\n", "\n")
        digest.update(f"{name}\0{len(text)}\0{text}".encode())
    return digest.hexdigest()[:16]


def load_policy(folder: str, files: Mapping[str, str]) -> Policy | list[Problem]:
    """The policy in ``files`` (name inside the folder -> text); ``folder`` is for messages."""
    name = f"{folder}/{POLICY_FILE}" if folder else POLICY_FILE
    if POLICY_FILE not in files:
        return [problem("file-missing", Where(name), hint=f"a policy folder has a {POLICY_FILE}")]
    tree = parse(files[POLICY_FILE], name)
    if tree.problems:
        return list(tree.problems)
    return _policy(tree, tree.data, (), content_hash(files), Folder(folder, files))


def policy_at(tree: Tree, data: Any, path: Path, digest: str) -> Policy | list[Problem]:
    """The policy written as ``data`` at ``path`` of ``tree``; ``digest`` is its content hash.

    It stands in no folder and so can include nothing.
    """
    return _policy(tree, data, path, digest, NO_FOLDER)


def _policy(
    tree: Tree, data: Any, path: Path, digest: str, folder: Folder
) -> Policy | list[Problem]:
    found = compose(tree, data or {}, path, POLICY_FILE, folder)
    if isinstance(found, list):
        return _some(found)
    shape = shaped(PolicyShape, found.tree, found.tree.data, ())
    if isinstance(shape, list):
        return _some(shape)
    policy = _Reader(found, digest).policy(shape)
    if isinstance(policy, list):
        return _some(policy)
    return replace(policy, doubts=(*found.tree.doubts, *of_policy(found.tree)))


def _some(problems: list[Problem]) -> list[Problem]:
    """``problems`` in the order of their places, as many as somebody may want to read."""
    found = sorted_problems(dict.fromkeys(problems))
    if len(found) <= MOST_PROBLEMS:
        return found
    more = found[MOST_PROBLEMS]
    return [*found[:MOST_PROBLEMS], problem("policy-problems-many", more.where)]


def excepted(exception: Rule, rule: Rule) -> Rule:
    """``exception`` of ``rule`` as a rule that stands before it."""
    codes = {found.field: found.codes for found in rule.conditions}
    for field, found in exception.conditions:
        codes[field] = codes[field] & found if field in codes else found
    firsts = [day for day in (exception.first, rule.first) if day is not None]
    lasts = [day for day in (exception.until, rule.until) if day is not None]
    return replace(
        exception,
        conditions=tuple(Condition(field, found) for field, found in codes.items()),
        first=max(firsts, default=None),
        until=min(lasts, default=None),
        exception_of=rule.id,
    )


#: What approvals may ask for beside the fields.
_DISPOSITION = WordField("disposition", DISPOSITIONS, ())

_EVERY = {"month": 1, "quarter": 3, "year": 12}


def _seconds(hours: Decimal | None) -> int | None:
    return None if hours is None else seconds_from_hours(hours)


def _watch(rule: Rule, shape: WatchShape) -> Watch:
    measure: Literal["amount", "hours"] = "amount" if shape.amount else "hours"
    budget = shape.budget
    if measure == "hours":
        budget = Decimal(seconds_from_hours(budget))
    per = shape.amount or shape.hours
    assert per is not None
    return Watch(rule, measure, per, budget, shape.notify_at, _EVERY[shape.period], shape.hold)


def _codes(field: NumberField, wanted: Mapping[str, Any]) -> frozenset[int]:
    """The codes of numbers that a range in words stands for; what is wrong in it was said."""
    codes = set(range(field.size))
    for word, text in wanted.items():
        if word not in RANGE_WORDS:
            continue
        try:
            at_code = field.code_of(parse_seconds(str(text)))
        except ValueError:
            continue
        codes &= {
            "more_than": set(range(at_code + 1, field.size)),
            "at_least": set(range(at_code, field.size)),
            "less_than": set(range(at_code)),
            "up_to": set(range(at_code + 1)),
        }[word]
    return frozenset(codes)


def _rounding(shape: RoundingShape) -> tuple[Any, ...]:
    return shape.to, shape.mode, shape.per, shape.minimum


class _Reader:
    """Shape -> IR; collects every problem on the way."""

    def __init__(self, composed: Composition, digest: str) -> None:
        self._composed = composed
        self._tree = composed.tree
        self._digest = digest
        self._problems = Problems()
        self._ranges: dict[tuple[str, str], frozenset[int]] = {}
        """Ranges that stand in several rules are the same set: a policy may have thousands."""

    def policy(self, shape: PolicyShape) -> Policy | list[Problem]:
        try:
            return self._policy(shape)
        except Enough:
            return self._problems

    def _policy(self, shape: PolicyShape) -> Policy | list[Problem]:
        thresholds: dict[str, set[int]] = {}
        for number, rule in enumerate(shape.scope.rules):
            path: Path = ("scope", "rules", number)
            self._collect_thresholds(shape, rule, path, thresholds)
            for place, exception in enumerate(rule.exceptions):
                at = (*path, "exceptions", place)
                self._collect_thresholds(shape, exception, at, thresholds)
        for word, conditions in (("surcharges", shape.surcharges), ("approvals", shape.approvals)):
            for number, condition in enumerate(conditions):
                self._collect_thresholds(shape, condition, (word, number), thresholds)
        for name, found in thresholds.items():
            if len(found) > MOST_NUMBERS:
                count = len(found)
                path = ("fields", name)
                self._say("policy-numbers-many", path, field=name, count=count, most=MOST_NUMBERS)
                return self._problems
        fields = tuple(
            self._field(name, field_shape, thresholds.get(name, set()))
            for name, field_shape in shape.fields.items()
        )
        numbers = {field.name: index for index, field in enumerate(fields)}
        seen: dict[str, Where] = {}
        rules = self._scope_rules(shape.scope.rules, fields, numbers, seen)
        surcharges = self._conditions("surcharges", shape.surcharges, fields, numbers, seen)
        approvals = self._conditions("approvals", shape.approvals, fields, numbers, seen)
        otherwise = shape.scope.otherwise
        plans = {name: self._plan(name, plan) for name, plan in shape.plans.items()}
        if not self._problems:
            self._count(("scope", "rules"), fields, rules)
            for number, surcharge in enumerate(surcharges):
                self._count(("surcharges", number), fields, [surcharge])
            self._count(("approvals",), (*fields, _DISPOSITION), approvals)
        if not self._problems and shape.scope.hit == "unique":
            self._refuse_overlaps(fields, rules)
        if self._problems:
            return self._problems
        return Policy(
            name=shape.policy,
            version=shape.version,
            hash=self._digest,
            fields=fields,
            rules=tuple(rules),
            otherwise=Rule(
                id="otherwise",
                disposition=otherwise.then,
                because=otherwise.because,
                where=self._where(("scope", "otherwise")),
                clause=otherwise.clause,
            ),
            plans=plans,
            surcharges=tuple(
                Surcharge(rule, found.times, found.on)
                for rule, found in zip(surcharges, shape.surcharges, strict=True)
            ),
            requirements=tuple(
                Requirement(rule, found.per, found.retroactive)
                for rule, found in zip(approvals, shape.approvals, strict=True)
                if found.require
            ),
            watches=tuple(
                _watch(rule, found.watch)
                for rule, found in zip(approvals, shape.approvals, strict=True)
                if found.watch
            ),
            rounding=Rounding(*_rounding(shape.rounding)) if shape.rounding else None,
            title=shape.title,
            group_by=shape.drafts.group_by,
            sections=shape.drafts.sections,
            employees=shape.drafts.employees,
            hit=shape.scope.hit,
            tests=tuple(
                RawTest(self._where(("tests", number)), self._tree, ("tests", number), data)
                for number, data in enumerate(shape.tests)
            ),
            named=self._composed.named,
            unread=self._composed.unread,
        )

    def _scope_rules(
        self,
        shapes: Sequence[RuleShape],
        fields: tuple[VocabularyField, ...],
        numbers: dict[str, int],
        seen: dict[str, Where],
    ) -> list[Rule]:
        """The rules of scope, the exceptions of each before it: both conditions, common days."""
        rules = []
        for number, shape in enumerate(shapes):
            path: Path = ("scope", "rules", number)
            self._note(shape.id, path, seen)
            rule = self._rule(shape, path, fields, numbers)
            for place, exception in enumerate(shape.exceptions):
                at = (*path, "exceptions", place)
                self._note(exception.id, at, seen)
                rules.append(excepted(self._rule(exception, at, fields, numbers), rule))
            rules.append(rule)
        return rules

    def _note(self, id_: str, path: Path, seen: dict[str, Where]) -> None:
        """Every id stands once in the files; copies for other days do not count."""
        if id_ in seen and path not in self._composed.again:
            self._say("policy-rule-doubled", (*path, "id"), id=id_, other=seen[id_])
        seen.setdefault(id_, self._where((*path, "id")))

    def _conditions(
        self,
        word: str,
        shapes: Sequence[ConditionShape],
        fields: tuple[VocabularyField, ...],
        numbers: dict[str, int],
        seen: dict[str, Where],
    ) -> list[Rule]:
        """Rules of surcharges or approvals; approvals may also ask for the disposition."""
        rules = []
        known = dict(numbers)
        if word == "approvals":
            known["disposition"] = len(fields)
            fields = (*fields, _DISPOSITION)
        for number, shape in enumerate(shapes):
            path: Path = (word, number)
            self._note(shape.id, path, seen)
            rules.append(self._rule(shape, path, fields, known))
        return rules

    def _say(self, code: str, path: Path, **fields: object) -> None:
        self._problems.append(problem(code, self._where(path), **fields))

    def _where(self, path: Path) -> Where:
        return self._tree.where(path)

    def _field(self, name: str, shape: FieldShape, thresholds: set[int]) -> VocabularyField:
        path: Path = ("fields", name)
        if shape.number is not None:
            fact = shape.source if isinstance(shape.source, str) else name
            numbers = [known for known, f in FACTS.items() if f.kind == "seconds"]
            if shape.source is None and fact not in numbers:
                self._say(
                    "key-missing",
                    path,
                    key="from",
                    hint=f"add from: with one of: {listed(numbers)}",
                )
                fact = numbers[0]
            elif fact not in numbers:
                hint = near(fact, numbers) or f"write one of: {listed(numbers)}"
                self._say("value-choice", path, field="from", value=fact, hint=hint)
                fact = numbers[0]
            limits = shape.number.low, shape.number.high
            return NumberField(name, fact, tuple(sorted(thresholds)), *map(_seconds, limits))
        sources: list[Source] = []
        if isinstance(shape.source, str):
            reason = f"{name} needs a list of lines that say which value it has"
            hint = f"write below from: - {{{shape.source}: ..., is: {shape.one_of[0]}}}"
            self._say("shape", (*path, "from"), reason=reason, hint=hint)
            return WordField(name, shape.one_of, ())
        if shape.source is None:
            hint = f"write below it from: and end that with - {{otherwise: {shape.one_of[-1]}}}"
            self._say("key-missing", path, key="from", hint=hint)
        lines = shape.source or []
        ended = False
        for number, line in enumerate(lines):
            at: Path = (*path, "from", number)
            if ended:
                self._say("policy-otherwise-last", at)
                break
            source = self._source(name, shape, line, at)
            if source is not None:
                sources.append(source)
            ended = "otherwise" in line
        if not ended and shape.source is not None:
            self._say(
                "key-missing",
                (*path, "from"),
                key="otherwise",
                hint=f"end the list with: - {{otherwise: {shape.one_of[-1]}}}",
            )
        return WordField(name, shape.one_of, tuple(sources))

    def _source(
        self, name: str, shape: FieldShape, line: dict[str, Words | None], at: Path
    ) -> Source | None:
        result = line.get("otherwise") or line.get("is")
        if not result:
            word = "otherwise" if "otherwise" in line else "is"
            hint = f"write {word}: with one of: {listed(shape.one_of, 12)}"
            self._say("key-missing", at, key=word, hint=hint)
            return None
        if len(result) > 1:
            hint = f"write one of: {listed(result)}"
            self._say(
                "shape",
                (*at, "otherwise" if "otherwise" in line else "is"),
                reason=f"{name} has one value, not several",
                hint=hint,
            )
            return None
        if "otherwise" in line and len(line) > 1:
            hint = f"write - {{otherwise: {result[0]}}}, or is: in place of otherwise:"
            self._say("shape", at, reason="otherwise stands alone on its line", hint=hint)
            return None
        value = result[0]
        if value not in shape.one_of:
            hint = near(value, shape.one_of) or f"write one of: {listed(shape.one_of, 12)}"
            place: Path = (*at, "otherwise" if "otherwise" in line else "is")
            self._say("policy-value-unknown", place, field=name, value=value, hint=hint)
            return None
        clauses = []
        for fact, values in line.items():
            if fact in ("is", "otherwise"):
                continue
            if fact not in WORD_FACTS:
                words = (*WORD_FACTS, "is", "otherwise")
                hint = near(fact, words) or f"known here: {listed(words, 40)}"
                self._say("key-unknown", (*at, fact), key=fact, hint=hint)
                continue
            clauses.append(Clause(fact, frozenset(word.casefold() for word in values or ())))
        return Source(tuple(clauses), shape.one_of.index(value))

    def _collect_thresholds(
        self,
        shape: PolicyShape,
        rule: DecisionShape | ConditionShape,
        at: Path,
        found: dict[str, set[int]],
    ) -> None:
        for name, wanted in rule.when.items():
            field = shape.fields.get(name)
            if field is None or field.number is None or not isinstance(wanted, dict):
                continue
            for word, text in wanted.items():
                path: Path = (*at, "when", name, word)
                if word not in RANGE_WORDS:
                    hint = near(word, RANGE_WORDS) or f"write one of: {listed(RANGE_WORDS)}"
                    if text is None and word.isdigit():
                        hint = DECIMAL_HINT
                    self._say("key-unknown", path, key=word, hint=hint)
                    continue
                if not isinstance(text, str):
                    reason = f'"{word}" should be a number'
                    hint = "write a plain number such as 16, or {value: name}"
                    self._say("shape", path, reason=reason, hint=hint)
                    continue
                try:
                    found.setdefault(name, set()).add(parse_seconds(text))
                except ValueError as error:
                    self._say("value-number", path, field=word, value=text, hint=str(error))

    def _rule(
        self,
        shape: DecisionShape | ConditionShape,
        path: Path,
        fields: tuple[VocabularyField, ...],
        numbers: dict[str, int],
    ) -> Rule:
        conditions = []
        for name, wanted in shape.when.items():
            at: Path = (*path, "when", name)
            if name not in numbers:
                hint = near(name, numbers) or f"known here: {listed(numbers, 12)}"
                self._say("policy-field-unknown", at, field=name, hint=hint)
                continue
            field = fields[numbers[name]]
            codes = (
                self._range(field, wanted, at)
                if isinstance(field, NumberField)
                else self._words(field, wanted, at)
            )
            if codes is not None:
                conditions.append(Condition(numbers[name], codes))
        return Rule(
            id=shape.id,
            disposition=shape.then if isinstance(shape, DecisionShape) else "",
            because=shape.because,
            where=self._where(path),
            clause=shape.clause,
            first=shape.first,
            until=shape.until,
            conditions=tuple(conditions),
        )

    def _words(self, field: WordField, wanted: Any, at: Path) -> frozenset[int] | None:
        if isinstance(wanted, dict) or wanted is None:
            self._say(
                "shape",
                at,
                reason=f'"{field.name}" should be a word or a list of words',
                hint=f"write one of: {listed(field.values, 12)}",
            )
            return None
        codes = set()
        for index, word in enumerate([wanted] if isinstance(wanted, str) else wanted):
            if word in field.values:
                codes.add(field.values.index(word))
                continue
            hint = near(str(word), field.values) or f"write one of: {listed(field.values, 12)}"
            place = at if isinstance(wanted, str) else (*at, index)
            self._say("policy-value-unknown", place, field=field.name, value=word, hint=hint)
        return frozenset(codes)

    def _range(self, field: NumberField, wanted: Any, at: Path) -> frozenset[int] | None:
        if not isinstance(wanted, dict):
            self._say(
                "shape",
                at,
                reason=f'"{field.name}" should be a range in words',
                hint="write it as: {more_than: 16} or {at_least: 2, up_to: 8}",
            )
            return None
        key = (field.name, repr(wanted))
        if key not in self._ranges:
            self._ranges[key] = _codes(field, wanted)
        return self._ranges[key]

    def _plan(self, name: str, shape: PlanShape) -> Plan:
        components: list[PlanComponent] = []
        if not shape.components:
            reason, hint = (
                "a plan has at least one component",
                f"write one of: {listed(COMPONENTS)}",
            )
            self._say("shape", ("plans", name, "components"), reason=reason, hint=hint)
        for number, line in enumerate(shape.components):
            for kind, settings in line.items():
                path: Path = ("plans", name, "components", number, kind)
                component = COMPONENTS.get(kind)
                if component is None:
                    hint = near(kind, COMPONENTS) or f"known here: {listed(COMPONENTS)}"
                    self._say("key-unknown", path, key=kind, hint=hint)
                    continue
                settings_shape = shaped(component.shape, self._tree, settings or {}, path)
                if isinstance(settings_shape, list):
                    self._problems.extend(settings_shape)
                    continue
                same = sum(1 for other in components if other.kind == kind)
                components.append(
                    PlanComponent(
                        kind if not same else f"{kind}{same + 1}",
                        kind,
                        settings_shape,
                        self._where(path),
                    )
                )
        return Plan(
            name,
            shape.title,
            tuple(components),
            self._where(("plans", name)),
            shape.clause,
            shape.because,
        )

    def _refuse_overlaps(self, fields: tuple[VocabularyField, ...], rules: list[Rule]) -> None:
        for found in overlaps(fields, rules):
            example = example_in_words(found, fields)
            first, second = found.first, found.second
            self._problems.append(
                problem(
                    "policy-rules-overlap", second.where,
                    first=first.id, second=second.id, other=first.where, example=example,
                )
            )  # fmt: skip

    def _count(self, path: Path, fields: Sequence[VocabularyField], rules: Iterable[Rule]) -> None:
        """Says where ``rules``, as they are in force together, are more than can be matched."""
        sizes = tuple(field.size for field in fields)
        changes: dict[date, int] = {}
        for rule in rules:
            count = simple_count(sizes, rule.conditions)
            first = rule.first or date.min
            if rule.until is not None and rule.until < first:
                continue  # an exception that has no day in common with its rule
            changes[first] = changes.get(first, 0) + count
            if rule.until is not None and rule.until < date.max:
                after = rule.until + timedelta(days=1)
                changes[after] = changes.get(after, 0) - count
        most = max(accumulate(changes[day] for day in sorted(changes)), default=0)
        if most > MOST_RULES:
            self._say("policy-rules-many", path, count=most, most=MOST_RULES)

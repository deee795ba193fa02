"""Ready policies, and new policy folders made of them.

A template is a policy folder of its own: its tests pass as it is. What is asked for a new one are
the values of its example contract; the policy itself is a text to edit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from klausel.charges import COMPONENTS
from klausel.policy import Policy, load_policy
from klausel.policy.ir import text_in
from klausel.policy.load import POLICY_FILE
from klausel.problems import Problem, ProblemError, Where, listed, near, problem
from klausel.scenario import Scenario, ScenarioShape, fragment_book
from klausel.terms import TERM_WORDS
from klausel.tree import Path as Place
from klausel.tree import Tree, parse
from klausel_book.policy_folder import policy_files
from klausel_book.reader import POLICIES
from klausel_book.writer import refuse_existing, whole_folder

CONTRACT_FILE = "contract.yaml"

#: A word and its value on a line of its own, perhaps with a comment behind it.
_LINE = re.compile(
    r"^(?P<word>\s*(?:- )?[\w-]+: )(?P<value>\"[^\"]*\"|[^\s#]+)(?P<rest>\s*(?:#.*)?)$"
)
_POLICY = re.compile(r"^(?P<word>\s*policy: )(?P<value>\S+)$", re.MULTILINE)

#: Of the contract itself, what differs for each customer.
_OF_CONTRACT = {
    "code": "code of the contract",
    "customer": "id of the customer",
    "start": "first day of the contract",
}


#: What a contract covers that is not for the whole customer.
_PROJECT = "project"


class Question(NamedTuple):
    """A value of the example contract that somebody may want otherwise."""

    name: str
    """``start``, or the term and its parameter: ``maintenance.price``."""
    meaning: str
    default: str
    line: int


class Template(NamedTuple):
    name: str
    files: Mapping[str, str]
    policy: Policy
    questions: tuple[Question, ...]

    def title(self, language: str) -> str:
        return text_in(self.policy.title, language, self.name)


def templates_folder() -> Path:
    """The templates that come with the product."""
    return Path(str(files("klausel"))) / "templates"


def templates() -> list[Template]:
    """All of them, by name."""
    found = sorted(templates_folder().iterdir())
    return [template(path.name) for path in found if (path / POLICY_FILE).is_file()]


def template(name: str) -> Template:
    """The template ``name``. Raises ``ProblemError`` where there is none."""
    folder = templates_folder() / name
    known = sorted(path.parent.name for path in templates_folder().glob(f"*/{POLICY_FILE}"))
    if name not in known:
        hint = near(name, known) or "klausel init lists them"
        reason = f'there is no model "{name}"'
        raise ProblemError([problem("option", Where("MODEL"), reason=reason, hint=hint)])
    texts, problems = policy_files(folder, name)
    if problems:
        raise ProblemError(problems)
    policy = _policy(name, texts)
    return Template(name, texts, policy, tuple(_questions(policy, texts[CONTRACT_FILE])))


def _policy(folder: str, texts: Mapping[str, str]) -> Policy:
    policy = load_policy(folder, {POLICY_FILE: texts[POLICY_FILE]})
    if isinstance(policy, list):
        raise ProblemError(policy)
    return policy


def _questions(policy: Policy, contract: str) -> list[Question]:
    tree = parse(contract, CONTRACT_FILE)
    (data,) = tree.data
    found = [
        Question(word, meaning, str(data[word]), tree.where((0, word)).line)
        for word, meaning in _OF_CONTRACT.items()
    ]
    if isinstance(data.get("covers"), dict):
        (project,) = data["covers"]["projects"]
        line = tree.where((0, "covers")).line
        found.append(Question(_PROJECT, "id of the project that it covers", project, line))
    for number, term in enumerate(data["terms"]):
        meanings = {
            parameter.name: parameter.meaning
            for component in policy.plans[term["plan"]].components
            for parameter in COMPONENTS[component.kind].parameters(component.shape)
        }
        found += [
            Question(
                f"{term['id']}.{word}",
                f"{term['id']}: {meanings[word]}",
                str(value),
                tree.where((0, "terms", number, word)).line,
            )
            for word, value in term.items()
            if word not in TERM_WORDS
        ]
    return found


def given_answers(questions: Sequence[Question], given: Sequence[str]) -> dict[str, str]:
    """What is wanted otherwise: ``given`` as ``name=value``.

    Raises ``ProblemError`` where ``given`` names nothing that can be set.
    """
    found: dict[str, str] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not value.strip():
            _refuse(f"--set {text}", "no value is given", "write it as: --set start=2026-01-01")
        found[_named(name.strip(), questions).name] = value.strip()
    return found


def ask_for(
    draft: Draft,
    found: dict[str, str],
    ask: Callable[[Question], str],
    say: Callable[[Problem], None],
) -> None:
    """Fills ``found`` with answers to all other questions; one that does not fit is asked for
    again, and what is wrong with it is said."""
    for question in draft.template.questions:
        while question.name not in found:
            answer = ask(question).strip() or question.default
            problems = draft.problems({**found, question.name: answer})
            for wrong in problems:
                say(wrong)
            if not problems:
                found[question.name] = answer


def _named(name: str, questions: Sequence[Question]) -> Question:
    """The question that ``name`` stands for; the term may be left out where there is only one."""
    fitting = [q for q in questions if name in (q.name, q.name.partition(".")[2])]
    if len(fitting) == 1:
        return fitting[0]
    names = [question.name for question in fitting or questions]
    if fitting:
        reason, hint = f'several terms have "{name}"', f"write one of: {listed(names)}"
    else:
        reason = f'there is nothing called "{name}"'
        hint = near(name, names) or f"write one of: {listed(names)}"
    _refuse(f"--set {name}", reason, hint)
    raise AssertionError("refusing raises")


def _refuse(where: str, reason: str, hint: str) -> None:
    raise ProblemError([problem("option", Where(where), reason=reason, hint=hint)])


class Draft(NamedTuple):
    """A policy that is to be made: all but the answers is known, and fits."""

    template: Template
    target: Path
    texts: Mapping[str, str]
    policy: Policy

    def problems(self, values: Mapping[str, str]) -> list[Problem]:
        """What is wrong with ``values``; the example's own ones stand for the others."""
        questions = self.template.questions
        text = _filled(self.texts[CONTRACT_FILE], questions, values)
        lines = {question.line: Where(f"--set {question.name}") for question in questions}
        return [
            one._replace(where=lines.get(one.where.line, one.where))
            for one in contract_problems(self.policy, text)
        ]

    def write(self, values: Mapping[str, str]) -> Path:
        """Writes the policy; where it is. Nothing is written over.

        Raises ``ProblemError``, also where a value does not fit.
        """
        problems = self.problems(values)
        if problems:
            raise ProblemError(problems)
        contract = _filled(self.texts[CONTRACT_FILE], self.template.questions, values)
        with whole_folder(self.target) as work:
            for file, text in {**self.texts, CONTRACT_FILE: contract}.items():
                (work / file).parent.mkdir(exist_ok=True)
                (work / file).write_text(text, encoding="utf-8")
        return self.target


def draft(found: Template, folder: Path, name: str) -> Draft:
    """A policy called ``name``, to be written to a folder of that name in ``folder``.

    Raises ``ProblemError`` where it cannot be called so, or stands there already.
    """
    texts = dict(found.files)
    for file in (POLICY_FILE, CONTRACT_FILE):
        texts[file] = _POLICY.sub(lambda line: line["word"] + _scalar(name), texts[file], count=1)
    try:
        policy = _policy(name, texts)
    except ProblemError as error:  # the template itself is fine: only its name was changed
        raise ProblemError(
            [one._replace(where=Where("--name")) for one in error.problems]
        ) from None
    if policy.name != name:
        reason, hint = "a policy's name is one word", "use letters, digits and hyphens"
        raise ProblemError([problem("option", Where("--name"), reason=reason, hint=hint)])
    refuse_existing(folder / name)
    return Draft(found, folder / name, texts, policy)


def _filled(text: str, questions: Sequence[Question], values: Mapping[str, str]) -> str:
    """``text`` with ``values`` in place of the example's, comments kept where they stand."""
    lines = text.splitlines()
    for question in questions:
        if question.name not in values or values[question.name] == question.default:
            continue
        if question.name == _PROJECT:
            line = lines[question.line - 1]
            lines[question.line - 1] = line.replace(
                f"[{question.default}]", f"[{_scalar(values[_PROJECT])}]"
            )
            continue
        match = _LINE.match(lines[question.line - 1])
        assert match is not None, f"{question.name} does not stand on a line of its own"
        value = _scalar(values[question.name], match["value"].startswith('"'))
        before = match["word"] + value
        comment = match["rest"].strip()
        column = match.start("rest") + len(match["rest"]) - len(comment)
        lines[question.line - 1] = f"{before:<{column - 1}} {comment}" if comment else before
        if question.name == "code":  # rows of other files in the comments name it, too
            lines = [
                line.replace(question.default, value.strip('"')) if line.startswith("#") else line
                for line in lines
            ]
    return "\n".join(lines) + "\n"


def _scalar(value: str, quoted: bool = False) -> str:
    """``value`` as it stands in YAML."""
    value = value.replace("\\", "").replace('"', "")
    return f'"{value}"' if quoted or not re.fullmatch(r"[\w.-]+", value) else value


def contract_problems(policy: Policy, text: str) -> list[Problem]:
    """What is wrong with the example contract ``text``, read with everything it mentions."""
    tree = parse(text, CONTRACT_FILE)
    if tree.problems:
        return list(tree.problems)
    base: Place = ("book", "contracts")
    places = {(*base, *place): where for place, where in tree.places.items()}
    scenario = Scenario(ScenarioShape(title="", runs=[]), Tree(tree.data, places, ()), (policy,))
    try:
        book = fragment_book({"contracts": tree.data}, scenario, [])
    except ProblemError as error:
        return list(error.problems)
    return [found for found in book.problems if found.severity == "error"]


#: Where a new policy goes if nothing is said.
USUAL_FOLDER = Path(POLICIES)

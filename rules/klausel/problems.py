"""Problems as data: what is wrong, where, and what to write instead.

Every message a user can see stands in :data:`CATALOG`, and every code there has a case under
``tests/cases`` with its exact text.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from difflib import get_close_matches
from itertools import islice
from typing import Literal, NamedTuple

from klausel.signs import one_line

Severity = Literal["error", "warning"]

#: So many problems of one policy are said; what comes after them is mostly more of the same.
MOST_PROBLEMS = 100


class Where(NamedTuple):
    """A place in a file or in the ERP. ``line`` and ``column`` count from 1; 0 means unknown."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        text = self.file
        if self.line:
            text += f":{self.line}"
            if self.column:
                text += f":{self.column}"
        return text


class Problem(NamedTuple):
    """One finding. ``customer`` is set where only that customer has to wait for it, ``day`` where
    it is about that day's facts alone: a run up to an earlier day knows nothing of it."""

    code: str
    severity: Severity
    message: str
    hint: str
    where: Where
    customer: str = ""
    day: date | None = None

    def __str__(self) -> str:
        text = f"{one_line(str(self.where))}: {self.severity}: {self.message}"
        return f"{text}\n    {self.hint}" if self.hint else text


class ProblemError(Exception):
    """Bad input or configuration: carries every problem found. Exit code 2."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted_problems(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Enough(Exception):
    """There are more problems than will be shown."""


class Problems(list[Problem]):
    """What is found on the way; ends the way with :class:`Enough` where it gets too much."""

    def append(self, found: Problem) -> None:
        super().append(found)
        if len(self) > MOST_PROBLEMS:
            raise Enough

    def extend(self, found: Iterable[Problem]) -> None:
        for one in found:
            self.append(one)


class ErpError(Exception):
    """The ERP refused or cannot be reached. One sentence and what to do. Exit code 3."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message}\n    {hint}" if hint else message)


class LostError(ErpError):
    """The ERP cannot be reached now; the same question may be answered later."""


class InternalError(Exception):
    """Our own bug, noticed by a check of our own. Exit code 70."""


def sorted_problems(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda p: (p.where, p.code, p.message))


#: Words that are compared with a wrong one, and how long it may be: comparing is slow.
_MOST_COMPARED, _LONGEST_COMPARED = 2000, 100


def near(word: str, words: Iterable[str]) -> str:
    """``did you mean "x"?`` for the word most like ``word``, or an empty text."""
    if len(word) > _LONGEST_COMPARED:
        return ""
    known = [w for w in islice(words, _MOST_COMPARED) if w and len(w) <= _LONGEST_COMPARED]
    same = [w for w in known if w.casefold() == word.casefold()]
    found = same or get_close_matches(word, known, n=1)
    return f'did you mean "{found[0]}"?' if found else ""


def listed(words: Iterable[str], most: int = 8) -> str:
    """``a, b, c`` with an ellipsis after ``most`` words."""
    known = list(words)
    shown = ", ".join(known[:most])
    return shown + ", ..." if len(known) > most else shown


class Message(NamedTuple):
    severity: Severity
    text: str
    hint: str


def _error(text: str, hint: str = "") -> Message:
    return Message("error", text, hint)


def _warning(text: str, hint: str = "") -> Message:
    return Message("warning", text, hint)


#: code -> message. Fields in braces are filled in by :func:`problem`.
CATALOG: dict[str, Message] = {
    # files
    "file-missing": _error("the file is missing", "{hint}"),
    "file-unreadable": _error("the file cannot be read: {reason}", "{hint}"),
    "file-not-utf8": _error(
        "the file is not UTF-8 text (byte {byte})", "save it as plain text with the encoding UTF-8"
    ),
    "file-link-outside": _error(
        "this is a link to something outside of the policy folder",
        "put a copy of what it leads to into the folder",
    ),
    "file-link-dangling": _error(
        "this is a link to something that is not there",
        "put the file itself here, or remove the link",
    ),
    "file-misnamed": _error(
        "{reason}, and {known} is not there", "rename it to {known}, or move it out of the book"
    ),
    "file-stray": _warning(
        "the file is no part of a book and is not read",
        "rename it if it is meant to be one of {known}; else move it out of the book",
    ),
    "file-vanished": _error(
        "the file is missing, but the ledger has {what}",
        "put the file back: without it, what was billed would look as if it had been deleted",
    ),
    "entries-missing": _warning(
        "the file is missing: no time is billed", "add it, even with its first line alone"
    ),
    "folder-missing": _error("there is no such folder", "{hint}"),
    # CSV
    "csv-empty": _error("the file has no header line", "the first line names the columns: {known}"),
    "csv-column-unknown": _error('unknown column "{column}"', "{hint}"),
    "csv-column-doubled": _error('column "{column}" stands twice', "keep one of them"),
    "csv-column-missing": _error(
        'column "{column}" is missing', "add it to the first line, and its values to every row"
    ),
    "csv-row-length": _error(
        "the row has {found} fields, the first line has {expected}",
        "{hint}",
    ),
    "csv-broken": _error("this is not CSV: {reason}", "{hint}"),
    "sheet-read": _warning(
        "read as a spreadsheet has saved it: {said}",
        "if that is not what it says, save it with commas, decimal points and days as 2026-12-31",
    ),
    # values
    "value-ambiguous": _error(
        '"{field}": {value} may be {one} or {other}', "write {one} or {other}, whichever is meant"
    ),
    "value-mixed": _error(
        '"{field}": {value} has another decimal sign than others in the column, such as {example}',
        "{hint}",
    ),
    "value-missing": _error('"{field}" is empty', "{hint}"),
    "value-date": _error('"{field}": {value} is not a date', "write it as YYYY-MM-DD{example}"),
    "value-number": _error('"{field}": {value} is not a number', "{hint}"),
    "value-hours": _error('"{field}": {value} is not a number of hours', "{hint}"),
    "value-yes-no": _error('"{field}": {value} is neither yes nor no', "write yes or no"),
    "value-choice": _error('"{field}": {value} is not known', "{hint}"),
    "value-duration": _error(
        '"{field}": {value} is not a number of months', "write it as: {example}"
    ),
    "value-currency": _error(
        '"{field}": {value} is not a currency', "write its three-letter code, such as EUR"
    ),
    "value-negative": _error('"{field}": {value} is less than zero', "write zero or more"),
    "number-thousands": _warning(
        '"{field}": {value} is read as {read}, as the point is a decimal point',
        "write {plain} if thousands are meant, else {read}",
    ),
    "factor-large": _warning(
        '"times": {value} makes the price or the hours {value} times as much',
        "write {times} if {percent} percent more are meant",
    ),
    "day-odd": _error('"{field}": {value} cannot be meant', "{hint}"),
    # references and rows
    "id-doubled": _error(
        'id "{id}" stands twice in {table}',
        "it stands first in line {line}; give one of them another id",
    ),
    "reference-unknown": _error('"{field}": there is no {table} "{id}"', "{hint}"),
    "parent-cycle": _error(
        'the parents of {table} "{id}" lead back to itself', 'empty "parent" in one of them'
    ),
    "role-without-first": _error(
        'employee "{id}" has a role since {day}, and no row with the role before',
        'add a row for the employee with "since" empty: the role until then',
    ),
    "role-doubled": _error(
        'employee "{id}" has two roles since {day}', "keep one of them; the other is at {other}"
    ),
    "word-unknown": _warning('"{field}": no policy knows "{value}" ({rows})', "{hint}"),
    "entry-long-day": _warning(
        "{employee} has {hours} hours on {date}", "a day has 24; check the entries of that day"
    ),
    # YAML
    "yaml-broken": _error("this is not YAML: {reason}", "{hint}"),
    "yaml-key-doubled": _error(
        '"{key}" stands twice here', "keep one of them; the other is in line {line}"
    ),
    "yaml-comment": _warning(
        '"{value}" is left out: a # behind a space begins a comment',
        'put it in double quotes: "{whole}"; if it is a comment, write a space behind the #',
    ),
    "yaml-unsupported": _error("{what} is not used in these files", "{hint}"),
    "key-unknown": _error('unknown word "{key}"', "{hint}"),
    "key-missing": _error('"{key}" is missing', "{hint}"),
    "shape": _error("{reason}", "{hint}"),
    # opening balances
    "opening-doubled": _error(
        "the opening of {name} stands twice", "keep one of the two; the other stands at {other}"
    ),
    "opening-lot-purchased": _error(
        "lot {lot} of {name}, taken over on {opened}, is called like the purchase of {date}",
        "give the lot of the opening another name",
    ),
    "opening-lot-ours": _error(
        "lot {lot} of {name}, taken over on {opened}, is called like {what}",
        "give the lot of the opening another name",
    ),
    "opening-expired": _error(
        "the hours of {name} were good until {valid_until}, but the balance is of {date}",
        "correct one of the two dates, or leave the hours out",
    ),
    "opening-empty": _error(
        "the row for {name} says nothing", "write hours, billed_until or both in it"
    ),
    "opening-later": _error(
        '"date": {date} is later than {as_of}',
        "correct it, or name the day of go-live with --as-of",
    ),
    "opening-not-yet-billed": _error(
        '"billed_until": {date} is later than {as_of}, but {name} is billed in arrears',
        "write the last day that was invoiced; only what is billed in advance can lie ahead",
    ),
    "opening-before-start": _error(
        '"billed_until": {date} lies before contract {contract} starts on {start}',
        "correct it, or leave it empty: it would keep nothing from being billed",
    ),
    "opening-far": _error(
        '"billed_until": {date} of {name} is years after {day}: nothing would be billed until then',
        "correct it: write the last day that was invoiced",
    ),
    "opening-ahead": _warning(
        "{name} counts as billed until {date}, after {as_of}, though it is billed in arrears",
        'correct "billed_until" of its opening: work of days to come cannot have been invoiced',
    ),
    "opening-differs": _error(
        "{name} has another opening already: {values}",
        "add --replace to put this one in its place, or leave this row out",
    ),
    "opening-billed": _error(
        "Klausel has billed {name} already, first the period from {period}",
        "an opening is loaded before the first bill: leave this row out, or cancel what was billed",
    ),
    # purchases, acceptances, approvals
    "purchase-outside": _error(
        "purchase {id} is of {date}, when term {term} of contract {contract} does not run ({days})",
        "correct the date, or the days of the contract or term",
    ),
    "purchase-of-nothing": _error(
        "purchase {id} is of term {term} of contract {contract}, whose plan {plan} sells no hours",
        "{hint}; as it stands it would never be invoiced",
    ),
    "part-unknown": _error("term {term} of contract {contract} has {part}", "{hint}"),
    "acceptance-of-nothing": _error(
        "term {term} of contract {contract} has nothing to accept: plan {plan} has no fixed price",
        "{hint}; as it stands it would never be invoiced",
    ),
    "approval-undecided": _error(
        'approval {id} is {state}, but "decided_on" is empty',
        "write the day of the decision, or the state pending",
    ),
    # contracts
    "contract-dates": _error(
        "contract {contract} ends on {end}, before it starts on {start}",
        "correct one of the two dates",
    ),
    "term-dates": _error(
        "term {term} ends on {until}, before it starts on {first}", "correct one of the two dates"
    ),
    "term-outside": _error(
        "term {term} has no day inside the contract ({days})",
        "correct the term's or the contract's dates",
    ),
    "product-missing": _warning(
        "term {term} has no product: what it bills will be refused", "{hint}"
    ),
    "plan-unknown": _error('term {term}: policy {policy} has no plan "{plan}"', "{hint}"),
    "parameter-unknown": _error('term {term}: plan {plan} has no parameter "{name}"', "{hint}"),
    "parameter-missing": _error(
        'term {term}: plan {plan} needs "{name}"', "add a line such as {name}: {example}"
    ),
    "dated-order": _error(
        "{name}: {later} stands before {earlier}",
        "write dated values oldest first; always comes before all dates",
    ),
    "dated-doubled": _error("{name}: {date} stands twice", "keep one of the two values"),
    "dated-gap": _error(
        "{name} has no value before {first}, but the term starts on {start}",
        "add a value for {start} or earlier",
    ),
    "covers-foreign": _error(
        "contract {contract} covers {table} {id}, which belongs to customer {owner}",
        "a contract covers only what belongs to its own customer, {customer}",
    ),
    "covers-gone": _warning(
        "contract {contract} covers {table} {id}, which belongs to customer {owner} now",
        "leave it there for what {contract} has settled; new work on it is {owner}'s",
    ),
    "contracts-clash": _error(
        "contracts {first} and {second} are equally narrow and both take entry {entry} of {date}",
        "let one of them cover less (a project or a ticket), or leave the work to one of the two",
    ),
    "line-edited": _error(
        "line {line} was changed by hand from {was} to {now}, and {back} of it would be taken back",
        "change it back in its invoice, or delete the line: what is due of it is billed anew",
    ),
    "entry-of-another": _warning(
        "entry {entry} of {date}, {hours}, is settled with {settled} under contract {contract}:"
        " {customer} is not billed for it",
        "klausel bill --adjust, for {settled} and {customer} in one run, takes it back there and"
        " bills it here",
    ),
    "entry-elsewhere": _warning(
        "entry {entry} of {date}, {hours}, is settled under contract {contract} of {customer}: it"
        " is not billed again",
        "klausel bill --adjust takes it back there; the run here after that bills it",
    ),
    "entry-contract-gone": _warning(
        "entry {entry} of {date}, {hours}, is settled under contract {contract}, which is not"
        " there: it is not billed again",
        "a contract that has billed stays in the book, with its end",
    ),
    "backlog": _warning(
        "{count} periods of {name} from {first} on would be billed at once: {amount}",
        "if somebody else invoiced them, load an opening (klausel openings); if they are really"
        " open, bill with --backlog",
    ),
    # policies
    "policy-unknown": _error('there is no policy "{policy}"', "{hint}"),
    "policy-field-unknown": _error('there is no field "{field}"', "{hint}"),
    "policy-value-unknown": _error('field {field} has no value "{value}"', "{hint}"),
    "policy-rule-doubled": _error(
        'rule id "{id}" stands twice', "give each rule its own id; the other stands at {other}"
    ),
    "policy-otherwise-last": _error(
        "the line after otherwise is never reached", "move otherwise to the end"
    ),
    "file-outside": _error(
        '"{name}" names no file of the policy folder',
        "write its name as seen from policy.yaml, with / between folders: plans/hours.yaml",
    ),
    "file-unknown": _error('there is no {kind} file "{name}" in the policy folder', "{hint}"),
    "file-twice": _error(
        '"{name}" is read already', "it is first named at {other}; keep one of the two"
    ),
    "include-cycle": _error('"{name}" leads back to itself: {way}', "remove one of these includes"),
    "include-deep": _error(
        "files include one another more than {most} deep", "include them from policy.yaml"
    ),
    "include-main-word": _error('"{key}" stands in {main} alone', "remove it from this file"),
    "include-doubled": _error(
        '"{key}" stands here and at {other}', "keep one of them, or put both into one file"
    ),
    "table-column-inside": _error(
        'columns "{other}" and "{column}" are for the same word', "keep one of them"
    ),
    "name-unknown": _error('there is no {kind} "{name}"', "{hint}"),
    "policy-value-dates": _error(
        'value "{name}" has dates, and here one value is for all days',
        "name a value without dates",
    ),
    "policy-value-gap": _error(
        'value "{name}" begins on {first}, but the rule holds before that',
        "give the value an always: before its dates, or let the rule begin with from: {first}",
    ),
    "policy-too-large": _error(
        "with everything that is named written out, the policy has more than {most} values",
        "split the policy, or name tables and rate cards less often",
    ),
    "policy-rules-overlap": _error(
        "rules {first} and {second} both fit {example}",
        "hit: unique wants one rule for each case: narrow one of them ({first} stands at {other}),"
        " make one an exception of the other, or write hit: first to let the upper one decide",
    ),
    "policy-numbers-many": _error(
        "the rules compare {field} with {count} different numbers, more than {most}",
        "use fewer limits for it, or split the policy",
    ),
    "policy-rules-many": _error(
        "the rules make {count} simple conditions, more than {most}",
        "split the policy, or name fewer values one by one",
    ),
    "test-doubled": _error(
        'test "{name}" stands twice', "give each test its own name; the other stands at {other}"
    ),
    "policy-folder-stray": _warning(
        "this folder has no {file} and is not read",
        "add its {file}, or move the folder out of the folder of the policies",
    ),
    "policy-copy": _warning(
        'policy "{name}" stands here too and is not read: that in {other} is',
        "move the copy out of the folder of the policies, or give it a name of its own",
    ),
    "policy-left-out": _warning(
        "the policy cannot be read, and no contract that was read names it: {reason}",
        "mend it (klausel check says all that is wrong), or move it out of the policies' folder",
    ),
    "policy-broken": _error(
        'policy "{policy}" of contract {contract} cannot be read', "mend it: see {other}"
    ),
    "policy-problems-many": _error(
        "this policy has more problems than are shown", "mend these first, and look again"
    ),
    "policy-published": _warning(
        "policy {policy} is published as {published}, but the files in use are {used}",
        "publish again: klausel publish {policy}; or use the files that were published",
    ),
    # the ledger
    "contract-customer-changed": _error(
        "contract {contract} was billed to {was}, {billed} so far, and now names {now}",
        "put back customer: {id}; to go on with another customer, end it and make a new contract",
    ),
    "contract-customer-gone": _warning(
        "contract {contract} was billed to {was}, {billed} so far, who is no customer here any"
        " more; it goes on with {now}",
        "if the two are not the same, put back {id}, end the contract and make a new one",
    ),
    "contract-currency-changed": _error(
        "contract {contract} was billed in {was}, {billed} so far, and is in {now} now",
        "put back currency: {was}; to go on in {now}, end it and make a new contract",
    ),
    "ledger-changed": _error(
        "the checksum does not fit: this line was changed, or lines before it were changed,"
        " removed or moved",
        "{hint}",
    ),
    "ledger-bare": _error(
        "this line has no checksum, though one before it has: klausel did not write it", "{hint}"
    ),
    "ledger-short": _error("the ledger has {there} lines, and {lines} were written", "{hint}"),
    "ledger-cut": _error(
        "the last line is cut off: what it had put on record would be billed again", "{hint}"
    ),
    "ledger-unlike": _error(
        "a line on record is not what stands there with it: {what}",
        "put the row right; where its links do not hold then, seal it: klausel audit --repair",
    ),
    "ledger-run": _error("what the run for {run} put on record was changed since", "{hint}"),
    "ledger-remains": _warning(
        "the last line is cut off: a run broke off before it had billed this customer",
        "the next bill takes its place",
    ),
    # command line
    "option": _error("{reason}", "{hint}"),
}


def problem(code: str, where: Where, customer: str = "", /, **fields: object) -> Problem:
    """The problem ``code`` of the catalog with its sentence filled in."""
    message = CATALOG[code]
    said = {name: _said(name, str(value)) for name, value in fields.items()}
    return Problem(
        code,
        message.severity,
        message.text.format(**said),
        message.hint.format(**said),
        where,
        customer,
    )


#: What people wrote is shown as it is, but neither without end nor so that it moves the cursor.
_WRITTEN = ("value", "key", "field", "name", "column", "id")
_MOST_WRITTEN, _MOST_SAID = 100, 800


def _said(name: str, text: str) -> str:
    most = _MOST_WRITTEN if name in _WRITTEN else _MOST_SAID
    if len(text) > most:
        text = f"{text[: most - 3]}..."
    return one_line(text)

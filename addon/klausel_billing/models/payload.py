"""What ``klausel_apply`` is given, checked piece by piece."""

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

MOVE_TYPES = ("out_invoice", "out_refund")
DISPLAY_TYPES = ("", "line_section", "line_note")
PARAMETER_TYPES = ("money", "hours", "quantity", "requests")
RULE_KINDS = ("field", "scope", "approval", "budget", "surcharge", "rounding", "component")
RULE_DISPOSITIONS = ("", "included", "service", "change", "third_party", "warranty", "internal")
DISPOSITIONS = (
    "",
    "included",
    "service",
    "change",
    "third_party",
    "warranty",
    "internal",
    "written_off",
    "billed_elsewhere",
)
WORD_FACTS = ("activity", "entry_tag", "initiated_by", "origin", "sla", "task_tag")
#: The largest integer of a database column.
LARGEST = 2**31 - 1
#: The longest name of a run.
LONGEST = 64


class BadPayload(ValueError):
    """The name of the part that is not what it should be."""


class Line(NamedTuple):
    key: str
    display_type: str
    name: str
    product: int
    quantity: Decimal
    unit: str
    price: Decimal
    discount: Decimal
    first: date | None
    last: date | None
    contract: str
    entries: tuple
    corrects: int
    original: str
    marks: tuple = ()


class Move(NamedTuple):
    key: str
    move_type: str
    currency: str
    reference: str
    narration: str
    total: Decimal
    language: str
    refresh: bool
    reverses: int
    lines: tuple

    @property
    def products(self):
        return [line for line in self.lines if not line.display_type]


class Row(NamedTuple):
    contract: str
    term: str
    component: str
    period: date
    group: str
    sequence: int
    entry: int
    seconds: int
    rounded: int
    disposition: str
    rule: str
    rate: str
    lot: str
    amount: str
    quantity: str
    discount: str
    held: str
    fingerprint: str
    policy: str
    drawn: int
    counted: date | None
    last: date | None
    role: str
    line: str
    booked: str


class Parameter(NamedTuple):
    name: str
    meaning: dict
    type: str
    required: bool
    example: str


class Plan(NamedTuple):
    name: str
    title: dict
    clause: str
    parameters: tuple
    parts: tuple | None
    """What is accepted of it; None: the program that called says nothing of that."""
    sells_hours: bool
    """Whether hours can be bought under it, or the program says nothing of that."""
    because: dict


class Rule(NamedTuple):
    kind: str
    name: str
    clause: str
    disposition: str
    plan: str
    effect: dict
    because: dict


class Policy(NamedTuple):
    name: str
    version: str
    hash: str
    digest: str
    replaces: str
    title: dict
    plans: tuple
    words: tuple
    """Pairs of a fact and a word for it; a program of before there were any sends none."""
    rules: tuple
    """A program of before there were any sends none."""


class Payload(NamedTuple):
    customer: int
    sequence: int
    key: str
    as_of: date
    fingerprints: dict
    moves: tuple
    rows: tuple
    policies: dict
    record: str
    batch: str = ""
    """The run over all customers that it belongs to, as the program calls it."""
    request: int = 0
    worker: str = ""


def text(data, name, required=False):
    value = data.get(name) or ""
    if not isinstance(value, str) or (required and not value):
        raise BadPayload(name)
    return value


def storable(value):
    """``value``, unless PostgreSQL cannot store it."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadPayload from None
    if "\0" in value:
        raise BadPayload
    return value


def integer(data, name, least=0):
    value = data.get(name) or 0
    if isinstance(value, str) and value.removeprefix("-").isdigit():
        value = int(value)
    if type(value) is not int or not least <= value <= LARGEST:
        raise BadPayload(name)
    return value


def decimal(data, name):
    value = data.get(name)
    try:
        found = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        found = None
    if found is None or not found.is_finite():
        raise BadPayload(name)
    return found


def _decimal_text(data, name):
    """As it is: the ledger keeps all digits."""
    if data.get(name) in (None, False, ""):
        return ""
    decimal(data, name)
    return data[name]


def day(data, name):
    try:
        return date.fromisoformat(text(data, name, required=True))
    except ValueError:
        raise BadPayload(name) from None


def optional_day(data, name):
    return day(data, name) if data.get(name) else None


def one_of(data, name, known):
    value = text(data, name)
    if value not in known:
        raise BadPayload(name)
    return value


def _list(data, name):
    values = data.get(name)
    if not isinstance(values, list | tuple):
        raise BadPayload(name)
    return values


def records(data, name):
    values = _list(data, name)
    if not all(isinstance(value, dict) for value in values):
        raise BadPayload(name)
    return values


def _texts(data, name):
    """Text by text; empty where nothing is said."""
    values = data.get(name) or {}
    if not isinstance(values, dict):
        raise BadPayload(name)
    return {key: text(values, key, required=True) for key in values if isinstance(key, str)}


def _line(data):
    display_type = one_of(data, "display_type", DISPLAY_TYPES)
    name = text(data, "name")
    marks = tuple(_list(data, "marks")) if data.get("marks") else ()
    if not all(type(mark) is int for mark in marks):
        raise BadPayload("marks")
    if display_type:
        zero = Decimal(0)
        key = text(data, "key")
        return Line(
            key, display_type, name, 0, zero, "", zero, zero, None, None, "", (), 0, "", marks
        )
    if not all(type(entry) is int for entry in _list(data, "entries")):
        raise BadPayload("entries")
    return Line(
        key=text(data, "key", required=True),
        display_type="",
        name=name,
        product=integer(data, "product_id"),
        quantity=decimal(data, "quantity"),
        unit=text(data, "unit"),
        price=decimal(data, "price_unit"),
        discount=decimal(data, "discount"),
        first=day(data, "from"),
        last=day(data, "to"),
        contract=text(data, "contract", required=True),
        entries=tuple(data["entries"]),
        corrects=integer(data, "corrects"),
        original=text(data, "original"),
        marks=marks,
    )


def _move(data):
    move = Move(
        key=text(data, "key", required=True),
        move_type=one_of(data, "move_type", MOVE_TYPES),
        currency=text(data, "currency", required=True),
        reference=text(data, "reference"),
        narration=text(data, "narration"),
        total=decimal(data, "total"),
        language=text(data, "language"),
        refresh=bool(data.get("refresh")),
        reverses=integer(data, "reverses"),
        lines=tuple(map(_line, records(data, "lines"))),
    )
    if not move.products:
        raise BadPayload("lines")
    return move


def _row(data):
    if data.get("state", "live") != "live":
        raise BadPayload("state")
    return Row(
        contract=text(data, "contract", required=True),
        term=text(data, "term"),
        component=text(data, "component"),
        period=day(data, "period"),
        group=text(data, "group"),
        sequence=integer(data, "sequence"),
        entry=integer(data, "entry"),
        seconds=integer(data, "seconds", least=-LARGEST),
        rounded=integer(data, "rounded", least=-LARGEST),
        disposition=one_of(data, "disposition", DISPOSITIONS),
        rule=text(data, "rule"),
        rate=_decimal_text(data, "rate"),
        lot=text(data, "lot"),
        amount=_decimal_text(data, "amount"),
        quantity=_decimal_text(data, "quantity"),
        discount=_decimal_text(data, "discount"),
        held=text(data, "held"),
        fingerprint=text(data, "fingerprint"),
        policy=text(data, "policy"),
        drawn=integer(data, "drawn", least=-LARGEST),
        counted=optional_day(data, "counted"),
        last=optional_day(data, "last"),
        role=text(data, "role"),
        line=text(data, "line"),
        booked=text(data, "booked"),
    )


def parse(data):
    """Raises :class:`BadPayload` where something is missing or of another type."""
    fingerprints = data.get("fingerprints")
    if not isinstance(fingerprints, dict):
        raise BadPayload("fingerprints")
    found = Payload(
        customer=integer(data, "partner_id", least=1),
        sequence=integer(data, "seq"),
        key=text(data, "key", required=True),
        as_of=day(data, "as_of"),
        fingerprints={
            integer({"fingerprints": id_}, "fingerprints", least=1): text(
                fingerprints, id_, required=True
            )
            for id_ in fingerprints
        },
        moves=tuple(map(_move, records(data, "moves"))),
        rows=tuple(map(_row, records(data, "rows"))),
        policies=_texts(data, "policies"),
        record=text(data, "record"),
        batch=text(data, "batch"),
        request=integer(data, "request"),
        worker=text(data, "worker"),
    )
    if len(found.batch) > LONGEST:
        raise BadPayload("batch")
    lines = [line.key for move in found.moves for line in move.products]
    if len(set(lines)) != len(lines):
        raise BadPayload("key")
    for row in found.rows:
        if row.line and row.line not in lines:
            raise BadPayload("line")
        # Only what is taken back may be about a timesheet that is there no longer.
        if row.entry and row.fingerprint and row.entry not in found.fingerprints:
            raise BadPayload("entry")
    # Nothing may be billed that does not go on record.
    if not {row.line for row in found.rows if row.amount}.issuperset(lines):
        raise BadPayload("rows")
    return found


def _parameter(data):
    return Parameter(
        name=text(data, "name", required=True),
        meaning=_texts(data, "meaning"),
        type=one_of(data, "type", PARAMETER_TYPES),
        required=bool(data.get("required")),
        example=text(data, "example", required=True),
    )


def _plan(data):
    return Plan(
        name=text(data, "name", required=True),
        title=_texts(data, "title"),
        clause=text(data, "clause"),
        parameters=_named(map(_parameter, records(data, "parameters")), "parameters"),
        parts=_parts(data),
        sells_hours=bool(data.get("sells_hours", True)),
        because=_texts(data, "because"),
    )


def _rule(data):
    return Rule(
        kind=one_of(data, "kind", RULE_KINDS),
        name=text(data, "name", required=True),
        clause=text(data, "clause"),
        disposition=one_of(data, "disposition", RULE_DISPOSITIONS),
        plan=text(data, "plan"),
        effect=_texts(data, "effect"),
        because=_texts(data, "because"),
    )


def _rules(data, plans):
    """Rules of a policy; what is about a plan names one of ``plans``."""
    if data.get("rules") is None:
        return ()
    rules = tuple(map(_rule, records(data, "rules")))
    names = {plan.name for plan in plans}
    if any((rule.plan in names) != (rule.kind == "component") for rule in rules):
        raise BadPayload("plan")
    return rules


def _parts(data):
    if data.get("parts") is None:
        return None
    names = tuple(_list(data, "parts"))
    if not all(isinstance(name, str) for name in names):
        raise BadPayload("parts")
    return names


def _words(data):
    found = data.get("words") or {}
    if not isinstance(found, dict) or not found.keys() <= set(WORD_FACTS):
        raise BadPayload("words")
    pairs = [(fact, name) for fact in found for name in _list(found, fact)]
    if not all(isinstance(name, str) and name for _fact, name in pairs):
        raise BadPayload("words")
    return tuple(dict.fromkeys(pairs))


def _policy(data):
    plans = _named(map(_plan, records(data, "plans")), "plans")
    return Policy(
        name=text(data, "name", required=True),
        version=text(data, "version", required=True),
        hash=text(data, "hash", required=True),
        digest=text(data, "digest", required=True),
        replaces=text(data, "replaces"),
        title=_texts(data, "title"),
        plans=plans,
        words=_words(data),
        rules=_rules(data, plans),
    )


def _named(found, part):
    """All of ``found``, whose names differ."""
    found = tuple(found)
    if len({one.name for one in found}) != len(found):
        raise BadPayload(part)
    return found


def parse_policies(data):
    """What ``klausel_publish`` is given; raises as :func:`parse`."""
    return _named(map(_policy, records(data, "policies")), "policies")

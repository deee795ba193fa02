"""Located tree -> typed shapes (pydantic), with problems that say file, line and what to write.

The types here are those that every file of the product shares: plain decimals, dates, durations,
texts per language, dated values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from klausel.money import parse_decimal, parse_hours
from klausel.problems import MOST_PROBLEMS, Problem, listed, near, problem
from klausel.tree import Tree

LANGUAGES = ("en", "de", "nl")

#: Digits before the point of any number in a file; more is a slip.
MOST_DIGITS = 12

#: Digits behind the point; an ERP's own numbers have up to 17.
MOST_DECIMALS = 30
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_OTHER_DATES = (
    (re.compile(r"(\d{1,2})/(1[3-9]|2\d|3[01])/(\d{4})"), (3, 1, 2)),
    (re.compile(r"(1[3-9]|2\d|3[01])/(\d{1,2})/(\d{4})"), (3, 2, 1)),
    (re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})"), (1, 2, 3)),
    (re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})"), (3, 2, 1)),
    (re.compile(r"(\d{1,2})[/-](\1)[/-](\d{4})"), (3, 2, 1)),
    (re.compile(r"(1[3-9]|2\d|3[01])-(\d{1,2})-(\d{4})"), (3, 2, 1)),
    (re.compile(r"(\d{1,2})-(1[3-9]|2\d|3[01])-(\d{4})"), (3, 1, 2)),
)
_MONTHS = re.compile(r"(\d{1,4}) months?")
_MINUTES = re.compile(r"(\d{1,4}) ?([mh])")

#: Words for stretches of time in the languages that admins write, in months.
_STRETCHES = {
    "month": 1, "monat": 1, "maand": 1, "quarter": 3, "quartal": 3, "kwartaal": 3,
    "halfyear": 6, "halbjahr": 6, "halfjaar": 6, "year": 12, "jahr": 12, "jaar": 12,
    "yr": 12, "y": 12, "m": 1, "q": 3,
    "monthly": 1, "monatlich": 1, "maandelijks": 1, "quarterly": 3, "quartalsweise": 3,
    "yearly": 12, "annually": 12, "annual": 12, "jährlich": 12, "jaarlijks": 12,
}  # fmt: skip
_STRETCH = re.compile(r"(?:(\d{1,4})\s*)?([^\W\d_]+)")

ModelT = TypeVar("ModelT", bound="Shape")


class Shape(BaseModel):
    """Base of all shapes: unknown words are errors, values never change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, defer_build=True
    )


#: Days of contracts, work and runs lie in these years; a run over all others would never end well.
FIRST_YEAR, LAST_YEAR = 1900, 2199


class OddDay(ValueError):
    """A day that nobody means: carries what to write instead."""


def parse_date(text: str) -> date:
    """A day written YYYY-MM-DD. Raises ``ValueError``."""
    if not _DATE.fullmatch(text):
        raise ValueError(text)
    return date(int(text[:4]), int(text[5:7]), int(text[8:]))


def parse_day(text: str) -> date:
    """A day of contracts, work or runs. Raises as :func:`parse_date`, and :class:`OddDay`."""
    found = parse_date(text)
    if found.year > LAST_YEAR:
        raise OddDay(f"write a day before {LAST_YEAR + 1}; leave it out where there is no end")
    if found.year < FIRST_YEAR:
        raise OddDay(f"write a day from {FIRST_YEAR} on")
    return found


def date_hint(text: str) -> str:
    """What to add to "write it as YYYY-MM-DD" for ``text``, which is no date."""
    for pattern, order in _OTHER_DATES:
        match = pattern.fullmatch(text.strip())
        if match:
            year, month, day = (int(match[number]) for number in order)
            break
    else:
        return ", such as 2026-12-31"
    if year < 1:
        return "; years begin with 1"
    if not 1 <= month <= 12:
        return f"; there is no month {month}"
    try:
        return f": {date(year, month, day).isoformat()}"
    except ValueError:
        return f"; that month has no day {day}"


_SWAPPED = re.compile(r"(\d{1,2})([/-])(\d{1,2})\2(\d{4})")


def either_day(text: str) -> tuple[str, str] | None:
    """The two days that ``text`` may be where nobody knows whether the month comes first."""
    match = _SWAPPED.fullmatch(text.strip())
    if match is None or match[1].zfill(2) == match[3].zfill(2):
        return None
    try:
        one, other = (
            date(int(match[4]), int(match[month]), int(match[day])).isoformat()
            for day, month in ((1, 3), (3, 1))
        )
    except ValueError:
        return None
    return one, other


def parse_number(text: str) -> Decimal:
    """A plain number that can be calculated with; raises ``ValueError`` with what to write."""
    value = parse_decimal(text)
    if len(text.strip().partition(".")[2]) > MOST_DECIMALS:
        raise ValueError(f"write a number with at most {MOST_DECIMALS} digits behind the point")
    if value and value.adjusted() >= MOST_DIGITS:
        raise ValueError(f"write a number with at most {MOST_DIGITS} digits before the point")
    return value


def parse_seconds(text: str) -> int:
    """Seconds of hours that can be calculated with; raises as :func:`parse_number`."""
    if ":" not in text:
        parse_number(text)
    return parse_hours(text)


def parse_months(text: str) -> int:
    """``12 months`` as a number. Raises ``ValueError``."""
    match = _MONTHS.fullmatch(text.strip())
    if not match:
        raise ValueError(text)
    return int(match[1])


def months_hint(text: str) -> str:
    """How to write the stretch of time that ``text`` seems to mean: ``3 months`` for a quarter."""
    said = text.strip().casefold()
    if said.isdecimal() and 0 < int(said[:5]) < 1000:
        number = int(said)
    else:
        found = _STRETCH.fullmatch(re.sub("(half)[- ]|[.]", r"\1", said))
        word = found[2] if found else ""
        unit = next((_STRETCHES[w] for w in (word, word[:-1], word[:-2]) if w in _STRETCHES), None)
        number = int(found[1] or 1) * unit if found and unit else 12
    return f"{number} month" if number == 1 else f"{number} months"


def parse_minutes(text: str) -> int:
    """Seconds of ``15m`` or ``1h``. Raises ``ValueError``."""
    match = _MINUTES.fullmatch(text.strip())
    if not match:
        raise ValueError(text)
    return int(match[1]) * (60 if match[2] == "m" else 3600)


def parse_yes_no(text: str) -> bool:
    """yes/no and their usual spellings. Raises ``ValueError``."""
    word = text.strip().lower()
    if word in ("yes", "true", "1"):
        return True
    if word in ("no", "false", "0"):
        return False
    raise ValueError(text)


def _date(value: object) -> object:
    if isinstance(value, str):
        try:
            return parse_date(value)
        except ValueError:
            raise PydanticCustomError("klausel_date", "{value}", {"value": value}) from None
    return value


def _business_day(value: object) -> object:
    if isinstance(value, str):
        try:
            return parse_day(value)
        except OddDay as error:
            raise PydanticCustomError("klausel_day", "{hint}", {"hint": str(error)}) from None
        except ValueError:
            pass
    return _date(value)


def _decimal(value: object) -> object:
    if isinstance(value, str):
        try:
            return parse_number(value)
        except ValueError as error:
            raise PydanticCustomError(
                "klausel_number", "{value}", {"value": value, "hint": str(error)}
            ) from None
    return value


def _months(value: object) -> object:
    if isinstance(value, list | dict):
        raise complain("{this} should be a number of months", "write it as: 12 months")
    if isinstance(value, str):
        try:
            return parse_months(value)
        except ValueError:
            raise PydanticCustomError("klausel_months", "{value}", {"value": value}) from None
    return value


def _minutes(value: object) -> object:
    if isinstance(value, list | dict):
        raise complain("{this} should be a stretch of time", "write it as 15m or 1h")
    if isinstance(value, str):
        try:
            return parse_minutes(value)
        except ValueError:
            raise complain(f'"{value}" is not a stretch of time', "write it as 15m or 1h") from None
    return value


def _texts(value: object) -> object:
    if value is not None and not isinstance(value, str | dict):
        raise complain("{this} should be a text", "write one sentence, or one per language")
    return {"en": value} if isinstance(value, str) else value


def _spoken(value: Mapping[str, str]) -> Mapping[str, str]:
    for word in value:
        if word not in LANGUAGES:
            raise complain(
                f'"{word}" is not a language in use', f"write one of: {', '.join(LANGUAGES)}", word
            )
    return value


def _words(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Shared(NamedTuple):
    """Marks a place of a policy file where something that stands elsewhere may be named:
    ``{value: big}``, ``{text: covered}``, ``{table: work.csv}``, or a rate card's name."""

    word: Literal["value", "text", "table", "rates"]
    dated: bool = False
    """Whether a value may have dates here."""


#: Marks a mapping in place of which a list of its words may stand.
NAMES_TOO = "names"


Day = Annotated[date, BeforeValidator(_date)]
BusinessDay = Annotated[date, BeforeValidator(_business_day)]
Number = Annotated[Decimal, BeforeValidator(_decimal), Shared("value")]
Months = Annotated[int, BeforeValidator(_months)]
Minutes = Annotated[int, BeforeValidator(_minutes)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Texts = Annotated[
    Mapping[str, str], BeforeValidator(_texts), AfterValidator(_spoken), Shared("text")
]


def _dated(value: object) -> object:
    """A single value is one that always holds."""
    return {"always": value} if value is not None and not isinstance(value, dict) else value


#: first day (or "always") -> number as text; checked for order by :func:`check_dated`.
DatedNumbers = Annotated[dict[str, Number], BeforeValidator(_dated), Shared("value", dated=True)]


def check_dated(name: str, values: dict[str, Decimal], *at: str) -> None:
    """Refuses keys that are no days, and days out of order; for validators of shapes.

    ``at`` are the words that lead to the values.
    """
    last: date | None = None
    for key in values:
        if key == "always" and last is None:
            continue
        try:
            day = parse_date(key)
        except ValueError:
            if key == "always":
                reason, hint = f"always stands after {last}", "write always before the dates"
            else:
                reason, hint = f"{key} is not a date", f"write it as YYYY-MM-DD{date_hint(key)}"
            raise complain(f"{name}: {reason}", hint, *at, key) from None
        if last is not None and day <= last:
            hint = "write dated values oldest first"
            raise complain(f"{name}: {day} stands before {last}", hint, *at, key)
        last = day


def shaped(
    model: type[ModelT], tree: Tree, data: Any, path: tuple[str | int, ...]
) -> ModelT | list[Problem]:
    """``data`` (found at ``path`` of ``tree``) as a ``model``, or the problems it has."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False)[: 2 * MOST_PROBLEMS]
        return [
            found
            for detail in _told(details, tree, path)
            for found in _problems_of(detail, model, tree, path)
        ]


def _told(
    details: list[ErrorDetails], tree: Tree, path: tuple[str | int, ...]
) -> list[ErrorDetails]:
    """``details`` without those of kinds that a value is clearly not meant to be.

    Where a value may be of several kinds, each kind reports what it misses. The kind that found
    something inside the value is meant; if none did, the first one speaks for all.
    """
    told: list[ErrorDetails] = []
    for detail in details:
        *around, last = detail["loc"] or ("",)
        whole = detail["type"].endswith("_type") and len(around) > 0
        if whole and (*path, *_real(tuple(around), tree, path), last) not in tree.places:
            others = [o["loc"] for o in details if o is not detail]
            inside = any(
                loc[: len(around)] == tuple(around) and len(loc) > len(around) + 1 for loc in others
            )
            if inside or any(list(o["loc"][:-1]) == around for o in told):
                continue
        told.append(detail)
    return told


def _problems_of(
    detail: ErrorDetails, model: type[BaseModel], tree: Tree, path: tuple[str | int, ...]
) -> Iterable[Problem]:
    loc = tuple(piece for piece in detail["loc"] if piece != "[key]")
    full = (*path, *_real(loc, tree, path))
    where = tree.where(full)
    field = str(loc[-1]) if loc else ""
    name = _name(full)
    kind = detail["type"]
    context = detail.get("ctx") or {}
    given = detail.get("input")
    if kind == "extra_forbidden":
        known = _known_words(model, loc[:-1])
        hint = near(field, known) or (f"known here: {listed(known, 20)}" if known else "remove it")
        if given is None and field.isdigit():
            hint = DECIMAL_HINT
        yield problem("key-unknown", where, key=field, hint=hint)
    elif kind == "missing":
        choices = _choices(model, loc)
        rest = f" and one of: {listed(choices)}" if choices else ""
        hint = f"add a line that begins with {field}:{rest}"
        if where.file.endswith(".csv"):
            hint = f"fill in the column {field}; add it to the first line if it is not there"
        yield problem("key-missing", where, key=field, hint=hint)
    elif kind == "klausel_date":
        yield problem("value-date", where, field=name, value=given, example=date_hint(str(given)))
    elif kind == "klausel_day":
        yield problem("day-odd", where, field=name, value=given, hint=context["hint"])
    elif kind == "klausel_number":
        yield problem("value-number", where, field=name, value=given, hint=context["hint"])
    elif kind == "klausel_months":
        example = months_hint(str(given))
        yield problem("value-duration", where, field=name, value=given, example=example)
    elif kind in ("literal_error", "enum"):
        choices = [word.strip("'") for word in re.findall(r"'[^']*'", context.get("expected", ""))]
        hint = near(str(given), choices)
        several = "one of: " if len(choices) > 1 else ""
        hint = hint or f"write {several}{listed(choices, 12)}"
        yield problem("value-choice", where, field=name, value=given, hint=hint)
    elif kind == "klausel":
        where = tree.where((*full, *context.get("at", ())))
        reason = context["reason"].replace("{this}", f'"{name}"' if name else "this")
        yield problem("shape", where, reason=reason, hint=context["hint"])
    else:
        said = f'"{name}"' if name else "this"
        if name and isinstance(full[-1], int):
            said = f"each of {said}" if given is not None else f"a line of {said}"
        reason, hint = _plain_words(kind, said, given, context)
        lost = next((one for one in tree.doubts if one.where[:2] == where[:2]), None)
        if given is None and lost is not None:
            hint = lost.hint
        known = _known_words(model, loc)
        if kind in ("model_type", "model_attributes_type") and given is not None and known:
            hint = f"{hint}; words here: {listed(known, 20)}"
        yield problem("shape", where, reason=reason, hint=hint)


#: Where braces end a number at its comma.
DECIMAL_HINT = "write decimals with a point, such as 16.5"


def complain(reason: str, hint: str, *at: str | int) -> PydanticCustomError:
    """What a validator of a shape raises: the sentence and what to write instead; ``at`` are the
    words that lead from the shape to the one that is wrong."""
    return PydanticCustomError("klausel", "{reason}", {"reason": reason, "hint": hint, "at": at})


def _plain_words(
    kind: str, said: str, given: object, context: Mapping[str, Any]
) -> tuple[str, str]:
    if given is None and said.strip('"').isdigit():
        return f"{said} has no value", DECIMAL_HINT
    if given is None:
        sign = "dash" if said.startswith("a line of") or said == "this" else "colon"
        return f"{said} has no value", f"write one after the {sign}, or remove the line"
    hint = "write below it, indented: word: value"
    if said == "this":
        hint = "write it in lines, each with a word, a colon and its value"
    elif said.startswith("each of"):
        hint = "write after the dash: word: value"
    group = ("lines of word: value", hint)
    expects = {
        "dict_type": group,
        "model_type": group,
        "model_attributes_type": group,
        "list_type": ("a list", "write it as lines that begin with a dash"),
        "tuple_type": ("a list", "write it as [one, two], or as lines that begin with a dash"),
        "string_type": ("a single text", "write one word or one sentence"),
        "int_parsing": ("a whole number", "write a whole number such as 3"),
        "date_type": ("a date", "write it as YYYY-MM-DD"),
        "int_parsing_size": ("a smaller number", "write a whole number such as 3"),
        "decimal_type": ("a number", "write a plain number such as 12 or 12.50"),
        "greater_than_equal": (f"at least {context.get('ge')}", "write a larger number"),
        "less_than_equal": (f"at most {context.get('le')}", "write a smaller number"),
        "int_type": ("a whole number", "write a whole number such as 3"),
        "bool_type": ("yes or no", "write yes or no"),
        "mapping_type": ("a text", "write one sentence, or one per language"),
        "int_from_float": ("a whole number", "write a whole number such as 3"),
        "bool_parsing": ("yes or no", "write yes or no"),
    }
    what, hint = expects.get(kind, ("something else", "see the policy language's description"))
    return f"{said} should be {what}", hint


def _name(loc: tuple[str | int, ...]) -> str:
    """The last word of a place; a list's item is named by the list."""
    words = [str(piece) for piece in loc if isinstance(piece, str)]
    return words[-1] if words else ""


def _real(
    loc: tuple[str | int, ...], tree: Tree, path: tuple[str | int, ...]
) -> tuple[str | int, ...]:
    """``loc`` as far as it stands in the file: pydantic adds names of union arms to it."""
    real: tuple[str | int, ...] = ()
    for piece in loc:
        if (*path, *real, piece) in tree.places:
            real = (*real, piece)
    return real


def _choices(model: type[BaseModel], loc: tuple[str | int, ...]) -> list[str]:
    """The words that the setting at ``loc`` of ``model`` itself may have, where they are few."""
    field = model.model_fields.get(str(loc[0])) if len(loc) == 1 else None
    kind = field.annotation if field is not None else None
    return [str(word) for word in get_args(kind)] if get_origin(kind) is Literal else []


def _known_words(model: type[BaseModel], loc: tuple[str | int, ...]) -> list[str]:
    """Words that are known at ``loc`` below ``model``."""
    current: Any = model
    for piece in loc:
        if isinstance(current, type) and issubclass(current, BaseModel):
            names = {f.alias or n: f for n, f in current.model_fields.items()}
            if piece not in names:
                continue
            current = names[str(piece)].annotation
        found = _model_in(current, str(piece))
        if found is not None:
            current = found
    if isinstance(current, type) and issubclass(current, BaseModel):
        return [field.alias or name for name, field in current.model_fields.items()]
    return []


def _model_in(annotation: Any, wanted: str) -> type[BaseModel] | None:
    """The shape inside ``list[X]``, ``dict[str, X]``, ``X | None`` ..., the one called ``wanted``
    where there are several."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (
        [
            model
            for argument in get_args(annotation)
            if (model := _model_in(argument, wanted)) is not None
        ]
        if get_origin(annotation) is not None
        else []
    )
    named = [model for model in found if model.__name__ == wanted]
    return next(iter(named or found), None)

"""Rows of texts -> columns of typed values, as :mod:`klausel.fields` describes them.

Most of a book is entries, and most of them are fine: values are converted column by column, what
was seen before is looked up. Where one cannot be converted, its rows are gone through singly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import repeat
from typing import Any

from klausel.fields import Field, Table
from klausel.problems import listed, near
from klausel.shapes import (
    OddDay,
    date_hint,
    either_day,
    months_hint,
    parse_date,
    parse_day,
    parse_months,
    parse_number,
    parse_seconds,
    parse_yes_no,
)

#: Rows that are converted together: few enough to stay in the processor's cache.
AT_ONCE = 256

#: Kinds whose texts come again and again.
_REPEATED = frozenset(("date", "hours", "tags", "yes_no", "months", "choice"))


#: A cell -> the same as the files of a book have it. Raises :class:`BadValue`.
Read = Callable[[str], str]


class BadValue(ValueError):
    """A value that its field cannot have: problem code and the sentence's parts."""

    def __init__(self, code: str, **parts: object) -> None:
        self.code = code
        self.parts = parts
        super().__init__(code)


def _empty(field: Field) -> Any:
    """What an absent value of ``field`` is."""
    if field.default:
        return converter(field)(field.default)
    if field.kind == "tags":
        return ()
    return "" if field.kind in ("id", "text", "choice") else None


def _tags(text: str) -> tuple[str, ...]:
    return tuple(word for piece in text.split(";") if (word := piece.strip()))


def converter(field: Field, any_day: bool = False) -> Callable[[str], Any]:
    """Text -> value for ``field``, days as people mean them, or any. Raises :class:`BadValue`."""
    name = field.column
    read_day = parse_date if any_day else parse_day

    def to_date(text: str) -> date:
        try:
            return read_day(text.strip())
        except OddDay as error:
            raise BadValue("day-odd", field=name, value=text, hint=str(error)) from None
        except ValueError:
            raise _no_date(name, text) from None

    def to_hours(text: str) -> int:
        try:
            seconds = parse_seconds(text)
        except ValueError as error:
            raise BadValue("value-hours", field=name, value=text, hint=str(error)) from None
        if seconds < 0 and not field.signed:
            raise BadValue("value-negative", field=name, value=text)
        return seconds

    def to_number(text: str) -> Decimal:
        try:
            value = parse_number(text)
        except ValueError as error:
            raise BadValue("value-number", field=name, value=text, hint=str(error)) from None
        if value < 0 and not field.signed:
            raise BadValue("value-negative", field=name, value=text)
        return value

    def to_yes_no(text: str) -> bool:
        try:
            return parse_yes_no(text)
        except ValueError:
            raise BadValue("value-yes-no", field=name, value=text) from None

    def to_months(text: str) -> int:
        try:
            return parse_months(text)
        except ValueError:
            example = months_hint(text)
            raise BadValue("value-duration", field=name, value=text, example=example) from None

    def to_choice(text: str) -> str:
        text = text.strip()
        if text not in field.choices:
            hint = near(text, field.choices) or f"write one of: {listed(field.choices, 12)}"
            raise BadValue("value-choice", field=name, value=text, hint=hint)
        return text

    kinds: dict[str, Callable[[str], Any]] = {
        "date": to_date,
        "hours": to_hours,
        "number": to_number,
        "yes_no": to_yes_no,
        "months": to_months,
        "choice": to_choice,
        "tags": _tags,
    }
    return kinds.get(field.kind, str.strip)


def _no_date(name: str, text: str) -> BadValue:
    both = either_day(text)
    if both is not None:
        return BadValue("value-ambiguous", field=name, value=text, one=both[0], other=both[1])
    return BadValue("value-date", field=name, value=text, example=date_hint(text))


def _translated(convert: Callable[[str], Any], read: Read) -> Callable[[str], Any]:
    """``convert`` for cells that ``read`` makes plain; errors speak of what stands in the cell."""

    def converted(text: str) -> Any:
        try:
            return convert(read(text))
        except BadValue as error:
            raise BadValue(error.code, **{**error.parts, "value": text}) from None

    return converted


class _Known(dict[str, Any]):
    """Values of one field by their texts; a new text is converted, and kept if it may come again.

    Looking up raises :class:`BadValue`.
    """

    def __init__(self, field: Field, any_day: bool, read: Read | None = None) -> None:
        super().__init__()
        self._field = field
        self._convert = converter(field, any_day)
        if read is not None:
            self._convert = _translated(self._convert, read)
        self._keep = field.kind in _REPEATED or bool(field.refers)
        if not field.required:
            self[""] = _empty(field)

    def __missing__(self, text: str) -> Any:
        if not text.strip():
            if self._field.required:
                raise BadValue("value-missing", field=self._field.column, hint="write a value")
            return self[""]
        value = self._convert(text)
        if self._keep:
            self[text] = value
        return value


class Columns:
    """What the columns of one file mean, in the order of the record's fields."""

    def __init__(
        self,
        table: Table,
        header: Sequence[str],
        any_day: bool = False,
        read: Mapping[str, Read] | None = None,
    ) -> None:
        """``read`` makes cells of some columns plain (:mod:`klausel.dialects`)."""
        self._columns = [
            (
                header.index(field.column) if field.column in header else -1,
                field,
                _Known(field, any_day, (read or {}).get(field.column)),
            )
            for field in table.fields
        ]

    def values(self, rows: Iterable[Sequence[str]]) -> list[Iterable[Any]]:
        """The fields of ``rows``, one column each. Raises :class:`BadValue`."""
        columns = list(zip(*rows, strict=True))
        return [
            repeat(known.get("")) if position < 0 else self._column(columns[position], field, known)
            for position, field, known in self._columns
        ]

    def _column(self, texts: Sequence[str], field: Field, known: _Known) -> Iterable[Any]:
        plain = field.kind in ("id", "text") and not field.refers and not field.default
        if not plain:
            return list(map(known.__getitem__, texts))
        found = list(map(str.strip, texts))
        if field.required and "" in found:
            raise BadValue("value-missing", field=field.column, hint="write a value")
        return found

    def row(self, row: Sequence[str]) -> tuple[list[Any], list[BadValue]]:
        """The fields of one row, and what is wrong with them."""
        values: list[Any] = []
        errors: list[BadValue] = []
        for position, _, known in self._columns:
            try:
                values.append(known.get("") if position < 0 else known[row[position]])
            except BadValue as error:
                errors.append(error)
        return values, errors


__all__ = ["AT_ONCE", "BadValue", "Columns", "Read"]

"""Numbers, days and lists in the manner of one language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from klausel.money import hours_exact, round_half_up
from klausel.reading.words import FACTS, WORDS
from klausel.texts import DISPOSITIONS, PHRASES, days_text, number_text


class Speaker:
    def __init__(self, language: str) -> None:
        self._language = language
        self._words = WORDS[language]

    def say(self, name: str, *values: str) -> str:
        return self._words[name].format(*values)

    def fact(self, name: str) -> str:
        return FACTS[self._language][name]

    def disposition(self, name: str) -> str:
        return DISPOSITIONS[self._language][name]

    def number(self, value: Decimal, least: int = 0) -> str:
        """With as many decimals as it has, and ``least`` at least."""
        exponent = value.normalize().as_tuple().exponent
        decimals = -exponent if isinstance(exponent, int) else 0
        return number_text(value, max(decimals, least), self._language)

    def money(self, value: Decimal) -> str:
        return self.number(value, 2)

    def hours(self, seconds: int) -> str:
        hours = self.number(round_half_up(hours_exact(seconds), 6))
        return f"{hours} {PHRASES[self._language]['hour']}"

    def percent(self, value: Decimal) -> str:
        return self.say("percent", self.number(value))

    def months(self, number: int) -> str:
        return self.say("one_month") if number == 1 else self.say("months", str(number))

    def minutes(self, seconds: int) -> str:
        return self.say("minutes", str(seconds // 60))  # files name whole ones

    def days(self, first: date | None, last: date | None) -> str:
        """When something holds; empty where it always does."""
        if first is not None and last is not None and last < first:
            return self.say("never")
        if first is not None and last is not None:
            return self.say("from_until", self._day(first), self._day(last))
        if first is not None:
            return self.say("from_on", self._day(first))
        return self.say("until", self._day(last)) if last is not None else ""

    def _day(self, day: date) -> str:
        return days_text(day, day, self._language)

    def listed(self, words: Sequence[str], word: str) -> str:
        """``a, b or c``."""
        if len(words) < 2:
            return "".join(words)
        return f"{', '.join(words[:-1])} {self._words[word]} {words[-1]}"

    def dated(self, values: Mapping[str, Decimal]) -> str:
        """A price with its history: ``95.00 (98.00 from 1 Jan 2027 on)``."""
        first, *later = [
            self.money(value)
            if day == "always"
            else self.say("dated", self.money(value), self._day(date.fromisoformat(day)))
            for day, value in values.items()
        ]
        return f"{first} ({', '.join(later)})" if later else first


def sentence(parts: Iterable[str]) -> str:
    """Parts of a sentence as one, with a capital and a full stop."""
    text = "; ".join(filter(None, parts))
    return f"{text[:1].upper()}{text[1:]}."

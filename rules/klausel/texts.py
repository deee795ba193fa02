"""Texts that customers see, in en, de and nl, with dates and numbers in their own manner."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import lru_cache

from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.numbers import format_decimal

from klausel.charges.base import Label
from klausel.money import hours_exact, round_half_up
from klausel.period import ONE_DAY, add_months
from klausel.shapes import LANGUAGES

PHRASES: dict[str, dict[str, str]] = {
    "en": {
        "days": "{} days",
        "months": "{} months",
        "beyond": "beyond the agreed hours",
        "beyond_number": "beyond the agreed number",
        "refund": "refund",
        "deficit": "deficit settled",
        "credit": "credit refunded",
        "block": "hours bought",
        "top_up": "hours bought as the block was empty",
        "leftover": "unused hours refunded",
        "correction": "correction",
        "late": "late",
        "not_billable": "marked as not billable in the ERP",
        "hour": "h",
        "month": "month",
        "period": "flat",
        "piece": "pc",
        "clause": "Clause {}: {}",
        "service_period": "Service period: {}",
        "service_periods": "Service period: {}, as stated on each line",
        "contract": "Contract {}",
        "contracts": "Contracts {}",
        "balance": "Balance on {}, {}: {}",
        "granted": "granted {}",
        "used": "used {}",
        "expired": "expired {}",
        "refunded": "refunded {}",
        "left": "left {}",
        "owed": "deficit {}",
        "last_day": "last day {}",
        "requests": "{} request(s)",
        "surcharge": "Surcharge: {} times the price",
    },
    "de": {
        "days": "{} Tage",
        "months": "{} Monate",
        "beyond": "über die vereinbarten Stunden hinaus",
        "beyond_number": "über die vereinbarte Zahl hinaus",
        "refund": "Erstattung",
        "deficit": "Ausgleich Minusstunden",
        "credit": "Erstattung Guthaben",
        "block": "Stundenkauf",
        "top_up": "Stundenkauf, da Kontingent leer",
        "leftover": "Erstattung nicht genutzter Stunden",
        "correction": "Korrektur",
        "late": "Nachtrag",
        "not_billable": "im ERP als nicht abrechenbar gekennzeichnet",
        "hour": "Std.",
        "month": "Monat",
        "period": "pauschal",
        "piece": "Stk.",
        "clause": "Ziffer {}: {}",
        "service_period": "Leistungszeitraum: {}",
        "service_periods": "Leistungszeitraum: {}, je Position wie angegeben",
        "contract": "Vertrag {}",
        "contracts": "Verträge {}",
        "balance": "Stand am {}, {}: {}",
        "granted": "vereinbart {}",
        "used": "verbraucht {}",
        "expired": "verfallen {}",
        "refunded": "erstattet {}",
        "left": "verbleibend {}",
        "owed": "im Minus {}",
        "last_day": "letzter Tag {}",
        "requests": "{} Anfrage(n)",
        "surcharge": "Zuschlag: Preis mal {}",
    },
    "nl": {
        "days": "{} dagen",
        "months": "{} maanden",
        "beyond": "boven de afgesproken uren",
        "beyond_number": "boven het afgesproken aantal",
        "refund": "terugbetaling",
        "deficit": "verrekening van het tekort",
        "credit": "terugbetaling van het tegoed",
        "block": "aankoop van uren",
        "top_up": "aankoop van uren omdat de bundel leeg was",
        "leftover": "terugbetaling van ongebruikte uren",
        "correction": "correctie",
        "late": "nagekomen",
        "not_billable": "in het ERP gemarkeerd als niet factureerbaar",
        "hour": "uur",
        "month": "maand",
        "period": "vast",
        "piece": "st.",
        "clause": "Artikel {}: {}",
        "service_period": "Periode van dienstverlening: {}",
        "service_periods": "Periode van dienstverlening: {}, zoals per regel vermeld",
        "contract": "Contract {}",
        "contracts": "Contracten {}",
        "balance": "Stand op {}, {}: {}",
        "granted": "toegekend {}",
        "used": "verbruikt {}",
        "expired": "vervallen {}",
        "refunded": "terugbetaald {}",
        "left": "resterend {}",
        "owed": "tekort {}",
        "last_day": "laatste dag {}",
        "requests": "{} verzoek(en)",
        "surcharge": "Toeslag: {} keer de prijs",
    },
}


#: What parameters of plans mean, by their English text.
MEANINGS: dict[str, dict[str, str]] = {
    "amount per month, net": {"de": "Betrag je Monat, netto", "nl": "bedrag per maand, netto"},
    "amount per period, net": {
        "de": "Betrag je Zeitraum, netto",
        "nl": "bedrag per periode, netto",
    },
    "fixed price, net": {"de": "Festpreis, netto", "nl": "vaste prijs, netto"},
    "hours of a standard lot": {
        "de": "Stunden je Paket",
        "nl": "uren per bundel",
    },
    "hours per period": {"de": "Stunden je Zeitraum", "nl": "uren per periode"},
    "how many (devices, users)": {
        "de": "wie viele (Geräte, Nutzer)",
        "nl": "hoeveel (apparaten, gebruikers)",
    },
    "price per hour beyond them, net": {
        "de": "Preis je Stunde darüber hinaus, netto",
        "nl": "prijs per uur daarboven, netto",
    },
    "price per hour beyond, net": {
        "de": "Preis je Stunde darüber hinaus, netto",
        "nl": "prijs per uur daarboven, netto",
    },
    "price per hour, net": {"de": "Preis je Stunde, netto", "nl": "prijs per uur, netto"},
    "price per request beyond, net": {
        "de": "Preis je weitere Anfrage, netto",
        "nl": "prijs per extra verzoek, netto",
    },
    "price per request, net": {"de": "Preis je Anfrage, netto", "nl": "prijs per verzoek, netto"},
    "requests per period": {"de": "Anfragen je Zeitraum", "nl": "verzoeken per periode"},
}

#: What becomes of work, by language.
DISPOSITIONS: dict[str, dict[str, str]] = {
    "en": {
        "included": "included",
        "service": "service",
        "change": "change",
        "third_party": "third party",
        "warranty": "warranty",
        "internal": "internal",
        "written_off": "written off",
    },
    "de": {
        "included": "inbegriffen",
        "service": "Service",
        "change": "Änderung",
        "third_party": "fremdes Produkt",
        "warranty": "Gewährleistung",
        "internal": "intern",
        "written_off": "ausgebucht",
    },
    "nl": {
        "included": "inbegrepen",
        "service": "service",
        "change": "wijziging",
        "third_party": "product van derden",
        "warranty": "garantie",
        "internal": "intern",
        "written_off": "afgeboekt",
    },
}


def language_of(*codes: str) -> str:
    """The first of ``codes`` (``de_DE``, ``nl``) that the product speaks, else English."""
    for code in codes:
        short = code.replace("-", "_").partition("_")[0].lower()
        if short in LANGUAGES:
            return short
    return "en"


@lru_cache(maxsize=8)
def _locale(language: str) -> Locale:
    return Locale.parse("en_GB" if language == "en" else language)


def _full_months(first: date, last: date) -> int:
    """Number of whole calendar months in ``first``..``last``, 0 where it is not made of them."""
    following = last + ONE_DAY
    if first.day != 1 or following.day != 1:
        return 0
    return (following.year - first.year) * 12 + following.month - first.month


@lru_cache(maxsize=4096)
def period_text(first: date, last: date, language: str) -> str:
    """A period as people say it: a month, a quarter, a year, else its first and last day."""
    locale = _locale(language)
    months = _full_months(first, last)
    if months == 1:
        return str(format_skeleton("yMMMM", first, locale=locale))
    if months == 12 and first.month == 1:
        return str(first.year)
    if months == 3 and first.month % 3 == 1:
        return str(format_date(first, "QQQQ y", locale=locale))
    if months:
        end = add_months(first, months - 1)
        start = format_skeleton("yMMM" if first.year != end.year else "MMM", first, locale=locale)
        return f"{start} – {format_skeleton('yMMM', end, locale=locale)}"
    if first == last:
        return str(format_date(first, "medium", locale=locale))
    return (
        f"{format_date(first, 'medium', locale=locale)} – "
        f"{format_date(last, 'medium', locale=locale)}"
    )


def phrase(language: str, name: str, *values: str) -> str:
    """The phrase ``name`` with ``values`` in it."""
    return PHRASES[language][name].format(*values)


@lru_cache(maxsize=4096)
def days_text(first: date, last: date, language: str) -> str:
    """First and last day, as invoices name the time of a service."""
    locale = _locale(language)
    texts = [str(format_date(day, "medium", locale=locale)) for day in (first, last)]
    return " – ".join(dict.fromkeys(texts))


def line_text(title: str, label: Label, language: str, late: bool = False) -> str:
    """The description of a line, such as ``Maintenance, March 2026 (22/31 days)``."""
    words = PHRASES[language]
    notes = []
    names = []
    for kind, value in label.details:
        if kind in ("days", "months"):
            notes.append(words[kind].format(value))
        elif kind == "phrase":
            notes.append(words[value])
        elif kind == "times":
            notes.append(f"{value}".replace(" x ", " × "))
        elif kind == "count":
            notes.append(f"{value} ×")
        else:
            names.append(value)
    if late:
        notes.append(words["late"])
    text = ", ".join([title, *names, period_text(label.first, label.last, language)])
    return f"{text} ({', '.join(notes)})" if notes else text


@lru_cache(maxsize=4096)
def reason_text(clause: str, text: str, language: str) -> str:
    """Why a line is there, with the clause that it rests on."""
    return phrase(language, "clause", clause, text) if clause else text


def number_text(value: Decimal, digits: int, language: str) -> str:
    """``value`` with exactly ``digits`` decimals in the language's manner: ``1.234,50``."""
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    return str(format_decimal(value, pattern, locale=_locale(language)))


def hours_text(seconds: int, language: str) -> str:
    """A length of time in hours, with as many decimals as it needs, at most two: ``7,5 Std.``"""
    hours = round_half_up(hours_exact(seconds), 2)
    said = format_decimal(hours, "#,##0.##", locale=_locale(language))
    return f"{said} {PHRASES[language]['hour']}"

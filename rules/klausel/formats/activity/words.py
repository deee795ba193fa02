"""What activity records say, in en, de and nl: words, times, lots."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache

from klausel.activity import Row, Section
from klausel.charges.stock import DEFICIT
from klausel.money import quantity, shortest
from klausel.result import Draft, Line, Marks
from klausel.texts import days_text, number_text, reason_text

#: Lots of a balance that was taken over (semantics 12).
_OPENING = "opening"

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "title": "Activity record",
        "invoice": "For the invoice",
        "credit_note": "For the credit note",
        "customer": "Customer",
        "po": "Your order",
        "period": "Work from",
        "as_of": "As of",
        "page": "Page",
        "items": "What is invoiced",
        "item": "Item",
        "quantity": "Quantity",
        "price": "Price",
        "amount": "Amount",
        "net": "Net total",
        "billed": "Billed by time",
        "billed_requests": "Billed by request",
        "drawn": "Paid from agreed hours",
        "drawn_requests": "Paid from agreed requests",
        "free": "At no charge",
        "held": "Not invoiced yet",
        "held_note": "This time waits. It is neither billed nor drawn.",
        "date": "Date",
        "who": "Done by",
        "what": "Work",
        "worked": "Worked",
        "charged": "Billed",
        "taken": "Drawn",
        "before": "Before",
        "after": "After",
        "other": "Other changes",
        "balance": "Balance",
        "balance_note": "Other changes: hours that were added, expired, or made up for a deficit.",
        "reason": "Why",
        "sum": "Total",
        "hours": "{} h",
        "late": "late entry",
        "included": "included",
        "warranty": "warranty",
        "nothing": "nothing to bill",
        "from": "from {}",
        "deficit": "deficit",
        "opening": "balance brought forward",
        "staff": "employee",
        "gone": "(this entry is no longer there)",
        "all": "All work of this record",
        "not_requested": "needs your approval",
        "pending": "waits for your approval",
        "rejected": "was not approved",
        "limit": "above the approved amount",
        "budget": "above the agreed budget",
        "late_decision": "approved after the work was done",
        "no_hours": "no hours left",
        "no_term": "is being clarified",
        "not_validated": "is being checked by us",
    },
    "de": {
        "title": "Tätigkeitsnachweis",
        "invoice": "Zur Rechnung",
        "credit_note": "Zur Gutschrift",
        "customer": "Kunde",
        "po": "Ihre Bestellung",
        "period": "Leistungen vom",
        "as_of": "Stand",
        "page": "Seite",
        "items": "Was berechnet wird",
        "item": "Position",
        "quantity": "Menge",
        "price": "Preis",
        "amount": "Betrag",
        "net": "Summe netto",
        "billed": "Nach Zeit berechnet",
        "billed_requests": "Nach Anfragen berechnet",
        "drawn": "Aus vereinbarten Stunden bezahlt",
        "drawn_requests": "Aus vereinbarten Anfragen bezahlt",
        "free": "Ohne Berechnung",
        "held": "Noch nicht berechnet",
        "held_note": "Diese Zeit wartet. Sie ist weder berechnet noch vom Guthaben abgezogen.",
        "date": "Datum",
        "who": "Bearbeitet von",
        "what": "Tätigkeit",
        "worked": "Gearbeitet",
        "charged": "Berechnet",
        "taken": "Verbraucht",
        "before": "Vorher",
        "after": "Nachher",
        "other": "Sonstiges",
        "balance": "Guthaben",
        "balance_note": (
            "Sonstiges: Stunden, die hinzukamen, verfielen oder Minusstunden ausglichen."
        ),
        "reason": "Grund",
        "sum": "Summe",
        "hours": "{} Std.",
        "late": "Nachtrag",
        "included": "inbegriffen",
        "warranty": "Gewährleistung",
        "nothing": "nichts zu berechnen",
        "from": "ab {}",
        "deficit": "Minusstunden",
        "opening": "übernommenes Guthaben",
        "staff": "Mitarbeiter/in",
        "gone": "(dieser Eintrag ist nicht mehr vorhanden)",
        "all": "Alle Arbeiten dieses Nachweises",
        "not_requested": "braucht Ihre Freigabe",
        "pending": "wartet auf Ihre Freigabe",
        "rejected": "wurde nicht freigegeben",
        "limit": "über dem freigegebenen Rahmen",
        "budget": "über dem vereinbarten Budget",
        "late_decision": "erst nach der Arbeit freigegeben",
        "no_hours": "keine Stunden mehr vorhanden",
        "no_term": "wird noch geklärt",
        "not_validated": "wird von uns noch geprüft",
    },
    "nl": {
        "title": "Urenverantwoording",
        "invoice": "Bij de factuur",
        "credit_note": "Bij de creditnota",
        "customer": "Klant",
        "po": "Uw bestelling",
        "period": "Werk van",
        "as_of": "Stand",
        "page": "Pagina",
        "items": "Wat in rekening wordt gebracht",
        "item": "Regel",
        "quantity": "Aantal",
        "price": "Prijs",
        "amount": "Bedrag",
        "net": "Totaal exclusief btw",
        "billed": "Op uurbasis berekend",
        "billed_requests": "Per verzoek berekend",
        "drawn": "Uit afgesproken uren betaald",
        "drawn_requests": "Uit afgesproken verzoeken betaald",
        "free": "Zonder kosten",
        "held": "Nog niet in rekening gebracht",
        "held_note": "Deze tijd wacht. Zij is niet berekend en niet van het tegoed afgetrokken.",
        "date": "Datum",
        "who": "Uitgevoerd door",
        "what": "Werkzaamheden",
        "worked": "Gewerkt",
        "charged": "Berekend",
        "taken": "Verbruikt",
        "before": "Voor",
        "after": "Na",
        "other": "Overig",
        "balance": "Tegoed",
        "balance_note": (
            "Overig: uren die erbij kwamen, vervielen of een tekort aanvulden."
        ),
        "reason": "Waarom",
        "sum": "Totaal",
        "hours": "{} uur",
        "late": "nagekomen",
        "included": "inbegrepen",
        "warranty": "garantie",
        "nothing": "niets te berekenen",
        "from": "vanaf {}",
        "deficit": "tekort",
        "opening": "overgenomen tegoed",
        "staff": "medewerker",
        "gone": "(deze regel is er niet meer)",
        "all": "Al het werk in deze verantwoording",
        "not_requested": "heeft uw akkoord nodig",
        "pending": "wacht op uw akkoord",
        "rejected": "is niet goedgekeurd",
        "limit": "boven het goedgekeurde bedrag",
        "budget": "boven het afgesproken budget",
        "late_decision": "pas na het werk goedgekeurd",
        "no_hours": "geen uren meer over",
        "no_term": "wordt nog uitgezocht",
        "not_validated": "wordt door ons nog gecontroleerd",
    },
}  # fmt: skip


def clock(seconds: int) -> str:
    """Hours and minutes, seconds only where there are some: ``-1:05``, ``0:19:48``."""
    minutes, rest = divmod(abs(seconds), 60)
    text = f"{minutes // 60}:{minutes % 60:02}" + (f":{rest:02}" if rest else "")
    return f"−{text}" if seconds < 0 else text


def hours(seconds: int, digits: int, language: str) -> str:
    """Decimal hours, as invoices have them: ``4,58 Std.``"""
    number = number_text(quantity(seconds, digits), digits, language)
    return WORDS[language]["hours"].format(number)


def amount_of(value: int, requests: bool) -> str:
    """What a lot holds or lost: time, or a number of requests."""
    if not requests:
        return clock(value)
    return shortest(quantity(value, 4)).replace("-", "−")


def lot_name(lot: str, language: str) -> str:
    """A lot as people know it: deficit, opening, from which day on, else its own name."""
    if lot == DEFICIT:
        return WORDS[language]["deficit"]
    if lot == _OPENING:
        return WORDS[language]["opening"]
    try:
        day = date.fromisoformat(lot)
    except ValueError:
        return lot
    return WORDS[language]["from"].format(days_text(day, day, language))


def remarks(section: Section, row: Row, language: str) -> list[str]:
    """Marks of a row: late, why it waits, why it costs nothing."""
    words = WORDS[language]
    found = []
    if section.kind == "free":
        known = row.disposition if row.disposition in ("included", "warranty") else "nothing"
        found.append(words[known])
    if row.held:
        found.append(words.get(row.held, row.held))
    if row.late:
        found.append(words["late"])
    return found


def titled(section: Section, marks: Marks) -> str:
    """The section's title with the marks of its line."""
    return section.title + (marks.behind(section.line, told=True) if section.line else "")


def reasons(draft: Draft, lines: Sequence[Line], language: str) -> list[str]:
    """Why ``lines`` of ``draft`` are there, as far as the customer is told, by their marks."""
    marks = Marks(draft)
    wanted = set(marks.of(reason for line in lines for reason in line.because))
    return [
        clean(marks.before(reason) + reason_text(reason.clause, reason.text, language))
        for number, reason in marks
        if number in wanted and reason.told
    ]


def section_name(section: Section, language: str) -> str:
    """What became of the section's time."""
    requests = section.line.unit == "piece" if section.line is not None else section.requests
    return WORDS[language][f"{section.kind}_requests" if requests else section.kind]


def said(section: Section, row: Row) -> tuple[str, str]:
    """What the work was on, and what was done; what the section's title says is left out."""
    on = [row.project if section.projects else "", row.ticket]
    if section.title and row.ticket in section.title.split(", "):
        on[1] = ""
    done = [row.activity, row.text]
    return clean(" · ".join(filter(None, on))), clean(" · ".join(filter(None, done)))


@lru_cache(maxsize=4096)
def clean(text: str) -> str:
    """``text`` on one line, without signs that steer a terminal or the direction of writing."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def unit_text(line: Line, language: str, unit: str) -> str:
    """A line's quantity with its unit."""
    exponent = line.quantity.as_tuple().exponent
    digits = -exponent if isinstance(exponent, int) else 0
    if line.unit != "hour":
        short = shortest(line.quantity)
        digits = len(short.partition(".")[2])
    return f"{number_text(line.quantity, digits, language)} {unit}"


__all__ = [
    "WORDS", "amount_of", "clean", "clock", "hours", "lot_name", "reasons", "remarks",
    "said", "section_name", "titled", "unit_text",
]  # fmt: skip

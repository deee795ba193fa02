"""Facts of a timesheet as a short hash, the same one that the connector computes."""

import hashlib
import re
from decimal import ROUND_HALF_UP, Decimal

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def text(value):
    """Without control characters and surrounding space, line ends as ``\\n``."""
    if value is False or value is None:
        return ""
    return _CONTROL.sub("", str(value).replace("\r\n", "\n").replace("\r", "\n")).strip()


def seconds(hours):
    """Half a second counts up. The number is the one that a person typed: 0.1 is 0.1."""
    return int((Decimal(repr(hours)) * 3600).quantize(Decimal(1), ROUND_HALF_UP))


def tags(names):
    """A tag with a ``;`` in its name counts as several."""
    return [word for name in names for piece in text(name).split(";") if (word := piece.strip())]


def billable(entry):
    """Whether it may be billed at all. Not where OCA's sale_timesheet_line_exclude says so, nor
    where somebody took the sales order item away: that is Odoo's own way to say it."""
    excluded = "exclude_from_sale_order" in entry._fields and entry.exclude_from_sale_order
    return not (excluded or (entry.is_so_line_edited and not entry.so_line))


def fingerprint(entry):
    """Of an account.analytic.line, in the language in which the connector reads."""

    def id_of(record):
        return str(record.id) if record else ""

    facts = (
        entry.date.isoformat(),
        str(seconds(entry.unit_amount)),
        id_of(entry.employee_id),
        id_of(entry.project_id),
        id_of(entry.task_id),
        id_of(entry.partner_id),
        text(entry.klausel_activity),
        ";".join(tags(entry.klausel_tag_ids.mapped("name"))),
        *(() if billable(entry) else ("not billable",)),
    )
    return hashlib.blake2b("\x1f".join(facts).encode(), digest_size=8).hexdigest()

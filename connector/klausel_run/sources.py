"""Which ERP is meant: a book folder, or Odoo by its settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from klausel.port import Erp
from klausel.problems import ProblemError, Where, problem
from klausel_book import BookSource


class Source(NamedTuple):
    """Where to read from, as the options say it."""

    book: Path | None = None
    odoo: bool = False
    config: Path | None = None
    url: str | None = None
    database: str | None = None
    login: str | None = None
    policies: Path | None = None
    say: Callable[[str], object] = lambda text: None
    """Takes a warning that whoever asks should see."""

    def open(self) -> Erp:
        """The ERP that is meant. Raises ``ProblemError`` where the options do not say."""
        odoo = bool(self.odoo or self.url or self.config)
        if self.book is not None and not odoo:
            return BookSource(self.book)
        if odoo and self.book is None:
            from klausel_odoo import OdooSettings, OdooSource

            values = {
                "url": self.url,
                "database": self.database,
                "login": self.login,
                "policies": self.policies,
            }
            given = {name: value for name, value in values.items() if value is not None}
            settings = OdooSettings.load(self.config, **given)
            if settings.exposed:
                self.say(
                    f"warning: {settings.url} is not encrypted: everybody on the way can read the"
                    " password and all that is billed; use https"
                )
            return OdooSource(settings)
        reason = "both a book and Odoo are given" if odoo else "no source is given"
        hint = "give --book FOLDER, or --odoo with settings (see klausel doctor --help)"
        raise ProblemError([problem("option", Where("klausel"), reason=reason, hint=hint)])

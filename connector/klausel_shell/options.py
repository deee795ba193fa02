"""Options that commands share, and the values that they hand on."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from klausel_shell import out

if TYPE_CHECKING:
    DayType = click.ParamType[date]
else:
    DayType = click.ParamType  # click 8.1 cannot be subscripted

F = TypeVar("F", bound=Callable[..., Any])

#: What ``nargs`` and ``multiple`` give.
Words = tuple[str, ...]

FOLDER = click.Path(path_type=Path)
FILE = click.Path(path_type=Path, dir_okay=False)


#: Where a command's context keeps whether a day far ahead is meant.
_AHEAD = "klausel.ahead"


class Day(DayType):
    """A day written YYYY-MM-DD."""

    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        from klausel.shapes import OddDay, parse_day

        if isinstance(value, date):
            return value
        try:
            return parse_day(value)
        except OddDay as error:
            self.fail(f"{value} cannot be meant; {error}", param, ctx)
        except ValueError:
            self.fail(f"{value} is not a date; write it as YYYY-MM-DD", param, ctx)


def today() -> date:
    """The user's day."""
    return date.today()  # noqa: DTZ011


def as_of_option(
    meaning: str = "The day of the run (default: today).", default: str = ""
) -> Callable[[F], F]:
    """``--as-of``, today unless ``default`` names another day, and ``--ahead``.

    A day more than a year ahead is most often a slip, and would bill everything up to it.
    """
    when = {"default": default, "show_default": True} if default else {"default": today}
    day = click.option("--as-of", type=Day(), callback=_not_far, help=meaning, **when)
    ahead = click.option(
        "--ahead",
        is_flag=True,
        is_eager=True,  # so that it is known when the day is looked at
        expose_value=False,
        callback=_keep_ahead,
        help="Allow an --as-of more than a year ahead.",
    )
    return lambda command: day(ahead(command))


def _keep_ahead(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    ctx.meta[_AHEAD] = value


def _not_far(ctx: click.Context, param: click.Parameter, value: date) -> date:
    if value > today() + timedelta(days=366) and not ctx.meta.get(_AHEAD):
        raise click.BadParameter(
            f"{value} is more than a year ahead; add --ahead if that is meant", ctx, param
        )
    return value


customer_option = click.option(
    "--customer", multiple=True, help="Only this customer (id or name); repeatable."
)
contract_option = click.option("--contract", multiple=True, help="Only this contract; repeatable.")
short_option = click.option(
    "--short", is_flag=True, help="One line a customer, and the sums; problems that stop one."
)
yes_option = click.option("--yes", is_flag=True, help="Write without asking, for cron.")


def source_options(command: F) -> F:
    """The options that say where to read from, handed on as one ``source``."""

    @click.option("--book", type=FOLDER, help="Read this book folder.")
    @click.option("--odoo", is_flag=True, help="Read Odoo; settings from environment and file.")
    @click.option("--config", type=FOLDER, help="Settings file (default: klausel.toml).")
    @click.option("--url", help="Odoo's address, such as https://odoo.example.com.")
    @click.option("--database", help="Odoo's database.")
    @click.option("--login", help="Odoo user; the password comes from KLAUSEL_ODOO_PASSWORD.")
    @click.option("--policies", type=FOLDER, help="Folder of the policy folders.")
    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        from klausel_run.sources import Source

        given = {name: kwargs.pop(name) for name in Source._fields if name in kwargs}
        source = Source(**given, say=functools.partial(out.say, err=True))
        return command(*args, source=source, **kwargs)

    return wrapped  # type: ignore[return-value]


class Output(NamedTuple):
    """How to show a result, as the options say it."""

    format_: str = "text"
    output: Path | None = None
    details: bool = False
    fail_on_held: bool = False
    short: bool = False


class Paper(NamedTuple):
    """How to show activity records, as the options say it."""

    format_: str = "text"
    output: Path | None = None
    employees: Any = None
    invoices: Words = ()
    first: date | None = None
    last: date | None = None

    @property
    def on_record(self) -> bool:
        """Whether records of invoices that were written are asked for."""
        return bool(self.invoices or self.first or self.last)


def activity_options(command: F) -> F:
    """The options that say how to show activity records, handed on as one ``paper``."""

    @click.option(
        "--employees",
        type=click.Choice(["name", "initials", "role"]),
        help="How to name who worked (default: as the policy says).",
    )
    @click.option("--output", type=FOLDER, help="Write to this file; for html to this folder.")
    @click.option(
        "--format",
        "format_",
        default="text",
        show_default=True,
        type=click.Choice(["text", "csv", "html"]),
        help="What to make; html is one page an invoice.",
    )
    @click.option("--to", "last", type=Day(), help="Of invoices on record: days up to this one.")
    @click.option("--from", "first", type=Day(), help="Of invoices on record: days from this one.")
    @click.option(
        "--invoice",
        "invoices",
        multiple=True,
        help="The record of this invoice as it was given out (number or id; in a book the draft's"
        " key); repeatable.",
    )
    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        paper = Paper(**{name: kwargs.pop(name) for name in Paper._fields})
        return command(*args, paper=paper, **kwargs)

    return wrapped  # type: ignore[return-value]


def output_options(command: F) -> F:
    """The options that say how to show a result, handed on as one ``output``."""

    @click.option("--fail-on-held", is_flag=True, help="Exit 1 if anything is held.")
    @short_option
    @click.option("--details", is_flag=True, help="Every entry behind every line.")
    @click.option("--output", type=FILE, help="Write to this file instead of the screen.")
    @click.option(
        "--format",
        "format_",
        default="text",
        show_default=True,
        type=click.Choice(["text", "json", "csv"]),
        help="What to print.",
    )
    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        output = Output(**{name: kwargs.pop(name) for name in Output._fields})
        return command(*args, output=output, **kwargs)

    return wrapped  # type: ignore[return-value]

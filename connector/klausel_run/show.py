"""Runs a preview and shows it: on the screen, or in a file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from klausel.formats import render
from klausel.port import Erp
from klausel.result import Result
from klausel_run.output import write_whole
from klausel_run.preview import Options, preview
from klausel_run.terminal import progress, view


def show(
    erp: Erp,
    as_of: date,
    customers: Sequence[str],
    contracts: Sequence[str],
    format_: str,
    output: Path | None,
    details: bool,
) -> Result:
    """The result, after it was written to ``output`` or to the screen."""
    with progress("billing") as tick:
        result = preview(erp, Options(as_of, customers, contracts), tick)
    text = render(result, format_, view(details, output is None))
    if output is None:
        sys.stdout.write(text)
    else:
        write_whole(output, text)
    return result

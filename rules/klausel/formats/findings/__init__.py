"""Outputs of findings about policies: one file each, ``render(report) -> str``."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import NamedTuple

from klausel.policy.check import SEVERITIES, Finding, Severity
from klausel.signs import outgoing

#: Names of the outputs; the first one is what people read on the screen.
FORMATS = ("text", "json", "sarif")


class Report(NamedTuple):
    """What was checked and what was found."""

    policies: tuple[str, ...]
    """Folders of the policies that were looked at."""
    findings: tuple[Finding, ...]
    texts: Mapping[str, str] = {}
    """By file: what stands in it, to show the line of a finding."""
    version: str = ""
    """Of the product."""

    def counts(self) -> dict[Severity, int]:
        return {
            severity: sum(1 for found in self.findings if found.severity == severity)
            for severity in SEVERITIES
        }


def render(report: Report, name: str) -> str:
    """``report`` in the output ``name``, ending with a newline."""
    text: str = import_module(f"{__name__}.{name}").render(report)
    return outgoing(text, name)


__all__ = ["FORMATS", "Report", "render"]

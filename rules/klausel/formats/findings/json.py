"""JSON: what was checked and what was found, for programs."""

from __future__ import annotations

import json
from typing import Any

from klausel.formats.findings import Report
from klausel.policy.check import Finding
from klausel.problems import Where


def render(report: Report) -> str:
    data = {
        "policies": list(report.policies),
        "counts": report.counts(),
        "findings": [_finding(found) for found in report.findings],
    }
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def _finding(found: Finding) -> dict[str, Any]:
    return {
        "code": found.code,
        "severity": found.severity,
        "message": found.message,
        "suggestion": found.suggestion,
        "paste": found.paste,
        "where": _where(found.where),
        "related": [
            {"message": other.message, "where": _where(other.where)} for other in found.related
        ],
    }


def _where(where: Where) -> dict[str, Any]:
    return {"file": where.file, "line": where.line, "column": where.column}

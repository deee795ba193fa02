"""SARIF 2.1.0: what code hosts and editors show beside the lines of a file."""

from __future__ import annotations

import json
from typing import Any

from klausel.formats.findings import Report
from klausel.policy.check import CODES, Finding
from klausel.problems import Where

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def render(report: Report) -> str:
    codes = list(dict.fromkeys([*CODES, *(found.code for found in report.findings)]))
    driver: dict[str, Any] = {
        "name": "klausel",
        "rules": [_rule(code) for code in codes],
    }
    if report.version:
        driver["version"] = report.version
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(found, codes.index(found.code)) for found in report.findings],
    }
    data = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def _rule(code: str) -> dict[str, Any]:
    level = _LEVELS[CODES.get(code, "error")]
    return {
        "id": code,
        "shortDescription": {"text": code.replace("-", " ")},
        "help": {"text": f"klausel check --explain {code}"},
        "defaultConfiguration": {"level": level},
    }


def _result(found: Finding, index: int) -> dict[str, Any]:
    said = [found.message, found.suggestion, found.paste]
    result: dict[str, Any] = {
        "ruleId": found.code,
        "ruleIndex": index,
        "level": _LEVELS[found.severity],
        "message": {"text": "\n".join(text for text in said if text)},
        "locations": [_location(found.where)],
    }
    if found.related:
        result["relatedLocations"] = [
            {**_location(other.where), "id": number, "message": {"text": other.message}}
            for number, other in enumerate(found.related, start=1)
        ]
    return result


def _location(where: Where) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(where.file)}}
    if where.line:
        physical["region"] = {"startLine": where.line, "startColumn": max(where.column, 1)}
    return {"physicalLocation": physical}


def _uri(file: str) -> str:
    """``file`` as a relative reference: what is no letter, digit or plain sign is escaped."""
    return "".join(
        sign if sign.isascii() and (sign.isalnum() or sign in "/-._~") else _escaped(sign)
        for sign in file.replace("\\", "/")
    )


def _escaped(sign: str) -> str:
    return "".join(f"%{byte:02X}" for byte in sign.encode())

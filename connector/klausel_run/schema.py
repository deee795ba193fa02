"""The published schemas, as text."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Literal

from klausel.policy.schema import policy_schema


def schema_text(of: Literal["policy", "result"]) -> str:
    """JSON Schema of policy files, or of a result."""
    if of == "policy":
        return json.dumps(policy_schema(), indent=1, ensure_ascii=False) + "\n"
    return (files("klausel") / "formats" / "result.schema.json").read_text(encoding="utf-8")

"""What is written to be named, and is not; files of the folder that nothing reads."""

from __future__ import annotations

from collections.abc import Iterator

from klausel.policy.check.context import Checked
from klausel.policy.check.finding import Finding, finding
from klausel.policy.shapes import PolicyShape
from klausel.problems import Where
from klausel.tree import parse

_KINDS = {
    "value": ("value", "{{value: {name}}}"),
    "text": ("text", "{{text: {name}}}"),
    "rates": ("rate card", "rates: {name}"),
}

#: Folder of files that hold tests.
_TESTS = "tests/"


def unused_names(checked: Checked) -> Iterator[Finding]:
    for named in checked.policy.named:
        if not named.used:
            kind, example = _KINDS[named.kind]
            yield finding(
                "name-unused", named.where,
                kind=kind, name=named.name, example=example.format(name=named.name),
            )  # fmt: skip


def unread_files(checked: Checked) -> Iterator[Finding]:
    """Tables, and files with words of a policy, that nothing names."""
    folder = checked.raw.folder
    for name in checked.policy.unread:
        if not name.startswith(_TESTS) and _is_policy(name, folder.files[name]):
            kind = "table" if name.endswith(".csv") else "words"
            yield finding(f"file-unread:{kind}", Where(folder.place(name), 1, 1), name=name)


def _is_policy(name: str, text: str) -> bool:
    if name.endswith(".csv"):
        return True
    data = parse(text, name).data
    return isinstance(data, dict) and not PolicyShape.model_fields.keys().isdisjoint(data)

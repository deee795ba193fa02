"""publish: policies into the ERP, so that its forms offer and check what the files say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from klausel.assemble import BookBuilder
from klausel.formats.text import count
from klausel.policy import Policy
from klausel.port import Erp
from klausel.problems import ProblemError, Where, listed, near, problem
from klausel.publishing import (
    Change,
    Publications,
    changes,
    changes_text,
    refuse_lost_plans,
)
from klausel_book.reader import read_policies
from klausel_run.screen import Screen


@runtime_checkable
class Publisher(Protocol):
    """An ERP that keeps what policies are called, their plans and parameters."""

    @property
    def name(self) -> str: ...  # pragma: no cover

    @property
    def policies(self) -> Path:
        """The folder of the policy folders."""
        ...  # pragma: no cover

    def published(self) -> Publications:
        """What is published. Raises ``ErpError`` where the ERP cannot know or be reached."""
        ...  # pragma: no cover

    def publish(self, changes: Iterable[Change]) -> None:
        """Publishes all of ``changes`` or none. Raises ``ErpError`` where the ERP refuses."""
        ...  # pragma: no cover


def publish(erp: Erp, names: Sequence[str], screen: Screen) -> None:
    """Shows what publishing the policies ``names`` (none: all) would change, asks, publishes.

    Raises ``ProblemError`` for policies with errors, and ``ErpError`` where a contract would lose
    its plan or the ERP refuses.
    """
    if not isinstance(erp, Publisher):
        reason = "a book has nowhere to publish to: its policies are a part of it"
        hint = "give --odoo to publish into Odoo"
        raise ProblemError([problem("option", Where("klausel"), reason=reason, hint=hint)])
    policies = local(erp.policies, names)
    with screen.progress("reading"):
        found = changes(policies, erp.published())
    screen.say(changes_text(found, str(erp.policies), erp.name))
    needed = [change for change in found if change.needed]
    if not needed:
        screen.say("\nNothing to publish.")
        return
    refuse_lost_plans(needed)
    what = count(len(needed), "policy", "policies")
    screen.ask(f"Publish {what} into {erp.name}?")
    erp.publish(needed)
    screen.say(f"\n{what} published.")


def local(folder: Path, names: Sequence[str] = ()) -> list[Policy]:
    """The policies below ``folder`` that are called ``names``; none: all of them.

    Raises ``ProblemError`` where one of them has an error, is not there, or where there is none.
    """
    hint = "give --policies, or set KLAUSEL_POLICIES"
    if folder.is_file():
        hint += ", with the folder of the policy folders"
        raise ProblemError(
            [problem("option", Where(str(folder)), reason="this is a file", hint=hint)]
        )
    if not folder.is_dir():
        raise ProblemError([problem("folder-missing", Where(str(folder)), hint=hint)])
    builder = BookBuilder()
    read_policies(builder, folder, folder.as_posix())
    policies, errors = builder.policies()
    if errors and not (names and set(names) <= policies.keys()):
        raise ProblemError(errors)
    if not policies:
        hint = "put each policy in a folder of its own there"
        reason = "there is no policy in it"
        raise ProblemError([problem("option", Where(str(folder)), reason=reason, hint=hint)])
    unknown = []
    for name in names:
        if name not in policies:
            hint = near(name, policies) or f"policies here: {listed(sorted(policies))}"
            reason = f'there is no policy "{name}"'
            unknown.append(problem("option", Where(str(folder)), reason=reason, hint=hint))
    if unknown:
        raise ProblemError(unknown)
    return [policies[name] for name in dict.fromkeys(names or policies)]

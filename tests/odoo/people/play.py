"""Plays sequences of steps: random ones from a seed, or given ones; shortens what fails."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import NamedTuple

from klausel.engine import bill as reckon
from klausel.problems import ErpError, ProblemError
from klausel.result import Result
from klausel_book import BookSource
from klausel_run import bill as bill_job
from klausel_run.preview import Options, preview
from klausel_run.snapshot import snapshot

from ..webclient import RefusedError
from . import sums
from .actions import ACTIONS
from .step import Step
from .world import Missing, Stage, World, day

#: Refusals with which Odoo speaks to people; anything else is a fault.
SENTENCES = {
    "odoo.exceptions.UserError", "odoo.exceptions.ValidationError", "odoo.exceptions.AccessError",
    "odoo.exceptions.RedirectWarning", "odoo.exceptions.MissingError",
}  # fmt: skip


CENT = Decimal("0.01")


class Failure(AssertionError):
    """Something is wrong after a step; ``kind`` says what, without numbers."""

    def __init__(self, said: Sequence[str]) -> None:
        self.said = list(said)
        super().__init__("\n".join(said))

    @property
    def kind(self) -> str:
        return re.sub(r"[-\d.]+", "#", self.said[0])[:60]


class Told(NamedTuple):
    """How a sequence went."""

    steps: list[Step]
    outcomes: Counter[str]
    """Steps that were done, that had nothing to do, and refusals by their sentence."""
    failure: Failure | None
    money: dict[str, Decimal]
    compared: int
    """Contracts whose money was compared with a catch-up run."""


class Quiet:
    """A screen that says yes."""

    @contextlib.contextmanager
    def progress(self, name: str) -> Iterator[Callable[[int, int], None]]:
        yield lambda *_: None

    def show(self, result: Result) -> None:
        self.result = result

    def say(self, text: str) -> None: ...

    def ask(self, question: str) -> None: ...


class Player:
    """Plays one sequence in one world and looks at the sums after each bill."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.billed = self.bill
        self.outcomes: Counter[str] = Counter()
        self.compared = 0
        self._sources = {company: world.source(company) for company in "AB"}

    # --- steps

    def step(self, step: Step) -> None:
        try:
            ACTIONS[step.action]().do(self.world, step.number, **step.choice)
        except Missing:
            self.outcomes["nothing to do"] += 1
        except RefusedError as error:
            if error.kind not in SENTENCES:
                said = str(error).splitlines()[0][:300]
                raise Failure([f"{step.action}: {error.kind}: {said}"]) from error
            self.outcomes[f"refused: {step.action}: {_sentence(str(error))}"] += 1
            self.world.take_in(step.number)
        else:
            self.outcomes["done"] += 1
            self.outcomes[f"done: {step.action}"] += 1

    # --- billing

    def bill(self, company: str, step: int, adjust: bool) -> None:
        refused = self.run(company, adjust)
        self.world.take_in(step)
        self.look()
        again = self.run(company, adjust)
        more = self.world.take_in(step)
        for customer, message in again.items():
            if customer in refused:
                raise Failure([f"refused again and again: {message}"])
        if more and not refused:
            raise Failure(["a second bill writes more", *self._documents(more)])

    def run(self, company: str, adjust: bool) -> dict[str, str]:
        """One run; who was refused, and why. A run after which another one would write fails."""
        source = self._sources[company]
        options = Options(self.world.clock, record=True, adjust=adjust)
        try:
            result, report = bill_job.bill(source, options, False, Quiet())
        except (ProblemError, ErpError) as error:
            raise Failure([f"bill of {company}: {error}"]) from error
        for problem in result.problems:
            if problem.severity == "error":
                self.outcomes[f"parked: {_sentence(problem.message)}"] += 1
        for one in report.refused:
            self.outcomes[f"bill refused: {_sentence(one.message)}"] += 1
        self.outcomes["drafts"] += sum(len(one.drafts) for one in report.applied)
        return {one.customer: one.message for one in report.refused}

    def _documents(self, names: Sequence[str]) -> list[str]:
        ids = ",".join(str(self.world[name]) for name in names)
        rows = self.world.sql(
            "SELECT invoice_origin, move_type, amount_untaxed FROM account_move"
            f" WHERE id IN ({ids}) ORDER BY id"
        )
        return [" ".join(str(cell) for cell in row) for row in rows]

    def look(self) -> sums.Sums:
        found = sums.take(self.world.sql)
        said = sums.wrong(found, self.world.edited, self.world.most, self.world.by_order)
        if said:
            raise Failure(said)
        return found

    # --- at the end

    def finish(self) -> dict[str, Decimal]:
        """One adjustment clears every difference, and the money is that of one catch-up run."""
        world = self.world
        # What an end gives back is due on the day after it.
        ((last,),) = world.sql(
            "SELECT coalesce(max(date_end), '2026-01-01') + 1 FROM klausel_contract"
        )
        world.clock = max(world.clock, day(str(last)))
        # What moved from B to A is billed there when B has given it back.
        for company in "ABA":
            self.bill(company, 1000, adjust=True)
        found = self.look()
        left: list[str] = []
        parked: set[str] = set()
        said: set[str] = set()
        for company in "AB":
            result = preview(self._sources[company], Options(world.clock, record=True, adjust=True))
            parked |= {
                contract.code
                for contract in result.book.contracts
                if any(p.severity == "error" and result.book.root(contract.customer) ==
                       result.book.root(p.customer) for p in result.problems)
            }  # fmt: skip
            left += [
                f"difference left: {one.key} {one.entry} {one.cause}: {one.was}, {one.now}"
                for one in result.differences
                if one.cause not in ("edited", "documents")
            ]
            said |= {one.contract for one in result.differences if one.cause == "documents"}
        over = [
            f"entry {one.id}: {one.settled} s settled of {one.seconds}"
            for one in found.entries
            if one.settled > max(one.seconds or 0, 0)
        ]
        left += [
            f"nobody says of {contract}: {what}"
            for contract, what in sums.to_be_said(found).items()
            if contract not in said
        ]
        if not parked and (left or over):
            raise Failure(left + over)
        if not parked:
            self.compare(found)
        return found.by_contract

    def compare(self, found: sums.Sums) -> None:
        """With the final facts, taken down as a book without a ledger, billed by one run."""
        world, said = self.world, []
        # Each is a share of what was paid, rounded by itself.
        refunds = {
            str(code): int(str(number))
            for code, number in world.sql(
                "SELECT c.code, count(*) FROM klausel_ledger l JOIN klausel_contract c ON c.id ="
                " l.contract_id WHERE l.line_group LIKE 'refund %' AND l.amount <> '' GROUP BY 1"
            )
        }
        gone, unapproved = self._refunded_and_wanted(), self._billed_without()
        early = self._billed_early()
        for company in "AB":
            folder = Path(tempfile.mkdtemp(prefix="people-"))
            try:
                snapshot(self._sources[company], world.clock, folder / "book")
                (folder / "book/ledger.jsonl").unlink(missing_ok=True)
                result = reckon(BookSource(folder / "book").read(world.clock), world.clock)
            finally:
                shutil.rmtree(folder)
            by_hand = {row.contract for row in found.lines if row.line in world.edited}
            codes = {contract.code for contract in result.book.contracts}
            refused = self._never_billed(result)
            wanted = dict.fromkeys(codes - by_hand - world.apart - refused, Decimal())
            for draft in result.drafts:
                sign = -1 if draft.kind == "credit_note" else 1
                for line in draft.lines:
                    if line.key.contract in wanted:
                        wanted[line.key.contract] += sign * line.exact
            for code, amount in wanted.items():
                have = found.by_contract.get(code, Decimal())
                self.compared += 1
                if code in gone and amount - gone[code] <= have <= amount:
                    self.outcomes["late work of refunded hours"] += 1
                    continue
                if amount < have <= amount + early.get(code, Decimal()) + CENT:
                    self.outcomes["billed up to an end that is put off"] += 1
                    continue
                if amount < have <= amount + unapproved.get(code, Decimal()) + CENT:
                    self.outcomes["billed on an approval that was removed"] += 1
                    continue
                if abs(have - amount) >= CENT * (1 + refunds.get(code, 0)):
                    said.append(
                        f"{code}: {_plain(have)} in force, a catch-up run bills {_plain(amount)}"
                    )
        if said:
            raise Failure(said)

    def _refunded_and_wanted(self) -> dict[str, Decimal]:
        """By contract what went back at the end for hours that late work would have: it waits
        (semantics, section 14), and a catch-up run would have refunded less."""
        rows = self.world.sql(
            "SELECT c.code, sum(-l.amount::numeric) FROM klausel_ledger l"
            " JOIN klausel_contract c ON c.id = l.contract_id"
            " WHERE l.line_group LIKE 'leftover %' AND l.amount <> '' AND l.state = 'live'"
            " AND EXISTS (SELECT 1 FROM klausel_ledger h WHERE h.contract_id = c.id"
            " AND h.held = 'no_hours' AND h.state = 'live' GROUP BY h.entry_ref"
            " HAVING sum(h.seconds) <> 0) GROUP BY 1"
        )
        return {str(code): Decimal(str(amount)) for code, amount in rows}

    def _billed_early(self) -> dict[str, Decimal]:
        """By contract what was billed, up to an end that is put off, of a month that is not over
        (semantics, section 14): a catch-up run does not bill it yet."""
        rows = self.world.sql(
            "SELECT c.code, sum(l.amount::numeric) FROM klausel_ledger l"
            " JOIN klausel_contract c ON c.id = l.contract_id WHERE l.state = 'live'"
            f" AND l.amount <> '' AND l.last < '{self.world.clock}'"
            " AND (c.date_end IS NULL OR c.date_end > l.last) AND date_trunc('month', l.period)"
            f" + interval '1 month' > '{self.world.clock}' GROUP BY 1"
        )
        return {str(code): Decimal(str(amount)) for code, amount in rows}

    def _billed_without(self) -> dict[str, Decimal]:
        """By contract of which an approval was removed, what is billed of work that needs one: it
        stays billed (semantics, section 7), and a catch-up run would not let it pass."""
        rows = self.world.sql(
            "SELECT c.code, sum(l.rounded * l.rate::numeric / 3600) FROM klausel_ledger l"
            " JOIN klausel_contract c ON c.id = l.contract_id WHERE l.state = 'live'"
            " AND l.disposition = 'change' AND l.entry_ref <> 0 AND l.rate <> ''"
            " AND l.held IS NULL GROUP BY 1"
        )
        return {
            str(code): Decimal(str(amount))
            for code, amount in rows
            if code in self.world.unapproved
        }

    def _never_billed(self, result: Result) -> set[str]:
        """Contracts whose customer the catch-up run refuses, as one of them covers what is
        another customer's today: of what has billed that is no error. No other refusal is right."""
        book, said, found = result.book, [], set()
        for one in result.problems:
            if one.severity != "error":
                continue
            if one.code != "covers-foreign":
                said.append(f"the catch-up run is refused: {one.message}")
            self.outcomes[f"catch-up run refused: {_sentence(one.message)}"] += 1
            root = book.root(one.customer)
            found |= {c.code for c in book.contracts if book.root(c.customer) == root}
        if said:
            raise Failure(said)
        return found


def play(stage: Stage, steps: Sequence[Step]) -> Told:
    """Plays given steps."""
    return _told(stage, list(steps), 0, None)


def play_seed(stage: Stage, seed: str, length: int, without: Collection[str] = ()) -> Told:
    """Plays as many random steps as ``length`` says; none of the actions ``without``."""
    return _told(stage, [], length, seed, without)


def _told(
    stage: Stage, given: list[Step], length: int, seed: str | None, without: Collection[str] = ()
) -> Told:
    world = stage.world()
    player = Player(world)
    done: list[Step] = []
    failure, money = None, {}
    try:
        for step in given if seed is None else _chosen(world, seed, length, without):
            done.append(step)
            player.step(step)
        money = player.finish()
    except Failure as error:
        failure = error
    finally:
        world.close()
    return Told(done, player.outcomes, failure, money, player.compared)


def _chosen(world: World, seed: str, length: int, without: Collection[str]) -> Iterator[Step]:
    names = list(ACTIONS)
    weights = [ACTIONS[name].weight for name in names]
    for number in range(1, length + 1):
        dice = Random(f"{seed}/{number}")
        while True:
            (name,) = dice.choices(names, weights)
            if name in without:
                continue
            choice = ACTIONS[name]().choose(world, dice)
            if choice is not None:
                yield Step(number, name, choice)
                break


def shorten(stage: Stage, steps: list[Step], kind: str, seconds: float = 300) -> list[Step]:
    """Fewer steps that still fail in the same way: leaves out pieces, smaller and smaller ones."""
    size = max(len(steps) // 2, 1)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        start, found = 0, False
        while start < len(steps) and time.monotonic() < until:
            fewer = steps[:start] + steps[start + size :]
            told = play(stage, fewer)
            if told.failure is not None and told.failure.kind == kind:
                steps, found = told.steps, True
            else:
                start += size
        if size == 1 and not found:
            break
        if not found or size > 1:
            size = max(size // 2, 1)
    return steps


def report(seed: str, told: Told, steps: Sequence[Step] = ()) -> str:
    lines = [f"seed {seed}: {len(told.steps)} steps, {told.outcomes['done']} done, "
             f"{told.outcomes['drafts']} drafts"]  # fmt: skip
    lines += [
        f"  {number:>4} {what}"
        for what, number in sorted(told.outcomes.items())
        if what.startswith(("refused", "parked", "bill refused", "catch-up"))
    ]
    money = ", ".join(f"{code} {_plain(amount)}" for code, amount in sorted(told.money.items()))
    lines += [f"  {money}"] if money else []
    if told.failure is not None:
        lines += ["  FAILED", *(f"    {said}" for said in told.failure.said)]
        lines += ["  STEPS = [", *(f"      {step}" for step in steps or told.steps), "  ]"]
    return "\n".join(lines)


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"


def _sentence(text: str) -> str:
    """Without what differs from case to case."""
    text = re.sub(r"“[^”]*”|\([^)]*\)", "…", text.split("\n")[0])
    return re.sub(r"\d[\d.,:-]*", "#", text)[:110]

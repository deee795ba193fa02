"""work: does what people ask for in the ERP, one request after the other, beside it.

What is shown is what is written: a request to write names what the person saw of each customer,
and where today's facts give something else nothing is written and the new is shown.
"""

from __future__ import annotations

import gc
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from decimal import Decimal
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any, NamedTuple

from klausel.formats.text import count
from klausel.model import Book
from klausel.money import ZERO
from klausel.port import Application, Applied, Desk, Erp, Gone, Refused, Request, Standing, Wish
from klausel.problems import ErpError, LostError, Problem, ProblemError
from klausel.result import Result
from klausel.signs import one_line
from klausel.texts import number_text
from klausel_run.bill import BrokenOffError, Writer, applications, stopped, wholes
from klausel_run.preview import Options, previewed

#: Seconds between two questions for work, at first and when nobody has asked for long.
POLL, LONGEST_POLL = 0.5, 2.0
#: Seconds without a request after which the pauses grow.
QUIET = 600.0
#: Seconds until the next try where the ERP cannot be reached, at first and at most.
RETRY, LONGEST_RETRY = 1.0, 60.0
#: Times that the ERP may be lost in the middle of a request: then it may be the request itself.
TRIES = 3
#: What came of one customer, of several.
CAME = {
    "changed": ("has changed since it was shown", "have changed since they were shown"),
    "refused": ("was refused", "were refused"),
    "nothing": ("has nothing to be written", "have nothing to be written"),
}
#: Seconds between two signs of life.
PULSE = 1.0

#: Tells of what was done, once a request.
Log = Callable[[Mapping[str, Any]], None]
Tick = Callable[[int, int], None]


class Stop(Exception):
    """The request in hand is put down: ``state`` says what becomes of it."""

    def __init__(self, state: str) -> None:
        self.state = state
        super().__init__(state)


class Ending:
    """Whether a program is to end. A signal may come at any moment, also in the middle of these
    methods: an ``Event`` of threads could wait for itself then."""

    def __init__(self) -> None:
        self._set = False
        self._queue: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:
        self._set = True
        self._queue.put(None)

    def is_set(self) -> bool:
        return self._set

    def wait(self, seconds: float) -> None:
        """Until it is set, at most so long."""
        if not self._set:
            with suppress(Empty):
                self._queue.get(timeout=seconds)


class Ended(NamedTuple):
    """How a request ended, and the sentence for whoever asked."""

    state: str
    outcome: str


class Worker:
    """Takes requests from ``desk`` and does them with ``erp``.

    ``ending`` is set where the program is to end: after the customer in hand, and the request goes
    back.
    """

    def __init__(
        self,
        erp: Erp,
        desk: Desk,
        log: Log,
        ending: Ending | None = None,
        tick: Tick | None = None,
    ) -> None:
        self._erp = erp
        self._desk = desk
        self._log = log
        self._ending = ending or Ending()
        self._tick = tick or (lambda done, total: None)
        self._lost: Counter[int] = Counter()
        """How often the ERP was lost in the middle, by request."""

    def run(self, once: bool = False) -> None:
        """Works until ``ending`` is set; with ``once`` until nothing waits any more.

        Raises ``ErpError`` only with ``once``: where the ERP cannot be asked for work.
        """
        retry, poll, since = RETRY, POLL, time.monotonic()
        while not self._ending.is_set():
            try:
                request = self._desk.next()
            except ErpError as error:
                if once:
                    raise
                retry = self._pause(retry, _sentence(error))
                continue
            except Exception as error:  # a mistake of our own: none of them ends the program
                if once:
                    raise
                self._log({"event": "mistake", "trace": traceback.format_exc()})
                retry = self._pause(retry, _bug(error))
                continue
            if retry > RETRY:
                self._log({"event": "connected"})
            retry = RETRY
            if request is not None:
                self._serve(request)
                poll, since = POLL, time.monotonic()
            elif once:
                return
            else:
                self._ending.wait(poll)
                if time.monotonic() - since > QUIET:
                    poll = min(poll * 1.1, LONGEST_POLL)

    def _pause(self, seconds: float, why: str) -> float:
        """Says why, and waits; how long the next pause is."""
        self._log({"event": "waiting", "seconds": seconds, "why": why})
        self._ending.wait(seconds)
        return min(2 * seconds, LONGEST_RETRY)

    def _serve(self, request: Request) -> None:
        """Does ``request`` and says how it ended, there and in the log."""
        begun = time.monotonic()
        more: dict[str, Any] = {}
        with _collected_after():
            ended = self._end(request, more)
        try:
            self._tell(request, ended)
        except Gone:
            more["gone"] = True  # cancelled meanwhile, or another program has it
        except ErpError as error:
            more["untold"] = _sentence(error)  # its lease runs out, and another takes it
        if ended.state != "waiting":
            self._lost.pop(request.id, None)
        self._log(
            {
                "event": "request",
                "id": request.id,
                "kind": request.kind,
                "as_of": request.as_of.isoformat(),
                "customers": len(request.wishes) or "all",
                "seconds": round(time.monotonic() - begun, 2),
                "state": ended.state,
                "outcome": one_line(ended.outcome),
                **more,
            }
        )

    def _tell(self, request: Request, ended: Ended) -> None:
        """Ends the request; where the ERP is away for a moment, after a moment."""
        pause = RETRY
        while True:
            try:
                self._desk.done(request, *ended)
                return
            except LostError as error:
                if self._ending.is_set() or pause == LONGEST_RETRY:
                    raise
                pause = self._pause(pause, _sentence(error))

    def _end(self, request: Request, more: dict[str, Any]) -> Ended:
        """Does ``request``, whatever goes wrong."""
        job = _Job(self._erp, self._desk, request, self._ending, self._tick)
        try:
            with job.pulse():
                return Ended("done", job.do())
        except Stop as stop:
            said = {"cancelled": job.cancelled, "waiting": ""}
            return Ended(stop.state, said[stop.state])
        except Gone:
            return Ended("cancelled", job.cancelled)
        except (ErpError, ProblemError) as error:
            return self._broken(error, job)
        except Exception as error:
            more["trace"] = traceback.format_exc()
            return Ended("failed", _bug(error))

    def _broken(self, error: ErpError | ProblemError, job: _Job) -> Ended:
        cause = error.__cause__ if isinstance(error, BrokenOffError) else error
        if isinstance(cause, KeyboardInterrupt):
            self._ending.set()
            return Ended("waiting", "")
        if isinstance(cause, LostError):
            self._lost[job.request.id] += 1
            if self._lost[job.request.id] < TRIES:
                return Ended("waiting", "")  # to be done once it can be reached again
        said = _sentence(error)
        if isinstance(cause, ErpError) and isinstance(error, BrokenOffError):
            said = _both(error.message, cause.hint)
        return Ended("failed", said if job.request.kind == "preview" else f"{said}. {job.so_far}")


class _Job:
    """One request in hand."""

    def __init__(self, erp: Erp, desk: Desk, request: Request, ending: Ending, tick: Tick) -> None:
        self._erp = erp
        self._desk = desk
        self.request = request
        self._ending = ending
        self._tick = tick
        self._over = Event()
        self._gone = Event()
        self._at = (0, 0, "")
        self._states = {one.customer: one.state for one in request.wishes}
        self._untaken: list[str] = []

    # -- signs of life -----------------------------------------------------------------------------

    @contextmanager
    def pulse(self) -> Iterator[None]:
        """Tells beside the work how far it is, and that this program is still there."""
        thread = Thread(target=self._beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _beat(self) -> None:
        while not self._over.wait(PULSE):
            with suppress(Exception):  # the work itself will notice
                if not self._desk.progress(self.request, *self._at):
                    self._gone.set()
                    return

    def _is_at(self, done: int, total: int, text: str) -> None:
        """Between two customers: whether to go on. Raises :class:`Stop`."""
        self._at = (done, total, text)
        self._tick(done, total)
        if self._gone.is_set():
            raise Stop("cancelled")
        if self._ending.is_set():
            raise Stop("waiting")

    # -- what was asked for ------------------------------------------------------------------------

    def do(self) -> str:
        """Does it; the sentence for whoever asked."""
        return self._preview() if self.request.kind == "preview" else self._bill()

    @property
    def so_far(self) -> str:
        """What was written before it ended early."""
        customers = [one for one, state in self._states.items() if state == "written"]
        if not customers:
            return "Nothing was written."
        return f"Drafts written for {count(len(customers), 'customer')} stay."

    @property
    def cancelled(self) -> str:
        """Said of a request that was cancelled."""
        preview = self.request.kind == "preview"
        return "Cancelled." if preview else f"Cancelled. {self.so_far}"

    # -- preview -----------------------------------------------------------------------------------

    def _preview(self) -> str:
        wanted = [wish.customer for wish in self.request.wishes] or None
        found = self._show(wanted, self._result(wanted))
        return " ".join((f"{count(found, 'customer')} looked at.", *self._untaken))

    def _result(self, customers: Sequence[str] | None) -> Result:
        """Today's facts of ``customers``, or of all."""
        request, total = self.request, len(customers or ())
        self._is_at(0, total, "reading")
        book = self._erp.read(request.as_of, customers)
        self._is_at(0, total, "computing")
        options = self._options
        if customers is not None:
            # Those of whom there is neither a contract nor work are shown as empty.
            known = [customer for customer in customers if customer in book.customers]
            if not known:
                return _nothing(book, request.as_of)
            options = options._replace(customers=known)
        return previewed(book, options, lambda done, all_: self._is_at(done, all_, "computing"))

    @property
    def _options(self) -> Options:
        return Options(self.request.as_of, record=True, adjust=self.request.adjust)

    def _show(self, customers: Sequence[str] | None, result: Result) -> int:
        """Shows ``result`` of ``customers``, or of all; of how many."""
        digests = {customer: one.shown for customer, one in wholes(result).items()}
        pages = self._desk.shown(result, digests)
        bare = self._desk.shown(_nothing(result.book, result.as_of), {})[""]
        if customers is None:
            # Whoever is not told of is not shown any more.
            customers = [one for one, page in pages.items() if not (one and page.empty)]
        self._is_at(0, len(customers), "showing")
        wanted = {customer: pages.get(customer, bare) for customer in customers}
        same = self._desk.unchanged(self.request, wanted)
        told = len(same) - ("" in same)
        changed = {one: page for one, page in wanted.items() if one not in same}
        done = len(same)
        self._is_at(done, len(customers), "showing")
        for customer, said in self._desk.report(self.request, changed):
            if isinstance(said, Refused):
                self._untaken.append(f"{_name(result, customer)} is not shown: {said.message}")
            else:
                told += bool(customer)
            done += 1
            if done < len(customers):
                self._is_at(done, len(customers), "showing")
        return told

    # -- bill --------------------------------------------------------------------------------------

    def _bill(self) -> str:
        request = self.request
        wishes = {one.customer: one for one in request.wishes if one.state == "waiting"}
        if wishes:
            result = self._result(list(wishes))
            found = {
                customer: one for customer, one in wholes(result).items() if customer in wishes
            }
            same = {
                customer: one
                for customer, one in found.items()
                if one.shown == wishes[customer].seen
            }
            halted = stopped(self._erp, result, self._options) if same else {}
            standing = self._desk.standing() if len(same) < len(wishes) else {}
            for customer, wish in wishes.items():
                if customer not in same:
                    self._say(
                        customer,
                        *_unlike(result, wish, found.get(customer), standing.get(customer)),
                    )
            self._write(result, same, halted)
        everyone = [one.customer for one in request.wishes]
        self._show(everyone, self._result(everyone))
        return self._outcome()

    def _write(
        self, result: Result, same: Mapping[str, Application], halted: Mapping[str, Problem]
    ) -> None:
        """Writes what is the ``same`` as was seen, customer by customer."""
        todo = list(applications(result, same))
        last = {one.customer: number for number, one in enumerate(todo)}

        def apply(application: Application) -> Applied:
            final = last[application.customer] == number
            # One run, whoever goes on with it.
            named = application._replace(batch=f"request-{self.request.id}")
            return self._desk.apply(self.request, named, result.book, final)

        writer = Writer(result, apply, halted)
        for number, application in enumerate(todo):
            self._is_at(number, len(todo), "writing")
            applied, refused = len(writer.report.applied), len(writer.report.refused)
            writer.write(application)
            if writer.report.applied[applied:] and last[application.customer] == number:
                self._states[application.customer] = "written"
            for one in writer.report.refused[refused:]:
                self._say(one.customer, "refused", _both(one.message, one.hint))

    def _say(self, customer: str, state: str, said: str) -> None:
        self._desk.say(self.request, customer, state, said)
        self._states[customer] = state

    def _outcome(self) -> str:
        """What came of all customers, in a few sentences."""
        found = Counter(self._states.values())
        all_ = count(len(self._states), "customer")
        said = [f"Drafts written for {found['written']} of {all_}."]
        for state, words in CAME.items():
            if found[state]:
                said.append(f"{found[state]} {words[found[state] > 1]}.")
        return " ".join((*said, *self._untaken))


def _unlike(
    result: Result, wish: Wish, now: Application | None, was: Standing | None
) -> tuple[str, str]:
    """State and sentence of a customer of whom today's facts give something else than was seen."""
    if wish.customer in result.parked:
        error = next(
            found
            for found in result.problems
            if found.customer == wish.customer and found.severity == "error"
        )
        return "refused", _both(f"{error.where}: {error.message}", error.hint)
    if now is None and not wish.seen:
        return "nothing", "There is nothing to be written."
    before = "nothing" if not wish.seen else ""
    if was is not None and was.digest == wish.seen and wish.seen:
        before = _lines(was.lines, was.amounts)
    text = f"The facts have changed since: {_amounts(now)}"
    return "changed", f"{text}; was {before}" if before else text


def _amounts(application: Application | None) -> str:
    """Lines of ``application`` and what they come to."""
    if application is None:
        return "nothing"
    sums: dict[tuple[str, int], Decimal] = {}
    for draft in application.drafts:
        sign = -1 if draft.kind == "credit_note" else 1
        place = draft.currency, draft.digits
        sums[place] = sums.get(place, ZERO) + sign * draft.total
    amounts = ", ".join(
        f"{number_text(total, digits, 'en')} {currency}"
        for (currency, digits), total in sums.items()
    )
    return _lines(sum(len(draft.lines) for draft in application.drafts), amounts)


def _lines(number: int, amounts: str) -> str:
    return ", ".join(filter(None, (count(number, "line"), amounts)))


def _name(result: Result, customer: str) -> str:
    known = result.book.customers.get(customer)
    return known.name if known is not None else f"customer {customer}"


def _nothing(book: Book, as_of: date) -> Result:
    """The result of a run without customers."""
    return Result(as_of, book, (), (), (), (), ())


def _sentence(error: ErpError | ProblemError) -> str:
    """What went wrong and what to do, on one line."""
    if isinstance(error, ErpError):
        return _both(error.message, error.hint)
    first, *others = error.problems
    more = f" ({count(len(others), 'more problem')})" if others else ""
    return _both(f"{first.where}: {first.message}{more}", first.hint)


def _both(message: str, hint: str) -> str:
    return f"{message.rstrip('.')}: {hint}" if hint else message


def _bug(error: Exception) -> str:
    return (
        f"This is a mistake in Klausel ({type(error).__name__}: {error}); no customer is half"
        " written. Report it with what the program's log says."
    )


@contextmanager
def _collected_after() -> Iterator[None]:
    """No garbage collection in a request: to look for cycles among hundreds of thousands of values
    takes long. What it leaves is collected behind it."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect()

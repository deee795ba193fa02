"""The run as stages against the run of before: first preview, first bill, a month after.

CPU seconds of the engine alone, in one process, in turn, the least of several: what else runs only
adds to it. The book is read once. A month after has a ledger of all months before it on record.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import klausel.engine
from bench._engine_book import write_book
from klausel.result import Result
from klausel.run import engine as stages
from klausel_book.reader import read_folder

BEFORE, AFTER = date(2025, 12, 1), date(2026, 1, 1)


def seconds(run: Callable[[], Result]) -> float:
    gc.collect()
    begin = time.process_time()
    run()
    return time.process_time() - begin


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench stages")
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--contracts", type=int, default=500)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args(arguments)
    gc.disable()
    with tempfile.TemporaryDirectory() as name:
        write_book(Path(name), options.entries, options.contracts)
        book = read_folder(Path(name))
    first = klausel.engine.bill(book, BEFORE)
    later = replace(book, ledger=first.settlements)
    print(f"{len(book.entries)} entries, {len(first.settlements)} rows on record a month after")
    ways: dict[str, dict[str, Any]] = {
        "first preview": {"book": book, "as_of": AFTER, "record": False},
        "first bill": {"book": book, "as_of": AFTER},
        "a month after, preview": {"book": later, "as_of": AFTER, "record": False},
        "a month after, bill": {"book": later, "as_of": AFTER},
    }
    for what, given in ways.items():
        pairs = [
            (
                seconds(partial(klausel.engine.bill, **given)),
                seconds(partial(stages.bill, **given)),
            )
            for _ in range(options.runs)
        ]
        old, new = (min(column) for column in zip(*pairs, strict=True))
        print(f"{what}: {old:.2f} s before, {new:.2f} s now, {new / old - 1:+.0%}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

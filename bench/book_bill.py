"""What billing a book costs beside its preview, and that it grows with the book alone.

    python -m bench book_bill [--entries 100000] [--contracts 500] [--runs 1] [--growth]

The same book is previewed and billed, each in a process of its own, in CPU time. All that is due
is written, customer by customer: that may cost at most a few times what it costs to show it. The
preview is taken as a person sees it, as ``bill`` shows it too, and as JSON, which is quicker. With
``--growth`` a book of a quarter as many entries and contracts is billed too: a bill that read what
is on record again for each customer would take sixteen times as long for four times as much.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from bench._engine_book import write_book
from bench.engine import AS_OF, ROOT, measured, preview

MOST_RATIO = 4


def bill(folder: Path, *options: str) -> float:
    arguments = ("--book", str(folder), "--as-of", AS_OF, "--yes", "--backlog", *options)
    return measured([str(ROOT / "cli.py"), "bill", *arguments])[0]


def as_text(folder: Path) -> float:
    arguments = ("--book", str(folder), "--as-of", AS_OF)
    return measured([str(ROOT / "cli.py"), "preview", *arguments])[0]


def compare(folder: Path, runs: int) -> float:
    """Prints preview, bill and their ratio; the median of the bill's CPU seconds."""
    preview(folder)  # compiles
    pairs = []
    for number in range(runs):
        copy = folder.with_name(f"{folder.name}-{number}")
        shutil.copytree(folder, copy)
        pairs.append((as_text(folder), preview(folder)[0], bill(copy), bill(copy)))
    text, json, written, again = (statistics.median(column) for column in zip(*pairs, strict=True))
    size = (copy / "ledger.jsonl").stat().st_size / 1e6
    print(f"preview {text:.2f} s, as JSON {json:.2f} s")
    print(f"bill {written:.2f} s ({size:.1f} MB of ledger)")
    ratio = statistics.median(found[2] / found[0] for found in pairs)
    print(f"ratio {ratio:.1f} (at most {MOST_RATIO}), to JSON {written / json:.1f}")
    print(f"nothing new to write: {again:.2f} s")
    return written


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench book_bill")
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--contracts", type=int, default=500)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--growth", action="store_true", help="Also a quarter of the book.")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "book"
        folder.mkdir()
        write_book(folder, options.entries, options.contracts)
        print(f"book_bill: {options.entries} entries, {options.contracts} contracts")
        seconds = compare(folder, options.runs)
        if options.growth:
            small = Path(name) / "small"
            small.mkdir()
            write_book(small, options.entries // 4, options.contracts // 4)
            print(f"growth of four times as much: {seconds / compare(small, options.runs):.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

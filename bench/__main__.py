"""``python -m bench [NAME ...] [--OPTION ...]``: every benchmark, or those named.

Options are for a single benchmark: ``python -m bench engine --growth``.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pkgutil import iter_modules

import bench


def main(names: list[str]) -> int:
    options = [name for name in names if name.startswith("-")]
    names = [name for name in names if name not in options]
    if options and len(names) != 1:
        print("options go with the name of one benchmark", file=sys.stderr)
        return 2
    known = [m.name for m in iter_modules(bench.__path__) if not m.name.startswith("_")]
    failed = 0
    for name in names or known:
        if name not in known:
            print(f"no benchmark {name}; there are: {', '.join(known)}", file=sys.stderr)
            return 2
        failed |= import_module(f"bench.{name}").main(options)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

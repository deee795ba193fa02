"""The developer's entry: `python -m tests.odoo serve | prepare | clean`."""

from __future__ import annotations

import argparse
import signal
import sys

from .places import Unavailable, alive, cache, locked, remove, say, state, workspaces
from .provision import ensure_installation
from .server import Server
from .snapshots import ensure_snapshot


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.odoo", description="A real Odoo 19.")
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="run Odoo with our addon and demo data")
    serving.add_argument("--port", type=int, default=8069, help="default 8069; 0: any free one")
    commands.add_parser("prepare", help="download and set up everything beforehand")
    commands.add_parser("clean", help="remove everything that prepare made")
    options = parser.parse_args()
    # A shell that starts us in the background has this signal ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if options.command == "serve":
            serve(options.port)
        elif options.command == "prepare":
            ensure_snapshot(ensure_installation())
            say(f"everything is ready in {cache()}.")
        else:
            clean()
    except RuntimeError as error:  # Unavailable, too
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def serve(port: int) -> None:
    with Server(port) as server:
        odoo = server.clone()
        print(f"URL:      {odoo.url}/odoo?db={odoo.database}")
        print(f"Database: {odoo.database}")
        print(f"Login:    {odoo.login}")
        print(f"Password: {odoo.password}")
        print(f"Log:      {odoo.log}")
        print("Ctrl-C stops it; what you enter is gone then.", flush=True)
        signal.pause()


def clean() -> None:
    with locked("provision"), locked("workspaces"):
        if any(alive(folder) for folder in workspaces()):
            raise Unavailable("An Odoo of this cache is still running: stop it first.")
        for folder in (state(), cache()):
            if folder.is_dir():
                remove(folder)
    say("the cache is empty.")


if __name__ == "__main__":
    sys.exit(main())

"""The developer's entry: `python -m tests.odoo serve | prepare | clean`."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from . import demo
from .places import Unavailable, alive, cache, locked, remove, say, state, step, workspaces
from .provision import ensure_installation
from .server import Server
from .snapshots import ensure_snapshot


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.odoo", description="A real Odoo 19.")
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser(
        "serve", help="run Odoo with our addon, the demo book in it, and klausel work beside it"
    )
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
        with step("putting the demo book into Odoo", "The demo book is in Odoo", "1 minute"):
            firm = demo.furnish(odoo)
        log = Path(odoo.log).with_name("work.log")
        with demo.at_the_desk(firm, log):
            print(f"URL:      {odoo.url}/odoo/klausel-to-invoice?db={odoo.database}")
            print(f"Database: {odoo.database}")
            for login, (name, _groups) in demo.PEOPLE.items():
                print(f"Login:    {login} ({name}), password {demo.PASSWORD}")
            print(f"Login:    {odoo.login} (may do everything), password {odoo.password}")
            print(f"Log:      {odoo.log}")
            print(f"          {log} (klausel work, which runs beside Odoo)")
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

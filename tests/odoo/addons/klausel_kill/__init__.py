"""Loaded by the server of a test only: dies in the middle of ``klausel_apply``, where it is told.

The file ``kill`` beside the server's attachments says how, at which step, and at which time of
reaching it: ``process turn 2``. It is gone when the server starts again.
"""

import os
import signal
from pathlib import Path

from odoo.addons.klausel_billing.models.application import Application
from odoo.tools import config

ORDER = Path(config["data_dir"]) / "kill"


def reach(step, env):
    try:
        how, where, times = ORDER.read_text().split()
    except FileNotFoundError:
        return
    if where != step:
        return
    if times != "1":
        ORDER.write_text(f"{how} {where} {int(times) - 1}")
        return
    ORDER.unlink()
    if how == "process":
        os.kill(os.getpid(), signal.SIGKILL)
    # The same for the transaction, and quicker: PostgreSQL ends its own process of it.
    env.cr.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def stepping(name, before="", after=""):
    plain = getattr(Application, name)

    def method(self, *arguments):
        reach(before, self.env)
        result = plain(self, *arguments)
        reach(after, self.env)
        return result

    setattr(Application, name, method)


def finishing(plain):
    def method(self, *arguments):
        result = plain(self, *arguments)
        env = self.env
        reach("finished", env)
        env.cr.precommit.add(lambda: reach("before-commit", env))
        env.cr.postcommit.add(lambda: reach("after-commit", env))
        return result

    return method


stepping("_take_turn", after="turn")
stepping("_entries", after="entries")
stepping("_rows", before="moves", after="rows")
stepping("_link", after="linked")
Application._finish = finishing(Application._finish)

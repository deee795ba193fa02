"""A real Odoo 19 for tests and for trying things out: provisioned, cached, cloned, always stopped.

    python -m tests.odoo serve      an Odoo with our addon and demo data, until Ctrl-C
    python -m tests.odoo prepare    fill the cache, a few minutes the first time
    python -m tests.odoo clean      empty it

Tests take the fixtures `odoo` (a database of their own) and `odoo_server` of `fixtures.py`.
"""

from .places import Unavailable
from .server import Odoo, Server

__all__ = ["Odoo", "Server", "Unavailable"]

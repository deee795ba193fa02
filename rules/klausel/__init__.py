"""Klausel's rules engine: service contracts in, invoice drafts out. Values only, no I/O."""

__version__ = "0.1.0"

#: Number of the agreement between client and ERP addon; it travels with every call.
PROTOCOL = 2

"""A policy read back as plain sentences, in every language (semantics 15, "Policies read back")."""

from klausel.reading.told import Kind, Told, told

__all__ = ["Kind", "Told", "told"]

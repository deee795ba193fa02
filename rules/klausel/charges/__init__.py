"""Charge shapes: one file each. A new file with a ``COMPONENT`` in it is a new charge shape."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from klausel.charges.base import Component
from klausel.charges.stock import BalancedShape

#: kind -> component, in the order of their file names.
COMPONENTS: dict[str, Component] = {}

for _module in sorted(iter_modules(__path__), key=lambda module: module.name):
    _found = getattr(import_module(f"{__name__}.{_module.name}"), "COMPONENT", None)
    if _found is not None:
        COMPONENTS[_found.kind] = _found

#: Kinds that keep a balance: their bound components open accounts.
BALANCES = frozenset(
    kind for kind, component in COMPONENTS.items() if issubclass(component.shape, BalancedShape)
)

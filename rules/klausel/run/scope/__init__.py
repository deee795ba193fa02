"""Which contract has an entry, by which rule, and what of it is handed on."""

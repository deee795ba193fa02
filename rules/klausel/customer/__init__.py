"""One customer's run, stage by stage: scope, balances, lines, corrections."""

"""What the ledger says, what is to be charged minus that, and what goes on record."""

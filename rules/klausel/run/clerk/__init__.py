"""What becomes of the time of one contract, decided in the order of days."""

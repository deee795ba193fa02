"""Seeded random sequences of what people do in Odoo, with sums taken by SQL after every bill."""

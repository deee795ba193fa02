"""The slow, independent oracle: what a clerk with paper and patience arrives at.

Written from ``docs/semantics.md`` alone. It imports nothing of the product, keeps everything in
plain dicts and fractions, and walks day by day. ``tests/test_oracle.py`` compares the two.
"""

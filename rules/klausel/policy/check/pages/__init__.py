"""A page for each finding: what it means, an example, what to do."""

"""The jobs: each takes an ERP port and options, and returns values. They know no terminal."""

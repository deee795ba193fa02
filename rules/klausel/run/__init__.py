"""One run: stages that take values and give values. See docs/architecture.md."""

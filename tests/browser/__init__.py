"""The real command in real processes."""

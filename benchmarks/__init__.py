"""Measurements; each is run by a command, `scripts/bench NAME`."""

"""Benchmarks: modules with a `main` are commands, `scripts/bench NAME`; the others support them.

Figures and plots go to `results/`, named after the command; tables go into pages of `docs/`.
"""

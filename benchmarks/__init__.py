"""Benchmarks: modules with a `main` are commands, `scripts/bench NAME`, the others serve them.

Figures and plots go to `results/`, named for the command; tables go into pages of `docs/`.
"""

"""Cases in which the engine and the graph differ, and why."""

TIES: dict[str, str] = {}

"""Whole folders: what to do (`plan`), doing it (`run`), telling about it (`reports`)."""

"""Readers for the formats in which labelled datasets come."""

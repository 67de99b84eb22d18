"""Readers for the formats of labelled datasets."""

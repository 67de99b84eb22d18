"""API keys: their file, and who is known by them."""

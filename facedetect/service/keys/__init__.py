"""API keys: their records, their file, and checking them."""

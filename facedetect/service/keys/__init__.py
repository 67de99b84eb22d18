"""API keys: records, key file, and authentication."""

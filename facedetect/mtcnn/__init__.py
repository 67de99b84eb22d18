"""The definition of the cascade, shared by graph and engine: its weights and geometries."""

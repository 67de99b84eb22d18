"""The cascade's definition, which the graph and the engine share: its weights and geometries."""

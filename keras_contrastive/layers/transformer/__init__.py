"""Layers of the transformer encoders in `encoders`."""

"""Augmentation layers, one a file."""

"""Augmentation layers of signals."""

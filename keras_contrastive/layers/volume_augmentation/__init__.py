"""Augmentation layers of volumes."""

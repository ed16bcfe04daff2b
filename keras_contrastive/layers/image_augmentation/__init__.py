"""Augmentation layers of images, one per file."""

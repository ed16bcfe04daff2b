"""CLIP checkpoints of other libraries: files, and conversion to models."""

"""CLIP checkpoints of other libraries, as files and as our models."""

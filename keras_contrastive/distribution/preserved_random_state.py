"""Preserves the backend's random state during evaluation within `fit`."""

import contextlib

import keras

if keras.backend.backend() == "torch":
    import torch

    def preserved_random_state():
        """A context that restores the random state when it exits.

        Any PyTorch `DataLoader`, including that of `predict`, draws from the
        global generator, which also shuffles the batches of `fit`.
        """
        return torch.random.fork_rng(devices=[])

else:

    def preserved_random_state():
        """A context that does nothing: `predict` draws no random numbers."""
        return contextlib.nullcontext()

"""Random state of the backend that work during `fit` must give back."""

import contextlib

import keras

if keras.backend.backend() == "torch":
    import torch

    def preserved_random_state():
        """A context after which random numbers go on as if it hadn't been.

        Any PyTorch `DataLoader`, that of `predict` included, draws from the
        global generator, which also shuffles the batches of `fit`.
        """
        return torch.random.fork_rng(devices=[])

else:

    def preserved_random_state():
        """A context that does nothing: `predict` draws no random numbers."""
        return contextlib.nullcontext()

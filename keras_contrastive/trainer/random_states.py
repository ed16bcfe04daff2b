"""Saves the random states that Keras leaves out of a model's files."""

import keras

from keras_contrastive.layers.random_state import RandomState
from keras_contrastive.trainer.keras_internals import all_layers
from keras_contrastive.trainer.keras_internals import seed_generators


def unsaved_seed_generators(model):
    """Seed generators of layers that do not save them, such as Dropout.

    The layers of this package save their own.
    """
    return [
        generator
        for layer in all_layers(model)
        for generator in seed_generators(layer)
        if type(generator) is not RandomState
    ]


def save_random_states(model, store):
    """Writes the states into the store of a model's own variables."""
    for index, generator in enumerate(unsaved_seed_generators(model)):
        state = keras.ops.convert_to_numpy(generator.state)
        store[f"random_state_{index}"] = state


def load_random_states(model, store):
    """Restores the random states and returns the rest of the store."""
    rest = {name: store[name] for name in store.keys()}
    for index, generator in enumerate(unsaved_seed_generators(model)):
        state = rest.pop(f"random_state_{index}", None)
        if state is not None:
            generator.state.assign(state)
    return rest

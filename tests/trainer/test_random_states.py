"""Model files hold the random states of layers that do not save them."""

import keras
import numpy as np

import keras_contrastive as kc
from keras_contrastive.trainer.random_states import load_random_states
from keras_contrastive.trainer.random_states import save_random_states


def model(seed):
    return keras.Sequential(
        [
            keras.layers.Dropout(0.5, seed=seed),
            kc.layers.Dropout(0.5, seed=seed),
            keras.Sequential([keras.layers.GaussianNoise(1.0, seed=seed + 1)]),
        ]
    )


def states(model):
    return [
        keras.ops.convert_to_numpy(layer.seed_generator.state).tolist()
        for layer in (model.layers[0], model.layers[2].layers[0])
    ]


def test_restores_states():
    store = {"other": np.zeros(2)}
    save_random_states(model(seed=3), store)
    assert sorted(store) == ["other", "random_state_0", "random_state_1"]
    restored = model(seed=8)
    rest = load_random_states(restored, store)
    assert states(restored) == states(model(seed=3))
    assert list(rest) == ["other"]
    # A file of before, without states.
    unchanged = model(seed=8)
    assert load_random_states(unchanged, {}) == {}
    assert states(unchanged) == states(model(seed=8))

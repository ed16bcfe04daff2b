import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests import oracles
from tests.autodiff import value_and_gradients

to_numpy = keras.ops.convert_to_numpy


def test_scores_are_cosines(rng):
    z = rng.normal(size=(5, 4)).astype("float32")
    z[0] = 0
    layer = kc.layers.Prototypes(3)
    scores = to_numpy(layer(z))
    kernel = to_numpy(layer.kernel).astype("float64")
    expected = oracles.normalize(z.astype("float64"))
    expected = expected @ oracles.normalize(kernel.T).T
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    assert len(layer.weights) == 1


def test_prototypes_start_near_norm_1(rng):
    layer = kc.layers.Prototypes(3, dtype="mixed_bfloat16")
    scores = layer(rng.normal(size=(2, 1000)))
    norms = np.linalg.norm(to_numpy(layer.kernel), axis=0)
    np.testing.assert_allclose(norms, 1, atol=0.2)
    assert keras.backend.standardize_dtype(scores.dtype) == "bfloat16"


@pytest.mark.parametrize("frozen", [False, True])
def test_frozen_prototypes_pass_the_gradient_on(frozen, rng):
    z, upstream, kernel = (
        rng.normal(size=size).astype("float32")
        for size in ((5, 4), (5, 3), (4, 3))
    )
    layer = kc.layers.Prototypes(3)
    layer.build((None, 4))

    def loss(z, kernel):
        with keras.StatelessScope([(layer.kernel, kernel)]):
            scores = layer(z, frozen=keras.ops.convert_to_tensor(frozen))
        return keras.ops.sum(keras.ops.multiply(scores, upstream))

    def slow(z, kernel):
        z, columns = oracles.normalize(z), oracles.normalize(kernel.T)
        return (z @ columns.T * upstream).sum()

    _, (of_z, of_kernel) = value_and_gradients(loss, z, kernel)
    expected = oracles.numeric_gradient(lambda z: slow(z, kernel), z)
    np.testing.assert_allclose(of_z, expected, atol=1e-4)
    expected = oracles.numeric_gradient(lambda k: slow(z, k), kernel)
    expected = np.zeros_like(expected) if frozen else expected
    np.testing.assert_allclose(of_kernel, expected, atol=1e-4)


def test_rejects_features_that_are_not_vectors():
    with pytest.raises(ValueError, match=r"`inputs`.*\(2, 3, 4\)"):
        kc.layers.Prototypes(3)(np.ones((2, 3, 4)))
    with pytest.raises(ValueError, match="`num_prototypes`.*Received"):
        kc.layers.Prototypes(0)

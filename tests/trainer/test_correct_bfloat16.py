"""Programs of bfloat16 models on JAX: JAX 0.11 and 0.12 had a wrong fusion."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_contrastive as kc
from keras_contrastive.trainer import correct_bfloat16

ON_JAX = keras.backend.backend() == "jax"
IMAGES = np.random.default_rng(0).random((16, 8, 8, 3), dtype="float32")
LARGER = np.random.default_rng(0).random((16, 32, 32, 3), dtype="float32")


def backbone():
    """Two ReLUs behind each other, which share their zero, and a mean."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.GlobalAveragePooling2D(),
        ]
    )


def resnet():
    keras.utils.set_random_seed(0)
    return kc.models.ResNet18("cifar", width=8)


def simclr(encoder):
    model = kc.SimCLRModel(encoder, augmenter=layers.Identity())
    model.compile(metrics=[])
    return model


def pooled():
    return kc.models.pooled(backbone())


def frozen_loss():
    """The loss of `fit` on an encoder that no gradient goes through."""
    encoder = pooled()
    encoder.trainable = False
    return simclr(encoder).fit(IMAGES, verbose=0).history["loss"]


RUNS = {
    "ResNet.predict": lambda: resnet().predict(LARGER, verbose=0),
    "pooled.predict": lambda: pooled().predict(IMAGES, verbose=0),
    "predict": lambda: simclr(pooled()).predict(IMAGES, verbose=0),
    "predict_on_batch": lambda: simclr(pooled()).predict_on_batch(IMAGES),
    "evaluate": lambda: simclr(pooled()).evaluate(IMAGES, verbose=0),
    "fit, frozen": frozen_loss,
    "extract_features": lambda: kc.evaluation.extract_features(
        backbone(), IMAGES, verbose=0
    )[0],
}


@pytest.mark.parametrize("name", RUNS)
def test_bfloat16_is_near_float32(name):
    expected = np.asarray(RUNS[name](), "float32")
    keras.config.set_dtype_policy("mixed_bfloat16")
    found = np.asarray(RUNS[name](), "float32")
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.02 * scale)


@pytest.mark.skipif(not ON_JAX, reason="the other backends have no such option")
@pytest.mark.parametrize("name", RUNS)
def test_programs_of_bfloat16_are_compiled_with_the_options(name, monkeypatch):
    """Also where XLA has no fault: an option that it refuses tells."""
    monkeypatch.setattr(correct_bfloat16, "has_wrong_fusion", lambda: True)
    monkeypatch.setattr(correct_bfloat16, "OPTIONS", {"no_such_option": True})
    # Float32 models keep XLA's own options.
    RUNS[name]()
    keras.config.set_dtype_policy("mixed_bfloat16")
    with pytest.raises(Exception, match="no_such_option"):
        RUNS[name]()


@pytest.mark.skipif(not ON_JAX, reason="the fault is one of XLA")
def test_the_fault_is_detected():
    import jax

    values = np.random.default_rng(0).normal(size=(2, 256, 64))
    x, y = jax.numpy.asarray(values, "bfloat16")

    def mean(x, y):
        return jax.numpy.mean(jax.nn.relu(x) + jax.nn.relu(y), 0)

    found = np.asarray(jax.jit(mean)(x, y), "float32")
    is_right = np.allclose(found, mean(x, y).astype("float32"), atol=0.01)
    assert correct_bfloat16.has_wrong_fusion() is not is_right

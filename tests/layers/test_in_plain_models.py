"""The layers in models that are nobody's but the user's."""

import keras
import numpy as np

import keras_contrastive as kc

SIZE = 16


def images_and_labels(rng):
    """The label is whether red is above its half."""
    images = rng.integers(0, 256, size=(128, SIZE, SIZE, 3))
    labels = rng.integers(0, 2, size=128)
    images[..., 0] = images[..., 0] // 2 + 128 * labels[:, None, None]
    return images.astype("uint8"), labels


def trained(model, data, tmp_path):
    model.compile(
        keras.optimizers.Adam(0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(*data, batch_size=32, epochs=4, verbose=0)
    _, accuracy = model.evaluate(*data, verbose=0)
    path = tmp_path / "model.keras"
    model.save(path)
    restored = keras.models.load_model(path)
    np.testing.assert_allclose(
        restored.predict(data[0], verbose=0),
        model.predict(data[0], verbose=0),
        rtol=1e-5,
        atol=1e-5,
    )
    return accuracy


def test_augmentation_in_a_sequential_classifier(rng, tmp_path):
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3), dtype="uint8"),
            kc.layers.RandomResizedCrop(SIZE, SIZE, scale=(0.5, 1.0)),
            kc.layers.RandomFlip(),
            kc.layers.RandomColorJitter(0.1, 0.1, 0.1, 0.02),
            keras.layers.Conv2D(8, 4, strides=4),
            kc.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.GlobalAveragePooling2D(),
            kc.layers.Dropout(0.1),
            keras.layers.Dense(2),
        ]
    )
    assert trained(model, images_and_labels(rng), tmp_path) > 0.9


def test_heads_in_a_functional_model(rng, tmp_path):
    inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(8, 4, strides=4)(x)
    x = keras.layers.Reshape((16, 8))(x)
    x = kc.layers.PatchDropout(0.5, num_prefix_tokens=0)(x)
    x = keras.layers.GlobalAveragePooling1D()(x)
    x = kc.layers.ProjectionHead(16, 2)(x)
    model = keras.Model(inputs, x)
    assert trained(model, images_and_labels(rng), tmp_path) > 0.9

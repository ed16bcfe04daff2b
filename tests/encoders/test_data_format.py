"""Images have their channels last, whatever Keras is set to."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.models.helpers import to_numpy

ENCODERS = {
    "basic": lambda: kc.models.ResNet("basic", (1, 1), "cifar", 2, (8, 8, 3)),
    "bottleneck": lambda: kc.models.ResNet(
        "bottleneck", (1,), "imagenet", 1, (16, 8, 3)
    ),
    "conv_net": lambda: kc.models.ConvNet(2, 1, (8, 6, 3)),
    "vision_transformer": lambda: kc.models.VisionTransformer(
        4, 8, 1, 2, input_shape=(8, 4, 3), pooling="mean", mean=(0.5,) * 3,
        std=(0.1, 0.2, 0.3), patch_dropout=0.5,
    ),
}  # fmt: skip


def in_format(data_format, function):
    keras.config.set_image_data_format(data_format)
    try:
        return function()
    finally:
        keras.config.set_image_data_format("channels_last")


@pytest.mark.one_case
@pytest.mark.parametrize("name", ENCODERS)
def test_encoders_are_the_same(name, tmp_path, rng):
    expected = ENCODERS[name]()
    found = in_format("channels_first", ENCODERS[name])
    assert [w.shape for w in found.weights] == [
        w.shape for w in expected.weights
    ]
    found.set_weights(expected.get_weights())
    images = rng.uniform(size=(2, *expected.input_shape[1:]))
    images = images.astype("float32")
    expected.save(tmp_path / "encoder.keras")
    loaded = in_format(
        "channels_first",
        lambda: keras.models.load_model(tmp_path / "encoder.keras"),
    )
    for encoder in (found, loaded):
        outputs = in_format("channels_first", lambda e=encoder: e(images))
        np.testing.assert_allclose(
            to_numpy(outputs), to_numpy(expected(images)), rtol=1e-5, atol=1e-6
        )


@pytest.mark.one_backend
def test_augmentation_is_the_same(rng):
    images = rng.uniform(size=(2, 10, 8, 3)).astype("float32")

    def views():
        crop = kc.layers.RandomResizedCrop(8, 6, seed=3)
        blur = kc.layers.RandomGaussianBlur(3, seed=4)
        return to_numpy(blur(crop(images, training=True), training=True))

    np.testing.assert_allclose(
        in_format("channels_first", views), views(), atol=1e-6
    )


@keras.saving.register_keras_serializable("tests")
class Doubled(keras.layers.Layer):
    """Feature maps of a backbone that names no data format."""

    def call(self, x):
        return 2 * x


def backbone(layer):
    inputs = keras.Input((4, 6, 5))
    return keras.Model(inputs, layer(inputs))


def test_pooled_keeps_the_format_of_the_backbone(tmp_path, rng):
    # A layer that runs in both formats on every backend.
    layer = keras.layers.ZeroPadding2D(0, data_format="channels_last")
    images = rng.normal(size=(2, 4, 6, 5)).astype("float32")
    last, first = images.mean((1, 2)), 2 * images.mean((2, 3))
    cases = [
        (lambda: kc.models.pooled(backbone(layer)), last),
        (lambda: kc.models.pooled(backbone(Doubled())), first),
        (
            lambda: kc.models.pooled(
                backbone(Doubled()), data_format="channels_last"
            ),
            2 * last,
        ),
    ]
    for number, (make, expected) in enumerate(cases):
        encoder = in_format("channels_first", make)
        encoder.save(tmp_path / f"{number}.keras")
        for e in (
            encoder,
            keras.models.load_model(tmp_path / f"{number}.keras"),
        ):
            np.testing.assert_allclose(
                to_numpy(e(images)), expected, rtol=1e-5, atol=1e-6
            )


def test_what_takes_the_channels_first_is_named():
    inputs = keras.Input((3, 8, 8))
    outputs = keras.layers.GlobalMaxPooling2D("channels_first")(inputs)
    encoder = keras.Model(inputs, outputs)
    with pytest.raises(ValueError, match=r"Permute\(\(3, 1, 2\)\)"):
        kc.SimCLRModel(encoder)
    with pytest.raises(ValueError, match=r"\(None, 3, 8, 8\)"):
        kc.CLIPModel(encoder, kc.models.BagOfWords(10, 4))
    with pytest.raises(ValueError, match="`data_format` must be"):
        kc.models.pooled(encoder, data_format="NCHW")
    with pytest.raises(ValueError, match="`data_format` must be left out"):
        kc.models.pooled(encoder, data_format="channels_first")

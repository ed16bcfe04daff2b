"""Backbones of RGB images, for images of other channels."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_contrastive as kc
from tests.models.helpers import to_numpy


def functional():
    """A graph with a shared layer and a nested model."""
    images = keras.Input((8, 8, 3))
    conv = layers.Conv2D(4, 3, padding="same")
    nested = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 1)])
    flipped = keras.ops.flip(images, axis=1)
    x = layers.Add()([conv(images), conv(flipped), nested(images)])
    x = keras.ops.relu(x)
    return keras.Model(images, layers.GlobalMaxPooling2D()(x))


def with_statistics():
    """One number per channel in each layer that may have one."""
    normalization = layers.Normalization(
        mean=[0.4, 0.5, 0.6], variance=[0.1, 0.2, 0.3]
    )
    adapted = layers.Normalization()
    adapted.adapt(np.random.default_rng(1).random((4, 8, 8, 3)))
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Rescaling([1.0, 2.0, 3.0], [0.1, 0.2, 0.3]),
            normalization,
            adapted,
            layers.BatchNormalization(),
            kc.models.ConvNet(2, 1, (8, 8, 3)),
        ]
    )


BACKBONES = {
    "ResNet": lambda: kc.models.ResNet("basic", (1,), "cifar", 2, (8, 8, 3)),
    "ConvNet": lambda: kc.models.ConvNet(2, 1, (8, 8, 3)),
    "VisionTransformer": lambda: kc.models.VisionTransformer(
        4, 8, 1, 2, input_shape=(8, 8, 3), mean=(0.5,) * 3, std=(0.2,) * 3
    ),
    "functional": functional,
    "pooled": lambda: kc.models.pooled(
        keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 4)]),
        preprocessing=layers.Rescaling(2.0, -1.0),
    ),
}


def random_weights(model, rng):
    for weight in model.weights:
        of_adapt = weight.name in ("mean", "variance")
        if "float" in weight.dtype and not of_adapt:
            value = 0.3 * rng.normal(size=weight.shape)
            weight.assign(
                1 + abs(value) if "variance" in weight.name else value
            )
    return model


def repeated(gray, channels):
    return np.repeat(gray, channels, axis=-1)


@pytest.mark.one_case
@pytest.mark.parametrize("name", BACKBONES)
def test_gray_images_keep_their_features(name, rng):
    model = random_weights(BACKBONES[name](), rng)
    before = [to_numpy(w) for w in model.weights]
    gray = rng.random((2, 8, 8, 1), dtype="float32")
    expected = to_numpy(model(repeated(gray, 3)))
    for channels, rgb in [(1, None), (2, None), (4, None), (5, (3, 1, 0))]:
        copy = kc.models.with_channels(model, channels, rgb)
        assert type(copy) is type(model) and copy.name == model.name
        assert copy.input_shape[-1] == channels
        np.testing.assert_allclose(
            to_numpy(copy(repeated(gray, channels))), expected, atol=1e-5
        )
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(to_numpy(weight), value)


@pytest.mark.one_backend
@pytest.mark.parametrize("name", ["ResNet", "VisionTransformer", "functional"])
def test_three_channels_are_a_copy(name, rng):
    model = random_weights(BACKBONES[name](), rng)
    copy = kc.models.with_channels(model, 3)
    images = rng.random((2, 8, 8, 3), dtype="float32")
    expected = to_numpy(model(images))
    np.testing.assert_array_equal(to_numpy(copy(images)), expected)
    for weight in copy.weights:
        weight.assign(np.zeros(weight.shape))
    np.testing.assert_array_equal(to_numpy(model(images)), expected)


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "channels, rgb, of_channels",
    [
        # By hand: which color's kernel each channel gets, in which share.
        (1, None, [(1, 1, 1)]),
        (2, None, [(1 / 2,) * 3] * 2),
        (3, None, np.eye(3)),
        (4, None, [(1 / 2, 0, 0), (0, 1, 0), (0, 0, 1), (1 / 2, 0, 0)]),
        (6, None, np.tile(np.eye(3), (2, 1)) / 2),
        (
            5,
            (3, 1, 0),
            [
                (0, 0, 3 / 5),
                (0, 3 / 5, 0),
                (1 / 5,) * 3,
                (3 / 5, 0, 0),
                (1 / 5,) * 3,
            ],
        ),
    ],
)
def test_kernels(channels, rgb, of_channels, rng):
    model = random_weights(BACKBONES["ConvNet"](), rng)
    copy = kc.models.with_channels(model, channels, rgb)
    first, *others = (to_numpy(w) for w in copy.weights)
    kernel, *expected = (to_numpy(w) for w in model.weights)
    for channel, shares in enumerate(of_channels):
        np.testing.assert_allclose(
            first[:, :, channel],
            sum(x * kernel[:, :, color] for color, x in enumerate(shares)),
            atol=1e-6,
        )
    for weight, value in zip(others, expected, strict=True):
        np.testing.assert_array_equal(weight, value)


@pytest.mark.one_backend
def test_statistics_follow_their_kernels(rng):
    model = with_statistics()
    random_weights(model, rng)
    copy = kc.models.with_channels(model, 4)
    gray = rng.random((2, 8, 8, 1), dtype="float32")
    # A color that two channels share has both of its kernels' halves.
    np.testing.assert_allclose(
        to_numpy(copy(repeated(gray, 4))),
        to_numpy(model(repeated(gray, 3))),
        rtol=1e-4,
        atol=1e-5,
    )
    rescaling, normalization, adapted, norm, _ = copy.layers
    assert tuple(rescaling.scale) == (1.0, 2.0, 3.0, 1.0)
    np.testing.assert_allclose(normalization.input_mean, [0.4, 0.5, 0.6, 0.4])
    colors = to_numpy(model.layers[2].adapt_mean)
    np.testing.assert_allclose(
        to_numpy(adapted.adapt_mean), colors[[0, 1, 2, 0]]
    )
    assert to_numpy(norm.gamma).shape == (4,)

    rescaling, *_ = kc.models.with_channels(model, 5, (4, 3, 2)).layers
    np.testing.assert_allclose(rescaling.scale, (2, 2, 3, 2, 1))


@pytest.mark.one_backend
def test_vision_transformer_keeps_its_settings():
    model = kc.models.VisionTransformer(
        4, 8, 1, 2, input_shape=(8, 8, 3), mean=(0.1, 0.2, 0.3),
        std=(0.4, 0.5, 0.6), patch_dropout=0.5, dtype="mixed_bfloat16",
    )  # fmt: skip
    model.trainable = False
    copy = kc.models.with_channels(model, 4, (2, 1, 0))
    config = {
        **model.get_config(),
        "input_shape": (8, 8, 4),
        "mean": pytest.approx((0.3, 0.2, 0.1, 0.2)),
        "std": pytest.approx((0.6, 0.5, 0.4, 0.5)),
    }
    assert copy.get_config() == config
    assert not copy.trainable


@pytest.mark.one_case
@pytest.mark.parametrize("name", ["functional", "pooled", "ResNet"])
def test_file(name, rng, tmp_path):
    copy = kc.models.with_channels(BACKBONES[name](), 4)
    copy.save(tmp_path / "encoder.keras")
    restored = keras.saving.load_model(tmp_path / "encoder.keras")
    images = rng.random((2, 8, 8, 4), dtype="float32")
    np.testing.assert_allclose(
        to_numpy(restored(images)), to_numpy(copy(images)), atol=1e-6
    )


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "name",
    [
        "MobileNetV3Small",
        *[
            pytest.param(name, marks=pytest.mark.slow)
            for name in (
                "ResNet50",
                "ResNet50V2",
                "EfficientNetB0",
                "EfficientNetV2B0",
                "ConvNeXtTiny",
                "DenseNet121",
                "Xception",
            )
        ],
    ],
)
def test_applications(name, rng):
    size = 71 if name == "Xception" else 32
    model = getattr(keras.applications, name)(
        input_shape=(size, size, 3), include_top=False, weights=None
    )
    model = kc.models.pooled(model)
    gray = rng.random((2, size, size, 1), dtype="float32")
    expected = to_numpy(model(repeated(gray, 3)))
    scale = np.abs(expected).max()
    same = kc.models.with_channels(model, 3)
    np.testing.assert_array_equal(to_numpy(same(repeated(gray, 3))), expected)
    copy = kc.models.with_channels(model, 7)
    np.testing.assert_allclose(
        to_numpy(copy(repeated(gray, 7))) / scale, expected / scale, atol=1e-5
    )


@pytest.mark.one_backend
def test_trains(rng):
    encoder = kc.models.with_channels(BACKBONES["ResNet"](), 5, (3, 2, 1))
    model = kc.SimCLRModel(encoder)
    model.compile("sgd")
    images = rng.random((8, 8, 8, 5), dtype="float32")
    history = model.fit(images, batch_size=4, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def two_inputs():
    inputs = [keras.Input((8, 8, 3)), keras.Input((8, 8, 3))]
    return keras.Model(inputs, layers.Add()(inputs))


def chain(*parts, shape=(8, 8, 3)):
    return keras.Sequential([keras.Input(shape), *parts])


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: layers.Dense(2), "`backbone` must be a Keras model"),
        (lambda: keras.Sequential([layers.Dense(2)]), "must know its inputs"),
        (two_inputs, "RGB images only"),
        (lambda: kc.models.ConvNet(2, 1, (8, 8, 4)), "RGB images only"),
        (
            lambda: chain(
                layers.MaxPooling2D(data_format="channels_first"),
                shape=(3, 8, 3),
            ),
            "channels last",
        ),
        (
            lambda: chain(layers.DepthwiseConv2D(3), layers.Conv2D(2, 1)),
            "convolutions.*DepthwiseConv2D",
        ),
        (
            lambda: chain(layers.Flatten(), layers.Dense(2)),
            "convolutions.*Dense",
        ),
        (lambda: chain(layers.GlobalAveragePooling2D()), "have a convolution"),
        (
            lambda: chain(layers.Reshape((8, 24)), layers.Dense(2)),
            "cannot be built for 4 channels.*Reshape",
        ),
    ],
)
def test_other_backbones_are_refused(make, message):
    with pytest.raises(ValueError, match=f"(?s){message}.*"):
        kc.models.with_channels(make(), 4)


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "arguments, name",
    [
        ((0,), "channels"),
        ((4, (0, 1)), "rgb_channels"),
        ((4, (4, 1, 0)), "rgb_channels"),
        ((3, (2, 1, 0)), "rgb_channels"),
    ],
)
def test_bad_arguments(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}`.*Received"):
        kc.models.with_channels(BACKBONES["ConvNet"](), *arguments)

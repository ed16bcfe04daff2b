import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.encoders import backbone_inputs
from keras_contrastive.encoders.pooled_encoder import PooledEncoder
from tests.encoders.marks import slow_on_jax

IDS = np.array([[1, 5, 6, 7, 0, 0], [1, 8, 9, 2, 3, 7]], "int32")
MASK = (IDS != 0).astype("int32")


def numpy(outputs):
    return keras.tree.map_structure(keras.ops.convert_to_numpy, outputs)


def image_backbone(layer, shape=(4, 4, 2)):
    return keras.Sequential([keras.Input(shape), layer])


def token_backbone(**inputs):
    """Gives each token its id and ten times its id as features."""
    inputs = {
        name: keras.Input((None,), dtype="int32", name=name)
        for name in ("token_ids", *inputs)
    }
    ids = keras.ops.cast(inputs["token_ids"], "float32")[:, :, None]
    return keras.Model(inputs, keras.ops.concatenate([ids, 10 * ids], axis=-1))


# Poolings, by hand.


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("pooling", [None, "max"])
def test_feature_maps(rng, data_format, pooling):
    # A layer that runs in both formats on every backend.
    layer = keras.layers.UpSampling2D(2, data_format=data_format)
    encoder = kc.models.pooled(image_backbone(layer), pooling)
    images = rng.normal(size=(3, 4, 4, 2)).astype("float32")
    axes = (1, 2) if data_format == "channels_last" else (2, 3)
    expected = (images.max if pooling else images.mean)(axis=axes)
    np.testing.assert_allclose(
        numpy(encoder(images)), expected, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    "pooling, expected",
    [
        ("cls", [1, 1]),
        ("mean", [19 / 4, 30 / 6]),
        ("max", [7, 9]),
        ("last", [7, 7]),
    ],
)
def test_tokens(pooling, expected):
    # As the padding mask says, or the id of the padding.
    told = kc.models.pooled(token_backbone(padding_mask=True), pooling)
    outputs = numpy(told({"token_ids": IDS, "padding_mask": MASK}))
    np.testing.assert_allclose(outputs[:, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(outputs[:, 1], 10 * outputs[:, 0], rtol=1e-6)
    told = kc.models.pooled(token_backbone(), pooling, pad_id=0)
    np.testing.assert_allclose(numpy(told(IDS)), outputs, rtol=1e-6)


def test_padding_on_the_left():
    encoder = kc.models.pooled(token_backbone(padding_mask=True), "last")
    left = {"token_ids": IDS[:, ::-1], "padding_mask": MASK[:, ::-1]}
    np.testing.assert_array_equal(numpy(encoder(left))[:, 0], [1, 1])


def test_padding_is_not_looked_at():
    layer = kc.models.pooled(token_backbone(padding_mask=True), "mean")
    pool = layer.get_layer("pool")
    features = np.where(MASK, IDS, np.nan)[:, :, None].astype("float32")
    outputs = numpy(pool(features, MASK))
    np.testing.assert_allclose(outputs[:, 0], [19 / 4, 5], rtol=1e-6)
    assert not numpy(pool(features, np.zeros_like(MASK))).any()


def test_end_token():
    encoder = kc.models.pooled(token_backbone(), end_id=7)
    assert encoder.end_id == 7
    ids = IDS.copy()
    ids[0, 4] = 7
    features = numpy(encoder(ids))
    np.testing.assert_array_equal(features, [[7, 70], [7, 70]])
    with pytest.raises(ValueError, match="end_id=7. Received: 1 of 2 rows"):
        encoder(np.where(IDS == 6, 7, IDS - (IDS == 7)) * [[1], [0]])


def test_last_stage_of_a_dict():
    x = keras.Input((4, 4, 1))
    stages = {"stage2": x + 2, "stage10": x + 10, "stem": x}
    images = np.zeros((1, 4, 4, 1), "float32")
    backbone = keras.Model(x, stages)
    assert numpy(kc.models.pooled(backbone)(images)) == 10
    assert numpy(kc.models.pooled(backbone, output="stem")(images)) == 0
    backbone = keras.Model(x, [x + 1, x + 2])
    assert numpy(kc.models.pooled(backbone)(images)) == 2
    assert numpy(kc.models.pooled(backbone, output=0)(images)) == 1


def test_vectors_stay(rng):
    backbone = image_backbone(keras.layers.GlobalAveragePooling2D())
    images = rng.normal(size=(2, 4, 4, 2))
    np.testing.assert_array_equal(
        numpy(kc.models.pooled(backbone)(images)), numpy(backbone(images))
    )


def rescaling_backbone(layer):
    return keras.Sequential(
        [keras.Input((4, 4, 3)), layer, keras.layers.Conv2D(2, 3)]
    )


@pytest.mark.parametrize(
    "layer, preprocessing, scale, offset",
    [
        # Backbones that rescale [0, 255] themselves.
        (keras.layers.Rescaling(1 / 127.5, -1.0), None, 255, 0),
        (
            keras.layers.Normalization(
                mean=[123.7, 116.3, 103.5], variance=[3400.0, 3300.0, 3300.0]
            ),
            None,
            255,
            0,
        ),
        (keras.layers.Rescaling(1 / 255), keras.layers.Identity(), 1, 0),
        # And those that do not.
        (keras.layers.Rescaling(2.0, -1.0), None, 1, 0),
        (
            keras.layers.Normalization(mean=[0.5] * 3, variance=[0.1] * 3),
            None,
            1,
            0,
        ),
        (keras.layers.ReLU(), keras.layers.Rescaling(2.0, -1.0), 2, -1),
    ],
)
def test_values_of_pixels(tmp_path, rng, layer, preprocessing, scale, offset):
    backbone = rescaling_backbone(layer)
    encoder = kc.models.pooled(backbone, preprocessing=preprocessing)
    images = rng.uniform(size=(2, 4, 4, 3)).astype("float32")
    expected = numpy(backbone(scale * images + offset)).mean(axis=(1, 2))
    np.testing.assert_allclose(numpy(encoder(images)), expected, atol=1e-5)
    encoder.save(tmp_path / "encoder.keras")
    restored = keras.models.load_model(tmp_path / "encoder.keras")
    np.testing.assert_allclose(numpy(restored(images)), expected, atol=1e-5)


@pytest.mark.one_case
@slow_on_jax
@pytest.mark.parametrize(
    "name, rescales",
    [
        ("MobileNetV3Small", True),
        ("EfficientNetV2B0", True),
        ("ConvNeXtTiny", True),
        ("MobileNetV2", False),
    ],
)
def test_applications_that_rescale(name, rescales):
    backbone = getattr(keras.applications, name)(
        input_shape=(32, 32, 3), include_top=False, weights=None
    )
    assert backbone_inputs.rescales(backbone) == rescales


def tokens_of_patches():
    return image_backbone(keras.layers.Reshape((16, 2)))


@pytest.mark.parametrize(
    "backbone, arguments, message",
    [
        (tokens_of_patches, {}, r"`pooling` must be given .*\(None, 16, 2\)"),
        (tokens_of_patches, {"pooling": "avg"}, "`pooling` must be"),
        (tokens_of_patches, {"pooling": "end"}, "`end_id`"),
        (tokens_of_patches, {"pooling": "cls", "pad_id": 0}, "`pad_id` must"),
        (tokens_of_patches, {"pooling": "cls", "end_id": 1}, "`end_id` must"),
        (tokens_of_patches, {"output": "x"}, "`output` must be left out"),
        (token_backbone, {"pooling": "mean"}, "`pad_id`, the id of padding"),
        (
            lambda: image_backbone(keras.layers.ReLU()),
            {"pooling": "cls"},
            "must be one of 'mean', 'max'",
        ),
        (
            lambda: image_backbone(keras.layers.Flatten()),
            {"pooling": "mean"},
            r"`pooling` must be left out .*\(None, 32\)",
        ),
        (
            lambda: token_backbone(padding_mask=True),
            {"pooling": "mean", "preprocessing": keras.layers.Identity()},
            r"`preprocessing` must .*'padding_mask', 'token_ids'",
        ),
        (lambda: keras.Sequential(), {}, "a Keras model that knows its inputs"),
        (lambda: keras.layers.Dense(2), {}, "knows its inputs"),
    ],
)
def test_rejects(backbone, arguments, message):
    with pytest.raises(ValueError, match=message):
        kc.models.pooled(backbone(), **arguments)


def test_trains_and_returns_from_a_file(tmp_path, rng):
    x = keras.Input((6, 6, 3))
    y = keras.layers.Conv2D(4, 3, name="frozen")(x)
    backbone = keras.Model(x, keras.layers.Conv2D(4, 2)(y))
    backbone.get_layer("frozen").trainable = False
    encoder = kc.models.pooled(backbone, "max", name="tower")
    images = rng.normal(size=(4, 6, 6, 3)).astype("float32")
    before = backbone.get_weights()
    encoder.compile(keras.optimizers.SGD(0.1), "mse")
    encoder.fit(images, np.ones((4, 4)), verbose=0)
    moved = [
        np.abs(old - new).max() > 0
        for old, new in zip(before, backbone.get_weights(), strict=True)
    ]
    assert moved == [False, False, True, True]

    encoder.save(tmp_path / "encoder.keras")
    restored = keras.models.load_model(tmp_path / "encoder.keras")
    assert restored.name == "tower"
    assert len(restored.trainable_variables) == 2
    np.testing.assert_array_equal(
        restored.predict(images, verbose=0), encoder.predict(images, verbose=0)
    )
    encoder.trainable = False
    assert not PooledEncoder.from_config(
        encoder.get_config()
    ).trainable_variables


def test_text_dicts_train(rng):
    ids = keras.Input((None,), dtype="int32", name="token_ids")
    mask = keras.Input((None,), dtype="int32", name="padding_mask")
    backbone = keras.Model(
        {"token_ids": ids, "padding_mask": mask},
        keras.layers.Embedding(10, 8)(ids),
    )
    encoder = kc.models.pooled(backbone, "last")
    encoder.compile("sgd", "mse")
    (before,) = encoder.get_weights()
    texts = {"token_ids": IDS, "padding_mask": MASK}
    encoder.fit(texts, rng.normal(size=(2, 8)), verbose=0)
    (after,) = encoder.get_weights()
    # The last valid token of both texts.
    np.testing.assert_array_equal(
        np.flatnonzero(np.abs(after - before).max(axis=1)), [7]
    )


@slow_on_jax
def test_keras_applications(rng):
    backbone = keras.applications.VGG16(
        input_shape=(32, 32, 3), include_top=False, weights=None
    )
    encoder = kc.models.pooled(backbone)
    assert encoder.input_shape == (None, 32, 32, 3)
    assert encoder.output_shape == (None, 512)
    maps = keras.Model(encoder.input, encoder.get_layer("pool").input)
    images = rng.uniform(size=(2, 32, 32, 3))
    np.testing.assert_allclose(
        encoder.predict(images, verbose=0),
        maps.predict(images, verbose=0).mean(axis=(1, 2)),
        rtol=1e-4,
    )
